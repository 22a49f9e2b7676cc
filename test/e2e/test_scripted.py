#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs whose calls take what a script says: every figure is right to the last digit."""
import os
import subprocess

import pfharness as pf
import pfscript

class Exact(pfscript.Case):
    """Every call timed."""

    def gawk(self, count, script, **settings):
        """{function: row} of a program that makes `count` calls of one function at one place."""
        program = "BEGIN { for (i = 0; i < %d; i++) printf \"%%d\\n\", i > \"out\" }" % count
        run = pf.execute([pf.need("gawk"), program], script=script, **settings)
        self.assertEqual(run.status, 0, run.stderr)
        return run, self.check(run.only())

    def test_totals_means_and_quantiles(self):
        pattern = [1000] * 500 + [3000] * 380 + [17000] * 100 + [250000] * 19 + [9876543]
        for count in (1000, 12345):
            _, one = self.gawk(count, "fwrite_unlocked=" + pfscript.steps(pattern))
            calls = pfscript.repeated(pattern, count)
            for row in one["functions"] + one["call_sites"] + one["threads"] + [
                    one["metrics"], one["streams"][0]]:
                self.assert_row(row, calls)

    def test_the_slowest_and_their_order(self):
        slow = {17: 400000, 333: 90000000, 500: 800000, 777: 700001, 778: 700000, 999: 300000}
        calls = [slow.get(n, 2000) for n in range(1000)]
        _, one = self.gawk(1000, "fwrite_unlocked=" + pfscript.steps(
            [f"{ns}v" if ns == 800000 else ns for ns in calls]))
        found = one["slowest"][:len(slow)]
        order = sorted(slow, key=slow.get, reverse=True)
        self.assertEqual([event["duration_ns"] for event in found], [slow[n] for n in order])
        self.assertEqual({event["duration_ns"] for event in found if event["why"] == "blocked"}, {800000})
        for n, event in zip(order, found):
            self.assertEqual(event["bytes"], len(str(n)) + 1)
            began = one["metrics"]["start_time"] + sum(calls[:n]) / 1e9
            self.assertAlmostEqual(event["time"], began, delta=2e-6)
        self.assertTrue(all(event["duration_ns"] == 2000 for event in one["slowest"][len(slow):]))

    def test_time_between_calls(self):
        """Bursts: the clock moves on between them, and no call is charged with that."""
        pattern = ["2000+1000"] * 99 + ["2000+500000000"]
        _, one = self.gawk(400, "fwrite_unlocked=" + pfscript.steps(pattern))
        metrics, (thread,) = one["metrics"], one["threads"]
        uptime = 400 * 2000 + 4 * (99 * 1000 + 500000000)
        self.assertEqual(round(metrics["uptime_seconds"] * 1e9), uptime)
        self.assertEqual(round(thread["wall_seconds"] * 1e9), uptime)
        self.assertEqual(metrics["total_duration_ns"], 800000)
        self.assertAlmostEqual(thread["output_share_percent"], 100 * 800000 / uptime, delta=1e-4)
        self.assertAlmostEqual(metrics["messages_per_second"], 400e9 / uptime, delta=1e-2)

    def test_what_a_read_of_the_clock_costs(self):
        """It is taken off each latency, down to 0."""
        pattern = [10, 20, 21, 400]
        _, one = self.gawk(1000, "clock=20;fwrite_unlocked=" + pfscript.steps(pattern))
        self.assertEqual(one["process"]["clock_cost_ns"], 20)
        self.assert_row(one["functions"][0], [max(ns - 20, 0) for ns in pfscript.repeated(pattern, 1000)])

    def test_a_database(self):
        """sqlite3: four functions at several places each, and what the kernel is waited for."""
        script = ("pwrite64=30000,40000v;write=7000;fdatasync=2000000v,3000000v,1000000v;"
                  "fsync=9000000;*=500")
        inserts = "".join(f"insert into t values({i}, 'row {i}');\n" for i in range(25))
        run = pf.execute([pf.need("sqlite3"), "data.db"], script=script,
                         data=b"create table t(x, y);\n" + inserts.encode())
        self.assertEqual(run.status, 0, run.stderr)
        one = self.check(run.only())
        periods = {"pwrite64": (30000, 40000), "write": (7000,), "fsync": (9000000,),
                   "fdatasync": (2000000, 3000000, 1000000)}
        sites = [(site, periods.get(site["function"], (500,))) for site in one["call_sites"]]
        self.assertIn("pwrite64", {site["function"] for site, _ in sites})
        # A site may write to several files, and the calls of each are numbered by themselves.
        for site, period in sites:
            if len(period) == 1:
                self.assert_row(site, pfscript.repeated(period, site["message_count"]))
        whole = sum(row["total_duration_ns"] for row in one["functions"] + one["flushes"])
        self.assertEqual(one["output"]["estimated_total_duration_ns"], whole)
        for row in one["flushes"]:
            if row["name"] == "fsync":
                self.assert_row(row, [9000000] * row["message_count"])

    def test_each_thread_has_its_own_calls(self):
        pattern = [100, 200, 300, 400, 5000]
        script = f"write={pfscript.steps(pattern)};writev=70;fprintf=900*9,80000;*=1"
        run = pf.execute([pf.build("threads"), "led", "4", "333"], script=script)
        self.assertEqual(run.status, 0, run.stderr)
        one = self.check(run.only())
        rows = {row["name"]: row for row in one["functions"]}
        self.assert_row(rows["write"], pattern[:1] + 4 * pfscript.repeated(pattern, 333))
        self.assert_row(rows["writev"], 4 * [70] * 333)
        self.assert_row(rows["fprintf"], 4 * pfscript.repeated([900] * 9 + [80000], 333))
        self.assert_row(rows["fputs"], 4 * 333 * [1])

    def test_a_stream_without_a_buffer(self):
        """Each call flushes, or waits for the lock and then flushes, or is blocked."""
        run = pf.execute([pf.build("steady"), "100", "1"], script="fputs=10000,20000v,30000,40000l15000")
        (row,) = self.check(run.only())["functions"]
        self.assert_row(row, 3 * pfscript.repeated([10000, 20000, 30000, 40000], 100))
        self.assertEqual({name: cause["count"] for name, cause in row["why"].items()},
                         {"format": 0, "flush": 225, "lock": 75, "blocked": 75})
        for name, ns in (("flush", 75 * 65000), ("lock", 75 * 15000), ("blocked", 75 * 20000)):
            self.assertAlmostEqual(row["why"][name]["share"], ns / (75 * 100000), delta=1e-6)


