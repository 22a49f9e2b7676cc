#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SIGKILL in the middle: the segment holds what the target had done, to the last completed call.
import importlib.machinery
import importlib.util
import os
import signal
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf
import pfisolated


def load_reader():
    """scripts/segment-dump as a module: a process for each of many segments is slow."""
    loader = importlib.machinery.SourceFileLoader("segment_dump", pf.SEGMENT_DUMP)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


READER = load_reader()


def dump(path):
    return READER.dump(READER.contents(path))


class Kill(pf.Case):
    def killed(self, *arguments, calls=1, extra=None, **settings):
        """Runs killme until every thread has ended `calls` calls of each kind, kills; returns the run."""
        run, process = pf.start(
            [pf.build("killme"), *map(str, arguments)], extra=extra, **settings
        )
        per_thread = 1 if len(arguments) == 1 else 3

        def is_going():
            if process.poll() is not None:
                raise AssertionError(f"killme ended by itself: {process.poll()}")
            records = run.truth.records
            return (len(records) == arguments[0] * per_thread
                    and all(account.ended >= calls for *_, account in records))

        try:
            pf.wait_for(is_going, f"{calls} calls of every thread")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
        pf.finish(run, process)
        self.assertEqual(run.status, -signal.SIGKILL)
        self.assertEqual(run.stderr, b"")
        self.assertEqual(run.summaries(), {}, "a killed process says nothing")
        return run

    def verify(self, run, segments=None, pid=None):
        pid = pid or run.pid
        segments = run.segments() if segments is None else segments
        self.assertEqual(len(segments), 1, "one segment is left")
        self.assertTrue(os.path.basename(segments[0]).startswith(f"{pid}-"), segments)
        one = dump(segments[0])
        self.assertEqual(one["process"]["pid"], pid)
        metrics = one["metrics"]
        self.assertEqual(
            metrics["message_count"], metrics["sampled_count"] + metrics["dropped_count"]
        )
        records = [r for r in run.truth.records if r[0] == pid]
        self.verify_functions(one, run.truth.functions(pid), len({r[1] for r in records}))
        self.verify_threads(one, run.truth.by(lambda r: r[1] if r[0] == pid else None))
        return one

    def verify_functions(self, one, accounts, threads):
        """No more than the call in flight lies between the two: completed or completed + 1."""
        for name, account in accounts.items():
            self.assertIn(account.begun - account.ended, range(threads + 1))
            count, size = ([f[field] for f in one["functions"] if f["name"] == name] or [0]
                           for field in ("message_count", "bytes"))
            self.assertIn(count[0], range(account.ended, account.begun + 1), name)
            if account.ended:
                length = account.bytes // account.ended
                self.assertIn(size[0], range(account.bytes, account.begun * length + 1), name)

    def verify_threads(self, one, by_thread):
        by_thread.pop(None, None)
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

    def test_beside_other_threads(self):
        """At no chosen moment of several threads, after a thousand calls of each and at their start."""
        for threads, stdio, rate in ((1, [], "0"), (2, ["stdio"], "0.01"), (4, [], "1.0"),
                                     (4, ["stdio"], "1.0"), (2, [], "0.01")):
            for calls in (1, 4000):
                with self.subTest(threads=threads, stdio=stdio, rate=rate, calls=calls):
                    one = self.verify(self.killed(threads, *stdio, calls=calls, SAMPLE_RATE=rate))
                    self.assertGreaterEqual(one["metrics"]["message_count"], threads * calls)

    def within(self, name, before, step, rate):
        """Each process that was killed within a call `name`, a step later than the one before it."""
        arguments = ["0", name, str(before), str(step)]
        run = pf.execute([pf.build("killme"), *arguments], SAMPLE_RATE=rate)
        if run.status == 77:
            self.skipTest("single steps need x86")
        self.assertEqual((run.status, run.stderr), (0, b""))
        self.assertEqual(run.summaries(), {}, "a killed process says nothing")
        segments = {}
        for path in run.segments():
            segments.setdefault(int(os.path.basename(path).split("-")[0]), []).append(path)
        return run, segments

    def test_within_a_call(self):
        """After every instruction of a write, and some of longer calls."""
        for name, step, rate in (("write", 1, "0.01"), ("write", 13, "1.0"), ("write", 2, "0"),
                                 ("fputs", 31, "1.0"), ("fprintf", 31, "1.0"), ("fprintf", 13, "0.01")):
            with self.subTest(name=name, rate=rate):
                run, segments = self.within(name, 20, step, rate)
                self.assertGreater(step * len(segments), 70, "hardly a step was taken")
                whole = [pid for pid in segments
                         if all(a.begun == a.ended for a in run.truth.functions(pid).values())]
                self.assertEqual(len(whole), 1, "all but the last were killed within the call")
                self.assertEqual(set(segments), run.truth.pids())
                for pid, paths in segments.items():
                    self.verify(run, paths, pid)

    def test_within_the_first_call(self):
        """There is a segment that can be read, or none."""
        run, segments = self.within("write", 0, 8009, "1.0")
        pids = run.truth.pids()
        self.assertGreater(len(pids), 2, "hardly a step was taken")
        unfinished = 0
        for pid in pids:
            try:
                self.assertLessEqual(len(segments.get(pid, [])), 1)
                for path in segments.get(pid, []):
                    self.verify(run, [path], pid)
            except (READER.Bad, struct.error):  # it says that it is not finished
                unfinished += 1
        self.assertLess(unfinished, len(pids) / 2)

    def test_in_the_folder_of_last_resort(self):
        """Without XDG_RUNTIME_DIR the segment is in /dev/shm/pfprof-<uid>."""
        pfisolated.in_own_devices(self, self.in_the_folder_of_last_resort, or_shared=True)

    def in_the_folder_of_last_resort(self):
        folder = f"/dev/shm/pfprof-{os.getuid()}"
        run = self.killed(1, calls=100, extra={"XDG_RUNTIME_DIR": None})
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        mine = [os.path.join(folder, name) for name in os.listdir(folder)
                if pf.ROOT_USER or name.startswith(f"{run.pid}-")]
        try:
            self.verify(run, mine)
        finally:
            for path in mine:
                os.unlink(path)

    def test_a_private_segment_leaves_no_file(self):
        self.assertEqual(len(self.killed(1, CLI_ENABLED="true").segments()), 1)
        self.assertEqual(self.killed(1, calls=100, CLI_ENABLED="false").segments(), [])

    def test_the_runtime_folder_is_closed_to_others(self):
        run = self.killed(1)
        (segment,) = run.segments()
        self.assertEqual(os.stat(os.path.dirname(segment)).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(segment).st_mode & 0o077, 0)
        self.assertEqual(os.path.basename(os.path.dirname(segment)), "pfprof")


if __name__ == "__main__":
    pf.main()
