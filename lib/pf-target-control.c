// SPDX-License-Identifier: Apache-2.0
// Orders to a running process: writes the control words of its segment.
//
// Only control words are written, each by one instruction, and only through mappings of whole pages
// that lie within the file; a forged segment can mislead no store out of it.
#include "pf-segment-reader.h"
#include "pf-target-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_SLOTS (1u << 20) // more than MAX_MEMORY_MB has room for; ends a circle

typedef struct {
    int fd;
    uint64_t size;
    struct pf_segment *segment; // the header only
} writer;

static gboolean fail(GError **error, PfSegmentError code, const gchar *path, const gchar *what) {
    g_set_error(error, PF_SEGMENT_ERROR, (gint)code, "%s: %s", path, what);
    return FALSE;
}

// --- the file

// The path leads to the same file as the descriptor that is held, or the process has ended.
static int open_again(PfTarget *self, GError **error) {
    struct stat held;
    struct stat found;
    GError *local = NULL;
    int fd = pf_segment_open(self->path, O_RDWR, &local);
    if (fd < 0) {
        if (g_error_matches(local, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND)) {
            fail(error, PF_SEGMENT_ERROR_NOT_FOUND, self->path, "the process has ended");
            g_error_free(local);
        } else {
            g_propagate_error(error, local);
        }
        return -1;
    }
    if (fstat(self->fd, &held) != 0 || fstat(fd, &found) != 0 || held.st_dev != found.st_dev ||
        held.st_ino != found.st_ino) {
        fail(error, PF_SEGMENT_ERROR_NOT_FOUND, self->path, "another file by now");
        close(fd);
        return -1;
    }
    return fd;
}

static gboolean check(const writer *to, const gchar *path, GError **error) {
    const struct pf_segment *header = to->segment;
    if (memcmp(header->magic, PF_SEGMENT_MAGIC, sizeof header->magic) != 0) {
        return fail(error, PF_SEGMENT_ERROR_NOT_A_SEGMENT, path, "not a segment of pfprof");
    }
    if (header->version != PF_SEGMENT_VERSION || header->header_size != sizeof *header ||
        header->call_count != PF_CALL_COUNT) {
        return fail(error, PF_SEGMENT_ERROR_VERSION, path, "of another version of pfprof");
    }
    if (header->state != PF_STATE_ACTIVE || !pf_process_runs(header)) {
        return fail(error, PF_SEGMENT_ERROR_NOT_FOUND, path, "the process has ended");
    }
    return TRUE;
}

static void writer_end(writer *self) {
    if (self->segment != NULL) {
        munmap(self->segment, sizeof *self->segment);
    }
    if (self->fd >= 0) {
        close(self->fd);
    }
}

static gboolean writer_begin(writer *self, PfTarget *target, GError **error) {
    *self = (writer){.fd = open_again(target, error)};
    if (self->fd < 0) {
        return FALSE;
    }
    struct stat status;
    gboolean good = fstat(self->fd, &status) == 0 && status.st_size >= (off_t)sizeof *self->segment;
    if (!good) {
        fail(error, PF_SEGMENT_ERROR_NOT_A_SEGMENT, target->path, "too short for a segment");
    } else {
        self->size = (uint64_t)status.st_size;
        void *at =
            mmap(NULL, sizeof *self->segment, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
        self->segment = at != MAP_FAILED ? at : NULL;
        good = self->segment != NULL
                   ? check(self, target->path, error)
                   : fail(error, PF_SEGMENT_ERROR_FAILED, target->path, g_strerror(errno));
    }
    if (!good) {
        writer_end(self);
    }
    return good;
}

// --- slots

// Sets the bit in one slot; gives the next one's link.
static uint64_t tell_slot(const writer *self, uint64_t link) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t used = __atomic_load_n(&self->segment->used, __ATOMIC_ACQUIRE);
    uint64_t most = MIN(self->size, used) / PF_UNIT;
    uint64_t start = link * PF_UNIT & ~(page - 1);
    if (link >= most || link * PF_UNIT < sizeof *self->segment ||
        (link * PF_UNIT) % _Alignof(struct pf_slot) != 0) {
        return 0;
    }
    // A slot's first words do not straddle pages: slots are aligned to 128 bytes.
    char *base = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, (off_t)start);
    if (base == MAP_FAILED) {
        return 0;
    }
    G_STATIC_ASSERT(offsetof(struct pf_slot, more) <= _Alignof(struct pf_slot));
    struct pf_slot *slot = (struct pf_slot *)(base + (link * PF_UNIT - start));
    uint64_t next = __atomic_load_n(&slot->next, __ATOMIC_ACQUIRE);
    __atomic_or_fetch(&slot->control, PF_CTL_CHANGED, __ATOMIC_RELEASE);
    munmap(base, page);
    return next;
}

// A slot that was linked while we walked may have begun with the old words: from the start again.
static void tell_slots(const writer *self) {
    uint64_t first;
    guint rounds = 0;
    do {
        first = __atomic_load_n(&self->segment->first_slot, __ATOMIC_ACQUIRE);
        uint64_t link = first;
        for (guint i = 0; link != 0 && i < MOST_SLOTS; i++) {
            link = tell_slot(self, link);
        }
    } while (first != __atomic_load_n(&self->segment->first_slot, __ATOMIC_ACQUIRE) &&
             ++rounds < 16);
}

typedef struct {
    gboolean active;
    gdouble rate;
    guint64 address;
    guint32 call;
} order;

// Changes the control block in one way; FALSE with an error when it cannot.
typedef gboolean (*change)(writer *to, const order *what, GError **error);

