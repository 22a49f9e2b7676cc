// SPDX-License-Identifier: Apache-2.0
// Sessions, their file, leftovers, text for people, and commands of a program's own.
// link: segment-maker.c
#include "pf-test.h"
#include "segment-maker.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gint shout(const gchar *const *arguments, gpointer user_data) {
    *(guint *)user_data += g_strv_length((gchar **)arguments);
    return 7;
}

START_TEST(test_registered_commands_run) {
    guint words = 0;
    gint status = 0;
    g_autoptr(GError) error = NULL;
    const gchar *const line[] = {"shout", "a", "b", NULL};
    ck_assert(pf_cli_register_command("shout", "shouts", shout, &words, NULL, &error));
    ck_assert(pf_cli_run(line, &status, &error));
    ck_assert_int_eq(status, 7);
    ck_assert_uint_eq(words, 2);
    ck_assert(!pf_cli_register_command("shout", "again", shout, &words, NULL, &error));
    ck_assert(g_error_matches(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS));
    pf_reset_profiling_state();
}
END_TEST

START_TEST(test_other_commands_are_pfprofs) {
    gint status = -1;
    g_autoptr(GError) error = NULL;
    g_autofree gchar *folder = g_dir_make_tmp("pf-cli-XXXXXX", NULL);
    g_autofree gchar *program = g_build_filename(folder, "pfprof", NULL);
    const gchar *const line[] = {"list", "--json", NULL};
    g_setenv("PATH", folder, TRUE);
    ck_assert(!pf_cli_run(line, &status, &error));
    ck_assert(g_error_matches(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_NOT_FOUND));
    g_clear_error(&error);
    ck_assert(g_file_set_contents(program, "#!/bin/sh\ntest \"$*\" = 'list --json' && exit 9\n", -1,
                                  NULL));
    ck_assert_int_eq(g_chmod(program, 0755), 0);
    ck_assert(pf_cli_run(line, &status, &error));
    ck_assert_int_eq(status, 9);
    g_unlink(program);
    g_rmdir(folder);
}
END_TEST

