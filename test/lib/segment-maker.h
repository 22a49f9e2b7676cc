// SPDX-License-Identifier: Apache-2.0
// Makes segments for tests: honest ones, whose every link may then be bent.
#pragma once
#include "pf-segment.h"
#include <glib.h>

typedef struct {
    char *base; // aligned like a page; the segment
    size_t room;
    size_t used; // as the header's, unless a test bends that
} segment_maker;

void maker_init(segment_maker *self, size_t room);
void maker_clear(segment_maker *self);

static inline struct pf_segment *maker_header(segment_maker *self) {
    return (struct pf_segment *)self->base;
}

// Memory of zeroes; the link to it in *ret_link.
void *maker_take(segment_maker *self, size_t size, size_t alignment, uint64_t *ret_link);
void *maker_at(segment_maker *self, uint64_t link);

uint32_t maker_add_module(segment_maker *self, const char *name, uint64_t start, uint64_t end,
                          const char *build_id);
void maker_add_stream(segment_maker *self, unsigned id, enum pf_kind kind, int fd,
                      const char *name);
struct pf_slot *maker_add_slot(segment_maker *self, uint32_t tid, const char *name);
uint32_t maker_add_template(segment_maker *self, const char *format, uint64_t hash);
struct pf_stack *maker_add_stack(segment_maker *self, uint64_t key, const uint64_t *frames,
                                 uint32_t depth, uint64_t taken, double weight);

static inline uint64_t maker_key(uint64_t site, unsigned call, unsigned stream) {
    return site | (uint64_t)call << PF_KEY_CALL_SHIFT | (uint64_t)stream << PF_KEY_STREAM_SHIFT;
}

// In the slot's cache, or in a further table when that is full.
struct pf_entry *maker_add_entry(segment_maker *self, struct pf_slot *slot, uint64_t key,
                                 uint64_t calls, uint64_t bytes);
// The entry's detail, made at the first time, for calls sampled at `rate`.
struct pf_detail *maker_detail(segment_maker *self, struct pf_entry *entry, double rate);
// Calls that are all alike, timed by chance.
typedef struct {
    uint64_t count;
    uint64_t bytes;   // of each
    uint64_t ns;      // of each, after its wait for the lock
    uint64_t lock_ns; // that wait
    enum pf_why why;
} maker_timed;
void maker_time_alike(segment_maker *self, struct pf_entry *entry, double rate,
                      const maker_timed *timed);
// One such call, of 80 bytes.
void maker_time(segment_maker *self, struct pf_entry *entry, double rate, uint64_t ns,
                enum pf_why why);

// One of everything: two slots with so many sites each, further tables, a module, a stream, stacks, a
// template, errors, rings.
#define MAKER_SITE 0x1000010u
void maker_fill(segment_maker *self, uint64_t sites);

// What a reader would find, as much as was handed out.
GBytes *maker_bytes(segment_maker *self);
