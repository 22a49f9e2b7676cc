#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what libpfprof.so adds to output calls and to real programs; prints one table."""
import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
from common import (Failed, build, clean_environment, enabled, header, median_interval, quartiles,
                    rotate, run_loop, table, with_env)

COLUMNS = ("case", "measured", "spread", "bar", "limit", "verdict")
CALLS = ("write", "fputs", "fprintf")


class Rows:
    def __init__(self):
        self.rows = []

    def add(self, case, measured, spread="", bar=None, limit=None, verdict="", unit="", raw=None):
        def text(value):
            if value is None:
                return ""
            return value if isinstance(value, str) else f"{value:g}{unit}"
        shown = f"{measured:.2f}{unit}" if isinstance(measured, float) else measured
        self.rows.append({"cells": [case, shown, spread, text(bar), text(limit), verdict],
                          "case": case, "measured": measured, "spread": spread, "bar": bar,
                          "limit": limit, "verdict": verdict, "unit": unit, "raw": raw or {}})
        print(f"{case}: {shown} {spread} {verdict}".rstrip(), file=sys.stderr, flush=True)

    def skip(self, case, why):
        self.add(case, "skipped", str(why))


def judge(value, bar, limit):
    """The bar decides; the limit is what was measured to be possible, for comparison."""
    if bar is None and limit is None:
        return ""
    return "ok" if value <= (limit if bar is None else bar) else "over"


def add_values(rows, case, values, bar=None, limit=None, unit=""):
    middle = statistics.median(values)
    low, high = quartiles(values)
    rows.add(case, middle, f"{low:.2f}..{high:.2f}", bar, limit, judge(middle, bar, limit), unit,
             {"values": values})


# --- per call ---------------------------------------------------------------------------------

def per_call(rows, args, built):
    lib, null, loop = args.lib, built["libnull.so"], built["loop"]
    iterations, blocks = ("40000", "7") if args.quick else ("100000", "11")
    def timed(why, stacks="off"):
        return {**enabled(lib, 1.0, null), "PROVIDE_PROFILING_WHY": why,
                "PROVIDE_PROFILING_STACKS": stacks}

    variants = {"bare": {"LD_PRELOAD": null}, "off": {"LD_PRELOAD": f"{lib} {null}"},
                "0.01": enabled(lib, 0.01, null), "none": timed(""), "flush": timed("flush"),
                "lock": timed("lock"), "blocked": timed("blocked"),
                "1.0": timed("flush,lock,blocked"), "auto": enabled(lib, 1.0, null),
                "all": timed("flush,lock,blocked", "on")}

    def measure(variables, call):
        return lambda: run_loop(with_env(variables, [loop, call, iterations, blocks]))

    contenders = {(name, call): measure(variables, call)
                  for call in CALLS for name, variables in variants.items()}
    contenders["clock"] = measure({}, "clock")
    found = rotate(contenders, args.rounds)
    for name, label, bar, limit in (("off", "not enabled", 1.5, 1.1),
                                    ("0.01", "rate 0.01", 2.5, 1.5),
                                    ("none", "rate 1.0, no stacks, no WHY", 55, 50),
                                    ("1.0", "rate 1.0, no stacks, WHY", 75, None),
                                    ("auto", "rate 1.0, STACKS=auto, WHY", None, None),
                                    ("all", "rate 1.0, STACKS=on, WHY", None, None)):
        for call in CALLS:
            added = [a - b for a, b in zip(found[name, call], found["bare", call])]
            add_values(rows, f"{call}, {label}: added", added, bar, limit, " ns")
    for name in ("flush", "lock", "blocked"):
        price = [a - b for a, b in zip(found[name, "fprintf"], found["none", "fprintf"])]
        add_values(rows, f"fprintf, WHY={name}: its price", price, unit=" ns")
    add_values(rows, "two clock reads (floor of rate 1.0)", found["clock"], unit=" ns")


