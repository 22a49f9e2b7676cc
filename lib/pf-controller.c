// SPDX-License-Identifier: Apache-2.0
// PfController: writes the control words of a segment.
//
// By pwrite(2), not through a mapping: a file that somebody cuts would raise SIGBUS there.  The target
// takes a change over when it finds its slot's control word not 0.  That word is written without
// looking at what the target does to it meanwhile, and needs no more: whatever else it says, CHANGED
// makes the target work it out anew.  Observers keep each other out by flock(2) while they write; who
// steers holds a lock of another kind all the time, an open file description's (fcntl(2)).
#include "pf-controller.h"
#include "pf-claim.h"
#include "pf-reset-copy.h"
#include "pf-segment-find.h"
#include "pf-segment-reader.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/**
 * PfController:
 *
 * Changes how a running process is measured: on or off, at what rate, from now on.  Nothing is sent to
 * the process; each of its threads takes a change over at its next output call.  Needs
 * `PROVIDE_PROFILING_CLI_ENABLED` in the process, which is the default.  Any number of threads and
 * processes may control one process at once; they wait for each other.
 */
struct _PfController {
    GObject parent_instance;
    gchar *path;
    int fd;
};

G_DEFINE_FINAL_TYPE(PfController, pf_controller, G_TYPE_OBJECT)

static void pf_controller_finalize(GObject *object) {
    PfController *self = PF_CONTROLLER(object);
    if (self->fd >= 0) {
        close(self->fd);
    }
    g_free(self->path);
    G_OBJECT_CLASS(pf_controller_parent_class)->finalize(object);
}

static void pf_controller_class_init(PfControllerClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = pf_controller_finalize;
}

static void pf_controller_init(PfController *self) { self->fd = -1; }

static gboolean fail(PfController *self, PfSegmentError code, const gchar *what, GError **error) {
    g_set_error(error, PF_SEGMENT_ERROR, (gint)code, "%s: %s", self->path, what);
    return FALSE;
}

static gboolean read_at(PfController *self, uint64_t offset, void *to, size_t size) {
    return offset <= INT64_MAX && pread(self->fd, to, size, (off_t)offset) == (ssize_t)size;
}

// Never past the end: a file that was cut does not grow by us.
static gboolean write_at(PfController *self, uint64_t offset, const void *from, size_t size) {
    off_t end = lseek(self->fd, 0, SEEK_END);
    return end >= 0 && offset + size <= (uint64_t)end &&
           pwrite(self->fd, from, size, (off_t)offset) == (ssize_t)size;
}

gboolean pf_controller_claim(PfController *self) {
    struct flock wanted = {.l_type = F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_start = offsetof(struct pf_segment, control) +
                                      offsetof(struct pf_control, observer),
                           .l_len = sizeof((struct pf_control *)NULL)->observer};
    // Where there are no locks nobody can have one.
    return fcntl(self->fd, F_OFD_SETLK, &wanted) == 0 || (errno != EAGAIN && errno != EACCES);
}

/**
 * pf_controller_new_for_file:
 * @path: a segment
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Opens the segment of a process for writing.
 *
 * Returns: (transfer full): the controller, or %NULL
 */
PfController *pf_controller_new_for_file(const gchar *path, GError **error) {
    g_return_val_if_fail(path != NULL, NULL);
    int fd = pf_segment_open(path, O_RDWR, error);
    if (fd < 0) {
        return NULL;
    }
    PfController *self = g_object_new(PF_TYPE_CONTROLLER, NULL);
    self->path = g_strdup(path);
    self->fd = fd;
    struct pf_segment *header = pf_segment_read_header(self->fd, self->path, error);
    if (header == NULL) {
        g_object_unref(self);
        return NULL;
    }
    gboolean runs = pf_segment_runs(header);
    g_aligned_free(header);
    if (!runs) {
        fail(self, PF_SEGMENT_ERROR_NOT_FOUND, "its process has ended", error);
        g_object_unref(self);
        return NULL;
    }
    return self;
}

/**
 * pf_controller_new_for_pid:
 * @pid: a process
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Opens the segment of a process of this user for writing.
 *
 * Returns: (transfer full): the controller, or %NULL
 */
PfController *pf_controller_new_for_pid(guint pid, GError **error) {
    g_autofree gchar *path = pf_segment_find(pid, error);
    return path != NULL ? pf_controller_new_for_file(path, error) : NULL;
}

