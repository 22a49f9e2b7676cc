// SPDX-License-Identifier: Apache-2.0
// Whether a program can be profiled: what kind of file it is, and what it needs.
#include "doctor.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_SCRIPTS 4 // one that starts another, as the kernel allows

static void check_rights(doctor *self, const gchar *path) {
    struct stat status;
    const gchar *advice = "run it as the user that it would become, from a copy without the mark";
    if (stat(path, &status) != 0) {
        return;
    }
    gboolean other_user = (status.st_mode & S_ISUID) && status.st_uid != getuid();
    gboolean other_group =
        (status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid();
    if (other_user || other_group) {
        doctor_say(self, DOCTOR_BAD, "rights",
                   g_strdup_printf("%s is set-%s-ID: the loader preloads nothing into it", path,
                                   other_user ? "user" : "group"),
                   g_strdup(advice));
    } else if (status.st_mode & (S_ISUID | S_ISGID)) {
        doctor_say(self, DOCTOR_NOTE, "rights",
                   g_strdup_printf("%s is set-ID, though not to another user than you", path),
                   g_strdup("other users cannot profile it"));
    }
    if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0) {
        doctor_say(
            self, DOCTOR_BAD, "rights",
            g_strdup_printf("%s has file capabilities: the loader preloads nothing into it", path),
            g_strdup("profile a copy of it (cp drops them), or run it as root"));
    }
}

static gboolean needs(const elf_file *elf, const gchar *prefix) {
    for (guint i = 0; i < elf->needed->len; i++) {
        if (g_str_has_prefix(g_ptr_array_index(elf->needed, i), prefix)) {
            return TRUE;
        }
    }
    return FALSE;
}

// FALSE: it is for another machine, and what else it is does not matter.
static gboolean check_machine(doctor *self, const elf_file *elf) {
    const elf_file *library = self->library_elf;
    if (library == NULL || !library->is_elf ||
        (library->machine == elf->machine && library->bits == elf->bits)) {
        return TRUE;
    }
    doctor_say(self, DOCTOR_BAD, "machine",
               g_strdup_printf("a program for %s (%u bit), the library is for %s (%u bit)",
                               elf_machine_name(elf->machine), elf->bits,
                               elf_machine_name(library->machine), library->bits),
               g_strdup("build libpfprof.so for that machine, and name it by --library; without it "
                        "the program runs unmeasured"));
    return FALSE;
}

// How many of the functions that are counted it imports; the names of the first four.
static guint counted_imports(const elf_file *elf, GString *names) {
    GHashTableIter iter;
    gpointer name;
    guint count = 0;
    g_hash_table_iter_init(&iter, elf->imports);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const gchar *family = pf_calls_get_family(name);
        if (family != NULL && strcmp(family, "process") != 0) {
            count++;
            if (count <= 4) {
                g_string_append_printf(names, "%s%s", count > 1 ? ", " : "", (const gchar *)name);
            }
        }
    }
    return count;
}

// With cgo, it is C that is seen; a program of Go alone has nothing to preload into.
static void check_go(doctor *self, const elf_file *elf) {
    g_autoptr(GString) names = g_string_new(NULL);
    if (elf->interpreter != NULL && counted_imports(elf, names) > 0) {
        doctor_say(self, DOCTOR_NOTE, "language",
                   g_strdup("a Go program with C parts: what Go itself writes goes past libc, and "
                            "only what C writes is counted"),
                   g_strdup("for the writes of Go use strace -c or bpftrace"));
        return;
    }
    doctor_say(self, DOCTOR_BAD, "language",
               g_strdup("a Go program: it makes system calls of its own, past libc"),
               g_strdup("no way of linking changes that; measure it by strace -c or bpftrace"));
}

static void check_kind(doctor *self, const elf_file *elf) {
    if (elf->is_go) {
        check_go(self, elf);
    } else if (elf->interpreter == NULL) {
        doctor_say(self, DOCTOR_BAD, "linking",
                   g_strdup("statically linked: there is no loader that could preload anything"),
                   g_strdup("link it without -static"));
    }
    if (elf->interpreter == NULL) {
        return;
    }
    gboolean is_musl = strstr(elf->interpreter, "ld-musl") != NULL || needs(elf, "libc.musl");
    gboolean is_ours_musl =
        self->library_elf != NULL &&
        (needs(self->library_elf, "libc.musl") || needs(self->library_elf, "libc.so")) &&
        !needs(self->library_elf, "libc.so.6");
    if (is_musl && !is_ours_musl) {
        doctor_say(self, DOCTOR_BAD, "libc",
                   g_strdup("a program for musl, and the library is for glibc"),
                   g_strdup("build libpfprof.so with musl-gcc, and name it by --library"));
    }
    if (!is_musl && strncmp(elf->interpreter, "/lib", 4) != 0) {
        doctor_say(self, DOCTOR_NOTE, "loader",
                   g_strdup_printf("it uses a loader of its own, %s", elf->interpreter),
                   g_strdup("the glibc that comes with it must be 2.34 or later"));
    }
}

