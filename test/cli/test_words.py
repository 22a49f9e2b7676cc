#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Help, errors, colour, completion, man pages, config, added commands: what pfprof says.
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf


class Words(clikit.Case):
    def commands(self):
        text = self.world.cli("--help").out
        return re.findall(r"(?m)^  ([a-z]+)  ", text.split("commands:")[1].split("options:")[0])

    def options(self, command):
        return re.findall(r"(?m)^  (?:-\w, |    )--([a-z-]+)", self.world.cli(command, "--help").out)

    def test_version_comes_from_meson(self):
        with open(os.path.join(pf.ROOT, "meson.build"), encoding="utf-8") as file:
            version = re.search(r"version: '([\d.]+)'", file.read()).group(1)
        self.assertEqual(self.world.cli("--version").out, f"pfprof {version}\n")

    def test_help(self):
        commands = self.commands()
        for name in "run show list ctl config doctor salvage completion".split():
            self.assertIn(name, commands)
        for name in commands:
            done = self.world.cli(name, "--help")
            self.assertEqual((done.status, done.err), (0, ""))
            self.assertEqual(done.out, self.world.cli("help", name).out)
            self.assertRegex(done.out, rf"\Ausage: pfprof {name} ")
            self.assertIn("--help", done.out)
        for text in [self.world.cli("--help").out] + [self.world.cli(c, "-h").out for c in commands]:
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, line)
                self.assertEqual(line, line.rstrip())

    def test_errors_are_one_line(self):
        for arguments in ([], ["frob"], ["--frob"], ["help", "frob"], ["list", "--frob"],
                          ["list", "-x"], ["list", "x"], ["list", "--json=1"], ["list", "--color"],
                          ["list", "--color=blue"], ["show", "1", "2"], ["config", "frob"],
                          ["config", "sample_rate", "x"], ["config", "migrate"],
                          ["config", "migrate", "/no/such"], ["completion"], ["completion", "csh"],
                          ["doctor", "/no/such"], ["doctor", "no-such-command"],
                          ["show", "nosuchfile"], ["show", "/"],
                          ["show", "/etc/passwd"], ["show", "/dev/null"], ["show", "999999999"],
                          ["report", "/etc/passwd"], ["report", "nosuchfile"], ["export", "nosuchfile"],
                          ["export", "-f", "frob", "x"], ["export", "-f", "csv", "/etc/passwd"],
                          ["diff", "x"], ["diff", "/etc/passwd", "/etc/passwd"],
                          ["diff", "--fail-on", "frob", "a", "b"], ["ctl", "999999999", "on"],
                          ["ctl", str(os.getpid()), "rate=7"], ["ctl", str(os.getpid()), "frob"],
                          ["ctl", str(os.getpid()), "on"], ["ctl", "x", "on"],
                          ["top", "--batch", "-n", "x"], ["top", "--batch", "-d", "0"], ["top"],
                          ["top", "--batch", "999999999"], ["record"], ["record", "x"],
                          ["record", "999999999"], ["salvage", "x"], ["steer", "x"], ["steer"],
                          ["agent", "--exporters", "frob"], ["doctor", "/"],
                          ["\033[31mred\nline"], ["show", "a\nb\033[0m"], ["ctl"]):
            with self.subTest(arguments):
                done = self.world.cli(*arguments)
                self.assert_error(done)
                self.assertNotIn("\033", done.err)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = self.world.cli("--help", stdout=full)
        self.assertEqual(done.status, 2)
        self.assertRegex(done.err, r"\Apfprof: standard output[^\n]*\n\Z")

    def test_colour(self):
        def coloured(*arguments, **extra):
            return "\033[" in self.world.cli("doctor", *arguments, extra=extra).out

        self.assertFalse(coloured())
        self.assertTrue(coloured("--color=always"))
        self.assertTrue(coloured("--color=always", NO_COLOR="1"))
        self.assertFalse(coloured("--color=never", CLICOLOR_FORCE="1"))
        self.assertTrue(coloured(CLICOLOR_FORCE="1"))
        self.assertFalse(coloured(CLICOLOR_FORCE="0"))
        self.assertFalse(coloured(CLICOLOR_FORCE="1", NO_COLOR="1"))
        self.assertTrue(coloured(CLICOLOR_FORCE="1", NO_COLOR=""))
        self.assertIn("\033[", self.world.on_terminal("doctor", extra={"TERM": "xterm"})[1])
        self.assertNotIn("\033[", self.world.on_terminal("doctor", extra={"TERM": "dumb"})[1])
        self.assertNotIn("\033[", self.world.on_terminal("doctor", extra={"TERM": "xterm", "NO_COLOR": "1"})[1])

    def test_json_everywhere(self):
        for arguments in (["list"], ["config"], ["doctor"], ["salvage"]):
            self.assertEqual(self.world.json(*arguments)["schema_version"], 1, arguments)
        one = json.loads(self.world.cli("doctor", "--json", "ls").out)
        self.assertEqual(one["schema_version"], 1)

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            text = self.world.cli("completion", shell).out
            for command in self.commands():
                self.assertIn(command, text)
                for option in self.options(command):
                    self.assertIn(option, text, f"{shell}: {command} --{option}")
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), shell)

    def test_man_pages_say_what_help_says(self):
        scdoc, man = pf.need("scdoc", "man")
        main = self.page(scdoc, man)
        for command in self.commands():
            self.assertIn(f"pfprof-{command}(1)", main)
            page = self.page(scdoc, man, command)
            for option in self.options(command):
                self.assertRegex(page, rf"(?m)^ +(-\w, )?--{option}\b", f"{command} --{option}")
            help_words = set(re.findall(r"\w{4,}", self.world.cli(command, "--help").out))
            page_words = set(re.findall(r"\w{4,}", page))
            self.assertLessEqual(help_words - {"usage", "examples"}, page_words, command)

    def page(self, scdoc, man, *command):
        source = self.world.cli("--man-source", *command)
        self.assertEqual(source.status, 0, source.err)
        roff = subprocess.run([scdoc], input=source.out, capture_output=True, text=True)
        self.assertEqual((roff.returncode, roff.stderr), (0, ""))
        done = subprocess.run([man, "--no-hyphenation", "-l", "-"], input=roff.stdout, capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Config(clikit.Case):
    def file(self, text):
        path = os.path.join(self.world.run.folder, "config.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_sources(self):
        path = self.file("sample_rate = 0.5\nstacks = off\n")
        extra = {"PROVIDE_PROFILING_CONFIG": path, "PROVIDE_PROFILING_SAMPLE_RATE": "0.25"}
        rows = {r["name"]: r for r in self.world.json("config", extra=extra)["settings"]}
        self.assertEqual((rows["sample_rate"]["value"], rows["sample_rate"]["source"]),
                         ("0.25", "environment"))
        self.assertEqual((rows["stacks"]["value"], rows["stacks"]["source"], rows["stacks"]["file"]),
                         ("off", "file", path))
        self.assertEqual(rows["format"]["source"], "default")
        text = self.world.cli("config", extra=extra).out
        self.assertRegex(text, r"(?m)^sample_rate +0\.25 +environment$")
        self.assertRegex(text, rf"(?m)^stacks +off +file {re.escape(path)}$")
        one = self.world.cli("config", "sample_rate", extra=extra).out
        self.assertIn("a number from 0 to 1", one)

    def test_what_is_wrong_is_said(self):
        done = self.world.cli("config", extra={"PROVIDE_PROFILING_SAMPLE_RATE": "lots"})
        self.assertEqual(done.status, 0)
        self.assertRegex(done.err, r"\Apfprof: PROVIDE_PROFILING_SAMPLE_RATE=[^\n]+\n\Z")
        self.assertRegex(done.out, r"(?m)^sample_rate +0\.01 +default$")

    def test_migrate(self):
        path = self.file("# mine\nprofiling_enabled = true\nsample_rate = 0.5\n")
        done = self.world.cli("config", "migrate", path)
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertRegex(done.out, r"\A\S+: rewritten in today's form\n\Z")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("enabled=true", text)
        self.assertNotIn("profiling_enabled", text)
        self.assertIn("mine", text)
        done = self.world.cli("config", "migrate", path)
        self.assertRegex(done.out, r"\A\S+: is in today's form already\n\Z")
        done = self.world.cli("config", "migrate", self.file("sample_rate = 9\n"))
        self.assertRegex(done.err, r'\Apfprof: [^\n]*"9" is not a number from 0 to 1[^\n]*\n\Z')

    def test_migrate_leaves_other_files_alone(self):
        """A wrong name costs nobody a file."""
        for data in (b"root:x:0:0\n", b"a b\nc = d\n", b"sample_rate = 0.5\n\0more", b"\xff\xfe", b"PFPROFS1\0\0"):
            with self.subTest(data):
                path = self.file("")
                with open(path, "wb") as file:
                    file.write(data)
                self.assert_error(self.world.cli("config", "migrate", path), says="no configuration file")
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), data)
        self.assertEqual(self.world.cli("config", "migrate", self.file("# only words\n")).status, 0)


class Added(clikit.Case):
    def test_pfprof_name_on_path(self):
        folder = os.path.join(self.world.run.folder, "bin")
        os.mkdir(folder)
        script = os.path.join(folder, "pfprof-hello")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho \"hello $*\"\nexit 5\n")
        os.chmod(script, 0o755)
        extra = {"PATH": folder + ":/usr/bin:/bin"}
        done = self.world.cli("hello", "--you", "there", extra=extra)
        self.assertEqual((done.status, done.out), (5, "hello --you there\n"))
        self.assertRegex(self.world.cli("--help", extra=extra).out, r"(?m)^  hello  ")
        # Ours cannot be replaced.
        shutil.copy(script, os.path.join(folder, "pfprof-list"))
        self.assertNotIn("hello", self.world.cli("list", extra=extra).out)


if __name__ == "__main__":
    pf.main()
