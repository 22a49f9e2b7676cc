// SPDX-License-Identifier: Apache-2.0
// signal-handler and fork-exec: when they are found and when not, and what they say.
// link: segment-maker.c session-maker.c
//
//   limit                                       not found                       found
//   the return from a signal                    another byte; no libc; the      behind the call, in libc
//                                               call's own frame
//   what is called there                        write, fflush, send, perror     stdio, formats, wide, syslog
//   the child is a fork of several threads      of one                          of several
//   that ended with exec                        with exit                       with exec
//   and has called what is not safe             write, or nothing               stdio, syslog
#include "finding-kit.h"

// --- signal handlers

#if defined __x86_64__
static const guint8 restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
#elif defined __aarch64__
static const guint8 restorer[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4};
#else
static const guint8 restorer[] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80};
#endif

#define RETURN 32u // where it lies in the made libc, as MADE_IN_LIBC numbers it

// A libc that holds nothing but the return from a signal; `wrong` is its byte that is another.
static gchar *make_libc(const gchar *name, gssize wrong) {
    guint8 bytes[16 * RETURN + 64] = {0};
    memcpy(bytes + 16 * RETURN + 1, restorer, sizeof restorer);
    if (wrong >= 0) {
        bytes[16 * RETURN + 1 + wrong] ^= 1;
    }
    gchar *path = g_build_filename(pf_test_folder, name, NULL);
    ck_assert(g_file_set_contents(path, (const gchar *)bytes, sizeof bytes, NULL));
    return path;
}

typedef struct {
    const gchar *libc;
    gssize wrong; // byte of it
    enum pf_call call;
    guint returns_at; // frame
} handler;

static gchar *handled(const handler *what) {
    g_autofree gchar *libc = make_libc(what->libc, what->wrong);
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_set_libc(run.process, libc);
    made_calls calls = {.site = what->returns_at == 0 ? MADE_IN_LIBC(RETURN) : MADE_LINE(1),
                        .call = what->call,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 1, "/var/out"),
                        .count = 16,
                        .bytes = 40,
                        .ns = 4000};
    uint64_t frames[4] = {MADE_LINE(1), MADE_LINE(2), MADE_LINE(3), MADE_LINE(4)};
    frames[what->returns_at] = MADE_IN_LIBC(RETURN);
    made_call(run.thread, &calls);
    made_stack(run.process, &calls, frames, 4);
    gchar *kinds = kinds_in(run.session);
    g_unlink(libc);
    return kinds;
}

static void check_handler(handler what, gboolean found) {
    pf_test_folder_make();
    g_autofree gchar *kinds = handled(&what);
    ck_assert_msg(g_str_equal(kinds, found ? "signal-handler" : ""), "%s: %s",
                  pf_calls[what.call].name, kinds);
    pf_test_folder_remove();
}

START_TEST(test_what_is_unsafe) {
    static const enum pf_call unsafe[] = {PF_CALL_printf, PF_CALL_fwrite, PF_CALL_fputwc,
                                          PF_CALL_syslog, PF_CALL_dprintf};
    static const enum pf_call safe[] = {PF_CALL_write, PF_CALL_send, PF_CALL_fflush};
    for (unsigned i = 0; i < G_N_ELEMENTS(unsafe); i++) {
        check_handler((handler){"libc.so.6", -1, unsafe[i], 2}, TRUE);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(safe); i++) {
        check_handler((handler){"libc.so.6", -1, safe[i], 2}, FALSE);
    }
}
END_TEST

START_TEST(test_what_is_a_return) {
    for (unsigned i = 1; i < 4; i++) {
        check_handler((handler){"libc.so.6", -1, PF_CALL_printf, i}, TRUE);
    }
    check_handler((handler){"libc.so.6", -1, PF_CALL_printf, 0}, FALSE);
    check_handler((handler){"libm.so.6", -1, PF_CALL_printf, 2}, FALSE);
    for (unsigned i = 0; i < sizeof restorer; i++) {
        check_handler((handler){"libc.so.6", (gssize)i, PF_CALL_printf, 2}, FALSE);
    }
}
END_TEST

