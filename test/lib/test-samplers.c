// SPDX-License-Identifier: Apache-2.0
// The four samplers on contexts that are made up: readings injected, sites with known numbers.
// link: segment-maker.c
#include "pf-strata.h"
#include "pf-test.h"
#include "segment-maker.h"
#include <math.h>
#include <string.h>

static PfSamplingContext *idle_machine(gdouble seconds) {
    PfSamplingContext *context = pf_sampling_context_new();
    context->interval_seconds = seconds;
    context->cpu_pressure_percent = 0;
    context->memory_pressure_percent = 0;
    context->runnable_per_cpu = 0.5;
    context->cpu_usage_percent = 10;
    context->memory_usage_percent = 40;
    context->default_rate = 0.01;
    return context;
}

static gdouble ask(gpointer sampler, const PfSamplingContext *context) {
    g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(context);
    pf_sampler_decide(PF_SAMPLER(sampler), context, decision);
    for (gsize i = 0; i < context->stratum_count; i++) {
        context->strata[i].rate = pf_sampling_decision_get_rate(decision, i);
    }
    return pf_sampling_decision_get_default_rate(decision);
}

// --- load

START_TEST(load_lowers_the_rate_and_relief_restores_it) {
    g_autoptr(PfLoadBasedSampler) sampler = pf_load_based_sampler_new(0.5, NULL);
    g_autoptr(PfSamplingContext) context = idle_machine(0.1);
    ck_assert(ask(sampler, context) == 0.5);
    gdouble *reading[] = {&context->cpu_pressure_percent, &context->memory_pressure_percent,
                          &context->runnable_per_cpu, &context->memory_usage_percent};
    const gdouble busy[] = {80, 40, 8, 99};
    for (guint i = 0; i < G_N_ELEMENTS(reading); i++) {
        gdouble was = *reading[i];
        *reading[i] = busy[i];
        if (reading[i] == &context->runnable_per_cpu) { // one such moment is none
            ck_assert(ask(sampler, context) == 0.5);
        }
        ck_assert_double_le(ask(sampler, context), 0.0051); // at once
        ck_assert(pf_load_based_sampler_get_stress(sampler) == 1);
        *reading[i] = was;
        gdouble before = 0;
        guint steps = 0;
        gdouble rate;
        while ((rate = ask(sampler, context)) < 0.5 && steps < 20) {
            ck_assert(rate > before); // evenly, without a swing
            before = rate;
            steps++;
        }
        ck_assert_uint_lt(steps, 20); // of 0.1 s: back within 2 s
    }
}
END_TEST

START_TEST(load_never_goes_above_its_ceiling) {
    g_autoptr(PfLoadBasedSampler) sampler = pf_load_based_sampler_new(0.2, NULL);
    for (gdouble value = -1; value <= 200; value += 0.5) {
        g_autoptr(PfSamplingContext) context = idle_machine(0.1);
        context->cpu_pressure_percent = value;
        context->runnable_per_cpu = value / 10;
        context->memory_usage_percent = -value;
        gdouble rate = ask(sampler, context);
        ck_assert(rate <= 0.2 && rate >= 0.2 * 0.0099);
    }
    // Nothing is known: no load is no reason to time less.
    g_autoptr(PfSamplingContext) nothing = pf_sampling_context_new();
    nothing->interval_seconds = 10;
    ck_assert(ask(sampler, nothing) == 0.2);
    GError *error = NULL;
    ck_assert_ptr_null(pf_load_based_sampler_new(NAN, &error));
    ck_assert_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RATE);
}
END_TEST

// --- pattern

static const PfSamplingStratum debug_site = {.id = 1,
                                             .address = 0x7f0000001234,
                                             .offset = 0x1234,
                                             .function = "fprintf",
                                             .module = "/usr/lib/libfoo.so.1",
                                             .stream = "/var/log/audit.log",
                                             .template_text = "user %d logged in",
                                             .level = 7};

static guint line_for(const gchar *rules) {
    g_autoptr(PfPatternBasedSampler) sampler = pf_pattern_based_sampler_new();
    g_autoptr(GError) error = NULL;
    ck_assert_msg(pf_pattern_based_sampler_load(sampler, rules, "rules", &error), "%s",
                  error != NULL ? error->message : "");
    return pf_pattern_based_sampler_get_line(sampler, &debug_site);
}

