# SPDX-License-Identifier: Apache-2.0
# Runs programs bare, under the library and under strace, and reads what each of them says.
import atexit
import collections
import functools
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "scripts")]
import pfelf
import pftable
import pftrace

SOURCES = os.path.join(ROOT, "test", "targets")
LIB = os.path.abspath(os.environ.get("PF_LIB") or os.path.join(ROOT, "build/preload/libpfprof.so"))
# The same with a clock that a test scripts (test/scripted/).
SCRIPTED = os.path.abspath(
    os.environ.get("PF_SCRIPTED") or os.path.join(ROOT, "build/test/libpfprof-scripted.so"))
# Another ABI than this machine's own, and how its programs are run: scripts/check-abis.
ABI = os.environ.get("PF_ABI", "")
RUNNER = os.environ.get("PF_RUNNER", "").split()
LIBC = os.environ.get("PF_LIBC", "")
SEGMENT_DUMP = os.path.join(ROOT, "scripts", "segment-dump")
PREFIX = "PROVIDE_PROFILING_"
ROOT_USER = os.geteuid() == 0
# How long a test waits for what must come, in seconds.  A loaded machine may be 10 times slower, and
# waiting costs nothing where it comes.  PF_PATIENCE: less, for those who write tests.
PATIENCE = int(os.environ.get("PF_PATIENCE") or 120)
RUN_PATIENCE = 300  # for a whole run of a program

METRICS = (
    "message_count", "total_duration_ns", "emoji_message_count", "dropped_count", "start_time",
    "messages_per_second", "avg_latency_ms", "emoji_overhead_percent", "uptime_seconds",
)

RATES = ("0", "0.001", "0.01", "0.5", "1.0")
EXECS = (
    "execve", "execv", "execvp", "execvpe", "execl", "execle", "execlp", "fexecve", "execveat",
)

TRUTH_HEAD, TRUTH_RECORD, TRUTH_RECORDS = 64, struct.Struct("II40sQQQQ"), 16384


