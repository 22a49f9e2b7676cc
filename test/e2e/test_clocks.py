#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Clocks that stop, jump, lie, or have run for very long.
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

DAY = 86400


class Clocks(pf.Case):
    def steps(self, *offsets, rate="1.0"):
        """The summary of a process whose clocks are set to each (boottime, monotonic) in turn."""
        argv = [pf.build("steps"), *(str(number) for pair in offsets for number in pair)]
        run = pf.execute(argv, SAMPLE_RATE=rate)
        if run.status == 77:
            self.skipTest(run.stderr.decode().strip())
        self.assertEqual(run.status, 0, run.stderr[-300:])
        seconds = [int(line) for line in run.stdout.split()]
        self.assertEqual(len(seconds), len(offsets) + 1)
        for at, (_, monotonic) in zip(seconds[1:], offsets):
            self.assertLess(abs(at - seconds[0] - monotonic), 30, "the clock was not set")
        one = next(o for o in sum(run.summaries().values(), []) if o["process"]["pid"] == run.pid)
        self.assertEqual(pf.functions(one)["fprintf"], len(offsets) + 1)
        return one

    def test_a_suspended_machine(self):
        """Sleep shows in CLOCK_BOOTTIME alone: it is part of no latency and of no uptime."""
        for rate in ("1.0", "0.01"):
            one = self.check(self.steps((30 * DAY, 0), (60 * DAY, 0), rate=rate))
            self.assertLess(one["metrics"]["uptime_seconds"], DAY)
            self.assertLess(one["metrics"]["max_ns"], DAY * 10**9)

    def test_a_day_at_once(self):
        """24 hours in one call, as with a stopped virtual machine."""
        metrics = self.steps((0, DAY))["metrics"]
        self.assertAlmostEqual(metrics["uptime_seconds"], DAY, delta=60)
        self.assertAlmostEqual(metrics["max_ns"] / 1e9, DAY, delta=60)
        self.assertAlmostEqual(metrics["total_duration_ns"] / 1e9, DAY, delta=60)

    def test_a_clock_that_goes_back(self):
        """Into another machine's past: such a call took 0 ns, not 2^64."""
        for rate in ("1.0", "0.01"):
            for steps in (((0, -60),), ((0, -60), (0, 0)), ((0, 100), (0, 40), (0, 0))):
                with self.subTest(rate=rate, steps=steps):
                    one = self.check(self.steps(*steps, rate=rate))
                    for value in ("uptime_seconds", "max_ns", "total_duration_ns"):
                        self.assertLess(one["metrics"][value], 1000 * 10**9, value)
                    for thread in one["threads"]:
                        self.assertLess(max(v for v in thread.values() if isinstance(v, (int, float))),
                                        1000 * 10**9, thread)

    def test_years(self):
        one = self.steps((0, 3000 * DAY))
        self.assertAlmostEqual(one["metrics"]["uptime_seconds"], 3000 * DAY, delta=60)
        self.assertEqual(one["metrics"]["message_count"], 4)

    def test_long_calls_to_the_nanosecond(self):
        """A day, and eight years, in one call; on a machine that has run for thirty."""
        for ns in (DAY * 10**9 + 1, 3000 * DAY * 10**9 + 1):
            for rate in ("1.0", "0.5"):
                with self.subTest(ns=ns, rate=rate):
                    run = pf.execute([pf.build("procs"), "tail"], SAMPLE_RATE=rate,
                                     script=f"start={10950 * DAY * 10**9};write={ns},1000*3")
                    metrics = run.only()["metrics"]
                    timed = metrics["sampled_count"] - 1  # besides the first, which always is
                    self.assertEqual(metrics["max_ns"], ns)
                    self.assertEqual(metrics["total_duration_ns"], ns + 1000 * timed)
                    self.assertAlmostEqual(metrics["uptime_seconds"], (ns + 1000 * timed) / 1e9, delta=1e-6)
                    if rate == "1.0":
                        # A double: in years, to 32 ns.
                        self.assertEqual(metrics["estimated_total_duration_ns"], int(float(ns + 3000)))

    def test_a_wall_clock_that_lies(self):
        """A preloaded faketime bends the target's clocks, not ours, on whichever side it is."""
        path = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
        if not os.path.exists(path):
            self.skipTest("libfaketime is not installed")
        for preload in ([path, pf.LIB], [pf.LIB, path]):
            before = time.time()
            run = pf.execute([pf.need("date"), "+%Y"], preload=preload,
                             extra={"FAKETIME": "@1999-06-01 00:00:00 x1000"})
            self.assertEqual(run.stdout, b"1999\n", run.stderr)
            metrics = self.check(run.only())["metrics"]
            self.assertTrue(before - 60 < metrics["start_time"] < time.time() + 60, metrics)
            self.assertLess(metrics["uptime_seconds"], 600)

    def test_a_stopped_process(self):
        """Stopped and continued in the middle of a blocked write: one call, and it returns."""
        reader, writer = os.pipe()
        run, process = pf.start([pf.need("seq"), "30000"], stdout=writer)
        os.close(writer)
        for _ in range(5):
            os.kill(process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            os.kill(process.pid, signal.SIGCONT)
        with open(reader, "rb") as file:
            data = file.read()
        pf.finish(run, process)
        self.assertEqual(data, b"".join(b"%d\n" % i for i in range(1, 30001)))
        self.assertEqual(self.check(run.only())["metrics"]["bytes"], len(data))


if __name__ == "__main__":
    pf.main()
