// SPDX-License-Identifier: Apache-2.0
// A plugin that prints, to be opened and closed again.
#include <stdio.h>
#include <unistd.h>

void plugin_speak(void);
void plugin_speak(void) {
    (void)!write(1, "plugin writes\n", 14);
    dprintf(1, "plugin %s\n", "prints");
}
