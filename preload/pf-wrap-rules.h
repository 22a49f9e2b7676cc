// SPDX-License-Identifier: Apache-2.0
// What the columns of a row in pf-calls.def mean: macros that the bodies of wrappers are put together
// from.  A rule without parameters is a word (RETURNED), one with parameters is a call (ASKED (b, n)).
#pragma once
#include "pf-emoji.h"
#include "pf-format.h"
#include "pf-length.h"
#include "pf-message.h"
#include "pf-process.h"
#include "pf-rest.h"
#include "pf-site-format.h"
#include "pf-wrap.h"

// fd: the descriptor; the FILE that a timed call looks at; whether it may wait for its lock; and what
// to do before the call
#define AT_FD(fd) (fd)
#define AT_STREAM(stream) stream_fd(stream)
#define AT_UNLOCKED(stream) stream_fd(stream)
#define AT_FLUSHING(stream) ((stream) != NULL ? stream_fd(stream) : -1)
#define AT_NOFD (-1)
#define AT_STDERR pf_stderr_fd()
#define AT_CLOSING(stream) stream_fd(stream)
#define AT_CLOSING_ALL (-1)
#define FILE_FD(fd) NULL
#define FILE_STREAM(stream) (stream)
#define FILE_UNLOCKED(stream) (stream)
#define FILE_FLUSHING(stream) NULL
#define FILE_NOFD NULL
#define FILE_STDERR NULL
#define FILE_CLOSING(stream) NULL
#define FILE_CLOSING_ALL NULL
#define LOCKS_FD(fd) false
#define LOCKS_STREAM(stream) true
#define LOCKS_UNLOCKED(stream) false
#define LOCKS_FLUSHING(stream) false
#define LOCKS_NOFD false
#define LOCKS_STDERR false
#define LOCKS_CLOSING(stream) false
#define LOCKS_CLOSING_ALL false
#define PREPARE_FD(fd)
#define PREPARE_STREAM(stream)
#define PREPARE_UNLOCKED(stream)
#define PREPARE_FLUSHING(stream)
#define PREPARE_NOFD
#define PREPARE_STDERR
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
    pf_site_format_walk(entry, f, ap, &walked);
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
#define LEVEL_ERROR level_of_error(pf_key_call(entry->key))
#define LEVEL_FLUSH PF_LEVEL_NONE

PF_INLINE uint8_t level_of_error(unsigned call) {
    return call == PF_CALL_warn || call == PF_CALL_warnx || call == PF_CALL_vwarn ||
                   call == PF_CALL_vwarnx
               ? 4
               : 3;
}

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
