# SPDX-License-Identifier: Apache-2.0
# What is found of real programs by the machine's own clock: in how many runs, and whether what is said there is so.
import contextlib
import os
import re
import shutil
import subprocess
import tempfile

import machinekit  # noqa: F401  (finds the others)
from sessionkit import Case, pf, SYSTEM_PYTHON

# Fits every program: what is slow here is slow for another reason.
HABITS = {
    "tiny": ("tiny-writes", 100000), "unbuffered": ("tiny-writes", 60000), "flush": ("flush-per-line", 60000),
    "sync": ("flush-per-line", 300), "lock": ("lock", 8000), "pipe": ("blocked", 400),
    "eagain": ("errors", 100000), "duplicates": ("duplicates", 100000), "debug": ("not-worth", 60000),
    "handler": ("signal-handler", 0), "short": ("short-writes", 200), "forked": ("fork-exec", 0),
    "full": ("errors", 40000), "dprintf": ("tiny-writes", 60000),
}
HEALTHY = (["buffered", "2000000"], ["batched", "2000"], ["quiet"], ["several", "4000"], ["batch", "400000"],
           ["report", "400000"], ["steadily", "40000"], ["whole", "200"], ["spawner"], ["polls", "4000"],
           ["woken", "20000"])


class Runs:
    """Programs that are run and looked at, in folders of their own."""

    def __init__(self):
        Case.setUpClass()
        self.case = Case()

    def report(self, *argv, **options):
        return self.case.report(self.case.record("measured", *argv, **options))

    def kinds(self, *argv, **options):
        return [f["kind"] for f in self.report(*argv, **options)["findings"]]

    def cxx(self, level="-O0"):
        path = os.path.join(self.case.folder, "endl" + level)
        if not os.path.exists(path):
            subprocess.run(["g++", level, "-g", os.path.join(pf.SOURCES, "endl.cc"), "-o", path], check=True)
        return path


@contextlib.contextmanager
def on_disk():
    """A sync costs nothing on tmpfs, where everything else is."""
    disk = tempfile.mkdtemp(dir="/var/tmp", prefix="pf-")
    try:
        yield {"PF_DIR": disk}
    finally:
        shutil.rmtree(disk)


def measure_habits(table):
    """Bad habits, each alone: in how many runs they are found."""
    runs = Runs()
    for name, (kind, count) in HABITS.items():
        hits = 0
        rounds = table.rounds(40)
        for _ in rounds:
            with on_disk() if name == "sync" else contextlib.nullcontext() as extra:
                hits += kind in runs.kinds(pf.build("habits"), name, count, extra=extra)
        table.share_at_least(f"habit {name}: runs with the finding", hits, len(rounds), 0.9)


def healthy_programs(runs):
    programs = [[pf.build("habits"), *rest] for rest in HEALTHY]
    if shutil.which("g++"):
        programs += [[runs.cxx(), "lines", "200000"]]
    # A shell of one thread may print between fork and exec.
    programs += [["bash", "-c", "for i in 1 2 3; do (printf 'hi\\n'; exec true); done"]]
    programs += [["seq", "1000000"], ["ls", "-lR", "/usr/lib"], ["find", "/usr/share"],
                 [SYSTEM_PYTHON, "-c", "for i in range(200000): print(i)"],
                 ["gawk", "BEGIN{for (i = 0; i < 500000; i++) print i}"],
                 ["sqlite3", ":memory:", "with recursive a(x) as (select 1 union all select x+1 "
                  "from a where x<100000) select x from a"]]
    return [program for program in programs if shutil.which(program[0])]


def measure_healthy_programs(table):
    """Nothing is found in programs that do as they should."""
    runs = Runs()
    wrong, n = {}, 0
    for program in healthy_programs(runs):
        for rate in ("1", "0.05"):
            for _ in table.rounds(5):
                n += 1
                for kind in runs.kinds(*program, rate=rate):
                    wrong[kind] = wrong.get(kind, 0) + 1
    said = ", ".join(f"{kind} {count}" for kind, count in sorted(wrong.items()))
    table.share_at_most("healthy programs: runs with a finding" + (f" ({said})" if said else ""),
                        min(sum(wrong.values()), n), n, 0.05)


