// SPDX-License-Identifier: Apache-2.0
// Which stream a descriptor leads to: one byte for each descriptor, filled in at its first use.
#pragma once
#include "pf-arch.h"
#include "pf-segment.h"
#include <stdbool.h>
#pragma GCC visibility push(hidden)

#define PF_FD_MOST 4096u

// PF_STREAM_UNKNOWN: not looked up since it was last closed.
extern uint8_t pf_stream_of_fd[PF_FD_MOST];

PF_INLINE unsigned pf_stream_at(int fd) {
    if (PF_LIKELY((unsigned)fd < PF_FD_MOST)) {
        return __atomic_load_n(&pf_stream_of_fd[fd], __ATOMIC_RELAXED);
    }
    return fd < 0 ? PF_STREAM_NONE : PF_STREAM_MANY;
}

// Looks a descriptor up, and makes its stream if it is new.  Needs the segment.
unsigned pf_stream_find(int fd);

// The kind of a stream, as far as the segment tells.
enum pf_kind pf_stream_kind(unsigned stream);

// A device such as /dev/null says that it took the bytes without ever reading them: only of these
// kinds do we know that the kernel has been through the buffer, so that we may.
PF_INLINE bool pf_kind_reads(enum pf_kind kind) {
    return kind == PF_KIND_FILE || kind == PF_KIND_PIPE || kind == PF_KIND_SOCKET ||
           kind == PF_KIND_TTY;
}

// A new segment: nothing is known yet.
void pf_stream_begin(void);

// What these descriptors led to is over, or may be.
void pf_stream_forget(unsigned first, unsigned last);
#pragma GCC visibility pop
