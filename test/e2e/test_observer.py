#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PROVIDE_PROFILING_SAMPLER with plain LD_PRELOAD: an observer that the target does not notice."""
import os
import shutil
import signal
import struct
import time
import unittest

import pfharness as pf

STEER = os.environ.get("PF_STEER") or os.path.join(pf.ROOT, "build/lib/pfprof-steer")


def observers(folder):
    """pids of observers of the segments in a folder; the state Z is gone."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if folder.encode() in words and b"steer" in words and state != "Z":
            found.append(int(entry))
    return found


class Observer(pf.Case):
    def setUp(self):
        if not os.path.exists(STEER):
            self.skipTest("pfprof-steer is not built")

    def start(self, argv, **settings):
        settings = {"COMMAND": STEER, "SAMPLER": "adaptive", "SAMPLE_RATE": "0.01", **settings}
        return pf.start(argv, **settings)

    def say(self, process, lines, pause=0.0):
        for _ in range(lines):
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"hello\n")
            time.sleep(pause)

    def echo(self, **settings):
        return self.start([pf.build("echo")], stdin=pf.subprocess.PIPE, **settings)

    def until(self, what, seconds=20):
        end = time.monotonic() + seconds
        while not what() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertTrue(what())

    def test_the_target_sees_nothing(self):
        for argument in ([], ["ignore"]):
            with self.subTest(argument=argument):
                run, process = self.start([pf.build("observed"), *argument])
                folder = os.path.join(run.runtime, "pfprof")
                self.until(lambda: observers(folder) or process.poll() is not None)
                seen = observers(folder)
                pf.finish(run, process)
                self.assertEqual((run.status, run.stderr), (0, b""))
                self.assertEqual(len(seen), 1, "there was no observer to be noticed")

    def test_it_steers_is_reused_and_ends(self):
        run, first = self.echo()
        folder = os.path.join(run.runtime, "pfprof")
        self.say(first, 20)
        self.until(lambda: len(observers(folder)) == 1)
        _, second = self.start([pf.build("echo")], stdin=pf.subprocess.PIPE, run=run)
        self.say(second, 20)
        self.say(first, 300, 0.004)
        self.say(second, 300, 0.004)
        self.assertEqual(len(observers(folder)), 1)
        for process in (first, second):
            pf.finish(run, process)
            self.assertEqual(run.status, 0)
            metrics = run.summaries()[process.pid][-1]["metrics"]
            # At 0.01 it would be 3 of 320, and the first 32 of them; the budget is good for far more.
            self.assertGreater(metrics["sampled_count"], 40)
        self.until(lambda: not observers(folder))

    def starts(self, folder):
        """What steer.lock says: docs/segment-format.md, steer.lock."""
        path = os.path.join(folder, "steer.lock")
        if not os.path.exists(path):
            return {}
        with open(path, "rb") as file:
            return {program: rate for program, rate in struct.iter_unpack("<Qd", file.read()) if program}

    def timed_of(self, run, program, lines):
        _, process = self.start([program], stdin=pf.subprocess.PIPE, run=run, SAMPLE_RATE="0.0001")
        self.say(process, lines)
        pf.finish(run, process)
        return run.summaries()[process.pid][-1]["metrics"]["sampled_count"]

    def test_a_process_begins_as_others_of_its_program(self):
        """With the observer asleep nothing but what it wrote before can tell a new process its rate."""
        run, first = self.echo(OVERHEAD_BUDGET="1", SAMPLE_RATE="0.0001")
        folder = os.path.join(run.runtime, "pfprof")
        self.say(first, 50)
        # It learns from calls: on a busy machine the first ones may not tell enough.
        self.until(lambda: self.say(first, 5) or list(self.starts(folder).values()) == [1])
        (observer,) = observers(folder)
        other = os.path.join(pf.SCRATCH, "another")
        shutil.copy(pf.build("echo"), other)
        os.kill(observer, signal.SIGSTOP)
        try:
            self.assertEqual(self.timed_of(run, pf.build("echo"), 200), 200)
            self.assertLess(self.timed_of(run, other, 200), 50)  # 32 of them with certainty
            with open(os.path.join(folder, "steer.lock"), "r+b") as file:
                file.write(struct.pack("<Qd", *self.starts(folder), 7) + b"torn")
            self.assertLess(self.timed_of(run, pf.build("echo"), 200), 50)
        finally:
            os.kill(observer, signal.SIGCONT)
        pf.finish(run, first)

    def test_rules(self):
        path = os.path.join(pf.SCRATCH, "rules")
        with open(path, "w", encoding="ascii") as file:
            file.write("function=write -> 1\n")
        run, process = self.echo(SAMPLER="pattern", RULES=path, SAMPLE_RATE="0")
        self.say(process, 1)
        self.until(lambda: observers(os.path.join(run.runtime, "pfprof")))
        self.say(process, 200, 0.003)
        pf.finish(run, process)
        self.assertGreater(run.only()["metrics"]["sampled_count"], 20)

    def test_no_command(self):
        for command in ("/nowhere/pfprof", "pfprof", "/dev/null"):
            run, process = self.echo(COMMAND=command)
            self.say(process, 3)
            pf.finish(run, process)
            self.assertEqual(run.status, 0)
            self.assertEqual(
                run.stderr.decode(),
                f'pfprof: PROVIDE_PROFILING_SAMPLER="adaptive" needs the command pfprof, and '
                f'"{command}" cannot be run; using "fixed"\n')
            self.assertEqual(observers(os.path.join(run.runtime, "pfprof")), [])

    def test_fixed_starts_nothing(self):
        run, process = self.echo(SAMPLER="fixed")
        self.say(process, 3)
        time.sleep(0.1)
        self.assertEqual(observers(os.path.join(run.runtime, "pfprof")), [])
        pf.finish(run, process)

    def test_a_killed_observer_leaves_the_target_alone(self):
        run, process = self.echo()
        folder = os.path.join(run.runtime, "pfprof")
        self.say(process, 5)
        self.until(lambda: observers(folder))
        os.kill(observers(folder)[0], 9)
        self.say(process, 50)
        pf.finish(run, process)
        self.assertEqual(run.status, 0)
        self.assertEqual(run.only()["metrics"]["message_count"], 55)


if __name__ == "__main__":
    pf.main()
