// SPDX-License-Identifier: Apache-2.0
// Makes segments as the library in the target does, only in plain memory.
#include "segment-maker.h"
#include <string.h>

#define PAGE 4096
#define FIRST_TABLE 512

void maker_init(segment_maker *self, size_t room) {
    self->base = g_aligned_alloc0(1, room, PAGE);
    self->room = room;
    struct pf_segment *header = maker_header(self);
    memcpy(header->magic, PF_SEGMENT_MAGIC, sizeof header->magic);
    header->version = PF_SEGMENT_VERSION;
    header->header_size = sizeof *header;
    header->size = header->backed = room;
    header->used = self->used = sizeof *header;
    header->call_count = PF_CALL_COUNT;
    header->state = PF_STATE_ENDED;
    header->pid = 4242;
    header->start_unix_ns = 1700000000000000000ull;
    header->start_monotonic_ns = 1000000000ull;
    header->end_monotonic_ns = 3000000000ull;
    header->rate = header->control.rate = 0.01;
    header->exit_status = 0;
    strcpy(header->how, "exit");
    strcpy(header->program, "made");
    strcpy(header->command, "./made up");
}

void maker_clear(segment_maker *self) { g_aligned_free(self->base); }

void *maker_take(segment_maker *self, size_t size, size_t alignment, uint64_t *ret_link) {
    struct pf_segment *header = maker_header(self);
    size_t at = (self->used + alignment - 1) & ~(alignment - 1);
    g_assert_cmpuint(at + size, <=, self->room);
    header->used = self->used = (at + size + PF_UNIT - 1) & ~(size_t)(PF_UNIT - 1);
    *ret_link = at / PF_UNIT;
    return self->base + at;
}

void *maker_at(segment_maker *self, uint64_t link) {
    return link != 0 ? self->base + link * PF_UNIT : NULL;
}

uint32_t maker_add_module(segment_maker *self, const char *name, uint64_t start, uint64_t end,
                          const char *build_id) {
    uint64_t link;
    size_t size = strlen(name);
    struct pf_module *module = maker_take(self, sizeof *module + size, PF_UNIT, &link);
    module->start = module->bias = start;
    module->end = end;
    module->name_size = (uint32_t)size;
    module->build_id_size = (uint32_t)strlen(build_id);
    memcpy(module->build_id, build_id, module->build_id_size);
    memcpy(module->name, name, size);
    module->next = maker_header(self)->first_module;
    maker_header(self)->first_module = link;
    return (uint32_t)link;
}

void maker_add_stream(segment_maker *self, unsigned id, enum pf_kind kind, int fd,
                      const char *name) {
    uint64_t link;
    size_t size = strlen(name);
    struct pf_stream *stream = maker_take(self, sizeof *stream + size, PF_UNIT, &link);
    stream->kind = kind;
    stream->id = id;
    stream->fd = fd;
    stream->opens = 1;
    stream->name_size = (uint32_t)size;
    memcpy(stream->name, name, size);
    maker_header(self)->stream[id] = (uint32_t)link;
}

struct pf_slot *maker_add_slot(segment_maker *self, uint32_t tid, const char *name) {
    uint64_t link;
    struct pf_slot *slot = maker_take(self, sizeof *slot, 128, &link);
    slot->state = PF_SLOT_USED;
    slot->tid = tid;
    slot->threads = 1;
    slot->attach_ns = maker_header(self)->start_monotonic_ns;
    strncpy(slot->name, name, sizeof slot->name - 1);
    slot->next = maker_header(self)->first_slot;
    slot->reset = maker_header(self)->control.reset;
    maker_header(self)->first_slot = link;
    maker_header(self)->slot_count++;
    return slot;
}

uint32_t maker_add_template(segment_maker *self, const char *format, uint64_t hash) {
    uint64_t link;
    size_t size = strlen(format);
    struct pf_template *template = maker_take(self, sizeof *template + size, PF_UNIT, &link);
    template->kind = PF_TEMPLATE_FORMAT;
    template->hash = hash;
    template->size = (uint32_t)size;
    memcpy(template->text, format, size);
    return (uint32_t)link;
}

