#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command that README.md, CONTRIBUTING.md or a page of docs/ shows is run here, or is in the list of those
that are not, with the reason; and the sample summary of README.md looks like one.  (test_guides.py runs the blocks of
the guides.)"""
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from installed import BUILD, SOURCE, Install, blocks

PAGES = [os.path.join(SOURCE, name) for name in ("README.md", "CONTRIBUTING.md")] + sorted(
    glob.glob(os.path.join(SOURCE, "docs/**/*.md"), recursive=True))

# What a command begins with.  A lone name (`scripts/check-libc`) is a name; of `pfprof steer`, the help is asked for.
BEGINS = re.compile(r"((PF|LD|PROVIDE)_\w+=\S+ )*"
                    r"(\./app$|pfprof (?=[a-z-])|(make|gi-docgen|git|python3|systemctl|tr|(build|scripts|test)/[\w./-]+) (?=\S))")

# Not run, and why.  Of `make`, it is checked that targets and variables exist: one of them runs these tests, others
# take minutes or change the build folder, and even `make -n` runs what `make` is called by again.
NOT_RUN = {
    r"pfprof (COMMAND|NAME|top PID$)": "a pattern, or needs a terminal (test_top.py)",
    r"build/test/test-weights 2000": "minutes",
    r"test/bench/": "a measurement of minutes",
    r"pfprof top   pid": "a screen; test_top.py",
    r"systemctl edit": "needs a running systemd",
    r"pfprof agent --once$": "needs a receiver; test/export",
    r"make tests && scripts/check-abis": "CI runs it; many minutes",
    r"(scripts/check-machine|make check-machine ARGS=)": "measures of minutes; CI tries each (--smoke)",
    r"scripts/fuzz NAME": "CI runs every target",
    r"scripts/check-mutants WORD": "builds the library anew for each protection",
    r"gi-docgen generate": "a test of its own (lib-reference), of many seconds",
    r"scripts/report-ui --check": "a test of its own",
    r"scripts/check-stack build": "a test of its own",
    r"scripts/import-coverage --missing": "a test of its own (--check)",
    r"scripts/segment-dump FILE": "test/e2e/test_harness.py",
    r"pfprof (steer \[|ctl PID ORDER)": "a pattern; test_steer.py, test_live.py",
}

# What stands for something in what is shown.
STANDS_FOR = [
    (r"FILE\|PID", "today.pfs"), (r"PID\|FILE", "today.pfs"), (r"--save FILE", "--save mine.pfs -- ./app"),
    (r"\[-n N\] \[-d SEC\] \[-t TABLE\] \[PID\]", "-n 1 -d 0.1 -t sites PID"),
    (r"BEFORE AFTER", "old-1.pfs new-1.pfs"), (r"migrate FILE", "migrate old.conf"),
    (r"(show|report) FILE", r"\1 today.pfs"), (r"salvage \[--remove\]", "salvage"),
    (r"--format NAME", "--format pprof"), (r"\bPROGRAM\b", "./app"), (r"-s 60\b", "-s 1"),
    (r"DESTDIR=\.\.\.", "DESTDIR=/tmp/x"),
]

APP = """#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 2000); i++) {
#line 88 "log.c"
        printf("line %d\\n", i);
        fflush(stdout);
        usleep(argc > 1 ? 1000 : 0); // its pace
    }
    return 0;
}
"""


def shown(path):
    """The commands of a page, in order: lines of shell blocks, and code within text."""
    with open(path, encoding="utf-8") as page:
        text = page.read()
    for language in () if "/guides/" in path else ("sh", ""):
        for block in blocks(path, language):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.sub(r"\s+#\s.*", "", line).strip()
                if line and (language == "sh" or BEGINS.match(line)):
                    yield line
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for line in re.findall(r"`([^`\n]+)`", text):
        line = line.replace("\\|", "|")
        if BEGINS.match(line):
            yield re.sub(r"^(pfprof [a-z]+)$", r"\1 --help", line)


def shape(line):
    """A line without what differs from run to run."""
    line = re.sub(r"\d[\d .:TZ+x-]*(?:[kM]\b|ns|µs|ms|s\b|[KM]iB|B\b|%|[0-9a-f]{4,})?|[▁▂▃▄▅▆▇█·–±]+", "#", line)
    return re.sub(r"[#\s]+", " ", line).strip()


class Shown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.install = Install(cls)
        cls.work = tempfile.mkdtemp(prefix="test-shown-", dir=cls.install.folder)
        # No configuration of who runs the tests.
        cls.install.environment.update(XDG_CONFIG_HOME=cls.work, PWD=cls.work)
        os.makedirs(os.path.join(cls.work, "build/preload"))
        os.symlink(cls.install.library, os.path.join(cls.work, "build/preload/libpfprof.so"))
        for name in ("scripts", "lib", "test"):
            os.symlink(os.path.join(SOURCE, name), os.path.join(cls.work, name))
        if os.path.isdir(os.path.join(BUILD, "lib")):
            os.symlink(os.path.join(BUILD, "lib"), os.path.join(cls.work, "build/lib"))
        for name, text in (("app.c", APP), ("Makefile", "all:\n\t@echo made\n"),
                           ("old.conf", "profiling_enabled = true\nsample_rate = 0.5\n")):
            with open(os.path.join(cls.work, name), "w", encoding="utf-8") as file:
                file.write(text)
        cls.shell("cc -g -o app app.c")
        for name in ("old", "old-1", "old-2", "new-1", "new-2", "today"):
            cls.shell(f"pfprof run --rate 1 --save {name}.pfs -- ./app")
        cls.live = subprocess.Popen(
            ["./app", "1000000000"], cwd=cls.work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=cls.install.environment | {"LD_PRELOAD": cls.install.library,
                                           "PROVIDE_PROFILING_ENABLED": "true"})
        cls.addClassCleanup(cls.live.wait)
        cls.addClassCleanup(cls.live.send_signal, signal.SIGKILL)

    @classmethod
    def shell(cls, command):
        return cls.install.run(["bash", "-eu", "-c", command], cwd=cls.work)

    def check_paths(self, command):
        """What a command that is not run names of the tree and of the build folder is there."""
        for word in command.split():
            if re.match(r"(build|scripts|test)/\S*[a-z]$", word):
                root, path = (BUILD, word[6:]) if word.startswith("build/") else (SOURCE, word)
                self.assertTrue(os.path.exists(os.path.join(root, path)), word)

    def check_make(self, words):
        with open(os.path.join(SOURCE, "Makefile"), encoding="utf-8") as file:
            text = file.read()
        targets = " ".join(re.findall(r"^([a-z][a-z -]*):(?!=)", text, re.M)).split()
        for word in words:
            if "=" in word:
                self.assertIn(f"$({word.split('=')[0]})", text.replace("$(value ", "$("))
            else:
                self.assertIn(word, targets)

    def test_every_command(self):
        ran, made, unused = 0, 0, set(NOT_RUN)
        for path in PAGES:
            for command in dict.fromkeys(shown(path)):
                excuse = [pattern for pattern in NOT_RUN if re.match(pattern, command)]
                unused -= set(excuse)
                if excuse:
                    self.check_paths(command)
                    continue
                with self.subTest(page=os.path.basename(path), command=command):
                    for pattern, value in STANDS_FOR:
                        command = re.sub(pattern, value, command)
                    command = re.sub(r"\bPID\b", str(self.live.pid), command)
                    if command.startswith("make "):
                        self.check_make(shlex.split(command)[1:])
                        made += 1
                    else:
                        self.shell(command)
                        ran += 1
        self.assertEqual(unused, set(), "in NOT_RUN, and shown nowhere")
        self.assertGreaterEqual(ran, 20)
        self.assertGreaterEqual(made, 10)
        self.assertIsNone(self.live.poll())

    def test_the_sample_summary(self):
        if shutil.which("gawk") is None:
            self.skipTest("gawk is not installed")
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as page:
            text = page.read()
        command, rate, sample = re.search(
            r"`make run CMD=\"(.*?)\" RATE=(\S+)`:\n\n```\n(.*?)^```$", text, re.M | re.S).groups()
        run = self.install.run(["sh", "-c", command.replace('\\"', '"')],
                               {"LD_PRELOAD": "libpfprof.so", "PROVIDE_PROFILING_ENABLED": "true",
                                "PROVIDE_PROFILING_SAMPLE_RATE": rate})
        shapes = [shape(line) for line in run.stderr.splitlines()]
        # How many callers and slowest calls there are is chance; what they look like is not.
        for line in sample.splitlines():
            expected = shape(line)
            if line.startswith(("pfprof", "  gawk", "    from", "             ")):
                continue
            if line.startswith(("  slowest", "  where messages", "  all calls")):
                # Which call was the slowest is chance.
                words = 2 if line.startswith("  slowest") else 3
                expected = " ".join(expected.split()[:words])
                self.assertTrue([s for s in shapes if s.startswith(expected)], line)
                continue
            self.assertIn(expected, shapes, line)


if __name__ == "__main__":
    for tool in ("bash", "cc"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    unittest.main(verbosity=2)
