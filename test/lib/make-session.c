// SPDX-License-Identifier: Apache-2.0
// make-session NAME OUT: writes the made session of that name into a file, as `pfprof run --save` would; without
// arguments it lists names and what is to be found in each, one a line.
#include "made-sessions.h"
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc == 1) {
        for (const made_named *one = made_sessions; one->name != NULL; one++) {
            printf("%s%s%s\n", one->name, *one->kinds != 0 ? " " : "", one->kinds);
        }
        return 0;
    }
    const made_named *named = argc == 3 ? made_session_named(argv[1]) : NULL;
    if (named == NULL) {
        fprintf(stderr, "usage: make-session [NAME OUT]\n");
        return 2;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(made_session) made = named->make();
    g_autoptr(PfSession) session = made_session_get(made);
    if (!pf_session_save(session, argv[2], &error)) {
        fprintf(stderr, "make-session: %s\n", error->message);
        return 1;
    }
    return 0;
}