@contextlib.contextmanager
def watched(command, folder):
    """`pfprof top` on every process of the folder, ten looks a second; checks that it saw some."""
    with tempfile.TemporaryFile("w+") as seen:
        viewer = subprocess.Popen([command, "top", "--batch", "--json", "-d", "0.1"], stdout=seen,
                                  stdin=subprocess.DEVNULL,
                                  env={**clean_environment(), "XDG_RUNTIME_DIR": folder})
        try:
            yield
        finally:
            viewer.terminate()
            viewer.wait()
        seen.seek(0)
        objects = [json.loads(line) for line in seen.read().splitlines() if line.endswith("}")]
        looks = sum(o["interval"]["metrics"]["message_count"] > 0 for o in objects)
        if looks < 3:
            raise Failed(f"top saw the target in {looks} looks only")


def attached(rows, args, built, folder):
    """What a viewer costs the target: the same long loop with one attached and alone."""
    case = "write, rate 0.01, a top attached (10 looks a second): added"
    if not os.path.exists(args.command):
        rows.skip(case, f"{args.command} is not built")
        return
    if len(os.sched_getaffinity(0)) < 2:
        rows.skip(case, "one CPU only: it would measure the viewer's own work")
        return
    os.chmod(folder, 0o700)
    variables = {**enabled(args.lib, 0.01, built["libnull.so"]), "XDG_RUNTIME_DIR": folder}
    loop = with_env(variables, [built["loop"], "write", "40000000", "5" if args.quick else "11"])

    def alone():
        return run_loop(loop)

    def with_viewer():
        with watched(args.command, folder):
            return run_loop(loop)

    found = rotate({"alone": alone, "watched": with_viewer}, args.rounds)
    added = [a - b for a, b in zip(found["watched"], found["alone"])]
    low, high, coverage = median_interval(added)
    verdict = "ok" if low <= 0 <= high else "over" if low > 0 else "ok (below 0)"
    rows.add(case, statistics.median(added), f"{low:.3f}..{high:.3f} ({100 * coverage:.0f} %)",
             "includes 0", None, verdict, " ns",
             {"values": added, "interval": [low, high], "coverage": coverage})


def threads(rows, args, built):
    if len(os.sched_getaffinity(0)) < 2:
        rows.skip("2 threads / 1 thread", "one CPU only")
        return
    loop = built["loop"]
    iterations, blocks = ("20000", "7") if args.quick else ("50000", "11")

    def measure(variables, mode):
        return lambda: run_loop(with_env(variables, [loop, mode, iterations, blocks]))

    on = enabled(args.lib, 0.01)
    null = built["libnull.so"]
    alone, alone_bare = enabled(args.lib, 0.01, null), {"LD_PRELOAD": null}
    found = rotate({"on1": measure(on, "mt1"), "on2": measure(on, "mt2"),
                    "null1": measure(alone, "mt1"), "null2": measure(alone, "mt2"),
                    "nullbare1": measure(alone_bare, "mt1"), "nullbare2": measure(alone_bare, "mt2"),
                    "bare1": measure({}, "mt1"), "bare2": measure({}, "mt2")}, args.rounds)
    add_values(rows, "2 threads / 1 thread, rate 0.01",
               [b / a for a, b in zip(found["on1"], found["on2"])], 1.10)
    add_values(rows, "2 threads / 1 thread, bare (reference)",
               [b / a for a, b in zip(found["bare1"], found["bare2"])])
    # The kernel's share hides the library's: the same with empty calls shows the library alone.
    add_values(rows, "2 threads / 1 thread, rate 0.01, empty calls (reference)",
               [b / a for a, b in zip(found["null1"], found["null2"])])
    add_values(rows, "2 threads / 1 thread, bare, empty calls (reference)",
               [b / a for a, b in zip(found["nullbare1"], found["nullbare2"])])


# --- short and idle processes -----------------------------------------------------------------