START_TEST(test_text_for_people) {
    static const struct {
        const gchar *from;
        guint columns;
        const gchar *to;
    } cases[] = {
        {"plain", 0, "plain"},
        {"plain", 5, "plain"},
        {"plain", 4, "pla…"},
        {"a\nb\tc", 0, "a b c"},
        {"red \033[31m", 0, "red .[31m"},
        {"\xff", 0, "\xef\xbf\xbd"},
        {"日本語", 6, "日本語"},
        {"日本語", 5, "日本…"},
        {"日本語", 4, "日…"},
        {"a\u202eb", 0, "a.b"},
        {"", 1, ""},
        {"ab", 1, "…"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree gchar *text = pf_human_text(cases[i].from, cases[i].columns);
        ck_assert_str_eq(text, cases[i].to);
        if (cases[i].columns != 0) {
            ck_assert_uint_le(pf_human_columns(text), cases[i].columns);
        }
    }
}
END_TEST

START_TEST(test_numbers_for_people) {
    g_autofree gchar *unknown = pf_human_duration(-1);
    g_autofree gchar *none = pf_human_bytes(0.0 / 0.0);
    g_autofree gchar *time = pf_human_duration(1.62e9);
    g_autofree gchar *bytes = pf_human_bytes(2048);
    g_autofree gchar *count = pf_human_count(63300);
    ck_assert_str_eq(unknown, "–");
    ck_assert_str_eq(none, "–");
    ck_assert_str_eq(time, "1.62 s");
    ck_assert_str_eq(bytes, "2.00 KiB");
    ck_assert_str_eq(count, "63.3k");
}
END_TEST

START_TEST(test_families) {
    ck_assert_str_eq(pf_calls_get_family("write"), "write");
    ck_assert_str_eq(pf_calls_get_family("fflush"), "flush");
    ck_assert_str_eq(pf_calls_get_family("execve"), "process");
    ck_assert_ptr_null(pf_calls_get_family("strlen"));
}
END_TEST

// A head and nothing behind it, or less.
START_TEST(test_session_files_that_lie) {
    g_autofree gchar *folder = g_dir_make_tmp("pf-session-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "s", NULL);
    g_autoptr(PfSession) empty = pf_session_new();
    g_autoptr(GError) error = NULL;
    pf_session_set_run(empty, "a command", 42, 1000);
    pf_session_set_end(empty, -1, 15, 77);
    ck_assert(pf_session_save(empty, path, &error));
    g_autoptr(PfSession) again = pf_session_new_from_file(path, &error);
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(pf_session_get_command(again), "a command");
    ck_assert_uint_eq(pf_session_get_pid(again), 42);
    ck_assert_int_eq(pf_session_get_exit_status(again), -1);
    ck_assert_uint_eq(pf_session_get_signal(again), 15);
    ck_assert_uint_eq(pf_session_get_wall_ns(again), 77);
    ck_assert_ptr_null(pf_session_get_snapshot(again, &error));
    ck_assert(g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND));
    g_clear_error(&error);
    g_autofree gchar *bytes = NULL;
    gsize size;
    ck_assert(g_file_get_contents(path, &bytes, &size, NULL));
    g_autofree gchar *more = g_malloc0(size + 64);
    memcpy(more, bytes, size);
    memcpy(more + size, "segment", 8);
    for (guint64 says = 0; says < 3; says++) {
        const guint64 lies[] = {0, 1, G_MAXUINT64};
        memcpy(more + size + 16, &lies[says], 8);
        ck_assert(g_file_set_contents(path, more, (gssize)(size + 64), NULL));
        g_autoptr(PfSession) lie = pf_session_new_from_file(path, NULL);
        ck_assert_ptr_nonnull(lie);
        ck_assert_uint_eq(pf_session_get_segment_count(lie), 0);
        ck_assert_uint_eq(pf_session_get_unreadable_count(lie), 1);
    }
    for (gsize cut = 0; cut < size; cut += 13) {
        ck_assert(g_file_set_contents(path, bytes, (gssize)cut, NULL));
        ck_assert_ptr_null(pf_session_new_from_file(path, NULL));
    }
    ck_assert(!pf_session_save(empty, "/no/such/folder/s", &error));
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

START_TEST(test_nothing_but_leftovers_is_removed) {
    g_autofree gchar *folder = g_dir_make_tmp("pf-salvage-XXXXXX", NULL);
    g_autofree gchar *path = g_strdup_printf("%s/%d-1.pfseg", folder, (int)getpid());
    g_autofree gchar *link = g_build_filename(folder, "1-1.pfseg", NULL);
    g_autoptr(GError) error = NULL;
    ck_assert(!pf_salvage_remove(path, &error));
    ck_assert(g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND));
    g_clear_error(&error);
    // A file without a header, which this process has mapped: somebody is using it.
    ck_assert(g_file_set_contents(path, "something", -1, NULL));
    GMappedFile *mapped = g_mapped_file_new(path, FALSE, NULL);
    ck_assert(!pf_salvage_remove(path, &error));
    ck_assert(g_error_matches(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_ALLOWED));
    g_mapped_file_unref(mapped);
    ck_assert(pf_salvage_remove(path, NULL));
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
    ck_assert_int_eq(symlink("/etc/passwd", link), 0);
    ck_assert(!pf_salvage_remove(link, NULL));
    g_unlink(link);
    g_rmdir(folder);
}
END_TEST

static void write_segment(segment_maker *maker, const gchar *path) {
    g_autoptr(GBytes) bytes = maker_bytes(maker);
    gsize size = 0;
    gconstpointer data = g_bytes_get_data(bytes, &size);
    ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

// However often it is added up.
START_TEST(test_what_makes_no_sense_is_counted_once) {
    g_autofree gchar *folder = g_dir_make_tmp("pf-session-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "s", NULL);
    g_autoptr(PfSession) session = pf_session_new();
    for (guint circle = 0; circle < 2; circle++) {
        segment_maker maker;
        maker_init(&maker, (size_t)4 << 20);
        maker_fill(&maker, 4);
        if (circle) {
            struct pf_slot *slot = maker_at(&maker, maker_header(&maker)->first_slot);
            slot->next = maker_header(&maker)->first_slot;
        }
        write_segment(&maker, path);
        ck_assert(pf_session_add_file(session, path, NULL));
        maker_clear(&maker);
    }
    for (guint i = 0; i < 3; i++) {
        g_autoptr(PfSnapshot) sum = pf_session_get_snapshot(session, NULL);
        ck_assert_ptr_nonnull(sum);
        ck_assert_uint_eq(pf_snapshot_get_processes(sum)->len, 1);
        ck_assert_uint_eq(pf_session_get_unreadable_count(session), 1);
    }
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

int main(void) {
    return pf_test_run("session", (const TTest *[]){test_registered_commands_run,
                                                    test_other_commands_are_pfprofs,
                                                    test_text_for_people, test_numbers_for_people,
                                                    test_families, test_session_files_that_lie,
                                                    test_what_makes_no_sense_is_counted_once,
                                                    test_nothing_but_leftovers_is_removed, NULL});
}
