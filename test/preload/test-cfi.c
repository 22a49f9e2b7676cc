// SPDX-License-Identifier: Apache-2.0
// Frame information that is cut off, mutated or random is never read beyond its ends: under
// AddressSanitizer, in copies of exactly its size.
#include "../check-main.h"
#include "pf-expression.h"
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 88172645463325252ull;
static uint64_t draw(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// A read-only segment with frame information, and a copy of it on the heap.
struct sample {
    struct pf_span original;
    uintptr_t header;
    unsigned entries;
    uint8_t *copy;
    size_t size;
};
#define SAMPLES_MOST 8
static struct sample samples[SAMPLES_MOST];
static unsigned sample_count;

static int add_module(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    struct sample *sample = &samples[sample_count];
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME) {
            sample->header = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        }
    }
    for (int i = 0; i < info->dlpi_phnum && sample->header != 0; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && sample->header - start < segment->p_filesz) {
            sample->original = (struct pf_span){start, start + segment->p_filesz};
        }
    }
    if (sample_count + 1 < SAMPLES_MOST && sample->original.end != 0) {
        memcpy(&sample->entries, (const char *)sample->header + 8, 4);
        sample_count++;
    }
    return 0;
}

// The sanitizer has forbidden places between the constants of this program.
__attribute__((no_sanitize("address"))) static struct pf_span copy_sample(struct sample *sample,
                                                                          size_t size) {
    sample->size = size;
    sample->copy = malloc(size);
    const volatile uint8_t *from = (const volatile uint8_t *)sample->original.start;
    for (size_t i = 0; i < size; i++) {
        sample->copy[i] = from[i];
    }
    return (struct pf_span){(uintptr_t)sample->copy, (uintptr_t)sample->copy + size};
}

// Where a function begins, and at most 255 bytes on.
static uintptr_t some_address(const struct sample *sample, unsigned entry) {
    int32_t function;
    memcpy(&function, (const char *)sample->header + 12 + 8ul * entry, 4);
    return sample->header + (uintptr_t)(intptr_t)function + draw() % 256;
}

static bool read_anything(void *memory, uintptr_t address, uintptr_t *ret_word) {
    (void)memory;
    *ret_word = address ^ draw();
    return draw() % 8 != 0;
}

static void evaluate(struct pf_span span, const struct pf_row *row) {
    struct pf_registers registers = {.known = draw()};
    uintptr_t value = 0;
    if (row->cfa_expression) {
        pf_expression(span, span.start + (uintptr_t)row->cfa, &registers, NULL, read_anything, NULL,
                      &value);
    }
    for (unsigned i = 0; i < PF_REGISTERS; i++) {
        if (row->how[i] == PF_HOW_AT_EXPRESSION || row->how[i] == PF_HOW_IS_EXPRESSION) {
            pf_expression(span, span.start + (uintptr_t)row->value[i], &registers, &value,
                          read_anything, NULL, &value);
        }
    }
}

static bool find(const struct sample *sample, struct pf_span span, uintptr_t pc) {
    struct pf_row row;
    uintptr_t moved = span.start - sample->original.start;
    bool found = pf_cfi_find(span, (const void *)(sample->header + moved), pc + moved, &row);
    if (found) {
        evaluate(span, &row);
    }
    return found;
}

START_TEST(a_copy_says_the_same) {
    unsigned found = 0;
    for (unsigned i = 0; i < sample_count; i++) {
        struct sample *sample = &samples[i];
        struct pf_span span = copy_sample(sample, sample->original.end - sample->original.start);
        uintptr_t moved = span.start - sample->original.start;
        for (unsigned entry = 0; entry < sample->entries; entry++) {
            struct pf_row there;
            struct pf_row here;
            uintptr_t pc = some_address(sample, entry);
            bool is_there = pf_cfi_find(sample->original, (const void *)sample->header, pc, &there);
            bool is_here =
                pf_cfi_find(span, (const void *)(sample->header + moved), pc + moved, &here);
            ck_assert(is_there == is_here);
            ck_assert(!is_here || memcmp(&there, &here, sizeof here) == 0);
            found += is_here;
        }
        free(sample->copy);
    }
    ck_assert_uint_gt(found, 1000);
}
END_TEST

// Addresses within functions: all of them have a row.
START_TEST(every_function_is_found) {
    for (unsigned i = 0; i < sample_count; i++) {
        for (unsigned entry = 0; entry < samples[i].entries; entry++) {
            struct pf_row row;
            int32_t function;
            memcpy(&function, (const char *)samples[i].header + 12 + 8ul * entry, 4);
            ck_assert(pf_cfi_find(samples[i].original, (const void *)samples[i].header,
                                  samples[i].header + (uintptr_t)(intptr_t)function, &row));
        }
    }
}
END_TEST

