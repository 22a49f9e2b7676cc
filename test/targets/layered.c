// SPDX-License-Identifier: Apache-2.0
// Calls every function of the journal and glib families, whose own output must not count again.
// Same command line as everycall.
// link: -lglib-2.0 -lsystemd
#include "truth.h"
#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>

// Declared here: no headers are needed, and none turns one of these into a macro.
extern void g_log(const char *, int, const char *, ...);
extern void g_logv(const char *, int, const char *, va_list);
struct field {
    const char *key;
    const void *value;
    ssize_t length;
};
extern void g_log_structured_array(int, const struct field *, size_t);
extern void g_log_structured_standard(const char *, int, const char *, const char *, const char *,
                                      const char *, ...);
extern void *g_variant_new_parsed(const char *, ...);
extern void g_log_variant(const char *, int, void *);
extern void g_print(const char *, ...);
extern void g_printerr(const char *, ...);
extern void g_return_if_fail_warning(const char *, const char *, const char *);
extern void g_warn_message(const char *, const char *, int, const char *, const char *);
extern void g_assertion_message_expr(const char *, const char *, int, const char *, const char *);
extern int sd_journal_print(int, const char *, ...);
extern int sd_journal_printv(int, const char *, va_list);
extern int sd_journal_print_with_location(int, const char *, const char *, const char *,
                                          const char *, ...);
extern int sd_journal_printv_with_location(int, const char *, const char *, const char *,
                                           const char *, va_list);
extern int sd_journal_sendv(const struct iovec *, int);
extern int sd_journal_sendv_with_location(const char *, const char *, const char *,
                                          const struct iovec *, int);
extern int sd_journal_perror(const char *);
extern int sd_journal_perror_with_location(const char *, const char *, const char *, const char *);

#define WARNING (1 << 4)
#define MESSAGE (1 << 5)

static long do_g_log(void) {
    g_log("layered", WARNING, "g_log %d %s %g", 1, "two", 3.0);
    return 0;
}

static void forward_glib(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    g_logv("layered", MESSAGE, format, ap);
    va_end(ap);
}

static long do_g_logv(void) {
    forward_glib("g_logv %d", 2);
    return 0;
}

static long do_g_log_structured_array(void) {
    struct field fields[] = {{"MESSAGE", "g_log_structured_array", -1}, {"PRIORITY", "4", -1}};
    g_log_structured_array(WARNING, fields, 2);
    return 0;
}

// More values than registers hold, of both kinds, so that the copy of the stack is looked at.
static long do_g_log_structured_standard(void) {
    g_log_structured_standard("layered", WARNING, "layered.c", "1", "main",
                              "standard %d %d %d %s %g %g %g %g %g %g %g %g %g %g %d", 1, 2, 3,
                              "four", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 15);
    return 0;
}

static long do_g_log_variant(void) {
    void *fields = g_variant_new_parsed("{'MESSAGE': <'g_log_variant'>}");
    g_log_variant("layered", WARNING, fields);
    return 0;
}

static long do_g_print(void) {
    g_print("g_print %d %d %d %d %d %d %d %d %s %g %g %g %g %g %g %g %g %g\n", 1, 2, 3, 4, 5, 6, 7,
            8, "nine", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9);
    return 0;
}

static long do_g_printerr(void) {
    g_printerr("g_printerr %s %d %d %d %d %d %d %Lg\n", "text", 1, 2, 3, 4, 5, 6, 1.5L);
    return 0;
}

static long do_g_return_if_fail_warning(void) {
    g_return_if_fail_warning("layered", "main", "0 == 1");
    return 0;
}

static long do_g_warn_message(void) {
    g_warn_message("layered", "layered.c", 5, "main", "0 == 1");
    return 0;
}

static long do_g_assertion_message_expr(void) {
    g_assertion_message_expr("layered", "layered.c", 6, "main", "0 == 1");
    return 0;
}

static long ok(int result) { return result < 0 ? -1 : 0; }

static long do_sd_journal_print(void) { return ok(sd_journal_print(6, "print %d", 1)); }

static int forward(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int done = sd_journal_printv(6, format, ap);
    va_end(ap);
    return done;
}
static long do_sd_journal_printv(void) { return ok(forward("printv %d", 2)); }

static long do_sd_journal_print_with_location(void) {
    return ok(
        sd_journal_print_with_location(6, "CODE_FILE=l.c", "CODE_LINE=1", "main", "pwl %d", 3));
}

static int forward_location(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int done =
        sd_journal_printv_with_location(6, "CODE_FILE=l.c", "CODE_LINE=2", "main", format, ap);
    va_end(ap);
    return done;
}
static long do_sd_journal_printv_with_location(void) { return ok(forward_location("pvwl %d", 4)); }

static struct iovec fields[] = {{"MESSAGE=sendv", 13}, {"PRIORITY=6", 10}};
static long do_sd_journal_sendv(void) { return ok(sd_journal_sendv(fields, 2)); }
static long do_sd_journal_sendv_with_location(void) {
    return ok(sd_journal_sendv_with_location("CODE_FILE=l.c", "CODE_LINE=3", "main", fields, 2));
}
static long do_sd_journal_perror(void) { return ok(sd_journal_perror("perror")); }
static long do_sd_journal_perror_with_location(void) {
    return ok(sd_journal_perror_with_location("CODE_FILE=l.c", "CODE_LINE=4", "main", "perror"));
}

static const struct row {
    const char *name;
    int ends;
    long (*call)(void);
} rows[] = {
#define R(name)                                                                                    \
    { #name, 0, do_##name }
    R(g_log),
    R(g_logv),
    R(g_log_structured_array),
    R(g_log_structured_standard),
    R(g_log_variant),
    R(g_print),
    R(g_printerr),
    R(g_return_if_fail_warning),
    R(g_warn_message),
    R(sd_journal_print),
    R(sd_journal_printv),
    R(sd_journal_print_with_location),
    R(sd_journal_printv_with_location),
    R(sd_journal_sendv),
    R(sd_journal_sendv_with_location),
    R(sd_journal_perror),
    R(sd_journal_perror_with_location),
    {"g_assertion_message_expr", 1, do_g_assertion_message_expr},
};
#define ROWS (sizeof rows / sizeof *rows)

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "list") == 0) {
        for (unsigned i = 0; i < ROWS; i++) {
            printf("%s%s\n", rows[i].name, rows[i].ends ? " noreturn" : "");
        }
        return 0;
    }
    truth_open();
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    int all = strcmp(what, "all") == 0;
    int found = all;
    for (unsigned i = 0; i < ROWS; i++) {
        if (all ? rows[i].ends : strcmp(what, rows[i].name) != 0) {
            continue;
        }
        found = 1;
        struct truth *truth = truth_new(rows[i].name);
        for (unsigned n = all ? count + i % 3 : count; n > 0; n--) {
            truth_begin(truth);
            truth_end(truth, rows[i].call());
        }
    }
    return found ? 0 : 2;
}
