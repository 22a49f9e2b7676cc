#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# `pfprof top` in a terminal: its tables, and what its keys do.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from topkit import STILL, TABS, Watched, hints, pf, table


class TablesTest(Watched):
    def test_each_table(self):
        self.chatter()
        terminal = self.top("-d", "0.2")
        terminal.wait(r"^vfprintf ")
        expected = {
            "functions": (r"^function .*calls/s.*cost %", r"^fputs +[\d.]+k? "),
            "sites": (r"^call site ", r"^\S*chatter\.c:\d+ in (serve|watch|log_line)"),
            "threads": (r"^thread .*in a call since", r"^\d+ stuck .* s in write"),
            "streams": (r"^stream ", r"^\S*chatter\.log \(fd \d+\)"),
            "levels": (r"^level ", r"^warning +[\d.]+k? "),
        }
        for number, name in enumerate(TABS, 1):
            with self.subTest(name):
                terminal.keys(str(number))
                title, row = expected[name]
                terminal.wait(title)
                screen = terminal.wait(row)
                self.assert_fits(screen, 80, 24)
                self.assertIn(f"pid {self.process.pid}", screen[0])
                self.assertRegex(screen[0], "chatter.* active +wall ")
                self.assertRegex(screen[1], r"messages/s +[\d.]+ [KM]?i?B/s +output .*% of wall")
                self.assertRegex(screen[2], r"rate 1 +lost 0 +coverage ")
                self.assertRegex(screen[-1], "^Tab next")
        for name in (*TABS, "functions"):  # from the last one on to the first
            terminal.keys("Tab")
            terminal.wait("^" + {"sites": "call site"}.get(name, name.rstrip("s")))
        terminal.keys("BTab")
        terminal.wait("^level")
        self.quit(terminal)

    def test_sizes(self):
        self.chatter()
        terminal = self.top(*STILL)
        terminal.wait(r"^vfprintf ")
        titles = ("function", "call site", "thread", "stream", "level")

        def has_hints(screen):  # at the bottom, over what little there is room for
            return screen[-1] == hints(columns) or (rows < 5 and screen[-1].startswith(hints(columns)))

        for columns, rows in ((200, 60), (80, 24), (132, 40), (50, 10), (18, 3), (80, 24)):
            for key, title in zip("12345", titles):
                with self.subTest(columns=columns, rows=rows, key=key):
                    terminal.resize(columns, rows)
                    terminal.keys(key)
                    screen = terminal.wait_until(
                        lambda s: has_hints(s) and (rows < 7 or any(x.startswith(title) for x in s[4:6])),
                        f"{title} at {columns} x {rows}")
                    self.assert_fits(screen, columns, rows)
            terminal.keys("?")
            screen = terminal.wait_until(
                lambda s: s[-1].startswith("Esc back") and s[0].startswith("pfprof top: keys"), "help")
            self.assert_fits(screen, columns, rows)
            terminal.keys("Escape")
            terminal.wait_until(has_hints, "the hints again")
        terminal.resize(200, 60)
        terminal.keys("1")
        terminal.wait(r"^function .* p50 .* p99 .* max why +16ns +67ms$")
        self.quit(terminal)

    def test_without_unicode_and_colour(self):
        self.chatter()
        terminal = self.top(*STILL, LC_ALL="C")
        terminal.wait(r"^vfprintf ")
        for key, shown in (("1", "^function "), ("Enter", "where the time went"), ("Escape", "^Tab next"),
                           ("5", "^level "), ("?", "^pfprof top: keys")):
            terminal.keys(key)
            screen = terminal.wait(shown)
            self.assertTrue("".join(screen).isascii(), screen)
        self.quit(terminal)
        for value, coloured in (("1", False), ("", True)):
            terminal = self.top(*STILL, NO_COLOR=value)
            terminal.wait(r"^vfprintf ")
            drawn = "\n".join(terminal.screen("-e"))
            self.assertEqual(re.search(r"\x1b\[(\d+;)*[34][0-7](;\d+)*m", drawn) is not None, coloured)
            self.quit(terminal)


