#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Findings as the command says them: of made sessions, and of programs whose calls take what a script says.  What is
# found of a program by the machine's own clock: test/machine/measure_findings.py.  Rules and limits: test/lib/test-findings*.c.
import json
import os
import re
import shutil
import subprocess

from sessionkit import MAKE_SESSION, Case, command, pf, SYSTEM_PYTHON


def places(name):
    """Where test/targets/habits.c has a habit: "habits.c:52"."""
    with open(os.path.join(pf.SOURCES, "habits.c"), encoding="utf-8") as file:
        return {f"habits.c:{number}" for number, line in enumerate(file, 1) if line.rstrip().endswith("// habit: " + name)}


class Made(Case):
    def test_kinds(self):
        """What is said of each made session, in JSON and as text of 80 columns; nothing of the healthy ones."""
        names = subprocess.run([MAKE_SESSION], capture_output=True, check=True, text=True).stdout.splitlines()
        self.assertGreater(len(names), 20)
        for line in names:
            name, *kinds = line.split()
            with self.subTest(name):
                path = self.made(name)
                found = self.report(path)["findings"]
                self.assertEqual([f["kind"] for f in found], kinds)
                text = command("report", path).stdout.decode()
                self.assertEqual("\n  ! " in text, kinds != [])
                said = text[text.find("\n  ! "):].splitlines() if kinds else []
                self.assertEqual([line for line in said if len(line) > 80], [])
                plain = " ".join(" ".join(said).split())
                for finding in found:
                    for part in ("title", "evidence", "next_step"):
                        self.assertIn(" ".join(finding[part].split()), plain)

    def test_json(self):
        (found,) = self.report(self.made("tiny"))["findings"]
        self.assertEqual(found, {
            "kind": "tiny-writes",
            "title": "orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 59 707 system calls",
            "evidence": "60 000 writes of less than 512 B to /var/data, 40 B on average",
            "next_step": "gather messages in a buffer of 8 KiB, or write through stdio", "place": "orderd+0x10",
            "saved_ns": 131181609, "saved_low_ns": 109762055, "saved_high_ns": 182921676, "saved_calls": 59707,
            "wall_percent": 13.12, "thread_count": 1})
        (lock,) = self.report(self.made("lock"))["findings"]
        self.assertEqual([lock[key] for key in ("saved_ns", "saved_low_ns", "saved_high_ns", "saved_calls", "wall_percent")],
                         [None] * 5)

    def test_text(self):
        text = command("report", self.made("tiny")).stdout.decode()
        self.assertIn(
            "\n  ! orderd+0x10 writes 40 B per call: a buffer of 8 KiB saves 59 707 system\n"
            "     calls; worth 131 ms (95 %: 110 ms to 183 ms), 13 % of wall\n"
            "     60 000 writes of less than 512 B to /var/data, 40 B on average\n"
            "     → gather messages in a buffer of 8 KiB, or write through stdio\n", text)

    def test_of_the_timeline(self):
        """The peak of a storm is that of the timeline, its calls those of its bins."""
        report = self.report(self.made("storm"))
        (storm,) = report["findings"]
        timeline = report["timeline"]
        self.assertEqual(max(timeline["calls"]) / timeline["bin_seconds"], 10000)
        self.assertIn("log storm of 1.00 s from orderd+0x10: up to 10 000 output calls a second, where 20 are usual",
                      storm["title"])
        self.assertIn(", 4.00 s after the start: 10 000 of 10 000 calls are log lines; 2 threads, 50 % of them by ",
                      storm["evidence"])
        self.assertEqual(storm["saved_calls"], 9980)

    def test_cost_is_a_setting(self):
        """It is validated, may stand in a file, and can be given to run."""
        path = self.made("quiet")
        cost = ("\n  ! logs cost {} a month at this rate (10.37 GB at {})\n     most of it, 100 %, from orderd+0x10\n"
                "     → shorten or sample what that line says\n")
        env = {**os.environ, "PROVIDE_PROFILING_COST_PER_GB": "0.5"}
        self.assertEqual([f["kind"] for f in self.report(path, env=env)["findings"]], ["cost"])
        self.assertIn(cost.format("5.18", "0.50"), command("report", path, env=env).stdout.decode())
        env = {**os.environ, "PROVIDE_PROFILING_COST_PER_GB": "-3"}
        for subcommand in ("report", "show"):
            done = command(subcommand, "--json", path, env=env)
            self.assertEqual(done.stderr.decode(), 'pfprof: PROVIDE_PROFILING_COST_PER_GB="-3" is not a number from '
                             '0 to 1000000; using "0"\n')
            self.assertEqual(json.loads(done.stdout)["findings"], [])
        config = os.path.join(self.folder, "config.ini")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[report]\ncost_per_gb = 2\n")
        done = command("report", path, env={**os.environ, "PROVIDE_PROFILING_CONFIG": config})
        self.assertIn(cost.format("20.74", "2.00"), done.stdout.decode())
        done = command("run", "--library", pf.LIB, "--set", "cost_per_gb=2", "--output", "stderr", "--",
                       pf.build("habits"), "debug", 1000, env={**self.env, "PF_DIR": self.folder})
        self.assertIn(" GB at 2.00)", done.stderr.decode())


