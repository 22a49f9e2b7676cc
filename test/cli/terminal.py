# SPDX-License-Identifier: Apache-2.0
# A terminal that a test can type into and look at: tmux with a socket of its own.
import os
import re
import subprocess

import pfharness as pf


class Terminal:
    """Runs one shell command in a terminal of `columns` x `rows`."""

    count = 0

    def __init__(self, command, env, columns=80, rows=24):
        self.tmux = pf.need("tmux")
        Terminal.count += 1
        self.socket = os.path.join(pf.SCRATCH, f"tmux-{os.getpid()}-{Terminal.count}")
        env = {"TERM": "screen-256color", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh", **env}
        assigned = " ".join(f"{name}='{value}'" for name, value in env.items())
        line = f"env {assigned} {command}; echo STATUS=$?; exec cat"  # until close()
        subprocess.run(
            [self.tmux, "-S", self.socket, "-f", "/dev/null", "new-session", "-d", "-x", str(columns),
             "-y", str(rows), line],
            check=True, timeout=pf.PATIENCE, env={**os.environ, "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"},
        )

    def call(self, *words):
        return subprocess.run(
            [self.tmux, "-S", self.socket, *words], check=True, timeout=pf.PATIENCE, capture_output=True,
        ).stdout.decode()

    def keys(self, *names):
        for name in names:
            self.call("send-keys", name)

    def text(self, words):
        self.call("send-keys", "-l", words)

    def screen(self, *options):
        return self.call("capture-pane", "-p", *options).split("\n")[:-1]

    def resize(self, columns, rows):
        self.call("resize-window", "-x", str(columns), "-y", str(rows))

    def pid(self):
        """Of the shell; the command is its child."""
        return int(self.call("display-message", "-p", "#{pane_pid}"))

    def wait(self, pattern):
        """The screen, once the pattern is on it."""
        return self.wait_until(lambda screen: re.search(pattern, "\n".join(screen), re.M), repr(pattern))

    def wait_until(self, is_there, what):
        """The first screen, a list of lines, of which is_there(screen) is true."""
        screen = []

        def look():
            screen[:] = self.screen()
            return is_there(screen)

        try:
            pf.wait_for(look, f"{what} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n" + "\n".join(screen)) from None
        return screen

    def close(self):
        subprocess.run([self.tmux, "-S", self.socket, "kill-server"], capture_output=True, timeout=pf.PATIENCE)
