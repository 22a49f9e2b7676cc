// SPDX-License-Identifier: Apache-2.0
// Sends messages out through one function, unchanged, into files of the current folder.
//
//   emoji FUNCTION FILE     FILE: for each message its length (4 bytes, native order) and its bytes
#include "truth.h"
#include <locale.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <syslog.h>
#include <wchar.h>

static void must(int fine) {
    if (!fine) {
        abort();
    }
}

int main(int argc, char **argv) {
    must(argc == 3 && setlocale(LC_ALL, "C.UTF-8") != NULL);
    const char *function = argv[1];
    FILE *in = fopen(argv[2], "r");
    FILE *out = fopen("emoji-stream.out", "w");
    int file = open("emoji.out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(in != NULL && out != NULL && file >= 0);
    uint32_t length;
    static char text[65536];
    static wchar_t wide[65536];
    while (fread(&length, sizeof length, 1, in) == 1) {
        must(length < sizeof text && fread(text, 1, length, in) == length);
        text[length] = 0;
        if (strcmp(function, "write") == 0) {
            write(file, text, length);
        } else if (strcmp(function, "writev") == 0) {
            // Cut in the middle, between two characters.
            uint32_t cut = length / 2;
            while (cut > 0 && (text[cut] & 0xc0) == 0x80) {
                cut--;
            }
            struct iovec iov[3] = {{text, cut}, {NULL, 0}, {text + cut, length - cut}};
            writev(file, iov, 3);
        } else if (strcmp(function, "fwrite") == 0) {
            fwrite(text, 1, length, out);
        } else if (strcmp(function, "fputs") == 0) {
            fputs(text, out);
        } else if (strcmp(function, "fprintf") == 0) {
            fprintf(out, "%d %s\n", 7, text);
        } else if (strcmp(function, "dprintf") == 0) {
            dprintf(file, "%s\n", text);
        } else if (strcmp(function, "syslog") == 0) {
            syslog(LOG_DEBUG, "%s", text);
        } else if (strcmp(function, "fputws") == 0) {
            must(mbstowcs(wide, text, 65536) != (size_t)-1);
            fputws(wide, out);
        } else if (strcmp(function, "fields") == 0) {
            fprintf(out, "%s has %d of %5.2f, 100 %%\n", text, 3, 1.5);
        } else {
            return 2;
        }
    }
    return 0;
}