def short_processes(rows, args, built):
    """Spawned directly: a second exec through `env` would halve the ratio that is looked for."""
    base = clean_environment()
    count = 100 if args.quick else 300

    def spawn(environment):
        def once():
            start = time.perf_counter()
            pid = os.posix_spawn("/bin/true", ["/bin/true"], environment)
            status = os.waitpid(pid, 0)[1]
            if status:
                raise Failed(f"/bin/true ended with status {status}")
            return time.perf_counter() - start
        return once

    contenders = {"bare": spawn(base),
                  "empty": spawn({**base, "LD_PRELOAD": built["libempty.so"]}),
                  "on": spawn({**base, **enabled(args.lib, 1.0)})}
    sums = {name: [] for name in contenders}
    for _ in range(args.rounds):
        for name, values in rotate(contenders, count).items():
            sums[name].append(sum(values))
    add_values(rows, f"{count} x /bin/true, enabled / bare",
               [a / b for a, b in zip(sums["on"], sums["bare"])], 1.20, 1.17)
    add_values(rows, f"{count} x /bin/true, empty library / bare (reference)",
               [a / b for a, b in zip(sums["empty"], sums["bare"])])


IDLE = r"""
import os, re
os.write(1, b"x\n")
library = segment = bss = dirty = 0
kind, end, mapped = "", None, False
for line in open("/proc/self/smaps"):
    if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
        fields = line.split(None, 5)
        path = fields[5].strip() if len(fields) > 5 else ""
        start, stop = fields[0].split("-")
        if os.path.basename(path) == "libpfprof.so":
            kind, end = "library", stop
        elif path.replace(" (deleted)", "").endswith(".pfseg"):
            kind, mapped = "segment", True
        else:
            kind = "bss" if not path and start == end else ""
    else:
        fields = line.split()
        if kind in ("library", "bss") and fields[0].startswith("Private_"):
            if kind == "library":
                library += int(fields[1])
                dirty += int(fields[1]) if fields[0] == "Private_Dirty:" else 0
            elif not fields[0].startswith("Private_H"):
                bss += int(fields[1])
        elif kind == "segment" and fields[0] == "Rss:":
            segment += int(fields[1])
os.write(2, b"%d %d %d %d %d" % (library, segment, bss, dirty, mapped))
"""


def idle_memory(rows, args):
    case = "memory of an idle target"
    os.sync()  # pages of a library just built count as written until they are on disk
    values = []
    for _ in range(3 if args.quick else 7):
        run = subprocess.run(with_env(enabled(args.lib, 1.0), ["/usr/bin/python3", "-c", IDLE]),
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             env=clean_environment(), check=False, timeout=60)
        try:
            library, segment, bss, dirty, mapped = map(int, run.stderr.split())
        except ValueError:
            raise Failed("the target said: " + run.stderr.decode(errors="replace")[-80:]) from None
        if not mapped:
            raise Failed("no .pfseg mapping: the library was not enabled")
        values.append((dirty + bss + segment, library, segment, bss, dirty))
    values.sort()
    total, library, segment, bss, dirty = values[len(values) // 2]
    spread = f"written pages {dirty + bss} + segment {segment}; {library - dirty} of shared code"
    rows.add(case, float(total), spread, 128, None, judge(total, 128, None), " KiB",
             {"values": values})


# --- real programs ----------------------------------------------------------------------------

class Program:
    """One real program: run(variables) gives a time, or the inverse of a rate."""
    name = ""
    needs = ()
    limit_full = None
    buffered = False  # prints so much that the clock reads of rate 1.0 are its bar (clocks.c)

    def __init__(self, folder, quick):
        self.folder, self.quick = folder, quick

    def missing(self):
        return [n for n in self.needs if shutil.which(n) is None]

    def path(self, name):
        return os.path.join(self.folder, name)

    def timed(self, variables, command, stdin=None):
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(stdin or os.devnull, "rb"))
            start = time.perf_counter()
            run = subprocess.run(with_env(variables, command), stdin=source, check=False,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 env=clean_environment(), timeout=300)
            taken = time.perf_counter() - start
        if run.returncode:
            raise Failed(f"{command[0]}: status {run.returncode} "
                         + run.stderr.decode(errors="replace").strip()[-80:])
        return taken

    @contextlib.contextmanager
    def server(self, variables, command, port):
        # env replaces itself with the server, so the child's pid is the server's.
        child = subprocess.Popen(with_env(variables, command), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=clean_environment())
        try:
            for _ in range(200):
                if child.poll() is not None:
                    raise Failed(f"{command[0]} ended with status {child.returncode}")
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(0.02)
            else:
                raise Failed(f"{command[0]} does not listen")
            yield
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