START_TEST(every_condition_matches_what_it_says) {
    static const gchar *const yes[] = {"function=fprintf -> 1",
                                       "function=*printf -> 5%",
                                       "function!=write -> 1/100",
                                       "level=debug -> off",
                                       "level<=info -> 0.5",
                                       "level!=none -> 0",
                                       "level<=error -> 1",
                                       "level<=err -> 1",
                                       "stream=/var/log/*.log -> 1",
                                       "module=libfoo.so.* -> 1",
                                       "module=/usr/lib/* -> 1",
                                       "site=libfoo.so.1+0x1234 -> 1",
                                       "site=0x7f0000001234 -> 1",
                                       "template~\"logged (in|out)$\" -> 1 # why",
                                       "template!~\"^order\" -> 1",
                                       "template=\"user %d*\" -> 1",
                                       "level=debug function=f* stream=/var/* -> 1",
                                       "  -> 1"};
    static const gchar *const no[] = {"function=fprint -> 1",      "level>=info -> 1",
                                      "level>=err -> 1",           "level=error -> 1",
                                      "level=none -> 1",           "stream=/var/log/*.txt -> 1",
                                      "template~\"^logged\" -> 1", "level=debug function=w* -> 1",
                                      "site=libfoo.so.1+0x12 -> 1"};
    for (guint i = 0; i < G_N_ELEMENTS(yes); i++) {
        ck_assert_msg(line_for(yes[i]) == 1, "%s", yes[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(no); i++) {
        ck_assert_msg(line_for(no[i]) == 0, "%s", no[i]);
    }
    ck_assert_uint_eq(line_for("# nothing\n\nfunction=write -> 1\nlevel=debug -> off\n-> 1\n"), 4);
}
END_TEST

// A file's name is any bytes.  GLib turns a text round to match its end, and only knows how for UTF-8.
START_TEST(names_are_any_bytes) {
    PfSamplingStratum site = debug_site;
    site.stream = site.template_text = "/tmp/\xff\xff\xf5\xbf.log";
    g_autoptr(PfPatternBasedSampler) sampler = pf_pattern_based_sampler_new();
    ck_assert(pf_pattern_based_sampler_load(
        sampler, "stream=*?x?.log -> 0\ntemplate~\"^/tmp.*log$\" -> 1", "rules", NULL));
    ck_assert_uint_eq(pf_pattern_based_sampler_get_line(sampler, &site), 2);
    ck_assert(pf_pattern_based_sampler_load(sampler, "stream=*/t?p/*.l?g -> 1", "rules", NULL));
    ck_assert_uint_eq(pf_pattern_based_sampler_get_line(sampler, &site), 1);
}
END_TEST

START_TEST(errors_name_the_line) {
    static const gchar *const bad[][2] = {
        {"function=write", "rules:2: a rule ends with \"-> RATE\""},
        {"colour=red -> 1", "rules:2: \"colour\" is none of function, level, stream, module, site, "
                            "template"},
        {"function>=write -> 1", "rules:2: \">=\" does not go with \"function\""},
        {"level=loud -> 1", "rules:2: \"loud\" is not a level: emerg, alert, crit, error, warning, "
                            "notice, info, debug or none"},
        {"level -> 1", "rules:2: expected = != <= >= ~ or !~ after \"level\""},
        {"function=write -> 2", "rules:2: \"2\" is not a rate: a number from 0 to 1, 5%, 1/100 or "
                                "off"},
        {"function=write -> ",
         "rules:2: \"\" is not a rate: a number from 0 to 1, 5%, 1/100 or off"},
        {"function=write -> 1 2", "rules:2: \"2\" after the rate"},
        {"stream=\xbfs?\xff\xff\xf5 -> 1", "rules:2: not UTF-8"},
        {"function= -> 1", "rules:2: \"function\" has no value"},
        {"stream=\"a -> 1", "rules:2: a quoted value has no end"},
    };
    g_autoptr(PfPatternBasedSampler) sampler = pf_pattern_based_sampler_new();
    ck_assert(pf_pattern_based_sampler_load(sampler, "-> 0.5", "rules", NULL));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree gchar *text = g_strdup_printf("# first\n%s\n", bad[i][0]);
        GError *error = NULL;
        ck_assert(!pf_pattern_based_sampler_load(sampler, text, "rules", &error));
        ck_assert_str_eq(error->message, bad[i][1]);
        ck_assert_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RULE);
    }
    GError *error = NULL;
    ck_assert(!pf_pattern_based_sampler_load(sampler, "template~\"(\" -> 1", "rules", &error));
    ck_assert_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RULE);
    ck_assert(!pf_pattern_based_sampler_load_file(sampler, "/nowhere/rules", &error));
    ck_assert_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE);
    ck_assert_uint_eq(pf_pattern_based_sampler_get_rule_count(sampler), 1); // what it had
}
END_TEST

