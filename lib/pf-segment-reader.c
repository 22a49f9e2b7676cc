// SPDX-License-Identifier: Apache-2.0
// Reads a segment into memory of our own and checks every way into it.
#include "pf-segment-reader.h"
#include "pf-snapshot.h"
#include "pf-worker.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)64 << 10)   // where pages are largest
#define MOST_BYTES ((uint64_t)64 << 30) // as much as MAX_MEMORY_MB allows
#define SPARSE_BYTES ((uint64_t)64 << 20)

/**
 * pf_segment_error_quark:
 *
 * The domain of [error@SegmentError].
 *
 * Returns: the quark
 */
GQuark pf_segment_error_quark(void) { return g_quark_from_static_string("pf-segment-error-quark"); }

// --- memory

static int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The memory of the last copy that was given up, for the next one: somebody who looks every second
// then pays for the copy, not for fresh pages (a third of the whole for a segment of some MiB).  The
// kernel may take its pages back at any time; what is left in them is never looked at.
#define MOST_KEPT ((size_t)64 << 20)
static GMutex kept_lock;
static void *kept;
static size_t kept_size;

static void *take_kept(size_t size, size_t *ret_size) {
    void *found = NULL;
    g_mutex_lock(&kept_lock);
    if (kept != NULL && kept_size >= size && kept_size / 4 <= size) {
        found = g_steal_pointer(&kept);
        *ret_size = kept_size;
    }
    g_mutex_unlock(&kept_lock);
    return found;
}

static void give_up(void *mapping, size_t size) {
    gboolean keep = FALSE;
    if (size <= MOST_KEPT && madvise(mapping, size, MADV_FREE) == 0) {
        g_mutex_lock(&kept_lock);
        if (kept == NULL) {
            kept = mapping;
            kept_size = size;
            keep = TRUE;
        }
        g_mutex_unlock(&kept_lock);
    }
    if (!keep) {
        munmap(mapping, size);
    }
}

static uintptr_t round_up(uintptr_t size, size_t unit) { return (size + unit - 1) & ~(unit - 1); }

// Huge pages: for a segment of some MiB, page faults would cost three times what the copy does.  A small one
// has no room for any; there may be thousands of those.
static bool make_room(pf_reader *self, size_t size) {
    bool small = size < HUGE_PAGE;
    self->mapped = small ? round_up(size, SMALL_PAGE) : round_up(size, HUGE_PAGE) + HUGE_PAGE;
    self->mapping = take_kept(self->mapped, &self->mapped);
    bool fresh = self->mapping == NULL;
    if (fresh) {
        self->mapping =
            mmap(NULL, self->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (self->mapping == MAP_FAILED) {
        self->mapping = NULL;
        return false;
    }
    self->base = small ? self->mapping : (char *)round_up((uintptr_t)self->mapping, HUGE_PAGE);
    if (fresh && !small) {
        madvise((void *)self->base, self->mapped - HUGE_PAGE, MADV_HUGEPAGE);
    }
    return true;
}

pf_reader *pf_reader_ref(pf_reader *self) {
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void pf_reader_unref(pf_reader *self) {
    if (self != NULL && g_atomic_ref_count_dec(&self->references)) {
        if (self->mapping != NULL) {
            give_up(self->mapping, self->mapped);
        }
        g_free(self->path);
        g_free(self);
    }
}

static pf_reader *reader_new(void) {
    pf_reader *self = g_new0(pf_reader, 1);
    g_atomic_ref_count_init(&self->references);
    return self;
}

// --- the header

static bool refuse(GError **error, PfSegmentError code, const char *name, const char *what) {
    g_set_error(error, PF_SEGMENT_ERROR, (gint)code, "%s: %s", name, what);
    return false;
}

bool pf_segment_check_header(const struct pf_segment *header, size_t size, const char *name,
                             GError **error) {
    const size_t fixed = offsetof(struct pf_segment, size); // the same in every version
    if (size < fixed || memcmp(header->magic, PF_SEGMENT_MAGIC, sizeof header->magic) != 0) {
        return refuse(error, PF_SEGMENT_ERROR_NOT_A_SEGMENT, name, "not a segment of pfprof");
    }
    if (header->version != PF_SEGMENT_VERSION) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_VERSION,
                    "%s: segment version %u, this pfprof reads version %u: use the pfprof that "
                    "belongs to the libpfprof.so that wrote it",
                    name, header->version, PF_SEGMENT_VERSION);
        return false;
    }
    if (size < sizeof *header || header->header_size != sizeof *header) {
        return refuse(error, PF_SEGMENT_ERROR_DAMAGED, name, "damaged: the header is not whole");
    }
    if (header->call_count != PF_CALL_COUNT) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_VERSION,
                    "%s: written by a libpfprof.so that knows %u functions, this pfprof knows %u: "
                    "use the pfprof that belongs to it",
                    name, header->call_count, (unsigned)PF_CALL_COUNT);
        return false;
    }
    return true;
}

