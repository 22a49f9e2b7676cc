// SPDX-License-Identifier: Apache-2.0
// Whole sessions by name: bad habits, each alone, good ones, and one of everything that a report shows.
#include "made-sessions.h"
#include <errno.h>
#include <string.h>

#define LOG "/var/log/app.log"

typedef struct {
    made_session *session;
    made_process *process;
    made_thread *thread;
} run;

static run begin(uint64_t wall_ns, unsigned one_of) {
    run self = {.session = made_session_new()};
    self.process = made_add_process(self.session, wall_ns, one_of);
    self.thread = made_add_thread(self.process, "main", 0);
    return self;
}

static unsigned data_of(made_process *process) {
    return made_add_stream(process, PF_KIND_FILE, 3, "/var/data");
}

// --- how bytes reach the kernel

static made_session *write_lines(enum pf_call call, enum pf_kind kind, uint64_t site) {
    run self = begin(MADE_SECOND, 1);
    made_calls calls = {.site = site,
                        .call = call,
                        .stream = made_add_stream(self.process, kind, 3, "/var/data"),
                        .count = 60000,
                        .bytes = 40,
                        .ns = 2000,
                        .why = PF_WHY_FLUSH};
    made_call(self.thread, &calls);
    made_stack(self.process, &calls, (uint64_t[]){site, MADE_LINE(7), MADE_LINE(8)}, 3);
    return self.session;
}

static made_session *tiny(void) { return write_lines(PF_CALL_write, PF_KIND_FILE, MADE_LINE(1)); }

static made_session *to_pipe(void) {
    return write_lines(PF_CALL_write, PF_KIND_PIPE, MADE_LINE(1));
}

static made_session *unbuffered(void) {
    return write_lines(PF_CALL_fprintf, PF_KIND_FILE, MADE_LINE(1));
}

static made_session *by_descriptor(void) {
    return write_lines(PF_CALL_dprintf, PF_KIND_FILE, MADE_LINE(1));
}

static made_session *endl(void) {
    return write_lines(PF_CALL_fwrite, PF_KIND_FILE, MADE_IN_CXX(3));
}

static made_session *flush_lines(enum pf_call call, uint64_t count, uint64_t ns) {
    run self = begin(MADE_SECOND, 1);
    unsigned data = data_of(self.process);
    MADE_CALL(self.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf, .stream = data,
              .count = count, .bytes = 40, .ns = 150);
    MADE_CALL(self.thread, .site = MADE_LINE(2), .call = call, .stream = data, .count = count,
              .ns = ns, .why = PF_WHY_FLUSH);
    return self.session;
}

static made_session *flush(void) { return flush_lines(PF_CALL_fflush, 60000, 2000); }

static made_session *sync_each(void) { return flush_lines(PF_CALL_fsync, 300, MADE_MS); }

// --- waits

static made_session *lock(void) {
    run self = begin(MADE_SECOND, 1);
    unsigned data = data_of(self.process);
    for (unsigned i = 0; i < 4; i++) {
        MADE_CALL(i == 0 ? self.thread : made_add_thread(self.process, "worker", 0),
                  .site = MADE_LINE(1), .call = PF_CALL_fputs, .stream = data, .count = 2000,
                  .bytes = 40, .ns = 50000, .lock_ns = 150000);
    }
    return self.session;
}

static made_session *slow_reader(void) {
    run self = begin(MADE_SECOND, 1);
    MADE_CALL(self.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
              .stream = made_add_stream(self.process, PF_KIND_PIPE, 1, "pipe:[7]"), .count = 400,
              .bytes = 4096, .ns = 2 * MADE_MS, .why = PF_WHY_BLOCKED);
    return self.session;
}

// --- what is said

static made_session *log_lines(const char *level, const char *format, uint64_t count) {
    run self = begin(MADE_SECOND, 1);
    MADE_CALL(self.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf,
              .stream = made_add_stream(self.process, PF_KIND_FILE, 3, LOG), .count = count,
              .bytes = 40, .ns = 4000, .level = level, .format = format);
    return self.session;
}

static made_session *duplicates(void) {
    return log_lines(NULL, "connection refused, trying again\n", 20000);
}

static made_session *debug(void) { return log_lines("debug", "entering step %d of %s\n", 100000); }

static made_session *quiet(void) { return log_lines("info", "step %d done\n", 100); }

