// SPDX-License-Identifier: Apache-2.0
// Formats at the edge of what printf knows: what takes no argument for libc must take none for us.
//
// The numbers stand where a careless reader of the format would look for a pointer.
#include <stdio.h>
#include <wchar.h>

int main(void) {
    for (int i = 0; i < 50; i++) {
        printf("%hls %d\n", 7);
        printf("%.-5s|%d\n", 7);
        printf("%Y %d\n", 7);
        printf("%2$s %1$d\n", 5, "\xf0\x9f\x98\x80");
        printf("%.*s|%-*d|%5.2f|%Lf|%lc\n", 2, "abc", 4, 3, 1.5, 2.5L, (wint_t)L'x');
        printf("%d %", 1);
    }
    return 0;
}
