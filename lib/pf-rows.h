// SPDX-License-Identifier: Apache-2.0
// The rows of a snapshot's tables: immutable, counted references, valid beyond the snapshot.
#pragma once
#include "pf-histogram.h"

G_BEGIN_DECLS

/**
 * PfCertainty:
 * @PF_CERTAINTY_EXACT: every call was timed; both limits equal the total
 * @PF_CERTAINTY_INTERVAL: the limits hold the true total 95 times in 100
 * @PF_CERTAINTY_TOO_FEW: not enough timed calls for an honest interval; do not show the total
 * @PF_CERTAINTY_NONE: nothing was timed by chance; do not show the total
 *
 * What an estimate of a total is worth.
 */
typedef enum {
    PF_CERTAINTY_EXACT,
    PF_CERTAINTY_INTERVAL,
    PF_CERTAINTY_TOO_FEW,
    PF_CERTAINTY_NONE,
} PfCertainty;

/**
 * PfReason:
 * @PF_REASON_FORMAT: in the process: formatting, copying into a buffer
 * @PF_REASON_FLUSH: the call handed bytes to the kernel
 * @PF_REASON_LOCK: waiting for the lock of the FILE
 * @PF_REASON_BLOCKED: the thread was switched out in the middle of the call
 *
 * Where the time of a call went.
 */
typedef enum {
    PF_REASON_FORMAT,
    PF_REASON_FLUSH,
    PF_REASON_LOCK,
    PF_REASON_BLOCKED,
} PfReason;

/**
 * PF_REASON_COUNT:
 *
 * How many reasons there are.
 */
#define PF_REASON_COUNT 4

/**
 * PfStreamKind:
 * @PF_STREAM_KIND_UNKNOWN: not known
 * @PF_STREAM_KIND_FILE: a regular file
 * @PF_STREAM_KIND_PIPE: a pipe or FIFO
 * @PF_STREAM_KIND_SOCKET: a socket
 * @PF_STREAM_KIND_TTY: a terminal
 * @PF_STREAM_KIND_DEVICE: another device
 * @PF_STREAM_KIND_MEMORY: a stream in memory
 * @PF_STREAM_KIND_NONE: no descriptor: syslog
 *
 * What a stream leads to.
 */
typedef enum {
    PF_STREAM_KIND_UNKNOWN,
    PF_STREAM_KIND_FILE,
    PF_STREAM_KIND_PIPE,
    PF_STREAM_KIND_SOCKET,
    PF_STREAM_KIND_TTY,
    PF_STREAM_KIND_DEVICE,
    PF_STREAM_KIND_MEMORY,
    PF_STREAM_KIND_NONE,
} PfStreamKind;

/**
 * PF_SIZE_CLASSES:
 *
 * How many classes of message size there are.
 */
#define PF_SIZE_CLASSES 17
/**
 * PF_LEVELS:
 *
 * How many levels there are, with none.
 */
#define PF_LEVELS 9

/**
 * PfEstimate:
 * @total_ns: the time of all calls; see @certainty
 * @low_ns: lower 95 % limit, with %PF_CERTAINTY_EXACT and %PF_CERTAINTY_INTERVAL, else 0
 * @high_ns: upper limit, likewise
 * @certainty: what the total is worth
 *
 * The time of all calls, timed or not; see docs/sampling.md.
 */
typedef struct {
    gdouble total_ns;
    gdouble low_ns;
    gdouble high_ns;
    PfCertainty certainty;
} PfEstimate;

/**
 * PfReasonShare:
 * @count: timed calls (for the lock: timed calls that waited for it)
 * @total_ns: their time
 * @share: of the estimated time of all calls, from 0 to 1; -1: not known
 * @low: lower 95 % limit of the share; -1: not known
 * @high: upper limit, likewise
 * @estimated_ns: estimated time of all such calls; -1: not known
 * @half_ns: half of the 95 % interval of that, of the sampling error
 *
 * One part of the time of calls.
 */
typedef struct {
    guint64 count;
    guint64 total_ns;
    gdouble share;
    gdouble low;
    gdouble high;
    gdouble estimated_ns;
    gdouble half_ns;
} PfReasonShare;

