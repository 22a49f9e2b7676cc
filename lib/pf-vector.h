// SPDX-License-Identifier: Apache-2.0
// Compiles a loop over the buckets of an octave for wide registers too, where there are any.  Internal.
#pragma once
#include <features.h>

// For static functions (others would be exported).  Picked by the loader; not under sanitizers, which are not set up yet when it asks.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) &&                            \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PF_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define PF_WIDE
#endif
