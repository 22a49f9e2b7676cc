// SPDX-License-Identifier: Apache-2.0
// A program of somebody else's: it profiles a function of its own and reads the library's version.
#include <pf-profile.h>
#include <pf-profiling.h>
#include <stdio.h>

int main(void) {
    PF_PROFILE_FUNCTION();
    printf("%s\n", pf_version_string());
    return 0;
}
