// SPDX-License-Identifier: Apache-2.0
// The wrappers, made from the table.
//
// Not timed: the real call and two additions.  Timed: pf_begin, the real call, pf_end, and a look at
// the text.  Variadic rows walk their va_list once more only when they are timed.
#include "pf-headers.h" // before all else

#include "pf-module.h"
#include "pf-wrap-rules.h"

// A program may have put another stream in its place, or none.
int pf_stderr_fd(void) {
    FILE *stream = PF_IS_EARLY() ? NULL : stderr;
    return stream != NULL ? stream_fd(stream) : -1;
}

// ret: how to run the real call, keep its result and hand it on
#define RUN_int(call) int result = call;
#define RUN_size_t(call) size_t result = call;
#define RUN_ssize_t(call) ssize_t result = call;
#define RUN_wint_t(call) wint_t result = call;
#define RUN_void(call)                                                                             \
    const int result = 0;                                                                          \
    call;
#define RUN_noreturn(call)                                                                         \
    call;                                                                                          \
    __builtin_unreachable();
#define RETURN_noreturn
#define RETURN_int return result;
#define RETURN_size_t return result;
#define RETURN_ssize_t return result;
#define RETURN_wint_t return result;
#define RETURN_void                                                                                \
    (void)result;                                                                                  \
    return;

#define RUN_LAYERED(ret, family, call)                                                             \
    if (LAYERED_##family) {                                                                        \
        pf_inside_begin(PF_FRAME);                                                                 \
    }                                                                                              \
    RUN_##ret(call) if (LAYERED_##family) { pf_inside_end(PF_FRAME); }

