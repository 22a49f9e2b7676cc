#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Programs that we did not write: what the library counts is what strace saw in the same run.
import contextlib
import http.client
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf
import pftrace

RATES = ("0.01", "1.0")
# System calls whose bytes the kernel adds to wchar of /proc/self/io.
WCHAR = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "copy_file_range")

PYTHON = """
import logging, sys, threading
log = logging.getLogger("truth")
log.setLevel(logging.INFO)
log.addHandler(logging.FileHandler("python.log"))
log.addHandler(logging.StreamHandler(sys.stderr))
def work(name):
    for i in range(500):
        log.info("%s has written line %d of its log", name, i)
threads = [threading.Thread(target=work, args=("thread %d" % n,)) for n in range(3)]
for t in threads: t.start()
work("main")
for t in threads: t.join()
"""


# All of 127.0.0.0/8 is this machine: an address of our own, on which nobody else takes a port.
HOST = "127.{}.{}.{}".format(*(1 + os.getpid() // 250**n % 250 for n in (2, 1, 0)))


def port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def wait_for_port(number, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection((HOST, number), 10).close()
            return
        except OSError:
            time.sleep(0.02)  # between two looks
    raise AssertionError(f"nobody listens on port {number}")


def forget_folder(path):
    """Unless another program's segments are in it."""
    with contextlib.suppress(OSError):
        os.rmdir(path)


class Traced(pf.Case):
    """Runs under strace and compares."""

    def traced(self, argv, data=None, **settings):
        run = pf.execute(argv, strace=True, data=data, **settings)
        return run, self.kernel(run)

    def kernel(self, run):
        """What strace saw, without the library's own summary."""
        trace = {
            pid: [c for c in calls if not c.path.startswith(run.output)]
            for pid, calls in pftrace.read(run.trace_path).items()
        }
        self.assertTrue(any(trace.values()), "strace saw nothing")
        return trace

    def compare(self, run, trace, stdio=lambda path: False):
        """Write-family counts and bytes, process by process; `stdio` tells the files that libc's
        buffers go to, whose writes are libc's own.  Returns how many calls were compared."""
        summaries, compared = run.summaries(), 0
        for pid in set(trace) | set(summaries):
            objects = summaries.get(pid, [])
            for one in objects:
                self.check(one)
            # syscall(SYS_...) counts under its own row.
            raw = pf.total(objects, "syscall")
            for name, functions in pftrace.KERNEL.items():
                calls = [c for c in trace.get(pid, []) if c.name == name and not stdio(c.path)]
                counted = sum(pf.total(objects, f) for f in functions)
                moved = sum(pf.total(objects, f, "bytes") for f in functions)
                self.assertEqual(
                    counted + (raw if name == "write" else 0), len(calls),
                    f"{name} of process {pid} ({[o['process']['command'] for o in objects]})",
                )
                if not raw and name != "sendmmsg":
                    self.assertEqual(moved, sum(max(c.result, 0) for c in calls), f"{name} bytes")
                compared += len(calls)
        return compared

    def covered(self, one, calls=None, strict=True):
        """The coverage line holds; `calls` are the process's own, when it had one image only."""
        coverage = one["coverage"]
        kernel, seen, pending = (coverage[f"{n}_bytes"] for n in ("kernel", "seen", "pending"))
        if kernel is None:
            self.assertFalse(strict, "the kernel's count is not known")
            self.assertTrue(coverage["note"].strip(), coverage)
            return
        if calls is not None:
            wrote = sum(max(c.result, 0) for c in calls if c.name in WCHAR)
            self.assertEqual(kernel + pending, wrote, f"{coverage}")
        if kernel:
            self.assertAlmostEqual(
                coverage["percent"], 100 * min(max(seen - pending, 0), kernel) / kernel, delta=0.1
            )
        if strict:
            self.assertGreaterEqual(coverage["percent"], 99.9, coverage)
            self.assertGreaterEqual(seen, 0.999 * (kernel + pending), coverage)
        elif coverage["percent"] < 99.9:
            self.assertTrue(coverage["note"].strip(), f"bytes are missing, unexplained: {coverage}")

    def single(self, argv, compared_at_least, stdio=lambda path: False, strict=True, data=None,
               **settings):
        """One process, traced: everything that holds for any program."""
        run, trace = self.traced(argv, data, **settings)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        self.assertGreaterEqual(self.compare(run, trace, stdio), compared_at_least)
        (one,) = [o for objects in run.summaries().values() for o in objects]
        self.covered(one, trace[one["process"]["pid"]], strict)
        return run, one

    @staticmethod
    def shell(run):
        """The first process of the run: strace's child."""
        with open(run.trace_path, encoding="utf-8", errors="replace") as file:
            return int(file.readline().split()[0])


class Programs(Traced):
    """Programs that run to their end by themselves."""

    def test_python_logging(self):
        for rate in RATES:
            with self.subTest(rate=rate):
                run, one = self.single(
                    [pf.need("python3"), "-c", PYTHON], 4000, SAMPLE_RATE=rate
                )
                size = len(run.files()["python.log"])
                self.assertEqual(pf.functions(one), {"write": 4000})
                self.assertEqual(
                    sorted(run.stderr.splitlines()),
                    sorted(run.files()["python.log"].splitlines()),
                )
                self.assertEqual(pf.functions(one, "bytes"), {"write": 2 * size})
                self.assertEqual(len(one["threads"]), 4)
                self.assertEqual({t["message_count"] for t in one["threads"]}, {1000})

    def stdio_program(self, argv, functions, flushes=None, data=None, name=None, unseen=0):
        """A program that prints through stdio: exact calls, exact bytes.  `unseen` of them are
        stored into the buffer by code that is compiled in, and the note has to say so."""
        for rate in RATES:
            with self.subTest(argv=argv[0], rate=rate):
                bare = pf.execute(argv, profiled=False, data=data)
                run, one = self.single(
                    argv, 0, stdio=lambda path: True, strict=not unseen, data=data,
                    SAMPLE_RATE=rate,
                )
                self.assertEqual(bare.stdout, run.stdout)
                self.assertEqual(run.stderr, b"")
                got = pf.functions(one)
                if functions is not None:
                    self.assertEqual(got, functions)
                output = run.stdout if name is None else run.files()[name]
                self.assertGreater(len(output), 0)
                self.assertEqual(one["metrics"]["bytes"] + unseen, len(output))
                self.assertEqual(one["metrics"]["message_count"], sum(got.values()))
                if unseen:
                    self.assertRegex(one["coverage"]["note"], rf"\b{unseen}\b")
                if flushes is not None:
                    for function, count in flushes.items():
                        self.assertEqual(
                            pf.functions(one, array="flushes").get(function), count, function
                        )

    def test_seq(self):
        seq = pf.need("seq")
        self.stdio_program(
            [seq, "-f", "%g", "3000"], {"__printf_chk": 3000, "fputs_unlocked": 3000}
        )
        # Its own block writer: one call for each block that fills.
        self.stdio_program([seq, "50"], {"fwrite_unlocked": 1})
        self.stdio_program([seq, "100000"], None)

    def test_gawk(self):
        gawk = pf.need("gawk")
        lines = b"".join(b"line %d\n" % i for i in range(2000))
        self.stdio_program([gawk, "{print}"], {"fwrite_unlocked": 4000}, data=lines)
        self.stdio_program(
            [gawk, 'BEGIN { for (i = 0; i < 1000; i++) print "line", i }'],
            {"fwrite_unlocked": 4000},
        )
        self.stdio_program(
            [gawk, 'BEGIN { for (i = 0; i < 1000; i++) printf "%d %s\\n", i, "x" > "out" }'],
            {"fwrite_unlocked": 1000}, name="out",
        )

    def test_grep_line_buffered(self):
        lines = b"".join(b"line %d\n" % i for i in range(3000))
        matches = sum(b"7" in line for line in lines.splitlines())
        self.stdio_program(
            [pf.need("grep"), "--line-buffered", "7"], {"fwrite_unlocked": matches},
            flushes={"fflush_unlocked": matches}, data=lines,
        )

    def test_perl(self):
        perl = pf.need("perl")
        for rate in RATES:
            with self.subTest(rate=rate):
                script = 'print "line $_\\n" for 1..5000; syswrite STDERR, "raw $_\\n" for 1..300;'
                run, one = self.single([perl, "-e", script], 302, SAMPLE_RATE=rate)
                self.assertEqual(
                    pf.functions(one, "bytes"), {"write": len(run.stdout) + len(run.stderr)}
                )
                run, one = self.single(
                    [perl, "-e", '$| = 1; print "line $_\\n" for 1..700'], 700, SAMPLE_RATE=rate
                )
                self.assertEqual(pf.functions(one), {"write": 700})

    def test_bash(self):
        bash = pf.need("bash")
        self.stdio_program(
            [bash, "-c", "for i in {1..500}; do echo line $i; done"],
            {"__printf_chk": 1000, "putc": 1000},
        )
        script = """
            for i in {1..200}; do echo line $i; done
            (echo sub; (echo sub of sub; exit 3); echo sub again)
            for i in 1 2 3 4 5; do echo into the pipe $i | { read x; echo got "$x"; }; done
            x=$(echo captured); echo $x >&2
            printf '%s\\n' {1..50} >file; cat <<<"a here string"
            exec bash -c 'echo the new image'
        """
        for rate in RATES:
            with self.subTest(rate=rate):
                bare = pf.execute([bash, "-c", script], profiled=False)
                run, trace = self.traced([bash, "-c", script], SAMPLE_RATE=rate)
                self.assert_same(bare, run)
                summaries = run.summaries()
                self.assertGreaterEqual(len(summaries), 14)
                # Each process: the bytes of all its calls are the bytes of all its system calls.
                for pid in set(trace) | set(summaries):
                    objects = summaries.get(pid, [])
                    moved = sum(max(c.result, 0) for c in trace.get(pid, []))
                    self.assertEqual(
                        sum(o["metrics"]["bytes"] for o in objects), moved,
                        [o["process"]["command"] for o in objects],
                    )
                    for one in objects:
                        self.check(one)
                        self.covered(one)
                images = summaries[min(summaries, key=lambda p: (p != self.shell(run), p))]
                self.assertEqual(len(images), 2, "before exec and after it")

    def test_sqlite3(self):
        sqlite3 = pf.need("sqlite3")
        inserts = "create table t(x, y);\n" + "".join(
            f"insert into t values({i}, 'some text for row {i}');\n" for i in range(60)
        )
        many = "begin;\n" + "".join(
            f"insert into t values({i}, hex(randomblob(100)));\n" for i in range(2000)
        ) + "commit;\n"
        for rate in RATES:
            for mode in ("delete", "wal", "truncate"):
                with self.subTest(rate=rate, mode=mode):
                    script = f".output /dev/null\npragma journal_mode={mode};\n.output\n"
                    script += inserts + many
                    run, one = self.single(
                        [sqlite3, "data.db"], 300, stdio=lambda path: path == "/dev/null",
                        data=script.encode(), SAMPLE_RATE=rate,
                    )
                    self.assertGreater(pf.functions(one)["pwrite64"], 300)
                    self.assertIn("fdatasync", pf.functions(one, array="flushes"))
            run = pf.execute(
                [sqlite3, ":memory:", "with recursive n(i) as (select 1 union all"
                 " select i + 1 from n where i < 700) select i from n"], SAMPLE_RATE=rate,
            )
            one = self.check(run.only())
            self.assertEqual(run.stdout.count(b"\n"), 700)
            self.assertEqual(pf.functions(one), {"fputs": 1400})
            self.assertEqual(one["metrics"]["bytes"], len(run.stdout))
            self.covered(one)

    def test_dd(self):
        dd = pf.need("dd")
        for rate in RATES:
            with self.subTest(rate=rate):
                run, one = self.single(
                    [dd, "if=/dev/zero", "of=file", "bs=700", "count=3000", "status=none"], 3000,
                    SAMPLE_RATE=rate,
                )
                self.assertEqual(pf.functions(one), {"write": 3000})
                self.assertEqual(pf.functions(one, "bytes"), {"write": 2100000})
                # With its report on stderr: unbuffered stdio beside.
                run, trace = self.traced(
                    [dd, "if=/dev/zero", "of=file", "bs=1", "count=500", "conv=fsync"],
                    SAMPLE_RATE=rate,
                )
                one = self.check(run.only())
                self.assertEqual(
                    pf.functions(one), {"write": 500, "__fprintf_chk": 2, "__overflow": 1}
                )
                self.assertEqual(one["metrics"]["bytes"], 500 + len(run.stderr))
                self.assertEqual(pf.functions(one, array="flushes").get("fsync"), 1)
                self.covered(one, trace[one["process"]["pid"]])

    def test_tar(self):
        tar = pf.need("tar")
        run = pf.prepare()
        folder = os.path.join(run.work, "many")
        os.mkdir(folder)
        dice = random.Random(7)
        for i in range(150):
            with open(os.path.join(folder, f"file-{i}"), "wb") as file:
                file.write(dice.randbytes(dice.randrange(20000)))
        archive = os.path.join(run.work, "archive.tar")
        for rate in RATES:
            with self.subTest(rate=rate):
                made, one = self.single(
                    [tar, "-C", run.work, "-cf", archive, "many"], 50, SAMPLE_RATE=rate
                )
                self.assertEqual(pf.functions(one, "bytes"), {"write": os.path.getsize(archive)})
                _, one = self.single([tar, "-xf", archive], 150, SAMPLE_RATE=rate)
                self.assertEqual(set(pf.functions(one)), {"write"})
        # The newlines are stored by a putc_unlocked that the compiler put in place.
        self.stdio_program(
            [tar, "-tf", archive], {"fputs_unlocked": 151}, flushes={"fflush_unlocked": 151},
            unseen=151,
        )
        self.stdio_program([tar, "-tvf", archive], None, unseen=151)


class Servers(Traced):
    """nginx and redis under load, on loopback."""

    def nginx(self, rate, user, load):
        nginx = pf.need("nginx")
        run, number = pf.prepare(), port()
        www = os.path.join(run.work, "www")
        os.mkdir(www)
        with open(os.path.join(www, "big"), "wb") as file:
            file.write(b"sendfile\n" * 20000)
        if user != "root":
            for folder in (run.folder, run.work, www, run.output):
                os.chmod(folder, 0o777 if folder == run.output else 0o755)
        temporary = "".join(
            f"{kind}_temp_path {run.work}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf = os.path.join(run.work, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"""
                daemon off; worker_processes 2; pid {run.work}/nginx.pid;
                {f"user {user};" if os.getuid() == 0 else ""}
                error_log {run.work}/error.log warn;
                events {{ worker_connections 128; }}
                http {{
                    access_log {run.work}/access.log; sendfile on; {temporary}
                    server {{
                        listen {HOST}:{number}; root {www};
                        location /hello {{ return 200 "hello\\n"; }}
                    }}
                }}""")
        run, process = pf.start(
            [nginx, "-p", run.work, "-e", f"{run.work}/error.log", "-c", conf], run=run,
            strace=True, SAMPLE_RATE=rate,
        )
        try:
            wait_for_port(number, process)
            load(number)
        finally:
            if process.poll() is None:  # strace's child is the master
                with open(f"{run.work}/nginx.pid", encoding="utf-8") as file:
                    os.kill(int(file.read()), signal.SIGQUIT)
            pf.finish(run, process, timeout=300)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        return run

    REQUESTS = 620

    def load(self, number):
        """Eight connections at once; six hundred small answers and twenty large ones."""
        def ask(connections):
            for one in connections:
                one.request("GET", path)
            for one in connections:
                self.assertEqual(len(one.getresponse().read()), size)

        some = [http.client.HTTPConnection(HOST, number, timeout=300) for _ in range(8)]
        path, size = "/hello", 6
        for _ in range(75):
            ask(some)
        path, size = "/big", 180000
        for _ in range(5):
            ask(some[:4])
        for one in some:
            one.close()

    def test_nginx(self):
        for rate in RATES:
            with self.subTest(rate=rate):
                run = self.nginx(rate, "root", self.load)
                trace = self.kernel(run)
                requests = run.files()["access.log"].count(b"\n")
                self.assertEqual(requests, self.REQUESTS)
                self.assertGreater(self.compare(run, trace), 2 * requests)
                logged = sum(
                    c.path.endswith("/access.log") for calls in trace.values() for c in calls
                )
                self.assertEqual(logged, requests)
                objects = [o for found in run.summaries().values() for o in found]
                sent = pf.total(objects, "sendfile64") + pf.total(objects, "sendfile")
                self.assertGreaterEqual(sent, 20)
                for one in objects:
                    self.covered(one)

    def test_nginx_that_changes_its_user(self):
        if os.getuid() != 0:
            self.skipTest("only root can change to another user")
        folder = f"/dev/shm/pfprof-{pwd.getpwnam('nobody').pw_uid}"
        if not os.path.exists(folder):  # where workers go that may not enter root's folder
            self.addCleanup(forget_folder, folder)
        run = self.nginx("1.0", "nobody nogroup", self.load)
        trace = self.kernel(run)
        self.assertEqual(run.files()["access.log"].count(b"\n"), self.REQUESTS)
        self.assertGreater(self.compare(run, trace), 1000)
        for objects in run.summaries().values():
            for one in objects:
                self.covered(one, strict=False)

    def test_redis(self):
        server, cli, benchmark = pf.need("redis-server", "redis-cli", "redis-benchmark")
        for rate in RATES:
            with self.subTest(rate=rate):
                run, number = pf.prepare(), port()
                run, process = pf.start(
                    ["redis-server", "--port", str(number), "--bind", HOST, "--appendonly",
                     "yes", "--save", "", "--dir", run.work, "--logfile", f"{run.work}/redis.log",
                     "--daemonize", "no"],
                    run=run, strace=True, SAMPLE_RATE=rate,
                )
                try:
                    wait_for_port(number, process)
                    subprocess.run(
                        ["redis-benchmark", "-h", HOST, "-p", str(number), "-n", "3000", "-c", "10", "-t",
                         "set,get,lpush", "-q"],
                        check=True, capture_output=True, timeout=300,
                    )
                finally:
                    subprocess.run(
                        ["redis-cli", "-h", HOST, "-p", str(number), "shutdown"],
                        capture_output=True, timeout=300,
                    )
                    pf.finish(run, process, timeout=300)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                trace = self.kernel(run)
                # The log and the snapshot that the append-only file begins with are stdio.
                compared = self.compare(
                    run, trace,
                    stdio=lambda path: path.endswith("/redis.log") or "/temp-rewriteaof" in path,
                )
                self.assertGreater(compared, 9000)
                for objects in run.summaries().values():
                    for one in objects:
                        self.covered(one, trace[one["process"]["pid"]])
                (one,) = [o for objects in run.summaries().values() for o in objects]
                appended = sum(
                    max(c.result, 0) for calls in trace.values() for c in calls
                    if c.path.endswith(".incr.aof")
                )
                self.assertGreater(appended, 100000)
                self.assertIn("fdatasync", pf.functions(one, array="flushes"))


class Words(pf.Case):
    def test_text_summary_of_a_program_that_closes_its_streams(self):
        """gnulib programs close stdout and stderr in an exit handler; the summary still comes."""
        run = pf.execute([pf.need("seq"), "-f", "%g", "10"], FORMAT="text", OUTPUT="stderr")
        self.assertEqual(run.status, 0)
        self.assertRegex(run.stderr.decode(), r"message_count\s+20\b")

    def test_under_strace_as_without(self):
        """The traced runs above are not a special case."""
        argv = [pf.need("seq"), "-f", "%g", "3000"]
        traced = pf.execute(argv, strace=True)
        plain = pf.execute(argv)
        self.assertEqual(pf.functions(traced.only()), pf.functions(plain.only()))
        self.assertEqual(traced.stdout, plain.stdout)


if __name__ == "__main__":
    pf.main()