class Sampled(pf.Case):
    """Some calls timed: which ones, the seed says; what that makes, docs/sampling.md."""

    LAWS = {
        "even": [4000] * 7 + [5000] * 3,
        "flushes": [4000] * 40 + [6000] * 9 + [90000],
        "tail": [1000] * 90 + [3000] * 6 + [10000] * 3 + [100000],
    }

    def run_law(self, pattern, count, rate, seed):
        program = "BEGIN { for (i = 0; i < %d; i++) printf \"%%d\\n\", i > \"out\" }" % count
        run = pf.execute([pf.need("gawk"), program], SAMPLE_RATE=rate, STACKS="off",
                         script=f"seed={seed};fwrite_unlocked=" + pfscript.steps(pattern))
        self.assertEqual(run.status, 0, run.stderr)
        (row,) = self.check(run.only())["functions"]
        calls = pfscript.repeated(pattern, count)
        sampler = pfscript.Sampler(seed)
        how = [sampler.call(float(rate)) for _ in calls]
        timed = [ns for ns, kind in zip(calls, how) if kind == "chance"]
        certain = [ns for ns, kind in zip(calls, how) if kind == "certain"]
        return row, calls, timed, certain

    def test_estimate_and_interval(self):
        for rate, count in (("0.1", 20000), ("0.5", 3000), ("0.02", 40000)):
            for name, pattern in self.LAWS.items():
                with self.subTest(rate=rate, law=name):
                    row, calls, timed, certain = self.run_law(pattern, count, rate, 1)
                    self.assertEqual(row["message_count"], count)
                    self.assertEqual(row["sampled_count"], len(timed) + len(certain))
                    self.assertEqual(row["total_duration_ns"], sum(timed) + sum(certain))
                    self.assertEqual(row["max_ns"], max(timed + certain))
                    total, low, high = pfscript.estimate(count, timed, certain)
                    self.assertEqual(row["estimated_total_duration_ns"], round(total))
                    self.assertEqual(row["estimated_total_interval_ns"], [round(low), round(high)])
                    # The truth; a seed for which an interval misses it is one of 5 in 100.
                    self.assertLessEqual(low, sum(calls))
                    self.assertLessEqual(sum(calls), high)

    def test_five_sites_of_one_thread(self):
        """They share the thread's random numbers, and each waits for itself."""
        names = ("write", "writev", "fprintf", "fputs", "dprintf")
        for rate in ("0.01", "0.5"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("threads"), "mix", "1", "5000"], SAMPLE_RATE=rate,
                                 STACKS="off", script="seed=9;*=100,200,300")
                one = self.check(run.only())
                sampler = pfscript.Sampler(9)
                timed = dict.fromkeys(names, 0)
                took = dict.fromkeys(names, 0)
                for number in range(5000):
                    for name in names:
                        if sampler.call(float(rate), name, looked=not name.startswith("write")):
                            timed[name] += 1
                            took[name] += 100 * (number % 3 + 1)
                self.assertEqual(pf.functions(one, "sampled_count"), timed)
                self.assertEqual(pf.functions(one, "total_duration_ns"), took)

    def test_too_few_for_an_interval(self):
        """Fewer than 140 timed by chance: none is made up."""
        row, _, timed, certain = self.run_law(self.LAWS["flushes"], 1000, "0.1", 1)
        self.assertLess(len(timed), 140)
        self.assertEqual(row["sampled_count"], len(timed) + len(certain))
        self.assertIsNone(row["estimated_total_duration_ns"])
        self.assertIsNone(row["estimated_total_interval_ns"])


