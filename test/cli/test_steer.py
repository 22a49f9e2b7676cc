#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pfprof steer: on a process that was started without a sampler, and as the library starts it."""
import os
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf

OBSERVER_AT = 512 + 56  # docs/segment-format.md, Control
ECHO = "import os\nwhile os.read(0,1): os.write(1,b'a line\\n')"


class Steer(clikit.Case):
    def echo(self, **settings):
        process = self.world.profiled([pf.need("python3"), "-c", ECHO], stdin=subprocess.PIPE,
                                      **{"SAMPLE_RATE": "0", **settings})
        self.addCleanup(self.end, process)
        self.say(process, 10)
        return process

    def say(self, process, count):
        for _ in range(count):
            process.stdin.write(b"x")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(7), b"a line\n")

    def end(self, process):
        process.stdin.close()
        process.wait(timeout=pf.PATIENCE)
        process.stdout.close()
        process.stderr.close()

    def timed(self, process):
        return self.world.json("show", process.pid)["metrics"]["sampled_count"]

    def is_timed_after(self, process):
        before = self.timed(process)
        self.say(process, 20)
        return self.timed(process) > before

    def steer(self, process):
        """Times every call of a process that timed none; returns when it does so."""
        rules = os.path.join(pf.SCRATCH, "steer-rules")
        with open(rules, "w", encoding="ascii") as file:
            file.write("function=write -> 1\n")
        steer = self.world.start("steer", "--sampler", "pattern", "--rules", rules, process.pid)
        clikit.wait_until(lambda: self.is_timed_after(process))
        return steer

    def test_a_running_process(self):
        echo = self.echo()
        before = self.timed(echo)
        self.say(echo, 50)
        self.assertEqual(self.timed(echo), before, "rate 0")
        steer = self.steer(echo)
        self.assert_error(self.world.cli("steer", echo.pid), status=1, says="steers it already")
        steer.terminate()
        self.assertEqual(steer.communicate(timeout=pf.PATIENCE), (b"", b""))
        self.assertEqual(steer.returncode, 0)
        self.assertTrue(self.is_timed_after(echo), "the last rates stay in force")

    def segment(self, process):
        (path,) = [p for p in self.world.segments() if os.path.basename(p).startswith(f"{process.pid}-")]
        return path

    def test_who_was_killed_does_not_steer(self):
        """Dead, unburied, and its number given to another process that lives: the next one steers."""
        echo = self.echo()
        steer = self.steer(echo)
        steer.kill()
        os.waitid(os.P_PID, steer.pid, os.WEXITED | os.WNOWAIT)  # dead, and still there to be waited for
        rules = ("--sampler", "pattern", "--rules", os.path.join(pf.SCRATCH, "steer-rules"))
        self.assert_steered_by_another(echo, steer.pid, rules)
        steer.communicate(timeout=pf.PATIENCE)
        with open(self.segment(echo), "r+b") as file:
            file.seek(OBSERVER_AT)
            file.write(struct.pack("<I", os.getpid()))
        self.assert_steered_by_another(echo, os.getpid(), rules)

    def assert_steered_by_another(self, process, former, options):
        self.assertEqual(self.observer(process), former)
        done = self.world.cli("steer", "--seconds", "1", *options, process.pid)
        self.assertEqual((done.status, done.out, done.err), (0, "", ""))
        self.assertNotEqual(self.observer(process), former)

    def test_who_sleeps_steers(self):
        echo = self.echo()
        steer = self.steer(echo)
        steer.send_signal(signal.SIGSTOP)
        done = self.world.cli("steer", echo.pid)
        steer.send_signal(signal.SIGCONT)
        self.assert_error(done, status=1, says=f"process {steer.pid} steers it already")
        steer.terminate()
        steer.communicate(timeout=pf.PATIENCE)

    def observer(self, process):
        with open(self.segment(process), "rb") as file:
            file.seek(OBSERVER_AT)
            return struct.unpack("<I", file.read(4))[0]

    def test_it_ends(self):
        echo = self.echo()
        done = self.world.cli("steer", "--seconds", "1", echo.pid)
        self.assertEqual((done.status, done.out, done.err), (0, "", ""))
        echo = self.echo()
        steer = self.steer(echo)
        echo.stdin.close()
        echo.wait(timeout=pf.PATIENCE)
        self.assertEqual(steer.communicate(timeout=pf.PATIENCE), (b"", b""))
        self.assertEqual(steer.returncode, 0)

    def test_the_library_starts_this_command(self):
        echo = self.echo(SAMPLER="adaptive", COMMAND=clikit.PFPROF, SAMPLE_RATE="0.001")
        clikit.wait_until(lambda: self.is_timed_after(echo))

    def test_mistakes(self):
        echo = self.echo()
        for arguments, says in (
                ((), "--folder"),
                (("--folder", self.world.folder, echo.pid), "exclude"),
                (("--sampler", "fixed", echo.pid), "adaptive"),
                (("--budget", "7", echo.pid), "0 to 1"),
                (("--seconds", "x", echo.pid), "seconds"),
                (("--sampler", "pattern", echo.pid), "RULES"),
                (("nobody",), "pfprof list"),
                (("999999999",), "no process")):
            with self.subTest(arguments=arguments):
                self.assert_error(self.world.cli("steer", *arguments), says=says)


if __name__ == "__main__":
    pf.main()