static made_session *storm(void) {
    run self = begin(10 * MADE_SECOND, 1);
    made_thread *other = made_add_thread(self.process, "other", 0);
    PfTimelineBin *bins = made_timeline(self.session, 100 * MADE_MS, 100);
    for (unsigned i = 0; i < 100; i++) {
        bins[i].calls = i >= 40 && i < 50 ? 1000 : 2;
        bins[i].bytes = 40 * bins[i].calls;
        bins[i].cost_ns = 4000 * bins[i].calls;
        bins[i].octaves[11] = (gfloat)bins[i].calls;
        bins[i].sites[0] =
            (PfTimelineLeader){made_leader_of_site(PF_CALL_fprintf, MADE_LINE(1)), bins[i].calls};
        bins[i].threads[0] =
            (PfTimelineLeader){made_leader_of_thread(self.thread), bins[i].calls / 2};
        bins[i].threads[1] = (PfTimelineLeader){made_leader_of_thread(other), bins[i].calls / 2};
    }
    const made_calls calls = {.site = MADE_LINE(1),
                              .call = PF_CALL_fprintf,
                              .stream = made_add_stream(self.process, PF_KIND_FILE, 3, LOG),
                              .count = 5090,
                              .bytes = 40,
                              .ns = 4000,
                              .level = "error"};
    made_call(self.thread, &calls);
    made_call(other, &calls);
    return self.session;
}

// --- what goes wrong

static made_session *fail(int error, uint64_t failed, uint64_t good) {
    run self = begin(MADE_SECOND, 1);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_write,
                        .stream = data_of(self.process),
                        .count = failed,
                        .ns = 1000,
                        .why = PF_WHY_FLUSH,
                        .error = error};
    made_call(self.thread, &calls);
    calls.count = good;
    calls.bytes = 4096;
    calls.error = 0;
    made_call(self.thread, &calls);
    return self.session;
}

static made_session *eagain(void) { return fail(EAGAIN, 100000, 2000); }

static made_session *full(void) { return fail(ENOSPC, 400, 39600); }

// A loop that waits for room meets EAGAIN once for each write at most.
static made_session *polls(void) { return fail(EAGAIN, 4000, 4000); }

static made_session *shorten(uint64_t continued, uint64_t left) {
    run self = begin(MADE_SECOND, 1);
    const made_calls calls = {.site = MADE_LINE(1),
                              .call = PF_CALL_write,
                              .stream = made_add_stream(self.process, PF_KIND_PIPE, 3, "pipe:[7]"),
                              .count = 200,
                              .bytes = 4096,
                              .ns = 2000,
                              .why = PF_WHY_FLUSH};
    made_call(self.thread, &calls);
    made_short_writes(self.thread, &calls,
                      &(struct pf_short){.count = continued + left,
                                         .continued = continued,
                                         .left = left,
                                         .left_bytes = 903 * left});
    return self.session;
}

static made_session *short_writes(void) { return shorten(0, 200); }

static made_session *whole(void) { return shorten(200, 0); }

static made_session *fork_and(enum pf_call call) {
    run self = begin(MADE_SECOND, 1);
    for (unsigned i = 0; i < 3; i++) {
        made_process *child = made_add_process(self.session, MADE_MS, 1);
        made_header(child)->forked = PF_FORKED_FROM_THREADS;
        strcpy(made_header(child)->how, "exec");
        MADE_CALL(made_add_thread(child, "main", 0), .site = MADE_LINE(1), .call = call,
                  .stream = made_add_stream(child, PF_KIND_FILE, 1, "/var/out"), .count = 1,
                  .bytes = 20, .ns = 1000);
    }
    return self.session;
}

static made_session *forked(void) { return fork_and(PF_CALL_printf); }

static made_session *spawner(void) { return fork_and(PF_CALL_write); }

// --- what is as it should be

static made_session *buffered(void) {
    run self = begin(MADE_SECOND, 1);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_fprintf,
                        .stream = data_of(self.process),
                        .count = 1990000,
                        .bytes = 40,
                        .ns = 120};
    made_call(self.thread, &calls);
    calls.count = 10000;
    calls.ns = 3000;
    calls.why = PF_WHY_FLUSH;
    made_call(self.thread, &calls);
    return self.session;
}

static made_session *batched(void) {
    run self = begin(MADE_SECOND, 1);
    MADE_CALL(self.thread, .site = MADE_LINE(1), .call = PF_CALL_write,
              .stream = data_of(self.process), .count = 20000, .bytes = 8192, .ns = 5000,
              .why = PF_WHY_FLUSH);
    return self.session;
}

static made_session *several(void) {
    run self = begin(MADE_SECOND, 1);
    unsigned data = data_of(self.process);
    MADE_CALL(self.thread, .site = MADE_LINE(1), .call = PF_CALL_write, .stream = data,
              .count = 4000, .bytes = 1024, .ns = 2000, .why = PF_WHY_FLUSH);
    MADE_CALL(self.thread, .site = MADE_LINE(2), .call = PF_CALL_fsync, .stream = data, .count = 80,
              .ns = MADE_MS, .why = PF_WHY_FLUSH);
    return self.session;
}

