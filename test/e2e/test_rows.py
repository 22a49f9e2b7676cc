#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Every row of the table is really reached, and counts exactly.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

# Rows that nothing here can reach, each with its reason.  Keep it short.
EXCUSES = {}
# How a process-control row is reached: the arguments of `procs`.
PROCESS_DRIVERS = {
    "_exit": ["end", "_exit"], "_Exit": ["end", "_Exit"], "vfork": ["vfork"],
    "__vfork": ["__vfork"], "_Fork": ["_Fork"], "clone": ["clone"], "__clone": ["__clone"],
    "prctl": ["seccomp", "early"],
    **{name: ["exec", name] for name in pf.EXECS},
}


def listed(program, absent=False):
    """{row: does it return?} of a target's own list; with those that libc lacks, or without."""
    done = pf.execute([pf.build(program), "list"], profiled=False)
    if done.status != 0 or not done.stdout:
        raise AssertionError(f"{program} list: {done.status} {done.stderr!r}")
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {words[0]: len(words) == 1 for words in lines if absent or words[1:] != ["absent"]}


class EveryRow(pf.Case):
    """Every row of the table is really reached, and counts exactly."""

    def test_each_row_has_a_driver(self):
        rows = pf.table_rows()
        reached = {name.split(":")[0] for name in listed("everycall", True)}
        reached |= set(listed("layered")) | set(PROCESS_DRIVERS)
        # test_streams.py; `dup` and `fclose` are no process rows.
        reached |= set(listed("descriptors")) - {"dup", "fclose"} | {"dlclose"}  # worlds dlclose
        reached |= {name for name, row in rows.items() if row[0] == "scope"}  # test_scopes.py
        self.assertEqual(set(rows) - reached - set(EXCUSES), set(), "rows that no test reaches")
        self.assertEqual(set(EXCUSES) & reached, set(), "excuses that are not needed")
        self.assertEqual(reached - set(rows), set(), "drivers of rows that are not in the table")
        self.assertLessEqual(len(EXCUSES), 5)

    def check_rows(self, one, accounts):
        self.check(one)
        self.assert_truth(one, accounts)
        rows = pf.table_rows()
        for function in one["functions"] + one["flushes"]:
            name, family = function["name"], function["family"]
            self.assertEqual(family, rows[name][0], name)
            unknown = function["message_count"] if rows[name][1] else 0
            self.assertEqual(function["bytes_unknown_count"], unknown, name)

    def test_all_rows_at_every_rate(self):
        program = pf.build("everycall")
        bare = pf.execute([program, "all", "40"], profiled=False)
        self.assertEqual(bare.status, 0, bare.stderr[-500:])
        for rate in pf.RATES:
            with self.subTest(rate=rate):
                run = pf.execute([program, "all", "40"], SAMPLE_RATE=rate)
                accounts = run.truth.functions(run.pid)
                self.assertGreater(len(accounts), 60 if pf.ABI == "musl" else 80)
                one = run.only()
                self.check_rows(one, accounts)
                self.assert_same(bare, run)
                sampled = one["metrics"]["sampled_count"]
                if rate == "0":
                    self.assertEqual(sampled, 0)
                elif rate == "1.0":
                    never = {"error", "error_at_line"}  # jumped to, so never timed
                    for function in one["functions"]:
                        if function["name"] not in never:
                            self.assertEqual(function["dropped_count"], 0, function["name"])

    def test_each_row_alone(self):
        program = pf.build("everycall")
        for name in (n for n, returns in listed("everycall").items() if returns):
            for rate in ("1.0", "0.01"):
                with self.subTest(row=name, rate=rate):
                    run = pf.execute([program, name, "7"], SAMPLE_RATE=rate)
                    self.assertEqual(run.status, 0, run.stderr[-500:])
                    accounts = run.truth.functions(run.pid)
                    self.assertEqual(accounts[name].ended, 7)
                    if name != "copy_file_range":  # not every file system can
                        self.assertEqual(accounts[name].errors, 0, "the target itself failed")
                    family = pf.table_rows()[name][0]
                    if family == "flush" and name != "fcloseall":
                        self.assertEqual(run.summaries(), {}, "no message, no summary")
                    else:
                        self.check_rows(run.only(), accounts)

    def test_rows_that_do_not_return(self):
        programs = {
            name: program for program in ("everycall", *(() if pf.ABI else ("layered",)))
            for name, returns in listed(program).items() if not returns
        }
        self.assertGreaterEqual(len(programs), 5 if pf.ABI else 8)
        for name, program in programs.items():
            with self.subTest(row=name):
                bare = pf.execute([pf.build(program), name, "1"], profiled=False)
                self.assertNotEqual(bare.status, 0)
                run = pf.execute([pf.build(program), name, "1"])
                self.assert_same(bare, run)
                accounts = run.truth.functions(run.pid)
                self.assertEqual([a.begun for a in accounts.values()], [1])
                if run.status >= 0:
                    one = run.only()
                else:  # killed by abort(): the counts are in the segment
                    self.assertEqual(len(run.segments()), 1, "a segment is left behind")
                    one = pf.dump_segment(run.segments()[0])
                self.assertEqual({n: a.begun for n, a in accounts.items()}, pf.functions(one))

    def test_rows_without_a_v_form(self):
        bare = pf.execute([pf.build("tail"), "9"], profiled=False)
        self.assertEqual(bare.stdout.count(b"fedcba9876543210 last\n"), 18)
        for rate in ("0", "1.0"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("tail"), "9"], SAMPLE_RATE=rate)
                self.assert_same(bare, run)
                self.check_rows(run.only(), run.truth.functions(run.pid))

    def test_layered_loggers_count_once(self):
        program = pf.build("layered")
        bare = pf.execute([program, "all", "5"], profiled=False)
        self.assertEqual(bare.status, 0)
        for rate in pf.RATES:
            with self.subTest(rate=rate):
                run = pf.execute([program, "all", "5"], SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                one = self.check(run.only())
                truth = {n: a.begun for n, a in run.truth.functions(run.pid).items()}
                self.assertEqual(len(truth), 17)
                self.assertEqual(pf.functions(one), truth)
                changing = rb"process:\d+|\d\d:\d\d:\d\d\.\d+"
                for name in ("stdout", "stderr"):
                    before, after = (
                        re.sub(changing, b"*", getattr(r, name)) for r in (bare, run)
                    )
                    self.assertEqual(before, after)
        for name in (n for n, returns in listed("layered").items() if returns):
            with self.subTest(row=name):
                run = pf.execute([program, name, "3"])
                self.assertEqual(pf.functions(run.only()), {name: 3})


if __name__ == "__main__":
    pf.main()
