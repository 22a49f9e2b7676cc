// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes as a configuration file, in the new form or the old flat one, and what migration
// makes of them: migrated once more, that stays as it is.
// with: lib
#include "pf-config.h"
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autofree gchar *path = g_strdup_printf("/dev/shm/fuzz-config-%d", (int)getpid());
    if (!g_file_set_contents_full(path, (const gchar *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                  0600, NULL)) {
        abort();
    }
    g_autoptr(GError) error = NULL;
    PfProfilingConfig *config = pf_profiling_config_new();
    gboolean read = pf_profiling_config_load_file(config, path, &error);
    if (read != (error == NULL)) {
        abort();
    }
    g_object_unref(config);
    unlink(path);
    g_autofree gchar *text = g_strndup((const gchar *)data, size);
    g_autofree gchar *once = pf_profiling_config_migrate(text);
    g_autofree gchar *twice = pf_profiling_config_migrate(once);
    if (g_strcmp0(once, twice) != 0) {
        abort();
    }
    return 0;
}