// Sets CHANGED in every slot's word; the chain is bounded by how many slots the file has room for.
static gboolean wake_slots(PfController *self, const struct pf_segment *header) {
    uint64_t link = header->first_slot;
    uint64_t most = header->size / sizeof(struct pf_slot) + 1;
    for (uint64_t i = 0; link != 0 && i < most; i++) {
        struct {
            uint32_t control;
            uint32_t state;
            uint64_t next;
        } slot;
        _Static_assert(offsetof(struct pf_slot, next) == 8, "the start of a slot");
        if (link < sizeof *header / PF_UNIT || link > header->size / PF_UNIT ||
            !read_at(self, link * PF_UNIT, &slot, sizeof slot)) {
            return FALSE;
        }
        slot.control |= PF_CTL_CHANGED;
        if (!write_at(self, link * PF_UNIT, &slot.control, sizeof slot.control)) {
            return FALSE;
        }
        link = slot.next;
    }
    return TRUE;
}

// Runs `change` on a copy of the control block and hands the result to the target.  NULL from `change`,
// or what is wrong.
typedef const gchar *(*pf_change)(struct pf_control *control, const struct pf_segment *header,
                                  gconstpointer data);

static gboolean apply(PfController *self, pf_change change, gconstpointer data, GError **error) {
    while (flock(self->fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail(self, PF_SEGMENT_ERROR_FAILED, g_strerror(errno), error);
        }
    }
    gboolean done = FALSE;
    struct pf_segment *header = pf_segment_read_header(self->fd, self->path, error);
    if (header != NULL) {
        const uint64_t at = offsetof(struct pf_segment, control);
        const size_t first = offsetof(struct pf_control, flags); // what follows `generation`
        struct pf_control *control = &header->control;
        const gchar *wrong = change(control, header, data);
        uint32_t generation = control->generation + 1;
        if (wrong != NULL) {
            fail(self, PF_SEGMENT_ERROR_FAILED, wrong, error);
        } else if (write_at(self, at + first, (char *)control + first, sizeof *control - first) &&
                   write_at(self, at, &generation, sizeof generation) &&
                   read_at(self, offsetof(struct pf_segment, first_slot), &header->first_slot,
                           sizeof header->first_slot) && // one that was made meanwhile
                   wake_slots(self, header)) {
            done = TRUE;
        } else {
            fail(self, PF_SEGMENT_ERROR_DAMAGED, "damaged: the control words cannot be written",
                 error);
        }
        g_aligned_free(header);
    }
    flock(self->fd, LOCK_UN);
    return done;
}

static const gchar *change_active(struct pf_control *control,
                                  const struct pf_segment *header G_GNUC_UNUSED,
                                  gconstpointer data) {
    control->flags =
        *(const gboolean *)data ? control->flags & ~PF_CTL_OFF : control->flags | PF_CTL_OFF;
    return NULL;
}

