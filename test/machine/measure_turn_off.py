# SPDX-License-Identifier: Apache-2.0
# Is "turning this line off saves 12 %" true?  Real programs are profiled; then they run without the line's calls
# (test/targets/liboff.c), and the CPU time that this saves is compared with the estimate.  CPU time, since their
# logs are in tmpfs, where no call waits.  Other findings are checked alike: a program follows their advice
# (test/targets/advice.c); that of a pipe is measured by wall time, since its reader saves some too.
#
# What a run costs is also a matter of who shares the core (docs/report.md, diff).  All runs are on one processor,
# except those of a pipe.  Every estimate counts, also where a neighbour came or went before the measurement.
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf
from clikit import PFPROF

ROUNDS = 50
RATE = "0.2"
BAR = 0.9  # of the estimates, whose limits are said to hold the truth
PAIRS = (5, 15)  # of runs with and without, one after the other, at least and at most; their median counts
KNOWN = 0.03  # as soon as its standard error is no more than this part of it
PYTHON = """import logging
logging.basicConfig(level="DEBUG")
for i in range(30000): logging.debug("step %d", i)"""
GAWK = """BEGIN { for (i = 0; i < 20000; i++) { for (k = 0; k < 10; k++) s += sqrt(k)
          print "DEBUG: a step of the program" > "/dev/stderr" } }"""
DASH = "set -x; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); done"

ALLOWED = os.sched_getaffinity(0)  # processors
FOLLOW = {"PF_FOLLOW": "1"}


def advice(*words):
    return [pf.build("advice"), *words]


# The program, and what follows the advice of the finding.
NOT_WORTH = {
    "C, fprintf to a log": (lambda: [pf.build("habits"), "debug", "40000"], {"PF_OFF": "fprintf"}),
    "python3, logging": (lambda: ["/usr/bin/python3", "-c", PYTHON], {"PF_OFF": "write"}),
    "gawk, print to stderr": (lambda: ["gawk", GAWK], {"PF_OFF": "fwrite_unlocked"}),
    "dash, set -x": (lambda: ["dash", "-c", DASH], {"PF_OFF": "write"}),
}
TINY_WRITES = {
    "write of 28 B": (lambda: advice("write", "60000", "28"), FOLLOW),
    "write of 450 B": (lambda: advice("write", "60000", "450"), FOLLOW),
    "fputs, no buffer": (lambda: advice("unbuffered", "60000", "28"), FOLLOW),
    "pipe, 28 B": (lambda: advice("pipe", "60000", "28"), FOLLOW),
}
FLUSHES = {
    "fflush after 28 B": (lambda: advice("flush", "60000", "28"), FOLLOW),
    "fflush after 1500 B": (lambda: advice("flush", "60000", "1500"), FOLLOW),
    "fclose for each": (lambda: advice("reopen", "20000", "28"), FOLLOW),
}


def run(argv, folder, extra):
    """Seconds that it took, of processors or of a clock."""
    env = {**os.environ, "PF_DIR": folder, "LD_PRELOAD": pf.build("liboff"), **extra}
    processors = ALLOWED if "pipe" in argv else {min(ALLOWED)}
    with open(os.path.join(folder, "err.log"), "wb") as err:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=err, check=True,
                       preexec_fn=lambda: os.sched_setaffinity(0, processors))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if "pipe" in argv:
            return time.monotonic() - start
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def estimate(kind, argv, folder):
    """What the finding says: ms and limits.  None: there is no finding."""
    path = os.path.join(folder, "s.pfs")
    run([PFPROF, "run", "--library", pf.LIB, "--rate", RATE, "--output", "none", "--save", path, "--", *argv], folder, {})
    report = json.loads(subprocess.run([PFPROF, "report", "--json", path], capture_output=True, check=True).stdout)
    found = [f for f in report["findings"] if f["kind"] == kind]
    return [found[0][k] / 1e6 for k in ("saved_ns", "saved_low_ns", "saved_high_ns")] if found else None


def is_known(values):
    """Whether the median is; its error by the median deviation, which a burst of one run does not move."""
    middle = statistics.median(values)
    error = 1.25 * 1.48 * statistics.median(abs(v - middle) for v in values) / len(values) ** 0.5
    return error <= KNOWN * abs(middle)


def saved(argv, folder, off):
    """ms: the median of pairs of runs."""
    pairs = []
    while len(pairs) < PAIRS[0] or (len(pairs) < PAIRS[1] and not is_known(pairs)):
        with_it = run(argv, folder, {})
        pairs.append(1000 * (with_it - run(argv, folder, off)))
    return statistics.median(pairs)


def judge(table, kind, programs):
    folder = tempfile.mkdtemp(dir="/dev/shm", prefix="pf-off-")
    try:
        for name, (make, off) in programs.items():
            argv = make()
            if shutil.which(argv[0]) is None:
                table.skip(name, f"{argv[0]} is not installed")
                continue
            within = said = 0
            for _ in table.rounds(ROUNDS):
                guess = estimate(kind, argv, folder)
                if guess is not None:
                    said += 1
                    within += guess[1] <= saved(argv, folder, off) <= guess[2]
            if said > 0:
                table.share_at_least(f"{name}: within the limits", within, said, BAR)
            else:  # a finding asks for a tenth of the wall time, which a busy machine may take
                table.skip(f"{name}: within the limits", "no run had the finding")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_lines_left_out(table):
    """What leaving a line out saves, against what the finding said (a quarter of an hour)."""
    judge(table, "not-worth", NOT_WORTH)


def measure_writes_joined(table):
    """What joining small writes saves, against what the finding said."""
    judge(table, "tiny-writes", TINY_WRITES)


def measure_flushes_left_out(table):
    """What flushing less saves, against what the finding said."""
    judge(table, "flush-per-line", FLUSHES)
