// SPDX-License-Identifier: Apache-2.0
// Makes whole sessions for tests, of segments that segment-maker.c makes.
#include "session-maker.h"
#include "pf-timeline-leaders.h"
#include <string.h>

#define ROOM ((size_t)2 << 20)
#define PID 4242u
#define RING 64u

enum image { IMAGE_PROGRAM, IMAGE_CXX, IMAGE_LIBC, IMAGES };

struct made_session {
    GPtrArray *processes;
    PfTimelineBin bins[PF_TIMELINE_BINS];
    guint bin_count;
    uint64_t bin_ns;
    pf_yardstick yardstick;
};

struct made_process {
    GPtrArray *threads;
    segment_maker segment;
    unsigned one_of;
    unsigned streams;
    uint32_t module[IMAGES];
    const char *libc;
    uint64_t higher; // where its images lie
};

struct made_thread {
    made_process *process;
    struct pf_slot *slot;
    GHashTable *entries; // key -> struct pf_entry
};

// --- the session

static void thread_free(gpointer data) {
    made_thread *self = data;
    g_hash_table_unref(self->entries);
    g_free(self);
}

static void process_free(gpointer data) {
    made_process *self = data;
    g_ptr_array_unref(self->threads);
    maker_clear(&self->segment);
    g_free(self);
}

made_session *made_session_new(void) {
    made_session *self = g_new0(made_session, 1);
    self->processes = g_ptr_array_new_with_free_func(process_free);
    return self;
}

void made_session_free(made_session *self) {
    g_ptr_array_unref(self->processes);
    g_free(self);
}

PfTimelineBin *made_timeline(made_session *self, uint64_t width_ns, guint bins) {
    g_assert_cmpuint(bins, <=, PF_TIMELINE_BINS);
    self->bin_ns = width_ns;
    self->bin_count = bins;
    return self->bins;
}

void made_reading(made_session *self, gboolean during, double ns) {
    pf_readings_add(during ? &self->yardstick.during : &self->yardstick.beside, ns);
}

// By the bytes of docs/session-format.md, which are the only way to a timeline of given bins.
static PfTimeline *timeline_of(const made_session *self) {
    g_autoptr(PfTimeline) empty = pf_timeline_new(MADE_START_UNIX_NS, self->bin_ns);
    g_autoptr(GBytes) head = pf_timeline_to_bytes(empty);
    gsize size = 0;
    const guint8 *data = g_bytes_get_data(head, &size);
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_byte_array_append(all, data, (guint)size);
    memcpy(all->data + 24, &self->bin_count, sizeof self->bin_count);
    g_byte_array_append(all, (const guint8 *)self->bins,
                        (guint)(self->bin_count * sizeof *self->bins));
    g_autoptr(GBytes) bytes = g_bytes_new(all->data, all->len);
    PfTimeline *timeline = pf_timeline_new_from_bytes(bytes);
    g_assert_nonnull(timeline);
    return timeline;
}

PfSession *made_session_get(made_session *self) {
    PfSession *session = pf_session_new();
    uint64_t wall = 0;
    for (guint i = 0; i < self->processes->len; i++) {
        made_process *process = g_ptr_array_index(self->processes, i);
        const struct pf_segment *header = maker_header(&process->segment);
        pf_reader *reader =
            pf_reader_new_from_bytes(process->segment.base, process->segment.used, NULL);
        g_assert_nonnull(reader);
        reader->taken_monotonic_ns = (int64_t)header->end_monotonic_ns;
        reader->taken_unix_ns =
            MADE_START_UNIX_NS + (int64_t)(header->end_monotonic_ns - header->start_monotonic_ns);
        g_ptr_array_add(session->readers, reader);
        wall = MAX(wall, header->end_monotonic_ns - header->start_monotonic_ns);
    }
    pf_session_set_run(session, "orderd --made", PID, MADE_START_UNIX_NS);
    pf_session_set_end(session, 0, 0, wall);
    g_free(session->host);
    session->host = g_strdup("made");
    session->yardstick = self->yardstick;
    session->timeline = self->bin_count != 0 ? timeline_of(self) : NULL;
    return session;
}

PfSnapshot *made_session_snapshot(made_session *self) {
    g_autoptr(PfSession) session = made_session_get(self);
    PfSnapshot *snapshot = pf_session_get_snapshot(session, NULL);
    g_assert_nonnull(snapshot);
    return snapshot;
}

// --- processes, threads, streams

