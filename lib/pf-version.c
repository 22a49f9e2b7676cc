// SPDX-License-Identifier: Apache-2.0
// The version of the library that is running; its one source is meson.build.
#include "pf-version.h"

/**
 * pf_version_string:
 *
 * The version of the library that is running, such as `0.1.0`.
 *
 * Any thread may call this.
 *
 * Returns: (transfer none): a constant
 */
const char *pf_version_string(void) { return PF_VERSION; }

/**
 * pf_check_version:
 * @major: the first number wanted
 * @minor: the second
 * @micro: the third
 *
 * Whether the library that is running is of this version or a later one.
 *
 * Any thread may call this.
 *
 * Returns: true when it is
 */
gboolean pf_check_version(guint major, guint minor, guint micro) {
    const guint have[] = {PF_MAJOR_VERSION, PF_MINOR_VERSION, PF_MICRO_VERSION};
    const guint want[] = {major, minor, micro};
    for (guint i = 0; i < G_N_ELEMENTS(have); i++) {
        if (have[i] != want[i]) {
            return have[i] > want[i];
        }
    }
    return TRUE;
}
