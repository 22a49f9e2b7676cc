// SPDX-License-Identifier: Apache-2.0
// Exceptions that cross libc's stdio and whoever wraps it: out of a stream's own write, out of a
// conversion of printf.  test_worlds.py compiles it.
#include <cstdio>
#include <iostream>
#include <printf.h>
#include <stdexcept>
#include <unistd.h>

static ssize_t throwing_write(void *, const char *, size_t size) {
    throw std::runtime_error("out of write " + std::to_string(size));
}

static int throwing_conversion(FILE *, const struct printf_info *, const void *const *) {
    throw std::runtime_error("out of a conversion");
}

static int no_size(const struct printf_info *, size_t, int *, int *) { return 0; }

int main() {
    std::ios::sync_with_stdio(true);
    cookie_io_functions_t own = {};
    own.write = throwing_write;
    register_printf_specifier('W', throwing_conversion, no_size);
    char text[64];
    FILE *nowhere = fopen("/dev/null", "w");
    for (int i = 0; i < 50; i++) {
        FILE *stream = fopencookie(nullptr, "w", own);
        setvbuf(stream, nullptr, _IONBF, 0);
        try {
            fputs("text", stream);
        } catch (const std::exception &error) {
            std::cout << error.what() << '\n';
        }
        try {
            fprintf(nowhere, "%W", 1); // not dprintf: glibc would keep that one's dead stream
        } catch (const std::exception &error) {
            std::cout << error.what() << '\n';
        }
        snprintf(text, sizeof text, "after %d\n", i);
        if (write(1, text, 8) != 8) {
            return 1;
        }
    }
    return 0;
}