# What each call takes, and how much time passes till the next; how often; what is found first, and what that saves: ns,
# its limits, calls.
HABITS = {
    "tiny": ("write=4000+16000", 10000, "tiny-writes", (43727203, 36587352, 60973892, 9951)),
    "unbuffered": ("fprintf=4000+16000", 10000, "tiny-writes", (43756445, 36617622, 61010999, 9953)),
    "dprintf": ("dprintf=4000+16000", 10000, "tiny-writes", (44234583, 37092794, 61631541, 9975)),
    "flush": ("fprintf=200;fflush=4000+16000", 10000, "flush-per-line", (43756547, 36617727, 61011129, 9954)),
    "sync": ("write=1000;fsync=1000000+1000000", 300, "flush-per-line", (297000000, 207900000, 415800000, 297)),
    "lock": ("fputs=60000l150000", 4000, "lock", (None, None, None, None)),
    "pipe": ("write=2000000v+2000000", 100, "blocked", (200000000, 188000000, 212000000, None)),
    "eagain": ("write=1000+1000", 20000, "errors", None),
    "duplicates": ("fprintf=4000+16000", 10000, "duplicates", (44755200, 37562400, 62337600, 9990)),
    "debug": ("fprintf=4000+16000", 10000, "not-worth", (44800000, 37600000, 62400000, 10000)),
    "handler": ("printf=2000", 0, "signal-handler", (None, None, None, None)),
    "short": ("write=2000", 200, "short-writes", (None, None, None, None)),
    "forked": ("printf=1000", 0, "fork-exec", (None, None, None, None)),
    "full": ("fprintf=1000", 4000, "errors", (None, None, None, 33)),
}
# Those whose time is never asked for: found by the machine's own clock too.
ANY_CLOCK = ("eagain", "handler", "short", "forked", "full")

HEALTHY = {
    "buffered": ("fprintf=120+100", 50000), "batched": ("write=5000+5000", 2000), "quiet": ("fprintf=2000+500000", 0),
    "several": ("write=2000+2000;fsync=1000000", 4000), "steadily": ("fprintf=100+3000", 20000),
    "whole": ("write=2000+2000", 200), "spawner": ("write=1000", 0), "polls": ("write=2000+20000", 1000),
    "woken": ("write=2000v+2000", 5000),
}


