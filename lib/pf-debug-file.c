// SPDX-License-Identifier: Apache-2.0
// Opens an image with libdwfl: the file itself when its build-id is right, else its debug file.
//
// Nothing is fetched from the network: elfutils' own search would ask debuginfod, so we search.
#include "pf-debug-file.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBUG_FOLDER "/usr/lib/debug"

static int open_regular(const gchar *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static gchar *build_id_path(const gchar *root, const gchar *id) {
    return strlen(id) < 4
               ? NULL
               : g_strdup_printf("%s" DEBUG_FOLDER "/.build-id/%.2s/%s.debug", root, id, id + 2);
}

static gchar *build_id_of(Dwfl_Module *module) {
    const unsigned char *bits;
    GElf_Addr address;
    int size = dwfl_module_build_id(module, &bits, &address);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < size; i++) {
        g_string_append_printf(text, "%02x", bits[i]);
    }
    return g_string_free(text, FALSE);
}

// .gnu_debuglink: beside the file, in .debug, or under the debug folder.
static int open_link(const gchar *root, const gchar *file, const gchar *link, gchar **ret_path) {
    if (file == NULL || link == NULL || strchr(link, '/') != NULL) {
        return -1;
    }
    g_autofree gchar *folder = g_path_get_dirname(file);
    const gchar *inner = g_str_has_prefix(folder, root) ? folder + strlen(root) : folder;
    gchar *candidates[] = {g_build_filename(folder, link, NULL),
                           g_build_filename(folder, ".debug", link, NULL),
                           g_strdup_printf("%s" DEBUG_FOLDER "%s/%s", root, inner, link)};
    int fd = -1;
    for (guint i = 0; i < G_N_ELEMENTS(candidates); i++) {
        if (fd < 0 && strcmp(candidates[i], file) != 0 && (fd = open_regular(candidates[i])) >= 0) {
            *ret_path = candidates[i];
        } else {
            g_free(candidates[i]);
        }
    }
    return fd;
}

// Called by libdwfl; `userdata` is ours.  It checks the build-id of what we give it.
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name G_GNUC_UNUSED,
                          Dwarf_Addr base G_GNUC_UNUSED, const char *file, const char *link,
                          GElf_Word crc G_GNUC_UNUSED, char **ret_path) {
    const pf_debug_file *self = *userdata;
    g_autofree gchar *id = build_id_of(module);
    g_autofree gchar *path = build_id_path(self->root, id);
    gchar *found = NULL;
    int fd = path != NULL ? open_regular(path) : -1;
    if (fd >= 0) {
        found = g_strdup(path);
    } else {
        fd = open_link(self->root, file, link, &found);
    }
    if (fd >= 0) {
        *ret_path = strdup(found); // theirs, by free()
    }
    g_free(found);
    return fd;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf, // never called: we report files
    .find_debuginfo = find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

// Addresses are those in the file: base 0.
static gboolean report(pf_debug_file *self, const gchar *path) {
    int fd = open_regular(path);
    self->dwfl = fd >= 0 ? dwfl_begin(&callbacks) : NULL;
    if (self->dwfl == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return FALSE;
    }
    dwfl_report_begin(self->dwfl);
    self->module = dwfl_report_elf(self->dwfl, path, path, fd, 0, true); // takes fd on success
    if (self->module == NULL) {
        close(fd);
    }
    dwfl_report_end(self->dwfl, NULL, NULL);
    if (self->module == NULL) {
        g_clear_pointer(&self->dwfl, dwfl_end);
        return FALSE;
    }
    void **userdata;
    dwfl_module_info(self->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = self;
    return TRUE;
}

static void drop(pf_debug_file *self) {
    g_clear_pointer(&self->dwfl, dwfl_end);
    self->module = NULL;
}

void pf_debug_file_open(pf_debug_file *self, const gchar *root, const PfModule *image) {
    *self = (pf_debug_file){.root = g_strdup(root)};
    if (image->path[0] == '/') {
        g_autofree gchar *path = g_strconcat(root, image->path, NULL);
        gboolean exists = report(self, path);
        g_autofree gchar *id = exists ? build_id_of(self->module) : NULL;
        if (exists && (*image->build_id == 0 || strcmp(id, image->build_id) == 0)) {
            return;
        }
        self->changed = exists;
        drop(self);
    }
    // The file is gone or another one; its debug file may still be there, and has symbols too.
    g_autofree gchar *debug = build_id_path(root, image->build_id);
    if (debug != NULL && report(self, debug)) {
        g_autofree gchar *id = build_id_of(self->module);
        if (strcmp(id, image->build_id) == 0) {
            self->changed = FALSE;
            return;
        }
        drop(self);
    }
}

void pf_debug_file_close(pf_debug_file *self) {
    drop(self);
    g_free(self->root);
}
