// SPDX-License-Identifier: Apache-2.0
// Which findings are said, in which order and words, and that a file keeps all that they stand on.
// link: segment-maker.c session-maker.c made-sessions.c
#include "finding-kit.h"
#include "made-sessions.h"

// --- made sessions by name

START_TEST(test_named) {
    for (const made_named *one = made_sessions; one->name != NULL; one++) {
        g_autofree gchar *kinds = kinds_in(one->make());
        ck_assert_msg(g_str_equal(kinds, one->kinds), "%s: \"%s\", not \"%s\"", one->name, kinds,
                      one->kinds);
    }
}
END_TEST

static gchar *json_of(PfSession *session) {
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(session, NULL);
    ck_assert_ptr_nonnull(snapshot);
    return pf_snapshot_to_json(snapshot, NULL);
}

// What is read back says the same, to the last digit.
START_TEST(test_a_file_keeps_it) {
    pf_test_folder_make();
    for (const made_named *one = made_sessions; one->name != NULL; one++) {
        g_autofree gchar *path = g_build_filename(pf_test_folder, one->name, NULL);
        g_autoptr(made_session) made = one->make();
        g_autoptr(PfSession) session = made_session_get(made);
        ck_assert(pf_session_save(session, path, NULL));
        g_autoptr(PfSession) again = pf_session_new_from_file(path, NULL);
        ck_assert_ptr_nonnull(again);
        g_autofree gchar *before = json_of(session);
        g_autofree gchar *after = json_of(again);
        ck_assert_str_eq(before, after);
        ck_assert_uint_eq(pf_session_get_wall_ns(again), pf_session_get_wall_ns(session));
        g_unlink(path);
    }
    pf_test_folder_remove();
}
END_TEST

// --- order and number

static void add_habits(made_run *run, unsigned from, unsigned count) {
    for (unsigned i = from; i < from + count; i++) {
        MADE_CALL(run->thread, .site = MADE_LINE(i), .call = PF_CALL_write,
                  .stream = made_add_stream(run->process, PF_KIND_FILE, 3, "/var/data"),
                  .count = 10000, .bytes = 40, .ns = 4000 + 100 * i, .why = PF_WHY_FLUSH);
    }
}

// What is wrong, what saves most, the lock, money; no more than five.
START_TEST(test_order) {
    g_setenv("PROVIDE_PROFILING_COST_PER_GB", "1", TRUE);
    made_run run = made_run_begin(MADE_SECOND, 1);
    unsigned data = made_add_stream(run.process, PF_KIND_FILE, 4, "/var/data");
    unsigned log = made_add_stream(run.process, PF_KIND_FILE, 5, "/var/app.log");
    MADE_CALL(run.thread, .site = MADE_LINE(20), .call = PF_CALL_fputs, .stream = data,
              .count = 10000, .bytes = 40, .ns = 1000, .lock_ns = 90000);
    MADE_CALL(run.thread, .site = MADE_LINE(21), .call = PF_CALL_fputs, .stream = log, .count = 10,
              .bytes = 40, .ns = 100);
    MADE_CALL(run.thread, .site = MADE_LINE(22), .call = PF_CALL_send,
              .stream = made_add_stream(run.process, PF_KIND_SOCKET, 6, "socket:[1]"), .count = 10,
              .ns = 100, .error = 28);
    add_habits(&run, 1, 1);
    made_run more = run;
    g_autoptr(GPtrArray) four = find_in(run.session);
    ck_assert_uint_eq(four->len, 4);
    static const char *const kinds[] = {"errors", "tiny-writes", "lock", "cost"};
    for (guint i = 0; i < four->len; i++) {
        ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(four, i))->kind, kinds[i]);
    }
    add_habits(&more, 2, 5);
    g_autoptr(GPtrArray) five = find_in(more.session);
    ck_assert_uint_eq(five->len, 5);
    ck_assert_uint_eq(five->len, PF_MOST_FINDINGS);
    ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(five, 0))->kind, "errors");
    for (guint i = 1; i < five->len; i++) {
        g_autofree gchar *place = g_strdup_printf("orderd+0x%x0", 7 - i);
        ck_assert_str_eq(((const PfFinding *)g_ptr_array_index(five, i))->place, place);
    }
    made_session_free(more.session);
}
END_TEST