/**
 * PfStats:
 * @message_count: calls; exact
 * @bytes: bytes; exact
 * @bytes_unknown_count: of the calls, those whose bytes libc does not tell
 * @sampled_count: timed calls
 * @dropped_count: calls that were not timed: @message_count less @sampled_count
 * @total_duration_ns: time of the timed calls
 * @max_ns: longest timed call
 * @error_count: failed calls; exact
 * @emoji_message_count: timed calls whose text has an emoji
 * @field_count: values formatted by timed calls
 * @first_unix_ns: when the first timed call began, ns since 1970; 0: none was timed
 * @last_unix_ns: when the last timed call ended, likewise
 * @charged_flush_ns: time of flushes that emptied what these calls had put into stdio's buffers,
 *   shared out by exact bytes
 * @estimate: the time of all calls
 * @reasons: (array fixed-size=4): where the time went, by #PfReason
 * @reasons_unknown_count: timed calls of which that is not known
 * @size_classes: (array fixed-size=17): timed calls by the bit length of their bytes: 0, 1, 2..3,
 *   4..7 ... 32 KiB and more
 * @levels: (array fixed-size=9): timed calls by syslog priority, debug last; [8]: no level was found
 * @histogram: latencies of the timed calls
 *
 * What any set of calls cost.
 */
typedef struct {
    guint64 message_count;
    guint64 bytes;
    guint64 bytes_unknown_count;
    guint64 sampled_count;
    guint64 dropped_count;
    guint64 total_duration_ns;
    guint64 max_ns;
    guint64 error_count;
    guint64 emoji_message_count;
    guint64 field_count;
    gint64 first_unix_ns;
    gint64 last_unix_ns;
    gdouble charged_flush_ns;
    PfEstimate estimate;
    PfReasonShare reasons[PF_REASON_COUNT];
    guint64 reasons_unknown_count;
    guint64 size_classes[PF_SIZE_CLASSES];
    guint64 levels[PF_LEVELS];
    PfHistogram *histogram;
} PfStats;

PF_API gboolean pf_stats_has_estimate(const PfStats *self);
PF_API gdouble pf_stats_get_avg_latency_ms(const PfStats *self);
PF_API gdouble pf_stats_get_cost_ns(const PfStats *self);
PF_API gboolean pf_stats_get_quantile_ns(const PfStats *self, gdouble share, gdouble *ret_ns);
PF_API const PfReasonShare *pf_stats_get_reason(const PfStats *self, PfReason reason);

/**
 * PfModule:
 * @path: the image's path as the process saw it; "" when not known
 * @build_id: build-id in hexadecimal; "" when it has none
 * @start: first address of the image in the process
 * @end: first address behind it
 * @bias: subtract it from an address for the one in the file
 *
 * A loaded image.
 */
typedef struct {
    gchar *path;
    gchar *build_id;
    guint64 start;
    guint64 end;
    guint64 bias;
} PfModule;

/**
 * PfFunction:
 * @stats: what its calls cost
 * @name: name of the output function
 * @family: write, send, copy, stdio, format, wide, syslog, journal, glib, error, flush or process
 * @is_message: false for flushes, which are not messages
 * @errors: (element-type PfErrorCount): failed calls by errno
 *
 * Everything that went through one output function.
 */
typedef struct {
    PfStats stats;
    const gchar *name;
    const gchar *family;
    gboolean is_message;
    GPtrArray *errors;
} PfFunction;

/**
 * PfErrorCount:
 * @function: name of the output function
 * @number: errno
 * @name: its name: `EPIPE`
 * @count: how often
 *
 * Failed calls of a function.
 */
typedef struct {
    const gchar *function;
    gint number;
    gchar *name;
    guint64 count;
} PfErrorCount;

/**
 * PfTemplateCount:
 * @text: the format string; "" for a masked text of which none was kept
 * @hash: hash of the format or the masked text
 * @is_format: true: a format string, false: a text with its changing parts masked
 * @sampled_count: timed calls with it
 * @message_count: estimated calls with it
 *
 * A message template.
 */
typedef struct {
    gchar *text;
    guint64 hash;
    gboolean is_format;
    guint64 sampled_count;
    gdouble message_count;
} PfTemplateCount;

/**
 * PfCallSite:
 * @stats: what its calls cost
 * @function: name of the output function called
 * @is_message: false for a flush
 * @address: return address; 0: calls that found no room for a site of their own
 * @module: (nullable): the image it lies in
 * @offset: address in the image's file
 * @thread_count: threads that called it
 * @streams: (element-type guint): ids of the streams it wrote to (see #PfStream.id)
 * @templates: (element-type PfTemplateCount): what it said
 *
 * One place in the program that calls one output function; all threads and streams together.
 */
typedef struct {
    PfStats stats;
    const gchar *function;
    gboolean is_message;
    guint64 address;
    PfModule *module;
    guint64 offset;
    guint thread_count;
    GArray *streams;
    GPtrArray *templates;
} PfCallSite;

