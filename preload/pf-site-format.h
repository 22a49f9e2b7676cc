// SPDX-License-Identifier: Apache-2.0
// The format of a call site: nearly always one constant, which is parsed once.
#pragma once
#include "pf-format.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-wrap.h"
#pragma GCC visibility push(hidden)

PF_COLD void pf_site_format_learn(struct pf_detail *detail, const char *format);

// As pf_format_walk, by what was learned of the entry's site where that is still true.
PF_INLINE void pf_site_format_walk(const struct pf_entry *entry, const char *format, va_list ap,
                                   struct pf_format *ret_walked) {
    struct pf_detail *detail =
        PF_LIKELY(pf_process.segment != NULL) ? pf_at(pf_process.segment, entry->detail) : NULL;
    if (PF_LIKELY(detail != NULL)) {
        const struct pf_format_program *program = (const void *)detail->program;
        if (PF_LIKELY(detail->format == (uintptr_t)format) &&
            PF_LIKELY(program->generation == pf_closed_modules)) {
            pf_format_run(program, ap, ret_walked);
            return;
        }
        pf_site_format_learn(detail, format);
    }
    pf_format_walk(format, ap, ret_walked);
}
#pragma GCC visibility pop
