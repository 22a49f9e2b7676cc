#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# `pfprof top` in a terminal and in batch mode, on live programs.
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
sys.path.insert(0, HERE)
import pfharness as pf  # noqa: E402
from terminal import Terminal  # noqa: E402

PFPROF = os.environ.get("PF_COMMAND") or os.path.join(pf.ROOT, "build/lib/cli/pfprof")
TABS = ("functions", "sites", "threads", "streams", "levels")

PYTHON_LOG = """
import logging, os, time
logging.basicConfig(filename="log", format="%(asctime)s %(levelname)s %(message)s")
i = 0
while not os.path.exists("stop"):
    logging.warning("record %d", i)
    print("line", i, flush=True)
    i += 1
    time.sleep(0.001)
"""


def table(screen):
    """The rows below the titles of the table, down to the line at the bottom."""
    return [line for line in screen[6:-1] if line.strip()]


class Watched(pf.Case):
    """A target, and terminals that look at it."""

    def setUp(self):
        self.terminals, self.targets = [], []

    def tearDown(self):
        for terminal in self.terminals:
            terminal.close()
        for run, process in self.targets:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def launch(self, argv, run=None, stdout=subprocess.DEVNULL, **settings):
        self.run, self.process = pf.start(argv, run=run, stdout=stdout, **settings)
        self.targets.append((self.run, self.process))
        pf.wait_for(lambda: self.run.segments() or self.process.poll() is not None)
        self.assertIsNone(self.process.poll(), "the target runs")
        return self.run, self.process

    def chatter(self, **settings):
        return self.launch([pf.build("chatter"), "stop"], **settings)

    def stop(self):
        with open(os.path.join(self.run.work, "stop"), "w", encoding="ascii"):
            pass
        pf.finish(self.run, self.process)
        return self.run

    def environment(self, **more):
        return {"XDG_RUNTIME_DIR": self.run.runtime, "HOME": self.run.folder, **more}

    def top(self, *options, columns=80, rows=24, pid=True, **more):
        words = [PFPROF, "top", *options, *([str(self.process.pid)] if pid else [])]
        terminal = Terminal(" ".join(words), self.environment(**more), columns, rows)
        self.terminals.append(terminal)
        return terminal

    def batch(self, *options, pid=None, **more):
        words = [PFPROF, "top", "--batch", *options, *([str(pid)] if pid else [])]
        return subprocess.run(
            words, env={**os.environ, "LC_ALL": "C.UTF-8", **self.environment(**more)}, timeout=60,
            capture_output=True, text=True,
        )

    def quit(self, terminal):
        terminal.keys("Q")
        screen = terminal.wait(r"^STATUS=0$")
        self.assertNotRegex("\n".join(screen), "Sanitizer|runtime error")

    def assert_fits(self, screen, columns, rows):
        self.assertEqual(len(screen), rows)
        for line in screen:
            self.assertLessEqual(len(line), columns, line)
            self.assertNotRegex(line, r"[\x00-\x1f\x7f�]")


