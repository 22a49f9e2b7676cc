# SPDX-License-Identifier: Apache-2.0
# Rates that change every 10 ms, with latencies that change along, of a program whose own clock tells the truth.
import time

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf
from test_rates import Paced

REGIMES = ((0.05, 4), (0.5, 40), (0.1, 6), (1, 50), (0.02, 4))
CALLS = 30000


def run_once():
    """(what all calls took by the target's clock, the site's row)."""
    paced = Paced(CALLS, REGIMES[0][1], SAMPLE_RATE="0.05")
    paced.until(1)
    observer = paced.observer()
    paced.words[1] = CALLS
    changes = 0
    while paced.process.poll() is None:
        rate, microseconds = REGIMES[changes % len(REGIMES)]
        observer.rate(rate)
        paced.words[0] = microseconds
        changes += 1
        time.sleep(0.01)
    pf.finish(paced.run, paced.process, timeout=300)
    (site,) = [s for s in paced.run.only()["call_sites"] if s["message_count"] == CALLS]
    return int(paced.run.stdout), site


def measure_estimates_while_rates_change(table):
    """regimes: the truth and the estimate, and what the plain mean of the timed calls would have said."""
    off, covered, plain, runs = [], 0, [], 0
    for _ in table.rounds(40):
        truth, site = run_once()
        low, high = site["estimated_total_interval_ns"]
        off.append(abs(site["estimated_total_duration_ns"] - truth) / ((high - low) / 2))
        covered += low <= truth * 1.01 and truth * 0.99 <= high
        plain.append(CALLS * site["total_duration_ns"] / site["sampled_count"] / truth)
        runs += 1
    table.at_most("estimate apart from the target's own clock, in half-widths of its interval", off, 1)
    table.share_at_least("estimates less than three half-widths apart", sum(o < 3 for o in off), runs, 0.95)
    table.share_at_least("intervals that hold it within 1 %", covered, runs, 0.95)
    table.at_least("the plain mean, in parts of the truth", plain, 1.3)
