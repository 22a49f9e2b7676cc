// SPDX-License-Identifier: Apache-2.0
// Makes whole sessions for tests: processes, their threads and streams, what was called from where how often and what
// that took, a timeline, readings of the machine.  The same calls make the same file, to the bit.
#pragma once
#include "pf-session-private.h"
#include "segment-maker.h"

typedef struct made_session made_session;
typedef struct made_process made_process;
typedef struct made_thread made_thread;

#define MADE_MS UINT64_C(1000000)
#define MADE_SECOND (1000 * MADE_MS)
#define MADE_START_UNIX_NS INT64_C(1700000000000000000)

// Where calls return to: in the program (`orderd+0x10` is line 1), in libstdc++, in libc.
#define MADE_PROGRAM "/opt/made/orderd"
#define MADE_CXX "/opt/made/libstdc++.so.6.0.30"
#define MADE_PROGRAM_BASE UINT64_C(0x1000000)
#define MADE_CXX_BASE UINT64_C(0x2000000)
#define MADE_LIBC_BASE UINT64_C(0x3000000)
#define MADE_LINE(n) (MADE_PROGRAM_BASE + 16 * (uint64_t)(n) + 1)
#define MADE_IN_CXX(n) (MADE_CXX_BASE + 16 * (uint64_t)(n) + 1)
#define MADE_IN_LIBC(n) (MADE_LIBC_BASE + 16 * (uint64_t)(n) + 1)

made_session *made_session_new(void);
void made_session_free(made_session *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(made_session, made_session_free)

// A process that lived that long and ended with exit, each `one_of`th of whose calls was timed.
made_process *made_add_process(made_session *self, uint64_t wall_ns, unsigned one_of);
made_process *made_session_process(made_session *self, guint index);
struct pf_segment *made_header(made_process *self);
// Its images lie so much higher than MADE_LINE() and the like say; before its first call.
void made_set_place(made_process *self, uint64_t higher);
// Where its libc lies; before its first call.
void made_set_libc(made_process *self, const char *path);
// A thread that lived that long; 0: as long as its process.
made_thread *made_add_thread(made_process *self, const char *name, uint64_t lived_ns);
struct pf_slot *made_slot(made_thread *self);
// Its number, for struct made_calls.
unsigned made_add_stream(made_process *self, enum pf_kind kind, int fd, const char *name);

// Calls that are all alike.
typedef struct {
    uint64_t site; // MADE_LINE(n), say
    enum pf_call call;
    unsigned stream; // a number, or PF_STREAM_NONE
    uint64_t count;
    uint64_t bytes;     // of each
    uint64_t ns;        // of each, after its wait for the lock
    uint64_t lock_ns;   // that wait
    enum pf_why why;    // where that time went
    const char *level;  // as syslog calls it; NULL: none
    const char *format; // NULL: not known
    bool is_masked;     // it is no format, but a text whose changing parts are masked
    int error;          // errno with which they all fail; 0: they do not
} made_calls;
void made_call(made_thread *self, const made_calls *calls);
#define MADE_CALL(thread, ...) made_call(thread, &(made_calls){__VA_ARGS__})

// Of calls that were made: how many were short, and how the thread went on.
void made_short_writes(made_thread *self, const made_calls *of, const struct pf_short *what);
// Of calls that were made: how they were reached, from the call site outward.
void made_stack(made_process *self, const made_calls *of, const uint64_t *frames, uint32_t depth);
// One that was among the slowest, and is among the last; begun so long after the start.
void made_event(made_thread *self, const made_calls *of, uint64_t after_ns);

// A timeline of so many bins, each to be filled in.
PfTimelineBin *made_timeline(made_session *self, uint64_t width_ns, guint bins);
guint64 made_leader_of_site(enum pf_call call, uint64_t site);
guint64 made_leader_of_thread(const made_thread *self);

// A reading of the yardstick: what short writes took on the machine beside the run, or during it.
void made_reading(made_session *self, gboolean during, double ns);

// What was made so far, as `pfprof run --save` would have kept it.
PfSession *made_session_get(made_session *self);
PfSnapshot *made_session_snapshot(made_session *self);