made_process *made_add_process(made_session *self, uint64_t wall_ns, unsigned one_of) {
    made_process *process = g_new0(made_process, 1);
    process->threads = g_ptr_array_new_with_free_func(thread_free);
    process->one_of = one_of;
    process->streams = PF_STREAM_FIRST;
    process->libc = "/opt/made/libc.so.6";
    maker_init(&process->segment, ROOM);
    struct pf_segment *header = maker_header(&process->segment);
    header->pid = PID + self->processes->len;
    header->parent_pid = self->processes->len > 0 ? PID : 1;
    header->start_unix_ns = (uint64_t)MADE_START_UNIX_NS + self->processes->len;
    header->end_monotonic_ns = header->start_monotonic_ns + wall_ns;
    header->rate = header->control.rate = 1.0 / one_of;
    header->exit_wchar = UINT64_MAX;
    strcpy(header->program, "orderd");
    strcpy(header->command, "orderd --made");
    g_ptr_array_add(self->processes, process);
    return process;
}

struct pf_segment *made_header(made_process *self) {
    return maker_header(&self->segment);
}

made_process *made_session_process(made_session *self, guint index) {
    return g_ptr_array_index(self->processes, index);
}

void made_set_place(made_process *self, uint64_t higher) { self->higher = higher; }

void made_set_libc(made_process *self, const char *path) { self->libc = path; }

made_thread *made_add_thread(made_process *self, const char *name, uint64_t lived_ns) {
    made_thread *thread = g_new0(made_thread, 1);
    uint32_t tid = made_header(self)->pid + self->threads->len;
    thread->process = self;
    thread->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    thread->slot = maker_add_slot(&self->segment, tid, name);
    if (lived_ns != 0) {
        thread->slot->attach_ns = 0;
        thread->slot->attached_ns = lived_ns;
    }
    g_ptr_array_add(self->threads, thread);
    return thread;
}

struct pf_slot *made_slot(made_thread *self) {
    return self->slot;
}

unsigned made_add_stream(made_process *self, enum pf_kind kind, int fd, const char *name) {
    maker_add_stream(&self->segment, self->streams, kind, fd, name);
    return self->streams++;
}

// --- calls

static uint64_t key_of(const made_process *process, const made_calls *calls) {
    return maker_key(calls->site + process->higher, calls->call, calls->stream);
}

static uint32_t module_of(made_process *self, uint64_t site) {
    const struct {
        uint64_t base;
        const char *path;
    } images[IMAGES] = {[IMAGE_PROGRAM] = {MADE_PROGRAM_BASE, MADE_PROGRAM},
                        [IMAGE_CXX] = {MADE_CXX_BASE, MADE_CXX},
                        [IMAGE_LIBC] = {MADE_LIBC_BASE, self->libc}};
    for (unsigned i = 0; i < IMAGES; i++) {
        uint64_t base = images[i].base;
        if (site >= base && site < base + MADE_PROGRAM_BASE) {
            if (self->module[i] == 0) {
                uint64_t start = base + self->higher;
                self->module[i] = maker_add_module(&self->segment, images[i].path, start,
                                                   start + MADE_PROGRAM_BASE, "");
            }
            return self->module[i];
        }
    }
    return 0;
}

static struct pf_entry *entry_of(made_thread *self, const made_calls *calls) {
    uint64_t key = key_of(self->process, calls);
    struct pf_entry *entry = g_hash_table_lookup(self->entries, &key);
    if (entry == NULL) {
        entry = maker_add_entry(&self->process->segment, self->slot, key, 0, 0);
        g_hash_table_insert(self->entries, g_memdup2(&key, sizeof key), entry);
    }
    return entry;
}

static unsigned level_of(const char *name) {
    static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                        "warning", "notice", "info", "debug"};
    unsigned level = 0;
    while (strcmp(names[level], name) != 0) {
        level++;
        g_assert_cmpuint(level, <, G_N_ELEMENTS(names));
    }
    return level;
}

static void say(made_process *self, struct pf_detail *detail, const made_calls *calls,
                uint32_t timed) {
    uint32_t link = maker_add_template(&self->segment, calls->format, g_str_hash(calls->format));
    struct pf_template *template = maker_at(&self->segment, link);
    template->kind = calls->is_masked ? PF_TEMPLATE_MASKED : PF_TEMPLATE_FORMAT;
    unsigned at = 0;
    while (detail->template_link[at] != 0) {
        at++;
        g_assert_cmpuint(at, <, G_N_ELEMENTS(detail->template_link));
    }
    detail->template_link[at] = link;
    detail->template_count[at] = timed;
    detail->template_seen += timed;
}