class TablesTest(Watched):
    def test_each_table(self):
        self.chatter()
        terminal = self.top("-d", "0.2")
        terminal.wait(r"^vfprintf ")
        expected = {
            "functions": (r"^function .*calls/s.*cost %", r"^fputs +[\d.]+k? "),
            "sites": (r"^call site ", r"^\S*chatter\.c:\d+ in (serve|watch|log_line)"),
            "threads": (r"^thread .*in a call since", r"^\d+ stuck .* s in write"),
            "streams": (r"^stream ", r"^\S*chatter\.log \(fd \d+\)"),
            "levels": (r"^level ", r"^warning +[\d.]+k? "),
        }
        for number, name in enumerate(TABS, 1):
            with self.subTest(name):
                terminal.keys(str(number))
                title, row = expected[name]
                terminal.wait(title)
                screen = terminal.wait(row)
                self.assert_fits(screen, 80, 24)
                self.assertIn(f"pid {self.process.pid}", screen[0])
                self.assertRegex(screen[0], "chatter.* active +wall ")
                self.assertRegex(screen[1], r"messages/s +[\d.]+ [KM]?i?B/s +output .*% of wall")
                self.assertRegex(screen[2], r"rate 1 +lost 0 +coverage ")
                self.assertRegex(screen[-1], "^Tab next")
        for name in (*TABS, "functions"):  # from the last one on to the first
            terminal.keys("Tab")
            terminal.wait("^" + {"sites": "call site"}.get(name, name.rstrip("s")))
        terminal.keys("BTab")
        terminal.wait("^level")
        self.quit(terminal)

    def test_sizes(self):
        self.chatter()
        terminal = self.top("-d", "0.2")
        for columns, rows in ((200, 60), (80, 24), (132, 40), (50, 10), (18, 3), (80, 24)):
            for key in ("1", "2", "3", "4", "5", "?"):
                with self.subTest(columns=columns, rows=rows, key=key):
                    terminal.resize(columns, rows)
                    terminal.keys(key)
                    time.sleep(0.15)
                    self.assert_fits(terminal.screen(), columns, rows)
            terminal.keys("Escape")
            time.sleep(0.1)
        terminal.resize(200, 60)
        terminal.keys("1")
        terminal.wait(r"^function .* p50 .* p99 .* max why +16ns +67ms$")
        self.quit(terminal)

    def test_without_unicode_and_colour(self):
        self.chatter()
        terminal = self.top("-d", "0.2", LC_ALL="C")
        terminal.wait(r"^vfprintf ")
        for key in ("1", "Enter", "Escape", "5", "?"):
            terminal.keys(key)
            time.sleep(0.2)
            self.assertTrue("".join(terminal.screen()).isascii(), terminal.screen())
        self.quit(terminal)
        for value, coloured in (("1", False), ("", True)):
            terminal = self.top("-d", "0.2", NO_COLOR=value)
            terminal.wait(r"^vfprintf ")
            drawn = "\n".join(terminal.screen("-e"))
            self.assertEqual(re.search(r"\x1b\[(\d+;)*[34][0-7](;\d+)*m", drawn) is not None, coloured)
            self.quit(terminal)


