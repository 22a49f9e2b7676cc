#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# syslog with nobody, or somebody slow, behind /dev/log.  Each test has a /dev of its own.
import ctypes
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

LINES = 200
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
LIBC = ctypes.CDLL(None, use_errno=True)


def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_device_folder():
    """This process's own /dev, with null in it and the old /dev/shm, and no log."""
    must(LIBC.unshare(CLONE_NEWNS))
    must(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    aside = b"/mnt"  # whatever is there, only this process sees it covered
    must(LIBC.mount(b"/dev/shm", aside, None, MS_BIND, None))
    must(LIBC.mount(b"none", b"/dev", b"tmpfs", 0, b"mode=755"))
    os.mknod("/dev/null", 0o20666, os.makedev(1, 3))
    os.mkdir("/dev/shm")
    must(LIBC.mount(aside, b"/dev/shm", None, MS_BIND, None))


def sends(pid):
    """Is the process inside sendto, as it is when the queue is full?"""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        number = file.read().split()[0]
    return number == {"x86_64": "44", "aarch64": "206"}.get(os.uname().machine)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Syslog(pf.Case):
    def isolated(self, test):
        """Runs `test` in a child that has its own /dev; what it raises is raised here."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                try:
                    own_device_folder()
                except OSError as error:
                    print(f"no mount namespaces here: {error}", file=sys.stderr)
                    os._exit(77)
                test()
                status = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == 77:
            self.skipTest("needs mount namespaces, which this machine does not allow")
        self.assertEqual(status, 0, "see above")

    def listener(self):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind("/dev/log")
        log.settimeout(0.1)
        return log

    def blocked(self, profiled, **settings):
        """A logger that fills the queue, is interrupted while it waits, and then is read out."""
        log = self.listener()
        run, process = pf.start([pf.build("logs"), str(LINES)], profiled=profiled, **settings)
        deadline = time.monotonic() + 20
        while not sends(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertTrue(sends(process.pid), "the queue never filled")
        self.assertIsNone(process.poll())
        time.sleep(0.2)  # the wait is most of what it does
        if profiled:
            # Whoever looks in from outside sees how far it came; nothing of ours waits.
            (path,) = run.segments()
            self.assertEqual(os.stat(path).st_nlink, 1)
        os.kill(process.pid, signal.SIGALRM)
        lines, patience = [], 200
        while (process.poll() is None or len(lines) < LINES) and patience > 0:
            try:
                lines.append(log.recv(4096))
            except TimeoutError:
                patience -= 1
        pf.finish(run, process)
        log.close()
        os.unlink("/dev/log")
        return run, [re.sub(rb"^(<\d+>)\w+ [ \d]+ [\d:]+ ", rb"\1", line) for line in lines]

    def test_a_full_queue(self):
        def test():
            bare, expected = self.blocked(False)
            self.assertEqual((bare.status, bare.stdout, len(expected)), (5, b".", LINES))
            for rate in ("1.0", "0.01"):
                run, lines = self.blocked(True, SAMPLE_RATE=rate)
                self.assertEqual((run.status, run.stdout), (5, b"."), run.stderr)
                self.assertEqual(lines, expected)
                one = self.check(run.only())
                self.assertEqual(pf.functions(one), {"syslog": LINES, "write": 1})
                if rate == "1.0":
                    (syslog,) = [f for f in one["functions"] if f["name"] == "syslog"]
                    self.assertGreater(syslog["why"]["blocked"]["share"], 0.95)
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
                log = self.listener()
                run = pf.execute(["/bin/sh", "-c", script], profiled=profiled)
                results.append((run.status, run.stdout, run.stderr, len(log.recv(4096)) > 0))
                log.close()
            self.assertEqual(*results)
        self.isolated(test)


if __name__ == "__main__":
    pf.main()
