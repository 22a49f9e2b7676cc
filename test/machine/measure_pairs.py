# SPDX-License-Identifier: Apache-2.0
# What `pfprof diff` says of runs of real programs: nothing where nothing has changed, and a tenth more where it has.
import json
import os
import shutil
import subprocess
import tempfile

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf
from clikit import PFPROF

PYTHON = ("import logging, os; logging.basicConfig(filename=os.environ['PF_DIR'] + '/py.log', level=10)\n"
          "for i in range(1500): logging.debug('step %d', i)")
FALSE = 0.05  # of comparisons without a change
FOUND = 0.9  # of those with one
GATE = ("--fail-on", "site.cost>+0%,site.cost<-0%,total.cost>+0%,total.cost<-0%")


class Bench:
    """A folder for runs, and busy loops beside them."""

    def __init__(self, busy=0):
        self.busy = busy

    def __enter__(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="pf-pairs-", dir=base)
        self.hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(self.busy)]
        return self

    def __exit__(self, *_):
        for hog in self.hogs:
            hog.kill()
            hog.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def record(self, name, *argv):
        path = os.path.join(self.folder, name + ".pfs")
        subprocess.run([PFPROF, "run", "--library", pf.LIB, "--rate", "1", "--output", "none", "--save", path, "--",
                        *map(str, argv)], env={**os.environ, "PF_DIR": self.folder}, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        return path

    def diff(self, *arguments):
        done = subprocess.run([PFPROF, "diff", *arguments], capture_output=True, check=False)
        if done.returncode not in (0, 1):
            raise AssertionError(f"{arguments}: {done.stderr[-500:]!r}")
        return done


def programs():
    """Real work, which differs from run to run."""
    return [[pf.build("habits"), "tiny", 3000], [pf.build("habits"), "debug", 3000], ["/usr/bin/python3", "-c", PYTHON]]


def same_pairs(table, busy):
    works = programs()
    alarms = count = 0
    with Bench(busy) as bench:
        for i in table.rounds(200, 2):
            count += 1
            alarms += bench.diff(*GATE, *(bench.record(side, *works[i % len(works)]) for side in "ab")).returncode
    table.share_at_most("pairs that alarm", alarms, count, FALSE)


def measure_two_runs_of_the_same(table):
    """A change that diff sees between two runs of the same program."""
    same_pairs(table, 0)


def measure_two_runs_of_the_same_beside_busy_loops(table):
    """The same with four busy loops beside."""
    same_pairs(table, 4)


def measure_five_runs_against_five(table):
    """Five runs against five of the same, and of one whose line takes a tenth more; four busy loops beside."""
    alarms = found = count = 0
    with Bench(4) as bench:
        for _ in table.rounds(50):
            count += 1
            runs = [bench.record(f"r{k}", *programs()[1]) for k in range(10)]
            alarms += bench.diff(*GATE, *runs[::2], "vs", *runs[1::2]).returncode
            slow = [[bench.record(f"{side}{k}", pf.build("steady"), 400, ns) for k in range(5)]
                    for side, ns in (("o", 10000), ("n", 11000))]
            done = bench.diff("-f", "json", "--fail-on", "site.cost>+5%", *slow[0], "vs", *slow[1])
            places = [f["place"].split(" in ")[-1] for f in json.loads(done.stdout)["failures"]]
            found += places == ["beta"]
    table.share_at_most("fives of the same that alarm", alarms, count, FALSE)
    table.share_at_least("fives with a tenth more that are told", found, count, FOUND)


def measure_a_tenth_more(table):
    """One run against one, of which one line takes a tenth more, with --noise 3."""
    found = count = 0
    with Bench() as bench:
        for _ in table.rounds(50):
            count += 1
            pair = [bench.record(side, pf.build("steady"), 400, ns) for side, ns in (("a", 10000), ("b", 11000))]
            found += bench.diff("--noise", "3", "--fail-on", "site.cost>+5%", *pair).returncode
    table.share_at_least("pairs with a tenth more that are told", found, count, FOUND)