START_TEST(rules_set_rates_and_others_keep_theirs) {
    g_autoptr(PfPatternBasedSampler) sampler = pf_pattern_based_sampler_new();
    ck_assert(pf_pattern_based_sampler_load(sampler, "level=debug -> off", "rules", NULL));
    PfSamplingStratum strata[] = {debug_site, debug_site};
    strata[1].level = 3;
    PfSamplingContext context = {.default_rate = 0.25, .strata = strata, .stratum_count = 2};
    strata[0].rate = strata[1].rate = 0.25;
    ck_assert(ask(sampler, &context) == 0.25);
    ck_assert(strata[0].rate == 0 && strata[1].rate == 0.25);
    strata[0].level = 3; // no rule any more: back to what the program was started with
    ask(sampler, &context);
    ck_assert(strata[0].rate == 0.25);
}
END_TEST

// --- statistical

START_TEST(every_site_gets_enough) {
    g_autoptr(PfStatisticalSampler) sampler = pf_statistical_sampler_new(0.01, 200, NULL);
    PfSamplingStratum strata[] = {
        {.id = 1, .total_calls = 5},      // rare: every call
        {.id = 2, .total_calls = 100000}, // hot: the base rate gives enough
        {.id = 3, .total_calls = 4000},   // in between
    };
    PfSamplingContext context = {
        .interval_seconds = 10, .default_rate = 0.01, .strata = strata, .stratum_count = 3};
    ask(sampler, &context);
    ck_assert(strata[0].rate == 1 && strata[1].rate == 0.01);
    ck_assert_double_eq_tol(strata[2].rate, 0.05, 1e-9);
    ask(sampler, &context); // half as many per second
    ck_assert_double_eq_tol(strata[2].rate, 0.1, 1e-9);
}
END_TEST

// --- adaptive

typedef struct {
    gdouble calls_per_second;
    gdouble mean;
    gdouble deviation;
} law;

// Intervals of 0.1 s in which each site's timed calls have exactly its mean and deviation.
static void run(PfAdaptiveSampler *sampler, PfSamplingStratum *strata, const law *laws, gsize count,
                guint intervals, gdouble cpu) {
    for (guint i = 0; i < intervals; i++) {
        PfSamplingContext context = {.interval_seconds = 0.1,
                                     .cpu_seconds = 0.1 * cpu,
                                     .count_cost_ns = 2,
                                     .default_rate = 0.01,
                                     .strata = strata,
                                     .stratum_count = count};
        for (gsize s = 0; s < count; s++) {
            gdouble n = floor(laws[s].calls_per_second * 0.1 * strata[s].rate);
            strata[s].id = s;
            strata[s].cost_ns = 100;
            strata[s].calls = (guint64)(laws[s].calls_per_second * 0.1);
            strata[s].sampled = (guint64)n;
            strata[s].sum_ns = n * laws[s].mean;
            strata[s].sumsq_ns2 =
                n * (laws[s].mean * laws[s].mean + laws[s].deviation * laws[s].deviation);
        }
        ask(sampler, &context);
    }
}

START_TEST(the_budget_is_kept_and_goes_where_it_tells) {
    g_autoptr(PfAdaptiveSampler) sampler = pf_adaptive_sampler_new(NULL);
    const law laws[] = {{200000, 1000, 100}, {200000, 1000, 3000}, {20, 5000, 5000}};
    PfSamplingStratum strata[3] = {{.rate = 0.01}, {.rate = 0.01}, {.rate = 0.01}};
    run(sampler, strata, laws, 3, 600, 1);
    ck_assert_double_le(pf_adaptive_sampler_get_spent(sampler), 0.012);
    ck_assert_double_ge(pf_adaptive_sampler_get_spent(sampler), 0.008);
    ck_assert(strata[2].rate == 1);                   // rare: every call
    ck_assert(strata[1].rate > 1.5 * strata[0].rate); // varies more: more often
    ck_assert(strata[0].rate > 0);
}
END_TEST

