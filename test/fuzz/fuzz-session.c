// SPDX-License-Identifier: Apache-2.0
// libFuzzer: files of sessions that are honest but for some words, or not at all.
//
// An input whose first byte is even is a list of changes to an honest file (4 bytes where, 8 bytes what), with a
// segment, a timeline and a yardstick; else it is the file.
// with: lib test/lib/segment-maker.c
#include "../lib/segment-maker.h"
#include <glib/gstdio.h>
#include <pf-profiling.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint32_t where;
    uint64_t what;
} __attribute__((packed)) change;

// A file in memory, which has a path as long as it is open.
static gchar *path_of(int fd) { return g_strdup_printf("/proc/self/fd/%d", fd); }

static int make_file(const void *bytes, gsize size) {
    int fd = memfd_create("session", MFD_CLOEXEC);
    g_assert(fd >= 0 && (size == 0 || write(fd, bytes, size) == (ssize_t)size));
    return fd;
}

static gchar *make_honest(gsize *ret_size) {
    segment_maker maker;
    maker_init(&maker, 4 << 20);
    maker_fill(&maker, 4);
    g_autofree gchar *folder = g_dir_make_tmp("pf-fuzz-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "file", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSession) session = pf_session_new();
    gchar *bytes = NULL;
    pf_session_begin_timeline(session, g_get_real_time() * 1000);
    pf_session_set_run(session, "a command", 42, 1000);
    pf_session_measure_machine(session, FALSE);
    pf_session_measure_machine(session, FALSE);
    g_assert(g_file_set_contents(path, maker.base, (gssize)maker.used, NULL));
    pf_session_add_file(session, path, &error);
    g_assert_no_error(error);
    g_autoptr(PfSnapshot) snapshot = pf_session_get_snapshot(session, NULL);
    for (gint64 second = 1; second < 9; second++) {
        pf_timeline_add(pf_session_get_timeline(session), snapshot,
                        g_get_monotonic_time() * 1000 + second * 1000000000);
    }
    g_assert(pf_session_save(session, path, NULL));
    g_assert(g_file_get_contents(path, &bytes, ret_size, NULL));
    g_unlink(path);
    g_rmdir(folder);
    maker_clear(&maker);
    return bytes;
}

static void ask(const void *bytes, gsize size) {
    int fd = make_file(bytes, size);
    g_autofree gchar *path = path_of(fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfSession) session = pf_session_new_from_file(path, &error);
    g_assert((session != NULL) == (error == NULL));
    g_autoptr(PfSnapshot) snapshot =
        session != NULL ? pf_session_get_snapshot(session, NULL) : NULL;
    if (snapshot != NULL) {
        g_autofree gchar *report = pf_session_to_report_json(session, NULL, NULL);
        g_assert(report == NULL || g_utf8_validate(report, -1, NULL));
        g_autoptr(GPtrArray) rows = pf_snapshot_compare(snapshot, snapshot, NULL, -1);
        PfChange machine;
        pf_snapshots_compare_machine(snapshot, snapshot, &machine);
        g_assert(machine.low <= 0 && machine.high >= 0);
    }
    close(fd);
}

static void change_honest(const uint8_t *data, size_t size) {
    static gchar *honest;
    static gsize length;
    if (honest == NULL) {
        honest = make_honest(&length);
    }
    g_autofree gchar *copy = g_memdup2(honest, length);
    for (; size >= sizeof(change); data += sizeof(change), size -= sizeof(change)) {
        change made;
        memcpy(&made, data, sizeof made);
        // Half of the changes go to the heads; of the others, half to the timeline, which is last.
        gsize room = made.where & 1 ? length - 8 : 384 + 64;
        gsize from = (made.where & 3) == 3 ? length - MIN(length, 8192) : 0;
        memcpy(copy + from + (made.where / 16 * 4) % (room - MIN(from, room - 8)), &made.what,
               sizeof made.what);
    }
    ask(copy, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] % 2 == 0) {
        change_honest(data + 1, size - 1);
    } else if (size > 0) {
        ask(data + 1, size - 1);
    }
    return 0;
}
