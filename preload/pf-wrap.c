// SPDX-License-Identifier: Apache-2.0
// The wrappers, made from the table.
//
// Not timed: the real call and two additions.  Timed: pf_begin, the real call, pf_end, and a look at
// the text.  Variadic rows walk their va_list once more only when they are timed.
#include "pf-headers.h" // before all else

#include "pf-emoji.h"
#include "pf-format.h"
#include "pf-length.h"
#include "pf-message.h"
#include "pf-module.h"
#include "pf-process.h"
#include "pf-rest.h"
#include "pf-wrap.h"

// fd: the descriptor; the FILE that a timed call looks at; whether it may wait for its lock; and what
// to do before the call
#define AT_FD(fd) (fd)
#define AT_STREAM(stream) stream_fd(stream)
#define AT_UNLOCKED(stream) stream_fd(stream)
#define AT_FLUSHING(stream) ((stream) != NULL ? stream_fd(stream) : -1)
#define AT_NOFD (-1)
#define AT_CLOSING(stream) stream_fd(stream)
#define AT_CLOSING_ALL (-1)
#define FILE_FD(fd) NULL
#define FILE_STREAM(stream) (stream)
#define FILE_UNLOCKED(stream) (stream)
#define FILE_FLUSHING(stream) NULL
#define FILE_NOFD NULL
#define FILE_CLOSING(stream) NULL
#define FILE_CLOSING_ALL NULL
#define LOCKS_FD(fd) false
#define LOCKS_STREAM(stream) true
#define LOCKS_UNLOCKED(stream) false
#define LOCKS_FLUSHING(stream) false
#define LOCKS_NOFD false
#define LOCKS_CLOSING(stream) false
#define LOCKS_CLOSING_ALL false
#define PREPARE_FD(fd)
#define PREPARE_STREAM(stream)
#define PREPARE_UNLOCKED(stream)
#define PREPARE_FLUSHING(stream)
#define PREPARE_NOFD
#define PREPARE_CLOSING(stream) prepare_closing(stream);
#define PREPARE_CLOSING_ALL pf_stream_forget(0, PF_FD_MOST);

// bytes: what to note before the call, the bytes, and whether it failed, from `result`
#define BEFORE_RETURNED
#define BYTES_RETURNED (result > 0 ? (uint64_t)result : 0)
#define FAILED_RETURNED (result < 0)
#define BEFORE_ASKED(b, n)
#define BYTES_ASKED(b, n) BYTES_RETURNED
#define FAILED_ASKED(b, n) FAILED_RETURNED
#define BEFORE_ITEMS(s, n)
#define BYTES_ITEMS(s, n) ((uint64_t)result * (s))
#define FAILED_ITEMS(s, n) ((s) != 0 && result < (n))
#define BEFORE_LENGTH(s) const size_t length = strlen(s);
#define BYTES_LENGTH(s) (result >= 0 ? length : 0)
#define FAILED_LENGTH(s) (result < 0)
#define BEFORE_LENGTH_NL(s) const size_t length = strlen(s);
#define BYTES_LENGTH_NL(s) (result >= 0 ? length + 1 : 0)
#define FAILED_LENGTH_NL(s) (result < 0)
#define BEFORE_ONE
#define BYTES_ONE (uint64_t)(result >= 0)
#define FAILED_ONE (result < 0)
#define BEFORE_WORD
#define BYTES_WORD (result >= 0 ? sizeof(int) : 0)
#define FAILED_WORD (result < 0)
#define BEFORE_DATAGRAMS(v)
#define BYTES_DATAGRAMS(v) datagram_bytes(v, result)
#define FAILED_DATAGRAMS(v) (result < 0)
#define BEFORE_UNKNOWN
#define BYTES_UNKNOWN 0
#define FAILED_UNKNOWN ((int)result < 0)
#define BEFORE_NOTHING
#define BYTES_NOTHING 0
#define FAILED_NOTHING (result != 0)

