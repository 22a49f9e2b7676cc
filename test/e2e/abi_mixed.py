#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Programs of two kinds in one tree.  Run by scripts/check-abis, which says where they are: PF_ABI is
# the other kind, PF_TARGETS its programs, PF_LIB its library, by way of $LIB where its loader knows
# that; PF_NATIVE are our own programs, PF_NATIVE_LIB our own library.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

NATIVE_LIB = os.environ["PF_NATIVE_LIB"]
NOT_OURS = b"pfprof: the library was built for another libc than this program's, which runs unmeasured\n"


def native(name):
    return os.path.join(os.environ["PF_NATIVE"], name)


class OneTree(pf.Case):
    """LD_PRELOAD='.../$LIB/libpfprof.so': each process loads the library of its own kind."""

    def check_tree(self, programs, **settings):
        command = [programs[0], "relay", *programs[1:]]
        bare = pf.execute(command, profiled=False)
        self.assertEqual(bare.status, 0, bare.stderr[-500:])
        run = pf.execute(command, **settings)
        self.assert_same(bare, run)
        summaries = run.summaries()
        self.assertEqual(len(summaries), len(programs))
        for pid, objects in summaries.items():
            # A child of ours writes nothing before its exec, so each process has one summary.
            self.assertEqual(len(objects), 1, objects)
            one = self.check(objects[0])
            self.assert_truth(one, run.truth.functions(pid))
        commands = sorted(one["process"]["command"].split()[0] for (one,) in summaries.values())
        self.assertEqual(commands, sorted(programs))
        return run

    def test_each_has_the_library_of_its_kind(self):
        pf.skip_on("musl", "its loader does not know $LIB")
        other, ours = pf.build("procs"), native("procs")
        for programs in ([ours, other], [other, ours], [ours, other, ours, other]):
            for rate in ("0", "1"):
                with self.subTest(programs=programs, rate=rate):
                    self.check_tree(programs, SAMPLE_RATE=rate)

    def test_segments_of_both_kinds_are_read_alike(self):
        pf.skip_on("musl", "its loader does not know $LIB")
        programs = [native("procs"), pf.build("procs")]
        run = self.check_tree(programs, KEEP_SEGMENT="true")
        self.assertEqual(len(run.segments()), 2)
        for path in run.segments():
            dumped = pf.dump_segment(path)
            (one,) = run.summaries()[dumped["process"]["pid"]]
            for field in ("message_count", "bytes", "sampled_count", "total_duration_ns"):
                self.assertEqual(pf.functions(dumped, field), pf.functions(one, field), field)


class WrongLibrary(pf.Case):
    """A library of the other kind never harms: the program runs as it would without."""

    def same(self, program, library, said):
        for arguments in (["tail"], ["fork"], ["vfork"], ["end", "quick_exit"], ["exec", "execv"]):
            for enabled in ("true", "false"):
                with self.subTest(program=program, arguments=arguments, enabled=enabled):
                    command = [program, *arguments]
                    bare = pf.execute(command, profiled=False)
                    run = pf.execute(
                        command, profiled=False,
                        extra={"LD_PRELOAD": library, pf.PREFIX + "ENABLED": enabled},
                    )
                    self.assertEqual(bare.status, run.status, run.stderr[-500:])
                    self.assertEqual(bare.stdout, run.stdout)
                    lines = set(run.stderr.splitlines(True)) - set(bare.stderr.splitlines(True))
                    for line in lines:
                        self.assertIn(said, line)
                    if enabled == "true":
                        self.assertTrue(lines, "nobody says that it is not measured")

    def wrong(self):
        return NOT_OURS if pf.ABI == "musl" else b"cannot be preloaded"

    def test_our_library_under_another_kind_of_program(self):
        self.same(pf.build("procs"), NATIVE_LIB, self.wrong())

    def test_another_kind_of_library_under_our_program(self):
        self.same(native("procs"), os.environ["PF_OTHER_LIB"], self.wrong())


if __name__ == "__main__":
    pf.main()
