#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# diff on sessions whose calls, bytes and latencies are made, so that what it says of them is known to the digit: real
# programs under a scripted clock (test/scripted/).  What it says of live runs: test/machine/measure_pairs.py; the rule
# itself, and how often it errs by chance: test/lib/test-difference.c.
import json
import math
import os
import statistics
import struct
import subprocess
import xml.etree.ElementTree

from sessionkit import Case, command, pf


THREE = """#include <stdio.h>
#include <stdlib.h>
static void alpha(FILE *f) { fputs("a line of alpha\\n", f); }
static void beta(FILE *f) { fprintf(f, "a line of beta\\n"); }
static void gamma_(FILE *f) { fwrite("a line of gamma\\n", 1, 16, f); }
int main(int argc, char **argv) {
    FILE *f = fopen("/dev/null", "w");
    for (int i = atoi(argv[1]); i > 0; i--) { alpha(f); beta(f); gamma_(f); }
}
"""
LINES = 3
ANYWHERE = 0.05  # how likely a change is seen anywhere where there is none


def bucket(ns):
    """(the middle of a latency's bucket, its width): docs/segment-format.md."""
    width = 1 << max(ns.bit_length() - 5, 0)
    low = ns // width * width
    return (low + low + width - 1) / 2, width


def rounding(ns):
    """The squared relative error of a latency that lies somewhere in its bucket."""
    middle, width = bucket(ns)
    return width * width / 12 / middle ** 2


def limits(ratio, error, quantile):
    """The percentages that diff says: of the change, and of its limits."""
    half = quantile * math.sqrt(error)
    return [100 * math.expm1(x) for x in (ratio, ratio - half, ratio + half)]


def normal(numbers):
    """The quantile that leaves so little that of so many numbers one in twenty comparisons errs in any."""
    return statistics.NormalDist().inv_cdf(1 - ANYWHERE / numbers / 2)


def student(numbers, freedom):
    """The same of Student's distribution with four degrees of freedom, whose law has a closed form."""
    assert freedom == 4
    low, high = 0.0, 100.0
    for _ in range(200):
        t = (low + high) / 2
        x = t / math.sqrt(4 + t * t)
        low, high = (t, high) if x * (1 + (1 - x * x) / 2) < 1 - ANYWHERE / numbers else (low, t)
    return high