/**
 * PfStream:
 * @stats: what messages to it cost
 * @flushes: what flushes of it cost: fflush, fclose, fsync ...
 * @id: number in this snapshot
 * @kind: what it leads to
 * @name: path, or what /proc says, or addresses of a socket
 * @fd: first descriptor that led here; -1: none
 * @opens: how often a descriptor was found to lead here
 * @device: device number
 * @inode: inode number
 * @tiny_write_count: estimated calls of less than 512 bytes that went to the kernel on their own
 * @is_overflow: stands for several streams of a kind, because there were more than the table has
 *   room for
 *
 * Where bytes go.
 */
typedef struct {
    PfStats stats;
    PfStats flushes;
    guint id;
    PfStreamKind kind;
    gchar *name;
    gint fd;
    guint opens;
    guint64 device;
    guint64 inode;
    gdouble tiny_write_count;
    gboolean is_overflow;
} PfStream;

/**
 * PfThread:
 * @stats: what its messages cost
 * @flushes: what its flushes cost
 * @pid: process
 * @tid: thread; 0: calls that found no room for a site, of whatever thread
 * @name: name of the thread
 * @thread_count: threads that were counted here, one after the other
 * @wall_ns: wall time of those threads
 * @output_percent: estimated share of its wall time in output, flushes included; -1: not known
 * @output_is_limit: the estimate exceeds the wall time, so @output_percent is 100: a limit and no estimate
 * @longest_stall_ns: its slowest call; 0: none was timed
 * @longest_stall_unix_ns: when that began
 * @longest_stall_address: return address of that call
 * @longest_stall_function: (nullable): output function of that call
 * @in_call_ns: it has been in a timed call for so long; 0: it is in none
 * @in_call_address: return address of that call
 * @in_call_function: (nullable): output function of that call
 * @user_id: (nullable): whom it worked for last, as the program said by PF_PROFILE_CONTEXT()
 * @request_id: (nullable): likewise, which request
 * @operation: (nullable): likewise, which operation
 *
 * One thread, or several that followed each other.
 */
typedef struct {
    PfStats stats;
    PfStats flushes;
    guint pid;
    guint tid;
    gchar *name;
    guint thread_count;
    guint64 wall_ns;
    gdouble output_percent;
    gboolean output_is_limit;
    guint64 longest_stall_ns;
    gint64 longest_stall_unix_ns;
    guint64 longest_stall_address;
    const gchar *longest_stall_function;
    guint64 in_call_ns;
    guint64 in_call_address;
    const gchar *in_call_function;
    gchar *user_id;
    gchar *request_id;
    gchar *operation;
} PfThread;

/**
 * PfLevelCount:
 * @level: syslog priority, 0 to 7; 8: no level was found
 * @name: emerg, alert, crit, error, warning, notice, info, debug or none
 * @sampled_count: timed messages of it
 * @message_count: estimated messages of it
 *
 * Messages of one level.
 */
typedef struct {
    guint level;
    const gchar *name;
    guint64 sampled_count;
    gdouble message_count;
} PfLevelCount;

/**
 * PfScope:
 * @stats: its calls and their latencies; bytes, reasons and levels are not of scopes
 * @name: what the program calls it; "" for a function of -finstrument-functions, which @address names
 * @kind: function, scope, type, object or span
 * @file: (nullable): source file
 * @line: line in it
 * @group: address of the object, or of its type; 0: none
 * @address: of a function of -finstrument-functions, that; else a number for the scope
 * @module: (nullable): the image that the address lies in
 * @open_count: spans that have begun and not ended
 * @whole_count: timed scopes that were not inside themselves
 * @whole_ns: estimated time of all such
 * @output_count: timed output calls in them
 * @output_ns: estimated time of all output calls in them
 * @output_share: output of the whole; -1: too few were timed to say
 * @output_half: half of the 95 % interval of that
 *
 * A function, scope or span that the program profiles by <pf-profile.h>.
 */
typedef struct {
    PfStats stats;
    gchar *name;
    const gchar *kind;
    gchar *file;
    guint line;
    guint64 group;
    guint64 address;
    PfModule *module;
    guint64 open_count;
    guint64 whole_count;
    gdouble whole_ns;
    guint64 output_count;
    gdouble output_ns;
    gdouble output_share;
    gdouble output_half;
} PfScope;

/**
 * PfEvent:
 * @function: name of the output function
 * @address: return address
 * @module: (nullable): the image it lies in
 * @unix_ns: when it began, ns since 1970
 * @duration_ns: how long it took
 * @lock_ns: of that, waiting for the lock of the FILE
 * @bytes: its bytes
 * @error_number: errno when it failed, else 0
 * @reason: where most of its time went
 * @level: syslog priority; 8: none was found
 * @stream: id of its stream
 * @stream_name: name of its stream
 * @pid: process
 * @tid: thread
 * @thread_name: name of the thread
 * @stack: index into the stacks of the snapshot; -1: none
 * @user_id: (nullable): for whom, as PF_PROFILE_CONTEXT() said; of the slowest calls only
 * @request_id: (nullable): likewise, for which request
 *
 * One timed call.
 */