static void check_sanitizer(doctor *self, const elf_file *elf) {
    static const struct {
        const gchar *library;
        const gchar *symbol;
        const gchar *name;
    } kinds[] = {{"libasan.so", "__asan_init", "AddressSanitizer"},
                 {"libtsan.so", "__tsan_init", "ThreadSanitizer"},
                 {"libmsan.so", "__msan_init", "MemorySanitizer"}};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (needs(elf, kinds[i].library)) {
            doctor_say(self, DOCTOR_NOTE, "sanitizer",
                       g_strdup_printf("built with %s, whose runtime wants to be loaded first",
                                       kinds[i].name),
                       g_strdup_printf("LD_PRELOAD=$(gcc -print-file-name=%s) pfprof run ...",
                                       kinds[i].library));
        } else if (g_hash_table_contains(elf->exports, kinds[i].symbol)) {
            doctor_say(self, DOCTOR_NOTE, "sanitizer",
                       g_strdup_printf("built with %s, linked in", kinds[i].name),
                       g_strdup("ASAN_OPTIONS=verify_asan_link_order=0 when it complains; its own "
                                "wrappers come first, times hold their cost too"));
        }
    }
}

static void check_imports(doctor *self, const elf_file *elf) {
    g_autoptr(GString) some = g_string_new(NULL);
    guint count = counted_imports(elf, some);
    if (count > 0) {
        doctor_say(self, DOCTOR_FINE, "calls",
                   g_strdup_printf("it imports %u %s counted: %s%s", count,
                                   count == 1 ? "function that is" : "functions that are",
                                   some->str, count > 4 ? " ..." : ""),
                   NULL);
    } else if (!elf->is_go) { // which has been said
        doctor_say(self, DOCTOR_NOTE, "calls",
                   g_strdup("it imports none of the functions that are counted"),
                   g_strdup("its libraries may; what they call is counted"));
    }
    if (g_hash_table_contains(elf->imports, "dlopen")) {
        doctor_say(self, DOCTOR_NOTE, "plugins", g_strdup("it opens libraries as it runs (dlopen)"),
                   g_strdup("those opened with RTLD_DEEPBIND or dlmopen find libc before us: what "
                            "they write is missing, and the coverage line shows it"));
    }
}

static void check_elf(doctor *self, const gchar *path, const elf_file *elf) {
    if (elf->is_damaged) {
        doctor_say(
            self, DOCTOR_NOTE, "file",
            g_strdup_printf(
                "%s: parts of the ELF file lie outside of it, or are larger than is possible",
                path),
            g_strdup("what follows may be incomplete"));
    }
    if (!check_machine(self, elf)) {
        return;
    }
    check_kind(self, elf);
    check_sanitizer(self, elf);
    if (elf->interpreter != NULL) {
        check_imports(self, elf);
    }
}

// The interpreter that a script names; NULL when it is none.
static gchar *interpreter_of(const gchar *path) {
    gchar line[256] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    gssize got = fd >= 0 ? pread(fd, line, sizeof line - 1, 0) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (got < 3 || line[0] != '#' || line[1] != '!') {
        return NULL;
    }
    line[got] = 0;
    line[strcspn(line, "\n")] = 0;
    g_auto(GStrv) words = g_strsplit_set(g_strstrip(line + 2), " \t", -1);
    guint at = 0;
    if (words[0] != NULL && g_str_has_suffix(words[0], "/env")) { // env PROGRAM, env -S PROGRAM
        for (at = 1; words[at] != NULL && (*words[at] == '-' || *words[at] == 0); at++) {
        }
    }
    if (words[0] == NULL || words[at] == NULL) {
        return NULL;
    }
    return strchr(words[at], '/') != NULL ? g_strdup(words[at]) : g_find_program_in_path(words[at]);
}

gboolean doctor_check_program(doctor *self, const gchar *command) {
    g_autofree gchar *path =
        strchr(command, '/') != NULL ? g_strdup(command) : g_find_program_in_path(command);
    if (path == NULL || access(path, F_OK) != 0) {
        g_autofree gchar *safe = pf_human_text(command, 60);
        cli_fail("%s: there is no such command", safe);
        return FALSE;
    }
    for (guint i = 0; i <= MOST_SCRIPTS; i++) {
        g_autoptr(elf_file) elf = elf_file_read(path);
        if (elf == NULL) {
            g_autofree gchar *safe = pf_human_text(path, 60);
            cli_fail("%s cannot be read: %s", safe, g_strerror(errno));
            return FALSE;
        }
        gboolean may_run = access(path, X_OK) == 0;
        if (!may_run) {
            doctor_say(self, DOCTOR_BAD, "file", g_strdup_printf("%s is not executable", path),
                       g_strdup("chmod +x"));
        }
        if (elf->is_elf) {
            doctor_say(
                self, DOCTOR_FINE, "file",
                g_strdup_printf("%s, %s, %u bit", path, elf_machine_name(elf->machine), elf->bits),
                NULL);
            check_rights(self, path);
            check_elf(self, path, elf);
            return TRUE;
        }
        gchar *next = interpreter_of(path);
        if (next == NULL && !may_run) { // no program at all
            return TRUE;
        }
        doctor_say(self, DOCTOR_FINE, "file",
                   next != NULL ? g_strdup_printf("%s is a script for %s", path, next)
                                : g_strdup_printf("%s is neither a program nor a script with #!; a "
                                                  "shell runs it",
                                                  path),
                   NULL);
        g_free(path);
        path = next != NULL ? next : g_strdup("/bin/sh");
    }
    return TRUE;
}
