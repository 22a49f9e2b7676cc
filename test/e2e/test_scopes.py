#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Profiled functions: exact counts through every way out, output charged to them, spans, context."""
import os
import shutil
import subprocess
import tempfile

import pfharness as pf

SRC = os.environ.get("PF_SRC", os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
TARGET = os.path.join(SRC, "test/targets/scopes.c")


def compiled(case, compiler, *options):
    """The target as another compiler, language or mode makes it."""
    if shutil.which(compiler) is None:
        case.skipTest(f"{compiler} is not installed")
    folder = case.enterContext(tempfile.TemporaryDirectory())
    program = os.path.join(folder, "scopes")
    subprocess.run([compiler, "-O2", "-pthread", "-fexceptions", "-Werror", "-Wall", "-Wextra",
                    "-I", os.path.join(SRC, "preload"), *options, "-o", program], check=True)
    return program


# Methods of GObject classes, by the type that an object has, and of the class that a C file is.
GOBJECTS = r"""
#include <glib-object.h>
#include <pf-profile.h>
#include <stdio.h>
#include <unistd.h>

PF_PROFILE_CLASS("Shop");
typedef struct { GObject parent; } Base;
typedef struct { GObjectClass parent; } BaseClass;
typedef Base Derived;
typedef BaseClass DerivedClass;
G_DEFINE_TYPE(Base, base, G_TYPE_OBJECT)
G_DEFINE_TYPE(Derived, derived, base_get_type())
static void base_init(Base *self) { (void)self; }
static void base_class_init(BaseClass *class) { (void)class; }
static void derived_init(Derived *self) { (void)self; }
static void derived_class_init(DerivedClass *class) { (void)class; }

static void ship(Base *self) { PF_PROFILE_GOBJECT(self); }
static void sell(void) { PF_PROFILE_FUNCTION(); }
static void plain(Base *self) { PF_PROFILE_METHOD(self); }

int main(void) {
    Base *one = g_object_new(base_get_type(), NULL);
    Base *other = g_object_new(derived_get_type(), NULL);
    for (int i = 0; i < 10; i++) {
        ship(one);
        ship(other);
        ship(other);
        plain(one);
        plain(other);
    }
    sell();
    g_object_unref(one);
    g_object_unref(other);
    return 0;
}
"""


class Scopes(pf.Case):
    def by_name(self, one):
        return {scope["name"]: scope for scope in one["scopes"]}

    def check_target(self, program, rate="1"):
        run = pf.execute([program, "600"], SAMPLE_RATE=rate)
        pid = run.pid
        (one,) = run.summaries()[pid]
        scopes = self.by_name(one)
        counts = {name: scope["call_count"] for name, scope in scopes.items()}
        self.assertEqual(counts, {
            "early": 600, "early: turn": 600, "recurse": 600 * 10 + 1001, "jumper": 600,
            "jump": 1200, "checkout": 600, "main: order": 7, "ends_inside: thread": 1, "forks": 1})
        for scope in scopes.values():
            self.assertLessEqual(scope["sampled_count"], scope["call_count"])
        self.assertEqual(scopes["jump"]["sampled_count"], 0)  # longjmp leaves it untimed
        self.assertEqual(scopes["main: order"]["open_count"], 3)
        self.assertEqual(one["metrics"]["message_count"], 601)  # scopes are no messages
        # The child that left its parent's scope counts its own alone.
        (child,) = [s for p, (s,) in run.summaries().items() if p != pid]
        self.assertEqual({n: s["call_count"] for n, s in self.by_name(child).items()}, {"early": 1})
        return one, scopes

    def test_every_way_out(self):
        one, scopes = self.check_target(compiled(self, "gcc", TARGET))
        checkout = scopes["checkout"]
        # Every call timed: what is charged is what the calls took, to the nanosecond.
        self.assertEqual(checkout["sampled_count"], 600)
        self.assertEqual(checkout["output_sampled_count"], 600)
        write = sum(f["total_duration_ns"] for f in one["functions"] if f["name"] == "write")
        self.assertEqual(checkout["estimated_output_ns"], write)
        self.assertAlmostEqual(checkout["output_share"], write / checkout["total_duration_ns"], 5)
        # A scope left by longjmp is not charged any more once the one around it has ended.
        for name in ("jumper", "recurse", "early"):
            self.assertEqual(scopes[name]["output_sampled_count"], 0, name)

    def test_what_output_took_of_it(self):
        """Each call in it takes 1000 ns, and 500 more pass before it ends."""
        run = pf.execute([compiled(self, "gcc", TARGET), "600"], script="write=1000+500;*=70")
        checkout = self.by_name(run.summaries()[run.pid][0])["checkout"]
        self.assertEqual(checkout["total_duration_ns"], 600 * 1500)
        self.assertEqual(checkout["max_ns"], 1500)
        self.assertEqual(checkout["estimated_output_ns"], 600 * 1000)
        self.assertAlmostEqual(checkout["output_share"], 2 / 3, delta=1e-5)

    def test_by_sample(self):
        self.check_target(compiled(self, "gcc", TARGET), rate="0.05")

    def test_other_compilers(self):
        for compiler, options in (("gcc", ["-std=gnu99", "-fno-pie", "-no-pie"]), ("gcc", ["-O0"]),
                                  ("clang", []), ("g++", ["-x", "c++"]),
                                  ("clang++", ["-x", "c++"])):
            with self.subTest(compiler=compiler, options=options):
                self.check_target(compiled(self, compiler, *options, TARGET))

    def test_not_loaded_and_not_enabled(self):
        program = compiled(self, "gcc", TARGET)
        self.assertEqual(subprocess.run([program], stdout=subprocess.DEVNULL).returncode, 0)
        done = subprocess.run([program], env={"LD_PRELOAD": os.environ["PF_LIB"]},
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_static(self):
        program = compiled(self, "gcc", "-static", TARGET)
        self.assertEqual(subprocess.run([program], stdout=subprocess.DEVNULL).returncode, 0)

    def test_instrumented_functions(self):
        program = compiled(self, "gcc", "-x", "c", "-finstrument-functions", "-rdynamic", "-DWHOLE",
                           os.path.join(SRC, "test/targets/instrumented.c"))
        run = pf.execute([program])
        scopes = self.by_name(run.only())
        counts = {name: scope["call_count"] for name, scope in scopes.items()}
        self.assertEqual(counts, {"main": 1, "outer": 100, "inner": 1000, "thrower": 50,
                                  "catcher": 50, "deep": 1001})
        self.assertEqual(scopes["inner"]["output_sampled_count"], 1000)
        self.assertEqual(scopes["outer"]["output_sampled_count"], 1000)
        self.assertEqual(scopes["thrower"]["output_sampled_count"], 0)

    def test_types_objects_and_exceptions(self):
        program = compiled(self, "g++", os.path.join(SRC, "test/targets/methods.cc"))
        scopes = self.by_name(pf.execute([program]).only())
        found = {}
        for name, scope in scopes.items():
            found.setdefault(scope["kind"], []).append(scope["call_count"])
        self.assertEqual(sorted(found["type"]), [10, 20])
        self.assertEqual(sorted(found["object"]), [3, 4])
        self.assertEqual(scopes["Shop::thrower"]["sampled_count"], 30)

    def test_gobjects_and_classes_in_c(self):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"],
                               capture_output=True, text=True, check=False)
        if flags.returncode != 0:
            self.skipTest("GLib is not installed")
        source = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "gobjects.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(GOBJECTS)
        scopes = self.by_name(pf.execute([compiled(self, "gcc", source, *flags.stdout.split())]).only())
        self.assertEqual(
            {name: (scope["kind"], scope["call_count"]) for name, scope in scopes.items()},
            {"Base::ship": ("type", 10), "Derived::ship": ("type", 20), "Shop::plain": ("type", 20),
             "Shop::sell": ("function", 1)})


if __name__ == "__main__":
    pf.main()