class Diff(Case):
    def program(self, name, text):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            with open(path + ".c", "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["cc", "-O0", "-g", "-w", "-fno-builtin", path + ".c", "-o", path], check=True)
        return path

    def three(self, name, alpha=10000, beta=10000, gamma=10000, calls=400):
        """A run of three lines whose calls all take so long, on a machine that was even."""
        path = self.record(name, self.program("three", THREE), calls,
                           script=f"fputs={alpha};fprintf={beta};fwrite={gamma}")
        return self.machine(path, 400)

    def machine(self, path, ns, square=0.0):
        """What the session says of its machine: twelve readings of so many ns beside it (docs/session-format.md)."""
        with open(path, "r+b") as file:
            file.seek(48)
            file.write(struct.pack("<QddQdd", 12, math.log(ns), square, 0, 0, 0))
        return path

    def steady(self, name):
        """A live run, for what does not ask how long its calls took."""
        return self.record(name, pf.build("steady"), 400)

    def result(self, *arguments, status=0):
        return json.loads(command("diff", "-f", "json", *arguments, status=status).stdout)

    def line(self, result, caller):
        (found,) = [line for line in result["lines"] if line["caller"] == caller]
        return found

    def assert_change(self, change, expected):
        """To the digit: (percent, low, high), or what has not changed at all."""
        got = [change[key] for key in ("percent", "percent_low", "percent_high")]
        for one, other in zip(got, expected, strict=True):
            self.assertAlmostEqual(one, other, delta=1e-9 * (1 + abs(other)), msg=f"{got} is not {expected}")
        self.assertEqual(change["is_significant"], expected[1] > 0 or expected[2] < 0)

    def alarms(self, before, after):
        gate = ("--fail-on", "site.cost>+0%,site.cost<-0%,total.cost>+0%,total.cost<-0%,site.calls>+0%,site.bytes>+0%")
        return command("diff", *gate, *before, *(["vs"] if len(before) > 1 else []), *after, status=None).returncode

    def test_same(self):
        a, b = self.three("a"), self.three("b")
        self.assertEqual((self.alarms([a], [a]), self.alarms([a], [b]), self.alarms([a, b], [b, a])), (0, 0, 0))
        result = self.result("--noise", "3", a, b)
        # Three lines and their sum, of which only the cost may vary.
        z = normal(LINES + 1)
        self.assertEqual(len(result["lines"]), LINES)
        for line in result["lines"]:
            self.assertEqual((line["calls"]["before"], line["calls"]["after"]), (400, 400))
            self.assertEqual((line["cost"]["before"], line["latency"]["before"]), (400 * 9983.5, 9983.5))
            self.assert_change(line["calls"], [0, 0, 0])
            self.assert_change(line["bytes"], limits(0, 0.03 ** 2, z))
            for what in ("cost", "latency"):
                self.assert_change(line[what], limits(0, 2 * rounding(10000) + 0.03 ** 2, z))
        self.assertEqual((result["total"]["calls"]["after"], result["total"]["bytes"]["after"]), (1200, 400 * 47))
        self.assertEqual(result["total"]["cost"]["after"], 1200 * 9983.5)

    def test_calls_and_bytes(self):
        """Exact counts: a program that calls more often by a tenth does, whatever its latencies."""
        a, b = self.three("a"), self.three("b", calls=440)
        result = self.result("--noise", "0", a, b)
        z = normal(3 * LINES + 3)  # cost, calls and bytes of each line may differ, and of their sum
        for line in result["lines"]:
            self.assertEqual((line["calls"]["before"], line["calls"]["after"]), (400, 440))
            self.assertEqual(line["bytes"]["after"] / line["bytes"]["before"], 1.1)
            counted = limits(math.log(1.1), 1 / 400 + 1 / 440, z)
            self.assert_change(line["calls"], counted)
            self.assert_change(line["bytes"], counted)
            self.assert_change(line["latency"], limits(0, 2 * rounding(10000), z))
            self.assert_change(line["cost"], limits(math.log(1.1), 2 * rounding(10000) + 1 / 400 + 1 / 440, z))
        self.assert_change(result["total"]["calls"], limits(math.log(1.1), 1 / 1200 + 1 / 1320, z))
        # Not enough to be sure of; ten times as many calls are.
        gate = ("--noise", "0", "--fail-on", "site.calls>+5%,total.calls>+5%")
        command("diff", *gate, a, b)
        many = self.three("many", calls=4000), self.three("more", calls=4400)
        failed = [f["gate"] for f in self.result(*gate, *many, status=1)["failures"]]
        self.assertEqual(failed, ["site.calls>+5%"] * LINES + ["total.calls>+5%"])
        # A gate fails above its own limit only, and one on less for what became less.
        command("diff", "--noise", "0", "--fail-on", "site.calls>+10.1%", *many)
        command("diff", "--noise", "0", "--fail-on", "site.calls<-5%", *many)
        command("diff", "--noise", "0", "--fail-on", "site.calls<-5%", *reversed(many), status=1)
        command("diff", "--noise", "0", "--fail-on", "site.calls<-9.2%", *reversed(many))

    def test_versus(self):
        a, b = self.steady("a"), self.steady("b")
        for operands in (["vs", a], [a, "vs"], [a, b, a], [a, "vs", b, "vs", a]):
            self.assertIn(b"BEFORE... vs AFTER...", command("diff", *operands, status=2).stderr)
        text = command("diff", a, b, "vs", b, a).stdout.decode()
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()[3:]), text)
        self.assertIn("a.pfs and 1 more → ", text)

    def test_ten_percent(self):
        before, after = self.three("before"), self.three("after", beta=11000)
        gate = ("--noise", "3", "--fail-on", "site.cost>+5%")
        result = self.result(*gate, before, after, status=1)
        self.assertEqual([f["place"].split(" in ")[-1] for f in result["failures"]], ["beta"])
        ratio = math.log(11007.5 / 9983.5)
        z = normal(LINES + 1)
        of_buckets = rounding(10000) + rounding(11000)
        for what in ("cost", "latency"):
            self.assert_change(self.line(result, "beta")[what], limits(ratio, of_buckets + 0.03 ** 2, z))
        # All lines: the squares of what is not known of each add up.
        costs = [9983.5 * 3, 9983.5 * 2 + 11007.5]
        errors = [3 * 9983.5 ** 2 * rounding(10000),
                  2 * 9983.5 ** 2 * rounding(10000) + 11007.5 ** 2 * rounding(11000)]
        self.assert_change(result["total"]["cost"], limits(
            math.log(costs[1] / costs[0]), errors[0] / costs[0] ** 2 + errors[1] / costs[1] ** 2 + 0.03 ** 2, z))
        # Just below the noise that hides it, and just above.
        hides = 100 * math.sqrt((ratio / z) ** 2 - of_buckets)
        for factor, status in ((0.999, 1), (1.001, 0)):
            command("diff", "--noise", repr(factor * hides), *gate[2:], before, after, status=status)
        junit = command("diff", "-f", "junit", *gate, before, after, status=1).stdout
        suite = xml.etree.ElementTree.fromstring(junit)
        self.assertEqual((len(suite.findall(".//failure")), suite.get("failures")), (1, "1"))
        self.assertIn(b"beta", command("diff", "-f", "markdown", *gate, before, after, status=1).stdout)
        # Sure, but not more than the gate allows: 10.26 %.
        for allowed, status in (("10.2", 1), ("10.3", 0)):
            command("diff", "--noise", "3", "--fail-on", f"site.cost>+{allowed}%", before, after, status=status)

    def test_three_against_three(self):
        """Their own spread makes the limits, by Student's law, and --noise and the machine no longer count."""
        sides = [[10000, 10600, 10100], [12900, 13900, 13400]]
        runs = [[self.three(f"{s}{i}", beta=ns) for i, ns in enumerate(side)] for s, side in enumerate(sides)]
        result = self.result(*runs[0], "vs", *runs[1])
        logs = [[math.log(bucket(ns)[0]) for ns in side] for side in sides]
        means = [sum(side) / 3 for side in logs]
        square = sum((x - mean) ** 2 for side, mean in zip(logs, means) for x in side)
        rounded = sum(rounding(ns) / 3 for side in sides for ns in side)  # alike in every run: not averaged
        error = max(square / 4 * (2 / 3), rounded)
        change = self.line(result, "beta")["latency"]
        self.assertAlmostEqual(change["before"], sum(bucket(ns)[0] for ns in sides[0]) / 3, delta=1e-6)
        self.assert_change(change, limits(means[1] - means[0], error, student(LINES + 1, 4)))
        self.assertFalse(result["machine"]["is_known"])
        for noise in ("0", "50"):
            self.assertEqual(self.result("--noise", noise, *runs[0], "vs", *runs[1])["lines"], result["lines"])
        command("diff", "--fail-on", "site.cost>+10%", *runs[0], "vs", *runs[1], status=1)

    def test_uneven_machine(self):
        """Two runs alone, beside which the machine was not the same: the limits allow for that, and it is said."""
        before, after = self.three("before"), self.three("after", beta=13000)
        ratio = math.log(bucket(13000)[0] / bucket(10000)[0])

        def diff(calm, late, square=0.0, status=0):
            self.machine(before, calm, square)
            self.machine(after, late, square)
            result = self.result("--fail-on", "site.cost>+5%", before, after, status=status)
            return self.line(result, "beta")["cost"], result["machine"]

        error = rounding(10000) + rounding(13000) + 0.05 ** 2  # 5 % are what runs differ by anyway
        z = normal(LINES + 1)
        cost, machine = diff(400, 400, status=1)
        self.assertEqual((machine["is_known"], machine["percent_low"], machine["percent_high"]), (True, 0, 0))
        self.assert_change(cost, limits(ratio, error, z))
        self.assertNotIn(b"uneven", command("diff", before, after).stdout)
        # It became slower by 30 %, of which 2 are none; output may feel 2.5 times as much: that much may be its doing.
        cost, machine = diff(400, 520)
        shift = 2.5 * (math.log(1.3) - 0.02)
        self.assertAlmostEqual(machine["before"], 400, places=6)
        self.assertAlmostEqual(machine["after"], 520, places=6)
        self.assert_change(machine, [30, 0, 100 * math.expm1(shift)])
        self.assert_change(cost, [*limits(ratio, error, z)[:1], limits(ratio - shift, error, z)[1],
                                  limits(ratio, error, z)[2]])
        for form in ("text", "markdown", "junit"):
            text = command("diff", "-f", form, before, after).stdout.decode()
            self.assertRegex(text, "uneven: pfprof.*s own short writes took 400 ns, then 520 ns")
            self.assertTrue(form != "text" or all(len(line) <= 80 for line in text.splitlines()[3:]), text)
        command("diff", "--noise", "3", "--fail-on", "site.cost>+5%", before, after, status=1)
        # A machine that became faster does not excuse what became slower.
        cost, _ = diff(520, 400, status=1)
        self.assert_change(cost, [*limits(ratio, error, z)[:2], limits(ratio + shift, error, z)[2]])
        # The same in the mean, but not evenly so: what one reading of each may be off by.
        cost, _ = diff(400, 400, square=0.3)
        self.assert_change(cost, limits(ratio, error + 2.5 ** 2 * (2 * 0.3 / 11 - 0.02 ** 2), z))
        self.assertIn("short writes took about 400 ns beside both runs, but not evenly so",
                      " ".join(command("diff", before, after).stdout.decode().split()))
        self.machine(before, float("inf"))  # a file may say anything
        self.assertNotIn(b"uneven", command("diff", before, after).stdout)

    def test_rebuild(self):
        source = os.path.join(pf.SOURCES, "steady.c")
        with open(source, encoding="utf-8") as file:
            text = file.read()
        paths = []
        for name, moved in (("one", text), ("two", "\n\n\nint unused(int a) { return a * 3; }\n" + text)):
            path = os.path.join(self.folder, name)
            with open(path + ".c", "w", encoding="utf-8") as file:
                file.write(moved)
            subprocess.run(["cc", "-O0", "-g", "-w", "-fno-builtin", path + ".c", "-o", path], check=True)
            paths.append(self.record(name, path, 200))
        lines = json.loads(command("diff", "-f", "json", *paths).stdout)["lines"]
        self.assertEqual(len(lines), 3)
        self.assertTrue(all(l["calls"]["before"] == l["calls"]["after"] == 200 for l in lines))

    def test_a_new_flush(self):
        """A line that one side has not fails no gate of its own; what all lines cost does."""
        runs = [[self.record(f"{name}{i}", pf.build("habits"), name, 3000, script=f"fflush=5000;*={1000 + 100 * i}")
                 for i in range(3)] for name in ("buffered", "flush")]
        both = (*runs[0], "vs", *runs[1])
        command("diff", "--fail-on", "site.calls>+50%", *both)
        gates = ("--fail-on", "site.calls>+50%,total.cost>+50%")
        result = self.result(*gates, *both, status=1)
        self.assertEqual([f["gate"] for f in result["failures"]], ["total.cost>+50%"])
        (new,) = [line for line in result["lines"] if line["function"] == "fflush"]
        self.assertEqual((new["calls"]["before"], new["calls"]["after"]), (0, 3000))
        self.assertEqual((new["cost"]["after"], new["cost"]["is_known"]), (3000 * bucket(5000)[0], False))
        total = result["total"]
        self.assertEqual(total["calls"]["after"] - total["calls"]["before"], 3000)
        self.assertEqual(total["bytes"]["percent"], 0)
        self.assertAlmostEqual(total["cost"]["after"] - total["cost"]["before"], 3000 * bucket(5000)[0], delta=1e-3)
        text = command("diff", *both).stdout.decode()
        self.assertRegex(text, r"(?m)^\* fflush in lines +new, 15\.[0-9]+ ms +new, 3\.00k$")
        self.assertRegex(text, r"(?m)^\* all lines together +[+×]")
        markdown = command("diff", "-f", "markdown", *both).stdout.decode()
        self.assertRegex(markdown, r"(?m)^\| fflush in lines \| new, 15\.[0-9]+ ms \| new, 3\.00k \| – \|$")
        suite = xml.etree.ElementTree.fromstring(command("diff", "-f", "junit", *gates, *both, status=1).stdout)
        cases = list(suite.iter("testcase"))
        self.assertEqual(int(suite.get("tests")), len(cases))
        self.assertEqual([c.get("name") for c in cases if c.find("failure") is not None], ["all lines together"])

    def test_few_timed(self):
        """A line of which no call was timed is neither new nor gone, and a gate on what can't be told has not passed."""
        a, b = (self.record(name, pf.build("steady"), 400, rate="0") for name in "ab")
        text = command("diff", "--fail-on", "total.cost>+10%,total.calls>+10%", a, b).stdout.decode()
        self.assertRegex(text, r"(?m)^  .*in beta.* +\? \(too few timed\) +\+0\.0 % \(\+0\.0 to \+0\.0\)$")
        self.assertNotRegex(text, "new|gone")
        said = "total.cost>+10% was not judged: too few calls were timed, or no line is in both"
        self.assertIn(" ? " + said, " ".join(text.split()))
        self.assertIn("❔ total.cost\\>+10% was not judged", command("diff", "-f", "markdown", "--fail-on", "total.cost>+10%", a, b).stdout.decode())
        self.assertEqual(json.loads(command("diff", "-f", "json", "--fail-on", "total.cost>+10%", a, b).stdout)["unjudged"], ["total.cost>+10%"])
        junit = xml.etree.ElementTree.fromstring(command("diff", "-f", "junit", "--fail-on", "total.cost>+10%", a, b).stdout)
        self.assertEqual((len(junit.findall(".//skipped")), junit.get("skipped"), junit.get("failures")), (1, "1", "0"))

    def test_many_times_as_much(self):
        """Still 80 columns; and a message is no markup."""
        runs = []
        for count in (20, 200000):
            path = os.path.join(self.folder, f"times{count}")
            with open(path + ".c", "w", encoding="utf-8") as file:
                file.write('#include <stdio.h>\nint main(void) {\n  for (int i = 0; i < %d; i++) {\n'
                           '    printf("[<b>] `x` | *y* \\\\ %%d\\n", i);\n  }\n}\n' % count)
            subprocess.run(["cc", "-O0", "-g", "-w", "-fno-builtin", path + ".c", "-o", path], check=True)
            runs.append(self.record(f"times{count}", path))
        text = command("diff", "--fail-on", "site.calls>+5%", *runs, status=1).stdout.decode()
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()[3:]), text)
        self.assertRegex(text, r"printf in main.* ×10k \(×")
        markdown = command("diff", "-f", "markdown", *runs).stdout.decode()
        self.assertIn(r"printf in main: \[\<b\>\] \`x\` \| \*y\* \\ %d | ", markdown)

    def test_lines_of_one_function(self):
        """Told apart by what they say, as they are matched."""
        path = os.path.join(self.folder, "names")
        with open(path + ".c", "w", encoding="utf-8") as file:
            file.write('#include <stdio.h>\nint main(void) {\n  for (int i = 0; i < 9; i++) {\n'
                       '    printf("alpha %d\\n", i);\n    printf("beta %d\\n", i);\n  }\n}\n')
        subprocess.run(["cc", "-O0", "-g", "-w", "-fno-builtin", path + ".c", "-o", path], check=True)
        run = self.record("names", path)
        for form in ("text", "junit"):
            text = command("diff", "-f", form, "--fail-on", "site.calls>+1%", run, run).stdout.decode()
            self.assertEqual((text.count("printf in main: alpha %d"), text.count("printf in main: beta %d")), (1, 1), text)

    def test_bad_gate(self):
        path = self.steady("gate")
        for gate in ("site.colour>+1%", "site.cost>+nan%", "total.cost>+inf%", "total.latency>+1%", "site.cost", ",", ""):
            err = command("diff", "--fail-on", gate, path, path, status=2).stderr.decode()
            self.assertIn("METRIC>+N%", err)
            self.assertIn("total.cost", err)


if __name__ == "__main__":
    pf.main()
