// SPDX-License-Identifier: Apache-2.0
// Hostile segments: whatever is wrong with one, reading it ends with an error or with sane numbers.
// link: segment-maker.c
#include "ask-everything.h"
#include "pf-test.h"
#include "segment-maker.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SITE 0x1000010u

static segment_maker maker;

static void make(void) {
    maker_init(&maker, 4 << 20);
    maker_fill(&maker, PF_CACHE_ENTRIES + 20);
}

static void done(void) { maker_clear(&maker); }

static void refuses(PfSegmentError code) {
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    GError *error = NULL;
    ck_assert(!ask_everything(bytes, &error));
    ck_assert_error(error, PF_SEGMENT_ERROR, (gint)code);
}

static void survives(void) {
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    ck_assert(ask_everything(bytes, NULL));
}

START_TEST(honest) {
    make();
    survives();
    done();
}
END_TEST

START_TEST(other_files) {
    static const char *const contents[] = {"", "x", "PFPROFS1",
                                           "not a segment at all, but long enough"};
    for (gsize i = 0; i < G_N_ELEMENTS(contents); i++) {
        g_autoptr(GBytes) bytes = g_bytes_new_static(contents[i], strlen(contents[i]));
        GError *error = NULL;
        ck_assert(!ask_everything(bytes, &error));
        ck_assert_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_A_SEGMENT);
    }
}
END_TEST

START_TEST(versions) {
    make();
    maker_header(&maker)->version = PF_SEGMENT_VERSION + 1;
    refuses(PF_SEGMENT_ERROR_VERSION);
    maker_header(&maker)->version = 1;
    refuses(PF_SEGMENT_ERROR_VERSION);
    maker_header(&maker)->version = PF_SEGMENT_VERSION;
    maker_header(&maker)->call_count++;
    refuses(PF_SEGMENT_ERROR_VERSION);
    maker_header(&maker)->call_count--;
    maker_header(&maker)->header_size += 64;
    refuses(PF_SEGMENT_ERROR_DAMAGED);
    done();
}
END_TEST

START_TEST(truncated) {
    make();
    gsize used = maker.used;
    for (gsize size = 0; size < used; size += size < 16384 ? 64 : 16384 + 64) {
        g_autoptr(GBytes) bytes = g_bytes_new(maker.base, size);
        gboolean read = ask_everything(bytes, NULL);
        ck_assert_int_eq(read, size >= sizeof(struct pf_segment));
    }
    done();
}
END_TEST

START_TEST(bits_flipped) {
    make();
    gsize used = maker.used;
    GRand *random = g_rand_new_with_seed(20261125);
    for (guint round = 0; round < 100;
         round++) { // scripts/fuzz segment does it for as long as one likes
        g_autofree gchar *copy = g_memdup2(maker.base, used);
        guint flips = 1u << g_rand_int_range(random, 0, 12);
        for (guint i = 0; i < flips; i++) {
            // Half of them in the header and the first slot, where most links are.
            gint32 end = g_rand_boolean(random) ? (gint32)used : 16384;
            copy[g_rand_int_range(random, 0, end)] ^= (gchar)(1 << g_rand_int_range(random, 0, 8));
        }
        memcpy(copy, PF_SEGMENT_MAGIC, 8);
        g_autoptr(GBytes) bytes = g_bytes_new(copy, used);
        ask_everything(bytes, NULL);
    }
    g_rand_free(random);
    done();
}
END_TEST

START_TEST(circles) {
    make();
    struct pf_segment *header = maker_header(&maker);
    struct pf_slot *slot = maker_at(&maker, header->first_slot);
    uint64_t next = slot->next;
    slot->next = header->first_slot;
    refuses(PF_SEGMENT_ERROR_DAMAGED);
    slot->next = next;
    struct pf_more *more = maker_at(&maker, slot->more);
    more->next = slot->more;
    refuses(PF_SEGMENT_ERROR_DAMAGED);
    more->next = 0;
    struct pf_more_errors *errors = maker_at(&maker, slot->more_errors);
    errors->next = slot->more_errors;
    refuses(PF_SEGMENT_ERROR_DAMAGED);
    errors->next = 0;
    struct pf_module *module = maker_at(&maker, header->first_module);
    module->next = header->first_module;
    survives();
    struct pf_stacks *stacks = maker_at(&maker, header->stacks);
    for (unsigned i = 0; i < PF_STACK_CHAINS; i++) {
        struct pf_stack *stack = maker_at(&maker, stacks->chain[i]);
        if (stack != NULL) {
            stack->next = stacks->chain[i];
        }
    }
    survives();
    done();
}
END_TEST

START_TEST(huge_counts) {
    make();
    struct pf_segment *header = maker_header(&maker);
    struct pf_slot *slot = maker_at(&maker, header->first_slot);
    struct pf_module *module = maker_at(&maker, header->first_module);
    struct pf_more *more = maker_at(&maker, slot->more);
    struct pf_ring *ring = maker_at(&maker, slot->ring);
    struct pf_stream *stream = maker_at(&maker, header->stream[2]);
    struct pf_entry *entry = &slot->cache[0];
    struct pf_detail *detail = maker_at(&maker, entry->detail);
    module->name_size = module->build_id_size = stream->name_size = UINT32_MAX;
    ring->size = ring->head = UINT64_MAX;
    slot->threads = UINT32_MAX;
    slot->attached_ns = slot->attach_ns = slot->in_call_ns = UINT64_MAX;
    entry->calls = entry->bytes = UINT64_MAX;
    memset(&detail->timed, 0xff, offsetof(struct pf_detail, format));
    header->used = UINT64_MAX / 2;
    header->end_monotonic_ns = header->start_unix_ns = UINT64_MAX;
    header->rate = header->control.rate = -1;
    survives();
    more->entries = UINT64_MAX;
    header->used = maker.room;
    survives();
    done();
}
END_TEST

