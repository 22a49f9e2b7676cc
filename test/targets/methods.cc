// SPDX-License-Identifier: Apache-2.0
// Profiled methods of C++ classes: by type, by object, by class, and left by exceptions.
#include <cstdio>
#include <pf-profile.h>
#include <stdexcept>

namespace {
struct Shape {
    virtual ~Shape() = default;
    void draw() {
        PF_PROFILE_METHOD(this);
        std::puts("draw");
    }
    void move() { PF_PROFILE_OBJECT(this); }
};
struct Circle : Shape {};
struct Square : Shape {};

struct Shop {
    PF_PROFILE_CLASS("Shop");
    void thrower() {
        PF_PROFILE_FUNCTION();
        throw std::runtime_error("sold out");
    }
};
} // namespace

int main() {
    Circle circle;
    Square square;
    Shop shop;
    for (int i = 0; i < 10; i++) {
        circle.draw();
        square.draw();
        square.draw();
    }
    for (int i = 0; i < 3; i++) {
        circle.move();
        square.move();
    }
    square.move();
    for (int i = 0; i < 30; i++) {
        try {
            shop.thrower();
        } catch (const std::runtime_error &) {
        }
    }
    return 0;
}
