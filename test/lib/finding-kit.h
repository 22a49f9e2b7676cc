// SPDX-License-Identifier: Apache-2.0
// What the tests of the findings have in common: a made session, what is found in it, and what should be.
#pragma once
#include "pf-test.h"
#include "session-maker.h"

// One process with one thread: what most findings need.
typedef struct {
    made_session *session;
    made_process *process;
    made_thread *thread;
} made_run;

static inline made_run made_run_begin(uint64_t wall_ns, unsigned one_of) {
    made_run run = {.session = made_session_new()};
    run.process = made_add_process(run.session, wall_ns, one_of);
    run.thread = made_add_thread(run.process, "main", 0);
    return run;
}

// Names and files of this machine have no part in it.
static inline GPtrArray *find_in(made_session *session) {
    g_autoptr(PfSnapshot) snapshot = made_session_snapshot(session);
    return pf_snapshot_find(snapshot, NULL);
}

// What is found, as `kind kind`; takes the session.
static inline gchar *kinds_in(made_session *session) {
    g_autoptr(GPtrArray) found = find_in(session);
    GString *kinds = g_string_new(NULL);
    for (guint i = 0; i < found->len; i++) {
        const PfFinding *one = g_ptr_array_index(found, i);
        g_string_append_printf(kinds, "%s%s", i > 0 ? " " : "", one->kind);
    }
    made_session_free(session);
    return g_string_free(kinds, FALSE);
}

#define ck_assert_kinds(session, expected)                                                         \
    do {                                                                                           \
        g_autofree gchar *kinds_ = kinds_in(session);                                              \
        ck_assert_str_eq(kinds_, expected);                                                        \
    } while (0)

// A rule's limit: just below it nothing of `kind` is found, just above it that alone is.
#define ck_assert_limit(what, below, above, kind)                                                  \
    do {                                                                                           \
        g_autofree gchar *below_ = kinds_in(below);                                                \
        g_autofree gchar *above_ = kinds_in(above);                                                \
        ck_assert_msg(*below_ == 0, "just below %s: %s", what, below_);                            \
        ck_assert_msg(strcmp(above_, kind) == 0, "just above %s: %s", what, above_);               \
    } while (0)

// To the digit: nothing is rounded but by the arithmetic of doubles.
#define ck_assert_to_the_digit(found, expected)                                                    \
    do {                                                                                           \
        double found_ = (found);                                                                   \
        double expected_ = (expected);                                                             \
        double most_ = 1e-9 * (expected_ < 0 ? -expected_ : expected_);                            \
        ck_assert_msg(found_ >= expected_ - most_ && found_ <= expected_ + most_,                  \
                      "%s is %.12g, not %.12g", #found, found_, expected_);                        \
    } while (0)

// A finding is all of that; what is not known is -1.
#define ck_assert_finding(found, expected)                                                         \
    do {                                                                                           \
        const PfFinding *one_ = (found);                                                           \
        const PfFinding *same_ = (expected);                                                       \
        ck_assert_str_eq(one_->kind, same_->kind);                                                 \
        ck_assert_str_eq(one_->title, same_->title);                                               \
        ck_assert_str_eq(one_->evidence, same_->evidence);                                         \
        ck_assert_str_eq(one_->next_step, same_->next_step);                                       \
        ck_assert_pstr_eq(one_->place, same_->place);                                              \
        ck_assert_to_the_digit(one_->saved_ns, same_->saved_ns);                                   \
        ck_assert_to_the_digit(one_->low_ns, same_->low_ns);                                       \
        ck_assert_to_the_digit(one_->high_ns, same_->high_ns);                                     \
        ck_assert_to_the_digit(one_->saved_calls, same_->saved_calls);                             \
        ck_assert_to_the_digit(one_->wall_percent, same_->wall_percent);                           \
        ck_assert_uint_eq(one_->thread_count, same_->thread_count);                                \
    } while (0)

// The only one found in a session, which it takes.
#define ck_assert_found(session, ...)                                                              \
    do {                                                                                           \
        made_session *session_ = (session);                                                        \
        g_autoptr(GPtrArray) found_ = find_in(session_);                                           \
        made_session_free(session_);                                                               \
        ck_assert_uint_eq(found_->len, 1);                                                         \
        ck_assert_finding(g_ptr_array_index(found_, 0), (&(PfFinding){__VA_ARGS__}));              \
    } while (0)