START_TEST(links_out_of_the_file) {
    static const uint64_t links[] = {
        1, 2, 100, 65536, UINT32_MAX, UINT64_MAX, UINT64_MAX / 64, 1ull << 58};
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        make();
        struct pf_segment *header = maker_header(&maker);
        struct pf_slot *slot = maker_at(&maker, header->first_slot);
        struct pf_detail *detail = maker_at(&maker, slot->cache[0].detail);
        slot->next = slot->more = slot->ring = slot->more_errors = links[i];
        slot->cache[1].detail = (uint32_t)links[i];
        detail->octave[5] = detail->template_link[1] = detail->module = (uint32_t)links[i];
        detail->template_count[1] = 1;
        header->first_module = header->stacks = links[i];
        header->stream[2] = (uint32_t)links[i];
        survives();
        header->first_slot = links[i];
        survives();
        done();
    }
}
END_TEST

// A structure of many tables that all are the same one must not take ages.
START_TEST(shared_parts) {
    maker_init(&maker, 64 << 20);
    struct pf_slot *slot = NULL;
    uint64_t link;
    struct pf_more *more =
        maker_take(&maker, sizeof *more + 30000 * sizeof *more->entry, PF_UNIT, &link);
    more->entries = 30000;
    for (unsigned i = 0; i < 30000; i++) {
        more->entry[i].key = maker_key(SITE + i, PF_CALL_write, 2);
        more->entry[i].calls = 1;
    }
    for (unsigned i = 0; i < 5000; i++) {
        slot = maker_add_slot(&maker, i, "x");
        slot->more = link;
    }
    refuses(PF_SEGMENT_ERROR_DAMAGED);
    done();
}
END_TEST

START_TEST(text_is_made_harmless) {
    make();
    strcpy(maker_header(&maker)->command, "rm \033[2J\xff\xfe\n\"quoted\"");
    g_autoptr(GBytes) bytes = maker_bytes(&maker);
    PfSnapshot *snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_DEFAULT, NULL);
    g_autofree gchar *text = pf_snapshot_to_text(snapshot, NULL, 80, FALSE);
    ck_assert_ptr_null(strchr(text, '\033'));
    const gchar *command = pf_snapshot_get_process(snapshot)->command;
    ck_assert(g_utf8_validate(command, -1, NULL));
    ck_assert_ptr_null(strchr(command, '\n'));
    g_object_unref(snapshot);
    done();
}
END_TEST

static void file_refused(const gchar *path, PfSegmentError code) {
    GError *error = NULL;
    ck_assert_ptr_null(pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, &error));
    ck_assert_error(error, PF_SEGMENT_ERROR, (gint)code);
}

START_TEST(files) {
    make();
    g_autofree gchar *folder = g_dir_make_tmp("pf-segment-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "1-1.pfseg", NULL);
    g_autofree gchar *link = g_build_filename(folder, "2-1.pfseg", NULL);
    g_autofree gchar *fifo = g_build_filename(folder, "3-1.pfseg", NULL);
    gsize used = maker.used;
    ck_assert(g_file_set_contents(path, maker.base, (gssize)used, NULL));
    GError *error = NULL;
    PfSnapshot *snapshot = pf_snapshot_new_from_file(path, PF_SNAPSHOT_DEFAULT, &error);
    ck_assert_ptr_nonnull(snapshot);
    g_object_unref(snapshot);
    ck_assert_int_eq(symlink(path, link), 0);
    file_refused(link, PF_SEGMENT_ERROR_NOT_ALLOWED);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    file_refused(fifo, PF_SEGMENT_ERROR_NOT_ALLOWED);
    file_refused(folder, PF_SEGMENT_ERROR_NOT_ALLOWED);
    file_refused("/nonexistent/4-1.pfseg", PF_SEGMENT_ERROR_NOT_FOUND);
    // A file that claims to be full and is one hole.
    maker_header(&maker)->used = maker_header(&maker)->size = 1ull << 40;
    ck_assert(g_file_set_contents(path, maker.base, (gssize)used, NULL));
    ck_assert_int_eq(truncate(path, 1ll << 40), 0);
    file_refused(path, PF_SEGMENT_ERROR_DAMAGED);
    g_unlink(path);
    g_unlink(link);
    g_unlink(fifo);
    g_rmdir(folder);
    done();
}
END_TEST

START_TEST(no_such_process) {
    GError *error = NULL;
    ck_assert_ptr_null(pf_snapshot_new_from_pid(G_MAXINT, PF_SNAPSHOT_DEFAULT, &error));
    ck_assert_error(error, PF_SEGMENT_ERROR, PF_SEGMENT_ERROR_NOT_FOUND);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {honest,       other_files,
                                  versions,     truncated,
                                  bits_flipped, circles,
                                  huge_counts,  links_out_of_the_file,
                                  shared_parts, text_is_made_harmless,
                                  files,        no_such_process,
                                  NULL};
    return pf_test_run("segment", tests);
}