// What an honest segment needs is its own size; the rest is for what is read twice.
static int64_t budget_for(size_t size) { return (int64_t)size * 3 + (1 << 20); }

static void finish(pf_reader *self, size_t size) {
    self->size = size;
    self->budget = budget_for(size);
    self->taken_monotonic_ns = now_ns(CLOCK_MONOTONIC);
    self->taken_unix_ns = now_ns(CLOCK_REALTIME);
}

pf_reader pf_reader_view(const pf_reader *self) {
    pf_reader view = *self;
    view.budget = budget_for(self->size);
    return view;
}

pf_reader *pf_reader_new_from_bytes(const void *bytes, size_t size, GError **error) {
    pf_reader *self = reader_new();
    if (!make_room(self, MAX(size, sizeof(struct pf_segment)))) {
        refuse(error, PF_SEGMENT_ERROR_FAILED, "segment", g_strerror(errno));
        pf_reader_unref(self);
        return NULL;
    }
    if (size > 0) {
        memcpy((void *)self->base, bytes, size);
    }
    if (!pf_segment_check_header(pf_reader_header(self), size, "segment", error)) {
        pf_reader_unref(self);
        return NULL;
    }
    finish(self, MIN(size, MAX(pf_reader_header(self)->used, sizeof(struct pf_segment))));
    return self;
}

// --- files

int pf_segment_open(const char *path, int flags, GError **error) {
    // O_NONBLOCK: opening a FIFO that lies in wait must not hang.
    int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        PfSegmentError code = errno == ENOENT || errno == ENOTDIR ? PF_SEGMENT_ERROR_NOT_FOUND
                              : errno == EACCES || errno == EPERM || errno == ELOOP
                                  ? PF_SEGMENT_ERROR_NOT_ALLOWED
                                  : PF_SEGMENT_ERROR_FAILED;
        refuse(error, code, path,
               errno == ELOOP ? "a symbolic link, not a segment" : g_strerror(errno));
        return -1;
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        refuse(error, PF_SEGMENT_ERROR_NOT_ALLOWED, path, "not a regular file");
        close(fd);
        return -1;
    }
    return fd;
}

struct pf_segment *pf_segment_read_header(int fd, const char *path, GError **error) {
    struct pf_segment *header = g_aligned_alloc0(1, sizeof *header, 128);
    size_t got =
        pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header ? sizeof *header : 0;
    if (!pf_segment_check_header(header, got, path, error)) {
        g_aligned_free(header);
        return NULL;
    }
    return header;
}

static bool read_up_to(int fd, char *to, size_t from, size_t end, size_t *ret_end) {
    while (from < end) {
        ssize_t got = pread(fd, to + from, end - from, (off_t)from);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return false;
        }
        if (got == 0) {
            break;
        }
        from += (size_t)got;
    }
    *ret_end = from;
    return true;
}

// A large file by several threads: the kernel copies page by page, and one of them does not fill the
// way to memory.
#define LEAST_PIECE ((size_t)4 << 20)
#define MOST_PIECES 4u