struct pf_stack *maker_add_stack(segment_maker *self, uint64_t key, const uint64_t *frames,
                                 uint32_t depth, uint64_t taken, double weight) {
    uint64_t link;
    struct pf_segment *header = maker_header(self);
    if (header->stacks == 0) {
        maker_take(self, sizeof(struct pf_stacks), PF_UNIT, &header->stacks);
    }
    struct pf_stacks *stacks = maker_at(self, header->stacks);
    struct pf_stack *stack =
        maker_take(self, sizeof *stack + depth * sizeof *stack->frame, PF_UNIT, &link);
    stack->depth = depth;
    stack->key = key;
    stack->hash = link;
    stack->taken = taken;
    stack->taken_ns = taken * 1000;
    stack->weight = (uint64_t)(weight * 16);
    memcpy(stack->frame, frames, depth * sizeof *frames);
    uint32_t *chain = &stacks->chain[link % PF_STACK_CHAINS];
    stack->next = *chain;
    *chain = (uint32_t)link;
    stacks->count++;
    return stack;
}

static struct pf_entry *free_entry(segment_maker *self, struct pf_slot *slot) {
    for (unsigned i = 0; i < PF_CACHE_ENTRIES; i++) {
        if (slot->cache[i].key == 0) {
            return &slot->cache[i];
        }
    }
    struct pf_more *more = maker_at(self, slot->more);
    for (uint64_t i = 0; more != NULL && i < more->entries; i++) {
        if (more->entry[i].key == 0) {
            return &more->entry[i];
        }
    }
    uint64_t link;
    uint64_t entries = more == NULL ? FIRST_TABLE : more->entries * 2;
    more = maker_take(self, sizeof *more + entries * sizeof *more->entry, PF_UNIT, &link);
    more->entries = entries;
    more->next = slot->more;
    slot->more = link;
    return &more->entry[0];
}

struct pf_entry *maker_add_entry(segment_maker *self, struct pf_slot *slot, uint64_t key,
                                 uint64_t calls, uint64_t bytes) {
    struct pf_entry *entry = free_entry(self, slot);
    entry->key = key;
    entry->calls = calls;
    entry->bytes = bytes;
    return entry;
}

struct pf_detail *maker_detail(segment_maker *self, struct pf_entry *entry, double rate) {
    if (entry->detail == 0) {
        uint64_t link;
        maker_take(self, sizeof(struct pf_detail), PF_UNIT, &link);
        entry->detail = (uint32_t)link;
    }
    struct pf_detail *detail = maker_at(self, entry->detail);
    double period = rate > 0 ? 1 / rate : 0;
    double sign = detail->period == 1 && period != 1   ? 1
                  : detail->period != 1 && period == 1 ? -1
                                                       : 0;
    detail->weight += sign * (double)detail->timed.count;
    detail->weighted_ns += sign * (double)detail->timed.sum_ns;
    detail->period = period;
    return detail;
}

static void add_sums(struct pf_sums *sums, uint64_t count, uint64_t ns) {
    unsigned __int128 square = (unsigned __int128)ns * ns * count +
                               ((unsigned __int128)sums->sumsq_ns2[1] << 64 | sums->sumsq_ns2[0]);
    sums->count += count;
    sums->sum_ns += count * ns;
    sums->sumsq_ns2[0] = (uint64_t)square;
    sums->sumsq_ns2[1] = (uint64_t)(square >> 64);
}

static unsigned class_of(uint64_t bytes) {
    unsigned length = bytes != 0 ? 64 - (unsigned)__builtin_clzll(bytes) : 0;
    return MIN(length, 16);
}

static void add_bucket(segment_maker *self, struct pf_detail *detail, uint64_t ns, uint64_t count) {
    unsigned bucket = pf_hist_bucket(ns);
    uint32_t *octave = &detail->octave[bucket / PF_HIST_SUB];
    if (*octave == 0) {
        uint64_t link;
        maker_take(self, PF_HIST_SUB * sizeof(uint32_t), PF_UNIT, &link);
        *octave = (uint32_t)link;
    }
    uint32_t *counts = maker_at(self, *octave);
    counts[bucket % PF_HIST_SUB] += (uint32_t)count;
}