typedef struct {
    const gchar *function;
    guint64 address;
    PfModule *module;
    gint64 unix_ns;
    guint64 duration_ns;
    guint64 lock_ns;
    guint64 bytes;
    gint error_number;
    PfReason reason;
    guint level;
    guint stream;
    gchar *stream_name;
    guint pid;
    guint tid;
    gchar *thread_name;
    gint stack;
    gchar *user_id;
    gchar *request_id;
} PfEvent;

/**
 * PfFrame:
 * @address: return address
 * @module: (nullable): the image it lies in
 *
 * One frame of a call stack.
 */
typedef struct {
    guint64 address;
    PfModule *module;
} PfFrame;

/**
 * PfStack:
 * @function: name of the output function
 * @stream: id of the stream
 * @frames: (type gpointer): frames, innermost (the call site) first; see also pf_stack_get_address()
 * @depth: number of frames
 * @taken: how often it was met
 * @total_duration_ns: time of those calls
 * @weight: calls that those stand for
 *
 * A call stack of timed calls.
 */
typedef struct {
    const gchar *function;
    guint stream;
    PfFrame *frames;
    guint depth;
    guint64 taken;
    guint64 total_duration_ns;
    gdouble weight;
} PfStack;

#define PF_TYPE_MODULE (pf_module_get_type())
#define PF_TYPE_FUNCTION (pf_function_get_type())
#define PF_TYPE_ERROR_COUNT (pf_error_count_get_type())
#define PF_TYPE_TEMPLATE_COUNT (pf_template_count_get_type())
#define PF_TYPE_CALL_SITE (pf_call_site_get_type())
#define PF_TYPE_STREAM (pf_stream_get_type())
#define PF_TYPE_THREAD (pf_thread_get_type())
#define PF_TYPE_LEVEL_COUNT (pf_level_count_get_type())
#define PF_TYPE_SCOPE (pf_scope_get_type())
#define PF_TYPE_EVENT (pf_event_get_type())
#define PF_TYPE_STACK (pf_stack_get_type())

PF_API GType pf_module_get_type(void);
PF_API PfModule *pf_module_new(const gchar *path, const gchar *build_id, guint64 bias);
PF_API PfModule *pf_module_ref(PfModule *self);
PF_API void pf_module_unref(PfModule *self);

PF_API GType pf_function_get_type(void);
PF_API PfFunction *pf_function_ref(PfFunction *self);
PF_API void pf_function_unref(PfFunction *self);

PF_API GType pf_error_count_get_type(void);
PF_API PfErrorCount *pf_error_count_ref(PfErrorCount *self);
PF_API void pf_error_count_unref(PfErrorCount *self);

PF_API GType pf_template_count_get_type(void);
PF_API PfTemplateCount *pf_template_count_ref(PfTemplateCount *self);
PF_API void pf_template_count_unref(PfTemplateCount *self);

PF_API GType pf_call_site_get_type(void);
PF_API PfCallSite *pf_call_site_ref(PfCallSite *self);
PF_API void pf_call_site_unref(PfCallSite *self);

PF_API GType pf_stream_get_type(void);
PF_API PfStream *pf_stream_ref(PfStream *self);
PF_API void pf_stream_unref(PfStream *self);

PF_API GType pf_thread_get_type(void);
PF_API PfThread *pf_thread_ref(PfThread *self);
PF_API void pf_thread_unref(PfThread *self);

PF_API GType pf_scope_get_type(void);
PF_API PfScope *pf_scope_ref(PfScope *self);
PF_API void pf_scope_unref(PfScope *self);

PF_API GType pf_level_count_get_type(void);
PF_API PfLevelCount *pf_level_count_ref(PfLevelCount *self);
PF_API void pf_level_count_unref(PfLevelCount *self);

PF_API GType pf_event_get_type(void);
PF_API PfEvent *pf_event_ref(PfEvent *self);
PF_API void pf_event_unref(PfEvent *self);

PF_API GType pf_stack_get_type(void);
PF_API PfStack *pf_stack_ref(PfStack *self);
PF_API void pf_stack_unref(PfStack *self);
PF_API guint64 pf_stack_get_address(PfStack *self, guint index);
PF_API PfModule *pf_stack_get_module(PfStack *self, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfModule, pf_module_unref)

G_END_DECLS
