// SPDX-License-Identifier: Apache-2.0
// Frames of a C++ compiler: landing pads, catch blocks, templates, the exception runtime.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

typedef void leaf_fn(void);

namespace {
struct guard {
    leaf_fn *leaf;
    ~guard() { leaf(); }
};

__attribute__((noinline)) int thrower(leaf_fn *leaf, int depth) {
    guard here{leaf};
    if (depth == 0) {
        throw std::runtime_error(std::string(100, 'x'));
    }
    return thrower(leaf, depth - 1) + 1;
}
} // namespace

extern "C" __attribute__((noinline)) int cxx_shape(leaf_fn *leaf) {
    int sum = 0;
    try {
        sum += thrower(leaf, 3);
    } catch (const std::exception &error) {
        leaf();
        sum += error.what()[0] == 'x';
    }
    std::vector<int> values{3, 1, 2};
    std::sort(values.begin(), values.end(), [&](int a, int b) {
        leaf();
        return a < b;
    });
    return sum + values[0];
}
