#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Is "turning this line off saves 12 %" true?  Real programs are profiled; then they run without the line's
# calls (test/targets/liboff.c), and the CPU time that this saves is compared with the estimate.  CPU time, since
# their logs are in tmpfs, where no call waits, and since a busy machine does not change it.  Other findings are
# checked alike: a program follows their advice (test/targets/advice.c); that of a pipe is measured by wall
# time, since its reader saves some too.
#
# turn_off.py [ROUNDS [NAME...]] (make check-turn-off): 50 estimates of each program (whose name begins so), of 200
# runs; the exit status is 1 unless 90 % of them are within their interval, for each program that gives half
# as many, and there are three such.  On a busy machine there may not be: a finding asks for a tenth of the wall
# time.
#
# What a run costs is also a matter of who shares the core (docs/report.md, diff).  All runs are on one processor, except
# those of a pipe; estimates and measurements between which pfprof's yardstick moved there are told apart, and not counted.
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import pfharness as pf  # noqa: E402

PFPROF = os.environ.get("PF_COMMAND") or os.path.join(pf.ROOT, "build/lib/cli/pfprof")
RATE = os.environ.get("RATE", "0.2")
PAIRS = (5, 15)  # of runs with and without, one after the other, at least and at most; their median counts
EVEN = 4  # %: by what the yardstick may move, the mean of twelve readings; output moves by up to 2.5 times that
KNOWN = 0.03  # as soon as its standard error is no more than this part of it
PYTHON = """import logging, os
logging.basicConfig(level=os.environ.get("LEVEL", "DEBUG"))
for i in range(30000): logging.debug("step %d", i)"""
GAWK = """BEGIN { for (i = 0; i < 20000; i++) { for (k = 0; k < 10; k++) s += sqrt(k)
          if (!ENVIRON["QUIET"]) print "DEBUG: a step of the program" > "/dev/stderr" } }"""
DASH = """[ "$QUIET" ] || set -x; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); done"""

ALLOWED = os.sched_getaffinity(0)  # processors
FOLLOW = {"PF_FOLLOW": "1"}


def advice(*words):
    return lambda: [pf.build("advice"), *words]


# The finding, the program, what follows its advice, and how its user would switch the line off.
PROGRAMS = {
    "C, fprintf to a log": ("not-worth", lambda: [pf.build("habits"), "debug", "40000"], {"PF_OFF": "fprintf"}, None),
    "python3, logging": ("not-worth", lambda: ["/usr/bin/python3", "-c", PYTHON], {"PF_OFF": "write"}, {"LEVEL": "INFO"}),
    "gawk, print to stderr": ("not-worth", lambda: ["gawk", GAWK], {"PF_OFF": "fwrite_unlocked"}, {"QUIET": "1"}),
    "dash, set -x": ("not-worth", lambda: ["dash", "-c", DASH], {"PF_OFF": "write"}, {"QUIET": "1"}),
    "write of 28 B": ("tiny-writes", advice("write", "60000", "28"), FOLLOW, None),
    "write of 450 B": ("tiny-writes", advice("write", "60000", "450"), FOLLOW, None),
    "fputs, no buffer": ("tiny-writes", advice("unbuffered", "60000", "28"), FOLLOW, None),
    "fflush after 28 B": ("flush-per-line", advice("flush", "60000", "28"), FOLLOW, None),
    "fflush after 1500 B": ("flush-per-line", advice("flush", "60000", "1500"), FOLLOW, None),
    "fclose for each": ("flush-per-line", advice("reopen", "20000", "28"), FOLLOW, None),
    "pipe, 28 B": ("tiny-writes", advice("pipe", "60000", "28"), FOLLOW, None),
}


def run(argv, folder, extra):
    """Seconds that it took, of processors or of a clock."""
    env = {**os.environ, "PF_DIR": folder, "LD_PRELOAD": pf.build("liboff"), **extra}
    with open(os.path.join(folder, "err.log"), "wb") as err:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=err, check=True)
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


def unevenness(folder):
    """By what the machine's yardstick has moved since the profiled run, in %."""
    now = os.path.join(folder, "now.pfs")
    run([PFPROF, "run", "--library", pf.LIB, "--output", "none", "--save", now, "--", "/bin/echo"], folder, {})
    done = subprocess.run([PFPROF, "diff", "-f", "json", os.path.join(folder, "s.pfs"), now], capture_output=True, check=True)
    machine = json.loads(done.stdout)["machine"]
    return abs(float(machine["percent"])) if machine["is_known"] else 100


def measure(argv, folder, off):
    """ms that are saved, and the share of the CPU time."""
    pairs = []
    while len(pairs) < PAIRS[0] or len(pairs) < PAIRS[1] and not is_known([p[1] for p in pairs]):
        with_it = run(argv, folder, {})
        pairs.append((with_it, with_it - run(argv, folder, off)))
    return (statistics.median(p[1] for p in pairs) * 1000,
            100 * statistics.median(p[1] / p[0] for p in pairs))


def judge(name, rounds, folder):
    kind, make, off, switch = PROGRAMS[name]
    argv = make()
    os.sched_setaffinity(0, ALLOWED if "pipe" in argv else {min(ALLOWED)})
    within = said = tries = 0
    moody = [0, 0]  # of them within, all
    errors = []
    widths = []
    while said < rounds and tries < (4 if said else 1) * rounds:
        tries += 1
        guess = estimate(kind, argv, folder)
        if guess is None:
            continue
        uneven = unevenness(folder)
        real = measure(argv, folder, off)[0]
        right = guess[1] <= real <= guess[2]
        if max(uneven, unevenness(folder)) > EVEN:
            moody = [moody[0] + right, moody[1] + 1]
            continue
        said += 1
        within += right
        errors.append(100 * (guess[0] / real - 1))
        widths.append([100 * (limit / guess[0] - 1) for limit in guess[1:]])
        if os.environ.get("VERBOSE"):
            print(f"  {guess[0]:.1f} ms ({guess[1]:.1f} to {guess[2]:.1f}) measured {real:.1f}")
    share = measure(argv, folder, off)[1]
    whole = f"; its own switch saves {measure(argv, folder, switch)[1]:.0f} %" if switch else ""
    low, high = (statistics.median(w[i] for w in widths or [(0, 0)]) for i in (0, 1))
    print(f"{name:22} {within} of {said} within (the machine uneven: {moody[0]} of {moody[1]}), "
          f"{tries - said - moody[1]} without a finding; estimate less measured "
          f"{statistics.median(errors or [0]):+.0f} %, interval {low:+.0f} % to {high:+.0f} %; that is "
          f"{share:.0f} % of the time{whole}", flush=True)
    return within >= 0.9 * said if said >= 0.5 * rounds else None


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    folder = tempfile.mkdtemp(dir="/dev/shm", prefix="pf-off-")
    try:
        names = [n for n in PROGRAMS if n.startswith(tuple(sys.argv[2:]) or "")]
        fine = [judge(name, rounds, folder) for name in names if shutil.which(PROGRAMS[name][1]()[0])]
        fine = [f for f in fine if f is not None]
        print(f"load {os.getloadavg()[0]:.1f}; {sum(fine)} of {len(fine)} programs that gave estimates")
        return 0 if len(fine) >= min(3, len(names)) and all(fine) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
