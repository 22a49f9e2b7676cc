#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Forks, vforks, execs and every way to end: each process its own exact summary.
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

NO_EXEC = "qemu-user without binfmt_misc cannot start another program of its own"

# Installs a seccomp filter that kills at one system call, and executes the rest.
FILTER = """
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7fff0000)]
data = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HP", len(code), ctypes.addressof(data))) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


class Processes(pf.Case):
    def pair(self, *arguments, **settings):
        """A bare and a profiled run of procs, found to look the same from outside."""
        program = [pf.build("procs"), *arguments]
        bare = pf.execute(program, profiled=False)
        run = pf.execute(program, **settings)
        self.assertEqual(bare.status, run.status, run.stderr[-500:])
        self.assertEqual(bare.stdout, run.stdout)
        self.assertEqual(bare.stderr, run.stderr)
        return run

    def exact(self, run, per_process=1):
        """Each process that wrote has summaries that add up to its own account; no other has."""
        truth = run.truth
        wrote = {
            pid: {n: a.begun for n, a in truth.functions(pid).items() if n != "child" and a.begun}
            for pid in truth.pids()
        }
        wrote = {pid: names for pid, names in wrote.items() if names}
        self.assertTrue(wrote)
        got = {}
        for pid, objects in run.summaries().items():
            if per_process:
                self.assertEqual(len(objects), per_process, f"summaries of process {pid}")
            for one in objects:
                self.check(one)
                for name, count in pf.functions(one).items():
                    names = got.setdefault(pid, {})
                    names[name] = names.get(name, 0) + count
        self.assertEqual(got, wrote)
        self.assertEqual(run.segments(), [], "a segment was left behind")

    def test_fork(self):
        for rate in ("0.01", "1.0"):
            run = self.pair("fork", SAMPLE_RATE=rate)
            self.exact(run)
            counts = sorted(
                o["metrics"]["message_count"] for one in run.summaries().values() for o in one
            )
            self.assertEqual(counts, [5, 6, 7])

    def test_fork_of_many(self):
        self.exact(self.pair("fork-many"))

    def test_coverage_is_of_the_process_itself(self):
        """The kernel adds what reaped children wrote to wchar of their parent."""
        pf.skip_on("aarch64", "qemu-user writes as well, and the kernel counts it")
        for mode in ("fork", "fork-many"):
            run = self.pair(mode)
            self.assertGreater(len(run.summaries()), 2)
            for pid, (one,) in run.summaries().items():
                with self.subTest(mode=mode, parent=pid == run.pid):
                    coverage = one["coverage"]
                    self.assertEqual(coverage["seen_bytes"], one["metrics"]["bytes"])
                    self.assertEqual(coverage["kernel_bytes"], coverage["seen_bytes"])
                    self.assertEqual(coverage["percent"], 100)

    def test_environment_overwritten(self):
        run = self.pair("title")
        self.exact(run)
        self.assertEqual(pf.functions(run.only()), {"write": 5})

    def test_fork_of_a_silent_child(self):
        run = self.pair("fork-silent")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 1)

    def test_fork_beside_writing_threads(self):
        run = self.pair("fork-threads")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 31)

    def test_fork_with_full_buffers(self):
        pf.skip_on("musl", "its stdout is line-buffered until the first line is out")
        run = self.pair("fork-buffered")
        self.assertEqual(run.stdout.count(b"buffered before the fork\n"), 2)
        self.exact(run)

    def test_other_forks(self):
        for mode in ("_Fork", "clone", "__clone", "syscall-fork"):
            if pf.absent_from_libc(mode) and mode != "syscall-fork":
                continue
            with self.subTest(mode=mode):
                run = self.pair(mode)
                self.exact(run)
                self.assertEqual(len(run.summaries()), 2)

    def test_vfork(self):
        for mode in ("vfork", "__vfork"):
            if pf.absent_from_libc(mode):
                continue
            with self.subTest(mode=mode):
                run = self.pair(mode)
                self.assertEqual(run.truth.functions(run.pid)["child"].begun, 40)
                self.exact(run)
                one = run.only()
                self.assertEqual(pf.functions(one), {"write": 23})
                self.assertEqual(one["metrics"]["lost_count"].get("child"), 40)

    def test_vfork_before_any_call(self):
        run = self.pair("vfork-first")
        self.exact(run)
        pf.skip_on("aarch64", "qemu-user makes a fork of it, whose memory is its own")
        self.assertEqual(run.only()["metrics"]["lost_count"].get("child"), 1)

    def test_vfork_then_exec(self):
        pf.skip_on("aarch64", NO_EXEC)
        run = self.pair("vfork-exec")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 2)

    def test_spawn_and_system(self):
        pf.skip_on("aarch64", NO_EXEC)
        for mode in ("posix_spawn", "system"):
            with self.subTest(mode=mode):
                if mode == "system":
                    pf.skip_on("musl", "the shell is of another libc")
                run = self.pair(mode)
                self.exact(run)
                self.assertEqual(len(run.summaries()), 2)

    def test_daemon(self):
        run = self.pair("daemon")
        truth = {
            pid: run.truth.functions(pid)["write"].begun for pid in run.truth.pids()
        }
        self.assertEqual(sorted(truth.values()), [4, 6])
        got = {}
        for pid, objects in run.summaries().items():
            self.assertEqual(len(objects), 1)
            got[pid] = pf.total(objects, "write")
        # daemon() leaves by a way of its own: then the parent's counts are in its segment.
        for path in run.segments():
            one = pf.dump_segment(path)
            self.assertNotIn(one["process"]["pid"], got, "counted twice")
            got[one["process"]["pid"]] = pf.total([one], "write")
        self.assertEqual(got, truth)
        daemon = next(pid for pid, count in truth.items() if count == 4)
        self.assertIn(daemon, run.summaries(), "the daemon has a summary of its own")

    def test_exec(self):
        pf.skip_on("aarch64", NO_EXEC)
        self.assertEqual(len(pf.EXECS), 9)
        names = sorted(set(pf.EXECS) - pf.absent_from_libc(*pf.EXECS))
        for arguments in [["exec", name] for name in names] + [["exec-path"]]:
            with self.subTest(arguments=arguments):
                run = self.pair(*arguments)
                self.exact(run, per_process=2)
                first, second = run.summaries()[run.pid]
                self.assertEqual(pf.functions(first), {"write": 5})
                self.assertEqual(pf.functions(second), {"write": 4})

    def test_exec_with_an_empty_environment(self):
        pf.skip_on("aarch64", NO_EXEC)
        run = self.pair("exec-empty")
        self.exact(run)

    def test_exec_that_finds_nothing(self):
        self.exact(self.pair("exec-fails"))

    def test_exec_that_the_kernel_refuses(self):
        run = self.pair("exec-refused")
        last = run.summaries()[run.pid][-1]
        self.assertEqual(pf.functions(last), {"write": 11}, "the last summary is the whole")
        self.exact(run)

    def test_ends(self):
        for how, status in (("_exit", 11), ("_Exit", 12), ("quick_exit", 13), ("exit", 14)):
            with self.subTest(how=how):
                run = self.pair("end", how)
                self.assertEqual(run.status, status)
                self.exact(run)

    def test_ends_that_no_hook_sees(self):
        for how, status in (("abort", -6), ("segv", -11), ("term", -15), ("syscall", 15)):
            with self.subTest(how=how):
                run = self.pair("end", how)
                self.assertEqual(run.status, status)
                objects = [o for found in run.summaries().values() for o in found]
                if not objects:
                    self.assertEqual(len(run.segments()), 1, "neither summary nor segment")
                    objects = [pf.dump_segment(run.segments()[0])]
                self.assertEqual([pf.functions(o) for o in objects], [{"write": 6}])

    def test_output_in_a_destructor(self):
        run = self.pair("destructor")
        one = run.only()
        self.assertIn(pf.functions(one)["write"], (3, 5))

    def test_a_killed_process_leaves_one_segment_and_a_finished_one_none(self):
        run = self.pair("tail")
        self.assertEqual(run.segments(), [])
        run = self.pair("tail", KEEP_SEGMENT="true")
        self.assertEqual(len(run.segments()), 1)
        dumped, one = pf.dump_segment(run.segments()[0]), run.only()
        self.assertEqual(pf.functions(dumped), pf.functions(one))
        self.assertEqual(pf.functions(dumped, "bytes"), pf.functions(one, "bytes"))

    def test_seccomp(self):
        pf.skip_on("aarch64", "qemu-user has no seccomp")
        for argument, count in (("early", 10), ("late", 11)):
            with self.subTest(argument=argument):
                bare = pf.execute([pf.build("procs"), "seccomp", argument], profiled=False)
                run = pf.execute([pf.build("procs"), "seccomp", argument], OUTPUT="stderr")
                self.assertEqual(bare.status, 0)
                self.assertEqual(run.status, 0, "the filter killed the target")
                self.assertEqual(bare.stdout, run.stdout)
                one = self.check(json.loads(run.stderr.decode()))
                self.assertEqual(pf.functions(one), {"write": count})

    def test_a_filter_from_before_exec(self):
        """One that ends whoever asks for a perf event, as a hardened service has it."""
        number = {"x86_64": 298, "aarch64": 241}.get(os.uname().machine)
        if pf.ABI or number is None:
            self.skipTest("the number of perf_event_open is known for the machine's own ABI only")
        filtered = [pf.need("python3"), "-c", FILTER, str(number)]
        run = pf.execute([*filtered, pf.need("bash"), "-c", "for ((i = 0; i < 100; i++)); do echo $i; done"])
        self.assertEqual(run.status, 0, "the filter killed the target")
        (one,) = [one for ones in run.summaries().values() for one in ones
                  if one["process"]["program"] == "bash"]
        self.assertGreaterEqual(one["metrics"]["message_count"], 100)
        self.assertEqual(one["metrics"]["sampled_count"], one["metrics"]["message_count"])


if __name__ == "__main__":
    pf.main()
