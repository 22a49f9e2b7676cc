#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rates that change, with latencies that change along, do not bias the estimate.

Those of a program that runs by the machine's own clock are in test/machine/measure_rates.py."""
import mmap
import os
import struct
import time

import pfharness as pf
import pfscript
from test_control import Observer

# Slow where it is looked at often: the mean of the timed calls is far above that of all calls.
REGIMES = ((0.05, 4000), (0.5, 40000), (0.1, 6000), (1, 50000), (0.02, 4000))
STRETCH = 600  # calls from one change to the next
CALLS = 30000


class Paced:
    """The target regimes, which makes as many calls as it may."""

    def __init__(self, calls, microseconds, **settings):
        self.run = pf.prepare()
        path = os.path.join(self.run.work, "word")
        with open(path, "wb") as file:
            file.write(struct.pack("<IIII", microseconds, 0, 0, 0))
        with open(path, "r+b") as file:
            # By words, as the target writes them: struct.unpack_from("<I") would read one byte after another.
            self.words = memoryview(mmap.mmap(file.fileno(), 16)).cast("I")
        _, self.process = pf.start([pf.build("regimes"), path, str(calls)], run=self.run, **settings)

    def until(self, calls):
        """Lets so many calls be made in all, and waits for them."""
        self.words[1] = calls
        while self.words[2] != calls:
            if self.process.poll() is not None and self.words[2] != calls:
                raise AssertionError(f"it has ended: {self.process.communicate()}")
            time.sleep(0.0005)  # between two looks

    def observer(self):
        (segment,) = self.run.segments()
        return Observer(segment)


class Rates(pf.Case):
    def run_once(self, seed):
        """(what each call took, what was timed, the site's row)."""
        script = f"seed={seed};fputs=" + pfscript.steps(
            [ns for _, ns in REGIMES for _ in range(STRETCH)])
        paced = Paced(CALLS, 0, SAMPLE_RATE="0.05", STACKS="off", script=script)
        sampler, timed, certain = pfscript.Sampler(seed), [], []
        calls = pfscript.repeated([ns for _, ns in REGIMES for _ in range(STRETCH)], CALLS)
        paced.until(1)
        observer, rate = paced.observer(), 0.05
        certain += [calls[0]] if sampler.call(rate) == "certain" else []
        for number in range(CALLS // STRETCH):
            rate = REGIMES[number % len(REGIMES)][0]
            observer.rate(rate)
            sampler.new_rate(rate)
            first = max(number * STRETCH, 1)
            end = (number + 1) * STRETCH
            timed += [(1 / rate, ns) for ns in calls[first:end] if sampler.call(rate)]
            paced.until(end)
        pf.finish(paced.run, paced.process)
        self.assertEqual(paced.run.status, 0, paced.run.stderr)
        (site,) = [s for s in paced.run.only()["call_sites"] if s["message_count"] == CALLS]
        return calls, timed, certain, site

    def test_switching_rates(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                calls, timed, certain, site = self.run_once(seed)
                self.assertEqual(site["sampled_count"], len(timed) + len(certain))
                self.assertEqual(site["total_duration_ns"], sum(ns for _, ns in timed) + sum(certain))
                estimate = site["estimated_total_duration_ns"]
                self.assertEqual(estimate, round(pfscript.ratio_estimate(CALLS, timed, certain)))
                low, high = site["estimated_total_interval_ns"]
                truth = sum(calls)
                self.assertTrue(low <= truth <= high, f"{truth} in {low} .. {high}")
                # Not by being wide: less than 5 % of the truth on either side.
                self.assertLess(high - low, 0.1 * truth)
                plain = CALLS * site["total_duration_ns"] / site["sampled_count"]
                self.assertGreater(plain, 1.3 * truth, "the run would not show a bias")

    def test_rate_one_in_between(self):
        """Calls timed at rate 1 count once each, whatever came before and comes after."""
        for pattern in ([3000], [1000, 2000, 9000, 4000]):
            with self.subTest(pattern=pattern):
                self.rate_one_in_between(pattern)

    def rate_one_in_between(self, pattern):
        paced = Paced(400, 0, SAMPLE_RATE="1", STACKS="off",
                      script="seed=1;fputs=" + pfscript.steps(pattern))
        sampler, timed = pfscript.Sampler(1), []
        calls = pfscript.repeated(pattern, 400)
        paced.until(100)
        observer = paced.observer()
        timed += [(1, ns) for ns in calls[:100] if sampler.call(1)]
        for rate, first, end in ((0.5, 100, 300), (1, 300, 400)):
            observer.rate(rate)
            sampler.new_rate(rate)
            paced.until(end)
            timed += [(1 / rate, ns) for ns in calls[first:end] if sampler.call(rate)]
        pf.finish(paced.run, paced.process)
        (site,) = [s for s in paced.run.only()["call_sites"] if s["message_count"] == 400]
        self.assertEqual(site["sampled_count"], len(timed))
        self.assertGreater(len(timed), 200)
        self.assertEqual(site["total_duration_ns"], sum(ns for _, ns in timed))
        estimate = site["estimated_total_duration_ns"]
        self.assertEqual(estimate, round(pfscript.ratio_estimate(400, timed, [])))
        self.assertLessEqual(site["total_duration_ns"], estimate)
        low, high = site["estimated_total_interval_ns"]
        self.assertTrue(low <= sum(calls) <= high, (low, sum(calls), high))
        if len(pattern) == 1:
            self.assertEqual(estimate, sum(calls))


if __name__ == "__main__":
    pf.main()