class KeysTest(Watched):
    def figures(self, screen, column):
        """A column of the table as numbers."""
        return [float(re.split(r"\s+", line)[column].rstrip("k")) * (
            1000 if re.split(r"\s+", line)[column].endswith("k") else 1) for line in table(screen)]

    def test_sort(self):
        self.chatter()
        terminal = self.top("-d", "30")  # nothing moves meanwhile
        terminal.wait(r"^vfprintf ")
        terminal.keys("<", "<")
        screen = terminal.wait("sorted by calls/s")
        calls = self.figures(screen, 1)
        self.assertGreater(len(calls), 3)
        self.assertEqual(calls, sorted(calls, reverse=True))
        self.assertIn("▼calls/s", screen[5])
        terminal.keys("s")
        screen = terminal.wait("▲calls/s")
        self.assertEqual(self.figures(screen, 1), sorted(calls))
        terminal.keys("<")
        screen = terminal.wait("sorted by function")
        names = [line.split()[0] for line in table(screen)]
        self.assertEqual(names, sorted(names))
        terminal.keys(">")
        terminal.wait("sorted by calls/s")
        self.quit(terminal)

    def test_sorted_column_is_seen(self):
        """Also one that there is no room for otherwise; where there is room for one, it is the name."""
        self.chatter()
        terminal = self.top("-d", "30", "--table", "sites")
        self.assertNotIn("bytes/s", terminal.wait(r"^call site ")[5])
        terminal.keys("<")
        terminal.wait("▼bytes/s")
        self.quit(terminal)
        terminal = self.top("-d", "30", "--table", "sites", columns=40)
        terminal.wait(r"^call site ")
        terminal.keys(*[">"] * 5)
        terminal.wait("sorted by why")
        self.assertGreater(len(table(terminal.wait(r"^call site"))), 3)
        self.quit(terminal)

    def test_filter(self):
        self.chatter()
        terminal = self.top("-d", "0.2")
        terminal.wait(r"^vfprintf ")
        terminal.keys("/")
        terminal.text("PRIN")
        screen = terminal.wait(r"^/PRIN_")
        names = {line.split()[0] for line in table(screen)}
        self.assertEqual(names, {"fprintf", "vfprintf"})
        terminal.keys("BSpace", "BSpace", "BSpace", "BSpace")
        terminal.text("fputs")
        terminal.keys("Enter")
        screen = terminal.wait(r"5 levels .*/fputs")
        self.assertEqual({line.split()[0] for line in table(screen)}, {"fputs"})
        terminal.keys("/")
        terminal.text("xyz")
        terminal.wait("no row has this text")
        terminal.keys("Escape")  # as before
        terminal.wait(r"^fputs ")
        terminal.keys("Escape")  # all
        terminal.wait(r"^vfprintf ")
        self.quit(terminal)

    def test_details(self):
        self.chatter()
        terminal = self.top("-d", "0.2", rows=50)
        terminal.wait(r"^vfprintf ")
        terminal.keys("/")
        terminal.text("vfprintf")
        terminal.wait("^/vfprintf_")
        terminal.keys("Enter", "Enter")
        screen = terminal.wait("call sites")
        text = "\n".join(screen)
        for part in ("latency +p50", "every call was timed", "where the time went", "latencies, all",
                     r"^ +[\d.]+ (n|µ|m)?s +[\d.]+k? +[\d.]+ %  █", r"chatter\.c:\d+ in log_line"):
            self.assertRegex(text, re.compile(part, re.M))
        self.assert_fits(screen, 80, 50)
        terminal.keys("q", "2")
        terminal.wait(r"^\S*chatter\.c:\d+ in ")
        terminal.keys("Enter")
        terminal.wait("writes to")
        terminal.keys("End")
        screen = terminal.wait("call stacks, since the start")
        self.assertRegex("\n".join(screen), r"(?m)^ +0  .*chatter\.c:\d+ in log_line")
        self.assertRegex("\n".join(screen), r"(?m)^ +1  .*chatter\.c:\d+ in (serve|watch)")
        terminal.keys("q")
        terminal.wait(r"^Tab next")
        self.quit(terminal)

    def test_pause(self):
        self.chatter()
        terminal = self.top("-d", "0.1")
        terminal.wait(r"^vfprintf ")
        terminal.keys("p")
        before = terminal.wait("5 levels +paused")[:6]
        time.sleep(0.5)
        self.assertEqual(terminal.screen()[:4], before[:4])
        terminal.keys("p")
        terminal.wait("going on")
        pf.wait_for(lambda: terminal.screen()[0] != before[0])
        self.assertNotEqual(terminal.screen()[0], before[0])
        self.quit(terminal)

    def test_windows_baseline_and_mark(self):
        self.chatter()
        terminal = self.top("-d", "0.2")
        terminal.wait(r"% of wall +last \d")
        terminal.keys("w")
        terminal.wait("window: whole run")
        terminal.keys("w")
        terminal.wait(r"window: last 0\.\d s")
        terminal.keys("r")
        terminal.wait("baseline: figures since now")
        terminal.wait(r"since the baseline|% of wall")
        terminal.keys("b")
        terminal.wait("Δ mark")
        screen = terminal.wait(r"^function .*calls/s +Δ %.*cost % Δ cost")
        self.assertRegex("\n".join(table(screen)), r"(?m)^fputs +\S+ +[+-]\d")
        self.assert_fits(screen, 80, 24)
        terminal.keys("b")
        terminal.wait("mark removed")
        self.quit(terminal)

    def test_orders(self):
        self.chatter(SAMPLE_RATE="0.1")
        terminal = self.top("-d", "0.1")
        terminal.wait(r"^rate 0\.1 ")
        terminal.keys("+")
        terminal.wait(r"^rate 0\.2 ")
        terminal.keys("-", "-")
        terminal.wait(r"^rate 0\.05 ")
        terminal.keys("o")
        terminal.wait("dormant +wall")
        terminal.keys("w", "w")  # the last interval
        terminal.wait("measuring is off; o switches it on|measuring is on|window: last")
        before = self.batch("--json", "-n", "1", "-d", "0.3", pid=self.process.pid)
        interval = json.loads(before.stdout)["interval"]["metrics"]
        self.assertEqual(interval["message_count"], 0)
        terminal.keys("o")
        terminal.wait(" active +wall")
        pf.wait_for(lambda: self.batched()["total"]["metrics"]["message_count"] > 2000)
        terminal.keys("R", "n")
        terminal.wait("nothing was reset")
        before = self.batched()["total"]["metrics"]["message_count"]
        terminal.keys("R")
        terminal.wait("reset the counts of this process to 0, for everybody")
        terminal.keys("y")
        terminal.wait("reset: every thread")
        self.assertLess(self.batched()["total"]["metrics"]["message_count"], before)
        self.quit(terminal)

    def batched(self):
        done = self.batch("--json", "-n", "1", "-d", "0.05", pid=self.process.pid)
        return json.loads(done.stdout)


