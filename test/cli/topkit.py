# SPDX-License-Identifier: Apache-2.0
# What the tests of `pfprof top` share: targets, and terminals that look at them.
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "e2e"), HERE]
from clikit import PFPROF, Echo, pf  # noqa: E402
from terminal import Terminal  # noqa: E402

TABS = ("functions", "sites", "threads", "streams", "levels")
HINTS = ("Tab next", "Enter details", "/ filter", "<> sort", "w window", "b mark", "p pause", "? help",
         "q quit")
# An interval that no test lives to see: nothing is drawn but after a key.  At rate 1, the key + changes
# nothing and looks again.
STILL = ("-d", "3600")


def table(screen):
    """The rows below the titles of the table, down to the line at the bottom."""
    return [line for line in screen[6:-1] if line.strip()]


def hints(columns):
    """The line at the bottom: as many hints as there is room for."""
    line = HINTS[0]
    for hint in HINTS[1:]:
        if len(line) + 2 + len(hint) > columns:
            break
        line += "  " + hint
    return line


class Watched(pf.Case):
    """A target, and terminals that look at it."""

    def setUp(self):
        self.terminals, self.targets = [], []

    def tearDown(self):
        for terminal in self.terminals:
            terminal.close()
        for run, process in self.targets:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def launch(self, argv, run=None, stdout=subprocess.DEVNULL, **settings):
        self.run, self.process = pf.start(argv, run=run, stdout=stdout, **settings)
        self.targets.append((self.run, self.process))
        mine = f"{self.process.pid}-"
        pf.wait_for(lambda: self.process.poll() is not None or any(
            os.path.basename(path).startswith(mine) for path in self.run.segments()), "a segment")
        self.assertIsNone(self.process.poll(), "the target runs")
        return self.run, self.process

    def chatter(self, run=None, **settings):
        """Threads that log all the time; each has made all of its calls at least once."""
        run = run or pf.prepare()
        for name in ("chatter.log", "ticks"):
            if os.path.exists(os.path.join(run.work, name)):
                os.unlink(os.path.join(run.work, name))
        self.launch([pf.build("chatter"), "stop"], run=run, **settings)
        # A call is on record when the next one's bytes are there.
        for name, line in (("chatter.log", b"queue has 2 "), ("chatter.log", b"request 2 "),
                           ("ticks", b"WARNING: tick\n" * 3)):
            pf.wait_for(lambda: line in self.content(name), f"{line} in {name}")
        return self.run, self.process

    def content(self, name):
        try:
            with open(os.path.join(self.run.work, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def stop(self):
        with open(os.path.join(self.run.work, "stop"), "w", encoding="ascii"):
            pass
        pf.finish(self.run, self.process)
        return self.run

    def echo(self, **settings):
        """A target that writes as much as it is told."""
        self.run = pf.prepare()
        echo = Echo(self.run, **settings)
        self.process = echo.process
        self.addCleanup(echo.end)
        return echo

    def environment(self, **more):
        # SEGMENT_DIR: what other processes of this user have left is not our business.
        return {"XDG_RUNTIME_DIR": self.run.runtime, "HOME": self.run.folder,
                "PROVIDE_PROFILING_SEGMENT_DIR": os.path.join(self.run.runtime, "pfprof"), **more}

    def top(self, *options, columns=80, rows=24, pid=True, **more):
        words = [PFPROF, "top", *options, *([str(self.process.pid)] if pid else [])]
        terminal = Terminal(" ".join(words), self.environment(**more), columns, rows)
        self.terminals.append(terminal)
        return terminal

    def command(self, *words, **options):
        options = {"capture_output": True, "text": True, "timeout": pf.PATIENCE, **options}
        return subprocess.run([PFPROF, *words], env=self.plain(), **options)

    def plain(self, **more):
        return {**os.environ, "LC_ALL": "C.UTF-8", **self.environment(**more)}

    def batch(self, *options, pid=None, **more):
        words = [PFPROF, "top", "--batch", *options, *([str(pid)] if pid else [])]
        return subprocess.run(
            words, env=self.plain(**more), timeout=pf.PATIENCE, capture_output=True, text=True,
        )

    def metrics(self):
        """The whole of the target so far, as another command sees it."""
        done = self.command("show", "--json", str(self.process.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["metrics"]

    def quit(self, terminal):
        terminal.keys("Q")
        screen = terminal.wait(r"^STATUS=0$")
        self.assertNotRegex("\n".join(screen), "Sanitizer|runtime error")

    def assert_fits(self, screen, columns, rows):
        self.assertEqual(len(screen), rows)
        for line in screen:
            self.assertLessEqual(len(line), columns, line)
            self.assertNotRegex(line, r"[\x00-\x1f\x7f�]")
