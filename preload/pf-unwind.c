// SPDX-License-Identifier: Apache-2.0
// Call stacks: no machine is known yet, so there are no frames.
#include "pf-unwind.h"

void pf_unwind_init(void) {}

unsigned pf_unwind(struct pf_unwind_state *state, uintptr_t site, uintptr_t *ret_frames,
                   unsigned depth) {
    (void)state;
    (void)site;
    (void)ret_frames;
    (void)depth;
    return 0;
}
