// SPDX-License-Identifier: Apache-2.0
// What the table of calls gives to everybody: the enum, the families and the static facts of a row.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

enum pf_call {
#define PF_CALL(name, ...) PF_CALL_##name,
#define PF_VCALL(name, ...) PF_CALL_##name,
#define PF_TAIL(name, ...) PF_CALL_##name,
#define PF_HOOK(name, ...) PF_CALL_##name,
#define PF_SCOPE(name, ...) PF_CALL_##name,
#include "pf-calls.def"
    PF_CALL_COUNT
};
_Static_assert(PF_CALL_COUNT <= 255, "a call has 8 bits in a site's key");

enum pf_family {
    PF_FAMILY_WRITE,
    PF_FAMILY_SEND,
    PF_FAMILY_COPY,
    PF_FAMILY_STDIO,
    PF_FAMILY_FORMAT,
    PF_FAMILY_WIDE,
    PF_FAMILY_SYSLOG,
    PF_FAMILY_JOURNAL,
    PF_FAMILY_GLIB,
    PF_FAMILY_ERROR,
    PF_FAMILY_FLUSH,
    PF_FAMILY_PROCESS,
    PF_FAMILY_SCOPE,
    PF_FAMILY_COUNT
};

struct pf_call_info {
    const char *name;
    uint8_t family;
    bool bytes_unknown; // libc does not say how many bytes went out
    bool may_be_short;  // takes fewer bytes than it was given, and says so
    bool by_descriptor; // the caller names it, so each call goes to the kernel (dprintf is FORMAT)
    bool never_timed;   // noreturn rows and jumped-to rows
};
extern const struct pf_call_info pf_calls[PF_CALL_COUNT];
extern const char *const pf_family_names[PF_FAMILY_COUNT];

// A flush, a process call or a profiled scope is not a message.
static inline bool pf_is_message(unsigned call) { return pf_calls[call].family < PF_FAMILY_FLUSH; }
// Does it put its bytes into a FILE's buffer?
static inline bool pf_is_buffered(unsigned call) {
    unsigned family = pf_calls[call].family;
    return (family == PF_FAMILY_STDIO || family == PF_FAMILY_FORMAT || family == PF_FAMILY_WIDE) &&
           !pf_calls[call].by_descriptor;
}
// Does it wait for a device?
static inline bool pf_is_sync(unsigned call) {
    return call == PF_CALL_fsync || call == PF_CALL_fdatasync || call == PF_CALL_syncfs ||
           call == PF_CALL_sync_file_range;
}
static inline bool pf_is_scope(unsigned call) { return pf_calls[call].family == PF_FAMILY_SCOPE; }
#pragma GCC visibility pop