// What most calls note instead: a text that is not soon over is another function's.
#define QUICK_RETURNED
#define QUICK_ASKED(b, n)
#define QUICK_ITEMS(s, n)
#define QUICK_LENGTH(s)                                                                            \
    size_t length;                                                                                 \
    if (PF_UNLIKELY(!pf_short_length(s, &length))) {                                               \
        goto is_long;                                                                              \
    }
#define QUICK_LENGTH_NL(s) QUICK_LENGTH(s)
#define QUICK_ONE
#define QUICK_WORD
#define QUICK_DATAGRAMS(v)
#define QUICK_UNKNOWN
#define QUICK_NOTHING

// Whether a call took less than it was given: in the quick body, which hands it on, and in the others.
#define SHORT_RETURNED
#define SHORT_ASKED(b, n)                                                                          \
    if (PF_UNLIKELY((size_t)result != (n))) {                                                      \
        return (ssize_t)pf_account_short(entry, b, n, (uint64_t)result);                           \
    }
#define SHORT_ITEMS(s, n)
#define SHORT_LENGTH(s)
#define SHORT_LENGTH_NL(s)
#define SHORT_ONE
#define SHORT_WORD
#define SHORT_DATAGRAMS(v)
#define SHORT_UNKNOWN
#define SHORT_NOTHING
#define REST_RETURNED
#define REST_ASKED(b, n) pf_rest_check(entry, b, n, result);
#define REST_ITEMS(s, n)
#define REST_LENGTH(s)
#define REST_LENGTH_NL(s)
#define REST_ONE
#define REST_WORD
#define REST_DATAGRAMS(v)
#define REST_UNKNOWN
#define REST_NOTHING

// text: looked at before the call (a va_list can be walked only then) or after it
#define WALK_NOTEXT
#define WALK_BUFFER(p)
#define WALK_STRING(s)
#define WALK_CHARACTER(c)
#define WALK_VECTOR(iov, n)
#define WALK_MESSAGE(m)
#define WALK_WIDE_STRING(s)
#define WALK_WIDE_CHARACTER(c)
#define WALK_FORMATTED(f)                                                                          \
    struct pf_format walked = {0};                                                                 \
    walk_format(entry, f, ap, &walked);
#define WALK_WIDE_FORMATTED(f)                                                                     \
    struct pf_format walked = {0};                                                                 \
    va_list copy;                                                                                  \
    va_copy(copy, ap);                                                                             \
    pf_format_walk_wide(f, copy, &walked);                                                         \
    va_end(copy);
#define SEES_NOTEXT false
#define SEES_BUFFER(p)                                                                             \
    (bytes != 0 && readable(&probe, text_family) && pf_has_emoji((const char *)(p), bytes))
#define SEES_STRING(s) pf_has_emoji(s, length)
#define SEES_CHARACTER(c) false
#define SEES_VECTOR(iov, n)                                                                        \
    (bytes != 0 && readable(&probe, text_family) && vector_has_emoji(iov, (size_t)(n), bytes))
#define SEES_MESSAGE(m)                                                                            \
    (bytes != 0 && readable(&probe, text_family) &&                                                \
     vector_has_emoji((m)->msg_iov, (m)->msg_iovlen, bytes))
#define SEES_WIDE_STRING(s) pf_has_emoji_wide(s, wcslen(s))
#define SEES_WIDE_CHARACTER(c) pf_has_emoji_wide(&(wchar_t){c}, 1)
#define SEES_FORMATTED(f) walked.emoji
#define SEES_WIDE_FORMATTED(f) walked.emoji
#define FIELDS_NOTEXT 0
#define FIELDS_BUFFER(p) 0
#define FIELDS_STRING(s) 0
#define FIELDS_CHARACTER(c) 0
#define FIELDS_VECTOR(iov, n) 0
#define FIELDS_MESSAGE(m) 0
#define FIELDS_WIDE_STRING(s) 0
#define FIELDS_WIDE_CHARACTER(c) 0
#define FIELDS_FORMATTED(f) walked.fields
#define FIELDS_WIDE_FORMATTED(f) walked.fields

