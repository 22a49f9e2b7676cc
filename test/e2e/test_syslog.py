#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# syslog with nobody, or somebody slow, behind /dev/log.  Each test has a /dev of its own.
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf
import pfisolated

LINES = 200


def sends(pid):
    """Is the process inside sendto, as it is when the queue is full?"""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        number = file.read().split()[0]
    return number == {"x86_64": "44", "aarch64": "206"}.get(os.uname().machine)


def listener():
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    log.settimeout(0.1)
    return log


def full_queue(case, profiled, pause=None, **settings):
    """A logger that fills the queue, is interrupted while it waits, and then is read out: its run, its
    lines and how many nanoseconds it surely waited."""
    log = listener()
    run, process = pf.start([pf.build("logs"), str(LINES)], profiled=profiled, **settings)
    pf.wait_for(lambda: sends(process.pid), "a full queue")
    begun = time.monotonic_ns()
    case.assertIsNone(process.poll())
    if pause is not None:
        pause()
    if profiled:
        # Whoever looks in from outside sees how far it came; nothing of ours waits.
        (path,) = run.segments()
        case.assertEqual(os.stat(path).st_nlink, 1)
    os.kill(process.pid, signal.SIGALRM)
    case.assertEqual(os.read(process.stdout.fileno(), 1), b".", "what the handler writes")
    waited = time.monotonic_ns() - begun
    lines, end = [], time.monotonic() + pf.PATIENCE
    while (process.poll() is None or len(lines) < LINES) and time.monotonic() < end:
        try:
            lines.append(log.recv(4096))
        except TimeoutError:
            pass
    pf.finish(run, process)
    log.close()
    os.unlink("/dev/log")
    return run, [re.sub(rb"^(<\d+>)\w+ [ \d]+ [\d:]+ ", rb"\1", line) for line in lines], waited


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Syslog(pf.Case):
    def isolated(self, test):
        pfisolated.in_own_devices(self, test)

    def check_wait(self, one, waited):
        """The time that it surely waited is in the time of calls that were blocked."""
        (syslog,) = [f for f in one["functions"] if f["name"] == "syslog"]
        blocked = syslog["why"]["blocked"]
        self.assertGreaterEqual(blocked["count"], 1)
        rounding = 5e-5 * syslog["total_duration_ns"]  # the share has four places
        self.assertGreaterEqual(blocked["share"] * syslog["total_duration_ns"] + rounding, waited)

    def test_a_full_queue(self):
        def test():
            bare, expected, _ = full_queue(self, False)
            self.assertEqual((bare.status, bare.stdout, len(expected)), (5, b"", LINES))
            for rate in ("1.0", "0.01"):
                run, lines, waited = full_queue(self, True, SAMPLE_RATE=rate)
                self.assertEqual((run.status, run.stdout), (5, b""), run.stderr)
                self.assertEqual(lines, expected)
                one = self.check(run.only())
                self.assertEqual(pf.functions(one), {"syslog": LINES, "write": 1})
                if rate == "1.0":
                    self.check_wait(one, waited)
        self.isolated(test)

    def test_nobody_there(self):
        def test():
            for rate in ("1.0", "0.01"):
                bare = pf.execute([pf.build("logs"), "50"], profiled=False)
                run = pf.execute([pf.build("logs"), "50"], SAMPLE_RATE=rate)
                self.assert_same(bare, run)
                self.assertEqual(pf.functions(self.check(run.only())), {"syslog": 50})
        self.isolated(test)

    def test_a_listener_that_goes_away_and_comes_back(self):
        def test():
            script = "logger -u /dev/log one; rm /dev/log; logger -u /dev/log two; echo $?"
            if subprocess.run(["sh", "-c", "command -v logger"], capture_output=True).returncode:
                os._exit(77)
            results = []
            for profiled in (False, True):
                log = listener()
                run = pf.execute(["/bin/sh", "-c", script], profiled=profiled)
                results.append((run.status, run.stdout, run.stderr, len(log.recv(4096)) > 0))
                log.close()
            self.assertEqual(*results)
        self.isolated(test)


if __name__ == "__main__":
    pf.main()
