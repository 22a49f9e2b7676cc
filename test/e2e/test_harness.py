#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The harness itself: a wait that is in vain fails, and says what it waited for.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Wait(pf.Case):
    def test_the_first_true_value(self):
        values = iter([None, 0, "", 7, 8])
        self.assertEqual(pf.wait_for(lambda: next(values)), 7)

    def test_in_vain(self):
        with self.assertRaisesRegex(AssertionError, "a pig that flies"):
            pf.wait_for(lambda: False, "a pig that flies", seconds=0)
        with self.assertRaisesRegex(AssertionError, r"line \d+ of .*test_harness\.py"):
            pf.wait_for(lambda: False, seconds=0)

    def test_an_endless_target(self):
        with self.assertRaisesRegex(AssertionError, "still ran after"):
            pf.execute([pf.need("sleep"), "1000"], profiled=False, timeout=0.01)


if __name__ == "__main__":
    pf.main()
