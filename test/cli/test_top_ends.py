#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# `pfprof top` in a terminal: how it begins and ends, and its target.
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from topkit import PFPROF, Terminal, Watched, hints, pf, table


class EndTest(Watched):
    def test_the_process_ends(self):
        self.chatter()
        terminal = self.top("-d", "0.1")
        terminal.wait(r" [1-9][\d.]*k messages in all")
        one = self.stop().only()
        screen = terminal.wait("ended: exit 3 +wall")
        self.assertIn("the process has ended", terminal.wait("has ended")[-1])
        self.assertEqual(self.run.segments(), [])
        shown = {line.split()[0] for line in table(screen)}
        self.assertTrue({f["name"] for f in one["functions"]} <= shown, shown)
        count = one["metrics"]["message_count"] / 1000
        digits = 2 if count < 9.995 else 1 if count < 99.95 else 0
        self.assertIn(f" {count:.{digits}f}k messages in all", screen[2])
        terminal.keys("o")
        terminal.wait("the process has ended")
        terminal.keys("2", "Enter")
        terminal.wait("latency +p50")
        terminal.keys("End")
        terminal.wait("call stacks")
        self.quit(terminal)

    def test_kill(self):
        self.chatter()
        terminal = self.top("-d", "0.1")
        terminal.wait(r"^vfprintf ")
        self.process.kill()
        self.process.wait()
        screen = terminal.wait("killed +wall")
        self.assertRegex("\n".join(table(screen)), "(?m)^vfprintf ")
        self.quit(terminal)

    def test_unknown_pid(self):
        self.run = pf.prepare()
        gone = subprocess.Popen(["/bin/true"])
        gone.wait()
        for options in ([], ["--batch"], ["--batch", "--json"]):
            done = self.command("top", *options, str(gone.pid))
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"\Apfprof: .*{gone.pid}.*\n\Z")
        for words in (["-d", "0"], ["-d", "x"], ["-n", "0"], ["--table", "x"], ["12x"], ["--json"],
                      ["1", "2"]):
            done = self.command("top", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertRegex(done.stderr, r"\Apfprof: .*\n\Z")

    def test_no_terminal(self):
        self.chatter()
        done = self.command("top", str(self.process.pid), stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--batch", done.stderr)
        for kind in ("dumb", "no-such-terminal"):
            terminal = self.top(TERM=kind)
            screen = terminal.wait("^STATUS=2$")
            self.assertRegex("".join(screen), "^pfprof: .*--batch")


class SignalsTest(Watched):
    """The terminal is given back, whatever ends us."""

    def command_pid(self, terminal):
        with open(f"/proc/{terminal.pid()}/task/{terminal.pid()}/children", encoding="ascii") as file:
            return int(file.read().split()[0])

    def modes(self, terminal):
        tty = terminal.call("display-message", "-p", "#{pane_tty}").strip()
        return subprocess.run(
            ["stty", "-F", tty, "-a"], capture_output=True, text=True, check=True
        ).stdout.split(";", 3)[3]

    def assert_given_back(self, terminal, before):
        self.assertEqual(self.modes(terminal), before)
        self.assertEqual(
            terminal.call("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip(), "0 1"
        )

    def test_ended_by(self):
        self.chatter()
        plain = Terminal("true", self.environment())
        self.terminals.append(plain)
        plain.wait("STATUS=0")
        before = self.modes(plain)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV,
                       signal.SIGABRT):
            with self.subTest(number.name):
                terminal = self.top("-d", "0.2")
                terminal.wait(r"^vfprintf ")
                self.assertNotEqual(self.modes(terminal), before)
                os.kill(self.command_pid(terminal), number)
                terminal.wait(f"^STATUS={128 + number}$")
                self.assert_given_back(terminal, before)

    def test_stopped_and_continued(self):
        """Under a shell that has jobs: elsewhere the kernel stops nobody."""
        self.chatter()
        terminal = Terminal("PS1=$: " + pf.need("bash") + " --norc", self.environment())
        self.terminals.append(terminal)
        terminal.wait(r"^\$:")
        before = self.modes(terminal)
        terminal.text(f"{PFPROF} top -d 0.2 {self.process.pid}")
        terminal.keys("Enter")
        terminal.wait(r"^vfprintf ")
        terminal.keys("C-z")
        terminal.wait("Stopped")
        self.assert_given_back(terminal, before)
        terminal.resize(100, 30)
        terminal.text("fg")
        terminal.keys("Enter")
        terminal.wait(r"^vfprintf ")
        self.assertEqual(terminal.call("display-message", "-p", "#{alternate_on}").strip(), "1")
        screen = terminal.wait_until(lambda s: s[-1] == hints(100), "all hints")
        self.assert_fits(screen, 100, 30)
        terminal.keys("Q")
        terminal.text("echo STATUS=$?")
        terminal.keys("Enter")
        terminal.wait(r"^STATUS=0$")
        self.assert_given_back(terminal, before)


class PickerTest(Watched):
    def test_pick(self):
        self.chatter()
        first, run = self.process, self.run
        self.chatter(run=run)
        terminal = self.top("-d", "0.2", pid=False)
        for process in (first, self.process):
            terminal.wait(rf"^ +{process.pid} +active +[\d.]+k? +[\d.]+K? +\S+ %  \S*chatter")
        terminal.keys("a")
        terminal.wait(r"^pfprof top +\d+ of your processes together")
        screen = terminal.wait(r"^vfprintf ")
        self.assert_fits(screen, 80, 24)
        terminal.keys("3")
        terminal.wait(rf"^{first.pid}/\d+ ticker ")
        terminal.keys("q")
        terminal.wait("which process")
        terminal.keys("Home", "Down", "Enter")
        terminal.wait(r"^pfprof top +pid \d+ ")
        terminal.keys("q")
        terminal.wait("which process")
        first.kill()
        first.wait()
        screen = terminal.wait_until(
            lambda s: not re.search(rf"^ +{first.pid} ", "\n".join(s), re.M), "the list without it")
        self.assertRegex("\n".join(screen), rf"(?m)^ +{self.process.pid} ")
        terminal.keys("q")
        terminal.wait("^STATUS=0$")


if __name__ == "__main__":
    pf.main()