START_TEST(a_storm_does_not_break_the_budget) {
    g_autoptr(PfAdaptiveSampler) sampler = pf_adaptive_sampler_new(NULL);
    law laws[] = {{1000, 1000, 1000}};
    PfSamplingStratum strata[1] = {{.rate = 0.01}};
    run(sampler, strata, laws, 1, 50, 1);
    ck_assert(strata[0].rate == 1);
    laws[0].calls_per_second = 2e6; // 4 ms of counting per second, 200 ms if all were timed
    run(sampler, strata, laws, 1, 2, 1);
    ck_assert_double_le(strata[0].rate * 2e6 * 100, 3 * 1e7 * 1.01);
    run(sampler, strata, laws, 1, 300, 1);
    ck_assert_double_le(pf_adaptive_sampler_get_spent(sampler), 0.012);
}
END_TEST

START_TEST(a_change_is_noticed_and_a_slow_call_is_none) {
    g_autoptr(PfAdaptiveSampler) sampler = pf_adaptive_sampler_new(NULL);
    law laws[] = {{500, 1000, 200}};
    PfSamplingStratum strata[1] = {{.rate = 1}};
    run(sampler, strata, laws, 1, 100, 1);
    ck_assert_uint_eq(pf_adaptive_sampler_get_change_count(sampler), 0);
    laws[0].mean = 1e6; // one interval only
    run(sampler, strata, laws, 1, 1, 1);
    laws[0].mean = 1000;
    run(sampler, strata, laws, 1, 100, 1);
    ck_assert_uint_eq(pf_adaptive_sampler_get_change_count(sampler), 0);
    g_autoptr(PfAdaptiveSampler) fresh = pf_adaptive_sampler_new(NULL);
    run(fresh, strata, laws, 1, 100, 1);
    laws[0].mean = 3000;
    run(fresh, strata, laws, 1, 10, 1);
    ck_assert_uint_ge(pf_adaptive_sampler_get_change_count(fresh), 1);
}
END_TEST

// Two processes, the second of which is seen for the first time: it has rates at once, and those of the first.
START_TEST(processes_share_what_was_learned) {
    PfAdaptiveSamplingConfig config = {.overhead_budget = 0.01};
    g_autoptr(PfAdaptiveSampler) sampler = pf_adaptive_sampler_new(&config);
    ck_assert(pf_adaptive_sampler_get_even_rate(sampler) < 0);
    PfSamplingStratum site = {.id = 1,
                              .offset = 0x10,
                              .module = "/bin/a",
                              .function = "write",
                              .calls = 10000,
                              .sampled = 100,
                              .sum_ns = 1e5,
                              .sumsq_ns2 = 2e8,
                              .cost_ns = 100,
                              .rate = 0.01};
    PfSamplingContext context = {.interval_seconds = 0,
                                 .cpu_seconds = 0.1,
                                 .count_cost_ns = 0,
                                 .default_rate = 0.01,
                                 .strata = &site,
                                 .stratum_count = 1};
    ask(sampler, &context);
    context.interval_seconds = 0.1;
    for (guint i = 0; i < 200; i++) {
        ask(sampler, &context);
        site.sampled = (guint64)((gdouble)site.calls * site.rate);
    }
    // 100,000 calls per second at 100 ns each would be 1 %: all of the budget.
    gdouble even = pf_adaptive_sampler_get_even_rate(sampler);
    ck_assert_double_eq_tol(even, 1, 0.1);
    site.calls *= 10; // as another process does it, that has used as much CPU
    site.id = 77;
    site.rate = 0.5;
    for (guint i = 0; i < 400; i++) {
        context.interval_seconds = 0;
        gdouble usual = ask(sampler, &context);
        ck_assert(i < 100 || usual == pf_adaptive_sampler_get_even_rate(sampler));
        site.sampled = (guint64)((gdouble)site.calls * site.rate);
    }
    ck_assert_double_eq_tol(pf_adaptive_sampler_get_even_rate(sampler), 0.1, 0.03);
    ck_assert_double_eq_tol(site.rate, 0.1, 0.05);
    ck_assert_double_le(pf_adaptive_sampler_get_spent(sampler), 0.012);
}
END_TEST