typedef struct {
    int fd;
    char *to;
    size_t from;
    size_t end;
    size_t got; // where the file ended
    bool good;
    int error;
    pf_worker worker;
} piece;

static void read_piece(gpointer data) {
    piece *self = data;
    self->good = read_up_to(self->fd, self->to, self->from, self->end, &self->got);
    self->error = self->good ? 0 : errno;
}

static bool copy(int fd, char *to, size_t size, size_t *ret_end) {
    piece pieces[MOST_PIECES];
    guint count = pf_worker_count(size, LEAST_PIECE, MOST_PIECES);
    size_t each = size / count;
    for (guint i = 0; i < count; i++) {
        size_t end = i + 1 < count ? (i + 1) * each : size;
        pieces[i] = (piece){.fd = fd, .to = to, .from = i * each, .end = end};
    }
    for (guint i = 1; i < count; i++) {
        pf_worker_start(&pieces[i].worker, read_piece, &pieces[i]);
    }
    read_piece(&pieces[0]);
    for (guint i = 1; i < count; i++) {
        pf_worker_join(&pieces[i].worker);
    }
    guint at = 0;
    while (at + 1 < count && pieces[at].good && pieces[at].got == pieces[at].end) {
        at++;
    }
    *ret_end = pieces[at].got;
    errno = pieces[at].error;
    return pieces[at].good;
}

// How much of the file is worth reading: what was handed out.  A file with a huge hole in it must not
// fill our memory.
static bool bytes_to_read(int fd, const char *path, const struct pf_segment *header,
                          size_t *ret_size, GError **error) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return refuse(error, PF_SEGMENT_ERROR_FAILED, path, g_strerror(errno));
    }
    uint64_t size = MIN(header->used, (uint64_t)status.st_size);
    if (size > MOST_BYTES ||
        (size > SPARSE_BYTES && size / 2 > (uint64_t)status.st_blocks * 512 + SPARSE_BYTES)) {
        return refuse(error, PF_SEGMENT_ERROR_DAMAGED, path,
                      "damaged: it says it uses more than the file holds");
    }
    *ret_size = MAX(size, sizeof *header);
    return true;
}

#define MOST_TRIES 8u

static bool read_all(pf_reader *self, int fd, const char *path, GError **error) {
    struct pf_segment *header = g_aligned_alloc0(1, sizeof *header, 128);
    size_t got = 0;
    size_t size = 0;
    bool good = read_up_to(fd, (char *)header, 0, sizeof *header, &got);
    if (!good) {
        refuse(error, PF_SEGMENT_ERROR_FAILED, path, g_strerror(errno));
    }
    good = good && pf_segment_check_header(header, got, path, error) &&
           bytes_to_read(fd, path, header, &size, error);
    if (good) {
        self->runs = pf_process_runs(header);
        self->kernel_bytes_known =
            self->runs && pf_kernel_bytes_of(header->pid, &self->kernel_bytes);
    }
    // What the process has handed out while we read is linked from what we have: again, with that.
    for (unsigned tries = 0; good && tries < MOST_TRIES; tries++) {
        size_t again = 0;
        if (self->mapping != NULL) {
            munmap(self->mapping, self->mapped);
            self->mapping = NULL;
        }
        if (!make_room(self, size) || !copy(fd, (char *)self->base, size, &got) ||
            !read_up_to(fd, (char *)header, 0, sizeof *header, &again)) {
            good = refuse(error, PF_SEGMENT_ERROR_FAILED, path, g_strerror(errno));
        } else if (header->used <= size || again < sizeof *header) {
            break;
        } else {
            good = bytes_to_read(fd, path, header, &size, error);
        }
    }
    // Once more, of what we have now: the file may be another one than a moment ago.
    good = good && pf_segment_check_header(pf_reader_header(self), got, path, error);
    if (good) {
        finish(self, got);
    }
    g_aligned_free(header);
    return good;
}

