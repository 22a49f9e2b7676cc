# SPDX-License-Identifier: Apache-2.0
"""What run.py and peers.py share: building the C programs, running the loop, statistics, tables."""
import datetime
import math
import os
import platform
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ALWAYS_UNSET = ("LD_PRELOAD",)


class Failed(Exception):
    """A measurement that could not be made; its text goes into the row."""


def clean_environment():
    return {k: v for k, v in os.environ.items()
            if k not in ALWAYS_UNSET and not k.startswith("PROVIDE_")}


def enabled(lib, rate, *more):
    return {"LD_PRELOAD": " ".join((lib,) + more), "PROVIDE_PROFILING_ENABLED": "true",
            "PROVIDE_PROFILING_SAMPLE_RATE": str(rate), "PROVIDE_PROFILING_OUTPUT": "none"}


def with_env(variables, command):
    """The variables reach the target only: `env` itself starts without them."""
    return ["env"] + [f"{k}={v}" for k, v in variables.items()] + list(command)


def build(folder):
    cc = os.environ.get("CC", "cc").split()
    flags = ["-std=gnu17", "-O2", "-fno-builtin", "-Wall", "-U_FORTIFY_SOURCE",
             "-D_FORTIFY_SOURCE=0"]
    out = {}
    for name, source, more in (("libnull.so", "null.c", ["-fPIC", "-shared"]),
                               ("libempty.so", "empty.c", ["-fPIC", "-shared"]),
                               ("libclocks.so", "clocks.c", ["-fPIC", "-shared"]),
                               ("loop", "loop.c", ["-pthread", "-Wl,-z,lazy"])):
        out[name] = os.path.join(folder, name)
        subprocess.run(cc + flags + more + ["-o", out[name], os.path.join(HERE, source)],
                       check=True)
    return out


def run_loop(command, timeout=300):
    """Runs a command that ends in the loop program; the number that it wrote to descriptor 3."""
    read_end, write_end = os.pipe()
    try:
        # The shell moves the pipe to descriptor 3 and is replaced by the command.
        with open(os.devnull, "r+b") as null:
            child = subprocess.Popen(
                ["/bin/sh", "-c", f'exec "$@" 3>&{write_end}', "sh"] + list(command)
                if write_end < 10 else
                ["/bin/bash", "-c", f'exec "$@" 3>&{write_end}', "bash"] + list(command),
                stdin=null, stdout=null, stderr=subprocess.PIPE, pass_fds=(write_end,),
                env=clean_environment())
        os.close(write_end)
        write_end = -1
        try:
            errors = child.communicate(timeout=timeout)[1]
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise Failed(f"no end after {timeout} s") from None
        os.set_blocking(read_end, False)
        try:
            text = os.read(read_end, 100)
        except BlockingIOError:
            text = b""
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
    try:
        return float(text)
    except ValueError:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise Failed(f"status {child.returncode}: {last[0][:80]}") from None


def rotate(contenders, rounds):
    """{name: measure} -> {name: [a value per round]}; each round starts with the next contender."""
    names = list(contenders)
    found = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(contenders[name]())
    return found


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    cut = statistics.quantiles(values, n=4, method="inclusive")
    return cut[0], cut[2]


def median_interval(values):
    """The narrowest symmetric pair of order statistics that holds the median with >= 95 %.

    Returns (low, high, coverage); fewer than 6 values cannot reach 95 %: their ends are returned.
    """
    ordered = sorted(values)
    n = len(ordered)

    def coverage(k):  # of the k-th smallest and the k-th largest, k from 0
        return 1 - 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2 ** n

    k = 0
    while k + 1 < n - k - 2 and coverage(k + 1) >= 0.95:
        k += 1
    return ordered[k], ordered[n - 1 - k], max(0.0, coverage(k))


def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False)
        return ((out.stdout or out.stderr).splitlines() or ["unknown"])[0]
    except OSError:
        return "unknown"


def header():
    cpu = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("model name", "CPU part")):
                cpu = line.split(":", 1)[1].strip()
                break
    cc = first_line(os.environ.get("CC", "cc").split() + ["--version"])
    libc = first_line(["getconf", "GNU_LIBC_VERSION"])
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (f"{cpu} x {len(os.sched_getaffinity(0))}, Linux {platform.release()}, {libc}, {cc}, "
            f"{date}")


def table(columns, rows):
    cells = [[str(c) for c in columns]] + [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