// Whether the buffer of a call that took bytes may be read.
PF_INLINE bool readable(const struct pf_probe *probe, enum pf_family family) {
    enum pf_kind kind = pf_stream_kind((unsigned)(probe->entry->key >> PF_KEY_STREAM_SHIFT));
    return family == PF_FAMILY_STDIO || pf_kind_reads(kind);
}

// A site's first format, if it is a constant, is parsed once.  The program is complete before `format`
// names it and never changes after that, so a handler that comes in between is no matter.  After a
// dlclose other bytes may lie at the address of a format: it is looked at anew then.
static PF_COLD void learn_format(struct pf_detail *detail, const char *format) {
    struct pf_format_program program;
    struct pf_format_program *kept = (struct pf_format_program *)detail->program;
    uint32_t generation = __atomic_load_n(&pf_closed_modules, __ATOMIC_RELAXED);
    if (detail->format == UINT64_MAX || !pf_is_constant(format)) {
        return;
    }
    bool plain = pf_format_compile(format, &program);
    if (detail->format == 0) {
        if (plain) {
            program.generation = generation;
            *kept = program;
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
        }
        uint64_t none = 0;
        uint64_t address = plain ? (uintptr_t)format : UINT64_MAX;
        __atomic_compare_exchange_n(&detail->format, &none, address, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
    } else if (detail->format == (uintptr_t)format) {
        program.generation = kept->generation;
        if (plain && memcmp(&program, kept, sizeof program) == 0) {
            kept->generation = generation;
        } else {
            detail->format = UINT64_MAX;
        }
    }
}

PF_INLINE void walk_format(const struct pf_entry *entry, const char *format, va_list ap,
                           struct pf_format *ret_walked) {
    struct pf_detail *detail =
        PF_LIKELY(pf_process.segment != NULL) ? pf_at(pf_process.segment, entry->detail) : NULL;
    if (PF_LIKELY(detail != NULL)) {
        const struct pf_format_program *program = (const void *)detail->program;
        if (PF_LIKELY(detail->format == (uintptr_t)format) &&
            PF_LIKELY(program->generation == pf_closed_modules)) {
            pf_format_run(program, ap, ret_walked);
            return;
        }
        learn_format(detail, format);
    }
    pf_format_walk(format, ap, ret_walked);
}

static void prepare_closing(FILE *stream) {
    if (PF_UNLIKELY(stream == stderr)) {
        pf_last_words();
    }
    int fd = stream_fd(stream);
    if (fd >= 0 && pf_thread.vfork_depth == 0) {
        pf_stream_forget((unsigned)fd, (unsigned)fd);
    }
}

static uint64_t datagram_bytes(const struct mmsghdr *messages, int count) {
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        bytes += messages[i].msg_len;
    }
    return bytes;
}

// A short write leaves the rest of the vector unread by the kernel: not by us either.
static bool vector_has_emoji(const struct iovec *vector, size_t count, uint64_t bytes) {
    for (size_t i = 0; i < count && bytes > 0; i++) {
        size_t part = vector[i].iov_len < bytes ? vector[i].iov_len : (size_t)bytes;
        if (pf_has_emoji(vector[i].iov_base, part)) {
            return true;
        }
        bytes -= part;
    }
    return false;
}

PF_INLINE void note_text(struct pf_detail *detail, bool emoji, unsigned fields) {
    if (PF_UNLIKELY(emoji)) {
        pf_add(&detail->emoji, 1);
    }
    if (fields != 0) {
        pf_add(&detail->fields, fields);
    }
}

// Loggers of these families call other rows in turn.
#define LAYERED_WRITE false
#define LAYERED_SEND false
#define LAYERED_COPY false
#define LAYERED_STDIO false
#define LAYERED_FORMAT false
#define LAYERED_WIDE false
#define LAYERED_SYSLOG false
#define LAYERED_JOURNAL true
#define LAYERED_GLIB true
#define LAYERED_ERROR false
#define LAYERED_FLUSH false

