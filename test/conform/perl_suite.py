# SPDX-License-Identifier: Apache-2.0
"""Perl's input and output.  Debian ships perl's own t/ in no package, so these are programs of ours
on the subjects of t/io, one file each in perl/; what they print and leave has to be the same."""
import os

from world import FAIL, Verdict, describe_files, program

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "perl")


def run(world, wanted):
    perl = program("perl")
    result = {}
    for file in sorted(os.listdir(HERE)):
        name = os.path.splitext(file)[0]
        if not file.endswith(".pl") or wanted and name not in wanted:
            continue
        folder = os.path.join(world.work, name)
        os.mkdir(folder)
        status, out, err = world.run([perl, os.path.join(HERE, file)], cwd=folder)
        if status == "timeout":
            result[name] = Verdict(FAIL, "timeout")
            continue
        kind = "pass" if status == 0 else FAIL
        result[name] = world.same_bytes(status, out, err, describe_files(folder), kind)
    return result


def groups(quick):
    del quick
    return {"io": run}
