# SPDX-License-Identifier: Apache-2.0
# What is said of a logger whose daemon does not read.
import os
import time

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf
import pfisolated
import test_syslog


def blocked_share(case):
    """The share of "blocked" in the time of a logger that had to wait for 200 ms, in percent."""
    reading, writing = os.pipe()

    def test():
        run, _, _ = test_syslog.full_queue(case, True, pause=lambda: time.sleep(0.2), SAMPLE_RATE="1.0")
        (syslog,) = [f for f in run.only()["functions"] if f["name"] == "syslog"]
        os.write(writing, b"%r" % (100 * syslog["why"]["blocked"]["share"]))

    try:
        pfisolated.in_own_devices(case, test)
        return float(os.read(reading, 100))
    finally:
        os.close(reading)
        os.close(writing)


def measure_a_full_queue(table):
    """The share of a logger's time that is "blocked" while the log's queue is full."""
    what = "blocked, of a logger before a full queue"
    try:
        shares = [blocked_share(test_syslog.Syslog()) for _ in table.rounds(20)]
    except pf.unittest.SkipTest as why:
        table.skip(what, str(why))
    else:
        table.at_least(what, shares, 95, "%")