class EndTest(Watched):
    def test_the_process_ends(self):
        self.chatter()
        terminal = self.top("-d", "0.1")
        terminal.wait(r" [1-9]\.\d\dk messages in all")
        one = self.stop().only()
        screen = terminal.wait("ended: exit 3 +wall")
        self.assertIn("the process has ended", terminal.wait("has ended")[-1])
        self.assertEqual(self.run.segments(), [])
        shown = {line.split()[0] for line in table(screen)}
        self.assertTrue({f["name"] for f in one["functions"]} <= shown, shown)
        count = one["metrics"]["message_count"]
        self.assertIn(f" {count / 1000:.{2 if count < 9995 else 1}f}k messages in all", screen[2])
        terminal.keys("o")
        terminal.wait("the process has ended")
        terminal.keys("2", "Enter")
        terminal.wait("latency +p50")
        terminal.keys("End")
        terminal.wait("call stacks")
        self.quit(terminal)

    def test_kill(self):
        self.chatter()
        terminal = self.top("-d", "0.1")
        terminal.wait(r"^vfprintf ")
        self.process.kill()
        self.process.wait()
        screen = terminal.wait("killed +wall")
        self.assertRegex("\n".join(table(screen)), "(?m)^vfprintf ")
        self.quit(terminal)

    def test_unknown_pid(self):
        self.run = pf.prepare()
        gone = subprocess.Popen(["/bin/true"])
        gone.wait()
        for options in ([], ["--batch"], ["--batch", "--json"]):
            done = subprocess.run(
                [PFPROF, "top", *options, str(gone.pid)], capture_output=True, text=True, timeout=20,
                env={**os.environ, **self.environment()},
            )
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"\Apfprof: .*{gone.pid}.*\n\Z")
        for words in (["-d", "0"], ["-d", "x"], ["-n", "0"], ["--table", "x"], ["12x"], ["--json"],
                      ["1", "2"]):
            done = subprocess.run(
                [PFPROF, "top", *words], capture_output=True, text=True, timeout=20,
                env={**os.environ, **self.environment()},
            )
            self.assertEqual(done.returncode, 2, words)
            self.assertRegex(done.stderr, r"\Apfprof: .*\n\Z")

    def test_no_terminal(self):
        self.chatter()
        done = subprocess.run(
            [PFPROF, "top", str(self.process.pid)], capture_output=True, text=True, timeout=20,
            env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL,
        )
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--batch", done.stderr)
        for kind in ("dumb", "no-such-terminal"):
            terminal = self.top(TERM=kind)
            screen = terminal.wait("^STATUS=2$")
            self.assertRegex("".join(screen), "^pfprof: .*--batch")


class SignalsTest(Watched):
    """The terminal is given back, whatever ends us."""

    def command_pid(self, terminal):
        with open(f"/proc/{terminal.pid()}/task/{terminal.pid()}/children", encoding="ascii") as file:
            return int(file.read().split()[0])

    def modes(self, terminal):
        tty = terminal.call("display-message", "-p", "#{pane_tty}").strip()
        return subprocess.run(
            ["stty", "-F", tty, "-a"], capture_output=True, text=True, check=True
        ).stdout.split(";", 3)[3]

    def assert_given_back(self, terminal, before):
        self.assertEqual(self.modes(terminal), before)
        self.assertEqual(
            terminal.call("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip(), "0 1"
        )

    def test_ended_by(self):
        self.chatter()
        plain = Terminal("true", self.environment())
        self.terminals.append(plain)
        plain.wait("STATUS=0")
        before = self.modes(plain)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV,
                       signal.SIGABRT):
            with self.subTest(number.name):
                terminal = self.top("-d", "0.2")
                terminal.wait(r"^vfprintf ")
                self.assertNotEqual(self.modes(terminal), before)
                os.kill(self.command_pid(terminal), number)
                terminal.wait(f"^STATUS={128 + number}$")
                self.assert_given_back(terminal, before)

    def test_stopped_and_continued(self):
        """Under a shell that has jobs: elsewhere the kernel stops nobody."""
        self.chatter()
        terminal = Terminal("PS1=$: " + pf.need("bash") + " --norc", self.environment())
        self.terminals.append(terminal)
        terminal.wait(r"^\$:")
        before = self.modes(terminal)
        terminal.text(f"{PFPROF} top -d 0.2 {self.process.pid}")
        terminal.keys("Enter")
        terminal.wait(r"^vfprintf ")
        terminal.keys("C-z")
        terminal.wait("Stopped")
        self.assert_given_back(terminal, before)
        terminal.resize(100, 30)
        terminal.text("fg")
        terminal.keys("Enter")
        terminal.wait(r"^vfprintf ")
        self.assertEqual(terminal.call("display-message", "-p", "#{alternate_on}").strip(), "1")
        pf.wait_for(lambda: "q quit" in terminal.screen()[-1])
        self.assert_fits(terminal.screen(), 100, 30)
        terminal.keys("Q")
        terminal.text("echo STATUS=$?")
        terminal.keys("Enter")
        terminal.wait(r"^STATUS=0$")
        self.assert_given_back(terminal, before)


