#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Reports and exports: what real readers say of them; of a made session to the digit.
import csv
import glob
import json
import os
import re
import shutil
import stat
import subprocess
import unittest

from sessionkit import Case, command, pf, PFPROF, SYSTEM_PYTHON

UI = os.path.join(pf.ROOT, "lib/report-ui")


class Report(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = cls.record(cls(), "callers", pf.build("habits"), "debug", 2000)
        cls.json = json.loads(command("export", "-f", "json", cls.path).stdout)
        cls.rows = cls.json["call_sites"] + cls.json["flush_sites"]

    def export(self, form, session=None):
        path = os.path.join(self.folder, "out." + form)
        command("export", "-f", form, "-o", path, session or self.path)
        return path

    def total(self, name):
        return sum(r[name] for r in self.rows)

    def raw_pprof(self, path, *options):
        """Header and samples, [(numbers, locations)], as pprof itself reads them; all that it said."""
        tools = glob.glob("/usr/lib/go-1.*/pkg/tool/linux_*/pprof") + [os.environ.get("PPROF", "")]
        tool = next((t for t in tools if t and os.path.exists(t)), None)
        if tool is None:
            self.skipTest("pprof is not installed (golang-1.19-go)")
        done = subprocess.run([tool, "-raw", *options, path], capture_output=True, text=True,
                              env={**os.environ, "PPROF_TMPDIR": self.folder}, timeout=pf.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        start, end = lines.index("Samples:") + 1, lines.index("Locations")
        head = [name.split("/")[0] for name in lines[start].split()]
        samples = [line.split(":") for line in lines[start + 1:end] if ":" in line]
        return head, [([int(n) for n in numbers.split()], where.split()) for numbers, where in samples], done.stdout

    def test_pprof(self):
        for kind, wanted in (("calls", self.total("message_count")), ("bytes", self.total("bytes")),
                             ("time", self.total("estimated_total_duration_ns"))):
            head, samples, said = self.raw_pprof(self.export("pprof"), f"-sample_index={kind}")
            self.assertAlmostEqual(sum(numbers[head.index(kind)] for numbers, _ in samples), wanted, delta=2)
            self.assertIn("habits.c", said)

    def test_pprof_to_the_digit(self):
        head, samples, said = self.raw_pprof(self.export("pprof", self.made("everything")))
        self.assertEqual([name.split("[")[0] for name in head], ["time", "calls", "bytes", "flush", "lock", "blocked"])
        self.assertEqual([numbers for numbers, _ in samples], [
            [501770000, 2000, 1400000, 0, 0, 501770000], [150000000, 30000, 1200000, 150000000, 0, 0],
            [150000000, 30000, 1200000, 150000000, 0, 0], [40720000, 10180, 407200, 0, 0, 0],
            [750000, 500, 0, 750000, 0, 0], [7000, 7, 140, 0, 0, 0]])
        place = dict(re.findall(r"^ *(\d+): 0x\S+ (?:M=1 )?(\S+) ", said, re.M))
        self.assertEqual([place[n] for n in samples[2][1]], ["fprintf", "orderd+0x40", "orderd+0x90", "orderd+0x80"])

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

    def test_made_to_the_digit(self):
        """Folded stacks, rows, events and totals of the made session that has one of everything."""
        made = self.made("everything")
        with open(self.export("folded", made), encoding="utf-8") as file:
            self.assertEqual(file.read().splitlines(), [
                "orderd+0x80;orderd+0x70;orderd+0x30;write 501770000", "orderd+0x80;orderd+0x40;fprintf 150000000",
                "orderd+0x80;orderd+0x90;orderd+0x40;fprintf 150000000", "orderd+0x10;fprintf 40720000",
                "orderd+0x50;send 750000", "orderd+0x60;printf 7000"])
        with open(self.export("csv", made), newline="", encoding="utf-8") as file:
            rows = [[row[key] for key in ("function", "offset", "message_count", "bytes", "error_count", "thread_count",
                                          "estimated_total_duration_ns", "max_ns", "blocked_share")] for row in csv.DictReader(file)]
        self.assertEqual(rows, [
            ["write", "0x31", "2000", "1400000", "0", "1", "501770000", "309000", "1.000000"],
            ["fprintf", "0x41", "60000", "2400000", "0", "1", "300000000", "5000", "0.000000"],
            ["fprintf", "0x11", "10180", "407200", "0", "2", "40720000", "4000", "0.000000"],
            ["send", "0x51", "500", "0", "500", "1", "750000", "1500", "0.000000"],
            ["printf", "0x61", "7", "140", "0", "1", "7000", "1000", "0.000000"]])
        with open(self.export("chrome-trace", made), encoding="utf-8") as file:
            calls = [e for e in json.load(file)["traceEvents"] if e["ph"] == "X"]
        self.assertEqual(sorted((e["ts"], e["dur"]) for e in calls), [(100000 * i, 250 + i) for i in range(60)])
        with open(self.export("openmetrics", made), encoding="utf-8") as file:
            totals = re.findall(r"^pfprof_function_calls_total\{function=\"(\w+)\".*\} (\d+)$", file.read(), re.M)
        self.assertEqual(totals, [("write", "2000"), ("fprintf", "70180"), ("send", "500"), ("printf", "7")])

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
            self.skipTest("node, or what lib/report-ui needs of npm, is not installed (scripts/bootstrap)")
        if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
            self.skipTest("chromium is not installed (scripts/bootstrap)")
        done = subprocess.run(["node", os.path.join(pf.ROOT, "test/report", script), *args],
                              capture_output=True, text=True, timeout=pf.RUN_PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr[-500:])

    def test_speedscope(self):
        self.browser("speedscope.mjs", *(self.export(f) for f in ("speedscope", "folded", "pprof", "chrome-trace")))

    def test_page(self):
        page, data = (os.path.join(self.folder, "page." + e) for e in ("html", "json"))
        path = self.made("everything")  # several threads, findings, a timeline
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

    def test_where_it_is_written(self):
        """Only a file is replaced: not a device, a pipe or a link, by none of the options that name one."""
        folder = os.path.join(self.folder, "places")
        os.mkdir(folder)
        place = lambda name: os.path.join(folder, name)
        csv_text = command("export", "-f", "csv", self.path).stdout
        os.mkfifo(place("pipe"))
        with subprocess.Popen(["cat", place("pipe")], stdout=subprocess.PIPE) as reader:
            command("export", "-f", "csv", "-o", place("pipe"), self.path)
            self.assertEqual(reader.communicate(timeout=pf.PATIENCE)[0], csv_text)
        self.assertTrue(stat.S_ISFIFO(os.lstat(place("pipe")).st_mode))
        for name in ("there", "not-there"):
            os.symlink(name, place("link-" + name))
        with open(place("there"), "w", encoding="utf-8") as file:
            file.write("old")
        for name in ("there", "not-there"):
            command("export", "-f", "csv", "-o", place("link-" + name), self.path)
            self.assertTrue(os.path.islink(place("link-" + name)))
            with open(place(name), "rb") as file:
                self.assertEqual(file.read(), csv_text)
        with open(place("log"), "wb") as log:  # what a shell does for >> log
            log.write(b"before\n")
            log.flush()
            subprocess.run([PFPROF, "export", "-f", "csv", "-o", "/dev/stdout", self.path], stdout=log, check=True, timeout=pf.PATIENCE)
        with open(place("log"), "rb") as file:
            self.assertEqual(file.read(), b"before\n" + csv_text)
        os.chmod(place("there"), 0o640)
        command("export", "-f", "csv", "-o", place("there"), self.path)
        self.assertEqual(stat.S_IMODE(os.stat(place("there")).st_mode), 0o640)
        before = sorted(os.listdir(folder))
        for option in (("report", "--html"), ("export", "-f", "csv", "-o")):
            for bad, why in (("", "is empty"), (place("no/x"), "No such file"), (folder, "Is a directory")):
                err = command(*option, bad, self.path, status=2).stderr.decode()
                self.assertRegex(err, f"^pfprof: --(html|output) .*{why}")
        self.assertEqual(sorted(os.listdir(folder)), before)

    @unittest.skipUnless(os.geteuid() == 0, "only root can make another user's link")
    def test_a_strangers_link(self):
        """In a folder like /tmp it is not followed, as the kernel does not for open; the file it leads to stays."""
        folder = os.path.join(self.folder, "shared")
        os.mkdir(folder)
        os.chmod(folder, 0o1777)
        victim, link = os.path.join(self.folder, "victim"), os.path.join(folder, "link")
        with open(victim, "w", encoding="utf-8") as file:
            file.write("precious")
        os.symlink(victim, link)
        os.lchown(link, 65534, 65534)
        self.assertIn(b"Permission denied", command("export", "-f", "csv", "-o", link, self.path, status=2).stderr)
        with open(victim, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_one_report_at_a_time(self):
        for options in (("--json", "--html", "x.html"), ("--site", "main", "--json"), ("--html", "x.html", "--site", "main")):
            self.assertIn(b"exclude one another", command("report", *options, self.path, status=2).stderr)
        self.assertFalse(os.path.exists("x.html"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can make a device")
    def test_a_device_stays_one(self):
        path = os.path.join(self.folder, "full")
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
            with open(path, "wb"):
                pass
        except OSError as error:
            self.skipTest(f"no device can be made or opened here: {error}")
        for argv in (("report", "--html", path, self.path), ("export", "-f", "csv", "-o", path, self.path)):
            self.assertIn(b"No space left", command(*argv, status=2).stderr)
            self.assertTrue(stat.S_ISCHR(os.stat(path).st_mode))
        done = command("run", "--library", pf.LIB, "--output", "none", "--save", path, "--", pf.build("habits"), "buffered", 10,
                       status=None, env={**self.env, "PF_DIR": self.folder})
        self.assertEqual(done.returncode, 125)
        self.assertTrue(stat.S_ISCHR(os.stat(path).st_mode))

    def test_site(self):
        text = command("report", "--site", "in debug", self.path).stdout.decode()
        self.assertIn("habits.c", text)
        self.assertIn("stack, about", text)
        self.assertRegex(text, r"\(95 %: \d.* to \d.*\)")

    def test_stacks_of_several_processes(self):
        """The loader puts each process elsewhere; what is the same line is one stack all the same."""
        path = self.record("several", "bash", "-c", f"for i in 1 2 3 4 5 6; do {pf.build('habits')} unbuffered 40; done")
        report = self.report(path)
        self.assertGreater(len({p["pid"] for p in report["processes"]}), 5)
        stacks = [s for s in report["stacks"] if any(f["symbol"] == "unbuffered" for f in s["frames"])]
        places = [(s["function"], *((f["module"], f["offset"]) for f in s["frames"])) for s in stacks]
        self.assertEqual(len(places), len(set(places)), places)
        site = max(report["call_sites"], key=lambda s: s["message_count"] * (s["symbol"] == "unbuffered"))
        self.assertEqual(site["message_count"], 240)
        mine = [s for s in stacks if s["function"] == site["function"] and s["frames"][0]["offset"] == site["offset"]]
        self.assertEqual(len(mine), 1)
        # The first eight calls of each process give a stack that stands for one, the others by chance.
        self.assertGreaterEqual(mine[0]["message_count"], 48)
        text = command("report", "--site", "in unbuffered", path).stdout.decode()
        self.assertEqual(text.count(f"stack, about {mine[0]['message_count']:.0f} calls"), 1, text)

    def test_stacks_of_made_processes(self):
        """The same to the digit: six images of one program, each elsewhere."""
        path = self.made("processes")
        report = self.report(path)
        self.assertEqual(len({p["pid"] for p in report["processes"]}), 6)
        (stack,) = report["stacks"]
        self.assertEqual((stack["message_count"], [f["offset"] for f in stack["frames"]]), (240, [0x10, 0x70]))
        self.assertEqual([s["message_count"] for s in report["call_sites"]], [240])
        text = command("report", "--site", "orderd+0x10", path).stdout.decode()
        self.assertEqual(text.count("stack, about 240 calls"), 1, text)

    def test_a_site_of_which_little_was_timed(self):
        path = os.path.join(self.folder, "few.pfs")
        command("run", "--rate", "0.0001", "--save", path, "--", pf.build("habits"), "debug", "2000",
                env={**self.env, "PF_DIR": self.folder})
        text = command("report", "--site", "in debug", path).stdout.decode()
        self.assertIn("not enough samples for a time", text)


if __name__ == "__main__":
    pf.main()