pf_reader *pf_reader_new_from_fd(int fd, const char *path, GError **error) {
    pf_reader *self = reader_new();
    self->path = g_strdup(path);
    if (!read_all(self, fd, path, error)) {
        pf_reader_unref(self);
        return NULL;
    }
    return self;
}

pf_reader *pf_reader_new_from_file(const char *path, GError **error) {
    int fd = pf_segment_open(path, O_RDONLY, error);
    if (fd < 0) {
        return NULL;
    }
    pf_reader *self = pf_reader_new_from_fd(fd, path, error);
    close(fd);
    return self;
}

// --- ways in

const void *pf_reader_take(pf_reader *self, uint64_t link, size_t size) {
    const void *at = pf_reader_at(self, link, size);
    if (at == NULL || self->budget < 0) {
        return NULL;
    }
    self->budget -= (int64_t)size;
    return self->budget < 0 ? NULL : at;
}

// A head and as many of its `count` elements as lie within the copy.
static const void *take_array(pf_reader *self, uint64_t link, size_t head, size_t element,
                              uint64_t count, uint64_t *ret_count) {
    if (pf_reader_at(self, link, head) == NULL) {
        return NULL;
    }
    uint64_t room = (self->size - link * PF_UNIT - head) / element;
    *ret_count = MIN(count, room);
    return pf_reader_take(self, link, head + *ret_count * element);
}

const struct pf_more *pf_reader_more(pf_reader *self, uint64_t link, uint64_t *ret_entries) {
    const struct pf_more *more = pf_reader_at(self, link, sizeof *more);
    return more == NULL ? NULL
                        : take_array(self, link, sizeof *more, sizeof *more->entry, more->entries,
                                     ret_entries);
}

const struct pf_ring *pf_reader_ring(pf_reader *self, uint64_t link, uint64_t *ret_size) {
    const struct pf_ring *ring = pf_reader_at(self, link, sizeof *ring);
    return ring == NULL
               ? NULL
               : take_array(self, link, sizeof *ring, sizeof *ring->event, ring->size, ret_size);
}

const struct pf_stack *pf_reader_stack(pf_reader *self, uint64_t link, uint32_t *ret_depth) {
    const struct pf_stack *stack = pf_reader_at(self, link, sizeof *stack);
    uint64_t depth = 0;
    if (stack != NULL) {
        stack = take_array(self, link, sizeof *stack, sizeof *stack->frame, stack->depth, &depth);
    }
    *ret_depth = (uint32_t)depth;
    return stack;
}

// --- texts

gchar *pf_reader_text(const char *text, size_t most) {
    gchar *copy = g_utf8_make_valid(text, (gssize)strnlen(text, most));
    for (gchar *at = copy; *at != 0; at++) {
        if ((guchar)*at < 0x20 || (guchar)*at == 0x7f) {
            *at = at[0] == '\n' || at[0] == '\t' ? ' ' : '.';
        }
    }
    return copy;
}

static gchar *tail_text(pf_reader *self, uint64_t link, size_t head, uint32_t size) {
    const char *text = pf_reader_take(self, link, head + size);
    return text == NULL ? g_strdup("") : pf_reader_text(text + head, size);
}

gchar *pf_reader_module_name(pf_reader *self, uint64_t link) {
    const struct pf_module *module = pf_reader_at(self, link, sizeof *module);
    return module == NULL
               ? g_strdup("")
               : tail_text(self, link, offsetof(struct pf_module, name), module->name_size);
}

gchar *pf_reader_stream_name(pf_reader *self, uint64_t link) {
    const struct pf_stream *stream = pf_reader_at(self, link, sizeof *stream);
    return stream == NULL
               ? g_strdup("")
               : tail_text(self, link, offsetof(struct pf_stream, name), stream->name_size);
}

gchar *pf_reader_template_text(pf_reader *self, uint64_t link) {
    const struct pf_template *template = pf_reader_at(self, link, sizeof *template);
    return template == NULL
               ? g_strdup("")
               : tail_text(self, link, offsetof(struct pf_template, text), template->size);
}
