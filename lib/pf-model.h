// SPDX-License-Identifier: Apache-2.0
// What one or several segments say, as cells: one per site, thread and stream.  Internal.
//
// Everything that a snapshot shows is derived from its cells, so that the difference of two snapshots
// and the union of many are snapshots like any other, with honest estimates.
#pragma once
#include "pf-pair-map.h"
#include "pf-segment-reader.h"
#include "pf-snapshot.h"

#define PF_NO_INDEX UINT32_MAX

// As in struct pf_short.
typedef struct {
    uint64_t count;
    uint64_t continued;
    uint64_t left;
    uint64_t left_bytes;
} pf_short_writes;

// One entry of one thread: exact counts here, what was timed in the details it points to.
typedef struct {
    uint64_t key; // as in the segment
    uint64_t calls;
    uint64_t bytes;
    pf_short_writes short_writes;
    const struct pf_detail *detail; // NULL: none
    const struct pf_detail *before; // subtracted from `detail`; NULL: none
    pf_reader *reader;              // of `detail`; its model holds a reference
    pf_reader *reader_before;       // likewise
    uint32_t site;                  // index into sites
    uint32_t thread;                // index into threads
    uint32_t stream;                // index into streams
    uint8_t call;
} pf_cell;

// A place that calls an output function.
typedef struct {
    uint64_t address;
    uint32_t module;  // index into modules, or PF_NO_INDEX
    uint32_t process; // the first that was seen here
    uint8_t call;
} pf_site;

typedef struct {
    uint32_t process; // index into processes
    uint32_t tid;
    uint64_t slot; // link; 0: counts without a thread
    uint32_t thread_count;
    const gchar *name;
    const gchar *user_id; // NULL: not said
    const gchar *request_id;
    const gchar *operation;
    uint64_t wall_ns;
    uint64_t in_call_ns; // how long it has been in a call; 0: in none
    uint64_t in_call_key;
    uint64_t stall_ns; // its slowest call; 0: none
    int64_t stall_unix_ns;
    uint64_t stall_key;
} pf_model_thread;

typedef struct {
    PfStreamKind kind;
    gint fd;
    uint32_t opens;
    gboolean is_overflow;
    uint64_t device;
    uint64_t inode;
    const gchar *name;
} pf_model_stream;

// A call without a descriptor is one of two streams: in memory (stdio), or none (syslog).
#define PF_STREAM_IN_MEMORY PF_STREAM_COUNT

// A process, with what it takes to turn its clocks and links into ours.
typedef struct {
    PfProcess *facts;
    pf_reader *reader;
    int64_t start_monotonic_ns;
    int64_t taken_monotonic_ns; // what the numbers are of: its end, or when we read them
    int64_t from_unix_ns;       // a difference: when the earlier snapshot was taken; else 0
    uint32_t reset;
    uint64_t overhead_ns; // 0: not known
    gboolean kernel_bytes_known;
    uint64_t kernel_bytes;
    uint32_t first_module;
    uint32_t module_count;
    uint32_t thread_count;
    uint32_t stream_of[PF_STREAM_COUNT + 1]; // index into streams, or PF_NO_INDEX
} pf_model_process;

typedef struct {
    uint64_t key;
    uint64_t duration_ns;
    int64_t unix_ns;
    uint64_t lock_ns;
    uint64_t bytes;
    uint32_t thread;
    uint32_t stream;
    uint32_t stack; // link
    uint16_t error;
    uint8_t reason;
    uint8_t level;
    const gchar *user_id; // NULL: not said, or not known
    const gchar *request_id;
} pf_model_event;

#define PF_MOST_SLOWEST 64u

typedef struct {
    gatomicrefcount references;
    GStringChunk *strings;
    GPtrArray *processes; // pf_model_process
    GPtrArray *modules;   // PfModule
    GArray *sites;        // pf_site
    GArray *threads;      // pf_model_thread
    GArray *streams;      // pf_model_stream
    GArray *cells;        // pf_cell, those of a thread one after the other
    GArray *slowest;      // pf_model_event
    GHashTable *errors;   // call << 16 | errno -> count
    uint64_t lost[PF_LOST_COUNT];
    GPtrArray *readers_before; // what the `before` of cells lies in
    gboolean is_delta;
    gboolean rates_unchanged; // no observer has set any
    double uptime_ns;
} pf_model;

// Reads a segment.
pf_model *pf_model_load(pf_reader *reader, GError **error);
// later - earlier, of the same processes.
pf_model *pf_model_subtract(const pf_model *later, const pf_model *earlier, GError **error);
// All in one: sites by build-id and place in the file, streams by name.
pf_model *pf_model_unite(pf_model *const *models, gsize count);

pf_model *pf_model_new(void);
pf_model *pf_model_ref(pf_model *self);
void pf_model_unref(pf_model *self);

pf_model_process *pf_model_add_process(pf_model *self, pf_reader *reader, PfProcess *facts);
void pf_model_add_error(pf_model *self, guint code, uint64_t count);
uint64_t pf_model_get_error(const pf_model *self, guint code);
void pf_model_trim_slowest(pf_model *self);

static inline pf_model_process *pf_model_process_at(const pf_model *self, uint32_t index) {
    return g_ptr_array_index(self->processes, index);
}
static inline pf_model_thread *pf_model_thread_at(const pf_model *self, uint32_t index) {
    return &g_array_index(self->threads, pf_model_thread, index);
}
static inline pf_site *pf_model_site_at(const pf_model *self, uint32_t index) {
    return &g_array_index(self->sites, pf_site, index);
}

// The image that held an address in a process; the latest, when several did.
PfModule *pf_model_find_module(const pf_model *self, const pf_model_process *process,
                               uint64_t address);

// False when the event is none, or is being written.
bool pf_model_read_event(const pf_model_process *process, const struct pf_event *from,
                         uint32_t thread, pf_model_event *ret_event);

// A moment of the process' monotonic clock as ns since 1970; 0 for 0.
int64_t pf_model_unix_ns(const pf_model_process *process, uint64_t monotonic_ns);

// pf-rows.c
PfProcess *pf_process_new(void);

static inline uint64_t pf_less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }
