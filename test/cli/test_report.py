#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Reports, exports, findings, diff, record: what real readers and real programs say of them.
# With PF_HEAVY=1 (make check-report) also what takes minutes: 200 pairs of runs of real work.
import csv
import glob
import io
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import pfharness as pf  # noqa: E402

PFPROF = os.environ.get("PF_COMMAND") or os.path.join(pf.ROOT, "build/lib/cli/pfprof")
UI = os.path.join(pf.ROOT, "lib/report-ui")
HEAVY = os.environ.get("PF_HEAVY") == "1"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
# Fits every program: what is slow here is slow for another reason.
HABITS = {
    "tiny": ("tiny-writes", 100000), "unbuffered": ("tiny-writes", 60000), "flush": ("flush-per-line", 60000),
    "sync": ("flush-per-line", 300), "lock": ("lock", 8000), "pipe": ("blocked", 400),
    "eagain": ("errors", 100000), "duplicates": ("duplicates", 100000), "debug": ("not-worth", 60000),
    "handler": ("signal-handler", 0), "short": ("short-writes", 200), "storm": ("storm", 40000), "forked": ("fork-exec", 0),
}
HEALTHY = (["buffered", "2000000"], ["batched", "2000"], ["quiet"], ["several", "4000"], ["batch", "400000"],
           ["report", "400000"], ["steadily", "40000"], ["whole", "200"], ["spawner"])


def command(*argv, status=0, **options):
    done = subprocess.run([PFPROF, *map(str, argv)], capture_output=True, timeout=120, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f"pfprof {argv}: {done.returncode} {done.stderr[-500:]!r}")
    return done


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        pf.need_library()
        cls.run_ = pf.prepare()
        cls.folder = cls.run_.folder
        cls.env = pf.environment(cls.run_)

    def record(self, name, *argv, rate="1", extra=None):
        path = os.path.join(self.folder, name + ".pfs")
        with open(os.path.join(self.folder, "err"), "wb") as err:
            done = subprocess.run(
                [PFPROF, "run", "--library", pf.LIB, "--rate", rate, "--output", "none", "--save", path,
                 "--", *map(str, argv)],
                env={**self.env, **(extra or {})}, stdout=subprocess.DEVNULL, stderr=err, timeout=120,
            )
        self.assertEqual(done.returncode, 0, argv)
        return path

    def report(self, path, **options):
        return json.loads(command("report", "--json", path, **options).stdout)


