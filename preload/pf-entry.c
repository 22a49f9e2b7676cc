// SPDX-License-Identifier: Apache-2.0
// Decides at the first call of a name whether it was meant for the function that we stand in for.
#include "pf-entry.h"
#include "pf-probe.h"
#include "pf-process.h"
#include "pf-real.h"
#ifdef PF_ARCH_HAS_ENTRIES

void *pf_ways[PF_ENTRY_COUNT];

// From arch/<cpu>/pf-entry.S, as distances from the table's own start, so that nothing has to be relocated;
// 0: the row has no entry.
extern const int32_t pf_entry_names[PF_ENTRY_COUNT] __attribute__((visibility("hidden")));
extern const int32_t pf_entry_wrappers[PF_ENTRY_COUNT] __attribute__((visibility("hidden")));
extern const int32_t pf_entry_places[PF_ENTRY_COUNT] __attribute__((visibility("hidden")));

// The function that our wrapper calls in the place of this one, because its arguments cannot be handed
// on.  It must be of the same library, or a program's own printf would be answered by libc's vprintf.
static const char *const partners[PF_ENTRY_COUNT] = {
#define PF_CALL(name, ...)
#define PF_VCALL(name, ret, params, last, vname, ...) [PF_CALL_##name] = #vname,
#define PF_TAIL(name, ...)
#define PF_HOOK(name, ...)
#define PF_SCOPE(name, ...)
#include "pf-calls.def"
    [PF_CALL_execl] = "execv",
    [PF_CALL_execle] = "execve",
    [PF_CALL_execlp] = "execvp",
};

// A call of a GLib name comes to us from any library (pf-versions.h): is this one GLib's?
static bool is_of_glib(const struct pf_next *found) {
    return pf_next_has(found, "glib_check_version");
}

static bool is_ours(unsigned row, const struct pf_next *found) {
    if (row < PF_CALL_COUNT && pf_calls[row].family == PF_FAMILY_GLIB && !is_of_glib(found)) {
        return false;
    }
    return partners[row] == NULL || pf_next_find(partners[row]).library == found->library;
}

void *pf_entry_place(unsigned row) {
    return pf_entry_places[row] != 0 ? (char *)pf_entry_places + pf_entry_places[row] : NULL;
}

void *pf_entry_find(unsigned row) {
    const char *name = (const char *)pf_entry_names + pf_entry_names[row];
    void *wrapper = (char *)pf_entry_wrappers + pf_entry_wrappers[row];
    if (PF_UNLIKELY(pf_mode == PF_MODE_NEW)) {
        if (pf_is_early()) {
            void *next = pf_next_unrelocated(name);
            return next != NULL ? next : wrapper;
        }
        // A sanitizer's runtime asks dlsym before libc's other functions can be called.
        if (row != PF_ENTRY_DLSYM) {
            pf_init();
        }
        if (pf_mode == PF_MODE_NEW) {
            return wrapper; // a handler's call, or another thread's, amid that: it runs unmeasured
        }
    }
    struct pf_next found = pf_next_find(name);
    if (found.address == NULL) {
        return wrapper; // says that there is none; a library that is loaded later may have it
    }
    void *way = pf_mode == PF_MODE_ON && is_ours(row, &found) ? wrapper : found.address;
    __atomic_store_n(&pf_ways[row], way, __ATOMIC_RELEASE);
    return way;
}
#endif