// Many processes that all print a little from the same line, each loaded elsewhere.
static made_session *processes(void) {
    made_session *session = made_session_new();
    for (unsigned i = 0; i < 6; i++) {
        made_process *process = made_add_process(session, MADE_SECOND, 1);
        made_set_place(process, 64 * (uint64_t)i * MADE_PROGRAM_BASE);
        const made_calls calls = {.site = MADE_LINE(1),
                                  .call = PF_CALL_fprintf,
                                  .stream = data_of(process),
                                  .count = 40,
                                  .bytes = 40,
                                  .ns = 2000 + i};
        made_call(made_add_thread(process, "main", 0), &calls);
        made_stack(process, &calls, (uint64_t[]){MADE_LINE(1), MADE_LINE(7)}, 2);
    }
    return session;
}

// One of everything that a report shows: processes, threads, kinds of streams, stacks, templates, levels, errors, events,
// a timeline and readings of the machine.
static made_session *everything(void) {
    made_session *session = storm();
    made_process *process = made_session_process(session, 0);
    made_thread *worker = made_add_thread(process, "worker", 5 * MADE_SECOND);
    made_calls calls = {.site = MADE_LINE(3),
                        .call = PF_CALL_write,
                        .stream = made_add_stream(process, PF_KIND_PIPE, 1, "pipe:[7]"),
                        .count = 1940,
                        .bytes = 700,
                        .ns = 250000,
                        .why = PF_WHY_BLOCKED};
    made_call(worker, &calls);
    made_stack(process, &calls, (uint64_t[]){MADE_LINE(3), MADE_LINE(7), MADE_LINE(8)}, 3);
    for (unsigned i = 0; i < 60; i++) {
        calls.count = 1;
        calls.ns = 250000 + 1000 * i;
        made_call(worker, &calls);
        made_event(worker, &calls, i * 100 * MADE_MS);
    }
    calls = (made_calls){.site = MADE_LINE(4),
                         .call = PF_CALL_fprintf,
                         .stream = made_add_stream(process, PF_KIND_FILE, 4, "/var/data"),
                         .count = 60000,
                         .bytes = 40,
                         .ns = 5000,
                         .why = PF_WHY_FLUSH,
                         .level = "info",
                         .format = "took %d ms\n"};
    made_call(worker, &calls);
    made_stack(process, &calls, (uint64_t[]){MADE_LINE(4), MADE_LINE(8)}, 2);
    made_stack(process, &calls, (uint64_t[]){MADE_LINE(4), MADE_LINE(9), MADE_LINE(8)}, 3);
    calls = (made_calls){.site = MADE_LINE(5),
                         .call = PF_CALL_send,
                         .stream = made_add_stream(process, PF_KIND_SOCKET, 5, "socket:[8]"),
                         .count = 500,
                         .ns = 1500,
                         .why = PF_WHY_FLUSH,
                         .error = EPIPE};
    made_call(worker, &calls);
    made_process *child = made_add_process(session, 2 * MADE_SECOND, 1);
    made_header(child)->forked = PF_FORKED_FROM_THREADS;
    strcpy(made_header(child)->how, "exec");
    MADE_CALL(made_add_thread(child, "main", 0), .site = MADE_LINE(6), .call = PF_CALL_printf,
              .stream = made_add_stream(child, PF_KIND_TTY, 1, "/dev/pts/1"), .count = 7,
              .bytes = 20, .ns = 1000);
    for (unsigned i = 0; i < 6; i++) {
        made_reading(session, FALSE, 400 + i);
        made_reading(session, TRUE, 410 + i);
    }
    return session;
}

const made_named made_sessions[] = {
    {"tiny", "tiny-writes", tiny},
    {"to-pipe", "tiny-writes", to_pipe},
    {"unbuffered", "tiny-writes", unbuffered},
    {"dprintf", "tiny-writes", by_descriptor},
    {"endl", "endl", endl},
    {"flush", "flush-per-line", flush},
    {"sync", "flush-per-line", sync_each},
    {"lock", "lock", lock},
    {"slow-reader", "blocked", slow_reader},
    {"duplicates", "duplicates", duplicates},
    {"debug", "not-worth", debug},
    {"storm", "storm", storm},
    {"eagain", "errors", eagain},
    {"full", "errors", full},
    {"short", "short-writes", short_writes},
    {"forked", "fork-exec", forked},
    {"everything", "fork-exec blocked tiny-writes storm errors", everything},
    {"quiet", "", quiet},
    {"polls", "", polls},
    {"whole", "", whole},
    {"spawner", "", spawner},
    {"buffered", "", buffered},
    {"batched", "", batched},
    {"several", "", several},
    {"processes", "", processes},
    {NULL, NULL, NULL},
};

const made_named *made_session_named(const char *name) {
    const made_named *one = made_sessions;
    while (one->name != NULL && strcmp(one->name, name) != 0) {
        one++;
    }
    return one->name != NULL ? one : NULL;
}
