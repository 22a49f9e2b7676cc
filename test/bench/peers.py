#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what libpfprof.so and other tracers add per output call; prints one table."""
import argparse
import os
import shutil
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
from common import Failed, build, enabled, header, quartiles, rotate, run_loop, table, with_env

CALLS = ("write", "fputs", "fprintf")
BPF = ("uprobe:libc:%s { @start[tid] = nsecs; } "
       "uretprobe:libc:%s /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }")


def tools(folder):
    """name -> (program, a function from call and loop command to the whole command)."""
    out = os.path.join(folder, "out")
    return {
        "strace -c (system calls only)":
            ("strace", lambda call, loop: ["strace", "-f", "-c", "-o", out] + loop),
        "perf trace -s (system calls only)":
            ("perf", lambda call, loop: ["perf", "trace", "-s", "-o", out, "--"] + loop),
        "ltrace -c":
            ("ltrace", lambda call, loop: ["ltrace", "-c", "-e", call, "-o", out] + loop),
        "uftrace record":
            ("uftrace", lambda call, loop: ["uftrace", "record", "--force", "-d", out + ".uftrace"]
             + loop),
        "bpftrace uprobe + uretprobe":
            ("bpftrace", lambda call, loop: ["bpftrace", "-o", out, "-e", BPF % (call, call), "-c",
                                             " ".join(loop)]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lib", required=True, help="libpfprof.so")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    lib = os.path.abspath(args.lib)
    if not os.path.isfile(lib):
        parser.error(f"no such file: {lib}")
    with tempfile.TemporaryDirectory(prefix="pf-peers-") as folder:
        # The real calls, not libnull.so: a tracer of system calls would see nothing there.
        loop = build(folder)["loop"]
        commands = {f"pfprof, rate {rate}": lambda call, target, rate=rate:
                    with_env(enabled(lib, rate), target) for rate in (0.01, 1.0)}
        absent = []
        for name, (program, command) in tools(folder).items():
            if shutil.which(program):
                commands[name] = command
            else:
                absent.append(name)
        added = {name: {} for name in commands}
        bare = {}
        for call in CALLS:
            target = [loop, call, "10000", "5"]
            broken = {}

            def measure(command, name, target=target, call=call, broken=broken):
                def once():
                    if name in broken:
                        return None
                    try:
                        return run_loop(command(call, target), timeout=60)
                    except Failed as error:
                        broken[name] = f"failed: {error}"
                        return None
                return once

            contenders = {"bare": measure(lambda call, target: with_env({}, target), "bare")}
            contenders.update({name: measure(command, name) for name, command in commands.items()})
            found = rotate(contenders, args.rounds)
            if "bare" in broken:
                sys.exit(f"the loop does not run: {broken['bare']}")
            bare[call] = f"{statistics.median(found['bare']):.1f}"
            for name in commands:
                if name in broken:
                    added[name][call] = broken[name]
                    continue
                values = [a - b for a, b in zip(found[name], found["bare"])]
                low, high = quartiles(values)
                added[name][call] = f"{statistics.median(values):.1f} ({low:.1f}..{high:.1f})"
    rows = [["(the bare call itself)"] + [bare[call] for call in CALLS]]
    rows += [[name] + [added[name][call] for call in CALLS] for name in added]
    rows += [[name] + ["not installed"] * len(CALLS) for name in absent]
    print(header() + f"; rounds {args.rounds}\n")
    print(table(["ns added per call: median (p25..p75)"] + list(CALLS), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