def _scratch_root():
    """tmpfs where there is one: quick, and what segments want."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tempfile.mkdtemp(prefix="pf-e2e-", dir=base)
    os.chmod(path, 0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


SCRATCH = _scratch_root()


def skip_on(abi, why):
    """Skips the test (or subtest) that this ABI cannot show."""
    if ABI == abi:
        raise unittest.SkipTest(f"{abi}: {why}")


@functools.lru_cache(None)
def absent_from_libc(*names):
    """Those of the names that the libc of another ABI does not have."""
    if not LIBC:
        return set()
    return set(names) - set(pfelf.Elf(LIBC).exports)


def need(*programs):
    """The paths of real programs, never of shims; skips the test where one is missing."""
    if ABI:
        raise unittest.SkipTest(f"{' '.join(programs)}: the system's programs are not {ABI}")
    return find_programs(*programs)


def find_programs(*programs):
    found = []
    for program in programs:
        path = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin")
        if path is None:
            raise unittest.SkipTest(f"{program} is not installed")
        # Its own name: what it is goes by that, where one file has many (redis-server, busybox).
        folder, name = os.path.split(path)
        found.append(os.path.join(os.path.realpath(folder), name))
    return found[0] if len(found) == 1 else found


def in_own_mounts(script):
    """A command that runs a shell script in a mount namespace of its own."""
    return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", script]


def need_library():
    if not os.path.exists(LIB) and "$LIB" not in LIB:
        raise AssertionError(f"{LIB} is not there: build it first, or set PF_LIB")


def need_scripted():
    """The library whose clock a test scripts; skips the test where it was not built."""
    if ABI:
        raise unittest.SkipTest(f"the scripted library is not built for {ABI}")
    if not os.path.exists(SCRIPTED):
        raise unittest.SkipTest(f"{SCRIPTED} is not built (meson option scripted)")
    return SCRIPTED


def build(name):
    """The path of a target, from $PF_TARGETS or built here from test/targets the way meson does."""
    library = name.startswith("lib")
    file_name = name + (".so" if library else "")
    ready = os.path.join(os.path.abspath(os.environ.get("PF_TARGETS") or SCRATCH), file_name)
    if os.path.exists(ready):
        return ready
    if ABI:
        raise unittest.SkipTest(f"{name}: not built for {ABI}")
    source, path = os.path.join(SOURCES, name + ".c"), os.path.join(SCRATCH, file_name)
    with open(source, encoding="utf-8") as text:
        link = re.findall(r"^// link: (.*)$", text.read(), re.M)
    command = ["cc", "-std=gnu17", "-O0", "-g", "-w", "-fno-builtin", "-U_FORTIFY_SOURCE"]
    command += [*(["-shared", "-fPIC"] if library else []), source, "-o", path + ".new"]
    done = subprocess.run(command + " ".join(link).split(), capture_output=True, text=True)
    if done.returncode != 0:
        if "cannot find -l" in done.stderr:
            raise unittest.SkipTest(f"{name}: {done.stderr.strip()[-200:]}")
        raise AssertionError(f"{' '.join(command)}:\n{done.stderr}")
    os.rename(path + ".new", path)
    return path


@functools.lru_cache(None)
def table_rows():
    """{name: (family, are its bytes unknown?)} of every row of pf-calls.def."""
    return {row.name: (row.family, row.shape == "TAIL" or row.bytes == "UNKNOWN")
            for row in pftable.calls()}


def table_variables():
    """{name: default} of pf-env.def."""
    return {row["name"]: row["default"] for row in pftable.variables()}


Account = collections.namedtuple("Account", "begun ended bytes errors")


class Truth:
    """What the targets of a run said that they did."""

    def __init__(self, path):
        self.records = []
        with open(path, "rb") as file:
            used = min(struct.unpack_from("Q", file.read(TRUTH_HEAD))[0], TRUTH_RECORDS)
            data = file.read(used * TRUTH_RECORD.size)
        for pid, tid, name, *numbers in TRUTH_RECORD.iter_unpack(data):
            self.records.append((pid, tid, name.rstrip(b"\0").decode(), Account(*numbers)))

    def by(self, key):
        sums = collections.defaultdict(lambda: [0, 0, 0, 0])
        for record in self.records:
            total = sums[key(record)]
            for i, number in enumerate(record[3]):
                total[i] += number
        return {k: Account(*v) for k, v in sums.items() if any(v)}

    def functions(self, pid=None):
        """{function: Account} of one process or of all."""
        return {
            name: account
            for (owner, name), account in self.by(
                lambda r: (r[0] if pid is not None else None, r[2])
            ).items()
            if owner == pid
        }

    def pids(self):
        return {record[0] for record in self.records}


class Run:
    """One finished run of a command."""

    def __init__(self, folder):
        self.folder = folder
        self.work = os.path.join(folder, "work")
        self.runtime = os.path.join(folder, "runtime")
        self.output = os.path.join(folder, "out")
        self.truth_path = os.path.join(folder, "truth")
        self.trace_path = os.path.join(folder, "trace")
        self.status = None
        self.stdout = self.stderr = b""
        self.pid = None

    @property
    def truth(self):
        return Truth(self.truth_path)

    def summaries(self):
        """Every JSON object of the run as {pid: [object, ...]}, in the order of writing."""
        found = collections.defaultdict(list)
        for name in sorted(os.listdir(self.output)):
            with open(os.path.join(self.output, name), encoding="utf-8") as file:
                for line in file.read().splitlines():
                    one = json.loads(line)
                    found[one["process"]["pid"]].append(one)
        return dict(found)

    def only(self):
        """The one JSON object of a run of a single process."""
        objects = [o for objects in self.summaries().values() for o in objects]
        if len(objects) != 1:
            raise AssertionError(
                f"{len(objects)} summaries instead of one; status {self.status}, "
                f"stderr {self.stderr[-500:]!r}"
            )
        return objects[0]

    def segments(self):
        """Paths of segment files that are still there."""
        return sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.runtime)
            for name in names
            if name.endswith(".pfseg")
        )

    def files(self):
        """{name: bytes} of what the target left in its working folder."""
        contents = {}
        for name in sorted(os.listdir(self.work)):
            if os.path.isfile(os.path.join(self.work, name)):
                with open(os.path.join(self.work, name), "rb") as file:
                    contents[name] = file.read()
        return contents


def environment(run, settings=None, extra=None):
    """A clean environment; `settings` without their prefix, None for a bare run."""
    env = {
        name: value for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name not in ("LD_PRELOAD", "XDG_CONFIG_HOME", "PF_TRUTH")
    }
    env.update(
        LC_ALL="C.UTF-8", HOME=run.folder, TMPDIR=run.folder, PF_TRUTH=run.truth_path,
        PF_DIR=run.work, XDG_RUNTIME_DIR=run.runtime, PATH="/usr/bin:/bin:/usr/sbin:/sbin",
    )
    if settings is not None:
        chosen = {
            "ENABLED": "true", "SAMPLE_RATE": "1", "FORMAT": "json",
            "OUTPUT": os.path.join(run.output, "%p.json"), **settings,
        }
        env.update({PREFIX + k: str(v) for k, v in chosen.items() if v is not None})
    env.update(extra or {})
    return {k: v for k, v in env.items() if v is not None}


def prepare():
    run = Run(tempfile.mkdtemp(prefix="run-", dir=SCRATCH))
    for folder in (run.work, run.runtime, run.output):
        os.mkdir(folder, 0o700)
    with open(run.truth_path, "wb") as file:
        file.truncate(TRUTH_HEAD + TRUTH_RECORDS * TRUTH_RECORD.size)
    return run


def preload_list(profiled, preload, ours):
    libraries = list(preload) if preload is not None else []
    if profiled and ours not in libraries:
        libraries.insert(0, ours)
    return ":".join(libraries)


def start(argv, profiled=True, preload=None, extra=None, stdout=subprocess.PIPE,
          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, run=None, strace=False, cwd=None,
          script=None, **settings):
    """Starts a command; returns (run, Popen).  `settings` are PROVIDE_PROFILING_* variables;
    `preload` lists the libraries when there are others than ours, in their order; `script` says what
    its calls take, as test/scripted/script.h has it."""
    run = run or prepare()
    if profiled:
        need_library()
    if script is not None:
        extra = {"PF_TEST_SCRIPT": script, **(extra or {})}
    env = environment(run, settings if profiled else None, extra)
    libraries = preload_list(profiled, preload, LIB if script is None else need_scripted())
    argv = list(argv)
    if strace:
        calls = ",".join([*pftrace.KERNEL, "clone", "clone3", "fork", "vfork"])
        argv = [
            need("strace"), "-f", "-q", "-y", "-s", "0", "-e", "signal=none",
            "-e", f"trace={calls}", "-o", run.trace_path,
            *(["-E", f"LD_PRELOAD={libraries}"] if libraries else []), *argv,
        ]
    elif RUNNER:
        argv = [*RUNNER, *(["-E", f"LD_PRELOAD={libraries}"] if libraries else []), *argv]
    elif libraries:
        env["LD_PRELOAD"] = libraries
    process = subprocess.Popen(
        argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd or run.work,
        start_new_session=True,
    )
    run.pid = process.pid
    return run, process


def finish(run, process, timeout=RUN_PATIENCE, data=None):
    try:
        out, err = process.communicate(data, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(
            f"{process.args} still ran after {timeout} s; stdout {(out or b'')[-300:]!r}, "
            f"stderr {(err or b'')[-300:]!r}"
        ) from None
    run.stdout, run.stderr, run.status = out or b"", err or b"", process.returncode
    return run


def execute(argv, timeout=RUN_PATIENCE, data=None, **options):
    """Runs a command to its end.  See start()."""
    if data is not None:
        options["stdin"] = subprocess.PIPE
    return finish(*start(argv, **options), timeout=timeout, data=data)


@functools.lru_cache(None)
def segment_dump():
    """The project's own reader, as a module: for hundreds of segments, hundreds of processes are many."""
    loader = importlib.machinery.SourceFileLoader("segment_dump", SEGMENT_DUMP)
    spec = importlib.util.spec_from_loader("segment_dump", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def dump_segment(path):
    """A segment file through the project's own reader."""
    with open(path, "rb") as file:
        data = file.read()
    return json.loads(json.dumps(segment_dump().dump(data)))


def total(objects, name, field="message_count"):
    """A field summed over the functions called `name` of some JSON objects."""
    return sum(f[field] for o in objects for f in o["functions"] if f["name"] == name)


def functions(one, field="message_count", array="functions"):
    return {f["name"]: f[field] for f in one[array]}


class Case(unittest.TestCase):
    """Checks that hold for every summary; what a test may need of the machine."""

    maxDiff = None

    def need_root(self):
        if not ROOT_USER:
            self.skipTest("needs root")

    def need_mounts(self):
        self.need_root()
        if subprocess.run(in_own_mounts("mount -t tmpfs none /mnt"), capture_output=True).returncode:
            self.skipTest("needs mount namespaces, which this machine does not allow")

    def check_output(self, one):
        """Messages and flushes together: all calls, and the time of both or none."""
        output, flushes = one["output"], one["flushes"]
        count = sum(f["message_count"] for f in flushes)
        self.assertEqual(output["flush_count"], count)
        self.assertEqual(output["call_count"], one["metrics"]["message_count"] + count)
        parts = [f["estimated_total_duration_ns"] for f in one["functions"] + flushes]
        whole = output["estimated_total_duration_ns"]
        if all(f["dropped_count"] == 0 for f in one["functions"] + flushes):
            self.assertEqual(whole, sum(parts))
            self.assertEqual(output["estimated_total_interval_ns"], [whole, whole])
        elif whole is not None:
            low, high = output["estimated_total_interval_ns"]
            self.assertTrue(low <= whole <= high, output)
            self.assertGreaterEqual(whole, one["metrics"]["estimated_total_duration_ns"])

    def check(self, one, cut_off=0):
        """The laws of a JSON object; cut_off calls may have ended amid their own counts. Returns it."""
        metrics = one["metrics"]
        self.assertEqual(one["schema_version"], 1)
        for name in METRICS:
            self.assertIn(name, metrics)
        seen, sampled, dropped = (
            metrics[n] for n in ("message_count", "sampled_count", "dropped_count")
        )
        self.assertEqual(seen, sampled + dropped)
        for name in ("message_count", "bytes", "bytes_unknown_count", "error_count"):
            self.assertEqual(
                sum(f[name] for f in one["functions"]), metrics[name],
                f"{name} of the functions and in total",
            )
        for name in ("sampled_count", "dropped_count", "total_duration_ns"):
            self.assertEqual(sum(f[name] for f in one["functions"]), metrics[name], name)
        for array in ("functions", "flushes", "call_sites"):
            for row in one[array]:
                self.assertEqual(
                    row["message_count"], row["sampled_count"] + row["dropped_count"],
                    f"{array}: {row}",
                )
                self.assertGreater(row["message_count"], 0, f"{array}: {row}")
        self.check_output(one)
        for function in one["functions"] + one["flushes"]:
            # A function may fail without setting errno.
            self.assertLessEqual(
                sum(function["errors"].values()), function["error_count"], function
            )
        if sampled:
            self.assertAlmostEqual(
                metrics["avg_latency_ms"], metrics["total_duration_ns"] / sampled / 1e6, delta=1e-6
            )
            self.assertAlmostEqual(
                metrics["emoji_overhead_percent"],
                100 * metrics["emoji_message_count"] / sampled, delta=0.01,
            )
            order = [metrics[q] for q in ("p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns")]
            self.assertEqual(order, sorted(order), "quantiles in order")
            self.assertGreater(metrics["max_ns"], 0)
        else:
            self.assertEqual(metrics["avg_latency_ms"], 0)
            self.assertEqual(metrics["emoji_overhead_percent"], 0)
            self.assertEqual(metrics["total_duration_ns"], 0)
        self.assertGreater(metrics["start_time"], 1.5e9)
        self.assertGreaterEqual(metrics["uptime_seconds"], 0)
        if metrics["uptime_seconds"] > 0.01:
            rate = seen / metrics["uptime_seconds"]  # given with three places
            self.assertAlmostEqual(metrics["messages_per_second"], rate, delta=0.00051 + 1e-6 * rate)
        interval = metrics["estimated_total_interval_ns"]
        if interval is not None:
            low, high = interval
            self.assertTrue(
                0 <= low <= metrics["estimated_total_duration_ns"] <= high, f"{low} .. {high}"
            )
        told = sum(t["message_count"] for t in one["threads"]) + self.spilled(one)
        self.assertIn(seen - told, range(cut_off + 1))
        return one

    def spilled(self, one):
        """Messages that were only counted per function, and so have no thread."""
        lost = one["metrics"]["lost_count"]
        return sum(lost.get(reason, 0) for reason in ("memory", "reentry"))

    def assert_truth(self, one, accounts):
        """The object's functions and flushes are the accounts: calls, bytes and errors, no more."""
        got = {
            f["name"]: (f["message_count"], f["bytes"], f["error_count"])
            for f in one["functions"] + one["flushes"]
        }
        self.assertEqual(
            got, {name: (a.begun, a.bytes, a.errors) for name, a in accounts.items() if a.begun}
        )

    def assert_same(self, bare, profiled):
        """What the world saw of the target is the same."""
        self.assertEqual(bare.status, profiled.status, profiled.stderr[-1000:])
        self.assertEqual(bare.stdout, profiled.stdout)
        self.assertEqual(bare.stderr, profiled.stderr)
        self.assertEqual(bare.files(), profiled.files())


def wait_for(condition, what=None, seconds=PATIENCE):
    """The first true value of condition(); what never comes fails, and is named: `what`, or the source."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            code = getattr(condition, "__code__", None)
            where = f"what line {code.co_firstlineno} of {code.co_filename} asks" if code else condition
            raise AssertionError(f"waited {seconds} s in vain for {what or where}")
        time.sleep(0.01)  # between two looks
    return value


def hold_port(test):
    """A TCP port of 127.0.0.1 that is the test's until its end: nobody else is given it, and a server
    that sets SO_REUSEADDR, as servers do, can listen there."""
    held = socket.socket()
    test.addCleanup(held.close)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def ask(port, question):
    """The first that a server of 127.0.0.1 answers; nothing where nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as s:
            s.sendall(question)
            return s.recv(4096)
    except OSError:
        return b""


def main(runner=None):
    """unittest.main for a test file: names what was skipped, and why, for scripts/run-tests; 77 when
    nothing else was left."""
    done = unittest.main(module=sys.modules["__main__"], exit=False, testRunner=runner,
                         verbosity=2 if "-v" in sys.argv else 1).result
    for test, why in done.skipped:
        print(f"skipped within {test.id().removeprefix('__main__.')}: {' '.join(why.split())}")
    if not done.wasSuccessful() or not (done.testsRun or done.skipped):
        sys.exit(1)
    whole = [test for test, _ in done.skipped
             if isinstance(test, unittest.TestCase) and not hasattr(test, "test_case")]
    sys.exit(77 if done.skipped and len(whole) == done.testsRun else 0)
