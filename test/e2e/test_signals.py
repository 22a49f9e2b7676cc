#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Counts are exact with handlers, and jumps out of them, between any two instructions.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Signals(pf.Case):
    def exact(self, run):
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        accounts = run.truth.functions(run.pid)
        self.assert_truth(one, accounts)
        return one

    def test_timer(self):
        for rate in ("0.01", "1.0"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("signals"), "timer", "600"], SAMPLE_RATE=rate)
                one = self.exact(run)
                # Each site apart: the handler's and main's write are two of them.
                sites = sorted(
                    s["message_count"] for s in one["call_sites"] if s["function"] == "write"
                )
                truth = sorted(a.begun for _, _, n, a in run.truth.records if n == "write")
                self.assertGreaterEqual(truth[0], 600)
                self.assertLessEqual(
                    sum(truth) - sum(sites), self.spilled(one), f"sites {sites}, truth {truth}"
                )

    def steps(self, *arguments, **settings):
        run = pf.execute([pf.build("signals"), *map(str, arguments)], **settings)
        if run.status == 77:
            self.skipTest("single steps need x86")
        return run

    def test_between_any_two_instructions(self):
        for rate, most in (("0.01", 120), ("1.0", 50), ("0", 50)):
            with self.subTest(rate=rate):
                run = self.steps("step", most, SAMPLE_RATE=rate)
                one = self.exact(run)
                handler = run.truth.functions(run.pid)["writev"].begun
                self.assertGreater(handler, 50 * most, "hardly a step was taken")
                self.assertEqual(one["metrics"]["message_count"], 2 * handler + 2 * most)

    def test_between_any_two_instructions_without_memory(self):
        run = self.steps("full", 15, MAX_MEMORY_MB=1)
        one = self.exact(run)
        self.assertGreater(one["metrics"]["lost_count"].get("memory", 0), 1000)

    def test_during_the_first_call(self):
        run = self.steps("attach", 151, 6500)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        acted = 0
        summaries = run.summaries()
        for pid in run.truth.pids():
            accounts = run.truth.functions(pid)
            acted += "writev" in accounts
            self.assertEqual(len(summaries.get(pid, [])), 1, f"process {pid}")
            one = self.check(summaries[pid][0])
            self.assert_truth(one, accounts)
            self.assertEqual(one["process"]["thread_count"], 1, "a handler took a slot of its own")
        self.assertGreater(acted, 30)

    def test_jump_out_of_any_instruction(self):
        for rate in ("1.0", "0.01"):
            with self.subTest(rate=rate):
                run = self.steps("jump", 3, 500, SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                summaries, jumped = run.summaries(), 0
                for pid in run.truth.pids():
                    account = run.truth.functions(pid)["write"]
                    jumped += account.begun != account.ended
                    one = summaries[pid][0]["metrics"]
                    self.assertIn(one["message_count"], {account.ended, account.begun})
                    self.assertIn(one["bytes"] - account.bytes, {0, 12})
                    self.assertEqual(
                        one["message_count"], one["sampled_count"] + one["dropped_count"]
                    )
                    if rate == "1.0":
                        self.assertLessEqual(
                            one["dropped_count"], 1, "clocks stopped after the jump"
                        )
                self.assertGreater(jumped, 30)


if __name__ == "__main__":
    pf.main()
