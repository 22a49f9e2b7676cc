// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes through the emoji scanner, and what libunistring says of the same.
// with: preload/pf-emoji.c
// libraries: -lunistring
#include "pf-emoji.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Characters that one of the two versions of Unicode does not have.
static bool is_new(ucs4_t point) {
    return point >= 0x1f6dc || uc_is_general_category(point, UC_CATEGORY_Cn);
}

// As documented: text ends at a NUL or at the first bytes that are not UTF-8.
static int expected(const uint8_t *text, size_t size) {
    ucs4_t before = 0;
    for (size_t at = 0; at < size && text[at] != 0;) {
        ucs4_t point;
        int step = u8_mbtoucr(&point, text + at, size - at);
        if (step <= 0) {
            return 0;
        }
        if (is_new(point)) {
            return -1;
        }
        if (uc_is_property_emoji_presentation(point) ||
            (point == 0xfe0f && uc_is_property_emoji(before))) {
            return 1;
        }
        before = point;
        at += (size_t)step;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size ? size : 1); // of exactly that size: a byte too far is found
    memcpy(copy, data, size);
    int want = expected(data, size);
    if (want >= 0 && pf_has_emoji(copy, size) != (want == 1)) {
        abort();
    }
    free(copy);
    return 0;
}
