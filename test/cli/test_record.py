#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Recordings: timelines, by run --save and by record.
import contextlib
import os
import re
import signal
import subprocess
import time
import unittest

import clikit
from sessionkit import Case, command, pf, PFPROF, SYSTEM_PYTHON


@contextlib.contextmanager
def started(argv, **options):
    """A process that ends with the block, and what it has started, be it by a failure."""
    with subprocess.Popen(argv, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def catches(pid, number):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt:"))
    return caught >> (number - 1) & 1


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
        self.assert_sum(timeline["calls"], report["metrics"]["message_count"])
        self.assertAlmostEqual(
            sum(map(sum, timeline["octaves"])) / sum(timeline["calls"]), 1, delta=0.05)

    def fifo(self, name):
        path = os.path.join(self.folder, name)
        os.mkfifo(path)
        self.addCleanup(os.unlink, path)
        return path

    def echo(self, count):
        """A target that has made so many calls, and makes as many more as it is told."""
        echo = clikit.Echo(self.run_)
        self.addCleanup(echo.end)
        echo.write(count)
        return echo

    @contextlib.contextmanager
    def recording(self, pid, path, *options, **more):
        """A recorder that watches the process already."""
        with started([PFPROF, "record", *options, "-o", path, str(pid)], env=self.env, **more) as recorder:
            pf.wait_for(lambda: catches(recorder.pid, signal.SIGHUP) and clikit.state_of(recorder.pid) == "S",
                        "the recorder")
            yield recorder

    def live_program(self, program):
        """Starts a program under the library by hand; it has a segment."""
        env = {**pf.environment(self.run_, {"OUTPUT": "none"}), "LD_PRELOAD": pf.LIB}
        return started(program, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_for_segment(self, process):
        pf.wait_for(lambda: command("show", process.pid, status=None, env=self.env).returncode == 0, "its segment")

    def assert_sum(self, calls, total):
        """Each bin is said to a tenth of a call."""
        self.assertAlmostEqual(sum(calls), total, delta=0.05 * len(calls) + 0.01)

    def timeline_of_silence(self, name, before=""):
        """The bins of a run that is silent, while pfprof looks a dozen times, and then makes 2000 calls."""
        go, path = self.fifo(name), os.path.join(self.folder, name + ".pfs")
        program = (f"import os\ngo = os.open({go!r}, os.O_RDWR)\nopen({go + '-ready'!r}, 'w').close()\n"
                   f"{before}\nos.read(go, 1)\n"
                   "for i in range(2000): os.write(2, b'a line\\n')")
        argv = [PFPROF, "run", "--library", pf.LIB, "--rate", "1", "--output", "none", "--save", path,
                "--", SYSTEM_PYTHON, "-c", program]
        with started(argv, env=self.env, stderr=subprocess.PIPE) as process:
            pf.wait_for(lambda: os.path.exists(go + "-ready"), "the target")
            if before:
                self.assertEqual(process.stderr.readline(), b"begun\n")
            clikit.wait_for_looks(process.pid, 12)
            clikit.write_into(go, b"x")
            process.stderr.read()
            self.assertEqual(process.wait(timeout=pf.PATIENCE), 0)
        return self.report(path)["timeline"]["calls"]

    def test_timeline_of_a_late_writer(self):
        """It makes its segment at its first write: what it wrote then is not spread over the silence before."""
        calls = self.timeline_of_silence("late")
        self.assertGreater(len(calls), 12)
        self.assertEqual(calls[0], 0, calls)
        self.assert_sum(calls, 2000)

    @unittest.skipUnless(os.geteuid() == 0, "only root's processes can become another user's")
    def test_timeline_of_another_user(self):
        """As servers' workers do: what they do is seen when they do it, not spread over their life."""
        calls = self.timeline_of_silence("user", "os.setuid(65534)\nos.write(2, b'begun\\n')")
        self.assertGreater(len(calls), 12)
        self.assertLessEqual(calls[0], 1, calls)
        self.assert_sum(calls, 2001)

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
        echo = self.echo(10)
        for i in range(2):  # before, and in the middle
            echo.write(5)
            command("ctl", echo.pid, "reset", env=self.env)
            path = os.path.join(self.folder, f"reset{i}.pfs")
            begun = time.monotonic()
            with self.recording(echo.pid, path) as recorder:
                watched = time.monotonic()
                echo.write(2000)
                clikit.wait_for_looks(recorder.pid)
                if i == 1:
                    command("ctl", echo.pid, "reset", env=self.env)
                clikit.wait_for_looks(recorder.pid)
                echo.write(3000)
                asked = time.monotonic()
                recorder.send_signal(signal.SIGINT)
                self.assertEqual(recorder.wait(timeout=pf.PATIENCE), 0)
            report, ended = self.report(path), time.monotonic()
            timeline = report["timeline"]
            self.assert_sum(timeline["calls"], 5000)
            self.assertEqual(report["metrics"]["message_count"], (5000, 3000)[i])
            length, width = len(timeline["calls"]) * timeline["bin_seconds"], timeline["bin_seconds"]
            self.assertTrue(asked - watched <= length <= ended - begun + width, (timeline, begun, ended))

    def test_record_for_a_time(self):
        """It ends by itself; what the process did before is counted, and no part of the timeline."""
        echo, path = self.echo(7), os.path.join(self.folder, "recorded.pfs")
        with self.recording(echo.pid, path, "-s", "1") as recorder:
            echo.write(5000)
            self.assertEqual(recorder.wait(timeout=pf.PATIENCE), 0)
        report = self.report(path)
        timeline = report["timeline"]
        self.assertEqual(report["metrics"]["message_count"], 5007)
        self.assert_sum(timeline["calls"], 5000)
        self.assertGreaterEqual(len(timeline["calls"]) * timeline["bin_seconds"], 1)
        self.assertLessEqual(len(timeline["calls"]), 240)

    def test_the_terminal_goes_away(self):
        """A closed session ends with SIGHUP: what was recorded is kept, unless nohup says to go on."""
        echo, path = self.echo(3), os.path.join(self.folder, "hup.pfs")
        with self.recording(echo.pid, path) as recorder:
            recorder.send_signal(signal.SIGHUP)
            self.assertEqual(recorder.wait(timeout=pf.PATIENCE), 0)
        self.assertEqual(self.report(path)["metrics"]["message_count"], 3)
        err = command("record", "-o", "/nonexistent/x.pfs", echo.pid, env=self.env, status=2).stderr
        self.assertIn(b"--output /nonexistent/x.pfs cannot be written", err)

    def test_another_program_begins(self):
        """After exec the segment is over and the process is not: that is said.  After the end it is not."""
        go, never = self.fifo("go"), self.fifo("never")
        for last, said in ((f"exec cat {never}", True), ("exit", False)):
            script = f"echo a line; read x <{go}; {last}"
            with self.live_program(["bash", "-c", script]) as process:
                self.wait_for_segment(process)
                path = os.path.join(self.folder, "exec.pfs")
                with self.recording(process.pid, path, stderr=subprocess.PIPE) as recorder:
                    clikit.write_into(go, b"\n")
                    err = recorder.communicate(timeout=pf.PATIENCE)[1].decode()
                self.assertEqual(recorder.returncode, 0)
                self.assertEqual(f"process {process.pid} has begun another program" in err, said, err)
                self.assertGreater(self.report(path)["metrics"]["message_count"], 0)

    def test_a_process_that_becomes_a_daemon(self):
        """What goes on is its child: that is said, with how to watch it."""
        go, there, never = (self.fifo(name) for name in ("daemon-go", "daemon-there", "daemon-never"))
        program = ("import os\nos.write(2, b'a line\\n')\n"
                   f"open({go!r}).read()\nif os.fork() == 0:\n    os.write(2, b'a line\\n')\n"
                   f"    open({there!r}, 'w').close()\n    open({never!r}).read()\n"
                   f"open({there!r}).read()\n")
        with self.live_program([SYSTEM_PYTHON, "-c", program]) as process:
            self.wait_for_segment(process)
            path = os.path.join(self.folder, "daemon.pfs")
            with self.recording(process.pid, path, stderr=subprocess.PIPE) as recorder:
                clikit.write_into(go, b"")
                err = recorder.communicate(timeout=pf.PATIENCE)[1].decode()
            child = re.search(r"has ended, its child (\d+) goes on: `pfprof record \1` watches that\n", err)
            self.assertIsNotNone(child, err)
            self.assertEqual(os.readlink(f"/proc/{child[1]}/exe"), os.path.realpath(SYSTEM_PYTHON))

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
