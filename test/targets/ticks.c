// SPDX-License-Identifier: Apache-2.0
// ticks COUNT MS: that many writes and as many printf lines, so many ms apart; for crowds of processes.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 10;
    int ms = argc > 2 ? atoi(argv[2]) : 100;
    for (int i = 0; i < count; i++) {
        (void)!write(1, "tick\n", 5);
        printf("tick %d of %d\n", i, count);
        usleep((unsigned)ms * 1000);
    }
    return 0;
}
