# SPDX-License-Identifier: Apache-2.0
# How often the interval of an estimate holds the truth, where the calls of each run are drawn anew: the tables of
# docs/sampling.md.  The seeds are fixed, so that only a change of the estimator changes a figure; it is the
# number of runs that makes this too long for `make check` (test/preload/test-estimate.c has fewer).
import os
import subprocess

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf

LEAST, MOST, MOST_NEARLY_ALL = 0.92, 0.98, 0.99  # at rate 0.95 the untimed slow calls come in whole numbers


def rows(name, runs):
    """The table that a program of the build folder prints, as lists of words."""
    program = os.path.join(os.environ.get("PF_TARGETS") or os.path.join(pf.ROOT, "build/test"), name)
    out = subprocess.run([program, str(runs)], capture_output=True, check=True, text=True).stdout
    return [[word.strip() for word in line.strip("| ").split("|")] for line in out.splitlines()]


def by_law(lines):
    laws = {}
    for line in lines:
        laws.setdefault(line[0], []).append(line)
    return laws.items()


def measure_coverage(table):
    """Intervals of estimates that hold the truth, by law: the worst of each law's situations."""
    runs = len(table.rounds(500, 60))
    for law, lines in by_law(rows("test-estimate", runs)):
        printed = [(float(rate), float(covered) / 100, round(runs * (1 - float(refused) / 100)))
                   for _, _, _, rate, covered, _, refused in lines if covered != "-"]
        shares = [(covered, n) for _, covered, n in printed]
        if law == "fixed" or not shares:
            continue  # without spread it always does, which is asserted
        low, n = min(shares)
        table.share_at_least(f"{law}: least covered", round(low * n), n, LEAST)
        high, n = max((covered, n) for rate, covered, n in printed if rate < 0.9)
        table.share_at_most(f"{law}: most covered", round(high * n), n, MOST)
        high, n = max((covered, n) for rate, covered, n in printed if rate >= 0.9)
        table.share_at_most(f"{law}: most covered, 95 % timed", round(high * n), n, MOST_NEARLY_ALL)


def measure_coverage_of_several_rates(table):
    """The same where samplers change the rates while a program runs."""
    runs = len(table.rounds(300, 60))
    for law, lines in by_law(rows("test-weights", runs)):
        shares = [(float(line[4]) / 100, round(runs * (1 - float(line[6]) / 100))) for line in lines]
        low, n = min(shares)
        table.share_at_least(f"{law}: least covered", round(low * n), n, LEAST)
