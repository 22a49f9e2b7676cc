#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the samplers: intervals on five laws, traces of six real programs, the budget in live runs."""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from common import header, table
import traces

SHARE = 0.02  # of the calls, in the tight comparison
COST_NS, COUNT_NS = 85.0, 2.3  # as in samplers.c


def tool_lines(tool, *words):
    done = subprocess.run([tool, *map(str, words)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def laws(tool, runs):
    rows = []
    for one in tool_lines(tool, "laws", runs):
        total, site = one["total"], one["site"]
        rows.append([one["situation"], one["law"], f"{one['timed']:.1f}", total["covered"], total["width"],
                     total["refused"], site["covered"], site["width"], site["refused"]])
    print(f"\nIntervals, {runs} runs of 20,000 calls: statistical (12 sites, rate 0.02, least 200), and adaptive "
          "with a budget\ngood for every call; per cent\n")
    print(table(("sampler", "latencies", "timed", "total covered", "width", "refused", "site covered", "width",
                 "refused"), rows), flush=True)


def tight_budget(path, cpu, seconds):
    events = os.path.getsize(path) // 24
    return (events * (SHARE * COST_NS + COUNT_NS)) / (cpu * seconds * 1e9)


def ratio(a, b):
    return "0/0" if b == 0 else f"{a / b:.2f}"


def replays(tool, lib, folder, names, seconds, seeds):
    rows, notices, points = [], [], []
    for name in names:
        path = os.path.join(folder, name.replace(" ", "-"))
        cpu = traces.record(tool, lib, name, seconds, path)
        if cpu is None:
            rows.append([name, "skipped: not installed"] + [""] * 10)
            continue
        length = tool_lines(tool, "compare", path, cpu, 0.01, 1)[0]["seconds"]
        for label, budget in (("1 %", 0.01), ("tight", tight_budget(path, cpu, length))):
            (one,) = tool_lines(tool, "compare", path, cpu, budget, seeds)
            a, f = one["adaptive"], one["fixed"]
            rows.append([name, one["calls"], one["processes"], label, f"{100 * a['timed'] / one['calls']:.1f}",
                         f"{100 * budget:.2f} / {100 * one['spent']:.2f}",
                         ratio(a["width"], f["width"]), f"{one['best_total']:.2f}",
                         ratio(a["worst_site"], f["worst_site"]), f"{one['best_worst']:.2f}",
                         f"{a['sites_with_interval']:.0f} / {f['sites_with_interval']:.0f} "
                         f"of {a['sites']:.0f}",
                         f"{a['covered']} of {a['intervals']} / {f['covered']} of {f['intervals']}"])
            if label == "tight" and f["width"] > 0:
                points.append((name, a["width"] / f["width"], one["best_total"],
                               a["worst_site"] / f["worst_site"], one["best_worst"]))
        (one,) = tool_lines(tool, "notice", path, cpu, tight_budget(path, cpu, length), seeds)
        if one.get("site_calls"):
            late = one["fixed_found"] * 2 < seeds
            notices.append([name, one["site_calls"], f"{one['adaptive']:.2f}",
                            f"{one['adaptive_found']} of {seeds}",
                            (">" if late else "") + f"{one['fixed']:.2f}",
                            f"{one['fixed_found']} of {seeds}",
                            (">" if late else "") + ratio(one["fixed"], one["adaptive"]),
                            f"{one['adaptive_false']:.1f} / {one['fixed_false']:.1f}"])
        os.unlink(path)
    print(f"\nAdaptive against a fixed rate with as many timed calls, {seeds} runs over each trace\n")
    print(table(("program", "calls", "processes", "budget", "timed %", "budget / spent %", "total",
                 "best", "worst site", "best", "sites with interval", "covered of printed"), rows))
    print("\nA rare site becomes 3 times as slow: seconds until noticed (median)\n")
    print(table(("program", "its calls", "adaptive", "noticed", "fixed", "noticed", "sooner",
                 "false alarms"), notices), flush=True)
    return points


def live(lib, steer, seconds):
    """The overhead that the library itself measures at the end, in runs with the observer."""
    rows = []
    storm = "BEGIN{for (i = 0; i < 10000000; i++) print i > \"/dev/null\"}"
    for name, command in (
            ("gawk, 10 M prints to a buffer", ["gawk", storm]),
            ("python3, 10 M bytes by write", ["/usr/bin/python3", "-c", "import os\nf = os.open('/dev/null',"
             " 1)\nfor i in range(10000000): os.write(f, b'x')"]),
            ("python3 logging", ["/usr/bin/python3", "-c", traces.PYTHON_LOG, ".", str(seconds)])):
        if shutil.which(command[0], path=traces.SYSTEM) is None:
            continue
        with tempfile.TemporaryDirectory(dir="/dev/shm") as work:
            os.mkdir(work + "/run", 0o700)
            prefix = "PROVIDE_PROFILING_"
            env = {"PATH": traces.SYSTEM, "LD_PRELOAD": lib, "XDG_RUNTIME_DIR": work + "/run",
                   prefix + "ENABLED": "true", prefix + "SAMPLER": "adaptive", prefix + "COMMAND": steer,
                   prefix + "OUTPUT": work + "/out", prefix + "FORMAT": "json"}
            before = os.times()
            subprocess.run(command, env=env, cwd=work, stdout=subprocess.DEVNULL, check=True)
            after = os.times()
            with open(work + "/out", encoding="utf-8") as file:
                metrics = json.loads(file.read().splitlines()[-1])["metrics"]
        cpu = (after.children_user + after.children_system - before.children_user
               - before.children_system)
        calls, timed = metrics["message_count"], metrics["sampled_count"]
        rows.append([name, calls, f"{100 * timed / calls:.2f}", f"{cpu:.2f}",
                     f"{100 * metrics['overhead_ns'] / 1e9 / cpu:.2f}",
                     f"{100 * timed * COST_NS / 1e9 / cpu:.2f}"])
    print("\nLive, budget 1 %: our cost as the library measures it at the end, per cent of CPU time\n")
    print(table(("program", "calls", "timed %", "CPU s", "all of ours %", "of it timing %"), rows))


def plot(points, path):
    """Widths against a fixed rate's, as bars on a scale of logarithms; left of 1 is better."""
    width, row, left, right = 760, 58, 120, 90
    height = 96 + row * max(len(points), 1)
    values = [v for p in points for v in p[1:] if v > 0] + [0.1, 2]
    low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))

    def x(value):
        share = (math.log2(max(value, 2.0 ** low)) - low) / (high - low)
        return left + share * (width - left - right)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>',
           '<text x="10" y="20" font-size="14">Width of the adaptive sampler\'s intervals, in parts of a fixed '
           'rate\'s with as many timed calls</text>',
           '<rect x="10" y="31" width="12" height="12" fill="#35608f"/><text x="28" y="41">the total</text>',
           '<rect x="110" y="31" width="12" height="12" fill="#9fc0e0"/><text x="128" y="41">the worst '
           'site</text>',
           '<line x1="232" x2="232" y1="30" y2="44" stroke="#c03030" stroke-width="3"/><text x="240" y="41">best '
           'possible, with hindsight</text>']
    for power in range(low, high + 1):
        at, dash = x(2.0 ** power), "" if power == 0 else ' stroke-dasharray="3 3"'
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="56" y2="{height - 28}" '
                   f'stroke="{"#444" if power == 0 else "#ccc"}"{dash}/>')
        out.append(f'<text x="{at:.1f}" y="{height - 10}" text-anchor="middle">'
                   f'{2 ** power if power >= 0 else f"1/{2 ** -power}"}</text>')
    for i, (name, total, best, worst, best_worst) in enumerate(points):
        y = 64 + i * row
        out.append(f'<text x="10" y="{y + 24}">{name}</text>')
        for at, value, ideal, colour in ((y, total, best, "#35608f"), (y + 21, worst, best_worst, "#9fc0e0")):
            out.append(f'<rect x="{left}" y="{at}" width="{x(value) - left:.1f}" height="18" fill="{colour}"/>')
            out.append(f'<line x1="{x(ideal):.1f}" x2="{x(ideal):.1f}" y1="{at - 1}" y2="{at + 19}" '
                       'stroke="#c03030" stroke-width="3"/>')
            out.append(f'<text x="{max(x(value), x(ideal)) + 6:.1f}" y="{at + 13}">{value:.2f}</text>')
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--runs", type=int, default=2000, help="of each law; 0: none")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--only", choices=sorted(traces.PROGRAMS))
    parser.add_argument("--svg")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    tool, lib = build + "/test/lib/bench-samplers", build + "/preload/libpfprof.so"
    print(header())
    if args.runs:
        laws(tool, args.runs)
    names = [args.only] if args.only else list(traces.PROGRAMS)
    with tempfile.TemporaryDirectory() as folder:
        points = replays(tool, lib, folder, names, args.seconds, args.seeds)
    live(lib, build + "/lib/pfprof-steer", args.seconds)
    svg = args.svg or build + "/samplers.svg"
    plot(points, svg)
    print(f"\nplot: {svg}")


if __name__ == "__main__":
    main()