LOGGING = """
import logging, sys
logging.basicConfig(filename=sys.argv[1], filemode="w", format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger("bench")
for i in range(int(sys.argv[2])):
    log.warning("record %d of the run", i)
"""


class PythonLogging(Program):
    name, needs = "python3 logging", ("/usr/bin/python3",)

    def run(self, variables):
        count = "20000" if self.quick else "100000"
        return self.timed(variables, ["/usr/bin/python3", "-c", LOGGING, self.path("log"), count])


class Sqlite(Program):
    needs = ("sqlite3",)

    def script(self):
        raise NotImplementedError

    def run(self, variables):
        source, base = self.path("script.sql"), self.path("base.db")
        with open(source, "w", encoding="ascii") as file:
            file.write(self.script())
        for name in (base, base + "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        return self.timed(variables, ["sqlite3", base], source)


class SqliteRows(Sqlite):
    name, buffered = "sqlite3, 200k rows", True

    def script(self):
        return ("create table t(a integer primary key, b text);\n"
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)\n"
                "insert into t select i, 'some text for row ' || i from n;\n"
                "select * from t;\n")


class SqliteTransactions(Sqlite):
    name = "sqlite3, 500 transactions"

    def script(self):
        return "create table t(a integer primary key, b text);\n" + "".join(
            f"begin; insert into t values({i}, 'row {i}'); commit;\n" for i in range(500))


class Gawk(Program):
    name, needs, limit_full, buffered = "gawk, 2M lines", ("gawk",), 1.75, True

    def run(self, variables):
        return self.timed(variables, ["gawk", 'BEGIN { for (i = 0; i < 2000000; i++) print "line", i }'])


class Nginx(Program):
    name, needs = "nginx under wrk", ("nginx", "wrk")

    def run(self, variables):
        port = free_port()
        with open(self.path("index.html"), "w", encoding="ascii") as file:
            file.write("hello\n")
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(self.path("nginx.conf"), "w", encoding="ascii") as file:
            file.write(f"{user} daemon off; master_process off; pid {self.folder}/pid;\n"
                       f"error_log {self.folder}/error.log;\n"
                       "events { worker_connections 256; }\n"
                       f"http {{ access_log {self.folder}/access.log; {temporary}\n"
                       f"server {{ listen 127.0.0.1:{port}; root {self.folder}; }} }}\n")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("access.log"))
        command = ["nginx", "-p", self.folder, "-e", self.path("error.log"),
                   "-c", self.path("nginx.conf")]
        with self.server(variables, command, port):
            url = f"http://127.0.0.1:{port}/index.html"
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10).close()
            out = subprocess.run(["wrk", "-t1", "-c8", "-d1s", url], capture_output=True, text=True,
                                 env=clean_environment(), check=False, timeout=60).stdout
        for line in out.splitlines():
            if line.startswith("Requests/sec:"):
                return 1 / float(line.split()[1])
        raise Failed("wrk printed no rate")


class Redis(Program):
    name, needs = "redis-server appendonly", ("redis-server", "redis-benchmark")

    def run(self, variables):
        port = free_port()
        data = tempfile.mkdtemp(dir=self.folder)
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
                   "--appendonly", "yes", "--appendfsync", "everysec", "--dir", data,
                   "--daemonize", "no"]
        try:
            with self.server(variables, command, port):
                out = subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-n",
                                      "30000", "-t", "set", "--csv"], capture_output=True, text=True,
                                     env=clean_environment(), check=False, timeout=120).stdout
        finally:
            shutil.rmtree(data, ignore_errors=True)
        for line in out.splitlines():
            if line.startswith('"SET"'):
                return 1 / float(line.split(",")[1].strip('"'))
        raise Failed("redis-benchmark printed no rate")


