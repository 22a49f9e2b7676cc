// SPDX-License-Identifier: Apache-2.0
// A private copy of a segment, and the only way into it: everything read is checked here.  Internal.
//
// A segment is hostile input: its writer may be stopped in any half-done state, and the file may be
// cut, grow or be forged while we look.  So it is read(2) into memory of our own (a mapping would
// raise SIGBUS where the file was cut), every link is checked against that copy, and a budget, which
// each thing looked at is paid from, ends every loop: an honest segment holds each thing once.
#pragma once
#include "pf-segment.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    gatomicrefcount references;
    const char *base; // aligned like a page
    size_t size;      // bytes of the copy
    size_t mapped;
    void *mapping;
    gchar *path; // NULL: from bytes
    int64_t budget;
    // When the copy was made.
    int64_t taken_monotonic_ns;
    int64_t taken_unix_ns;
    // What was so just before: that order tells a process that ended meanwhile from a killed one.
    bool runs;
    bool kernel_bytes_known;
    uint64_t kernel_bytes;
} pf_reader;

pf_reader *pf_reader_new_from_file(const char *path, GError **error);
// Of a file that is open already; it stays open.
pf_reader *pf_reader_new_from_fd(int fd, const char *path, GError **error);
pf_reader *pf_reader_new_from_bytes(const void *bytes, size_t size, GError **error);
pf_reader *pf_reader_ref(pf_reader *self);
void pf_reader_unref(pf_reader *self);

// What /proc says of the process (pf-liveness.c).
bool pf_process_runs(const struct pf_segment *header);
// The same, where it has not said itself that it has ended: then it may still be listed for a moment.
static inline bool pf_segment_runs(const struct pf_segment *header) {
    return header->state == PF_STATE_ACTIVE && pf_process_runs(header);
}
bool pf_pid_is_gone(unsigned pid); // ended, be it reaped or not
bool pf_kernel_bytes_of(unsigned pid, uint64_t *ret_bytes);

// A file that may be a segment, opened without following links; -1 with an error.
int pf_segment_open(const char *path, int flags, GError **error);
// The header of one that is open, checked; for g_aligned_free().
struct pf_segment *pf_segment_read_header(int fd, const char *path, GError **error);

static inline const struct pf_segment *pf_reader_header(const pf_reader *self) {
    return (const struct pf_segment *)self->base;
}

// Of the `size` bytes that were read of it: magic, version and sizes.
bool pf_segment_check_header(const struct pf_segment *header, size_t size, const char *name,
                             GError **error);

// `size` bytes at a link; NULL when the link is 0 or leads out of the copy or into the header.
static inline const void *pf_reader_at(const pf_reader *self, uint64_t link, size_t size) {
    const uint64_t first = sizeof(struct pf_segment) / PF_UNIT;
    if (link < first || link >= self->size / PF_UNIT || size > self->size - link * PF_UNIT) {
        return NULL;
    }
    return self->base + link * PF_UNIT;
}

// The same, paid from the budget; NULL too when that is used up, and then pf_reader_is_exhausted().
const void *pf_reader_take(pf_reader *self, uint64_t link, size_t size);

// The same copy with a budget of its own, for another thread or another pass; needs no end.
pf_reader pf_reader_view(const pf_reader *self);

static inline bool pf_reader_is_exhausted(const pf_reader *self) { return self->budget < 0; }

// Heads of variable size, with the count in them cut to what lies within the copy.
const struct pf_more *pf_reader_more(pf_reader *self, uint64_t link, uint64_t *ret_entries);
const struct pf_ring *pf_reader_ring(pf_reader *self, uint64_t link, uint64_t *ret_size);
const struct pf_stack *pf_reader_stack(pf_reader *self, uint64_t link, uint32_t *ret_depth);

// Texts: valid UTF-8 without control characters, to be freed.
gchar *pf_reader_text(const char *text, size_t most);
gchar *pf_reader_module_name(pf_reader *self, uint64_t link);
gchar *pf_reader_stream_name(pf_reader *self, uint64_t link);
gchar *pf_reader_template_text(pf_reader *self, uint64_t link);

// From 0 to 1; `otherwise` when it is not.
static inline double pf_sane_rate(double rate, double otherwise) {
    return rate >= 0 && rate <= 1 ? rate : otherwise;
}

// Not negative, not infinite, not NaN: 0 when it is.
static inline double pf_sane_sum(double sum) { return sum >= 0 && sum <= 1e300 ? sum : 0; }
