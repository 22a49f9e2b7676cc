// SPDX-License-Identifier: Apache-2.0
// dlsym: answers with our entry where it would, were the entry a plain symbol.
//
// Entries are hidden from dlsym, or it would find names that are nowhere, and in the place of a program's
// own.  But what stands before us and calls on (a sanitizer's runtime, another preloaded library) asks for
// the next write, and gets ours.  All else is the real dlsym's, which is jumped to, since it looks at who
// called; nothing of it is called on our own account, or the program's next dlerror() would say nothing.
#include "pf-entry.h"
#include "pf-probe.h"
#include "pf-real.h"
#include "pf-wrap.h"
#ifdef PF_ARCH_HAS_ENTRIES
#include "pf-print.h"
#include <dlfcn.h>

PF_REAL(dlsym, pf_pointer, (void *handle, const char *name), (handle, name))

// Of a row that libc itself has, and nobody between us and libc; NULL otherwise.
static void *entry_of(const char *name) {
    for (unsigned row = 0; row < PF_CALL_COUNT; row++) {
        if (pf_calls[row].name[0] == name[0] && pf_same(pf_calls[row].name, name)) {
            struct pf_next found = pf_next_find(name);
            return found.address != NULL && pf_next_has(&found, "gnu_get_libc_version")
                       ? pf_entry_place(row)
                       : NULL;
        }
    }
    return NULL;
}

// Would a search come by us first?  The program itself is what dlopen(NULL) gives; it stands for all that was
// loaded at start.
static bool finds_us(const void *handle, const char *name, const void *caller) {
    return handle == RTLD_NEXT ? pf_next_stands_before(caller)
                               : (handle == RTLD_DEFAULT || handle == pf_next_program()) &&
                                     !pf_next_is_before(name);
}

PF_EXPORT pf_pointer PF_WRAPPER(dlsym)(void *handle, const char *name) {
    void *entry = pf_mode != PF_MODE_OFF && name != NULL ? entry_of(name) : NULL;
    if (entry != NULL && finds_us(handle, name, PF_SITE)) {
        return entry;
    }
    return pf_real_dlsym(handle, name);
}
#endif
