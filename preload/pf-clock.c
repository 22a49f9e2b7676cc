// SPDX-License-Identifier: Apache-2.0
// Finds clock_gettime in the vDSO and calibrates it.
#include "pf-clock.h"
#include "pf-arch.h"
#include "pf-image.h"
#include "pf-scripted.h"
#include <stddef.h>
#include <sys/auxv.h>

static int clock_by_system_call(clockid_t clock, struct pf_time *ret_time) {
    return (int)pf_sys_clock_gettime(clock, ret_time);
}

pf_clock_fn *pf_clock_gettime = PF_IS_SCRIPTED ? pf_scripted_clock : clock_by_system_call;
uint64_t pf_clock_cost_ns;

void pf_clock_init(void) {
    if (pf_clock_cost_ns != 0) {
        return;
    }
    if (PF_IS_SCRIPTED) {
        pf_clock_cost_ns = pf_scripted_clock_cost();
        return;
    }
#ifdef PF_VDSO_CLOCK
    const void *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);
    void *found = vdso != NULL ? pf_image_symbol(pf_image_at(vdso), PF_VDSO_CLOCK) : NULL;
    if (found != NULL) {
        pf_clock_gettime = (pf_clock_fn *)found;
    }
#endif
    // The smallest of a few back-to-back differences: anything above it was an interruption.
    uint64_t cost = UINT64_MAX;
    uint64_t before = pf_now();
    for (int i = 0; i < 16; i++) {
        uint64_t after = pf_now();
        cost = after - before < cost ? after - before : cost;
        before = after;
    }
    pf_clock_cost_ns = cost > 0 && cost < 10000 ? cost : 1;
}