class PickerTest(Watched):
    def test_pick(self):
        self.chatter()
        first, run = self.process, self.run
        self.chatter(run=run)
        terminal = self.top("-d", "0.2", pid=False)
        for process in (first, self.process):
            terminal.wait(rf"^ +{process.pid} +active +[\d.]+k? +[\d.]+K? +\S+ %  \S*chatter")
        terminal.keys("a")
        terminal.wait(r"^pfprof top +\d+ of your processes together")
        screen = terminal.wait(r"^vfprintf ")
        self.assert_fits(screen, 80, 24)
        terminal.keys("3")
        terminal.wait(rf"^{first.pid}/\d+ ticker ")
        terminal.keys("q")
        terminal.wait("which process")
        terminal.keys("Home", "Down", "Enter")
        terminal.wait(r"^pfprof top +pid \d+ ")
        terminal.keys("q")
        terminal.wait("which process")
        first.kill()
        first.wait()
        pf.wait_for(lambda: not re.search(rf"^ +{first.pid} ", "\n".join(terminal.screen()), re.M))
        self.assertNotRegex("\n".join(terminal.screen()), rf"(?m)^ +{first.pid} ")
        terminal.keys("q")
        terminal.wait("^STATUS=0$")


class BatchTest(Watched):
    def watch_to_the_end(self, pid, run):
        """All objects of a batch that runs until the target ends."""
        words = [PFPROF, "top", "--batch", "--json", "-d", "0.2", str(pid)]
        return subprocess.Popen(
            words, env={**os.environ, **self.environment()}, stdout=subprocess.PIPE, text=True
        )

    def assert_same_figures(self, objects, one):
        """The last object is the exit summary, and the intervals add up to what was watched."""
        last = objects[-1]["total"]
        for name in ("message_count", "sampled_count", "dropped_count", "bytes", "error_count",
                     "total_duration_ns", "emoji_message_count"):
            self.assertEqual(last["metrics"][name], one["metrics"][name], name)
        for array in ("functions", "flushes"):
            self.assertEqual(
                {f["name"]: (f["message_count"], f["bytes"], f["total_duration_ns"])
                 for f in last[array]},
                {f["name"]: (f["message_count"], f["bytes"], f["total_duration_ns"])
                 for f in one[array]},
            )
        self.assertEqual(sum(s["message_count"] for s in last["call_sites"]),
                         sum(s["message_count"] for s in one["call_sites"]))
        for one_of in (last, one):
            one_of["of"] = {t["tid"]: t["message_count"] for t in one_of["threads"]
                            if t["message_count"] > 0}
        self.assertEqual(last["of"], one["of"])
        for before, after in zip(objects, objects[1:]):
            for name in ("message_count", "bytes", "sampled_count"):
                self.assertEqual(
                    before["total"]["metrics"][name] + after["interval"]["metrics"][name],
                    after["total"]["metrics"][name], name,
                )

    def objects(self, watcher):
        out, _ = watcher.communicate(timeout=60)
        self.assertEqual(watcher.returncode, 0)
        objects = [json.loads(line) for line in out.splitlines()]
        self.assertGreater(len(objects), 1)
        self.assertTrue(all(o["schema_version"] == 1 for o in objects))
        self.assertEqual(objects[-1]["state"], "ended")
        return objects

    def test_python(self):
        self.launch([pf.need("python3"), "-c", PYTHON_LOG], SAMPLE_RATE="0.3")
        watcher = self.watch_to_the_end(self.process.pid, self.run)
        time.sleep(0.8)
        one = self.stop().only()
        self.assert_same_figures(self.objects(watcher), self.check(one))

    def test_nginx(self):
        nginx, wrk = pf.need("nginx", "wrk")
        run = pf.prepare()
        port = 20000 + os.getpid() % 20000
        user = "user root;" if os.geteuid() == 0 else ""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = " ".join(f"{kind}_temp_path {run.work}/{kind};" for kind in kinds)
        with open(os.path.join(run.work, "index.html"), "w", encoding="ascii") as file:
            file.write("hello\n")
        with open(os.path.join(run.work, "nginx.conf"), "w", encoding="ascii") as file:
            file.write(
                f"{user} daemon off; master_process off; pid {run.work}/pid;\n"
                "events { worker_connections 64; }\n"
                f"http {{ access_log {run.work}/access.log; {places}\n"
                f"server {{ listen 127.0.0.1:{port}; root {run.work}; }} }}\n"
            )
        self.launch([nginx, "-p", run.work, "-e", run.work + "/error.log", "-c", run.work + "/nginx.conf"],
                    run=run, SAMPLE_RATE="0.1")
        load = subprocess.Popen(
            [wrk, "-t1", "-c4", "-d2s", f"http://127.0.0.1:{port}/index.html"],
            stdout=subprocess.DEVNULL,
        )
        watcher = self.watch_to_the_end(self.process.pid, run)
        terminal = self.top("-d", "0.2")
        terminal.keys("2")
        terminal.wait(r"^nginx\S* +\w* *[\d.]+k? ")
        load.wait(30)
        self.process.send_signal(signal.SIGQUIT)  # nginx's way of ending in order
        pf.finish(run, self.process)
        self.assert_same_figures(self.objects(watcher), self.check(run.only()))
        terminal.wait("ended: ")
        self.quit(terminal)

    def test_redis(self):
        redis, load = pf.need("redis-server", "redis-benchmark")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.launch([redis, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly",
                     "yes", "--daemonize", "no"], SAMPLE_RATE="0.1")
        watcher = self.watch_to_the_end(self.process.pid, self.run)
        subprocess.run(
            [load, "-h", "127.0.0.1", "-p", str(port), "-n", "40000", "-t", "set,get", "-q"],
            stdout=subprocess.DEVNULL, check=True, timeout=60,
        )
        self.process.send_signal(signal.SIGTERM)
        pf.finish(self.run, self.process)
        self.assert_same_figures(self.objects(watcher), self.check(self.run.only()))

    def test_text(self):
        self.chatter()
        for columns in (80, 132):
            done = self.batch("-n", "2", "-d", "0.2", pid=self.process.pid, COLUMNS=str(columns))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(len(re.findall(r"(?m)^20\S+Z  pid \d+  chatter  active$", done.stdout)), 2)
            self.assertRegex(done.stdout, r"(?m)^  vfprintf +\S+ ")
            self.assertRegex(done.stdout, r"(?m)^  \S*chatter\.c:\d+ in ")
            for line in done.stdout.splitlines():
                self.assertLessEqual(len(line), columns, line)
        for name in TABS:
            done = self.batch("-n", "1", "-d", "0.2", "-t", name, "--ascii", pid=self.process.pid)
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout.isascii())
            self.assertGreater(len(done.stdout.splitlines()), 2)

    def test_all_together(self):
        self.chatter()
        first, run = self.process, self.run
        self.chatter(run=run)
        done = self.batch("--json", "-n", "2", "-d", "0.3")
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(objects), 2)
        pids = {process["pid"] for process in objects[-1]["total"]["processes"]}
        self.assertLessEqual({first.pid, self.process.pid}, pids)
        self.assertGreater(objects[-1]["interval"]["metrics"]["message_count"], 0)
        done = self.batch("-n", "1", "-d", "0.2")
        self.assertRegex(done.stdout, r"\A20\S+Z  \d+ processes\n")

    def test_watching_leaves_no_trace(self):
        """The target is not written to: its control words are what they were."""
        run, _ = self.chatter()
        with open(run.segments()[0], "rb") as file:
            control = file.read(2176)[512:]
        self.batch("--json", "-n", "3", "-d", "0.1", pid=self.process.pid)
        with open(run.segments()[0], "rb") as file:
            self.assertEqual(file.read(2176)[512:], control)


if __name__ == "__main__":
    pf.main()
