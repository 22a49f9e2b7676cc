// SPDX-License-Identifier: Apache-2.0
// Functions of every shape of frame, each of which calls `leaf`.
#pragma once

typedef void leaf_fn(void);
typedef int shape_fn(leaf_fn *leaf, int n);

shape_fn shape_plain, shape_deep, shape_mutual, shape_alloca, shape_vla, shape_aligned,
    shape_aligned_alloca, shape_registers, shape_large, shape_huge, shape_arguments, shape_switch,
    shape_wrapped, shape_noreturn, shape_sorted;
extern shape_fn *const shapes[];
extern const char *const shape_names[];
extern const int shape_count;

// In C++: from a destructor while an exception passes, from a catch block, from std::sort.
int cxx_shape(leaf_fn *leaf);
