// SPDX-License-Identifier: Apache-2.0
// A hash table from two numbers to an index; open addressing, nothing is ever taken out.  Internal.
#pragma once
#include <glib.h>
#include <stdint.h>

#define PF_PAIR_NEW UINT32_MAX

typedef struct {
    uint64_t high;
    uint64_t low;
    uint32_t value;
    uint32_t used;
} pf_pair;

typedef struct {
    pf_pair *pairs;
    size_t size; // a power of 2
    size_t used;
} pf_pair_map;

void pf_pair_map_init(pf_pair_map *self, size_t expected);
void pf_pair_map_clear(pf_pair_map *self);

// The value's place, valid until the next call; PF_PAIR_NEW when the pair was not there, and then the
// caller sets it.
uint32_t *pf_pair_map_at(pf_pair_map *self, uint64_t high, uint64_t low);
// PF_PAIR_NEW when it is not there.
uint32_t pf_pair_map_get(const pf_pair_map *self, uint64_t high, uint64_t low);