START_TEST(test_handler) {
    pf_test_folder_make();
    g_autofree gchar *libc = make_libc("libc.so.6", -1);
    made_run run = made_run_begin(MADE_SECOND, 1);
    made_set_libc(run.process, libc);
    made_calls calls = {.site = MADE_LINE(1),
                        .call = PF_CALL_printf,
                        .stream = made_add_stream(run.process, PF_KIND_FILE, 1, "/var/out"),
                        .count = 16,
                        .bytes = 40,
                        .ns = 4000};
    made_call(run.thread, &calls);
    made_stack(run.process, &calls, (uint64_t[]){MADE_LINE(1), MADE_IN_LIBC(RETURN), MADE_LINE(7)},
               3);
    ck_assert_found(run.session, .kind = "signal-handler",
                    .title = "orderd+0x10 calls printf in a signal handler",
                    .evidence =
                        "a call stack leads through the return from a signal; the function is "
                        "not async-signal-safe and may wait for ever for a lock that is held",
                    .next_step = "use write(2) there, or set a flag and print later",
                    .place = "orderd+0x10", .saved_ns = -1, .low_ns = -1, .high_ns = -1,
                    .saved_calls = -1, .wall_percent = -1, .thread_count = 1);
    g_unlink(libc);
    pf_test_folder_remove();
}
END_TEST

// --- between fork and exec

static void add_child(made_session *session, enum pf_forked forked, const gchar *how,
                      enum pf_call call, uint64_t count) {
    made_process *child = made_add_process(session, MADE_MS, 1);
    made_header(child)->forked = forked;
    g_strlcpy(made_header(child)->how, how, sizeof made_header(child)->how);
    MADE_CALL(made_add_thread(child, "main", 0), .site = MADE_LINE(3), .call = call,
              .stream = call == PF_CALL_syslog
                            ? PF_STREAM_NONE
                            : made_add_stream(child, PF_KIND_FILE, 1, "/var/out"),
              .count = count, .bytes = 40, .ns = 1000);
}

static made_session *forked(enum pf_forked forked, const gchar *how, enum pf_call call,
                            uint64_t count) {
    made_run run = made_run_begin(MADE_SECOND, 1);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_printf,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 1, "/var/out"), .count = 5,
              .bytes = 40, .ns = 1000);
    add_child(run.session, forked, how, call, count);
    return run.session;
}

START_TEST(test_limits_of_forks) {
    ck_assert_limit("several threads", forked(PF_FORKED, "exec", PF_CALL_printf, 1),
                    forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_printf, 1), "fork-exec");
    ck_assert_limit("exec", forked(PF_FORKED_FROM_THREADS, "exit", PF_CALL_printf, 1),
                    forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_syslog, 1), "fork-exec");
    ck_assert_limit("unsafe", forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_write, 1),
                    forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_fputs, 1), "fork-exec");
    ck_assert_kinds(forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_printf, 0), "");
    ck_assert_kinds(forked(PF_FORKED_NOT, "exec", PF_CALL_printf, 1), "");
}
END_TEST

static void check_forks(made_session *session, const gchar *evidence) {
    ck_assert_found(session, .kind = "fork-exec",
                    .title = "orderd+0x30 calls printf between fork and exec",
                    .evidence = (gchar *)evidence,
                    .next_step = "use write(2) there, print before fork, or use posix_spawn",
                    .place = "orderd+0x30", .saved_ns = -1, .low_ns = -1, .high_ns = -1,
                    .saved_calls = -1, .wall_percent = -1, .thread_count = 1);
}

START_TEST(test_forks) {
    check_forks(
        forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_printf, 1),
        "1 such calls in 1 child of a process with several threads; another thread may have "
        "held the lock that the function waits for, and it will not be let go of in the "
        "child");
    made_session *session = forked(PF_FORKED_FROM_THREADS, "exec", PF_CALL_printf, 1);
    add_child(session, PF_FORKED_FROM_THREADS, "exec", PF_CALL_printf, 4);
    add_child(session, PF_FORKED_FROM_THREADS, "exit", PF_CALL_printf, 8);
    check_forks(session,
                "5 such calls in 2 children of a process with several threads; another thread may "
                "have held the lock that the function waits for, and it will not be let go of in "
                "the child");
}
END_TEST

int main(void) {
    return pf_test_run("findings-unsafe",
                       (const TTest *[]){test_what_is_unsafe, test_what_is_a_return, test_handler,
                                         test_limits_of_forks, test_forks, NULL});
}
