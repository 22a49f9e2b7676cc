# SPDX-License-Identifier: Apache-2.0
# Runs the pfprof of the build folder, in a world of its own for each test.
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import pfharness as pf  # noqa: E402

PFPROF = os.path.abspath(
    os.environ.get("PF_COMMAND") or os.path.join(pf.ROOT, "build/lib/cli/pfprof")
)


def is_sanitized():
    """AddressSanitizer's runtime wants to come before every preloaded library."""
    with open(PFPROF, "rb") as file:
        return b"__asan_report_load" in file.read()


class World:
    """A home, a tmpfs folder for segments, a file for the truth; shared by the commands of a test."""

    def __init__(self):
        self.run = pf.prepare()
        self.folder = os.path.join(self.run.runtime, "pfprof")
        os.mkdir(self.folder, 0o700)

    def environment(self, extra=None):
        # SEGMENT_DIR: what other processes of this user have left is not our business.
        env = pf.environment(self.run, None, {
            "TERM": "dumb", "COLUMNS": None, "PROVIDE_PROFILING_SEGMENT_DIR": self.folder,
            **(extra or {}),
        })
        # The sanitized build of the command is heavy to load, and what it starts is not its business.
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        return env

    def start(self, *arguments, extra=None, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "cwd": self.run.work, **options}
        return subprocess.Popen(
            [PFPROF, *map(str, arguments)], env=self.environment(extra), **options
        )

    def cli(self, *arguments, timeout=pf.RUN_PATIENCE, meanwhile=None, **options):
        """A finished command: .status, .out, .err (text).  `meanwhile` is called while it runs."""
        process = self.start(*arguments, start_new_session=True, **options)
        try:
            if meanwhile is not None:
                meanwhile()
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            process.communicate()
            raise
        process.status = process.returncode
        process.out, process.err = (out or b"").decode(), (err or b"").decode()
        return process

    def on_terminal(self, *arguments, extra=None, types=None):
        """(status, text) of a command on a terminal of its own.  `types`: (text to wait for, keys)."""
        pid, fd = pty.fork()
        if pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)  # a shell's & or nohup may have started the tests
            os.chdir(self.run.work)
            os.execve(PFPROF, ["pfprof", *map(str, arguments)], self.environment(extra))
        text, end = b"", time.monotonic() + pf.PATIENCE
        while True:
            if not select.select([fd], [], [], max(end - time.monotonic(), 0))[0]:
                os.kill(pid, signal.SIGKILL)
                break
            try:
                more = os.read(fd, 4096)
            except OSError:
                break  # the terminal's other end is closed
            if not more:
                break
            text += more
            if types is not None and types[0] in text:
                os.write(fd, types[1])
                types = None
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()

    def json(self, *arguments, **options):
        done = self.cli(*arguments, "--json", **options)
        if done.status != 0:
            raise AssertionError(f"{arguments}: status {done.status}: {done.err}")
        return json.loads(done.out)

    def profiled(self, argv, **settings):
        """Starts a program under the library as a user would by hand; returns its Popen."""
        return pf.start(argv, run=self.run, **{"OUTPUT": "none", "SEGMENT_DIR": self.folder, **settings})[1]

    def fifo(self, name):
        """The path of a new FIFO in the folder that commands run in."""
        path = os.path.join(self.run.work, name)
        os.mkfifo(path)
        return path

    def segments(self):
        return self.run.segments()

    def folders(self):
        """Folders of sessions that are still there."""
        return [n for n in os.listdir(self.folder) if n.startswith("run-")]


class Echo:
    """A program that makes exactly as many write calls, of 6 bytes each, as it is told."""

    LINE = b"hello\n"

    def __init__(self, run, profiled=True, **settings):
        _, self.process = pf.start([pf.build("echo")], run=run, profiled=profiled, stdin=subprocess.PIPE,
                                   **({"OUTPUT": "none", **settings} if profiled else {}))
        self.pid = self.process.pid

    def write(self, count):
        self.process.stdin.write(b"\n" * count)
        self.process.stdin.flush()
        if self.process.stdout.read(count * len(self.LINE)) != count * self.LINE:
            raise AssertionError("the target fell silent")
        # The bytes are here before the call is on record: until it waits for more.
        pf.wait_for(lambda: state_of(self.pid) == "S", f"process {self.pid} at rest")

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=pf.PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


def state_of(pid):
    """R: it runs, S: it waits, Z: it has ended, and so on (proc(5))."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def sleeps_of(pid):
    """How often a process has gone to sleep of its own accord."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches:"))


def wait_for_looks(pid, count=2):
    """Until a command that looks, sleeps and looks again has looked so often from its beginning to its end."""
    before = sleeps_of(pid)
    pf.wait_for(lambda: sleeps_of(pid) > before + count, f"{count} looks of process {pid}")


def wait_until(condition, seconds=pf.PATIENCE):
    """pf.wait_for() under its older name."""
    return pf.wait_for(condition, seconds=max(seconds, pf.PATIENCE))


def write_into(fifo, data):
    """Lets go what waits at the other end of a FIFO."""
    with open(fifo, "wb") as file:
        file.write(data)


def split_session(path, folder):
    """The segments of a saved session as files (docs/session-format.md)."""
    with open(path, "rb") as file:
        data = file.read()
    magic, version, size = struct.unpack_from("<8sII", data)
    assert magic == b"PFPROFR1" and version == 2, (magic, version)
    paths = []
    while size < len(data) and data[size:size + 8] != b"timeline":
        assert data[size:size + 8] == b"segment\0", data[size:size + 8]
        length = struct.unpack_from("<Q", data, size + 16)[0]
        paths.append(os.path.join(folder, f"{len(paths)}.pfseg"))
        with open(paths[-1], "wb") as file:
            file.write(data[size + 64:size + 64 + length])
        size += 64 + (length + 63) // 64 * 64
    return paths


class Case(pf.Case):
    def setUp(self):
        if not os.path.exists(PFPROF):
            self.fail(f"{PFPROF} is not there: build it first, or set PF_COMMAND")
        self.world = World()

    def spilled(self, one):
        return 0  # the reader gives them a thread of their own, number 0

    def assert_error(self, done, status=2, says=None):
        """One line on stderr that says what and how to mend it, and nothing else."""
        self.assertEqual(done.status, status, done.err)
        self.assertEqual(done.out, "")
        self.assertRegex(done.err, r"\Apfprof: [^\n]+\n\Z")
        if says is not None:
            self.assertIn(says, done.err)