START_TEST(cut_off) {
    for (unsigned i = 0; i < sample_count; i++) {
        struct sample *sample = &samples[i];
        size_t header = sample->header - sample->original.start;
        size_t most = sample->original.end - sample->original.start;
        for (int cut = 0; cut < 300; cut++) {
            size_t size = cut < 40 ? header + (size_t)cut : header + draw() % (most - header);
            struct pf_span span = copy_sample(sample, size);
            for (int n = 0; n < 50; n++) {
                find(sample, span, some_address(sample, (unsigned)(draw() % sample->entries)));
            }
            free(sample->copy);
        }
    }
}
END_TEST

START_TEST(mutated) {
    unsigned found = 0;
    unsigned lost = 0;
    for (unsigned i = 0; i < sample_count; i++) {
        struct sample *sample = &samples[i];
        struct pf_span span = copy_sample(sample, sample->original.end - sample->original.start);
        size_t header = sample->header - sample->original.start;
        for (int round = 0; round < 60000; round++) {
            unsigned entry = (unsigned)(draw() % sample->entries);
            // Mostly in the entry that will be looked at, sometimes in the table or anywhere.
            int32_t offset;
            memcpy(&offset, (const char *)sample->header + 16 + 8ul * entry, 4);
            size_t at = header + (size_t)offset + draw() % 64;
            at = draw() % 8 ? at : header + draw() % 64;
            at = at < sample->size ? at : draw() % sample->size;
            uint8_t before = sample->copy[at];
            sample->copy[at] = (uint8_t)draw();
            bool there = find(sample, span, some_address(sample, entry));
            found += there;
            lost += !there;
            sample->copy[at] = before;
        }
        free(sample->copy);
    }
    ck_assert_uint_gt(found, 1000);
    ck_assert_uint_gt(lost, 1000);
}
END_TEST

START_TEST(random_bytes) {
    for (int round = 0; round < 200000; round++) {
        size_t size = 12 + draw() % 200;
        uint8_t *bytes = malloc(size);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(draw() % 4 ? draw() % 20 : draw());
        }
        // A header that is right, with one entry, so that there is a way in.
        const uint8_t header[] = {1, 0x1b, 3, 0x3b, 0, 0, 0, 0, 1, 0, 0, 0};
        memcpy(bytes, header, draw() % 16 ? sizeof header : 3);
        struct pf_span span = {(uintptr_t)bytes, (uintptr_t)bytes + size};
        struct pf_row row;
        if (pf_cfi_find(span, bytes, (uintptr_t)bytes + draw() % 1000, &row)) {
            evaluate(span, &row);
        }
        struct pf_registers registers = {.known = draw()};
        uintptr_t value;
        pf_expression(span, span.start + draw() % size, &registers, NULL, read_anything, NULL,
                      &value);
        free(bytes);
    }
}
END_TEST

// What an expression is worth: the procedure linkage table's, and what must be refused.
static bool worth(const char *text, size_t length, uintptr_t want) {
    uint8_t bytes[64];
    bytes[0] = (uint8_t)length;
    memcpy(bytes + 1, text, length);
    struct pf_span span = {(uintptr_t)bytes, (uintptr_t)bytes + 1 + length};
    struct pf_registers registers = {.known = 1 | 2};
    registers.value[0] = 1000;
    registers.value[1] = 0x40b;
    uintptr_t value = 0;
    return pf_expression(span, span.start, &registers, NULL, read_anything, NULL, &value) &&
           value == want;
}
#define WORTH(text, want) ck_assert(worth(text, sizeof(text) - 1, (uintptr_t)(want)))
#define REFUSED(text) ck_assert(!worth(text, sizeof(text) - 1, 0))

START_TEST(expressions) {
    // breg0 8; breg1 0; lit15; and; lit11; ge; lit3; shl; plus
    WORTH("\x70\x08\x71\x00\x3f\x1a\x3b\x2a\x33\x24\x22", 1016);
    WORTH("\x70\x08\x71\x00\x3f\x1a\x3c\x2a\x33\x24\x22", 1008);
    WORTH("\x70\x78", 992);
    WORTH("\x09\xff\x1f", 1);                     // const1s -1; neg
    WORTH("\x0a\x34\x12\x23\x81\x01", 0x12b5);    // const2u; plus_uconst 129
    WORTH("\x35\x32\x1c", 3);                     // lit5; lit2; minus
    WORTH("\x31\x28\x01\x00\x96\x36", 6);         // lit1; bra over a nop
    WORTH("\x31\x32\x16\x14\x12\x22\x22\x22", 7); // swap; over; dup
    REFUSED("");
    REFUSED("\x22");         // plus of nothing
    REFUSED("\x72\x00");     // a register that is not known
    REFUSED("\x2f\xfd\xff"); // skip to itself
    REFUSED("\x2f\x00\x7f"); // skip to beyond the end
    REFUSED("\x30\x30\x30\x30\x30\x30\x30\x30\x30");
    REFUSED("\x9c"); // call_frame_cfa
}
END_TEST

int main(void) {
    dl_iterate_phdr(add_module, NULL);
    const struct check_test tests[] = {
        {a_copy_says_the_same, 0},
        {every_function_is_found, 0},
        {cut_off, 0},
        {mutated, 0},
        {random_bytes, 0},
        {expressions, 0},
        {NULL, 0},
    };
    return check_main("cfi", tests);
}
