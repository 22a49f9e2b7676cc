// SPDX-License-Identifier: Apache-2.0
// The lists of libraries and loggers whose frames are skipped.
#include "pf-known-code.h"
#include <string.h>

static const gchar *const images[] = {
#define PF_LOGGER(name) name,
#include "pf-loggers.def"
#undef PF_LOGGER
};

// Functions compiled into the program from headers, by the start of their name.
static const gchar *const functions[] = {
    "std::",
    "__gnu_cxx::",
    "fmt::",
    "spdlog::",
    "google::LogMessage",
    "boost::log",
    "boost::iostream",
    "log4cxx",
    "log4cpp",
    "log4cplus",
    "quill::",
    "plog::",
    "el::",
    "absl::log_internal",
    "absl::lts_",
    "QMessageLogger",
    "QDebug::",
    "alloc::fmt",
    "core::fmt",
    "core::ops::function",
    "log::__private_api",
    "tracing_core::",
    "tracing_subscriber::",
    "env_logger::",
    "slog::",
    "<std::",
    "<core::",
    "<alloc::",
    "<fmt::",
};

gboolean pf_is_library_code(const PfPlace *place) {
    const gchar *slash = strrchr(place->module, '/');
    const gchar *base = slash != NULL ? slash + 1 : place->module;
    for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
        if (g_str_has_prefix(base, images[i])) {
            return TRUE;
        }
    }
    for (guint i = 0; place->function != NULL && i < G_N_ELEMENTS(functions); i++) {
        if (g_str_has_prefix(place->function, functions[i])) {
            return TRUE;
        }
    }
    return FALSE;
}
