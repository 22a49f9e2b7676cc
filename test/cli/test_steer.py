#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pfprof steer: on a process that was started without a sampler, and as the library starts it."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf

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
        process.wait(timeout=30)
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
        self.assertEqual(steer.communicate(timeout=30), (b"", b""))
        self.assertEqual(steer.returncode, 0)
        self.assertTrue(self.is_timed_after(echo), "the last rates stay in force")

    def test_it_ends(self):
        echo = self.echo()
        done = self.world.cli("steer", "--seconds", "1", echo.pid)
        self.assertEqual((done.status, done.out, done.err), (0, "", ""))
        echo = self.echo()
        steer = self.steer(echo)
        echo.stdin.close()
        echo.wait(timeout=30)
        self.assertEqual(steer.communicate(timeout=30), (b"", b""))
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
