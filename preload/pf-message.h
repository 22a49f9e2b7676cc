// SPDX-License-Identifier: Apache-2.0
// What a timed message says of itself: its level, and the template it was made from.
#pragma once
#include "pf-probe.h"
#include "pf-skip.h"
#pragma GCC visibility push(hidden)

#define PF_MESSAGE_FIRST                                                                           \
    16u // timed calls of a site that are all looked at; then one in 64, by chance

PF_INLINE bool pf_message_wanted(struct pf_slot *slot, struct pf_detail *detail) {
    if (PF_LIKELY(!pf_take_one(&detail->look_skip))) {
        return false;
    }
    // ln (1 - 1/64)
    const double factor = 1 / -0.015748356968139168;
    detail->look_skip =
        detail->template_seen + 1 < PF_MESSAGE_FIRST ? 0 : pf_skip_draw(factor, &slot->random);
    return true;
}

PF_INLINE uint8_t pf_level_of_priority(int priority) {
    return priority < 0 ? PF_LEVEL_NONE : (uint8_t)(priority & 7);
}

// GLib's own mapping to the journal's levels; its lowest bit wins.
uint8_t pf_level_of_glib(int level);

// The level that a text names: "<3>", {"level": "error"}, [WARN], level=info, a word in capitals.
uint8_t pf_level_of_text(const char *text, size_t size);

// A hash of the text with what changes from one message to the next left out: numbers, words with
// digits in them, quoted strings.
uint64_t pf_template_hash(const char *text, size_t size);

// Looks at what was written, or at the format it was written by.
void pf_message_look(struct pf_probe *probe, const char *text, size_t size);
void pf_message_look_at_format(struct pf_probe *probe, const char *format);
#pragma GCC visibility pop
