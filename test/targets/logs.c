// SPDX-License-Identifier: Apache-2.0
// logs COUNT: that many syslog lines, each numbered; a SIGALRM handler writes a dot on the way.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

static void dot(int number) {
    (void)number;
    (void)!write(1, ".", 1);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    signal(SIGALRM, dot);
    openlog("logs", LOG_NDELAY, LOG_USER);
    for (int i = 0; i < count; i++) {
        syslog(LOG_INFO, "line %d of %s", i, "many");
    }
    closelog();
    return 5;
}
