#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Control words: what an observer writes into the segment takes effect at the next call."""
import mmap
import struct

import pfharness as pf

CONTROL, SLOTS, SLOT_RESET = 512, 120, 124
CHANGED = 4


class Observer:
    """Writes control words as docs/segment-format.md says."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def put(self, form, offset, value):
        struct.pack_into(form, self.map, offset, value)

    def get(self, form, offset):
        return struct.unpack_from(form, self.map, offset)[0]

    def publish(self):
        self.put("<I", CONTROL, self.get("<I", CONTROL) + 1)
        slot = self.get("<Q", SLOTS) * 64
        while slot:
            self.put("<I", slot, self.get("<I", slot) | CHANGED)
            slot = self.get("<Q", slot + 8) * 64

    def rate(self, rate):
        self.put("<d", CONTROL + 8, rate)
        self.publish()

    def override(self, site, call, rate):
        self.map[CONTROL + 64:CONTROL + 88] = struct.pack("<QIId", site, call, 0, rate)
        self.put("<I", CONTROL + 20, 1)
        self.publish()

    def off(self, off):
        self.put("<I", CONTROL + 4, int(off))
        self.publish()

    def reset(self):
        self.put("<I", CONTROL + 16, self.get("<I", CONTROL + 16) + 1)
        self.publish()


class Control(pf.Case):
    def begin(self, **settings):
        self.run_, self.process = pf.start(
            [pf.build("echo")], stdin=pf.subprocess.PIPE, KEEP_SEGMENT="true", **settings)
        self.say(1)
        (self.path,) = self.run_.segments()
        return Observer(self.path)

    def say(self, lines):
        for _ in range(lines):
            self.process.stdin.write(b"hello\n")
            self.process.stdin.flush()
            self.assertEqual(self.process.stdout.readline(), b"hello\n")
        # The bytes are here before the call is on record: until it waits for more.
        pf.wait_for(lambda: self.state() == "S", "the echo to wait for more")

    def state(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    def end(self):
        pf.finish(self.run_, self.process)
        self.assertEqual(self.run_.status, 0)
        return self.check(self.run_.only())["metrics"]

    def now(self):
        return pf.dump_segment(self.path)["metrics"]

    def test_a_rate(self):
        observer = self.begin(SAMPLE_RATE="0")
        self.say(9)
        self.assertEqual(self.now()["sampled_count"], 0)
        observer.rate(1)
        self.say(10)
        self.assertEqual(self.now()["sampled_count"], 10)
        observer.rate(0)
        self.say(10)
        metrics = self.end()
        self.assertEqual((metrics["message_count"], metrics["sampled_count"]), (30, 10))

    def test_a_rate_for_one_function(self):
        rows = list(pf.table_rows())
        observer = self.begin(SAMPLE_RATE="0")
        observer.override(0, rows.index("fflush"), 1)
        self.say(10)
        self.assertEqual(self.now()["sampled_count"], 0)
        observer.override(0, rows.index("write"), 1)
        self.say(10)
        self.assertEqual(self.end()["sampled_count"], 10)

    def test_a_wrong_rate_is_not_taken(self):
        observer = self.begin(SAMPLE_RATE="1")
        for rate in (float("nan"), -1, 2, float("inf")):
            observer.rate(rate)
            self.say(1)
        self.assertEqual(self.end()["sampled_count"], 5)

    def test_off_and_on(self):
        observer = self.begin(SAMPLE_RATE="1")
        observer.off(True)
        self.say(10)
        self.assertEqual(self.now()["message_count"], 1)
        observer.off(False)
        self.say(5)
        self.assertEqual(self.end()["message_count"], 6)

    def test_a_reset(self):
        for rate in ("1", "0.01"):
            with self.subTest(rate=rate):
                observer = self.begin(SAMPLE_RATE=rate)
                self.say(10)
                observer.reset()
                self.assertEqual(self.now()["message_count"], 0, "before the thread's next call")
                self.say(7)
                self.assertEqual(self.now()["message_count"], 7)
                metrics = self.end()
                self.assertEqual(metrics["message_count"], 7)
                self.assertEqual(metrics["bytes"], 42)
                self.assertGreaterEqual(metrics["sampled_count"], 1)

    def test_hostile_words(self):
        observer = self.begin(SAMPLE_RATE="1")
        for count in (63, 2**32 - 1):
            observer.put("<I", CONTROL + 20, count)
            observer.put("<I", CONTROL + 4, 0xFFFFFFFE)
            observer.publish()
            self.say(3)
        self.assertEqual(self.end()["message_count"], 7)


if __name__ == "__main__":
    pf.main()