def measure_storm(table):
    """A log storm: found, and with its line, its beginning, its size and its peak."""
    runs = Runs()
    found = right = 0
    rounds = table.rounds(15)
    for _ in rounds:
        report = runs.report(pf.build("habits"), "storm", 40000)
        storm = next((f for f in report["findings"] if f["kind"] == "storm"), None)
        found += storm is not None
        right += storm is not None and is_that_storm(report, storm)
    table.share_at_least("storm: runs with the finding", found, len(rounds), 0.75)
    table.share_at_least("storm: of those, what is said is so", right, found, 0.75)


def is_that_storm(report, storm):
    """By what the program does: it waits 101 times 20 ms before; its usual 300 lines may fall into the same bins."""
    number = lambda text: int(text.replace(" ", ""))
    told = re.search(r", ([0-9.]+) s after the start: ([0-9 ]+) of [0-9 ]+ calls are log lines; 2 threads, ", storm["evidence"])
    rates = re.search(r"up to ([0-9 ]+) output calls a second, where ([0-9 ]+) are", storm["title"])
    if told is None or rates is None:
        return False
    peak, usual = map(number, rates.groups())
    width = report["timeline"]["bin_seconds"]
    return ("in stormer" in storm["place"] and 1.9 < float(told[1]) < 6 and 30000 < number(told[2]) <= 40300 and
            usual < 60 and abs(peak - max(report["timeline"]["calls"]) / width) <= 1 + 0.1 / width and
            0 < storm["saved_calls"] <= 40300)


def measure_endl(table):
    """std::endl: found as such, at the program's line, inlined too."""
    if shutil.which("g++") is None:
        table.skip("endl", "g++ is not installed")
        return
    runs = Runs()
    for how, level in (("cout", "-O0"), ("file", "-O0"), ("cout", "-O2"), ("file", "-O2")):
        hits = 0
        rounds = table.rounds(15)
        for _ in rounds:
            found = runs.report(runs.cxx(level), how, 150000)["findings"]
            hits += [f["kind"] for f in found] == ["endl"] and re.search(r"endl\.cc:\d+ in say", found[0]["place"]) is not None
        table.share_at_least(f"endl {how} {level}: runs with that finding alone", hits, len(rounds), 0.75)


def measure_syncs_at_the_default_rate(table):
    """Syncs are timed always, so they are found at rate 0.01."""
    runs = Runs()
    hits = 0
    rounds = table.rounds(15)
    for _ in rounds:
        with on_disk() as extra:
            hits += runs.kinds(pf.build("habits"), "sync", 300, rate="0.01", extra=extra) == ["flush-per-line"]
    table.share_at_least("syncs at rate 0.01: runs with that finding alone", hits, len(rounds), 0.75)


def measure_thread_that_ends_early(table):
    """What its lines cost is a part of the run, not of its life."""
    runs = Runs()
    hits = 0
    rounds = table.rounds(15)
    for _ in rounds:
        report = runs.report(pf.build("habits"), "worker", 1500000)
        found = [f for f in report["findings"] if f["kind"] == "not-worth"]
        wall = report["metrics"]["uptime_seconds"] * 1e9
        hits += (len(found) == 1 and found[0]["wall_percent"] < 50 and
                 abs(found[0]["wall_percent"] - 100 * found[0]["saved_ns"] / wall) <= 0.1)
    table.share_at_least("a thread that ends early: runs with its share of the wall", hits, len(rounds), 0.75)


def only(report, kind):
    """The finding, where it is the only one and of that kind."""
    found = report["findings"]
    return found[0] if [f["kind"] for f in found] == [kind] else None


def has_width(report, words, kind):
    """Limits on both sides, near what the calls took: their aftermath is at most half of that, and what a reopened file
    takes is not timed."""
    f = only(report, kind)
    if f is None or "advice.c" not in f["place"] or f["thread_count"] != 1:
        return False
    part = next(s for s in report["call_sites"] + report["flush_sites"]
                if s["function"] in f["title"] or kind == "tiny-writes")
    reopened = words[0] == "reopen"
    return (0 < f["saved_low_ns"] < 0.95 * f["saved_ns"] and 1.05 * f["saved_ns"] < f["saved_high_ns"] and
            0 < f["wall_percent"] <= 100 and
            f["saved_low_ns"] < (1.3 if reopened else 1) * part["total_duration_ns"] and
            f["saved_high_ns"] < (4.3 if reopened else 1.1) * 1.5 * part["total_duration_ns"])