def real_program(rows, args, built, program):
    missing = program.missing()
    if missing:
        rows.skip(program.name, "not installed: " + ", ".join(missing))
        return
    contenders = {"bare": lambda: program.run({}),
                  "0.01": lambda: program.run(enabled(args.lib, 0.01)),
                  "1.0": lambda: program.run(enabled(args.lib, 1.0))}
    if program.buffered:
        contenders["clocks"] = lambda: program.run({"LD_PRELOAD": built["libclocks.so"]})
    found = rotate(contenders, args.real_rounds)
    ratios = {name: [a / b for a, b in zip(times, found["bare"])] for name, times in found.items()}
    low, high, coverage = median_interval(ratios["0.01"])
    verdict = "ok" if low <= 1 <= high else "over" if low > 1 else "ok (below 1.00)"
    rows.add(f"{program.name}, rate 0.01 / bare", statistics.median(ratios["0.01"]),
             f"{low:.3f}..{high:.3f} ({100 * coverage:.0f} %)", "includes 1.00", None, verdict, "",
             {"values": ratios["0.01"], "interval": [low, high], "coverage": coverage,
              "bare": found["bare"]})
    bar = 1.05
    if program.buffered:
        bar = statistics.median(ratios["clocks"])
        add_values(rows, f"{program.name}, two clock reads a call / bare", ratios["clocks"])
    add_values(rows, f"{program.name}, rate 1.0 / bare", ratios["1.0"], bar, program.limit_full)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lib", required=True, help="libpfprof.so")
    parser.add_argument("--command", help="pfprof; default: of the same build folder")
    parser.add_argument("--rounds", type=int, help="31, with --quick 7")
    parser.add_argument("--real-rounds", type=int, help="of the real programs: 11, with --quick 6")
    parser.add_argument("--quick", action="store_true", help="a smoke test: its numbers are rough")
    parser.add_argument("--json", metavar="F")
    parser.add_argument("--markdown", metavar="F")
    args = parser.parse_args()
    args.rounds = args.rounds or (7 if args.quick else 31)
    args.real_rounds = args.real_rounds or (6 if args.quick else 11)
    args.lib = os.path.abspath(args.lib)
    args.command = os.path.abspath(args.command or os.path.join(
        os.path.dirname(args.lib), "..", "lib", "cli", "pfprof"))
    if not os.path.isfile(args.lib):
        parser.error(f"no such file: {args.lib}")
    if any(c in args.lib for c in " :"):
        parser.error("LD_PRELOAD cannot hold a path with a space or a colon")
    # A stopped run must still end its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load = os.getloadavg()[0]
    rows = Rows()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pf-bench-"))
        memory = stack.enter_context(tempfile.TemporaryDirectory(prefix="pf-bench-", dir="/dev/shm"))
        built = build(folder)
        steps = [("per call", lambda: per_call(rows, args, built)),
                 ("a top attached", lambda: attached(rows, args, built, memory)),
                 ("2 threads / 1 thread", lambda: threads(rows, args, built)),
                 ("/bin/true", lambda: short_processes(rows, args, built)),
                 ("memory of an idle target", lambda: idle_memory(rows, args))]
        for kind in (PythonLogging, SqliteRows, SqliteTransactions, Gawk, Nginx, Redis):
            own = os.path.join(memory, kind.__name__.lower())
            os.mkdir(own)
            program = kind(own, args.quick)
            steps.append((kind.name,
                          lambda program=program: real_program(rows, args, built, program)))
        for name, step in steps:
            try:
                step()
            except (Failed, OSError, subprocess.SubprocessError) as error:
                rows.add(name, "failed", str(error), verdict="over")
    title = (header() + f"; rounds {args.rounds}/{args.real_rounds}, load before {load:.1f}"
             + (" (quick)" if args.quick else ""))
    text = title + "\n\n" + table(COLUMNS, [row["cells"] for row in rows.rows])
    print(text)
    if args.markdown:
        with open(args.markdown, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    if args.json:
        for row in rows.rows:
            del row["cells"]
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"header": title, "lib": args.lib, "rows": rows.rows}, file, indent=1)
    return 1 if any(row["verdict"] == "over" for row in rows.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