class Tool(pf.Case):
    """The scripts themselves."""

    def test_scripts_that_cannot_be_read(self):
        for script in ("write", "wirte=5", "write=", "write=5x", "write=5*0", "write=5;;seed=", "@/none",
                       "write=l5", "clock=a"):
            with self.subTest(script=script):
                run = pf.execute([pf.build("procs"), "tail"], script=script)
                self.assertEqual(run.status, 99)
                self.assertTrue(run.stderr.startswith(b"PF_TEST_SCRIPT: "), run.stderr)

    def test_a_script_in_a_file(self):
        run = pf.prepare()
        path = os.path.join(run.folder, "script")
        with open(path, "w", encoding="ascii") as file:
            file.write("start=5000000000\nwrite=7,8\n")
        pf.execute([pf.build("procs"), "tail"], run=run, script="@" + path)
        one = self.check(run.only())
        self.assertEqual(one["metrics"]["total_duration_ns"], 2 * 7 + 2 * 8)
        self.assertEqual(one["metrics"]["overhead_ns"], 0)

    def test_the_shipped_library_has_none(self):
        """scripts/check-exports tells the two builds apart, whichever it is given."""
        check = os.path.join(pf.ROOT, "scripts", "check-exports")
        shipped = subprocess.run([check, pf.LIB, "--scripted", pf.need_scripted()],
                                 capture_output=True, text=True)
        self.assertEqual(shipped.returncode, 0, shipped.stdout)
        swapped = subprocess.run([check, pf.SCRIPTED, "--scripted", pf.SCRIPTED],
                                 capture_output=True, text=True)
        self.assertEqual(swapped.returncode, 1, swapped.stdout)
        self.assertIn("has PF_TEST_SCRIPT", swapped.stdout)


if __name__ == "__main__":
    pf.main()
