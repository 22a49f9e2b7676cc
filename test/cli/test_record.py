#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Recordings: timelines, by run --save and by record.
import contextlib
import json
import math
import os
import re
import signal
import subprocess
import time
import unittest

from sessionkit import Case, command, pf, PFPROF, SYSTEM_PYTHON


@contextlib.contextmanager
def started(argv, **options):
    """A process that ends with the block, be it by a failure."""
    with subprocess.Popen(argv, **options) as process:
        try:
            yield process
        finally:
            process.kill()


class Record(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup(1) may have started the tests
        cls.addClassCleanup(signal.signal, signal.SIGHUP, before)

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
        timeline = self.report(self.record("late", pf.build("habits"), "batch", 20000))["timeline"]
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

    def test_the_host_of_the_run(self):
        """Not of whoever looks at it."""
        path = self.record("host", pf.build("habits"), "buffered", 10)
        self.assertEqual(self.report(path)["run"]["host"], os.uname().nodename)
        with open(path, "r+b") as file:
            file.seek(384)
            file.write(b"elsewhere.example\0" + bytes(46))
        self.assertEqual(self.report(path)["run"]["host"], "elsewhere.example")
        page = os.path.join(self.folder, "page.html")
        command("report", "--html", page, path)
        with open(page, encoding="utf-8") as file:
            self.assertIn('"host":"elsewhere.example"', file.read())

    def test_reset_while_it_is_recorded(self):
        """The counts begin anew; what came before stays where it was in time, and what comes goes on."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        script = "import os, time\nwhile True:\n    os.write(2, b'a line\\n')\n    time.sleep(0.002)"
        with started([SYSTEM_PYTHON, "-c", script], env=env, stderr=subprocess.DEVNULL) as process:
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            for i in range(2):  # before, and in the middle
                time.sleep(0.5)
                command("ctl", process.pid, "reset", env=self.env)
                path = os.path.join(self.folder, f"reset{i}.pfs")
                with started([PFPROF, "record", "-s", "3", "-o", path, str(process.pid)], env=self.env) as recorder:
                    time.sleep(1.5)
                    if i == 1:
                        command("ctl", process.pid, "reset", env=self.env)
                    self.assertEqual(recorder.wait(timeout=30), 0)
                timeline = self.report(path)["timeline"]
                self.assertTrue(2.5 < len(timeline["calls"]) * timeline["bin_seconds"] < 5, timeline)
                used = [n > 0 for n in timeline["calls"]]
                self.assertGreater(sum(used), 0.8 * len(used), timeline["calls"])

    def test_record_doubles_its_bins(self):
        """More than 240 bins of 20 ms: pairs become one, and nothing is lost of what came after record did."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        path = os.path.join(self.folder, "long.pfs")
        with started([pf.build("habits"), "duplicates", "2000000000"], env=env, stderr=subprocess.DEVNULL) as process:
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            count = lambda: json.loads(command("show", "--json", process.pid, env=self.env).stdout)["metrics"]["message_count"]
            before = count()
            command("record", "-s", 11, "-o", path, process.pid, env=self.env)
            after = count()
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
        with started([pf.build("habits"), "lock", "40000"], env=env) as process:
            path = os.path.join(self.folder, "recorded.pfs")
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            command("record", "-s", 1, "-o", path, process.pid, env=self.env)
        timeline = self.report(path)["timeline"]
        self.assertGreater(sum(timeline["calls"]), 0)

    def test_the_terminal_goes_away(self):
        """A closed session ends with SIGHUP: what was recorded is kept, unless nohup says to go on."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        with started([pf.build("habits"), "duplicates", "2000000000"], env=env, stderr=subprocess.DEVNULL) as process:
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            path = os.path.join(self.folder, "hup.pfs")
            argv = [PFPROF, "record", "-o", path, str(process.pid)]
            with started(argv, env=self.env) as recorder:
                pf.wait_for(lambda: self.catches(recorder.pid, signal.SIGHUP))
                recorder.send_signal(signal.SIGHUP)
                self.assertEqual(recorder.wait(timeout=20), 0)
            self.assertGreater(self.report(path)["metrics"]["message_count"], 0)
            err = command("record", "-o", "/nonexistent/x.pfs", process.pid, env=self.env, status=2).stderr
            self.assertIn(b"--output /nonexistent/x.pfs cannot be written", err)

    def test_another_program_begins(self):
        """After exec the segment is over and the process is not: that is said.  After the end it is not."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        for last, said in (("exec sleep 60", True), ("exit", False)):
            script = f"while [ ! -e {self.folder}/go ]; do echo a line; read -t 0.01 <> <(:); done; {last}"
            with started(["bash", "-c", script], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
                path = os.path.join(self.folder, "exec.pfs")
                argv = [PFPROF, "record", "-o", path, str(process.pid)]
                with started(argv, env=self.env, stderr=subprocess.PIPE) as recorder:
                    pf.wait_for(lambda: self.catches(recorder.pid, signal.SIGHUP))
                    with open(os.path.join(self.folder, "go"), "wb"):
                        pass
                    err = recorder.communicate(timeout=30)[1].decode()
                os.remove(os.path.join(self.folder, "go"))
                self.assertEqual(recorder.returncode, 0)
                self.assertEqual(f"process {process.pid} has begun another program" in err, said, err)
                self.assertGreater(self.report(path)["metrics"]["message_count"], 0)

    def test_a_process_that_becomes_a_daemon(self):
        """What goes on is its child: that is said, with how to watch it."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        go, stop = (os.path.join(self.folder, name) for name in ("daemon-go", "daemon-stop"))
        program = ("import os, time\nsay = lambda: (os.write(2, b'a line\\n'), time.sleep(0.01))\n"
                   f"while not os.path.exists({go!r}): say()\n"
                   f"if os.fork() == 0:\n    while not os.path.exists({stop!r}): say()\n")
        with started([SYSTEM_PYTHON, "-c", program], env=env, stderr=subprocess.DEVNULL) as process:
            pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0)
            path = os.path.join(self.folder, "daemon.pfs")
            argv = [PFPROF, "record", "-o", path, str(process.pid)]
            with started(argv, env=self.env, stderr=subprocess.PIPE) as recorder:
                pf.wait_for(lambda: self.catches(recorder.pid, signal.SIGHUP))
                with open(go, "wb"):
                    pass
                err = recorder.communicate(timeout=30)[1].decode()
            child = re.search(r"has ended, its child (\d+) goes on: `pfprof record \1` watches that\n", err)
            self.assertIsNotNone(child, err)
            self.assertEqual(os.readlink(f"/proc/{child[1]}/exe"), os.path.realpath(SYSTEM_PYTHON))
            with open(stop, "wb"):
                pass

    def catches(self, pid, number):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            caught = next(int(l.split()[1], 16) for l in file if l.startswith("SigCgt:"))
        return caught >> (number - 1) & 1

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
