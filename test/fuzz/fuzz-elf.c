// SPDX-License-Identifier: Apache-2.0
// libFuzzer: programs, as `pfprof doctor` reads them.
// with: lib lib/cli/elf-file.c
#include "../../lib/cli/elf-file.h"
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("program", MFD_CLOEXEC);
    g_assert(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
    g_autofree gchar *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(elf_file) file = elf_file_read(path);
    g_assert(file != NULL && (file->is_elf || file->needed->len == 0));
    close(fd);
    return 0;
}