def measure_limits_of_advice(table):
    """No estimate is without width, even where each call was timed: it is of another run."""
    runs = Runs()
    for words, kind in ((("write", 60000, 28), "tiny-writes"), (("flush", 60000, 1500), "flush-per-line"),
                        (("reopen", 20000, 28), "flush-per-line")):
        rounds = table.rounds(15)
        hits = sum(has_width(runs.report(pf.build("advice"), *words), words, kind) for _ in rounds)
        table.share_at_least(f"advice {words[0]}: runs with sound limits", hits, len(rounds), 0.75)


def is_of_twenty(report):
    f = only(report, "tiny-writes")
    return f is not None and f["saved_calls"] > 59000 and " and 19 more, " in f["evidence"]


def is_of_four(report):
    """What they save together may be more than the wall time, not more than theirs."""
    f = only(report, "tiny-writes")
    lived = 1e9 * sum(t["wall_seconds"] for t in report["threads"] if t["message_count"] > 0)
    wall = report["metrics"]["uptime_seconds"] * 1e9
    together = lived > 1.01 * wall
    return (f is not None and f["thread_count"] == (4 if together else 1) and f["wall_percent"] <= 100 and
            abs(f["wall_percent"] - 100 * f["saved_ns"] / (lived if together else wall)) <= 0.5)


def measure_files_and_threads(table):
    """One line of many files, four threads with a file each, and many small files, which nobody can gather."""
    runs = Runs()
    rounds = table.rounds(15)
    hits = sum(is_of_twenty(runs.report(pf.build("advice"), "files", 60000, 40)) for _ in rounds)
    table.share_at_least("one line of twenty files: runs with that finding", hits, len(rounds), 0.75)
    hits = sum(is_of_four(runs.report(pf.build("advice"), "threads", 200000, 40)) for _ in rounds)
    table.share_at_least("four threads: runs with their share of the time", hits, len(rounds), 0.75)
    hits = sum(runs.kinds(pf.build("advice"), "small", 3000, 60) != [] for _ in rounds)
    table.share_at_most("many small files: runs with a finding", hits, len(rounds), 0.25)


def is_beside_a_reader(report):
    """Where the reader is, and whether it sleeps, decides what a write takes: the limits allow for that."""
    found = [f for f in report["findings"] if f["kind"] == "tiny-writes"]
    wall = report["metrics"]["uptime_seconds"] * 1e9
    return (len(found) == 1 and 0 < found[0]["saved_low_ns"] < 0.65 * found[0]["saved_ns"] and
            found[0]["saved_high_ns"] > min(1.5 * found[0]["saved_ns"], 0.95 * wall))


def is_beside_strangers(report):
    """Where it was a stranger who ran, nothing of that time is saved; where it was the reader, all of it."""
    found = [f for f in report["findings"] if f["kind"] == "tiny-writes"]
    why = max(report["streams"], key=lambda s: s["message_count"])["why"]
    flush, blocked = why["flush"], why["blocked"]
    if len(found) != 1 or found[0]["saved_low_ns"] >= flush["total_duration_ns"]:
        return False
    makes_way = 1000 < blocked["count"] and blocked["total_duration_ns"] < 100e3 * blocked["count"]
    return not makes_way or found[0]["saved_high_ns"] > 0.9 * (flush["total_duration_ns"] + blocked["total_duration_ns"])


def measure_pipes(table):
    """Short writes into a pipe: with a reader, and with strangers on the same processor."""
    runs = Runs()
    rounds = table.rounds(15)
    hits = sum(is_beside_a_reader(runs.report(pf.build("advice"), "pipe", 60000, 28)) for _ in rounds)
    table.share_at_least("a pipe: runs whose limits allow for its reader", hits, len(rounds), 0.75)
    cpu = str(min(os.sched_getaffinity(0)))
    hogs = [subprocess.Popen(["taskset", "-c", cpu, "sh", "-c", "while :; do :; done"]) for _ in range(2)]
    try:
        hits = sum(is_beside_strangers(runs.report("taskset", "-c", cpu, pf.build("advice"), "pipe", 60000, 28))
                   for _ in rounds)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    table.share_at_least("a pipe beside strangers: runs with limits from what is certain to all of it",
                         hits, len(rounds), 0.75)
