#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Why calls were slow: exact shares of real programs, whose calls take what a script says.

The shares of programs that run by the machine's own clock are in test/machine/measure_why.py."""
import itertools
import os

import pfharness as pf

FORMAT_NS, FLUSH_NS = 900, 500900


class Why(pf.Case):
    def run_mode(self, mode, script, rate="1", **options):
        run = pf.execute([pf.build("why"), mode], script=script, SAMPLE_RATE=rate, **options)
        self.assertEqual(run.status, 0, run.stderr)
        return self.check(run.only()), self.truth(run)

    def truth(self, run):
        """{name: [values]} of what the target left."""
        found = {}
        with open(os.path.join(run.work, "why"), encoding="ascii") as file:
            for name, value in (line.split() for line in file):
                found.setdefault(name, []).append(int(value))
        return found

    def causes(self, one, function):
        (found,) = [f for f in one["functions"] if f["name"] == function]
        return found["why"], found

    def assert_causes(self, one, function, **times):
        """Every call was timed: counts and shares are what (count, ns) says of each cause."""
        causes, found = self.causes(one, function)
        whole = sum(ns for _, ns in times.values())
        self.assertEqual(found["total_duration_ns"], whole)
        for name, cause in causes.items():
            count, ns = times.get(name, (0, 0))
            self.assertEqual(cause["count"], count, name)
            self.assertAlmostEqual(cause["share"], ns / whole, delta=1e-6, msg=name)
            self.assertEqual(cause["share_interval"], [cause["share"]] * 2, name)

    def test_a_file_that_four_threads_share(self):
        # The stream has no buffer: what is no waiting is a flush, or blocked in it.
        one, _ = self.run_mode("lock", "fprintf=1000l700*2,500v,40l40")
        # One call of main's; 150 of each of four threads: the script 37 times, and its first two calls
        # once more.
        long, short, last = 1 + 4 * 76, 4 * 37, 4 * 37
        self.assert_causes(one, "fprintf", lock=(long + last, 700 * long + 40 * last),
                           flush=(long + last, 300 * long), blocked=(short, 500 * short))

    def test_a_pipe_that_is_read_slowly(self):
        one, _ = self.run_mode("pipe", "write=2000,50000v,80000i,70000vi")
        self.assert_causes(one, "write", flush=(150, 150 * 2000), blocked=(450, 150 * 200000))

    def test_an_unbuffered_stderr(self):
        one, _ = self.run_mode("stderr", "fprintf=1500*99,90000v")
        self.assert_causes(one, "fprintf", flush=(19800, 19800 * 1500), blocked=(200, 200 * 90000))
        self.assertEqual(self.causes(one, "fprintf")[1]["message_count"], 20000)

    def test_nothing_but_formatting(self):
        one, _ = self.run_mode("stdio", "fprintf=700,900")
        self.assert_causes(one, "fprintf", format=(100000, 100000 * 800))

    def buffer(self, rate):
        """20,000 lines through a buffer of 200; the calls that flush, which libc chooses and a first
        run tells, take long."""
        _, truth = self.run_mode("buffer", "fprintf=1")
        flushed = truth["flushed_in"]
        self.assertIn(len(flushed), range(95, 101))
        calls = [FORMAT_NS] * 20000
        for number in flushed:
            calls[number - 1] = FLUSH_NS
        script = "seed=5;fprintf=" + ",".join(
            f"{ns}*{len(list(same))}" for ns, same in itertools.groupby(calls))
        one, again = self.run_mode("buffer", script, rate)
        self.assertEqual(again["flushed_in"], flushed)
        return one, len(flushed)

    def test_a_buffer_that_is_flushed_once_in_200_calls(self):
        one, flushes = self.buffer("1")
        formats = 20000 - flushes
        self.assert_causes(one, "fprintf", flush=(flushes, flushes * FLUSH_NS),
                           format=(formats, formats * FORMAT_NS))

    def test_a_buffer_that_is_flushed_once_in_200_calls_by_sample(self):
        """Of half of the calls, as docs/sampling.md has it (Shares of time by cause)."""
        one, flushes = self.buffer("0.5")
        causes, found = self.causes(one, "fprintf")
        n, m = causes["flush"]["count"], causes["format"]["count"]
        self.assertEqual(n + m, found["sampled_count"])
        self.assertIn(n, range(1, flushes + 1))
        whole = n * FLUSH_NS + m * FORMAT_NS
        self.assertEqual(found["total_duration_ns"], whole)
        squares = {"flush": n * FLUSH_NS**2, "format": m * FORMAT_NS**2}
        for name, ns in (("flush", n * FLUSH_NS), ("format", m * FORMAT_NS)):
            share = ns / whole
            self.assertAlmostEqual(causes[name]["share"], share, delta=1e-6)
            residuals = (1 - share)**2 * squares[name] + share**2 * (
                sum(squares.values()) - squares[name])
            half = 1.96 * ((1 - (n + m) / 20000) * residuals)**0.5 / whole
            for got, want in zip(causes[name]["share_interval"], (share - half, share + half)):
                self.assertAlmostEqual(got, min(max(want, 0), 1), delta=2e-5, msg=name)

    def test_cancelled_after_a_wait(self):
        bare = pf.execute([pf.build("why"), "cancel"], profiled=False)
        self.assertEqual(bare.stdout, b"free\n")
        run = pf.execute([pf.build("why"), "cancel"])
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))

    # The first sixteen timed calls of a thread are asked about, and then one in sixteen.
    ASKED = [n for n in range(600) if n < 16 or n % 16 == 0]

    def test_getrusage_on_some_of_the_calls(self):
        one, _ = self.run_mode("pipe", "rusage;write=1000*20,3000v,2000,5000i")
        blocked = [{20: 3000, 22: 5000}[n % 23] for n in self.ASKED if n % 23 in (20, 22)]
        quick = [2000 if n % 23 == 21 else 1000 for n in self.ASKED if n % 23 not in (20, 22)]
        causes, _ = self.causes(one, "write")
        self.assertEqual(causes["blocked"]["count"], len(blocked))
        self.assertEqual(causes["flush"]["count"], len(quick))
        self.assertAlmostEqual(causes["blocked"]["share"], sum(blocked) / sum(blocked + quick),
                               delta=1e-6)

    def test_without_perf_events(self):
        # A filter that refuses perf_event_open leaves getrusage, on some of the calls.
        run = pf.execute([pf.build("why"), "pipe"], preload=[pf.build("libnoperf"), pf.LIB])
        self.assertEqual(run.status, 0, run.stderr)
        causes, _ = self.causes(self.check(run.only()), "write")
        self.assertEqual(sum(cause["count"] for cause in causes.values()), len(self.ASKED))


if __name__ == "__main__":
    pf.main()