// What all calls do that are not timed.
#define UNTIMED(ret, call, family, bytes_rule, account)                                            \
    BEFORE_##bytes_rule RUN_LAYERED(ret, family, call)                                             \
        account(entry, BYTES_##bytes_rule, FAILED_##bytes_rule);                                   \
    REST_##bytes_rule RETURN_##ret

// Variadic rows, and the first calls of the others.
#define BODY(name, ret, call, timed, family, bytes_rule, fd, text)                                 \
    struct pf_entry *entry = pf_enter(PF_CALL_##name, AT_##fd, PF_SITE, PF_FRAME);                 \
    PREPARE_##fd if (PF_UNLIKELY(entry == NULL)) { RUN_##ret(call) RETURN_##ret }                  \
    if (pf_due(entry)) {                                                                           \
        return timed;                                                                              \
    }                                                                                              \
    UNTIMED(ret, call, family, bytes_rule, pf_account)

// Most calls: nothing but the entry has to be kept over the real call, because all else is left to
// functions that this one ends in.
#define QUICK_BODY(name, ret, call, timed, slow, long_, family, bytes_rule, fd)                    \
    struct pf_entry *entry = pf_enter_quick(PF_CALL_##name, AT_##fd, PF_SITE);                     \
    if (PF_UNLIKELY(entry == NULL)) {                                                              \
        return slow;                                                                               \
    }                                                                                              \
    PREPARE_##fd if (pf_due(entry)) { return timed; }                                              \
    QUICK_##bytes_rule RUN_LAYERED(ret, family, call) if (PF_UNLIKELY(FAILED_##bytes_rule)) {      \
        return (ret)pf_account_failed(entry, BYTES_##bytes_rule, (uint64_t)result);                \
    }                                                                                              \
    SHORT_##bytes_rule pf_add(&entry->bytes, BYTES_##bytes_rule);                                  \
    RETURN_##ret;                                                                                  \
    is_long:                                                                                       \
    __attribute__((unused)) return long_;

// Timed: a function of its own, so that the others save no more registers than they need.
#define TIMED_BODY(name, ret, call, family, bytes_rule, fd, text)                                  \
    BEFORE_##bytes_rule WALK_##text struct pf_probe probe;                                         \
    probe.frame = (uintptr_t)PF_FRAME;                                                             \
    pf_begin(&probe, entry, FILE_##fd, LOCKS_##fd);                                                \
    RUN_LAYERED(ret, family, call)                                                                 \
    const uint64_t bytes = BYTES_##bytes_rule;                                                     \
    const bool failed = FAILED_##bytes_rule;                                                       \
    probe.level = LEVEL_##family;                                                                  \
    pf_end(&probe, bytes, failed);                                                                 \
    pf_account(entry, bytes, failed);                                                              \
    REST_##bytes_rule if (probe.detail != NULL) {                                                  \
        const enum pf_family text_family = PF_FAMILY_##family;                                     \
        (void)text_family;                                                                         \
        note_text(probe.detail, SEES_##text, FIELDS_##text);                                       \
        if (PF_UNLIKELY(pf_message_wanted(probe.slot, probe.detail))) {                            \
            LOOK_##text                                                                            \
        }                                                                                          \
    }                                                                                              \
    RETURN_##ret

// A call that does not return is counted on the way in, and its clock would never be read again.
#define NORETURN_BODY(name, family, fd, call)                                                      \
    pf_enter(PF_CALL_##name, AT_##fd, PF_SITE, PF_FRAME);                                          \
    if (LAYERED_##family) {                                                                        \
        pf_inside_begin(PF_FRAME);                                                                 \
    }                                                                                              \
    call;                                                                                          \
    __builtin_unreachable();

#define TYPE_noreturn void
#define TYPE_void void
#define TYPE_int int
#define TYPE_size_t size_t
#define TYPE_ssize_t ssize_t
#define TYPE_wint_t wint_t
#define PF_ABSENT_noreturn

#define BODY_noreturn(name, ret, call, timed, family, bytes, fd, text)                             \
    NORETURN_BODY(name, family, fd, call)
#define BODY_void BODY
#define BODY_int BODY
#define BODY_size_t BODY
#define BODY_ssize_t BODY
#define BODY_wint_t BODY

typedef void noreturn;

#define WITH_ENTRY(...) struct pf_entry *entry __VA_OPT__(, ) __VA_ARGS__
#define ENTRY_AND(...) entry __VA_OPT__(, ) __VA_ARGS__
#define WRAP(name, ret, params, args, family, bytes, fd, text)                                     \
    static __attribute__((noinline)) ret timed_##name(WITH_ENTRY params) {                         \
        TIMED_BODY(name, ret, pf_real_##name args, family, bytes, fd, text)                        \
    }                                                                                              \
    static PF_COLD ret first_##name params {                                                       \
        BODY(name, ret, pf_real_##name args, timed_##name(ENTRY_AND args), family, bytes, fd,      \
             text)                                                                                 \
    }                                                                                              \
    __attribute__((noinline, unused)) static ret long_##name(WITH_ENTRY params){UNTIMED(           \
        ret, pf_real_##name args, family, bytes,                                                   \
        pf_account_entry)} WRAPPER(name, ret, params, args,                                        \
                                   QUICK_BODY(name, ret, pf_real_##name args,                      \
                                              timed_##name(ENTRY_AND args), first_##name args,     \
                                              long_##name(ENTRY_AND args), family, bytes, fd))
// A wrapper that is not enabled saves nothing and jumps through; else it jumps to the body, which so
// sees the caller's return address as its own (the compiler's sibling call: the test of sites fails
// where there is none).  An entry does that better, for any signature.
#ifdef PF_ARCH_HAS_ENTRIES
#define WRAPPER(name, ret, params, args, ...)                                                      \
    PF_EXPORT __attribute__((noinline)) ret PF_WRAPPER(name) params { __VA_ARGS__ }
#else
#define WRAPPER(name, ret, params, args, ...)                                                      \
    static __attribute__((noinline)) ret on_##name params{__VA_ARGS__} PF_EXPORT ret name params { \
        if (PF_IS_OFF()) {                                                                         \
            return pf_real_##name args;                                                            \
        }                                                                                          \
        if (PF_IS_EARLY()) {                                                                       \
            return pf_early_##name args;                                                           \
        }                                                                                          \
        return on_##name args;                                                                     \
    }
#endif
#define WRAP_noreturn(name, ret, params, args, family, bytes, fd, text)                            \
    PF_EXPORT void PF_WRAPPER(name) params { NORETURN_BODY(name, family, fd, pf_real_##name args) }
#define WRAP_void WRAP
#define WRAP_int WRAP
#define WRAP_size_t WRAP
#define WRAP_ssize_t WRAP
#define WRAP_wint_t WRAP

#define PF_CALL(name, ret, params, args, family, bytes, fd, text)                                  \
    PF_REAL(name, ret, params, args)                                                               \
    WRAP_##ret(name, ret, params, args, family, bytes, fd, text)
// The v form's own row resolves it and times for it, so it must be in the table as well and have the
// same rules: err needs verr, and so on.
#define PF_VCALL(name, ret, params, last, vname, vargs, family, bytes, fd, text)
#define PF_TAIL(name, family, why)
#define PF_HOOK(name, family, why)
#define PF_SCOPE(name, timed, why)
#include "pf-calls.def"

#define PF_CALL(name, ret, params, args, family, bytes, fd, text)
#define PF_VCALL(name, ret, params, last, vname, vargs, family, bytes, fd, text)                   \
    PF_EXPORT TYPE_##ret PF_WRAPPER(name) params {                                                 \
        va_list ap;                                                                                \
        va_start(ap, last);                                                                        \
        if (PF_WRAPPER_IS_EARLY()) {                                                               \
            RUN_##ret(pf_early_##vname vargs) RETURN_##ret                                         \
        }                                                                                          \
        BODY_##ret(name, ret, pf_real_##vname vargs, timed_##vname(ENTRY_AND vargs), family,       \
                   bytes, fd, text)                                                                \
    }
#define PF_TAIL(name, family, why)
#define PF_HOOK(name, family, why)
#define PF_SCOPE(name, timed, why)
#include "pf-calls.def"

void pf_resolve_early(void) {
    PF_RESOLVE_EARLY(write);
    PF_RESOLVE_EARLY(writev);
    PF_RESOLVE_EARLY(pwrite);
    PF_RESOLVE_EARLY(pwrite64);
    PF_RESOLVE_EARLY(send);
    PF_RESOLVE_EARLY(sendto);
    PF_RESOLVE_EARLY(sendmsg);
    PF_RESOLVE_EARLY(fsync);
    PF_RESOLVE_EARLY(fdatasync);
    pf_resolve_descriptors();
    pf_resolve_hooks();
}