class Scripted(Case):
    """Real programs, whose calls take what a script says: what is found, where and what it saves is certain."""

    def cxx(self, level):
        path = os.path.join(self.folder, "endl" + level)
        if not os.path.exists(path):
            if shutil.which("g++") is None:
                self.skipTest("g++ is not installed")
            subprocess.run(["g++", level, "-g", os.path.join(pf.SOURCES, "endl.cc"), "-o", path], check=True)
        return path

    def findings(self, name, *argv, **options):
        return self.report(self.record(name, *argv, **options))["findings"]

    def kinds(self, name, *argv, **options):
        return [f["kind"] for f in self.findings(name, *argv, **options)]

    def habit(self, name, **options):
        """What is found, and where the source says that it should be."""
        _, count, kind, _ = HABITS[name]
        found = self.findings(name, pf.build("habits"), name, count, **options)
        place = next((f["place"] for f in found if f["kind"] == kind), "none")
        self.assertTrue(any(place.endswith(line) or line + " in " in place for line in places(name)), place)
        return found

    def test_habits(self):
        for name, (script, _, kind, saved) in HABITS.items():
            with self.subTest(name):
                first = self.habit(name, script=script)[0]
                self.assertEqual(first["kind"], kind)
                if saved is not None:
                    self.assertEqual(saved, tuple(first["saved_" + key] for key in ("ns", "low_ns", "high_ns", "calls")))

    def test_by_any_clock(self):
        """What is wrong, and not only slow, is found by counting."""
        for name in ANY_CLOCK:
            with self.subTest(name):
                self.habit(name)

    def test_healthy(self):
        for name, (script, count) in HEALTHY.items():
            for rate in ("1", "0.05"):
                with self.subTest(name, rate=rate):
                    self.assertEqual(self.kinds("healthy", pf.build("habits"), name, count, script=script, rate=rate), [])

    def test_healthy_programs(self):
        """As many system calls as must be, each of which takes as long as all else."""
        # A shell of one thread may print between fork and exec.
        programs = [["bash", "-c", "for i in 1 2 3; do (printf 'hi\\n'; exec true); done"],
                    ["seq", "100000"], ["find", "/usr/share/doc"], [SYSTEM_PYTHON, "-c", "for i in range(20000): print(i)"],
                    ["gawk", "BEGIN{for (i = 0; i < 50000; i++) print i}"]]
        if shutil.which("g++"):
            programs += [[self.cxx("-O0"), "lines", "20000"]]
        for program in programs:
            if shutil.which(program[0]):
                with self.subTest(program):
                    self.assertEqual(self.kinds("healthy", *program, script="*=2000+2000"), [])

    def test_what_fails_is_not_tiny(self):
        self.assertEqual(self.kinds("eagain", pf.build("habits"), "eagain", 20000, script="write=1000+1000"), ["errors"])
        program = "import os\nfor i in range(10000):\n    try: os.write(99, b'x')\n    except OSError: pass"
        self.assertEqual(self.kinds("closed", SYSTEM_PYTHON, "-c", program, script="write=1000+1000"), ["errors"])
        self.assertIn("errors", self.kinds("closed", SYSTEM_PYTHON, "-c", program))

    def test_syncs_at_the_default_rate(self):
        """They are timed always, since they are rare and long; at rate 0 nothing is."""
        for rate, timed, kinds in (("0.01", 300, ["flush-per-line"]), ("0", 0, [])):
            path = self.record("syncs", pf.build("habits"), "sync", 300, rate=rate, script="write=1000;fsync=1000000+1000000")
            report = self.report(path)
            (sync,) = [f for f in report["flushes"] if f["name"] == "fsync"]
            self.assertEqual((sync["message_count"], sync["sampled_count"]), (300, timed))
            self.assertEqual([f["kind"] for f in report["findings"]], kinds)

    def test_endl(self):
        """Inlined too: what is the library's own is not to blame, wherever it was compiled."""
        for how, level in (("cout", "-O0"), ("file", "-O0"), ("cout", "-O2"), ("file", "-O2")):
            with self.subTest(how, level=level):
                (found,) = self.findings("endl", self.cxx(level), how, 15000, script="*=4000+16000")
                self.assertEqual(found["kind"], "endl")
                self.assertRegex(found["place"], r"endl\.cc:\d+ in say")
                self.assertIn("std::endl", found["next_step"])

    def test_one_line_of_many_files(self):
        path = self.record("files", pf.build("advice"), "files", 20000, 40, script="write=4000+16000")
        report = self.report(path)
        (found,) = report["findings"]
        self.assertEqual((found["kind"], found["saved_calls"]), ("tiny-writes", 19902))
        self.assertIn(" and 19 more, ", found["evidence"])
        self.assertEqual([s["tiny_write_count"] for s in report["streams"] if s["tiny_write_count"] > 0], [1000] * 20)

    def test_many_small_files(self):
        """What belongs into different files can't be gathered."""
        self.assertEqual(self.kinds("small", pf.build("advice"), "small", 3000, 60, script="*=2000+2000;fsync=300000"), [])

    def test_advice(self):
        """The line and the kind of each advice that can be followed; what its calls took is in its limits."""
        for words, script, kind in ((("write", 10000, 28), "write=4000+16000", "tiny-writes"),
                                    (("unbuffered", 10000, 28), "fprintf=4000+16000", "tiny-writes"),
                                    (("flush", 10000, 1500), "fprintf=200;fflush=4000+16000", "flush-per-line"),
                                    (("reopen", 10000, 28), "fprintf=200;fclose=4000+16000", "flush-per-line"),
                                    (("pipe", 10000, 28), "write=4000+16000", "tiny-writes")):
            with self.subTest(words):
                (found,) = self.findings("advice", pf.build("advice"), *words, script=script)
                self.assertEqual((found["kind"], found["thread_count"]), (kind, 1))
                self.assertIn("advice.c", found["place"])
                self.assertTrue(0 < found["saved_low_ns"] < 0.95 * found["saved_ns"], found)
                self.assertTrue(1.05 * found["saved_ns"] < found["saved_high_ns"], found)

    def test_cost(self):
        env = {**os.environ, "PROVIDE_PROFILING_COST_PER_GB": "0.5"}
        path = self.record("cost", pf.build("habits"), "debug", 1000, script="fprintf=1000+1000000")
        *_, cost = self.report(path, env=env)["findings"]
        self.assertEqual(cost["kind"], "cost")
        self.assertTrue(re.fullmatch(r"most of it, 100 %, from .*habits\.c:\d+ in debug", cost["evidence"]), cost)


if __name__ == "__main__":
    pf.main()