// The level that a call names.  A row's own parameter of that name hides these.
static const int priority = -1;
static const int level = -1;
#define LEVEL_WRITE PF_LEVEL_NONE
#define LEVEL_SEND PF_LEVEL_NONE
#define LEVEL_COPY PF_LEVEL_NONE
#define LEVEL_STDIO PF_LEVEL_NONE
#define LEVEL_FORMAT PF_LEVEL_NONE
#define LEVEL_WIDE PF_LEVEL_NONE
#define LEVEL_SYSLOG ((uint8_t)(priority & 7))
#define LEVEL_JOURNAL pf_level_of_priority(priority)
#define LEVEL_GLIB pf_level_of_glib(level)
#define LEVEL_ERROR PF_LEVEL_NONE
#define LEVEL_FLUSH PF_LEVEL_NONE

// Where a level and a template are looked for, now and then.
#define LOOK_NOTEXT
#define LOOK_BUFFER(p)                                                                             \
    if (bytes != 0 && readable(&probe, text_family)) {                                             \
        pf_message_look(&probe, (const char *)(p), bytes);                                         \
    }
#define LOOK_STRING(s) pf_message_look(&probe, s, length);
#define LOOK_CHARACTER(c)
#define LOOK_VECTOR(iov, n)                                                                        \
    if (bytes != 0 && readable(&probe, text_family)) {                                             \
        look_at_vector(&probe, iov, (size_t)(n), bytes);                                           \
    }
#define LOOK_MESSAGE(m)                                                                            \
    if (bytes != 0 && readable(&probe, text_family)) {                                             \
        look_at_vector(&probe, (m)->msg_iov, (m)->msg_iovlen, bytes);                              \
    }
#define LOOK_WIDE_STRING(s)
#define LOOK_WIDE_CHARACTER(c)
#define LOOK_FORMATTED(f) pf_message_look_at_format(&probe, f);
#define LOOK_WIDE_FORMATTED(f)

// The first part that holds anything.
static void look_at_vector(struct pf_probe *probe, const struct iovec *vector, size_t count,
                           uint64_t bytes) {
    for (size_t i = 0; i < count; i++) {
        if (vector[i].iov_len != 0) {
            pf_message_look(probe, vector[i].iov_base,
                            vector[i].iov_len < bytes ? vector[i].iov_len : bytes);
            return;
        }
    }
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
#define NORETURN_BODY(name, family, call)                                                          \
    pf_enter(PF_CALL_##name, -1, PF_SITE, PF_FRAME);                                               \
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
    NORETURN_BODY(name, family, call)
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
    __attribute__((noinline, unused)) static ret long_##name(WITH_ENTRY params) {                  \
        UNTIMED(ret, pf_real_##name args, family, bytes, pf_account_entry)                         \
    }                                                                                              \
    static __attribute__((noinline)) ret on_##name params{QUICK_BODY(                              \
        name, ret, pf_real_##name args, timed_##name(ENTRY_AND args), first_##name args,           \
        long_##name(ENTRY_AND args), family, bytes, fd)} PF_EXPORT ret name params {               \
        if (PF_IS_OFF()) {                                                                         \
            return pf_real_##name args;                                                            \
        }                                                                                          \
        if (PF_IS_EARLY()) {                                                                       \
            return pf_early_##name args;                                                           \
        }                                                                                          \
        return on_##name args;                                                                     \
    }
#define WRAP_noreturn(name, ret, params, args, family, bytes, fd, text)                            \
    PF_EXPORT void name params { NORETURN_BODY(name, family, pf_real_##name args) }
#define WRAP_void WRAP
#define WRAP_int WRAP
#define WRAP_size_t WRAP
#define WRAP_ssize_t WRAP
#define WRAP_wint_t WRAP

// A wrapper that is not enabled saves nothing and jumps through; else it jumps to the body, which so
// sees the caller's return address as its own (the compiler's sibling call: the test of sites fails
// where there is none).
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
    PF_EXPORT TYPE_##ret name params {                                                             \
        va_list ap;                                                                                \
        va_start(ap, last);                                                                        \
        if (PF_IS_EARLY()) {                                                                       \
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
