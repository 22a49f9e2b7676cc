// SPDX-License-Identifier: Apache-2.0
// GLib's own locks and counts, told to ThreadSanitizer: GLib is built without it, and waits by futex, so that
// what a lock orders would look like a race.  Each does what GLib's does, by calling it.
#include <dlfcn.h>
#include <glib-object.h>
#include <sanitizer/tsan_interface.h>
#undef g_once_init_enter
#undef g_once_init_leave

#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (__atomic_load_n(&next, __ATOMIC_ACQUIRE) == NULL) {                                        \
        __atomic_store_n(&next, (__typeof__(name) *)dlsym(RTLD_NEXT, #name), __ATOMIC_RELEASE);    \
    }

void g_mutex_lock(GMutex *mutex) {
    NEXT(g_mutex_lock)
    next(mutex);
    __tsan_acquire(mutex);
}

gboolean g_mutex_trylock(GMutex *mutex) {
    NEXT(g_mutex_trylock)
    gboolean got = next(mutex);
    if (got) {
        __tsan_acquire(mutex);
    }
    return got;
}

void g_mutex_unlock(GMutex *mutex) {
    NEXT(g_mutex_unlock)
    __tsan_release(mutex);
    next(mutex);
}

void g_cond_wait(GCond *cond, GMutex *mutex) {
    NEXT(g_cond_wait)
    __tsan_release(mutex);
    next(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time) {
    NEXT(g_cond_wait_until)
    __tsan_release(mutex);
    gboolean in_time = next(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return in_time;
}

gboolean g_once_init_enter(volatile void *location) {
    NEXT(g_once_init_enter)
    gboolean first = next(location);
    __tsan_acquire((void *)location);
    return first;
}

void g_once_init_leave(volatile void *location, gsize result) {
    NEXT(g_once_init_leave)
    __tsan_release((void *)location);
    next(location, result);
}

// Whoever lets go last frees: after all that the others did.
void g_object_unref(gpointer object) {
    NEXT(g_object_unref)
    __tsan_release(object);
    __tsan_acquire(object);
    next(object);
}

gboolean g_atomic_ref_count_dec(gatomicrefcount *count) {
    NEXT(g_atomic_ref_count_dec)
    __tsan_release(count);
    gboolean last = next(count);
    __tsan_acquire(count);
    return last;
}

void g_atomic_rc_box_release_full(gpointer block, GDestroyNotify clear) {
    NEXT(g_atomic_rc_box_release_full)
    __tsan_release(block);
    __tsan_acquire(block);
    next(block, clear);
}

// What is handed to a thread, and what it leaves behind.
typedef struct started {
    GThreadFunc run;
    gpointer data;
} started;

static gpointer begin(gpointer data) {
    started start = *(started *)data;
    __tsan_acquire(data);
    g_free(data);
    return start.run(start.data);
}

GThread *g_thread_new(const gchar *name, GThreadFunc run, gpointer data) {
    NEXT(g_thread_new)
    started *start = g_new(started, 1);
    *start = (started){run, data};
    __tsan_release(start);
    return next(name, begin, start);
}
