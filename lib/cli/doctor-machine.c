// SPDX-License-Identifier: Apache-2.0
// Whether this machine and this user can profile anything: library, memory, kernel, libc.
#include "doctor.h"
#include <errno.h>
#include <gnu/libc-version.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

static void check_library(doctor *self) {
    struct statvfs system;
    if (self->library == NULL) {
        doctor_say(self, DOCTOR_BAD, "library", g_strdup("libpfprof.so was not found"),
                   g_strdup("install it beside pfprof or in its lib folder"));
        return;
    }
    if (strpbrk(self->library, " :") != NULL) {
        doctor_say(self, DOCTOR_BAD, "library",
                   g_strdup_printf("%s: LD_PRELOAD cannot carry a space or a colon", self->library),
                   g_strdup("copy the library to a path without them"));
        return;
    }
    if (statvfs(self->library, &system) == 0 && (system.f_flag & ST_NOEXEC)) {
        doctor_say(
            self, DOCTOR_BAD, "library",
            g_strdup_printf("%s lies on a file system that is mounted noexec", self->library),
            g_strdup("copy it elsewhere, such as /usr/local/lib, and use --library"));
        return;
    }
    if (self->library_elf == NULL || !self->library_elf->is_elf || self->library_elf->is_damaged) {
        doctor_say(self, DOCTOR_BAD, "library",
                   g_strdup_printf("%s is not a whole ELF file", self->library),
                   g_strdup("install it again"));
        return;
    }
    doctor_say(self, DOCTOR_FINE, "library",
               g_strdup_printf("%s, %s, %u bit", self->library,
                               elf_machine_name(self->library_elf->machine),
                               self->library_elf->bits),
               NULL);
}

// Why the preloaded library would not use a folder; NULL when it would.
static gchar *folder_problem(const gchar *path, mode_t forbidden) {
    struct stat status;
    struct statfs system;
    if (lstat(path, &status) != 0) {
        return g_strdup_printf("%s: %s", path, g_strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return g_strdup_printf("%s is not a folder", path);
    }
    if (status.st_uid != geteuid()) {
        return g_strdup_printf("%s belongs to another user", path);
    }
    if ((status.st_mode & forbidden) != 0) {
        return g_strdup_printf("%s can be entered or changed by others (mode %o)", path,
                               (guint)status.st_mode & 07777);
    }
    if (statfs(path, &system) != 0 ||
        (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC)) {
        return g_strdup_printf("%s is not in a tmpfs", path);
    }
    return access(path, W_OK | X_OK) == 0
               ? NULL
               : g_strdup_printf("%s cannot be written: %s", path, g_strerror(errno));
}

static void check_room(doctor *self, const gchar *path) {
    struct statvfs system;
    guint64 room = 0;
    if (statvfs(path, &system) == 0) {
        room = (guint64)system.f_bavail * system.f_frsize;
    }
    g_autofree gchar *text = pf_human_bytes((gdouble)room);
    if (room < 1 << 20) {
        doctor_say(self, DOCTOR_NOTE, "memory", g_strdup_printf("%s left for %s", text, path),
                   g_strdup("a process needs 64 KiB and more there; without it, it is measured "
                            "in private memory and cannot be observed: make room, `pfprof salvage "
                            "--remove` helps"));
    } else {
        doctor_say(self, DOCTOR_FINE, "memory", g_strdup_printf("%s: %s left", path, text), NULL);
    }
}

static void check_given_folder(doctor *self, const gchar *given) {
    g_autofree gchar *problem = folder_problem(given, 077);
    if (problem == NULL) {
        check_room(self, given);
    } else {
        doctor_say(self, DOCTOR_BAD, "memory",
                   g_strdup_printf("PROVIDE_PROFILING_SEGMENT_DIR: %s", problem),
                   g_strdup("unset it, or name a folder of yours in a tmpfs, mode 0700"));
    }
}

static void check_folder(doctor *self, PfProfilingConfig *config) {
    const gchar *given = pf_profiling_config_get_value(config, "segment_dir");
    if (*given != 0) {
        check_given_folder(self, given);
        return;
    }
    const gchar *runtime = g_getenv("XDG_RUNTIME_DIR");
    g_autofree gchar *shared = g_strdup_printf("/dev/shm/pfprof-%u", (guint)geteuid());
    g_autofree gchar *runtime_problem =
        runtime != NULL ? folder_problem(runtime, 022) : g_strdup("XDG_RUNTIME_DIR is not set");
    g_autofree gchar *shared_problem = NULL;
    if (runtime_problem == NULL) {
        check_room(self, runtime);
        return;
    }
    mkdir(shared, 0700); // as the library does it
    shared_problem = folder_problem(shared, 077);
    if (shared_problem == NULL) {
        check_room(self, shared);
        return;
    }
    doctor_say(self, DOCTOR_BAD, "memory",
               g_strdup_printf("no folder for segments: %s; %s", runtime_problem, shared_problem),
               g_strdup_printf("set XDG_RUNTIME_DIR to a folder of yours in a tmpfs, mode 0700, or "
                               "mend %s; until then only exit summaries work",
                               shared));
}

static void check_libc(doctor *self) {
    guint major = 0;
    guint minor = 0;
    const gchar *version = gnu_get_libc_version();
    sscanf(version, "%u.%u", &major, &minor);
    if (major > 2 || (major == 2 && minor >= 35)) {
        doctor_say(self, DOCTOR_FINE, "libc",
                   g_strdup_printf("glibc %s: call stacks work", version), NULL);
    } else {
        doctor_say(self, DOCTOR_NOTE, "libc",
                   g_strdup_printf("glibc %s: no call stacks, they need 2.35", version),
                   g_strdup("counts, times and call sites work; a logging wrapper is shown as the "
                            "caller"));
    }
}

static void check_kernel(doctor *self) {
    struct utsname name;
    guint major = 0;
    guint minor = 0;
    if (uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
        (major < 5 || (major == 5 && minor < 14))) {
        doctor_say(self, DOCTOR_NOTE, "kernel",
                   g_strdup_printf("Linux %s: before 5.14 a segment cannot grow after chroot or "
                                   "with no descriptor left",
                                   name.release),
                   g_strdup("nothing, unless the program does that"));
    }
}

static gint read_paranoid(void) {
    g_autofree gchar *text = NULL;
    return g_file_get_contents("/proc/sys/kernel/perf_event_paranoid", &text, NULL, NULL)
               ? atoi(text)
               : -2;
}

// Tells whether a thread was switched out during a call: what the library itself tries.
static void check_perf(doctor *self) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_SW_CONTEXT_SWITCHES,
        .exclude_hv = 1,
    };
    long fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    int problem = errno;
    if (fd >= 0) {
        close((int)fd);
        doctor_say(self, DOCTOR_FINE, "perf", g_strdup("perf events are open: `blocked` is exact"),
                   NULL);
        return;
    }
    doctor_say(
        self, DOCTOR_NOTE, "perf",
        g_strdup_printf("perf events are closed (%s, kernel.perf_event_paranoid is %d): "
                        "`blocked` is asked of getrusage, on some of the timed calls",
                        g_strerror(problem), read_paranoid()),
        g_strdup("sysctl kernel.perf_event_paranoid=1, or CAP_PERFMON, for the cheaper way"));
}

