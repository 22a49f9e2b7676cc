// SPDX-License-Identifier: Apache-2.0
// libFuzzer: segments that are honest but for some words, or not at all.
//
// An input whose first byte is even is a list of changes to an honest segment (4 bytes where, 8 bytes
// what), because a fuzzer does not find its way into 30 KiB of zeroes by itself; else it is a segment.
// with: lib test/lib/segment-maker.c
#include "../lib/ask-everything.h"
#include "../lib/segment-maker.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint32_t where;
    uint64_t what;
} __attribute__((packed)) change;

static void change_honest(const uint8_t *data, size_t size) {
    static segment_maker maker;
    if (maker.base == NULL) {
        maker_init(&maker, 4 << 20);
        maker_fill(&maker, 4);
    }
    g_autofree char *copy = g_memdup2(maker.base, maker.used);
    for (; size >= sizeof(change); data += sizeof(change), size -= sizeof(change)) {
        change made;
        memcpy(&made, data, sizeof made);
        // Half of the changes go to the header and the first slot, where most links are.
        size_t room = made.where & 1 ? maker.used : 16384;
        memcpy(copy + (made.where / 8 * 4) % (room - 8), &made.what, sizeof made.what);
    }
    memcpy(copy, PF_SEGMENT_MAGIC, 8);
    g_autoptr(GBytes) bytes = g_bytes_new_static(copy, maker.used);
    ask_everything(bytes, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] % 2 == 0) {
        change_honest(data + 1, size - 1);
    } else if (size > 0) {
        g_autoptr(GBytes) bytes = g_bytes_new(data + 1, size - 1);
        ask_everything(bytes, NULL);
    }
    return 0;
}
