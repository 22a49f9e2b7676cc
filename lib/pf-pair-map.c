// SPDX-License-Identifier: Apache-2.0
// A hash table from two numbers to an index.
#include "pf-pair-map.h"

void pf_pair_map_init(pf_pair_map *self, size_t expected) {
    size_t size = 64;
    while (size < expected * 2) {
        size *= 2;
    }
    *self = (pf_pair_map){.pairs = g_new0(pf_pair, size), .size = size};
}

void pf_pair_map_clear(pf_pair_map *self) {
    g_free(self->pairs);
    *self = (pf_pair_map){0};
}

// The numbers come from hostile files: 128 bits are mixed twice, so that chosen ones do not pile up
// more than by chance unless somebody works at it, and then it costs time only.
static size_t home(const pf_pair_map *self, uint64_t high, uint64_t low) {
    uint64_t hash = (high ^ low * 0xff51afd7ed558ccdull) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 32;
    hash *= 0xc4ceb9fe1a85ec53ull;
    return (size_t)(hash >> 20) & (self->size - 1);
}

static pf_pair *find(const pf_pair_map *self, uint64_t high, uint64_t low) {
    size_t at = home(self, high, low);
    while (self->pairs[at].used && (self->pairs[at].high != high || self->pairs[at].low != low)) {
        at = (at + 1) & (self->size - 1);
    }
    return &self->pairs[at];
}

static void grow(pf_pair_map *self) {
    pf_pair_map larger;
    pf_pair_map_init(&larger, self->size);
    for (size_t i = 0; i < self->size; i++) {
        if (self->pairs[i].used) {
            *find(&larger, self->pairs[i].high, self->pairs[i].low) = self->pairs[i];
        }
    }
    larger.used = self->used;
    g_free(self->pairs);
    *self = larger;
}

uint32_t *pf_pair_map_at(pf_pair_map *self, uint64_t high, uint64_t low) {
    if (self->used * 2 >= self->size) {
        grow(self);
    }
    pf_pair *pair = find(self, high, low);
    if (!pair->used) {
        *pair = (pf_pair){.high = high, .low = low, .value = PF_PAIR_NEW, .used = 1};
        self->used++;
    }
    return &pair->value;
}

uint32_t pf_pair_map_get(const pf_pair_map *self, uint64_t high, uint64_t low) {
    const pf_pair *pair = find(self, high, low);
    return pair->used ? pair->value : PF_PAIR_NEW;
}
