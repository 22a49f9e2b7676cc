#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Short writes: each is counted, and whether the rest was written next is told only where it can be."""
import mmap
import signal
import struct

import pfharness as pf

TURNS, LEFT = 10, 904  # as in the target
FIRST_SLOT, NEXT_SLOT, SHORTS, UNIT, ROWS = 120, 8, 160, 64, 5  # docs/segment-format.md


def short_writes(path):
    """(short, continued, left, bytes) of all sites and threads; read by hand, not by our own reader."""
    with open(path, "rb") as file:  # mapped: most of it is a hole
        segment = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def link(at):
        return struct.unpack_from("=Q", segment, at)[0] * UNIT

    sums = [0, 0, 0, 0]
    slot = link(FIRST_SLOT)
    while slot != 0:
        node = link(slot + SHORTS)
        while node != 0:
            for row in range(ROWS):
                key, *numbers = struct.unpack_from("=5Q", segment, node + 16 + 48 * row)
                if key != 0:
                    sums = [a + b for a, b in zip(sums, numbers)]
            node = link(node)
        slot = link(slot + NEXT_SLOT)
    return tuple(sums)


class Shorts(pf.Case):
    def killed(self, mode, rate):
        run = pf.execute([pf.build("shorts"), mode], SAMPLE_RATE=rate)
        self.assertEqual(run.status, -signal.SIGKILL, run.stderr)
        (segment,) = [path for path in run.segments() if path.endswith(".pfseg")]
        return segment

    def expect(self, mode, *numbers):
        for rate in ("0", "0.01", "1"):
            with self.subTest(mode=mode, rate=rate):
                self.assertEqual(short_writes(self.killed(mode, rate)), numbers)

    def test_a_rest_that_is_left_out(self):
        self.expect("left-out", TURNS, 0, TURNS - 1, (TURNS - 1) * LEFT)

    def test_a_rest_that_is_written(self):
        for mode in ("in-a-loop", "from-a-copy", "tried-too-early", "bit-by-bit", "after-another-stream"):
            self.expect(mode, TURNS, TURNS, 0, 0)

    def test_what_cannot_be_told(self):
        for mode in ("by-a-vector", "by-a-format", "too-late", "at-a-page", "by-a-thread", "by-a-child",
                     "by-the-next-thread"):
            self.expect(mode, TURNS, 0, 0, 0)

    def test_two_streams_at_once(self):
        # Of the second stream's each is told; the first one's are superseded by them.
        self.expect("on-two-streams", 2 * TURNS, TURNS, 0, 0)

    def test_sockets(self):
        for rate in ("0", "0.01", "1"):
            short, continued, left, _ = short_writes(self.killed("send-on", rate))
            self.assertGreaterEqual(short, TURNS)
            self.assertEqual((continued, left), (short, 0))

    def test_failures_are_none(self):
        for rate in ("0", "0.01", "1"):
            self.assertEqual(short_writes(self.killed("that-fail", rate)), (0, 0, 0, 0))
            run = pf.execute([pf.build("shorts"), "that-fail", "end"], SAMPLE_RATE=rate)
            (row,) = [f for f in self.check(run.only())["functions"] if f["name"] == "write"]
            self.assertLessEqual(set(row["errors"]), {"EFAULT", "EINVAL"})
            self.assertIn(sum(row["errors"].values()), (TURNS, 2 * TURNS))
            self.assertEqual((row["message_count"], row["bytes"]), (sum(row["errors"].values()), 0))


if __name__ == "__main__":
    pf.main()
