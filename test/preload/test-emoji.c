// SPDX-License-Identifier: Apache-2.0
// The emoji scanner against libunistring over all code points, and at the edges of memory.
#include "../check-main.h"
#include "pf-emoji-table.h"
#include "pf-emoji.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unictype.h>
#include <unistr.h>

START_TEST(every_code_point_agrees_with_libunistring) {
    unsigned differ = 0;
    for (uint32_t point = 1; point < 0x110000; point++) {
        uint8_t text[12];
        if (point >= 0xd800 && point < 0xe000) {
            continue;
        }
        int length = u8_uctomb(text, point, sizeof text);
        bool alone = uc_is_property_emoji_presentation(point);
        bool with = alone || uc_is_property_emoji(point);
        if (pf_has_emoji((char *)text, (size_t)length) != alone) {
            // The two may know different versions of Unicode: only new characters may differ.
            check_often(uc_is_general_category(point, UC_CATEGORY_Cn) || point >= 0x1f6dc, "U+%04X",
                        point);
            differ++;
            continue;
        }
        length += u8_uctomb(text + length, 0xfe0f, (int)sizeof text - length);
        check_often(pf_has_emoji((char *)text, (size_t)length) == with, "U+%04X U+FE0F", point);
        wchar_t wide[2] = {(wchar_t)point, 0xfe0f};
        check_often(pf_has_emoji_wide(wide, 1) == alone, "U+%04X, wide", point);
        check_often(pf_has_emoji_wide(wide, 2) == with, "U+%04X U+FE0F, wide", point);
    }
    ck_assert_uint_le(differ, 64);
}
END_TEST

START_TEST(the_edges_of_a_text) {
    static const struct {
        const char *text;
        bool emoji;
    } cases[] = {
        {"", false},
        {"plain", false},
        {"5# \xc2\xa9", false},              // digits and a bare copyright sign
        {"5\xef\xb8\x8f\xe2\x83\xa3", true}, // keycap
        {"\xc2\xa9\xef\xb8\x8f", true},      // (c) shown as an emoji
        {"x\xef\xb8\x8f", false},            // a selector after nothing that takes it
        {"\xef\xb8\x8f", false},             //
        {"done \xf0\x9f\x98\x80", true},     //
        {"h\xc3\xa9llo w\xc3\xb6rld \xe2\x82\xac", false},
        {"\xff\xf0\x9f\x98\x80", false},     // binary: the rest is not looked at
        {"\xf0\x9f\x98", false},             // cut off
        {"\xe2\x9c\x85 ok", true},           // check mark
        {"\xed\xa0\xbd\xed\xb8\x80", false}, // surrogates are not UTF-8
        {"\xc0\x80\xf0\x9f\x98\x80", false}, // overlong
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(pf_has_emoji(cases[i].text, strlen(cases[i].text)) == cases[i].emoji,
                      "case %zu", i);
    }
}
END_TEST

START_TEST(a_nul_makes_it_binary) {
    for (size_t before = 0; before < 40; before++) {
        char text[64];
        memset(text, 'a', sizeof text);
        text[before] = 0;
        memcpy(text + before + 1, "\xf0\x9f\x98\x80", 4);
        ck_assert(!pf_has_emoji(text, sizeof text));
        text[before] = 'a';
        ck_assert(pf_has_emoji(text, sizeof text));
    }
}
END_TEST

START_TEST(reads_no_byte_outside) {
    char *pages = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    char *page = pages + 4096;
    ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
    memset(page, 'a', 4096);
    for (size_t length = 0; length <= 96; length++) {
        ck_assert(!pf_has_emoji(page, length));
        ck_assert(!pf_has_emoji(page + 4096 - length, length));
        if (length >= 4) {
            char *last = page + 4096 - 4;
            memcpy(last, "\xf0\x9f\x98\x80", 4);
            ck_assert(pf_has_emoji(page + 4096 - length, length));
            ck_assert(!pf_has_emoji(page + 4096 - length, length - 1));
            memcpy(last, "aaaa", 4);
        }
    }
    munmap(pages, 3 * 4096);
}
END_TEST

START_TEST(random_bytes_agree_with_a_plain_reading) {
    srandom(1);
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t text[24];
        size_t length = (size_t)random() % sizeof text;
        for (size_t i = 0; i < length; i++) {
            static const uint8_t usual[] = {'a',  '1',  0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x9c,
                                            0x85, 0xef, 0xb8, 0x8f, 0xc2, 0xa9, 0xff};
            text[i] = usual[(size_t)random() % sizeof usual];
        }
        bool want = false;
        ucs4_t before = 0;
        for (size_t at = 0; at < length && !want;) {
            ucs4_t point;
            int step = u8_mbtoucr(&point, text + at, length - at);
            if (step <= 0) {
                break;
            }
            want = point == 0xfe0f ? uc_is_property_emoji(before)
                                   : uc_is_property_emoji_presentation(point);
            before = point;
            at += (size_t)step;
        }
        check_often(pf_has_emoji((char *)text, length) == want, "round %u", round);
    }
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {every_code_point_agrees_with_libunistring, 0},
        {the_edges_of_a_text, 0},
        {a_nul_makes_it_binary, 0},
        {reads_no_byte_outside, 0},
        {random_bytes_agree_with_a_plain_reading, 0},
        {NULL, 0},
    };
    return check_main("emoji", tests);
}
