// SPDX-License-Identifier: Apache-2.0
// Functions with the names and parameters of GLib's, for machines whose GLib is not at hand: variadic,
// without a v form, and calling other output functions in turn.
#include <stdarg.h>
#include <stdio.h>

#define FORWARD(stream)                                                                            \
    va_list ap;                                                                                    \
    va_start(ap, format);                                                                          \
    vfprintf(stream, format, ap);                                                                  \
    va_end(ap)

// By this, GLib's g_print is told from one that some program calls so.
const char *glib_check_version(unsigned major, unsigned minor, unsigned micro) { return 0; }

void g_print(const char *format, ...) { FORWARD(stdout); }
void g_printerr(const char *format, ...) { FORWARD(stderr); }

void g_log_structured_standard(const char *domain, int level, const char *file, const char *line,
                               const char *function, const char *format, ...) {
    fprintf(stdout, "%s %d %s %s %s ", domain, level, file, line, function);
    FORWARD(stdout);
}
