# SPDX-License-Identifier: Apache-2.0
"""What every suite of the conformance run shares: where a command runs, and what a verdict is."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

BARE = "bare"
RATES = ("1.0", "0.01")
PATIENCE = 300  # a loaded machine may be ten times slower
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

PASS, FAIL, SKIP = "pass", "fail", "skip"


class Missing(Exception):
    """A suite that cannot run on this machine; says why."""


class Verdict(tuple):
    """(kind, detail): pass, fail or skip, and what else has to be the same."""

    def __new__(cls, kind, detail=""):
        return super().__new__(cls, (kind, detail))

    @property
    def kind(self):
        return self[0]

    @property
    def detail(self):
        return self[1]

    def __str__(self):
        return f"{self.kind} {self.detail}".strip()


def program(name):
    path = shutil.which(name, path=SYSTEM_PATH)
    if path is None:
        raise Missing(f"{name} is not installed (scripts/bootstrap --conform)")
    return path


class World:
    """One run of one group: a scratch folder, and an environment that is bare or has the library."""

    def __init__(self, mode, library):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.mode = mode
        self.folder = tempfile.mkdtemp(prefix="pf-conform-", dir=base)
        self.work = os.path.join(self.folder, "work")
        self.temporary = os.path.join(self.folder, "tmp")
        runtime = os.path.join(self.folder, "run")
        for path in (self.work, self.temporary, runtime):
            os.mkdir(path, 0o700)
        self.env = {
            "PATH": SYSTEM_PATH, "HOME": self.folder, "TMPDIR": self.temporary, "TZ": "UTC",
            "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": runtime, "TERM": "dumb", "LOGNAME": "conform",
        }
        if mode != BARE:
            self.env.update(
                LD_PRELOAD=library, PROVIDE_PROFILING_ENABLED="true",
                PROVIDE_PROFILING_SAMPLE_RATE=mode, PROVIDE_PROFILING_OUTPUT="none",
            )

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        # Suites leave folders behind that they made unreadable.
        subprocess.run(["chmod", "-R", "u+rwX", self.folder], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", self.work)
        options["env"] = {**self.env, **options.pop("env", {})}
        return subprocess.Popen(argv, start_new_session=True, **options)

    def run(self, argv, timeout=PATIENCE, data=None, **options):
        """(status, stdout, stderr); the status is "timeout" for a command that had to be killed."""
        if data is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(argv, **options)
        try:
            out, err = process.communicate(data, timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            end_group(process)
            out, err = process.communicate()
            status = "timeout"
        end_group(process)
        return status, out or b"", err or b""

    def hide(self, data):
        """Bytes without what no two runs share: this run's folder, and pids in bash's messages."""
        # bash pads a pid to five places.
        return re.sub(rb"(line \d+:) +\d+ ", rb"\1 PID ", data.replace(self.folder.encode(), b"@"))

    def same_bytes(self, status, out, err, more=b"", kind=PASS):
        """The verdict of a case that has to be the same byte by byte."""
        parts = [f"status {status}"]
        for name, data in (("out", out), ("err", err), ("files", more)):
            data = self.hide(data)
            if data:
                parts.append(f"{name} {len(data)} {hashlib.sha256(data).hexdigest()[:12]}")
        return Verdict(kind, ", ".join(parts))


def wait_for(condition, seconds=PATIENCE):
    """Whether it came to that."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def end_group(process):
    """What a command left running in its own process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def describe_files(folder):
    """Names, types, modes and contents of what a case left in a folder."""
    lines = []
    for where, folders, names in sorted(os.walk(folder)):
        for name in sorted(folders + names):
            path = os.path.join(where, name)
            status = os.lstat(path)
            line = f"{os.path.relpath(path, folder)} {status.st_mode:o}"
            if os.path.islink(path):
                line += " -> " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    line += f" {status.st_size} {hashlib.sha256(file.read()).hexdigest()}"
            lines.append(line)
    return "\n".join(lines).encode()


def read_cases(path):
    """{name: command} of a file of blocks: a line `# name`, then the command's lines."""
    cases, name = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            title = re.match(r"# (.+)$", line)
            if title and title.group(1).startswith("SPDX"):
                continue
            if line.startswith("##"):
                continue
            if title:
                name = title.group(1)
                if name in cases:
                    raise ValueError(f"{path}: two cases are called {name}")
                cases[name] = ""
            elif name is not None:
                cases[name] += line
    return {name: command.strip() for name, command in cases.items()}
