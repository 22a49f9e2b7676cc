// SPDX-License-Identifier: Apache-2.0
// Prints with C alone, so that any compiler and any libc makes it: 50 printf, 50 write, 1 fputs.
#include <stdio.h>
#include <unistd.h>

int main(void) {
    for (int i = 0; i < 50; i++) {
        printf("line %d\n", i);
        fflush(stdout);
        (void)!write(1, "raw\n", 4);
    }
    fputs("end\n", stderr);
    return 3;
}
