// SPDX-License-Identifier: Apache-2.0
// How long a snapshot with all its tables takes: 1,000 sites, 256 threads, each thread at 64 (or as many
// as asked for) of the sites: bench-snapshot [SITES OF A THREAD]
#include "../lib/segment-maker.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pf-profiling.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SITES 1000u
#define THREADS 256u
#define ROUNDS 51
#define BAR_MS 5.0

static void fill(segment_maker *maker, unsigned sites_of_thread) {
    GRand *random = g_rand_new_with_seed(1);
    uint32_t module = maker_add_module(maker, "/usr/bin/made", 0x1000000, 0x9000000, "made");
    for (unsigned i = 0; i < 20; i++) {
        g_autofree gchar *name = g_strdup_printf("/var/log/made-%u.log", i);
        maker_add_stream(maker, PF_STREAM_FIRST + i, PF_KIND_FILE, (int)i + 3, name);
    }
    for (unsigned t = 0; t < THREADS; t++) {
        struct pf_slot *slot = maker_add_slot(maker, t + 1, "worker");
        for (unsigned s = 0; s < sites_of_thread; s++) {
            // Half of what a thread does is at sites that all have, half at its own.
            unsigned site = s < sites_of_thread / 2 ? s : (t * 37 + s * 101) % SITES;
            unsigned call = site % 3 == 0 ? PF_CALL_fwrite : PF_CALL_vfprintf;
            uint64_t timed = 1 + (uint64_t)(40 / (1 + s % 16));
            struct pf_entry *entry = maker_add_entry(
                maker, slot, maker_key(0x1000010 + site * 32, call, PF_STREAM_FIRST + site % 20),
                timed * 100, timed * 100 * 80);
            for (uint64_t i = 0; i < timed; i++) {
                double octaves = g_rand_double_range(random, 0, 4) + g_rand_double(random) * 2;
                maker_time(maker, entry, 0.01, (uint64_t)(200 * __builtin_exp2(octaves)),
                           i % 5 == 0 ? PF_WHY_FLUSH : PF_WHY_FORMAT);
            }
            maker_detail(maker, entry, 0.01)->module = module;
        }
    }
    g_rand_free(random);
}

// Of all threads, the kernel's part included; what other programs take of the processors is not.
static gint64 cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (gint64)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b) {
    gint64 one = *(const gint64 *)a;
    gint64 other = *(const gint64 *)b;
    return one < other ? -1 : one > other;
}

struct timing {
    gint64 took[ROUNDS];
    gint64 cpu[ROUNDS];
};

static void note(struct timing *timing, guint round, gint64 begun, gint64 cpu_begun) {
    timing->took[round] = g_get_monotonic_time() - begun;
    timing->cpu[round] = cpu_us() - cpu_begun;
}

static void print(const gchar *what, struct timing *timing) {
    qsort(timing->took, ROUNDS, sizeof *timing->took, by_size);
    qsort(timing->cpu, ROUNDS, sizeof *timing->cpu, by_size);
    gdouble median = (gdouble)timing->took[ROUNDS / 2] / 1e3;
    g_print("  %-20s %6.2f  (%.2f; %.2f)   bar %.1f: %s\n", what, median,
            (gdouble)timing->took[0] / 1e3, (gdouble)timing->cpu[ROUNDS / 2] / 1e3, BAR_MS,
            median <= BAR_MS ? "kept" : "MISSED");
}

int main(int count, char **arguments) {
    segment_maker maker;
    maker_init(&maker, (size_t)64 << 20);
    unsigned sites_of_thread = count > 1 ? (unsigned)atoi(arguments[1]) : 64;
    fill(&maker, CLAMP(sites_of_thread, 1, 200));
    const gchar *path = "/dev/shm/pf-bench-snapshot.pfseg";
    size_t used = maker_header(&maker)->used;
    int fd = g_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, maker.base, used) != (ssize_t)used) {
        g_printerr("%s cannot be written\n", path);
        return 1;
    }
    close(fd);
    struct timing read_only = {0};
    struct timing whole = {0};
    guint sites = 0;
    guint threads = 0;
    for (guint i = 0; i < ROUNDS; i++) {
        gint64 begun = g_get_monotonic_time();
        gint64 cpu_begun = cpu_us();
        g_autoptr(GError) error = NULL;
        PfSnapshot *snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, &error);
        g_assert_no_error(error);
        note(&read_only, i, begun, cpu_begun);
        sites = pf_snapshot_get_call_sites(snapshot)->len; // makes every table
        threads = pf_snapshot_get_threads(snapshot)->len;
        note(&whole, i, begun, cpu_begun);
        g_object_unref(snapshot);
    }
    g_unlink(path);
    g_print("%u sites, %u threads, %u details, %.1f MB; ms, median of %d (fastest; CPU):\n", sites,
            threads, THREADS * CLAMP(sites_of_thread, 1, 200), (double)used / 1e6, ROUNDS);
    print("copied and checked", &read_only);
    print("with all its tables", &whole);
    maker_clear(&maker);
    return 0;
}
