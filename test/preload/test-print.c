// SPDX-License-Identifier: Apache-2.0
// The formatter: numbers, units, JSON strings, dates, and a full buffer.
#include "../check-main.h"
#include "pf-print.h"
#include <string.h>

static char text[256];
static struct pf_out out;

static void begin(void) { out = (struct pf_out){.text = text, .size = sizeof text - 1}; }

static const char *end(void) {
    text[out.used] = 0;
    return text;
}

#define IS(put, want)                                                                              \
    do {                                                                                           \
        begin();                                                                                   \
        put;                                                                                       \
        ck_assert_str_eq(end(), want);                                                             \
    } while (0)

START_TEST(numbers) {
    IS(pf_out_uint(&out, 0), "0");
    IS(pf_out_uint(&out, UINT64_MAX), "18446744073709551615");
    IS(pf_out_grouped(&out, 1284310), "1 284 310");
    IS(pf_out_grouped(&out, 999), "999");
    IS(pf_out_per_second(&out, 100024.06), "100 024.1");
    IS(pf_out_per_second(&out, 0), "0.0");
    IS(pf_out_per_second(&out, 999.96), "1 000.0");
    IS(pf_out_per_second(&out, 99999999.9), "99 999 999.9");
    IS(pf_out_per_second(&out, 7e12), "7.00T");
    IS(pf_out_hex(&out, 0x1a2b), "0x1a2b");
    IS(pf_out_fixed(&out, 1.005, 2), "1.00");
    IS(pf_out_fixed(&out, 0.9999, 2), "1.00");
    IS(pf_out_fixed(&out, -2.5, 1), "-2.5");
    IS(pf_out_fixed(&out, 0.0 / 0.0, 3), "0");
    IS(pf_out_fixed(&out, 1e300, 3), "0");
    IS(pf_out_fixed(&out, 12, 0), "12");
}
END_TEST

START_TEST(units) {
    IS(pf_out_duration(&out, 0), "0 ns");
    IS(pf_out_duration(&out, 999.6), "1.00 µs");
    IS(pf_out_duration(&out, 47), "47 ns");
    IS(pf_out_duration(&out, 9100), "9.10 µs");
    IS(pf_out_duration(&out, 402e6), "402 ms");
    IS(pf_out_duration(&out, 1.62e9), "1.62 s");
    IS(pf_out_size(&out, 1023), "1023 B");
    IS(pf_out_size(&out, 1024), "1.00 KiB");
    IS(pf_out_size(&out, 88.1 * 1048576), "88.1 MiB");
    IS(pf_out_count(&out, 63300), "63.3k");
    IS(pf_out_count(&out, 999), "999");
}
END_TEST

START_TEST(json_strings_are_valid) {
    IS(pf_out_json(&out, "a\"b\\c\n\x01", 7), "\"a\\\"b\\\\c\\u000a\\u0001\"");
    IS(pf_out_json(&out, "h\xc3\xa9", 3), "\"h\xc3\xa9\"");
    IS(pf_out_json(&out, "\xff\xc3", 2), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    IS(pf_out_json(&out, "\xed\xa0\x80", 3), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

START_TEST(dates) {
    IS(pf_out_utc(&out, 0), "1970-01-01T00:00:00Z");
    IS(pf_out_utc(&out, 951827696), "2000-02-29T12:34:56Z");
    IS(pf_out_utc(&out, 1795465867), "2026-11-23T20:31:07Z");
    IS(pf_out_utc(&out, 4102444799), "2099-12-31T23:59:59Z");
}
END_TEST

START_TEST(columns) {
    begin();
    pf_out(&out, "µs");
    pf_out_right(&out, 0, 5);
    ck_assert_str_eq(end(), "   µs");
    begin();
    pf_out(&out, "µs");
    pf_out_left(&out, 0, 4);
    ck_assert_str_eq(end(), "µs  ");
}
END_TEST

START_TEST(a_full_buffer_is_cut_and_says_so) {
    char small[8] = "";
    struct pf_out little = {.text = small, .size = 4};
    pf_out(&little, "longer");
    ck_assert(little.cut);
    ck_assert_uint_eq(little.used, 4);
    ck_assert_int_eq(small[4], 0);
}
END_TEST

START_TEST(reading_numbers) {
    double number;
    uint64_t whole;
    ck_assert(pf_parse_number("0.01", &number) && number == 0.01);
    ck_assert(pf_parse_number("1e-3", &number) && number == 0.001);
    ck_assert(pf_parse_number("5", &number) && number == 5);
    ck_assert(pf_parse_number(".5", &number) && number == 0.5);
    ck_assert(!pf_parse_number("", &number) && !pf_parse_number("abc", &number));
    ck_assert(!pf_parse_number("-1", &number) && !pf_parse_number("1x", &number));
    ck_assert(!pf_parse_number("nan", &number) && !pf_parse_number("1e", &number));
    ck_assert(pf_parse_uint("65536", &whole) && whole == 65536);
    ck_assert(!pf_parse_uint("99999999999999999999", &whole));
    ck_assert(!pf_parse_uint("", &whole) && !pf_parse_uint("1.5", &whole));
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {numbers, 0},         {units, 0},   {json_strings_are_valid, 0},
        {dates, 0},           {columns, 0}, {a_full_buffer_is_cut_and_says_so, 0},
        {reading_numbers, 0}, {NULL, 0},
    };
    return check_main("print", tests);
}
