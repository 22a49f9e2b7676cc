#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SIGKILL in the middle: the segment holds what the target had done, to the last completed call.
import os
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Kill(pf.Case):
    def killed(self, *arguments, pause=0.0, extra=None, **settings):
        """Runs killme until every thread has written, waits, kills; returns the run."""
        run, process = pf.start(
            [pf.build("killme"), *map(str, arguments)], extra=extra, **settings
        )
        per_thread = 1 if len(arguments) == 1 else 3
        try:
            deadline = time.monotonic() + 20
            while True:
                records = run.truth.records
                if (len(records) == arguments[0] * per_thread
                        and all(account.ended for *_, account in records)):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    self.fail(f"killme did not get going: {process.poll()} {records}")
                time.sleep(0.001)
            time.sleep(pause)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
        pf.finish(run, process)
        self.assertEqual(run.status, -signal.SIGKILL)
        self.assertEqual(run.stderr, b"")
        self.assertEqual(run.summaries(), {}, "a killed process says nothing")
        return run

    def verify(self, run, segments=None):
        segments = run.segments() if segments is None else segments
        self.assertEqual(len(segments), 1, "one segment is left")
        self.assertTrue(os.path.basename(segments[0]).startswith(f"{run.pid}-"), segments)
        one = pf.dump_segment(segments[0])
        self.assertEqual(one["process"]["pid"], run.pid)
        metrics = one["metrics"]
        self.assertEqual(
            metrics["message_count"], metrics["sampled_count"] + metrics["dropped_count"]
        )
        # No more than the call in flight lies between the two: completed or completed + 1.
        for name, account in run.truth.functions(run.pid).items():
            threads = len({r[1] for r in run.truth.records})
            self.assertIn(account.begun - account.ended, range(threads + 1))
            (row,) = [f for f in one["functions"] if f["name"] == name]
            self.assertGreaterEqual(row["message_count"], account.ended, name)
            self.assertLessEqual(row["message_count"], account.begun, name)
            if name != "fprintf":  # whose lengths differ
                length = account.bytes // account.ended
                self.assertGreaterEqual(row["bytes"], account.ended * length, name)
                self.assertLessEqual(row["bytes"], account.begun * length, name)
        by_thread = run.truth.by(lambda r: r[1])
        counts = {t["tid"]: t["message_count"] for t in one["threads"]}
        self.assertLessEqual(set(counts), set(by_thread))
        without_thread = self.spilled(one)
        for tid, account in by_thread.items():
            self.assertIn(account.begun - account.ended, (0, 1))
            counted = counts.get(tid, 0)
            self.assertLessEqual(counted, account.begun, f"thread {tid}")
            # While one thread made the segment, another's calls may have counted by function only.
            without_thread -= max(account.ended - counted, 0)
        self.assertGreaterEqual(without_thread, 0, "calls of a thread are missing")
        return one

    def test_at_random_times(self):
        seed = int(os.environ.get("PF_SEED", random.randrange(1 << 30)))
        dice = random.Random(seed)
        total = 0
        for i in range(20):
            threads, stdio = dice.choice([1, 1, 2, 4]), ["stdio"] * dice.choice([0, 1])
            rate = dice.choice(["0", "0.01", "1.0"])
            with self.subTest(run=i, seed=seed, threads=threads, stdio=stdio, rate=rate):
                run = self.killed(
                    threads, *stdio, pause=dice.uniform(0, 0.15), SAMPLE_RATE=rate
                )
                total += self.verify(run)["metrics"]["message_count"]
        self.assertGreater(total, 20000, "the runs were too short to mean much")

    def test_in_the_folder_of_last_resort(self):
        """Without XDG_RUNTIME_DIR the segment is in /dev/shm/pfprof-<uid>."""
        folder = f"/dev/shm/pfprof-{os.getuid()}"
        if not os.access("/dev/shm", os.W_OK):
            self.skipTest("/dev/shm cannot be written to")
        # The folder is everybody's: an earlier process may have had this pid and been killed too.
        before = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        run = self.killed(1, pause=0.02, extra={"XDG_RUNTIME_DIR": None})
        mine = [
            os.path.join(folder, name) for name in os.listdir(folder)
            if name.startswith(f"{run.pid}-") and name not in before
        ]
        try:
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
            self.verify(run, mine)
        finally:
            for path in mine:
                os.unlink(path)

    def test_a_private_segment_leaves_no_file(self):
        self.assertEqual(len(self.killed(1, CLI_ENABLED="true").segments()), 1)
        self.assertEqual(self.killed(1, pause=0.02, CLI_ENABLED="false").segments(), [])

    def test_the_runtime_folder_is_closed_to_others(self):
        run = self.killed(1)
        (segment,) = run.segments()
        self.assertEqual(os.stat(os.path.dirname(segment)).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(segment).st_mode & 0o077, 0)
        self.assertEqual(os.path.basename(os.path.dirname(segment)), "pfprof")


if __name__ == "__main__":
    pf.main()
