#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# show, list and ctl on running programs; what they say equals the exit summary.
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf


class Live(clikit.Case):
    def echo(self, **settings):
        echo = clikit.Echo(self.world.run, SEGMENT_DIR=self.world.folder, **settings)
        self.addCleanup(echo.end)
        return echo

    def writes(self, one):
        return {f["name"]: f for f in one["functions"]}.get("write", {}).get("message_count", 0)

    def maps(self, pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return file.read()

    def show(self, pid):
        return self.world.json("show", pid)

    def test_show_follows_exactly(self):
        echo = self.echo(SAMPLE_RATE="0.1")
        for total in (1, 10, 60):
            echo.write(total - (0 if total == 1 else (1 if total == 10 else 10)))
            self.assertEqual(self.writes(self.show(echo.pid)), total)
        self.check(self.show(echo.pid))
        only = self.world.cli("show")
        self.assertEqual(only.status, 0, only.err)
        self.assertIn(f"pid {echo.pid}", only.out)

    def test_list(self):
        one, other = self.echo(), self.echo()
        one.write(5), other.write(9)
        listed = {p["pid"]: p for p in self.world.json("list")["processes"]}
        self.assertEqual({pid: listed[pid]["message_count"] for pid in (one.pid, other.pid)},
                         {one.pid: 5, other.pid: 9})
        self.assertEqual(listed[one.pid]["state"], "active")
        text = self.world.cli("list")
        self.assertRegex(text.out, rf"(?m)^ *{one.pid}  active +5 ")
        self.assert_error(self.world.cli("show"), says="list")
        narrow = self.world.cli("list", extra={"COLUMNS": "80"})
        for line in narrow.out.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_how_it_ended_without_a_summary(self):
        """No output, no kept segment: who still holds the segment reads how the process ended."""
        for settings in ({}, {"KEEP_SEGMENT": "true"}):
            with self.subTest(settings):
                echo = self.echo(SAMPLE_RATE="0.5", **settings)
                echo.write(50)
                (name,) = [n for n in os.listdir(self.world.folder)
                           if n.startswith(f"{echo.pid}-") and n.endswith(".pfseg")]
                held = os.path.join(self.world.folder, "held")
                os.link(os.path.join(self.world.folder, name), held)
                echo.end()
                one = self.world.json("show", held)
                os.unlink(held)
                (process,) = one["processes"]
                self.assertEqual((process["end"], process["status"]), ("exit", 0))
                self.assertGreater(one["metrics"]["overhead_ns"], 0)
                self.assertEqual(one["coverage"]["percent"], 100)

    def test_off_and_on(self):
        echo = self.echo()
        echo.write(7)
        self.assertEqual(self.world.cli("ctl", echo.pid, "off").status, 0)
        echo.write(20)
        self.assertEqual(self.writes(self.show(echo.pid)), 7)
        self.assertEqual(self.world.json("list")["processes"][0]["state"], "dormant")
        self.assertEqual(self.world.cli("ctl", echo.pid, "on").status, 0)
        echo.write(4)
        self.assertEqual(self.writes(self.show(echo.pid)), 11)

    def test_rate(self):
        echo = self.echo(SAMPLE_RATE="0")
        echo.write(50)
        self.assertLessEqual(self.show(echo.pid)["metrics"]["sampled_count"], 1)
        before = self.show(echo.pid)["metrics"]["sampled_count"]
        self.assertEqual(self.world.cli("ctl", echo.pid, "rate=1").status, 0)
        echo.write(40)
        metrics = self.show(echo.pid)["metrics"]
        self.assertEqual(metrics["sampled_count"] - before, 40, "every call is timed")
        self.assertEqual(metrics["message_count"], 90)

    def test_rate_of_a_site(self):
        echo = self.echo(SAMPLE_RATE="0")
        echo.write(10)
        before = self.show(echo.pid)
        (site,) = [s for s in before["call_sites"] if s["function"] == "write"]
        for order in (f"site={site['address']}:rate=1", f"site={site['address']}/write:rate=1",
                      "site=write:rate=1"):
            at = self.show(echo.pid)["metrics"]["sampled_count"]
            self.assertEqual(self.world.cli("ctl", echo.pid, order).status, 0)
            echo.write(5)
            self.assertEqual(self.show(echo.pid)["metrics"]["sampled_count"], at + 5, order)
            self.assertEqual(self.world.cli("ctl", echo.pid, "sites=default").status, 0)
            echo.write(5)
            self.assertEqual(self.show(echo.pid)["metrics"]["sampled_count"], at + 5, order)

    def test_reset_is_exact_afterwards(self):
        echo = self.echo(SAMPLE_RATE="1")
        echo.write(33)
        self.assertEqual(self.world.cli("ctl", echo.pid, "reset").status, 0)
        self.assertEqual(self.writes(self.show(echo.pid)), 0)
        echo.write(12)
        one = self.check(self.show(echo.pid))
        self.assertEqual(one["metrics"]["message_count"], 12)
        self.assertEqual(one["metrics"]["bytes"], 12 * 6)

    def test_flush(self):
        path = os.path.join(self.world.run.folder, "%n-%p.json")
        echo = self.echo(OUTPUT=path, FORMAT="json")
        echo.write(3)
        self.assertEqual(self.world.cli("ctl", echo.pid, "flush").status, 0)
        echo.write(2)
        self.assertEqual(self.world.cli("ctl", echo.pid, "flush").status, 0)
        with open(path.replace("%n-%p", f"echo-{echo.pid}"), encoding="utf-8") as file:
            counts = [json.loads(line)["metrics"]["message_count"] for line in file]
        self.assertEqual(counts, [3, 5])
        other = self.echo(FORMAT="text")
        other.write(6)
        done = self.world.cli("ctl", other.pid, "flush")
        self.assertIn("ProfileMetrics", done.out)

    def test_wrong_orders(self):
        echo = self.echo()
        echo.write(1)
        for order in ("up", "rate=2", "rate=", "rate=0.1x", "site=:rate=1", "site=write", "rate=nan",
                      "site=0x:rate=1", "site=0x12/:rate=1", ""):
            self.assert_error(self.world.cli("ctl", echo.pid, order))
        self.assert_error(self.world.cli("ctl", echo.pid, "rate=7"), says="0 to 1")
        self.assert_error(self.world.cli("ctl", echo.pid, "site=nothing:rate=1"), says="nothing")
        self.assert_error(self.world.cli("ctl", echo.pid, "reset", "off", "up"), says="up")
        echo.write(1)
        self.assertEqual(self.writes(self.show(echo.pid)), 2, "all of a line or nothing")
        self.assert_error(self.world.cli("ctl", echo.pid), says="ORDER")
        self.assert_error(self.world.cli("ctl", "x", "on"))
        self.assert_error(self.world.cli("ctl", "0", "on"))

    def test_who_cannot_be_observed(self):
        python = pf.need("python3")
        hidden = self.echo(CLI_ENABLED="false")
        hidden.write(1)
        for command in (("show", hidden.pid), ("ctl", hidden.pid, "off")):
            self.assert_error(self.world.cli(*command), says="CLI_ENABLED=false")
        bare = subprocess.Popen([python, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            pf.wait_for(lambda: os.path.exists(f"/proc/{bare.pid}/maps"))
            self.assert_error(self.world.cli("show", bare.pid), says="does not run under pfprof")
        finally:
            bare.communicate(b"\n")
        self.assert_error(self.world.cli("show", bare.pid), says="there is no process")
        quiet = self.echo()
        pf.wait_for(lambda: "libpfprof" in self.maps(quiet.pid))
        self.assert_error(self.world.cli("ctl", quiet.pid, "off"), says="no output call")
        self.assert_error(self.world.cli("show", "/etc/passwd"), says="not a segment")
        self.assert_error(self.world.cli("show", "/no/such"), says="/no/such")

    def test_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        setpriv = pf.need("setpriv")
        echo = self.echo()
        echo.write(1)
        done = subprocess.run(
            [setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", clikit.PFPROF, "ctl",
             str(echo.pid), "off"], capture_output=True, text=True, env=self.world.environment(),
        )
        if "No such file" in done.stderr or "Permission denied" in done.stderr:
            self.skipTest(f"another user cannot run {clikit.PFPROF}")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Apfprof: process \d+ belongs to root[^\n]*\n\Z")
        echo.write(1)
        self.assertEqual(self.writes(self.show(echo.pid)), 2)

    def test_root_sees_what_became_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        setpriv, python = pf.need("setpriv", "python3")
        process = pf.start([setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", python,
                            "-c", "import os\nos.write(1,b'x')\nos.read(0,1)"],
                           run=self.world.run, stdin=subprocess.PIPE, OUTPUT="none")[1]
        try:
            self.assertEqual(process.stdout.read(1), b"x")
            everywhere = {"PROVIDE_PROFILING_SEGMENT_DIR": ""}
            one = pf.wait_for(lambda: json.loads(
                self.world.cli("show", process.pid, "--json", extra=everywhere).out or "null"))
            self.assertEqual(self.writes(one), 1)
            done = self.world.cli("ctl", process.pid, "off", extra=everywhere)
            self.assertEqual((done.status, done.err), (0, ""))
        finally:
            process.kill()
            process.communicate()
            self.world.cli("salvage", process.pid, "--remove",
                           extra={"PROVIDE_PROFILING_SEGMENT_DIR": ""})


class Limits(pf.Case):
    def test_a_share_of_time_that_can_only_be_a_limit(self):
        """The script's clock moves at timed calls alone, every other one: estimates are twice as long as the
        lives of their threads.  test_top_batch.py has the same of top and show, on a segment made so."""
        program = ("import os, threading\nwork = lambda: [os.write(1, b'x') for _ in range(1000)]\n"
                   "for _ in range(2):\n    t = threading.Thread(target=work)\n    t.start()\n    t.join()\n")
        argv, options = [pf.need("python3"), "-c", program], {"script": "write=5000;seed=1", "SAMPLE_RATE": "0.5"}
        text = pf.execute(argv, FORMAT="text", OUTPUT="stderr", **options).stderr.decode()
        rows = re.findall(r"(?m)^  python3( ×\d)? .* (5\.00|10\.0) ms   ≤100 %   5\.00 µs$", text)
        self.assertIn(len(rows), (1, 2), text)  # a thread may take over what one before has left
        one = pf.execute(argv, **options).only()
        self.assertTrue(one["threads"])
        for thread in one["threads"]:
            self.assertEqual((thread["output_share_percent"], thread["output_share_is_limit"]), (100, True))


class Servers(clikit.Case):
    """Live figures of servers under load equal their exit summaries."""

    def count(self, pid, name="write"):
        one = self.world.json("show", pid)
        return {f["name"]: f["message_count"] for f in one["functions"]}.get(name, 0)

    def compare(self, process, pid):
        """Shows a server at rest, and ends it: what it showed."""
        live = self.world.json("show", pid)
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=pf.PATIENCE)
        self.assertEqual(live["metrics"]["message_count"],
                         live["metrics"]["sampled_count"] + live["metrics"]["dropped_count"])
        return live

    def test_redis(self):
        server, client = pf.need("redis-server", "redis-benchmark")
        port = pf.hold_port(self)
        run, process = pf.start(
            [server, "--port", str(port), "--save", "", "--appendonly", "yes", "--dir",
             self.world.run.work], run=self.world.run, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, SAMPLE_RATE="0.1", SEGMENT_DIR=self.world.folder,
        )
        try:
            pf.wait_for(lambda: b"PONG" in pf.ask(port, b"PING\r\n"), "redis")
            subprocess.run([client, "-p", str(port), "-n", "3000", "-q", "-t", "set"],
                           check=True, capture_output=True, timeout=pf.PATIENCE)
            pf.wait_for(lambda: self.count(process.pid) >= 3000, "3000 writes")
            live = self.compare(process, process.pid)
        finally:
            process.kill()
            process.wait()
        (exit_summary,) = run.summaries()[process.pid]
        # A server says good-bye; what it did before is the same.
        before = {f["name"]: f["message_count"] for f in live["functions"]}
        after = {f["name"]: f["message_count"] for f in exit_summary["functions"]}
        self.assertGreaterEqual(before["write"], 3000)
        for name, count in before.items():
            self.assertLessEqual(count, after[name], name)
            self.assertLess(after[name] - count, 30, name)

    def test_nginx(self):
        nginx = pf.need("nginx")
        folder, port = self.world.run.work, pf.hold_port(self)
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as file:
            user = "user root;" if os.geteuid() == 0 else ""
            file.write(
                f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;\n"
                "events { worker_connections 64; }\n"
                f"http {{ access_log {folder}/access; server {{ listen 127.0.0.1:{port};\n"
                "location / { return 200 'hello'; } } }\n"
            )
        run, process = pf.start([nginx, "-c", conf, "-p", folder], run=self.world.run,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                SEGMENT_DIR=self.world.folder)
        requests, request = 200, b"GET / HTTP/1.0\r\n\r\n"

        def lines():
            with open(os.path.join(folder, "access"), "rb") as access:
                return access.read().count(b"\n")

        try:
            pf.wait_for(lambda: b"hello" in pf.ask(port, request), "nginx")
            for _ in range(requests):
                self.assertIn(b"hello", pf.ask(port, request))
            # A request is logged when it has been answered, and that call is on record a moment later.
            pf.wait_for(lambda: lines() > requests, "the access log")
            worker = pf.wait_for(lambda: [
                p for p in self.world.json("list")["processes"] if p["message_count"] > requests
            ], "the worker")[0]["pid"]
            pf.wait_for(lambda: self.count(worker) == lines(), "one write for each line of the access log")
            live = self.compare(process, worker)
        finally:
            process.kill()
            process.wait()
        writes = {f["name"]: f["message_count"] for f in live["functions"]}
        self.assertEqual(writes["write"], lines(), "one write for each line of the access log")
        (exit_summary,) = run.summaries()[worker]
        after = {f["name"]: f["message_count"] for f in exit_summary["functions"]}
        self.assertEqual(writes["write"], after["write"])
        self.assertEqual(writes["writev"], after["writev"])


if __name__ == "__main__":
    pf.main()
