# SPDX-License-Identifier: Apache-2.0
# What a recording of a running program holds: how often it looked decides it.
import os
import subprocess

import machinekit  # noqa: F401  (finds the others)
import clikit
import pfharness as pf


def timeline_of(world, path):
    return world.json("report", path)["timeline"]


def measure_long_recording(table):
    """Eleven seconds of a program that writes all the time: the bins have doubled twice."""
    counted, used = [], []
    for _ in table.rounds(3):
        world = clikit.World()
        process = world.profiled([pf.build("habits"), "duplicates", "2000000000"], stderr=subprocess.DEVNULL)
        path = os.path.join(world.run.folder, "long.pfs")
        try:
            pf.wait_for(lambda: world.cli("show", process.pid).status == 0, "its segment")
            before = world.json("show", process.pid)["metrics"]["message_count"]
            world.cli("record", "-s", 1 if table.smoke else 11, "-o", path, process.pid)
            after = world.json("show", process.pid)["metrics"]["message_count"]
        finally:
            process.kill()
            process.communicate()
        timeline = timeline_of(world, path)
        counted.append(100 * sum(timeline["calls"]) / (after - before))
        used.append(100 * sum(n > 0 for n in timeline["calls"]) / len(timeline["calls"]))
    table.at_least("calls between two looks by hand that are in the timeline", counted, 50, "%")
    table.at_least("bins that hold a call", used, 50, "%")


def measure_silence(table):
    """A program that is silent for a second and then writes: what is said of the silence."""
    before_it = []
    for _ in table.rounds(9):
        world = clikit.World()
        path = os.path.join(world.run.folder, "late.pfs")
        begun = os.path.join(world.run.work, "begun")
        program = (f"import os, time\ntime.sleep(1)\nopen({begun!r}, 'w').close()\n"  # the silence
                   "for i in range(20000): os.write(2, b'a line\\n')")
        done = world.cli("run", "--rate", "1", "--output", "none", "--save", path, "--",
                         pf.need("python3"), "-c", program)
        assert done.status == 0, done.err[-500:]
        timeline = timeline_of(world, path)
        quiet = int((os.stat(begun).st_mtime - timeline["start_time"]) * 0.8 / timeline["bin_seconds"])
        before_it.append(100 * sum(timeline["calls"][:quiet]) / sum(timeline["calls"]))
    table.at_most("calls that are put into the first 80 % of the silence", before_it, 1, "%")
