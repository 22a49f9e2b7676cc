// SPDX-License-Identifier: Apache-2.0
// PfHub: names, components, commands.
#include "pf-test.h"
#include <string.h>

START_TEST(components_come_and_go) {
    g_autoptr(PfHub) hub = pf_hub_new();
    GObject *object = g_object_new(G_TYPE_OBJECT, NULL);
    GError *error = NULL;
    ck_assert_ptr_null(pf_hub_get_component(hub, "profiler"));
    ck_assert(pf_hub_add_component(hub, "profiler", object, &error));
    ck_assert(pf_hub_add_component(hub, "a-2_b", object, &error));
    ck_assert_ptr_eq(pf_hub_get_component(hub, "profiler"), object);
    ck_assert(!pf_hub_add_component(hub, "profiler", object, &error));
    ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS);
    g_auto(GStrv) names = pf_hub_list_components(hub);
    g_autofree gchar *joined = g_strjoinv(" ", names);
    ck_assert_str_eq(joined, "a-2_b profiler");
    ck_assert(pf_hub_remove_component(hub, "profiler", &error));
    ck_assert(!pf_hub_remove_component(hub, "profiler", &error));
    ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_NOT_FOUND);
    g_object_add_weak_pointer(object, (gpointer *)&object);
    g_object_unref(object);
    ck_assert_ptr_nonnull(object); // the other name holds it
    pf_hub_clear(hub);
    ck_assert_ptr_null(object);
}
END_TEST

START_TEST(a_name_is_a_word) {
    static const gchar *const bad[] = {"", "A", "a b", "a\nb", "-a", "a.b", "\xc3\xa4"};
    g_autoptr(PfHub) hub = pf_hub_new();
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;
        ck_assert(!pf_hub_add_component(hub, bad[i], G_OBJECT(hub), &error));
        ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_BAD_NAME);
    }
}
END_TEST

static gint count_words(const gchar *const *arguments, gpointer data) {
    *(guint *)data += 1;
    return (gint)g_strv_length((gchar **)arguments);
}

static void let_go(gpointer data) { *(guint *)data += 100; }

START_TEST(commands_run_and_are_let_go_of_once) {
    g_autoptr(PfHub) hub = pf_hub_new();
    GError *error = NULL;
    guint seen = 0, twice = 0;
    gint status = -1;
    const gchar *const words[] = {"a", "b", NULL};
    ck_assert(pf_hub_add_command(hub, "count", "counts", count_words, &seen, let_go, &error));
    ck_assert(!pf_hub_add_command(hub, "count", "again", count_words, &twice, let_go, &error));
    ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS);
    ck_assert_uint_eq(twice, 100);
    ck_assert(pf_hub_run_command(hub, "count", words, &status, &error));
    ck_assert_int_eq(status, 2);
    ck_assert(pf_hub_run_command(hub, "count", NULL, NULL, &error));
    ck_assert_uint_eq(seen, 2);
    g_autofree gchar *summary = pf_hub_get_command_summary(hub, "count");
    ck_assert_str_eq(summary, "counts");
    ck_assert_ptr_null(pf_hub_get_command_summary(hub, "no"));
    ck_assert(pf_hub_remove_command(hub, "count", &error));
    ck_assert_uint_eq(seen, 102);
    ck_assert(!pf_hub_run_command(hub, "count", words, &status, &error));
    ck_assert_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_NOT_FOUND);
    g_auto(GStrv) names = pf_hub_list_commands(hub);
    ck_assert_ptr_null(names[0]);
}
END_TEST

static gint remove_itself(const gchar *const *arguments, gpointer data) {
    ck_assert(pf_hub_remove_command(data, "once", NULL));
    return 3;
}

START_TEST(a_command_may_remove_itself) {
    g_autoptr(PfHub) hub = pf_hub_new();
    gint status = -1;
    ck_assert(pf_hub_add_command(hub, "once", "once", remove_itself, hub, NULL, NULL));
    ck_assert(pf_hub_run_command(hub, "once", NULL, &status, NULL));
    ck_assert_int_eq(status, 3);
    ck_assert(!pf_hub_run_command(hub, "once", NULL, &status, NULL));
}
END_TEST

START_TEST(the_default_hub_is_one) { ck_assert_ptr_eq(pf_hub_get_default(), pf_hub_get_default()); }
END_TEST

int main(void) {
    return pf_test_run("hub", (const TTest *[]){components_come_and_go, a_name_is_a_word,
                                                commands_run_and_are_let_go_of_once,
                                                a_command_may_remove_itself, the_default_hub_is_one,
                                                NULL});
}
