// SPDX-License-Identifier: Apache-2.0
// 300 call sites, number i called 3 i + 1 times with a line of 10 + i % 7 bytes.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ONE(i)                                                                                     \
    for (int n = 0; n < 3 * (i) + 1; n++) {                                                        \
        if (write(fd, "0123456789012345\n", 10 + (i) % 7) < 0) {                                   \
            return 1;                                                                              \
        }                                                                                          \
    }
#define TEN(i)                                                                                     \
    ONE(i)                                                                                         \
    ONE(i + 1)                                                                                     \
    ONE(i + 2) ONE(i + 3) ONE(i + 4) ONE(i + 5) ONE(i + 6) ONE(i + 7) ONE(i + 8) ONE(i + 9)
#define HUNDRED(i)                                                                                 \
    TEN(i)                                                                                         \
    TEN(i + 10)                                                                                    \
    TEN(i + 20) TEN(i + 30) TEN(i + 40) TEN(i + 50) TEN(i + 60) TEN(i + 70) TEN(i + 80) TEN(i + 90)

int main(void) {
    int fd = open("/dev/null", O_WRONLY);
    HUNDRED(0)
    HUNDRED(100)
    HUNDRED(200)
    return 0;
}