void maker_time_alike(segment_maker *self, struct pf_entry *entry, double rate,
                      const maker_timed *timed) {
    struct pf_detail *detail = maker_detail(self, entry, rate);
    double count = (double)timed->count;
    uint64_t ns = timed->ns + timed->lock_ns;
    add_sums(&detail->timed, timed->count, ns);
    add_sums(&detail->why[timed->why], timed->count, timed->ns);
    if (timed->lock_ns != 0) {
        add_sums(&detail->why[PF_WHY_LOCK], timed->count, timed->lock_ns);
    }
    detail->sizes[class_of(timed->bytes)] += (uint32_t)timed->count;
    detail->max_ns = MAX(detail->max_ns, ns);
    detail->first_ns = detail->first_ns != 0 ? detail->first_ns : 1500000000;
    detail->last_ns = 2500000000;
    if (rate < 1) {
        double period = 1 / rate;
        detail->weight += count * period;
        detail->weighted_ns += count * period * (double)ns;
        detail->variance_ns2 += count * period * (period - 1) * (double)ns * (double)ns;
        detail->spread += count * period * (period - 1);
        detail->spread_ns += count * period * (period - 1) * (double)ns;
    }
    add_bucket(self, detail, ns, timed->count);
}

void maker_time(segment_maker *self, struct pf_entry *entry, double rate, uint64_t ns,
                enum pf_why why) {
    maker_time_alike(self, entry, rate,
                     &(maker_timed){.count = 1, .bytes = 80, .ns = ns, .why = why});
}

// A small further table with one entry in it, as a slot gets when its cache is full.
static void add_table(segment_maker *self, struct pf_slot *slot) {
    uint64_t link;
    struct pf_more *more = maker_take(self, sizeof *more + 8 * sizeof *more->entry, PF_UNIT, &link);
    more->entries = 8;
    more->next = slot->more;
    more->entry[3].key = maker_key(MAKER_SITE + 0x800, PF_CALL_write, 2);
    more->entry[3].calls = 5;
    slot->more = link;
}

void maker_fill(segment_maker *maker, uint64_t sites) {
    uint32_t module = maker_add_module(maker, "/usr/bin/made", 0x1000000, 0x2000000, "abcdef");
    maker_add_stream(maker, 2, PF_KIND_FILE, 3, "/var/log/made.log");
    uint32_t template = maker_add_template(maker, "took %d ms\n", 77);
    for (uint32_t t = 0; t < 2; t++) {
        struct pf_slot *slot = maker_add_slot(maker, 100 + t, "worker");
        for (uint64_t s = 0; s < sites; s++) {
            struct pf_entry *entry = maker_add_entry(
                maker, slot, maker_key(MAKER_SITE + s * 16, PF_CALL_vfprintf, 2), 1000, 80000);
            for (uint64_t i = 0; i < 10; i++) {
                maker_time(maker, entry, 0.01, 500 + i * 100, PF_WHY_FORMAT);
            }
            struct pf_detail *detail = maker_detail(maker, entry, 0.01);
            detail->module = module;
            detail->template_link[0] = template;
            detail->template_count[0] = detail->template_seen = 10;
        }
        add_table(maker, slot);
        uint64_t link;
        struct pf_ring *ring =
            maker_take(maker, sizeof *ring + 64 * sizeof(struct pf_event), 128, &link);
        ring->size = 64;
        ring->head = 1;
        ring->event[0] = slot->slowest[0] =
            (struct pf_event){.key = maker_key(MAKER_SITE, PF_CALL_vfprintf, 2),
                              .duration_ns = 1400,
                              .start_ns = 1600000000,
                              .bytes = 80};
        slot->ring = link;
        struct pf_more_errors *more = maker_take(maker, sizeof *more, PF_UNIT, &link);
        more->error[0] = slot->errors[0] =
            (struct pf_error){.count = 3, .call = PF_CALL_vfprintf, .number = 32};
        slot->more_errors = link;
        const uint64_t frames[] = {MAKER_SITE, 0x1100000, 0x1200000};
        slot->slowest[0].stack = 0;
        maker_add_stack(maker, maker_key(MAKER_SITE, PF_CALL_vfprintf, 2), frames, 3, 5, 500);
    }
}

GBytes *maker_bytes(segment_maker *self) { return g_bytes_new(self->base, self->used); }