class KeysTest(Watched):
    def figures(self, screen, column):
        """A column of the table as numbers."""
        return [float(re.split(r"\s+", line)[column].rstrip("k")) * (
            1000 if re.split(r"\s+", line)[column].endswith("k") else 1) for line in table(screen)]

    def test_sort(self):
        self.chatter()
        terminal = self.top(*STILL)
        terminal.wait(r"^vfprintf ")
        terminal.keys("<", "<")
        screen = terminal.wait("sorted by calls/s")
        calls = self.figures(screen, 1)
        self.assertGreater(len(calls), 3)
        self.assertEqual(calls, sorted(calls, reverse=True))
        self.assertIn("▼calls/s", screen[5])
        terminal.keys("s")
        screen = terminal.wait("▲calls/s")
        self.assertEqual(self.figures(screen, 1), sorted(calls))
        terminal.keys("<")
        screen = terminal.wait("sorted by function")
        names = [line.split()[0] for line in table(screen)]
        self.assertEqual(names, sorted(names))
        terminal.keys(">")
        terminal.wait("sorted by calls/s")
        self.quit(terminal)

    def test_sorted_column_is_seen(self):
        """Also one that there is no room for otherwise; where there is room for one, it is the name."""
        self.chatter()
        terminal = self.top(*STILL, "--table", "sites")
        self.assertNotIn("bytes/s", terminal.wait(r"^call site ")[5])
        terminal.keys("<")
        terminal.wait("▼bytes/s")
        self.quit(terminal)
        terminal = self.top(*STILL, "--table", "sites", columns=40)
        terminal.wait(r"^call site ")
        terminal.keys(*[">"] * 5)
        terminal.wait("sorted by why")
        self.assertGreater(len(table(terminal.wait(r"^call site"))), 3)
        self.quit(terminal)

    def test_filter(self):
        self.chatter()
        terminal = self.top(*STILL)
        terminal.wait(r"^vfprintf ")
        terminal.keys("/")
        terminal.text("PRIN")
        screen = terminal.wait(r"^/PRIN_")
        names = {line.split()[0] for line in table(screen)}
        self.assertEqual(names, {"fprintf", "vfprintf"})
        terminal.keys("BSpace", "BSpace", "BSpace", "BSpace")
        terminal.text("fputs")
        terminal.keys("Enter")
        screen = terminal.wait(r"5 levels .*/fputs")
        self.assertEqual({line.split()[0] for line in table(screen)}, {"fputs"})
        terminal.keys("/")
        terminal.text("xyz")
        terminal.wait("no row has this text")
        terminal.keys("Escape")  # as before
        terminal.wait(r"^fputs ")
        terminal.keys("Escape")  # all
        terminal.wait(r"^vfprintf ")
        self.quit(terminal)

    def test_details(self):
        self.chatter()
        terminal = self.top(*STILL, rows=50)
        terminal.wait(r"^vfprintf ")
        terminal.keys("/")
        terminal.text("vfprintf")
        terminal.wait("^/vfprintf_")
        terminal.keys("Enter", "Enter")
        screen = terminal.wait("call sites")
        text = "\n".join(screen)
        for part in ("latency +p50", "every call was timed", "where the time went", "latencies, all",
                     r"^ +[\d.]+ (n|µ|m)?s +[\d.]+k? +[\d.]+ %  █", r"chatter\.c:\d+ in log_line"):
            self.assertRegex(text, re.compile(part, re.M))
        self.assert_fits(screen, 80, 50)
        terminal.keys("q", "2")
        terminal.wait(r"^\S*chatter\.c:\d+ in ")
        terminal.keys("Enter")
        terminal.wait("writes to")
        terminal.keys("End")
        screen = terminal.wait("call stacks, since the start")
        self.assertRegex("\n".join(screen), r"(?m)^ +0  .*chatter\.c:\d+ in log_line")
        self.assertRegex("\n".join(screen), r"(?m)^ +1  .*chatter\.c:\d+ in (serve|watch)")
        terminal.keys("q")
        terminal.wait(r"^Tab next")
        self.quit(terminal)

    def test_pause(self):
        """The target goes on, and so does the time; what is shown does not, whatever is looked at."""
        echo = self.echo()
        echo.write(11)
        terminal = self.top("-d", "0.05")
        terminal.wait(r" 11 messages in all")
        terminal.keys("p")
        before = terminal.wait("5 levels +paused")[:4]
        echo.write(200)
        self.batch("-n", "3", "-d", "0.05", pid=echo.pid)  # longer than an interval
        terminal.keys("2")
        self.assertEqual(terminal.wait(r"^call site ")[:4], before)
        terminal.keys("p")
        screen = terminal.wait(r" 211 messages in all")
        self.assertNotEqual(screen[0], before[0])
        self.quit(terminal)

    def test_windows_baseline_and_mark(self):
        echo = self.echo()
        echo.write(30)
        # Wide enough for what stands last, however long the numbers before it are.
        terminal = self.top(*STILL, columns=100)
        terminal.wait(r"^write ")
        terminal.keys("+")  # looks again
        terminal.wait(r"% of wall +last \d")
        terminal.keys("w")
        terminal.wait("window: whole run")
        terminal.keys("w")
        terminal.wait(r"window: last [\d.]+ m?s")
        terminal.keys("w")
        terminal.wait(r"window: last [\d.]+ m?s")
        terminal.keys("w")
        terminal.wait("window: whole run")
        terminal.keys("r")
        terminal.wait("baseline: figures since now")
        echo.write(10)
        terminal.keys("+")
        terminal.wait("since the baseline")
        terminal.keys("b")
        screen = terminal.wait("Δ mark")
        terminal.wait(r"^function .*calls/s +Δ %.*cost % Δ cost")
        echo.write(100)
        terminal.keys("+")
        screen = terminal.wait(r"(?m)^write +\S+ +[+-]\d")
        self.assert_fits(screen, 100, 24)
        terminal.keys("b")
        terminal.wait("mark removed")
        self.quit(terminal)

    def test_orders(self):
        echo = self.echo(SAMPLE_RATE="0.1")
        echo.write(10)
        terminal = self.top("-d", "0.1")
        terminal.wait(r"^rate 0\.1 ")
        terminal.keys("+")
        terminal.wait(r"^rate 0\.2 ")
        terminal.keys("-", "-")
        terminal.wait(r"^rate 0\.05 ")
        terminal.keys("o")
        terminal.wait("dormant +wall")
        echo.write(20)
        self.assertEqual(self.metrics()["message_count"], 10)
        terminal.keys("o")
        terminal.wait(" active +wall")
        echo.write(5)
        self.assertEqual(self.metrics()["message_count"], 15)
        terminal.keys("R", "n")
        terminal.wait_until(lambda s: "for everybody" not in s[-1] and "15 messages" in s[2], "no question")
        self.assertEqual(self.metrics()["message_count"], 15)
        terminal.keys("R")
        terminal.wait("reset the counts of this process to 0, for everybody")
        terminal.keys("y")
        terminal.wait(" 0 messages in all")
        self.assertEqual(self.metrics()["message_count"], 0)
        echo.write(7)
        self.assertEqual(self.metrics()["message_count"], 7)
        self.quit(terminal)

    def test_what_keys_are_said_to_have_done(self):
        echo = self.echo(SAMPLE_RATE="0.1")
        echo.write(10)
        terminal = self.top(*STILL)  # what is said stays until the next key
        terminal.wait(r"^write ")
        for keys, said in ((["p"], "paused"), (["p"], "going on"), (["+"], r"rate 0\.2: each thread"),
                           (["o"], "measuring is off: calls pass uncounted"), (["o"], "measuring is on"),
                           (["R", "n"], "nothing was reset"), (["R", "y"], "reset: every thread begins anew"),
                           (["b"], "marked: changes are shown"), (["b"], "mark removed")):
            terminal.keys(*keys)
            terminal.wait_until(lambda s: re.search(said, s[-1]), said)
        self.quit(terminal)


if __name__ == "__main__":
    pf.main()
