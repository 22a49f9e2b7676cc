// SPDX-License-Identifier: Apache-2.0
// What a preload library must never do: it spoils errno.  `make conform` has to notice.
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

ssize_t write(int fd, const void *buffer, size_t count) {
    static ssize_t (*next)(int, const void *, size_t);
    if (next == NULL) {
        next = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    }
    ssize_t result = next(fd, buffer, count);
    errno = result < 0 ? ENOTTY : errno;
    return result;
}
