// SPDX-License-Identifier: Apache-2.0
// Compiles a call site's first format, and tells when it is another's.
#include "pf-site-format.h"
#include "pf-module.h"
#include <string.h>

// A site's first format, if it is a constant, is parsed once.  The program is complete before `format`
// names it and never changes after that, so a handler that comes in between is no matter.  After a
// dlclose other bytes may lie at the address of a format: it is looked at anew then.
PF_COLD void pf_site_format_learn(struct pf_detail *detail, const char *format) {
    struct pf_format_program program;
    struct pf_format_program *kept = (struct pf_format_program *)detail->program;
    uint32_t generation = __atomic_load_n(&pf_closed_modules, __ATOMIC_RELAXED);
    if (detail->format == UINT64_MAX || !pf_is_constant(format)) {
        return;
    }
    bool plain = pf_format_compile(format, &program);
    if (detail->format == 0) {
        if (plain) {
            program.generation = generation;
            *kept = program;
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
        }
        uint64_t none = 0;
        uint64_t address = plain ? (uintptr_t)format : UINT64_MAX;
        __atomic_compare_exchange_n(&detail->format, &none, address, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
    } else if (detail->format == (uintptr_t)format) {
        program.generation = kept->generation;
        if (plain && memcmp(&program, kept, sizeof program) == 0) {
            kept->generation = generation;
        } else {
            detail->format = UINT64_MAX;
        }
    }
}