class Exports(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.record(cls(), "callers", pf.build("habits"), "debug", 2000)
        cls.json = json.loads(command("export", "-f", "json", cls.path).stdout)
        cls.rows = cls.json["call_sites"] + cls.json["flush_sites"]

    def export(self, form):
        path = os.path.join(self.folder, "out." + form)
        command("export", "-f", form, "-o", path, self.path)
        return path

    def total(self, name):
        return sum(r[name] for r in self.rows)

    def test_pprof(self):
        tools = glob.glob("/usr/lib/go-1.*/pkg/tool/linux_*/pprof") + [os.environ.get("PPROF", "")]
        tool = next((t for t in tools if t and os.path.exists(t)), None)
        if tool is None:
            self.skipTest("pprof is not installed (golang-1.19-go)")
        for kind, wanted in (("calls", self.total("message_count")), ("bytes", self.total("bytes")),
                             ("time", self.total("estimated_total_duration_ns"))):
            done = subprocess.run(
                [tool, "-raw", f"-sample_index={kind}", self.export("pprof")], capture_output=True,
                text=True, env={**os.environ, "PPROF_TMPDIR": self.folder}, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.splitlines()
            head = next(l for l in lines if f"{kind}/" in l).split()
            column = [h.split("/")[0] for h in head].index(kind)
            start, end = lines.index(next(l for l in lines if f"{kind}/" in l)), lines.index("Locations")
            got = sum(int(l.split(":")[0].split()[column]) for l in lines[start + 1:end] if ":" in l)
            self.assertAlmostEqual(got, wanted, delta=2)
            self.assertIn("habits.c", done.stdout)

    def test_folded(self):
        with open(self.export("folded"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        total = sum(int(line.rsplit(" ", 1)[1]) for line in lines)
        self.assertAlmostEqual(total, self.total("estimated_total_duration_ns"), delta=len(lines) + 1)
        self.assertTrue(any("main@habits.c" in line and "debug@habits.c" in line for line in lines))

    def test_csv(self):
        with open(self.export("csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), len(self.rows))
        self.assertEqual(sum(int(r["message_count"]) for r in rows), self.total("message_count"))

    def test_trace(self):
        with open(self.export("chrome-trace"), encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        calls = [e for e in events if e["ph"] == "X"]
        self.assertGreater(len(calls), 50)
        self.assertEqual(max(e["dur"] for e in calls), self.json["slowest"][0]["duration_ns"] / 1000)

    def test_openmetrics(self):
        parse = ("import sys\nfrom prometheus_client.openmetrics.parser import "
                 "text_string_to_metric_families as p\n"
                 "print(sum(s.value for f in p(sys.stdin.read()) for s in f.samples "
                 "if s.name == 'pfprof_function_calls_total'))")
        with open(self.export("openmetrics"), encoding="utf-8") as file:
            done = subprocess.run([SYSTEM_PYTHON, "-c", parse], stdin=file, capture_output=True, text=True)
        if "No module named" in done.stderr:
            self.skipTest("python3-prometheus-client is not installed")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(float(done.stdout), self.total("message_count"))

    def test_prometheus(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed (prometheus)")
        with open(self.export("prometheus"), encoding="utf-8") as file:
            done = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_schema(self):
        path = os.path.join(self.folder, "report.json")
        with open(path, "wb") as file:
            file.write(command("report", "--json", self.path).stdout)
        done = subprocess.run(
            [SYSTEM_PYTHON, "-m", "jsonschema", "-i", path, os.path.join(pf.ROOT, "docs/report.schema.json")],
            capture_output=True, text=True)
        if "No module named" in done.stderr:
            self.skipTest("python3-jsonschema is not installed")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def browser(self, script, *args):
        if shutil.which("node") is None or not os.path.isdir(os.path.join(UI, "node_modules")):
            self.skipTest("node, or what lib/report-ui needs of npm, is not installed (make check-report)")
        if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
            self.skipTest("chromium is not installed (make check-report)")
        done = subprocess.run(["node", os.path.join(pf.ROOT, "test/report", script), *args],
                              capture_output=True, text=True, timeout=170)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr[-500:])

    def test_speedscope(self):
        self.browser("speedscope.mjs", *(self.export(f) for f in ("speedscope", "folded", "pprof", "chrome-trace")))

    def test_page(self):
        page, data = (os.path.join(self.folder, "page." + e) for e in ("html", "json"))
        # Several threads, findings, and long enough for a timeline.
        path = self.record("page", "sh", "-c", f"{pf.build('habits')} lock 6000; {pf.build('habits')} tiny 50000")
        command("report", "--html", page, path)
        with open(data, "wb") as file:
            file.write(command("report", "--json", path).stdout)
        self.browser("page.mjs", page, data)

    def test_page_is_whole(self):
        page = os.path.join(self.folder, "whole.html")
        command("report", "--html", page, self.path)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        start = text.index('<script id="data" type="application/json">') + 42
        data = text[start:text.index("</script>", start)]
        self.assertEqual(json.loads(data)["metrics"], self.report(self.path)["metrics"])
        self.assertLess(len(text.encode()) - len(data.encode()), 150 * 1024)

    def test_site(self):
        text = command("report", "--site", "in debug", self.path).stdout.decode()
        self.assertIn("habits.c", text)
        self.assertIn("stack, about", text)
        self.assertRegex(text, r"\(95 %: \d.* to \d.*\)")

    def test_a_site_of_which_little_was_timed(self):
        path = os.path.join(self.folder, "few.pfs")
        command("run", "--rate", "0.0001", "--save", path, "--", pf.build("habits"), "debug", "2000")
        text = command("report", "--site", "in debug", path).stdout.decode()
        self.assertIn("not enough samples for a time", text)


class Findings(Case):
    def cxx(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            if shutil.which("g++") is None:
                self.skipTest("g++ is not installed")
            subprocess.run(["g++", "-O0", "-g", os.path.join(pf.SOURCES, name + ".cc"), "-o", path], check=True)
        return path

    def kinds(self, name, *argv, **options):
        return [f["kind"] for f in self.report(self.record(name, *argv, **options))["findings"]]

    def test_habits(self):
        for name, (kind, count) in HABITS.items():
            with self.subTest(name):
                # A sync costs nothing on tmpfs, where everything else is.
                disk = tempfile.mkdtemp(dir="/var/tmp", prefix="pf-") if name == "sync" else None
                try:
                    extra = {"PF_DIR": disk} if disk else None
                    self.assertIn(kind, self.kinds(name, pf.build("habits"), name, count, extra=extra))
                finally:
                    shutil.rmtree(disk or "", ignore_errors=True)

    def test_storm(self):
        """When it began, how high it rose, which line, how many threads: by what the program does."""
        path = self.record("storm", pf.build("habits"), "storm", 40000, extra={"PF_DIR": self.folder})
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
        for how in ("cout", "file"):
            with self.subTest(how):
                found = self.report(self.record("endl", self.cxx("endl"), how, 150000, extra={"PF_DIR": self.folder}))["findings"]
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

    def test_sound(self):
        for f in self.report(self.record("sound", pf.build("habits"), "tiny", 50000))["findings"]:
            self.assertTrue(0 < f["saved_low_ns"] <= f["saved_ns"] <= f["saved_high_ns"], f)
            self.assertIn("habits.c", f["place"])

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


class Diff(Case):
    def steady(self, name, ns=10000):
        return self.record(name, pf.build("steady"), 400, ns)

    # Real work, which differs from run to run: (calls, and what runs them).
    PROGRAMS = {
        "write": lambda: [pf.build("habits"), "tiny", "3000"],
        "fprintf": lambda: [pf.build("habits"), "debug", "3000"],
        "python": lambda: [SYSTEM_PYTHON, "-c", "import logging, os; logging.basicConfig(filename=os.environ['PF_DIR']"
                           " + '/py.log', level=10)\nfor i in range(1500): logging.debug('step %d', i)"],
    }

    def alarms(self, before, after):
        gate = ("--fail-on", "site.cost>+0%,site.cost<-0%")
        return command("diff", *gate, *before, *(["vs"] if len(before) > 1 else []), *after, status=None).returncode

    def test_same(self):
        # The rule itself is judged by test/lib/test-difference.c, where no machine has a say.
        a, b = self.steady("a"), self.steady("b")
        self.assertEqual((self.alarms([a], [a]), self.alarms([a, b], [a, b])), (0, 0))

    @unittest.skipUnless(HEAVY, "200 pairs of runs (make check-report)")
    def test_pairs(self):
        """Quiet, and with four busy loops of ours beside: at most 5 % of 200 pairs."""
        extra = {"PF_DIR": self.folder}
        for busy in (0, 4):
            hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(busy)]
            try:
                # A minute in which a virtual machine is given less than before is no fault of diff's:
                # what is wrong with it is wrong three times.
                for _ in range(3):
                    count = 0
                    for i in range(200):
                        program = list(self.PROGRAMS.values())[i % len(self.PROGRAMS)]()
                        pair = [self.record(side, *program, extra=extra) for side in "ab"]
                        count += self.alarms(pair[:1], pair[1:])
                    print(f"pairs: {count} false alarms of 200 with {busy} busy loops, load {os.getloadavg()[0]:.1f}",
                          file=sys.stderr)
                    if count <= 10:
                        break
            finally:
                for hog in hogs:
                    hog.kill()
                    hog.wait()
            self.assertLessEqual(count, 10)

    @unittest.skipUnless(HEAVY, "50 times five runs against five (make check-report)")
    def test_fives(self):
        """The same runs in five against five, and a tenth more on one line, with four busy loops beside."""
        hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(4)]
        try:
            count = found = 0
            for i in range(50):
                runs = [self.record(f"r{k}", *self.PROGRAMS["fprintf"](), extra={"PF_DIR": self.folder}) for k in range(10)]
                count += self.alarms(runs[::2], runs[1::2])
                slow = [[self.steady(f"{side}{k}", ns) for k in range(5)] for side, ns in (("o", 10000), ("n", 11000))]
                done = command("diff", "-f", "json", "--fail-on", "site.cost>+5%", *slow[0], "vs", *slow[1], status=None)
                found += [f["place"].split(" in ")[-1] for f in json.loads(done.stdout)["failures"]] == ["beta"]
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        print(f"fives: {count} false alarms of 50, one tenth more found in {found} of 50", file=sys.stderr)
        self.assertLessEqual(count, 5)
        self.assertGreaterEqual(found, 45)

    def test_versus(self):
        a, b = self.steady("a"), self.steady("b")
        for operands in (["vs", a], [a, "vs"], [a, b, a], [a, "vs", b, "vs", a]):
            self.assertIn(b"BEFORE... vs AFTER...", command("diff", *operands, status=2).stderr)
        text = command("diff", a, b, "vs", b, a).stdout.decode()
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()[3:]), text)
        self.assertIn("a.pfs and 1 more → ", text)

    def test_ten_percent(self):
        before, after = self.steady("before"), self.steady("after", 11000)
        # Its calls last by the clock, so that what the machine does besides is no reason for doubt.
        gate = ("--noise", "3", "--fail-on", "site.cost>+5%")
        result = json.loads(command("diff", "-f", "json", *gate, before, after, status=1).stdout)
        self.assertEqual([f["place"].split(" in ")[-1] for f in result["failures"]], ["beta"])
        junit = command("diff", "-f", "junit", *gate, before, after, status=1).stdout
        suite = xml.etree.ElementTree.fromstring(junit)
        self.assertEqual(len(suite.findall(".//failure")), int(suite.get("failures")))
        self.assertIn(b"beta", command("diff", "-f", "markdown", *gate, before, after, status=1).stdout)
        self.assertEqual(command("diff", "--fail-on", "site.cost>+50%", before, after).returncode, 0)

    def test_uneven_machine(self):
        """Two runs alone, beside which the machine was not the same: the limits allow for that, and it is said."""
        before, after = self.steady("before"), self.steady("after", 11000)

        def diff(calm, late):
            for path, ns in ((before, calm), (after, late)):
                with open(path, "r+b") as file:
                    file.seek(48)
                    self.assertEqual(struct.unpack("<Q", file.read(8)), (2,))
                    file.write(struct.pack("<dd", math.log(ns), 0) + bytes(24))
            done = command("diff", "-f", "json", "--fail-on", "site.cost>+5%", before, after, status=None)
            return done.returncode, json.loads(done.stdout)["machine"]

        status, machine = diff(400, 400)
        self.assertEqual((status, machine["is_known"], machine["percent_low"], machine["percent_high"]), (1, True, "0.000", "0.000"))
        self.assertNotIn(b"uneven", command("diff", before, after).stdout)
        status, machine = diff(400, 520)
        self.assertEqual((status, round(machine["before"]), round(machine["after"]), machine["percent"]), (0, 400, 520, "30.000"))
        self.assertEqual(machine["percent_low"], "0.000")
        self.assertTrue(60 < float(machine["percent_high"]) < 95, machine)
        for form in ("text", "markdown", "junit"):
            text = command("diff", "-f", form, before, after).stdout.decode()
            self.assertRegex(text, "uneven: pfprof.*s own short writes took 400 ns, then 520 ns")
            self.assertTrue(form != "text" or all(len(line) <= 80 for line in text.splitlines()[3:]), text)
        self.assertEqual(command("diff", "--noise", "3", "--fail-on", "site.cost>+5%", before, after, status=None).returncode, 1)
        # A machine that became faster does not excuse what became slower.
        self.assertEqual(diff(520, 400)[0], 1)
        diff(float("inf"), 400)  # a file may say anything
        self.assertNotIn(b"uneven", command("diff", before, after).stdout)

    def test_rebuild(self):
        source = os.path.join(pf.SOURCES, "steady.c")
        with open(source, encoding="utf-8") as file:
            text = file.read()
        paths = []
        for name, moved in (("one", text), ("two", "\n\n\nint unused(int a) { return a * 3; }\n" + text)):
            path = os.path.join(self.folder, name)
            with open(path + ".c", "w", encoding="utf-8") as file:
                file.write(moved)
            subprocess.run(["cc", "-O0", "-g", "-w", "-fno-builtin", path + ".c", "-o", path], check=True)
            paths.append(self.record(name, path, 200))
        lines = json.loads(command("diff", "-f", "json", *paths).stdout)["lines"]
        self.assertEqual(len(lines), 3)
        self.assertTrue(all(l["calls"]["before"] == l["calls"]["after"] == 200 for l in lines))

    def test_bad_gate(self):
        path = self.steady("gate")
        command("diff", "--fail-on", "site.colour>+1%", path, path, status=2)


class Record(Case):
    def test_timeline(self):
        report = self.report(self.record("lock", pf.build("habits"), "lock", 4000))
        timeline = report["timeline"]
        self.assertGreater(len(timeline["calls"]), 3)
        self.assertLessEqual(len(timeline["calls"]), 240)
        self.assertAlmostEqual(sum(timeline["calls"]), report["metrics"]["message_count"], delta=len(timeline["calls"]))
        self.assertAlmostEqual(
            sum(map(sum, timeline["octaves"])) / sum(timeline["calls"]), 1, delta=0.05)

    def test_timeline_of_a_late_writer(self):
        """It makes its segment at its first write: what it wrote then is not spread over the silence before."""
        timeline = self.report(self.record("late", pf.build("habits"), "batch", 20000, extra={"PF_DIR": self.folder}))["timeline"]
        calls = timeline["calls"]
        self.assertGreater(len(calls) * timeline["bin_seconds"], 6)
        self.assertLess(sum(calls[:int(0.8 * len(calls))]), 0.01 * sum(calls), calls)
        self.assertAlmostEqual(sum(calls), 20000, delta=len(calls))

    @unittest.skipUnless(os.geteuid() == 0, "only root's processes can become another user's")
    def test_timeline_of_another_user(self):
        """As servers' workers do: what they do is seen when they do it, not spread over their life."""
        program = ("import os, time\nos.setuid(65534)\nos.write(2, b'begun\\n')\ntime.sleep(1)\n"
                   "for i in range(20000): os.write(2, b'a line\\n')")
        timeline = self.report(self.record("user", SYSTEM_PYTHON, "-c", program))["timeline"]
        calls = timeline["calls"]
        quiet = sum(calls[:int(0.8 / timeline["bin_seconds"])])
        self.assertLess(quiet, 0.1 * sum(calls), calls)
        self.assertGreater(sum(calls), 19000)

    def test_record_doubles_its_bins(self):
        """More than 240 bins of 20 ms: pairs become one, and nothing is lost of what came after record did."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        path = os.path.join(self.folder, "long.pfs")
        with subprocess.Popen([pf.build("habits"), "duplicates", "2000000000"], env=env, stderr=subprocess.DEVNULL) as process:
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            count = lambda: json.loads(command("show", "--json", process.pid, env=self.env).stdout)["metrics"]["message_count"]
            before = count()
            command("record", "-s", 11, "-o", path, process.pid, env=self.env)
            after = count()
            process.kill()
        report = self.report(path)
        timeline = report["timeline"]
        self.assertGreaterEqual(timeline["bin_seconds"], 0.08)  # doubled twice: after 4.8 s and after 9.6 s
        self.assertEqual(math.log2(timeline["bin_seconds"] / 0.02) % 1, 0)
        self.assertLessEqual(len(timeline["calls"]), 240)
        self.assertGreaterEqual(len(timeline["calls"]) * timeline["bin_seconds"], 11)
        total = sum(timeline["calls"])
        # The counts are those since the process began, the timeline those since record came.
        self.assertTrue(0.5 * (after - before) < total <= after - before, (before, total, after))
        self.assertGreaterEqual(report["metrics"]["message_count"] - total, before - 1)
        # It writes all the time: no half of the bins went missing.
        self.assertGreater(sum(n > 0 for n in timeline["calls"]), len(timeline["calls"]) / 2)

    def test_record(self):
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        with subprocess.Popen([pf.build("habits"), "lock", "40000"], env=env) as process:
            path = os.path.join(self.folder, "recorded.pfs")
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            command("record", "-s", 1, "-o", path, process.pid, env=self.env)
            process.kill()
        timeline = self.report(path)["timeline"]
        self.assertGreater(sum(timeline["calls"]), 0)

    def test_hostile(self):
        path = self.record("hostile", pf.build("habits"), "buffered", 10)
        with open(path, "rb") as file:
            whole = file.read()
        for cut in (len(whole) - 1, len(whole) - 100, whole.rindex(b"timeline") + 20):
            with open(path, "wb") as file:
                file.write(whole[:cut])
            self.assertIsNone(self.report(path)["timeline"])
        at = whole.rindex(b"timeline") + 64
        with open(path, "wb") as file:
            file.write(whole[:at] + b"\xff" * (len(whole) - at))
        self.assertIsNone(self.report(path)["timeline"])


if __name__ == "__main__":
    pf.main()