// --- words

START_TEST(test_what_is_saved) {
    PfFinding finding = {.saved_ns = 1.5e9,
                         .low_ns = 1.4e9,
                         .high_ns = 1.6e9,
                         .wall_percent = 12.4,
                         .thread_count = 1};
    g_autofree gchar *wall = pf_finding_get_saving(&finding);
    ck_assert_str_eq(wall, "1.50 s (95 %: 1.40 s to 1.60 s), 12 % of wall");
    finding.thread_count = 4;
    g_autofree gchar *threads = pf_finding_get_saving(&finding);
    ck_assert_str_eq(threads, "1.50 s (95 %: 1.40 s to 1.60 s), 12 % of the time of 4 threads");
    finding.wall_percent = -1;
    g_autofree gchar *alone = pf_finding_get_saving(&finding);
    ck_assert_str_eq(alone, "1.50 s (95 %: 1.40 s to 1.60 s)");
    finding.saved_ns = -1;
    g_autofree gchar *nothing = pf_finding_get_saving(&finding);
    ck_assert_str_eq(nothing, "");
}
END_TEST

START_TEST(test_text) {
    g_autoptr(made_session) made = made_session_named("tiny")->make();
    g_autoptr(GPtrArray) found = find_in(made);
    g_autofree gchar *text = pf_findings_to_text(found, 80, FALSE);
    ck_assert_str_eq(text,
                     "  ! orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 59 707 system\n"
                     "     calls; worth 131 ms (95 %: 110 ms to 183 ms), 13 % of wall\n"
                     "     60 000 writes of less than 512 B to /var/data, 40 B on average\n"
                     "     → gather messages in a buffer of 8 KiB, or write through stdio\n");
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autofree gchar *nothing = pf_findings_to_text(none, 80, FALSE);
    ck_assert_str_eq(nothing, "");
}
END_TEST

static guint longest_line(const gchar *text) {
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint longest = 0;
    for (guint i = 0; lines[i] != NULL; i++) {
        longest = MAX(longest, (guint)g_utf8_strlen(lines[i], -1));
    }
    return longest;
}

// At any width from 60 on, as far as words can be parted; a terminal takes no orders from what is shown.
START_TEST(test_columns) {
    for (const made_named *one = made_sessions; one->name != NULL; one++) {
        g_autoptr(made_session) made = one->make();
        g_autoptr(GPtrArray) found = find_in(made);
        static const guint widths[][2] = {{10, 60}, {60, 60}, {80, 80}, {120, 120}, {400, 160}};
        for (guint i = 0; i < G_N_ELEMENTS(widths); i++) {
            g_autofree gchar *text = pf_findings_to_text(found, widths[i][0], FALSE);
            ck_assert_uint_le(longest_line(text), widths[i][1]);
        }
    }
    made_run run = made_run_begin(MADE_SECOND, 1);
    MADE_CALL(run.thread, .site = MADE_LINE(1), .call = PF_CALL_fprintf,
              .stream = made_add_stream(run.process, PF_KIND_FILE, 3, "/var/app.log"),
              .count = 20000, .bytes = 40, .ns = 4000, .format = "a \033[31mred\a line\n");
    g_autoptr(GPtrArray) found = find_in(run.session);
    made_session_free(run.session);
    g_autofree gchar *text = pf_findings_to_text(found, 80, FALSE);
    ck_assert_ptr_nonnull(strstr(text, "20 000 × \"a"));
    ck_assert_ptr_null(strchr(text, '\033'));
    ck_assert_ptr_null(strchr(text, '\a'));
}
END_TEST

int main(void) {
    g_setenv("TZ", "UTC", TRUE);
    g_setenv("PROVIDE_PROFILING_CONFIG", "/dev/null", TRUE);
    return pf_test_run("findings",
                       (const TTest *[]){test_named, test_a_file_keeps_it, test_order,
                                         test_what_is_saved, test_text, test_columns, NULL});
}
