// SPDX-License-Identifier: Apache-2.0
// A call, then a line from standard input, then 16,384 call sites, for which the segment has to grow.
#include <stdio.h>
#include <unistd.h>

#define SITE (void)!write(1, "x", 1);
#define SITES_8 SITE SITE SITE SITE SITE SITE SITE SITE
#define SITES_64 SITES_8 SITES_8 SITES_8 SITES_8 SITES_8 SITES_8 SITES_8 SITES_8
#define SITES_512 SITES_64 SITES_64 SITES_64 SITES_64 SITES_64 SITES_64 SITES_64 SITES_64
#define SITES_4096 SITES_512 SITES_512 SITES_512 SITES_512 SITES_512 SITES_512 SITES_512 SITES_512

int main(void) {
    (void)!write(1, "ready\n", 6);
    while (getchar() != '\n') {
    }
    SITES_4096 SITES_4096 SITES_4096 SITES_4096;
    return 0;
}
