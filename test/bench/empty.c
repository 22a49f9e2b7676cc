// SPDX-License-Identifier: Apache-2.0
// A preload library that does nothing: what the loader alone costs a short process.
extern int pf_bench_empty;
int pf_bench_empty;
