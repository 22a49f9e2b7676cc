#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Counts are exact, whatever threads do.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Threads(pf.Case):
    def exact(self, *arguments, **settings):
        run = pf.execute([pf.build("threads"), *map(str, arguments)], **settings)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        self.assertEqual(one["metrics"]["lost_count"].get("child", 0), 0)
        accounts = run.truth.functions(run.pid)
        self.assertTrue(accounts)
        self.assert_truth(one, accounts)
        self.assertEqual(run.segments(), [], "a segment was left behind")
        return run, one

    def test_eight_threads(self):
        for rate in ("0", "0.01", "1.0"):
            with self.subTest(rate=rate):
                run, one = self.exact("mix", 8, 10000, SAMPLE_RATE=rate)
                self.assertEqual(one["metrics"]["message_count"], 400000)
                mine = {t: a.begun for t, a in run.truth.by(lambda r: r[1]).items()}
                got = {t["tid"]: t["message_count"] for t in one["threads"]}
                self.assertEqual(set(got), set(mine))
                # While one thread made the segment, another's calls may have counted by function.
                missing = {tid: mine[tid] - got[tid] for tid in mine}
                self.assertGreaterEqual(min(missing.values()), 0, missing)
                self.assertEqual(sum(missing.values()), self.spilled(one), missing)

    def test_short_threads(self):
        for rate in ("0.01", "1.0"):
            with self.subTest(rate=rate):
                _, one = self.exact("short", 2000, 5, SAMPLE_RATE=rate)
                self.assertEqual(one["metrics"]["message_count"], 10000)

    def test_one_stream_shared(self):
        _, one = self.exact("shared", 4, 20000)
        self.assertEqual(one["metrics"]["message_count"], 80000)

    def test_smallest_stack(self):
        self.exact("small")

    def test_key_destructors(self):
        _, one = self.exact("keys", 100, 2000)
        self.assertEqual(one["metrics"]["message_count"], 100 * 2001)

    def test_main_leaves_by_pthread_exit(self):
        _, one = self.exact("pexit")
        self.assertEqual(one["metrics"]["message_count"], 200)

    def test_cancelled_in_a_blocked_write(self):
        run = pf.execute([pf.build("threads"), "cancel"])
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        account = run.truth.functions(run.pid)["write"]
        self.assertEqual(account.begun, account.ended + 1, "a write was cancelled")
        self.assertEqual(pf.functions(one), {"write": account.begun})

    def test_threads_that_outlive_main(self):
        for _ in range(5):
            run = pf.execute([pf.build("threads"), "exiting"])
            self.assertEqual(run.status, 0, run.stderr[-500:])
            one = run.only()
            begun = run.truth.functions(run.pid)["write"].begun
            self.assertGreater(one["metrics"]["message_count"], 100)
            self.assertLessEqual(one["metrics"]["message_count"], begun)
            self.assertEqual(
                one["metrics"]["message_count"],
                one["metrics"]["sampled_count"] + one["metrics"]["dropped_count"],
            )

    def test_main_returns_while_another_thread_makes_the_segment(self):
        # Held up in the middle of the segment's making: for 0.5 s, with a patience of 200 pauses that take 20 ms
        # each; and for 3 s, with one of 200 pauses of 1 ms.
        strace = pf.need("strace")
        for held_up, pauses in ((500000, 20000), (3000000, 0)):
            with self.subTest(held_up=held_up):
                run = pf.prepare()
                log = os.path.join(run.folder, "strace")
                pf.execute([strace, "-f", "-qq", "-o", log, "-e", "trace=fallocate,clock_nanosleep", "-e",
                            f"inject=fallocate:delay_enter={held_up}", "-e",
                            f"inject=clock_nanosleep:delay_enter={pauses}", pf.build("threads"), "exiting"],
                           run=run)
                with open(log, encoding="utf-8") as lines:
                    held = "fallocate" in lines.read()
                if not held:
                    self.skipTest("strace cannot hold a system call up here")
                self.assertEqual(run.status, 0, run.stderr[-500:])
                every = sum(run.summaries().values(), [])
                if pauses:
                    (one,) = (o for o in every if o["process"]["program"] == "threads")
                else:  # there was no segment to take the program's name from
                    (one,) = (o for o in every if o["process"]["program"] != "strace")
                self.assertGreater(one["metrics"]["message_count"], 100)
                self.assertEqual(run.segments(), [], "a segment was left behind")


if __name__ == "__main__":
    pf.main()
