#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# `pfprof top --batch`, on live programs: what it says equals the exit summary.
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from topkit import PFPROF, TABS, Watched, pf
PYTHON_LOG = """
import logging, os, time
logging.basicConfig(filename="log", format="%(asctime)s %(levelname)s %(message)s")
i = 0
while not os.path.exists("stop"):
    logging.warning("record %d", i)
    print("line", i, flush=True)
    i += 1
    time.sleep(0.001)  # its pace: it is not to fill the disk
"""


def nginx_command(run, port):
    """One process that serves a file and keeps an access log."""
    user = "user root;" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {run.work}/{kind};" for kind in kinds)
    with open(os.path.join(run.work, "index.html"), "w", encoding="ascii") as file:
        file.write("hello\n")
    with open(os.path.join(run.work, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(
            f"{user} daemon off; master_process off; pid {run.work}/pid;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log {run.work}/access.log; keepalive_requests 100000; {places}\n"
            f"server {{ listen 127.0.0.1:{port}; root {run.work}; }} }}\n"
        )
    return [pf.need("nginx"), "-p", run.work, "-e", run.work + "/error.log", "-c", run.work + "/nginx.conf"]


def fetch(port, count):
    """So many requests over four connections, in turn."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=pf.PATIENCE) for _ in range(4)]
    for i in range(count):
        connections[i % 4].request("GET", "/index.html")
        connections[i % 4].getresponse().read()
    for connection in connections:
        connection.close()


class BatchTest(Watched):
    def watch(self, *options, pid=None, **more):
        """A batch that runs until its target ends, or is told to; .stdout is text."""
        words = [PFPROF, "top", "--batch", *options, *([str(pid)] if pid else [])]
        watcher = subprocess.Popen(words, env=self.plain(**more), stdout=subprocess.PIPE, text=True)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        return watcher

    def watch_to_the_end(self, pid):
        """A watcher that has written an object."""
        watcher = self.watch("--json", "-d", "0.05", pid=pid)
        return watcher, json.loads(watcher.stdout.readline())

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

    def objects(self, watcher, first):
        objects = [first, *map(json.loads, watcher.stdout)]
        self.assertEqual(watcher.wait(timeout=pf.PATIENCE), 0)
        self.assertGreater(len(objects), 1)
        self.assertTrue(all(o["schema_version"] == 1 for o in objects))
        self.assertEqual(objects[-1]["state"], "ended")
        return objects

    def test_python(self):
        self.launch([pf.need("python3"), "-c", PYTHON_LOG], SAMPLE_RATE="0.3")
        watcher, first = self.watch_to_the_end(self.process.pid)
        count = first["total"]["metrics"]["message_count"]
        pf.wait_for(lambda: self.metrics()["message_count"] > count + 100, "100 calls more")
        one = self.stop().only()
        self.assert_same_figures(self.objects(watcher, first), self.check(one))

    def test_nginx(self):
        run = pf.prepare()
        port = pf.hold_port(self)
        argv = nginx_command(run, port)
        self.launch(argv, run=run, SAMPLE_RATE="0.1")
        pf.wait_for(lambda: pf.ask(port, b"GET / HTTP/1.0\r\n\r\n"), "nginx")
        fetch(port, 10)
        watcher, first = self.watch_to_the_end(self.process.pid)
        terminal = self.top("-d", "0.2")
        terminal.keys("2")
        fetch(port, 2000)
        terminal.wait(r"^nginx\S* +\w* *[\d.]+k? ")
        self.process.send_signal(signal.SIGQUIT)  # nginx's way of ending in order
        pf.finish(run, self.process)
        self.assert_same_figures(self.objects(watcher, first), self.check(run.only()))
        terminal.wait("ended: ")
        self.quit(terminal)

    def test_redis(self):
        redis, load = pf.need("redis-server", "redis-benchmark")
        port = pf.hold_port(self)
        self.launch([redis, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly",
                     "yes", "--daemonize", "no"], SAMPLE_RATE="0.1")
        pf.wait_for(lambda: b"PONG" in pf.ask(port, b"PING\r\n"), "redis")
        watcher, first = self.watch_to_the_end(self.process.pid)
        subprocess.run(
            [load, "-h", "127.0.0.1", "-p", str(port), "-n", "10000", "-t", "set,get", "-q"],
            stdout=subprocess.DEVNULL, check=True, timeout=pf.PATIENCE,
        )
        self.process.send_signal(signal.SIGTERM)
        pf.finish(self.run, self.process)
        self.assert_same_figures(self.objects(watcher, first), self.check(self.run.only()))

    def test_text(self):
        self.chatter()
        for columns in (80, 132):
            done = self.batch("-n", "2", "-d", "0.1", pid=self.process.pid, COLUMNS=str(columns))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(len(re.findall(r"(?m)^20\S+Z  pid \d+  chatter  active$", done.stdout)), 2)
            for line in done.stdout.splitlines():
                self.assertLessEqual(len(line), columns, line)
            watcher = self.watch("-d", "0.1", pid=self.process.pid, COLUMNS=str(columns))
            for row in (r"  vfprintf +\S+ ", r"  \S*chatter\.c:\d+ in "):
                line = next(line for line in watcher.stdout if re.match(row, line))
                self.assertLessEqual(len(line), columns + 1, line)

    def test_each_table(self):
        """Of one that has ended: the whole, once."""
        echo = self.echo(KEEP_SEGMENT="true")
        echo.write(250)
        echo.end()
        for name in TABS:
            done = self.batch("-n", "1", "-t", name, "--ascii", pid=echo.pid)
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout.isascii())
            self.assertGreater(len(done.stdout.splitlines()), 2)
            self.assertRegex(done.stdout, rf"\A20\S+Z  pid {echo.pid}  echo  ended\n")
        done = self.batch("--json", pid=echo.pid)
        (line,) = done.stdout.splitlines()
        self.assertEqual(json.loads(line)["total"]["metrics"]["message_count"], 250)
        self.assertEqual(json.loads(line)["interval"]["metrics"]["message_count"], 250)

    def test_figures_to_the_digit(self):
        """Of each hundred calls 98 take 5 µs, one 80, one 320, and 1 µs lies between any two."""
        echo = self.echo(KEEP_SEGMENT="true",
                         script="write=5000+1000*97,5000i+1000,80000v+1000,320000+1000")
        echo.write(1000)
        echo.end()
        figures = "101k 592K 89.9 0% 4.99 µs 79.9 µs 320 µs flush 90% ····█·▄▄····"
        for name, row in (("functions", "write " + figures),
                          ("sites", r"\S*targets/echo\.c:11 in main write " + figures),
                          ("threads", rf"{echo.pid} echo 101k 592K 89.9 79.9 µs 320 µs –"),
                          ("streams", r"pipe:\[\d+\] \(fd 1\) " + figures),
                          ("levels", r"\(no level found\) 101k 100 █+")):
            with self.subTest(name):
                lines = self.batch("-t", name, pid=echo.pid, COLUMNS="200").stdout.splitlines()
                self.assertEqual(lines[1], "  101k messages/s  592 KiB/s  output 89.9 % of wall")
                self.assertRegex(" ".join(lines[3].split()), rf"\A{row}\Z")

    def test_a_share_of_time_that_can_only_be_a_limit(self):
        """A thread whose calls took longer than it has lived."""
        echo = self.echo(KEEP_SEGMENT="true")
        echo.write(250)
        echo.end()
        (path,) = self.run.segments()
        with open(path, "r+b") as file:
            file.seek(120)
            slot = struct.unpack("<Q", file.read(8))[0] * 64
            file.seek(slot + 32)  # attached since; total of earlier attachments
            file.write(struct.pack("<QQ", 0, 1))
        done = self.batch("-t", "threads", pid=echo.pid)
        self.assertRegex(done.stdout, r"(?m)^  \d+ echo .* ≤100 ")
        done = self.command("show", "--json", str(echo.pid))
        (thread,) = json.loads(done.stdout)["threads"]
        self.assertEqual((thread["output_share_percent"], thread["output_share_is_limit"]), (100, True))

    def test_all_together(self):
        self.chatter()
        first, run = self.process, self.run
        self.chatter(run=run)
        watcher = self.watch("--json", "-d", "0.1")
        for line in watcher.stdout:
            one = json.loads(line)
            self.assertEqual({process["pid"] for process in one["total"]["processes"]},
                             {first.pid, self.process.pid})
            if one["interval"]["metrics"]["message_count"] > 0:
                break
        else:
            self.fail("no interval with a message")
        done = self.batch("-n", "2", "-d", "0.1")
        self.assertEqual(len(re.findall(r"(?m)^20\S+Z  2 processes$", done.stdout)), 2)

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
