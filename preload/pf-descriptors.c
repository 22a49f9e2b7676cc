// SPDX-License-Identifier: Apache-2.0
// Wrapped by hand: what makes a descriptor lead elsewhere, so that its bytes go to the right stream.
#include "pf-headers.h" // before all else

#include "pf-process.h"
#include "pf-wrap.h"

// In a vfork child descriptors are its own, but our memory is its parent's.
static void forget(unsigned first, unsigned last) {
    if (PF_UNLIKELY(pf_mode == PF_MODE_ON) && pf_thread.vfork_depth == 0) {
        pf_stream_forget(first, last);
    }
}

#define CLOSE(name)                                                                                \
    PF_REAL(name, int, (int fd), (fd))                                                             \
    PF_EXPORT int PF_WRAPPER(name)(int fd) {                                                       \
        if (PF_IS_OFF()) {                                                                         \
            return pf_real_##name(fd);                                                             \
        }                                                                                          \
        if (PF_WRAPPER_IS_EARLY()) {                                                               \
            return pf_early_##name(fd);                                                            \
        }                                                                                          \
        forget((unsigned)fd, (unsigned)fd);                                                        \
        return pf_real_##name(fd);                                                                 \
    }
CLOSE(close)
CLOSE(__close)

// Forgotten afterwards too: another thread may have written in between.
#define DUP(name, params, args)                                                                    \
    PF_REAL(name, int, params, args)                                                               \
    PF_EXPORT int PF_WRAPPER(name) params {                                                        \
        if (PF_IS_OFF()) {                                                                         \
            return pf_real_##name args;                                                            \
        }                                                                                          \
        if (PF_WRAPPER_IS_EARLY()) {                                                               \
            return pf_early_##name args;                                                           \
        }                                                                                          \
        int result = pf_real_##name args;                                                          \
        if (result >= 0 && result != from) {                                                       \
            forget((unsigned)result, (unsigned)result);                                            \
        }                                                                                          \
        return result;                                                                             \
    }
DUP(dup2, (int from, int to), (from, to))
DUP(__dup2, (int from, int to), (from, to))
DUP(dup3, (int from, int to, int flags), (from, to, flags))

PF_REAL(close_range, int, (unsigned first, unsigned last, int flags), (first, last, flags))
PF_EXPORT int PF_WRAPPER(close_range)(unsigned first, unsigned last, int flags) {
    forget(first, last);
    return pf_real_close_range(first, last, flags);
}

PF_REAL(closefrom, void, (int first), (first))
PF_EXPORT void PF_WRAPPER(closefrom)(int first) {
    forget(first > 0 ? (unsigned)first : 0, PF_FD_MOST);
    pf_real_closefrom(first);
}

// The old descriptor is closed, and the new one may have any number.
typedef FILE *stream;
#define PF_ABSENT_stream NULL
#define REOPEN(name)                                                                               \
    PF_REAL(name, stream, (const char *path, const char *mode, FILE *file), (path, mode, file))    \
    PF_EXPORT FILE *PF_WRAPPER(name)(const char *path, const char *mode, FILE *file) {             \
        FILE *result = pf_real_##name(path, mode, file);                                           \
        forget(0, PF_FD_MOST);                                                                     \
        return result;                                                                             \
    }
REOPEN(freopen)
REOPEN(freopen64)

PF_REAL(pclose, int, (FILE * file), (file))
PF_EXPORT int PF_WRAPPER(pclose)(FILE *file) {
    int fd = fileno(file);
    forget((unsigned)fd, (unsigned)fd);
    return pf_real_pclose(file);
}

PF_REAL(daemon, int, (int nochdir, int noclose), (nochdir, noclose))
PF_EXPORT int PF_WRAPPER(daemon)(int nochdir, int noclose) {
    pf_finish("daemon"); // the parent ends inside; the child begins anew
    int result = pf_real_daemon(nochdir, noclose);
    if (result < 0) {
        pf_unfinish();
    }
    forget(0, 2);
    return result;
}

PF_REAL(login_tty, int, (int fd), (fd))
PF_EXPORT int PF_WRAPPER(login_tty)(int fd) {
    int result = pf_real_login_tty(fd);
    forget(0, PF_FD_MOST);
    return result;
}

void pf_resolve_descriptors(void) {
    PF_RESOLVE_EARLY(close);
    PF_RESOLVE_EARLY(dup2);
    PF_RESOLVE_EARLY(dup3);
}
