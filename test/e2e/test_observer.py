#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PROVIDE_PROFILING_SAMPLER with plain LD_PRELOAD: an observer that the target does not notice."""
import os
import shutil
import signal
import struct

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

    def say(self, process, lines):
        for _ in range(lines):
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"hello\n")

    def echo(self, **settings):
        return self.start([pf.build("echo")], stdin=pf.subprocess.PIPE, **settings)

    def timed(self, run, process):
        (path,) = [p for p in run.segments() if os.path.basename(p).startswith(f"{process.pid}-")]
        return pf.dump_segment(path)["metrics"]["sampled_count"]

    def say_until_timed(self, run, process):
        """Says lines until one is timed that would not be without the observer; the rate is 1 from then on."""
        def is_timed():
            before = self.timed(run, process)
            self.say(process, 1)
            return self.timed(run, process) > before

        self.say(process, 1)  # there is a segment
        pf.wait_for(is_timed, "a timed call")

    def test_the_target_sees_nothing(self):
        for argument in ([], ["ignore"]):
            with self.subTest(argument=argument):
                run, process = self.start([pf.build("observed"), *argument], stdin=pf.subprocess.PIPE)
                folder = os.path.join(run.runtime, "pfprof")
                seen = pf.wait_for(lambda: observers(folder), "an observer")
                pf.finish(run, process)  # its input ends: it looks whether it notices
                self.assertEqual((run.status, run.stderr), (0, b""))
                self.assertEqual(len(seen), 1)

    def test_it_steers_is_reused_and_ends(self):
        path = os.path.join(pf.SCRATCH, "all")
        with open(path, "w", encoding="ascii") as file:
            file.write("-> 1\n")
        run, first = self.echo(SAMPLER="pattern", RULES=path, SAMPLE_RATE="0")
        folder = os.path.join(run.runtime, "pfprof")
        self.say(first, 20)
        pf.wait_for(lambda: len(observers(folder)) == 1, "an observer")
        _, second = self.start([pf.build("echo")], stdin=pf.subprocess.PIPE, run=run, SAMPLER="pattern", RULES=path,
                               SAMPLE_RATE="0")
        for process in (first, second):
            self.say_until_timed(run, process)
            before = self.timed(run, process)
            self.say(process, 200)
            self.assertEqual(self.timed(run, process), before + 200)
        self.assertEqual(len(observers(folder)), 1)
        for process in (first, second):
            pf.finish(run, process)
            self.assertEqual(run.status, 0)
        pf.wait_for(lambda: not observers(folder), "the observer's end")

    def test_what_it_learns_is_said(self):
        """A budget that is all of the program's CPU time is good for every call, at whatever rate it begins."""
        run, process = self.echo(OVERHEAD_BUDGET="1", SAMPLE_RATE="0.0001")
        self.say(process, 50)
        pf.wait_for(lambda: self.say(process, 5) or self.rates(run) == {1.0}, "the rate 1")
        pf.finish(run, process)

    def rates(self, run):
        """Of single sites, in the control block (docs/segment-format.md)."""
        (path,) = run.segments()
        with open(path, "rb") as file:
            file.seek(512)
            control = file.read(1552)
        used = struct.unpack_from("<I", control, 20)[0]
        return {struct.unpack_from("<d", control, 64 + 24 * i + 16)[0] for i in range(min(used, 62))} or \
            {struct.unpack_from("<d", control, 8)[0]}

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
        # It learns from calls: the first ones may not tell enough.
        pf.wait_for(lambda: self.say(first, 5) or list(self.starts(folder).values()) == [1], "the rate to begin with")
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
        self.say_until_timed(run, process)
        before = self.timed(run, process)
        self.say(process, 200)
        pf.finish(run, process)
        self.assertEqual(run.only()["metrics"]["sampled_count"], before + 200)

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
        """What would be started leaves a mark; the second run's says that it had the time to."""
        ran = []
        for sampler in ("fixed", "adaptive"):
            marker = os.path.join(pf.SCRATCH, f"marker-{sampler}")
            with open(marker, "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\n: > '{marker}.ran'\n")
            os.chmod(marker, 0o755)
            ran.append(marker + ".ran")
            run, process = self.echo(SAMPLER=sampler, COMMAND=marker)
            self.say(process, 3)
            pf.finish(run, process)
            self.assertEqual(run.status, 0)
        pf.wait_for(lambda: os.path.exists(ran[1]), "what is started")
        self.assertFalse(os.path.exists(ran[0]))

    def test_a_killed_observer_leaves_the_target_alone(self):
        run, process = self.echo()
        folder = os.path.join(run.runtime, "pfprof")
        self.say(process, 5)
        os.kill(pf.wait_for(lambda: observers(folder), "an observer")[0], 9)
        self.say(process, 50)
        pf.finish(run, process)
        self.assertEqual(run.status, 0)
        self.assertEqual(run.only()["metrics"]["message_count"], 55)


if __name__ == "__main__":
    pf.main()