/**
 * pf_controller_set_active:
 * @self: a controller
 * @active: whether calls shall be measured
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Switches measuring on or off.  Calls made while it is off are not counted.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_set_active(PfController *self, gboolean active, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    return apply(self, change_active, &active, error);
}

#define BAD_RATE "a sample rate is a number from 0 to 1"

static const gchar *change_rate(struct pf_control *control,
                                const struct pf_segment *header G_GNUC_UNUSED, gconstpointer data) {
    gdouble rate = *(const gdouble *)data;
    if (!(rate >= 0 && rate <= 1)) {
        return BAD_RATE;
    }
    control->rate = rate;
    return NULL;
}

/**
 * pf_controller_set_rate:
 * @self: a controller
 * @rate: share of the calls that is timed, from 0 to 1
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Sets the rate of all call sites that have none of their own.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_set_rate(PfController *self, gdouble rate, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    return apply(self, change_rate, &rate, error);
}

static uint32_t call_of(const gchar *function) {
    for (uint32_t call = 0; function != NULL && call < PF_CALL_COUNT; call++) {
        if (strcmp(pf_calls[call].name, function) == 0) {
            return call;
        }
    }
    return PF_CALL_COUNT;
}

static const gchar *change_site(struct pf_control *control,
                                const struct pf_segment *header G_GNUC_UNUSED, gconstpointer data) {
    const struct pf_override *wanted = data;
    uint32_t count = MIN(control->override_count, PF_OVERRIDES);
    uint32_t at = 0;
    if (!(wanted->rate >= 0 && wanted->rate <= 1)) {
        return BAD_RATE;
    }
    while (at < count && (control->override[at].site != wanted->site ||
                          control->override[at].call != wanted->call)) {
        at++;
    }
    if (at == PF_OVERRIDES) {
        return "there are 62 rates of sites already; clear them first";
    }
    control->override[at] = *wanted;
    control->override_count = MAX(count, at + 1);
    return NULL;
}

/**
 * pf_controller_set_site_rate:
 * @self: a controller
 * @address: return address of a call site; 0: every site of @function
 * @function: (nullable): name of an output function; %NULL: every one that is called there
 * @rate: share of the calls that is timed, from 0 to 1
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Gives a call site, or all of a function, a rate of its own.  There is room for 62 of them; where
 * several fit, the one that was first set last wins.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_set_site_rate(PfController *self, guint64 address, const gchar *function,
                                     gdouble rate, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    struct pf_override wanted = {.site = address, .call = call_of(function), .rate = rate};
    if (function != NULL && wanted.call == PF_CALL_COUNT) {
        g_set_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_FAILED,
                    "%s is not an intercepted function", function);
        return FALSE;
    }
    if (function == NULL && address == 0) {
        return fail(self, PF_SEGMENT_ERROR_FAILED, "neither a site nor a function was named",
                    error);
    }
    return apply(self, change_site, &wanted, error);
}

typedef struct {
    gdouble rate;
    const PfSiteRate *sites;
    guint count;
} rates;

static const gchar *change_rates(struct pf_control *control,
                                 const struct pf_segment *header G_GNUC_UNUSED,
                                 gconstpointer data) {
    const rates *wanted = data;
    gboolean good = wanted->rate >= 0 && wanted->rate <= 1;
    for (guint i = 0; i < wanted->count; i++) {
        const PfSiteRate *from = &wanted->sites[i];
        good = good && from->rate >= 0 && from->rate <= 1;
        control->override[i] = (struct pf_override){.site = from->address & PF_KEY_SITE_MASK,
                                                    .call = from->call,
                                                    .stream = from->stream,
                                                    .rate = from->rate};
    }
    control->rate = wanted->rate;
    control->override_count = wanted->count;
    control->observer = (uint32_t)getpid();
    return good ? NULL : BAD_RATE;
}

/**
 * pf_controller_set_rates:
 * @self: a controller
 * @rate: the default rate
 * @sites: (array length=site_count): sites with a rate of their own, 62 at most
 * @site_count: their number
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Sets all rates at once, in place of those that were, and says that this process steers.  A thread that
 * takes rates over while they are being written may have old and new ones mixed until it does so once
 * more; estimates do not mind.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_set_rates(PfController *self, gdouble rate, const PfSiteRate *sites,
                                 guint site_count, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    g_return_val_if_fail(site_count <= PF_OVERRIDES, FALSE);
    return apply(self, change_rates, &(rates){rate, sites, site_count}, error);
}

/**
 * pf_controller_get_path:
 * @self: a controller
 *
 * Which segment it writes to.
 *
 * Returns: (transfer none): the segment's path; the file may be gone by now
 */
const gchar *pf_controller_get_path(PfController *self) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), NULL);
    return self->path;
}

static const gchar *change_nothing_but_sites(struct pf_control *control,
                                             const struct pf_segment *header G_GNUC_UNUSED,
                                             gconstpointer data G_GNUC_UNUSED) {
    control->override_count = 0;
    return NULL;
}

/**
 * pf_controller_clear_site_rates:
 * @self: a controller
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Takes back every rate that belongs to single sites or functions.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_clear_site_rates(PfController *self, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    return apply(self, change_nothing_but_sites, NULL, error);
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const gchar *change_reset(struct pf_control *control, const struct pf_segment *header,
                                 gconstpointer data) {
    const PfController *self = data;
    struct pf_control after = *control;
    uint64_t written;
    after.reset++;
    after.reset_unix_ns = now_ns(CLOCK_REALTIME);
    after.reset_monotonic_ns = now_ns(CLOCK_MONOTONIC);
    after.reset_kernel_bytes = pf_kernel_bytes_of(header->pid, &written) ? written : 0;
    const gchar *wrong = pf_reset_copy_make(self->fd, self->path, header, &after);
    if (wrong == NULL) {
        *control = after;
    }
    return wrong;
}

// What belongs to no thread, nobody but us can forget: calls without a site, and lost ones.  A call that
// comes in between may be lost with them.
static gboolean forget_rest(PfController *self, GError **error) {
    static const char nothing[sizeof(struct pf_segment)];
    const size_t from = offsetof(struct pf_segment, lost);
    const size_t end = offsetof(struct pf_segment, stream);
    return write_at(self, from, nothing, end - from) ||
           fail(self, PF_SEGMENT_ERROR_DAMAGED, "damaged: the counters cannot be written", error);
}

/**
 * pf_controller_reset:
 * @self: a controller
 * @error: return location for an error of %PF_SEGMENT_ERROR
 *
 * Forgets everything counted so far.  Where an agent watches, it gets a copy of that first.
 *
 * Returns: whether it was written
 */
gboolean pf_controller_reset(PfController *self, GError **error) {
    g_return_val_if_fail(PF_IS_CONTROLLER(self), FALSE);
    return apply(self, change_reset, self, error) && forget_rest(self, error);
}
