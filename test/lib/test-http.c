// SPDX-License-Identifier: Apache-2.0
// What exporters read of the outside: hostile answers to OTLP requests, Accept headers, addresses.
#include "pf-http.h"
#include "pf-otlp.h"
#include "pf-prometheus-format.h"
#include "pf-test.h"
#include <string.h>

START_TEST(test_hostile_answers) {
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    for (guint turn = 0; turn < 20000; turn++) {
        gsize length = (gsize)g_rand_int_range(random, 0, 40);
        guint8 *bytes = g_malloc(length + 1);
        for (gsize i = 0; i < length; i++) {
            bytes[i] =
                (guint8)(g_rand_int_range(random, 0, 3) == 0 ? g_rand_int(random)
                                                             : (guint32) "\x0a\x08\x12\x02"[i % 4]);
        }
        // Exactly as long as it is, so that a byte too far is seen.
        GString text = {.str = (gchar *)g_memdup2(bytes, MAX(length, 1)), .len = length};
        g_autofree gchar *message = NULL;
        pf_otlp_rejected(&text, FALSE, &message);
        ck_assert(message == NULL || g_utf8_validate(message, -1, NULL));
        g_free(text.str);
        bytes[length] = 0;
        GString json = {.str = (gchar *)bytes, .len = length};
        g_autofree gchar *other = NULL;
        pf_otlp_rejected(&json, TRUE, &other);
        g_free(bytes);
    }
}
END_TEST

START_TEST(test_accept) {
    ck_assert_int_eq(pf_prometheus_choose(NULL), PF_PROMETHEUS_TEXT);
    ck_assert_int_eq(pf_prometheus_choose("*/*"), PF_PROMETHEUS_TEXT);
    ck_assert_int_eq(pf_prometheus_choose("text/plain;version=0.0.4;q=0.5,"
                                          "application/openmetrics-text;version=1.0.0;q=0.9"),
                     PF_PROMETHEUS_OPENMETRICS);
    ck_assert_int_eq(
        pf_prometheus_choose("application/vnd.google.protobuf;proto=io.prometheus.client."
                             "MetricFamily;encoding=delimited,text/plain;q=0.3"),
        PF_PROMETHEUS_PROTOBUF);
    ck_assert_int_eq(pf_prometheus_choose(";;,,q=,=,"), PF_PROMETHEUS_TEXT);
}
END_TEST

START_TEST(test_addresses_are_said_without_secrets) {
    g_autofree gchar *url = pf_http_safe_url("https://me:geheim@host:1/path?key=geheim#geheim");
    ck_assert_ptr_null(strstr(url, "geheim"));
    ck_assert_ptr_nonnull(strstr(url, "host:1/path"));
    g_autofree gchar *bad = pf_http_safe_url("geheim");
    ck_assert_ptr_null(strstr(bad, "geheim"));
}
END_TEST

// Waits of 125 to 250 ms, then twice that and so on; never more than 30 s, but as long as the receiver says.
START_TEST(test_waits_between_tries) {
    static const guint most[] = {250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    static const guint least[] = {125, 250, 500, 1000, 2000, 4000, 8000, 16000, 16000, 16000};
    for (guint tries = 0; tries < G_N_ELEMENTS(most); tries++) {
        guint low = G_MAXUINT, high = 0;
        for (guint i = 0; i < 2000; i++) {
            guint wait = pf_http_backoff_ms(tries, 0);
            low = MIN(low, wait);
            high = MAX(high, wait);
        }
        ck_assert_uint_ge(low, least[tries]);
        ck_assert_uint_le(high, most[tries]);
        ck_assert_uint_lt(low, high); // those who failed together come back apart
        ck_assert_uint_eq(pf_http_backoff_ms(tries, 60), 60000);
    }
    ck_assert_uint_le(pf_http_backoff_ms(G_MAXUINT, 0), 30000);
}
END_TEST

START_TEST(test_retry_after) {
    const gint64 now = 1700000000; // Tue, 14 Nov 2023 22:13:20 GMT
    ck_assert_uint_eq(pf_http_parse_retry_after("7", now), 7);
    ck_assert_uint_eq(pf_http_parse_retry_after("0", now), 0);
    ck_assert_uint_eq(pf_http_parse_retry_after("99999999999999999999", now), 3600);
    ck_assert_uint_eq(pf_http_parse_retry_after("Tue, 14 Nov 2023 22:13:50 GMT", now), 30);
    ck_assert_uint_eq(pf_http_parse_retry_after("Tue, 14 Nov 2023 22:13:20 GMT", now), 0);
    ck_assert_uint_eq(pf_http_parse_retry_after("Tue, 14 Nov 2023 21:00:00 GMT", now), 0);
    ck_assert_uint_eq(pf_http_parse_retry_after("Wed, 15 Nov 2023 22:13:20 GMT", now), 3600);
    ck_assert_uint_eq(pf_http_parse_retry_after("soon", now), 0);
    ck_assert_uint_eq(pf_http_parse_retry_after("", now), 0);
    ck_assert_uint_eq(pf_http_parse_retry_after("-5", now), 0);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        test_hostile_answers,     test_accept,      test_addresses_are_said_without_secrets,
        test_waits_between_tries, test_retry_after, NULL};
    return pf_test_run("http", tests);
}
