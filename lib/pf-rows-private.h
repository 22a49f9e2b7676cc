// SPDX-License-Identifier: Apache-2.0
// Makes rows.  Internal.
#pragma once
#include "pf-snapshot.h"

// All of zeroes; whoever makes one sets every array and text that is not nullable.
PfFunction *pf_function_new(void);
PfErrorCount *pf_error_count_new(void);
PfTemplateCount *pf_template_count_new(void);
PfCallSite *pf_call_site_new(void);
PfStream *pf_stream_new(void);
PfThread *pf_thread_new(void);
PfLevelCount *pf_level_count_new(void);
PfScope *pf_scope_new(void);
PfEvent *pf_event_new(void);
PfStack *pf_stack_new(void);
PfProcess *pf_process_new(void);
PfRealSite *pf_real_site_new(void);

// A total without an honest interval is not to be shown as an estimate.
static inline gboolean pf_estimate_has_limits(const PfEstimate *estimate) {
    return estimate->certainty == PF_CERTAINTY_EXACT ||
           estimate->certainty == PF_CERTAINTY_INTERVAL;
}

// What a module is known by, wherever the loader has put it.
static inline const gchar *pf_module_identity(const PfModule *module) {
    return *module->build_id != 0 ? module->build_id : module->path;
}
