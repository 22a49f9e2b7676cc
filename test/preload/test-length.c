// SPDX-License-Identifier: Apache-2.0
// Short lengths without strlen: every length and alignment, up to the last byte of mapped memory.
#include "../check-main.h"
#include "pf-length.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *page_before_a_hole(size_t *ret_size) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    ck_assert_int_eq(mprotect(page + size, size, PROT_NONE), 0);
    *ret_size = size;
    return page;
}

// A short string is measured rightly or given back to strlen; never is a byte of the hole touched.
static void measure(const char *text, size_t length) {
    size_t found = 12345;
    bool ascii = false;
    bool is_short = pf_short_text(text, &found, &ascii);
    if (is_short) {
        SURE(found == length);
        SURE(ascii == (memchr(text, 0x80, length) == NULL));
    }
#if defined(__SSE2__) && !defined(PF_MEMORY_IS_WATCHED)
    SURE(is_short || length > 16 * PF_LENGTH_BLOCKS - 16);
    SURE(!is_short || length < 16 * PF_LENGTH_BLOCKS);
#endif
}

START_TEST(every_length_at_the_end_of_a_page) {
    size_t size;
    char *page = page_before_a_hole(&size);
    memset(page, 'x', size);
    page[size - 1] = 0;
    for (size_t length = 0; length < 200; length++) {
        measure(page + size - 1 - length, length);
    }
}
END_TEST

// What lies before the string in its first block says nothing, and neither does what comes after.
START_TEST(every_length_at_every_alignment) {
    static char area[512] __attribute__((aligned(64)));
    for (size_t from = 1; from < 65; from++) {
        for (size_t length = 0; length < 100; length++) {
            memset(area, 'x', sizeof area);
            area[from + length] = 0;
            measure(area + from, length);
            // One byte of the string that is not ASCII, or one just outside of it.
            for (size_t odd = from - 1; odd < from + length + 2; odd++) {
                if (odd != from + length) {
                    area[odd] = (char)0x80;
                    measure(area + from, length);
                    area[odd] = 'x';
                }
            }
        }
    }
}
END_TEST

int main(void) {
    const struct check_test tests[] = {
        {every_length_at_the_end_of_a_page, 0},
        {every_length_at_every_alignment, 0},
        {NULL, 0},
    };
    return check_main("length", tests);
}
