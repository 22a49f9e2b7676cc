// SPDX-License-Identifier: Apache-2.0
// Built in two forms that fill the same pages with other frames, to be opened one after the other.
typedef void leaf_fn(void);

int plugin_call(leaf_fn *leaf, int n);

static volatile int sink;

#ifdef OTHER
static __attribute__((noinline)) int inner(leaf_fn *leaf, int n) {
    char memory[1000];
    __asm__ volatile("" ::"r"(memory) : "memory");
    leaf();
    return sink + n;
}
#else
static __attribute__((noinline)) int inner(leaf_fn *leaf, int n) {
    leaf();
    return sink + n;
}
#endif

int plugin_call(leaf_fn *leaf, int n) {
    return n == 0 ? inner(leaf, n) : plugin_call(leaf, n - 1) + sink;
}
