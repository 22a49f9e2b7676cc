// SPDX-License-Identifier: Apache-2.0
// One write of 6 bytes for each line that it is told.
#include <string.h>
#include <unistd.h>

int main(void) {
    char text[64];
    ssize_t size;
    while ((size = read(0, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            if (text[i] == '\n' && write(1, "hello\n", 6) != 6) {
                return 1;
            }
        }
    }
    return 0;
}
