// SPDX-License-Identifier: Apache-2.0
// Names, families and static facts of every row, for the summary.
#include "pf-table.h"

#define PF_NEVER_noreturn true
#define PF_NEVER_void false
#define PF_NEVER_int false
#define PF_NEVER_size_t false
#define PF_NEVER_ssize_t false
#define PF_NEVER_wint_t false

// bytes_unknown, may_be_short
#define PF_BYTES_UNKNOWN true, false
#define PF_BYTES_RETURNED false, false
#define PF_BYTES_ASKED(...) false, true
#define PF_BYTES_ITEMS(...) false, false
#define PF_BYTES_LENGTH(...) false, false
#define PF_BYTES_LENGTH_NL(...) false, false
#define PF_BYTES_ONE false, false
#define PF_BYTES_WORD false, false
#define PF_BYTES_DATAGRAMS(...) false, false
#define PF_BYTES_NOTHING false, false

#define PF_BY_FD(...) true
#define PF_BY_STREAM(...) false
#define PF_BY_UNLOCKED(...) false
#define PF_BY_FLUSHING(...) false
#define PF_BY_CLOSING(...) false
#define PF_BY_CLOSING_ALL false
#define PF_BY_NOFD false
#define PF_BY_STDERR false

const struct pf_call_info pf_calls[PF_CALL_COUNT] = {
#define PF_CALL(name, ret, params, args, family, bytes, fd, text)                                  \
    {#name, PF_FAMILY_##family, PF_BYTES_##bytes, PF_BY_##fd, PF_NEVER_##ret},
#define PF_VCALL(name, ret, params, last, vname, vargs, family, bytes, fd, text)                   \
    {#name, PF_FAMILY_##family, PF_BYTES_##bytes, PF_BY_##fd, PF_NEVER_##ret},
#define PF_TAIL(name, family, why) {#name, PF_FAMILY_##family, true, false, false, true},
#define PF_HOOK(name, family, why) {#name, PF_FAMILY_##family, false, false, false, false},
#define PF_SCOPE(name, timed, why) {#name, PF_FAMILY_SCOPE, false, false, false, PF_##timed},
#define PF_TIMED false
#define PF_UNTIMED true
#include "pf-calls.def"
};

const char *const pf_family_names[PF_FAMILY_COUNT] = {
    "write",   "send", "copy",  "stdio", "format",  "wide",  "syslog",
    "journal", "glib", "error", "flush", "process", "scope",
};