static void fail(struct pf_slot *slot, const made_calls *calls) {
    struct pf_error *error = slot->errors;
    while (error->count != 0 && (error->call != calls->call || error->number != calls->error)) {
        error++;
        g_assert_true(error < slot->errors + PF_SLOT_ERRORS);
    }
    error->call = (uint16_t)calls->call;
    error->number = (uint16_t)calls->error;
    error->count += calls->count;
}

void made_call(made_thread *self, const made_calls *calls) {
    made_process *process = self->process;
    uint64_t timed = calls->count / process->one_of;
    struct pf_entry *entry = entry_of(self, calls);
    struct pf_detail *detail = maker_detail(&process->segment, entry, 1.0 / process->one_of);
    entry->calls += calls->count;
    entry->bytes += calls->count * calls->bytes;
    detail->module = module_of(process, calls->site);
    if (timed != 0) {
        maker_time_alike(&process->segment, entry, 1.0 / process->one_of,
                         &(maker_timed){.count = timed,
                                        .bytes = calls->bytes,
                                        .ns = calls->ns,
                                        .lock_ns = calls->lock_ns,
                                        .why = calls->why});
    }
    if (calls->level != NULL) {
        detail->level[level_of(calls->level)] += (uint32_t)timed;
    }
    if (calls->format != NULL) {
        say(process, detail, calls, (uint32_t)timed);
    }
    if (calls->error != 0) {
        detail->errors += calls->count;
        fail(self->slot, calls);
    }
}

void made_short_writes(made_thread *self, const made_calls *of, const struct pf_short *what) {
    segment_maker *segment = &self->process->segment;
    if (self->slot->shorts == 0) {
        maker_take(segment, sizeof(struct pf_shorts), PF_UNIT, &self->slot->shorts);
    }
    struct pf_shorts *shorts = maker_at(segment, self->slot->shorts);
    unsigned at = 0;
    while (shorts->row[at].key != 0) {
        at++;
        g_assert_cmpuint(at, <, PF_SHORT_ROWS);
    }
    shorts->row[at] = *what;
    shorts->row[at].key = key_of(self->process, of);
}

void made_stack(made_process *self, const made_calls *of, const uint64_t *frames, uint32_t depth) {
    uint64_t taken = MAX(of->count / self->one_of, 1);
    g_autofree uint64_t *placed = g_new(uint64_t, depth);
    for (uint32_t i = 0; i < depth; i++) {
        module_of(self, frames[i]);
        placed[i] = frames[i] + self->higher;
    }
    struct pf_stack *stack =
        maker_add_stack(&self->segment, key_of(self, of), placed, depth, taken, (double)of->count);
    stack->taken_ns = taken * (of->ns + of->lock_ns);
}

static struct pf_ring *ring_of(made_thread *self) {
    if (self->slot->ring == 0) {
        struct pf_ring *ring =
            maker_take(&self->process->segment, sizeof *ring + RING * sizeof(struct pf_event), 128,
                       &self->slot->ring);
        ring->size = RING;
    }
    return maker_at(&self->process->segment, self->slot->ring);
}

void made_event(made_thread *self, const made_calls *of, uint64_t after_ns) {
    struct pf_event event = {
        .key = key_of(self->process, of),
        .duration_ns = of->ns + of->lock_ns,
        .start_ns = made_header(self->process)->start_monotonic_ns + after_ns,
        .bytes = of->bytes,
        .error = (uint16_t)of->error,
        .why = (uint8_t)of->why,
        .level = (uint8_t)(of->level != NULL ? level_of(of->level) : PF_LEVEL_NONE),
        .lock_ns = of->lock_ns,
    };
    struct pf_ring *ring = ring_of(self);
    ring->event[ring->head++ % RING] = event;
    struct pf_event *shortest = self->slot->slowest;
    for (unsigned i = 1; i < PF_SLOT_SLOWEST; i++) {
        struct pf_event *one = &self->slot->slowest[i];
        shortest = one->duration_ns < shortest->duration_ns ? one : shortest;
    }
    if (event.duration_ns > shortest->duration_ns) {
        *shortest = event;
    }
}

// --- who led a bin

guint64 made_leader_of_site(enum pf_call call, uint64_t site) {
    gboolean in_program = site < MADE_CXX_BASE;
    uint64_t base = in_program ? MADE_PROGRAM_BASE : MADE_CXX_BASE;
    g_autoptr(PfModule) module = pf_module_new(in_program ? MADE_PROGRAM : MADE_CXX, "", base);
    return pf_leader_of_site(pf_calls[call].name, module, site - base);
}

guint64 made_leader_of_thread(const made_thread *self) {
    return pf_leader_of_thread(made_header(self->process)->pid, self->slot->tid);
}
