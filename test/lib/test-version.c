// SPDX-License-Identifier: Apache-2.0
// The version: one source, and comparisons that get each part right.
#include "pf-test.h"

START_TEST(the_version_is_the_builds) {
    g_autofree gchar *text =
        g_strdup_printf("%d.%d.%d", PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION);
    ck_assert_str_eq(pf_version_string(), text);
    ck_assert_str_eq(pf_version_string(), PF_VERSION);
}
END_TEST

START_TEST(an_earlier_version_is_there_a_later_one_not) {
    ck_assert(PF_CHECK_VERSION(PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION));
    ck_assert(!PF_CHECK_VERSION(PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION + 1));
    ck_assert(!PF_CHECK_VERSION(PF_MAJOR_VERSION, PF_MINOR_VERSION + 1, 0));
    ck_assert(!PF_CHECK_VERSION(PF_MAJOR_VERSION + 1, 0, 0));
    ck_assert(pf_check_version(PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION));
    ck_assert(!pf_check_version(PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION + 1));
    ck_assert(!pf_check_version(PF_MAJOR_VERSION, PF_MINOR_VERSION + 1, 0));
    ck_assert(!pf_check_version(PF_MAJOR_VERSION + 1, 0, 0));
    ck_assert(pf_check_version(0, 0, G_MAXUINT));
}
END_TEST

START_TEST(each_domain_has_a_name_of_its_own) {
    ck_assert_str_eq(g_quark_to_string(PF_PROFILING_ERROR), "pf-profiling-error-quark");
    ck_assert_str_eq(g_quark_to_string(PF_SAMPLING_ERROR), "pf-sampling-error-quark");
    ck_assert_str_eq(g_quark_to_string(PF_EXPORTER_ERROR), "pf-exporter-error-quark");
    ck_assert_str_eq(g_quark_to_string(PF_CONFIGURATION_ERROR), "pf-configuration-error-quark");
}
END_TEST

int main(void) {
    return pf_test_run("version", (const TTest *[]){the_version_is_the_builds,
                                                    an_earlier_version_is_there_a_later_one_not,
                                                    each_domain_has_a_name_of_its_own, NULL});
}
