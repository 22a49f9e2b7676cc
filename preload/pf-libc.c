// SPDX-License-Identifier: Apache-2.0
// Being told of forks and exits, and what only one libc has, behind weak references.
#include "pf-libc.h"
#include "pf-real.h"
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>

#define WEAK __attribute__((weak))
extern const char *gnu_get_libc_version(void) WEAK;
extern int __cxa_atexit(void (*function)(void *, int), void *argument, void *dso);

static const char unknown;
const char *pf_libc_single_threaded = &unknown;

static int (*key_create)(pthread_key_t *key, void (*destroy)(void *));
static int (*set_specific)(pthread_key_t key, const void *value);

void pf_libc_init(void) {
    const char *said = pf_next("__libc_single_threaded");
    pf_libc_single_threaded = said != NULL ? said : &unknown;
}

bool pf_libc_make_key(unsigned *ret_key, void (*destroy)(void *)) {
    _Static_assert(sizeof(pthread_key_t) == sizeof *ret_key, "a key is a number");
    key_create = (int (*)(pthread_key_t *, void (*)(void *)))pf_next("pthread_key_create");
    set_specific = (int (*)(pthread_key_t, const void *))pf_next("pthread_setspecific");
    return key_create != NULL && set_specific != NULL && key_create(ret_key, destroy) == 0;
}

void pf_libc_set_key(unsigned key, const void *value) { set_specific(key, value); }

#ifdef __GLIBC__
extern int __cxa_at_quick_exit(void (*function)(void *), void *dso) WEAK;
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *dso) WEAK;
extern void *__dso_handle __attribute__((visibility("hidden")));
extern struct _IO_FILE_plus *_IO_list_all WEAK;

bool pf_libc_is_foreign(void) { return gnu_get_libc_version == NULL; }

void pf_libc_ask(void (*parent)(void), void (*child)(void), void (*at_exit)(void *, int),
                 const char *how, void (*at_quick_exit)(void *)) {
    // pthread_atfork itself is in the static part of libc, which needs the other strongly.
    __register_atfork(NULL, parent, child, &__dso_handle);
    // Without a library to belong to, the handler runs after every destructor: what was registered
    // first runs last, and nothing that the program does at exit escapes the summary.
    __cxa_atexit(at_exit, (void *)how, NULL);
    __cxa_at_quick_exit(at_quick_exit, NULL);
}

// Streams other than the standard ones are looked at only when no other thread can close them
// meanwhile.
uint64_t pf_libc_pending(void) {
    uint64_t bytes = 0;
    if (pf_libc_is_single_threaded()) {
        FILE *stream = (FILE *)_IO_list_all;
        for (unsigned i = 0; stream != NULL && i < 4096; i++, stream = stream->_chain) {
            bytes += stream->_fileno >= 0 ? __fpending(stream) : 0;
        }
        return bytes;
    }
    return (stdout != NULL ? __fpending(stdout) : 0) + (stderr != NULL ? __fpending(stderr) : 0);
}
#else
extern int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) WEAK;
extern int at_quick_exit(void (*function)(void)) WEAK;

bool pf_libc_is_foreign(void) { return gnu_get_libc_version != NULL; }

static void (*quick)(void *);
static void at_quick_exit_of(void) { quick(NULL); }

void pf_libc_ask(void (*parent)(void), void (*child)(void), void (*at_exit)(void *, int),
                 const char *how, void (*at_quick_exit_handler)(void *)) {
    pthread_atfork(NULL, parent, child); // one allocation in musl, the only one on our account
    __cxa_atexit(at_exit, (void *)how, NULL);
    quick = at_quick_exit_handler;
    at_quick_exit(at_quick_exit_of);
}

uint64_t pf_libc_pending(void) {
    return (stdout != NULL ? __fpending(stdout) : 0) + (stderr != NULL ? __fpending(stderr) : 0);
}
#endif
