#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Why calls were slow, on targets that know where their time went."""
import functools
import os
import unittest

import pfharness as pf

POINTS = 0.05
TRIES = 5


class Apart(AssertionError):
    """A share that is not what the target's own clock says."""


def tried(test):
    """A busy neighbour slows one part of a run and not the other: one run of TRIES must agree."""
    @functools.wraps(test)
    def again(*arguments):
        for _ in range(TRIES - 1):
            try:
                return test(*arguments)
            except Apart:
                pass
        return test(*arguments)
    return again


class Why(pf.Case):
    def run_mode(self, mode, rate="1", stderr=None):
        options = {} if stderr is None else {"stderr": stderr}
        run = pf.execute([pf.build("why"), mode], SAMPLE_RATE=rate, **options)
        self.assertEqual(run.status, 0, run.stderr)
        return self.check(run.only()), self.truth(run)

    def truth(self, run):
        with open(os.path.join(run.work, "why"), encoding="ascii") as file:
            return {name: int(value) for name, value in (line.split() for line in file)}

    def shares(self, one, function):
        (found,) = [f for f in one["functions"] if f["name"] == function]
        return {name: cause["share"] for name, cause in found["why"].items()}, found

    def assert_near(self, share, truth, what):
        if not abs(share - truth) <= POINTS:
            raise Apart(f"{what}: {share}, in truth {truth}")

    @tried
    def test_a_file_that_four_threads_share(self):
        one, truth = self.run_mode("lock")
        shares, found = self.shares(one, "fprintf")
        writing = truth["writer"] / truth["calls"]
        if writing >= 0.5:
            raise Apart("the threads hardly met")
        self.assert_near(shares["lock"], 1 - writing, "lock")
        self.assert_near(shares["blocked"], writing, "blocked: the writer sleeps")
        self.assertGreater(found["why"]["lock"]["count"], 100)

    @tried
    def test_a_pipe_that_is_read_slowly(self):
        one, _ = self.run_mode("pipe")
        shares, _ = self.shares(one, "write")
        self.assert_near(shares["blocked"], 1, "blocked")

    @tried
    def test_an_unbuffered_stderr(self):
        # A pipe whose reader is quick: each line goes to the kernel, and formatting is a small part.
        one, _ = self.run_mode("stderr")
        shares, found = self.shares(one, "fprintf")
        self.assert_near(shares["format"], 0, "format")
        self.assert_near(shares["flush"] + shares["blocked"], 1, "flush, or blocked in it")
        self.assertEqual(found["message_count"], 20000)

    def test_a_buffer_that_is_flushed_once_in_200_calls(self):
        for rate in ("1", "0.5"):
            with self.subTest(rate=rate):
                self.flushed_once_in_200_calls(rate)

    @tried
    def flushed_once_in_200_calls(self, rate):
        one, truth = self.run_mode("buffer", rate)
        shares, found = self.shares(one, "fprintf")
        causes = found["why"]
        # A call from which other programs took the processor is "blocked", and no part of
        # this: as long as the writer spins, and the others take on average.
        writing = causes["flush"]["count"] * 500000
        formatting = causes["format"]["count"] * (truth["format"] - truth["clock"])
        ours = shares["flush"] / (shares["flush"] + shares["format"])
        self.assert_near(ours, writing / (writing + formatting), "flush")
        self.assertIn(truth["flushes"], range(95, 101))
        self.assertLessEqual(causes["flush"]["count"], truth["flushes"])
        if rate == "1":
            self.assertGreaterEqual(causes["flush"]["count"] + causes["blocked"]["count"],
                                    truth["flushes"])
        low, high = causes["flush"]["share_interval"]
        self.assertLessEqual(low, shares["flush"])
        self.assertLessEqual(shares["flush"], high)
        self.assertEqual(low == high, rate == "1")

    @tried
    def test_nothing_but_formatting(self):
        one, _ = self.run_mode("stdio")
        shares, found = self.shares(one, "fprintf")
        self.assert_near(shares["format"] + shares["blocked"], 1, "format")
        self.assertEqual(found["why"]["flush"]["count"], 0)
        self.assertEqual(found["why"]["lock"]["count"], 0)

    def test_cancelled_after_a_wait(self):
        bare = pf.execute([pf.build("why"), "cancel"], profiled=False)
        self.assertEqual(bare.stdout, b"free\n")
        run = pf.execute([pf.build("why"), "cancel"])
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))

    @tried
    def test_without_perf_events(self):
        # A filter that refuses perf_event_open leaves getrusage, on some of the calls.
        run = pf.execute([pf.build("why"), "pipe"], preload=[pf.build("libnoperf"), pf.LIB])
        self.assertEqual(run.status, 0, run.stderr)
        shares, found = self.shares(self.check(run.only()), "write")
        self.assert_near(shares["blocked"], 1, "blocked")
        self.assertLess(found["why"]["blocked"]["count"], 60, "asked of every call")


if __name__ == "__main__":
    pf.main()
