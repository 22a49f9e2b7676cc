#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Findings: bad habits are found, healthy programs have none.
import json
import os
import re
import shutil
import subprocess
import tempfile

from sessionkit import Case, command, pf, SYSTEM_PYTHON

# Fits every program: what is slow here is slow for another reason.
HABITS = {
    "tiny": ("tiny-writes", 100000), "unbuffered": ("tiny-writes", 60000), "flush": ("flush-per-line", 60000),
    "sync": ("flush-per-line", 300), "lock": ("lock", 8000), "pipe": ("blocked", 400),
    "eagain": ("errors", 100000), "duplicates": ("duplicates", 100000), "debug": ("not-worth", 60000),
    "handler": ("signal-handler", 0), "short": ("short-writes", 200), "storm": ("storm", 40000), "forked": ("fork-exec", 0),
    "full": ("errors", 40000), "dprintf": ("tiny-writes", 60000),
}
HEALTHY = (["buffered", "2000000"], ["batched", "2000"], ["quiet"], ["several", "4000"], ["batch", "400000"],
           ["report", "400000"], ["steadily", "40000"], ["whole", "200"], ["spawner"], ["polls", "4000"],
           ["woken", "20000"])


class Findings(Case):
    def cxx(self, name, level="-O0"):
        path = os.path.join(self.folder, name + level)
        if not os.path.exists(path):
            if shutil.which("g++") is None:
                self.skipTest("g++ is not installed")
            subprocess.run(["g++", level, "-g", os.path.join(pf.SOURCES, name + ".cc"), "-o", path], check=True)
        return path

    def kinds(self, name, *argv, **options):
        return [f["kind"] for f in self.report(self.record(name, *argv, **options))["findings"]]

    def assert_columns(self, path):
        text = command("report", path).stdout.decode()
        findings = text[text.index("\n  ! "):].splitlines()
        self.assertEqual([line for line in findings if len(line) > 80], [])

    def test_habits(self):
        for name, (kind, count) in HABITS.items():
            with self.subTest(name):
                # A sync costs nothing on tmpfs, where everything else is.
                disk = tempfile.mkdtemp(dir="/var/tmp", prefix="pf-") if name == "sync" else None
                try:
                    extra = {"PF_DIR": disk} if disk else None
                    path = self.record(name, pf.build("habits"), name, count, extra=extra)
                    self.assertIn(kind, [f["kind"] for f in self.report(path)["findings"]])
                    self.assert_columns(path)
                finally:
                    shutil.rmtree(disk or "", ignore_errors=True)

    def test_what_fails_is_not_tiny(self):
        self.assertEqual(self.kinds("eagain", pf.build("habits"), "eagain", 100000), ["errors"])
        program = "import os\nfor i in range(100000):\n    try: os.write(99, b'x')\n    except OSError: pass"
        self.assertEqual(self.kinds("closed", SYSTEM_PYTHON, "-c", program), ["errors"])

    def test_syncs_at_the_default_rate(self):
        """They are timed always, since they are rare and long; at rate 0 nothing is."""
        disk = tempfile.mkdtemp(dir="/var/tmp", prefix="pf-")
        try:
            for rate, kinds in (("0.01", ["flush-per-line"]), ("0", [])):
                report = self.report(self.record("syncs", pf.build("habits"), "sync", 300, rate=rate, extra={"PF_DIR": disk}))
                (sync,) = [f for f in report["flushes"] if f["name"] == "fsync"]
                self.assertEqual((sync["message_count"], sync["sampled_count"]), (300, 300 if kinds else 0))
                self.assertEqual([f["kind"] for f in report["findings"]], kinds)
        finally:
            shutil.rmtree(disk)

    def test_storm(self):
        """When it began, how high it rose, which line, how many threads: by what the program does."""
        path = self.record("storm", pf.build("habits"), "storm", 40000)
        report = self.report(path)
        storm = next(f for f in report["findings"] if f["kind"] == "storm")
        self.assertIn("in stormer", storm["place"])
        began, lines = re.search(r", ([0-9.]+) s after the start: ([0-9 ]+) of [0-9 ]+ calls are log lines; 2 threads, ", storm["evidence"]).groups()
        self.assertTrue(1.9 < float(began) < 6, storm["evidence"])  # it waits 101 times 20 ms before
        # The program's usual 300 lines may fall into the same bins.
        self.assertTrue(30000 < int(lines.replace(" ", "")) <= 40300, storm["evidence"])
        peak, usual = (int(n.replace(" ", "")) for n in re.search(r"up to ([0-9 ]+) output calls a second, where ([0-9 ]+) are", storm["title"]).groups())
        self.assertLess(usual, 60)
        width = report["timeline"]["bin_seconds"]
        self.assertAlmostEqual(peak, max(report["timeline"]["calls"]) / width, delta=1 + 0.1 / width)
        self.assertTrue(0 < storm["saved_calls"] <= 40300)

    def test_endl(self):
        """Inlined too: what is the library's own is not to blame, wherever it was compiled."""
        for how, level in (("cout", "-O0"), ("file", "-O0"), ("cout", "-O2"), ("file", "-O2")):
            with self.subTest(how, level=level):
                program = self.cxx("endl", level)
                found = self.report(self.record("endl", program, how, 150000))["findings"]
                self.assertEqual([f["kind"] for f in found], ["endl"])
                self.assertRegex(found[0]["place"], r"endl\.cc:\d+ in say")
                self.assertIn("std::endl", found[0]["next_step"])

    def test_healthy(self):
        programs = [[pf.build("habits"), *rest] for rest in HEALTHY]
        if shutil.which("g++"):
            programs += [[self.cxx("endl"), "lines", "200000"]]
        # A shell of one thread may print between fork and exec.
        programs += [["bash", "-c", "for i in 1 2 3; do (printf 'hi\\n'; exec true); done"]]
        programs += [["seq", "1000000"], ["ls", "-lR", "/usr/lib"], ["find", "/usr/share"],
                     [SYSTEM_PYTHON, "-c", "for i in range(200000): print(i)"],
                     ["gawk", "BEGIN{for (i = 0; i < 500000; i++) print i}"],
                     ["sqlite3", ":memory:", "with recursive a(x) as (select 1 union all select x+1 "
                      "from a where x<100000) select x from a"]]
        for program in programs:
            if shutil.which(program[0]):
                for rate in ("1", "0.05"):
                    with self.subTest(program, rate=rate):
                        self.assertEqual(self.kinds("healthy", *program, rate=rate), [])

    def test_of_the_wall(self):
        """A thread that ends early: what its lines cost is a part of the run, not of its life."""
        report = self.report(self.record("worker", pf.build("habits"), "worker", 1500000))
        found = [f for f in report["findings"] if f["kind"] == "not-worth"]
        self.assertEqual(len(found), 1)
        wall = report["metrics"]["uptime_seconds"] * 1e9
        self.assertAlmostEqual(found[0]["wall_percent"], 100 * found[0]["saved_ns"] / wall, delta=0.1)
        self.assertLess(found[0]["wall_percent"], 50)

    def advice(self, *words, prefix=(), **options):
        """The only finding, and all that is reported."""
        report = self.report(self.record("advice", *prefix, pf.build("advice"), *words, **options))
        self.assertEqual(len(report["findings"]), 1, report["findings"])
        return report["findings"][0], report

    def test_sound(self):
        """No estimate is without width, even where each call was timed: it is of another run."""
        for words, kind in ((("write", 60000, 28), "tiny-writes"), (("flush", 60000, 1500), "flush-per-line"),
                            (("reopen", 20000, 28), "flush-per-line")):
            with self.subTest(words):
                f, report = self.advice(*words)
                self.assertEqual(f["kind"], kind)
                self.assertIn("advice.c", f["place"])
                self.assertTrue(0 < f["saved_low_ns"] < 0.95 * f["saved_ns"] and 1.05 * f["saved_ns"] < f["saved_high_ns"], f)
                self.assertTrue(0 < f["wall_percent"] <= 100 and f["thread_count"] == 1, f)
                # What the calls took; their aftermath, at most half of it; opening what was closed.
                part = next(s for s in report["call_sites"] + report["flush_sites"] if s["function"] in f["title"] or kind == "tiny-writes")
                self.assertLess(f["saved_low_ns"], (1.3 if words[0] == "reopen" else 1) * part["total_duration_ns"])
                self.assertLess(f["saved_high_ns"], (4.3 if words[0] == "reopen" else 1.1) * 1.5 * part["total_duration_ns"])

    def test_one_line_of_many_files(self):
        f, report = self.advice("files", 60000, 40)
        self.assertEqual((f["kind"], f["saved_calls"] > 59000), ("tiny-writes", True))
        self.assertIn(" and 19 more, ", f["evidence"])
        self.assertEqual(len([s for s in report["streams"] if s["tiny_write_count"] > 0]), 20)

    def test_many_small_files(self):
        """What belongs into different files can't be gathered."""
        self.assertEqual(self.kinds("small", pf.build("advice"), "small", 3000, 60), [])

    def test_of_several_threads(self):
        """What they save together may be more than the wall time, not more than theirs."""
        f, report = self.advice("threads", 200000, 40)
        lived = 1e9 * sum(t["wall_seconds"] for t in report["threads"] if t["message_count"] > 0)
        wall = report["metrics"]["uptime_seconds"] * 1e9
        together = lived > 1.01 * wall
        self.assertEqual(f["thread_count"], 4 if together else 1)
        self.assertLessEqual(f["wall_percent"], 100)
        self.assertAlmostEqual(f["wall_percent"], 100 * f["saved_ns"] / (lived if together else wall), delta=0.5)

    def test_at_a_pipe(self):
        """Where the reader is, and whether it sleeps, decides what a write takes: the limits allow for that."""
        report = self.report(self.record("reader", pf.build("advice"), "pipe", 60000, 28))
        (f,) = [f for f in report["findings"] if f["kind"] == "tiny-writes"]
        wall = report["metrics"]["uptime_seconds"] * 1e9
        self.assertTrue(0 < f["saved_low_ns"] < 0.65 * f["saved_ns"], f)
        self.assertGreater(f["saved_high_ns"], min(1.5 * f["saved_ns"], 0.95 * wall))

    def test_who_had_the_processor(self):
        """A write that woke its reader: where it was a stranger who ran, nothing of that time is saved."""
        cpu = str(min(os.sched_getaffinity(0)))
        hogs = [subprocess.Popen(["taskset", "-c", cpu, "sh", "-c", "while :; do :; done"]) for _ in range(2)]
        try:
            report = self.report(self.record("way", "taskset", "-c", cpu, pf.build("advice"), "pipe", 60000, 28))
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        (f,) = [f for f in report["findings"] if f["kind"] == "tiny-writes"]
        why = max(report["streams"], key=lambda s: s["message_count"])["why"]
        self.assertLess(f["saved_low_ns"], why["flush"]["total_duration_ns"])
        if 1000 < why["blocked"]["count"] and why["blocked"]["total_duration_ns"] < 100e3 * why["blocked"]["count"]:
            self.assertGreater(f["saved_high_ns"], 0.9 * (why["flush"]["total_duration_ns"] + why["blocked"]["total_duration_ns"]))

    def test_cost(self):
        path = self.record("cost", pf.build("habits"), "debug", 1000)
        env = {**os.environ, "PROVIDE_PROFILING_COST_PER_GB": "0.5"}
        self.assertIn("cost", [f["kind"] for f in self.report(path, env=env)["findings"]])

    def test_cost_is_a_setting(self):
        """It is validated, may stand in a file, and can be given to run."""
        path = self.record("cost", pf.build("habits"), "debug", 1000)
        env = {**os.environ, "PROVIDE_PROFILING_COST_PER_GB": "-3"}
        for subcommand in ("report", "show"):
            done = command(subcommand, "--json", path, env=env)
            self.assertEqual(done.stderr.decode(), 'pfprof: PROVIDE_PROFILING_COST_PER_GB="-3" is not a number from '
                             '0 to 1000000; using "0"\n')
            self.assertNotIn("cost", [f["kind"] for f in json.loads(done.stdout)["findings"]])
        config = os.path.join(self.folder, "config.ini")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[report]\ncost_per_gb = 0.5\n")
        done = command("report", path, env={**os.environ, "PROVIDE_PROFILING_CONFIG": config})
        self.assertIn(" GB at 0.50)", done.stdout.decode())
        done = command("run", "--library", pf.LIB, "--set", "cost_per_gb=2", "--output", "stderr", "--",
                       pf.build("habits"), "debug", 1000, env={**self.env, "PF_DIR": self.folder})
        self.assertIn(" GB at 2.00)", done.stderr.decode())


if __name__ == "__main__":
    pf.main()
