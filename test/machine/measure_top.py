# SPDX-License-Identifier: Apache-2.0
# How soon `pfprof top` shows something, how punctual it is, and what it takes.
import json
import resource
import subprocess
import time

import machinekit  # noqa: F401  (finds the others)
import clikit
import pfharness as pf
from terminal import Terminal


class Target:
    """Threads that log all the time, until the block ends."""

    def __enter__(self):
        self.world = clikit.World()
        self.process = self.world.profiled([pf.build("chatter"), "stop"], stdout=subprocess.DEVNULL)
        pf.wait_for(lambda: self.world.cli("show", self.process.pid).status == 0, "its segment")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def measure_first_screen(table):
    """From the start of `pfprof top` in a terminal to the first row of its table."""
    times = []
    for _ in table.rounds(15):
        with Target() as target:
            env = target.world.environment({"TERM": None})
            start = time.monotonic()
            terminal = Terminal(f"{clikit.PFPROF} top {target.process.pid}", {
                name: env[name] for name in ("HOME", "XDG_RUNTIME_DIR", "PROVIDE_PROFILING_SEGMENT_DIR")})
            try:
                terminal.wait(r"^(vfprintf|fputs|fprintf|write) ")
                times.append(time.monotonic() - start)
            finally:
                terminal.close()
    table.at_most("top's first row, with tmux and looking", times, 1, "s")


def measure_intervals(table):
    """`pfprof top -d 0.2`: how long its intervals are, and what it takes of a processor."""
    count = 5 if table.smoke else 50
    with Target() as target:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        done = target.world.cli("top", "--batch", "--json", "-d", "0.2", "-n", count, target.process.pid)
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lengths = [json.loads(line)["interval_seconds"] for line in done.out.splitlines()]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    table.at_most("an interval of 0.2 s", lengths, 0.25, "s")
    table.at_most("of a processor, with JSON", [100 * cpu / wall], 25, "%")
