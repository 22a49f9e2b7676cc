#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs foreign programs and test suites bare and under the library, and compares case by case.

With --quick every case runs once in each mode, and none may be other than bare.  Otherwise what other
people's suites decide by time is told apart: a case that is not as bare is run again, bare and at that
rate, until there are three of each:
  - bare it was not always the same            flaky: named, no difference
  - under us it was not as bare once of three  unsteady: named with its numbers, no difference
  - twice or three times of three              a difference: the exit status is 1
"""
import argparse
import concurrent.futures
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import nginx_suite
import perl_suite
import python_suite
import redis_suite
import shell_suites
import stress_suite
from world import BARE, FAIL, PASS, RATES, SKIP, Missing, Verdict, World

# Each has `groups(quick)`: {group: function(world, cases or None) -> {case: Verdict}}.
SUITES = {
    "python": python_suite.groups,
    "stress-ng": stress_suite.groups,
    "perl": perl_suite.groups,
    "pipelines": shell_suites.pipelines,
    "git": shell_suites.git,
    "sqlite3": shell_suites.sqlite3,
    "redis": redis_suite.groups,
    "nginx": nginx_suite.groups,
}
ABSENT = Verdict("absent")


class Group:
    """What is run together: some cases of a suite, in every mode."""

    def __init__(self, suite, name, function):
        self.suite, self.name, self.function = suite, name, function
        self.runs = {}  # mode: [{case: Verdict}, ...]
        self.seconds = 0.0

    def run(self, mode, library, cases=None):
        begun = time.monotonic()
        with World(mode, library) as world:
            try:
                result = self.function(world, cases)
            except Missing:
                raise
            except Exception as error:  # a suite that breaks is a case that failed
                result = {"(the run)": Verdict(FAIL, f"{type(error).__name__}: {error}")}
        self.seconds += time.monotonic() - begun
        self.runs.setdefault(mode, []).append(result)

    def verdicts(self, mode, case):
        # The first run has every case; later ones only those that were asked for.
        first, *others = self.runs.get(mode, [{}])
        return [first.get(case, ABSENT)] + [run[case] for run in others if case in run]

    def cases(self):
        return sorted({case for runs in self.runs.values() for run in runs for case in run})

    def differing(self, rate):
        return [c for c in self.cases() if self.verdicts(rate, c)[0] != self.verdicts(BARE, c)[0]]


def judge(group, rate, case):
    """None (the same), or flaky, unsteady or difference, and the words for it."""
    bare, ours = group.verdicts(BARE, case), group.verdicts(rate, case)
    off = [verdict for verdict in ours if verdict != bare[0]]
    if not off:
        return None
    words = f"{group.name} {case} at {rate}: bare {bare[0]}, here {off[0]}"
    if len(set(bare)) > 1:
        return "flaky", f"{words} (bare was also {next(v for v in bare if v != bare[0])})"
    kind = "unsteady" if len(ours) >= 3 and len(off) < 2 else "difference"
    return kind, f"{words} ({len(off)} of {len(ours)} times, bare 0 of {len(bare)})"


def run_all(groups, modes, library, options, progress):
    """Every group in every mode; then, unless it is to be quick, again what is not as bare.  {suite: why it cannot run}."""
    missing = {}

    def one(group, mode, cases=None):
        if group.suite in missing:
            return
        try:
            group.run(mode, library, cases)
        except Missing as why:
            missing[group.suite] = str(why)
        progress(f"{group.suite} {group.name} {mode}")

    def wave(jobs):
        with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
            for done in [pool.submit(one, *job) for job in jobs]:
                done.result()

    # A group's three runs are spread out, so that two of them seldom run side by side.
    wave([(group, mode) for mode in modes for group in groups])
    for _ in range(0 if options.quick else 2):
        jobs = []
        for group in groups:
            off = {rate: group.differing(rate) for rate in modes if rate != BARE}
            again = sorted({case for cases in off.values() for case in cases})
            if again and group.suite not in missing:
                jobs.append((group, BARE, again))
                jobs += [(group, rate, cases) for rate, cases in off.items() if cases]
        wave(jobs)
    return missing


def table(groups, rates, missing, seconds):
    """Prints the table; returns how many differences there are."""
    line = "{:<11}{:>7}{:>7}{:>6}{:>6}" + "{:>12}" * len(rates) + "{:>7}{:>9}"
    print(line.format("suite", "cases", "pass", "fail", "skip", *(f"diff {r}" for r in rates),
                      "flaky", "seconds"))
    differences, named = 0, []
    for suite in dict.fromkeys(group.suite for group in groups):
        if suite in missing:
            print(f"{suite:<11}  skipped: {missing[suite]}")
            continue
        own = [group for group in groups if group.suite == suite]
        kinds = {PASS: 0, FAIL: 0, SKIP: 0}
        off, flaky = dict.fromkeys(rates, 0), set()
        cases = 0
        for group in own:
            for case in group.cases():
                cases += 1
                kind = group.verdicts(BARE, case)[0].kind
                kinds[kind] = kinds.get(kind, 0) + 1
                for rate in rates:
                    verdict = judge(group, rate, case)
                    if verdict is None:
                        continue
                    named.append((verdict[0], suite, verdict[1]))
                    if verdict[0] == "difference":
                        off[rate] += 1
                    else:
                        flaky.add((group.name, case))
        differences += sum(off.values())
        print(line.format(suite, cases, kinds[PASS], kinds[FAIL], kinds[SKIP],
                          *(off[rate] for rate in rates), len(flaky),
                          f"{sum(group.seconds for group in own):.0f}"))
    for kind, suite, words in sorted(set(named)):
        print(f"{kind}: {suite} {words}")
    print(f"{differences} differences, {seconds:.0f} s")
    return differences


def main():
    parser = argparse.ArgumentParser(description="foreign suites bare and under libpfprof.so")
    parser.add_argument("--lib", default=os.environ.get("PF_LIB"), help="libpfprof.so")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="a suite, or SUITE/GROUP; can be given more than once")
    parser.add_argument("--quick", action="store_true", help="the short part of each, rate 1.0 only, once")
    parser.add_argument("--rate", action="append", help="instead of 1.0 and 0.01")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--list", action="store_true", help="name the groups and end")
    parser.add_argument("--verbose", action="store_true", help="say what has been run")
    options = parser.parse_args()
    groups, missing = [], {}
    for suite, make in SUITES.items():
        wanted = [o for o in options.only or [suite] if o.split("/")[0] == suite]
        if not wanted:
            continue
        for name, function in make(options.quick and not options.only).items():
            if suite in wanted or f"{suite}/{name}" in wanted:
                groups.append(Group(suite, name, function))
    if not groups:
        parser.error(f"nothing is called {options.only}; suites: {' '.join(SUITES)}")
    if options.list:
        print("\n".join(f"{group.suite}/{group.name}" for group in groups))
        return 0
    if not options.lib or not os.path.exists(options.lib):
        parser.error("--lib: there is no library")
    rates = tuple(options.rate or (RATES[:1] if options.quick else RATES))
    begun = time.monotonic()
    progress = (lambda words: print(words, file=sys.stderr)) if options.verbose else (lambda _: None)
    missing = run_all(groups, (BARE, *rates), os.path.abspath(options.lib), options, progress)
    differences = table(groups, rates, missing, time.monotonic() - begun)
    if differences:
        return 1
    # Nothing could be compared at all: said, not passed over.
    return 77 if len(missing) == len({group.suite for group in groups}) else 0


if __name__ == "__main__":
    sys.exit(main())