START_TEST(configuration_names_samplers) {
    PfAdaptiveSamplingConfig config = {.sampler = "adaptive", .overhead_budget = 0.02};
    g_autoptr(PfSampler) adaptive = pf_sampler_new_from_config(&config, 0.01, NULL);
    ck_assert(PF_IS_ADAPTIVE_SAMPLER(adaptive));
    config.sampler = "fixed";
    GError *error = NULL;
    ck_assert_ptr_null(pf_sampler_new_from_config(&config, 0.01, &error));
    ck_assert_ptr_null(error);
    config.sampler = "pattern";
    ck_assert_ptr_null(pf_sampler_new_from_config(&config, 0.01, &error));
    ck_assert_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RULE);
}
END_TEST

START_TEST(decisions_stay_in_range) {
    PfSamplingStratum stratum = {.rate = 0.5, .function = "write"};
    PfSamplingContext context = {.strata = &stratum, .stratum_count = 1};
    g_autoptr(PfSamplingContext) copy = pf_sampling_context_copy(&context);
    ck_assert_str_eq(copy->strata[0].function, "write");
    g_autoptr(PfSamplingDecision) decision = pf_sampling_decision_new(copy);
    const gdouble given[] = {-1, 2, NAN, 0.25};
    const gdouble kept[] = {0, 1, 0, 0.25};
    for (guint i = 0; i < G_N_ELEMENTS(given); i++) {
        pf_sampling_decision_set_rate(decision, 0, given[i]);
        pf_sampling_decision_set_default_rate(decision, given[i]);
        ck_assert(pf_sampling_decision_get_rate(decision, 0) == kept[i]);
        ck_assert(pf_sampling_decision_get_default_rate(decision) == kept[i]);
    }
}
END_TEST

static struct pf_context *say(segment_maker *maker, struct pf_slot *slot, const gchar *user,
                              const gchar *request) {
    struct pf_context *context =
        maker_take(maker, sizeof *context, G_ALIGNOF(struct pf_context), &slot->context);
    g_strlcpy(context->user_id, user, PF_CONTEXT_SIZE);
    g_strlcpy(context->request_id, request, PF_CONTEXT_SIZE);
    return context;
}

START_TEST(contexts_say_whom_the_program_works_for) {
    segment_maker maker;
    maker_init(&maker, 1 << 20);
    g_strlcpy(maker_header(&maker)->program, "orderd", sizeof maker_header(&maker)->program);
    struct pf_slot *one = maker_add_slot(&maker, 1, "one");
    struct pf_slot *other = maker_add_slot(&maker, 2, "other");
    maker_add_slot(&maker, 3, "says nothing");
    say(&maker, one, "ann", "7");
    g_strlcpy(say(&maker, other, "ann", "8")->operation, "checkout", PF_CONTEXT_SIZE);
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    gsize size;
    gconstpointer data = g_bytes_get_data(bytes, &size);
    pf_reader *reader = pf_reader_new_from_bytes(data, size, NULL);
    ck_assert_ptr_nonnull(reader);
    pf_strata *strata = pf_strata_new();
    PfSamplingContext *context = pf_sampling_context_new();
    for (guint look = 0; look < 2; look++) {
        ck_assert(pf_strata_read(strata, reader, context, NULL));
        ck_assert_str_eq(context->user_id, "ann");
        ck_assert_ptr_null(context->request_id);
        ck_assert_str_eq(context->operation_name, "checkout");
    }
    context->strata = NULL;
    context->stratum_count = 0;
    pf_sampling_context_free(context);
    pf_strata_free(strata);
    pf_reader_unref(reader);
    maker_clear(&maker);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {load_lowers_the_rate_and_relief_restores_it,
                                  load_never_goes_above_its_ceiling,
                                  every_condition_matches_what_it_says,
                                  names_are_any_bytes,
                                  errors_name_the_line,
                                  rules_set_rates_and_others_keep_theirs,
                                  every_site_gets_enough,
                                  the_budget_is_kept_and_goes_where_it_tells,
                                  a_storm_does_not_break_the_budget,
                                  a_change_is_noticed_and_a_slow_call_is_none,
                                  processes_share_what_was_learned,
                                  configuration_names_samplers,
                                  decisions_stay_in_range,
                                  contexts_say_whom_the_program_works_for,
                                  NULL};
    return pf_test_run("samplers", tests);
}