static gboolean give(PfTarget *self, change how, const order *what, GError **error) {
    writer to;
    g_mutex_lock(&self->lock);
    gboolean good = writer_begin(&to, self, error);
    if (good) {
        good = how(&to, what, error);
        if (good) {
            __atomic_add_fetch(&to.segment->control.generation, 1, __ATOMIC_RELEASE);
            tell_slots(&to);
        }
        writer_end(&to);
    }
    g_mutex_unlock(&self->lock);
    return good;
}

// --- orders

static gboolean change_active(writer *to, const order *what, GError **error G_GNUC_UNUSED) {
    if (what->active) {
        __atomic_and_fetch(&to->segment->control.flags, ~PF_CTL_OFF, __ATOMIC_RELAXED);
    } else {
        __atomic_or_fetch(&to->segment->control.flags, PF_CTL_OFF, __ATOMIC_RELAXED);
    }
    return TRUE;
}

/**
 * pf_target_set_active:
 * @self: a process
 * @active: whether to measure
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Switches measuring on or off.  While it is off, calls pass uncounted.
 *
 * Returns: whether the order was given
 */
gboolean pf_target_set_active(PfTarget *self, gboolean active, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), FALSE);
    return give(self, change_active, &(order){.active = active}, error);
}

static gboolean change_rate(writer *to, const order *what, GError **error G_GNUC_UNUSED) {
    __atomic_store(&to->segment->control.rate, &what->rate, __ATOMIC_RELAXED);
    return TRUE;
}

static gboolean is_rate(gdouble rate, GError **error) {
    if (rate >= 0 && rate <= 1) {
        return TRUE;
    }
    g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED,
                "%g is not a rate: allowed is a number from 0 to 1", rate);
    return FALSE;
}

/**
 * pf_target_set_rate:
 * @self: a process
 * @rate: the share of calls to be timed, from 0 to 1
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Sets the default rate.  Counts and bytes are exact at every rate.
 *
 * Returns: whether the order was given
 */
gboolean pf_target_set_rate(PfTarget *self, gdouble rate, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), FALSE);
    return is_rate(rate, error) && give(self, change_rate, &(order){.rate = rate}, error);
}

static gboolean change_site_rate(writer *to, const order *what, GError **error) {
    struct pf_control *control = &to->segment->control;
    uint32_t count = __atomic_load_n(&control->override_count, __ATOMIC_ACQUIRE);
    uint32_t i = 0;
    while (
        i < count && i < PF_OVERRIDES &&
        (control->override[i].site != what->address || control->override[i].call != what->call)) {
        i++;
    }
    if (i >= PF_OVERRIDES) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED,
                    "%u sites have rates of their own, more are not possible: clear them first",
                    PF_OVERRIDES);
        return FALSE;
    }
    control->override[i].site = what->address;
    control->override[i].call = what->call;
    __atomic_store(&control->override[i].rate, &what->rate, __ATOMIC_RELEASE);
    if (i >= count) {
        __atomic_store_n(&control->override_count, i + 1, __ATOMIC_RELEASE);
    }
    return TRUE;
}

/**
 * pf_target_set_site_rate:
 * @self: a process
 * @address: return address of the site, as in [struct@CallSite]; 0: every site
 * @function: (nullable): an output function; %NULL: every one
 * @rate: the share of calls to be timed, from 0 to 1
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Gives sites a rate of their own, which goes before the default one.
 *
 * Returns: whether the order was given
 */
gboolean pf_target_set_site_rate(PfTarget *self, guint64 address, const gchar *function,
                                 gdouble rate, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), FALSE);
    guint32 call = PF_CALL_COUNT;
    if (function != NULL) {
        call = 0;
        while (call < PF_CALL_COUNT && strcmp(pf_calls[call].name, function) != 0) {
            call++;
        }
        if (call == PF_CALL_COUNT) {
            g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED,
                        "%s is not a function that pfprof knows", function);
            return FALSE;
        }
    }
    order what = {.rate = rate, .address = address & PF_KEY_SITE_MASK, .call = call};
    return is_rate(rate, error) && give(self, change_site_rate, &what, error);
}

static gboolean clear_site_rates(writer *to, const order *what G_GNUC_UNUSED,
                                 GError **error G_GNUC_UNUSED) {
    __atomic_store_n(&to->segment->control.override_count, 0, __ATOMIC_RELEASE);
    return TRUE;
}

/**
 * pf_target_clear_site_rates:
 * @self: a process
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Takes the rates of single sites back.
 *
 * Returns: whether the order was given
 */
gboolean pf_target_clear_site_rates(PfTarget *self, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), FALSE);
    return give(self, clear_site_rates, &(order){.active = TRUE}, error);
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static gboolean change_reset(writer *to, const order *what G_GNUC_UNUSED,
                             GError **error G_GNUC_UNUSED) {
    struct pf_control *control = &to->segment->control;
    uint64_t written = 0;
    pf_kernel_bytes_of(to->segment->pid, &written);
    __atomic_store_n(&control->reset_kernel_bytes, written, __ATOMIC_RELAXED);
    __atomic_store_n(&control->reset_unix_ns, now_ns(CLOCK_REALTIME), __ATOMIC_RELAXED);
    __atomic_store_n(&control->reset_monotonic_ns, now_ns(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
    __atomic_add_fetch(&control->reset, 1, __ATOMIC_RELEASE);
    return TRUE;
}

/**
 * pf_target_reset:
 * @self: a process
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Makes the process forget everything counted so far, for all observers and for its exit summary.
 *
 * Returns: whether the order was given
 */
gboolean pf_target_reset(PfTarget *self, GError **error) {
    g_return_val_if_fail(PF_IS_TARGET(self), FALSE);
    return give(self, change_reset, &(order){.active = TRUE}, error);
}