static void check_limits(doctor *self, PfProfilingConfig *config) {
    struct rlimit limit;
    guint64 most =
        g_ascii_strtoull(pf_profiling_config_get_value(config, "max_memory_mb"), NULL, 10) << 20;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < most) {
        doctor_say(self, DOCTOR_NOTE, "limits",
                   g_strdup("ulimit -f is below MAX_MEMORY_MB: segments are private memory, no "
                            "observer can attach"),
                   g_strdup("raise it, or lower PROVIDE_PROFILING_MAX_MEMORY_MB"));
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < 4 * most) {
        doctor_say(self, DOCTOR_NOTE, "limits",
                   g_strdup("ulimit -v is low: a segment maps MAX_MEMORY_MB of addresses"),
                   g_strdup("raise it, or lower PROVIDE_PROFILING_MAX_MEMORY_MB"));
    }
}

static void check_config(doctor *self, PfProfilingConfig *config) {
    const gchar *const *warnings = pf_profiling_config_get_warnings(config);
    for (guint i = 0; warnings[i] != NULL; i++) {
        doctor_say(self, DOCTOR_NOTE, "config", g_strdup(warnings[i]),
                   g_strdup("mend the value; `pfprof config` shows what is in force"));
    }
    if (strcmp(pf_profiling_config_get_value(config, "cli_enabled"), "false") == 0) {
        doctor_say(self, DOCTOR_NOTE, "config",
                   g_strdup("PROVIDE_PROFILING_CLI_ENABLED is false: no observer can attach"),
                   g_strdup("`pfprof run` sets it by itself"));
    }
}

static void check_left(doctor *self) {
    g_autoptr(GPtrArray) files = pf_snapshot_list_files();
    if (files->len > 100) {
        doctor_say(
            self, DOCTOR_NOTE, "segments", g_strdup_printf("%u segments lie about", files->len),
            g_strdup("`pfprof salvage` shows those of dead processes, --remove deletes them"));
    }
}

void doctor_check_machine(doctor *self) {
    g_autoptr(PfProfilingConfig) config = pf_profiling_config_new_from_environment();
    check_library(self);
    check_folder(self, config);
    check_libc(self);
    check_kernel(self);
    check_perf(self);
    check_limits(self, config);
    check_config(self, config);
    check_left(self);
}
