// SPDX-License-Identifier: Apache-2.0
// Wrappers are known by their shape in call stacks; places of this program stand in for a target's.
#include "pf-call-path.h"
#include "pf-known-code.h"
#include "pf-test.h"
#include <string.h>

// Paths are made by hand: a symbolizer that knows nothing gives each address a line of its own, and the
// functions are put in after.
static pf_paths paths;
static PfSymbolizer *symbolizer;
static GPtrArray *stacks;

static void stack_free(gpointer data) {
    g_free(((PfStack *)data)->frames);
    g_free(data);
}

static void begin(void) {
    stacks = g_ptr_array_new_with_free_func(stack_free);
    symbolizer = pf_symbolizer_new();
    pf_paths_init(&paths, symbolizer);
}

static void end(void) {
    pf_paths_clear(&paths);
    g_ptr_array_unref(stacks);
    g_object_unref(symbolizer);
}

// `names`: function of each frame, innermost first, with a digit for the line: "log_va1 log_info1 order1".
static pf_path *add(const gchar *names, gdouble weight) {
    g_auto(GStrv) words = g_strsplit(names, " ", -1);
    guint depth = g_strv_length(words);
    PfStack *stack = g_new0(PfStack, 1);
    stack->depth = depth;
    stack->weight = weight;
    stack->taken = 1;
    stack->frames = g_new0(PfFrame, depth);
    for (guint i = 0; i < depth; i++) {
        stack->frames[i].address = 0x1000 + g_str_hash(words[i]);
    }
    g_ptr_array_add(stacks, stack);
    pf_paths_add(&paths, stack);
    pf_path *path = g_ptr_array_index(paths.paths, paths.paths->len - 1);
    for (guint i = 0; i < depth; i++) {
        pf_step *step = &g_array_index(path->steps, pf_step, i);
        gsize length = strlen(words[i]) - 1;
        step->place->function = g_strndup(words[i], length);
        step->function = pf_paths_number(&paths, step->place->function);
        step->is_library = pf_is_library_code(step->place);
    }
    return path;
}

static const gchar *charged(const pf_path *path) {
    return g_array_index(path->steps, pf_step, path->real).place->function;
}

START_TEST(a_wrapper_is_passed_over) {
    begin();
    pf_path *a = add("log_info1 order1 main1", 10);
    pf_path *b = add("log_info1 audit1 main2", 10);
    pf_path *c = add("log_info1 user1 main3", 10);
    pf_paths_settle(&paths);
    ck_assert_str_eq(charged(a), "order");
    ck_assert_str_eq(charged(b), "audit");
    ck_assert_str_eq(charged(c), "user");
    ck_assert_int_eq(a->wrapper, 0);
    end();
}
END_TEST

START_TEST(a_wrapper_in_a_wrapper) {
    begin();
    pf_path *a = add("vlog1 log_info1 order1 main1", 10);
    add("vlog1 log_info1 audit1 main2", 10);
    add("vlog1 log_info1 user1 main3", 10);
    pf_path *d = add("vlog1 log_warn1 order2 main1", 10);
    pf_paths_settle(&paths);
    ck_assert_str_eq(charged(a), "order");
    ck_assert_int_eq(a->wrapper, 1);
    ck_assert_str_eq(charged(d), "vlog"); // log_warn is seen with one caller: no wrapper for sure
    end();
}
END_TEST

START_TEST(a_function_that_works_is_charged) {
    begin();
    // Two callers only.
    pf_path *a = add("order1 main1", 10);
    add("order1 main2", 10);
    // Three callers, and three lines of its own.
    pf_path *b = add("report1 main1", 10);
    add("report2 main2", 10);
    add("report3 main3", 10);
    // Three callers, of which one is nearly all.
    pf_path *c = add("step1 main1", 1000);
    add("step1 main2", 1);
    add("step1 main3", 1);
    pf_paths_settle(&paths);
    ck_assert_str_eq(charged(a), "order");
    ck_assert_str_eq(charged(b), "report");
    ck_assert_str_eq(charged(c), "step");
    ck_assert_int_eq(a->wrapper, -1);
    end();
}
END_TEST

START_TEST(libraries_are_skipped) {
    begin();
    pf_path *a = add("std::ostream::flush1 spdlog::sink1 order1 main1", 10);
    pf_path *b = add("std::ostream::flush1 fmt::print1", 10);
    pf_paths_settle(&paths);
    ck_assert_str_eq(charged(a), "order");
    ck_assert_str_eq(charged(b), "std::ostream::flush"); // nothing else to blame
    end();
}
END_TEST

int main(void) {
    const TTest *const tests[] = {a_wrapper_is_passed_over, a_wrapper_in_a_wrapper,
                                  a_function_that_works_is_charged, libraries_are_skipped, NULL};
    return pf_test_run("call-path", tests);
}
