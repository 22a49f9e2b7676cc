#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# When there is a summary, where it goes, and its two forms.
import json
import os
import re
import sys
import unicodedata

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Summary(pf.Case):
    def quiet(self, run, stdout=None):
        self.assertEqual(run.status, 0)
        self.assertEqual(run.stderr, b"")
        self.assertEqual(run.summaries(), {})
        self.assertEqual(run.segments(), [])
        if stdout is not None:
            self.assertEqual(run.stdout, stdout)

    def test_nothing_when_nothing_was_written(self):
        program = [pf.build("procs"), "silent"]
        self.quiet(pf.execute(program), b"")
        for form in ("text", "json"):
            self.quiet(pf.execute(program, FORMAT=form, OUTPUT="stderr"), b"")
        if not pf.ABI:
            self.quiet(pf.execute([pf.need("true")], OUTPUT="stderr", FORMAT="text"), b"")
        self.assertTrue(pf.execute([pf.build("procs"), "tail"]).summaries(), "a run that writes")

    def test_nothing_when_not_enabled(self):
        program = [pf.build("procs"), "tail"]
        for value in (None, "false", "0", "no", "off", "FALSE"):
            for output in ("stderr", None):
                with self.subTest(value=value, output=output):
                    settings = {"ENABLED": value, **({"OUTPUT": output} if output else {})}
                    self.quiet(pf.execute(program, **settings), b"the new image\n" * 4)
        # The same run, enabled, does say something: the tests above are not blind.
        run = pf.execute(program, ENABLED="true", OUTPUT="stderr")
        self.assertNotEqual(run.stderr, b"")

    def test_output_none(self):
        self.quiet(pf.execute([pf.build("procs"), "tail"], OUTPUT="none"), b"the new image\n" * 4)
        run = pf.execute([pf.build("procs"), "tail"], OUTPUT="none", KEEP_SEGMENT="true")
        self.assertEqual(len(run.segments()), 1, "it was measured all the same")

    def test_output_path(self):
        run = pf.prepare()
        path = os.path.join(run.output, "%n-%p-%n.json")
        pf.execute([pf.build("procs"), "tail"], run=run, OUTPUT=path)
        self.assertEqual(os.listdir(run.output), [f"procs-{run.pid}-procs.json"])
        self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_output_file_is_appended_to(self):
        run = pf.prepare()
        path = os.path.join(run.output, "all.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"process": {"pid": 0}}\n')
        for _ in range(3):
            pf.execute([pf.build("procs"), "tail"], run=run, OUTPUT=path)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0], '{"process": {"pid": 0}}')
        self.assertEqual([pf.functions(json.loads(line)) for line in lines[1:]], [{"write": 4}] * 3)

    def test_output_that_cannot_be(self):
        bare = pf.execute([pf.build("procs"), "tail"], profiled=False)
        for path in ("/nonexistent/folder/%p", "/", "/dev/full"):
            with self.subTest(path=path):
                run = pf.execute([pf.build("procs"), "tail"], OUTPUT=path)
                self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
                # Said in one line, and the summary is not lost.
                if path != "/dev/full":
                    said, _, summary = run.stderr.decode().partition("\n")
                    self.assertIn(pf.PREFIX + "OUTPUT", said)
                    self.assertIn(path.split("%")[0], said)
                    self.assertEqual(pf.functions(json.loads(summary)), {"write": 4})

    def test_output_through_a_link_into_a_folder_that_is_not_there(self):
        run = pf.execute([pf.build("fds"), "list"], OUTPUT="relative-%p.json")
        self.assertEqual(run.status, 0)
        self.assertIn(f"relative-{run.pid}.json", run.files())

    def widths(self, text):
        for line in text.splitlines():
            width = sum(
                0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF"
                else 1 for c in line
            )
            self.assertLessEqual(width, 80, line)

    def test_flushes_are_in_the_total(self):
        """Of a program that flushes each line, and of one that nothing is known of but its messages."""
        program = [pf.build("habits"), "flush", "3000"]
        text = pf.execute(program, FORMAT="text", OUTPUT="stderr").stderr.decode("utf-8")
        self.assertRegex(text, r"(?m)^  all calls together: [0-9.]+ [mµn]?s, every call timed, [0-9.]+ % of wall\n"
                               r"    [0-9.]+ [mµn]?s in messages, [0-9.]+ [mµn]?s in 3 001 flushes$")
        hottest = text[text.index("hottest call sites"):]
        self.assertRegex(hottest, r"fflush +3.00k ")
        one = self.check(pf.execute(program).only())
        self.assertEqual(one["output"]["flush_count"], 3001)
        text = pf.execute(program, FORMAT="text", OUTPUT="stderr", SAMPLE_RATE="0.000001").stderr.decode("utf-8")
        self.assertRegex(text, r"(?m)^  all messages together: not enough samples; .*\n"
                               r"    without 3 001 flushes, of which [0-9]+ were timed$")

    def test_the_total_by_a_script(self):
        text = pf.execute([pf.build("habits"), "flush", "3000"], FORMAT="text", OUTPUT="stderr",
                          script="fprintf=1000+2000;fflush=3000;fclose=500").stderr.decode("utf-8")
        self.assertIn("\n  all calls together: 12.0 ms, every call timed, 66.7 % of wall\n"
                      "    3.00 ms in messages, 9.00 ms in 3 001 flushes\n", text)
        hottest = text[text.index("hottest call sites"):]
        self.assertRegex(hottest, r"fflush +3\.00k 9\.00 ms +75 % ")
        self.assertRegex(hottest, r"fprintf +3\.00k 3\.00 ms +25 % ")
        self.assertRegex(text, r"slowest +3\.00 µs at [0-9:.]+ fflush ")

    def test_text(self):
        long_name = "x" * 300
        for program in (
            [pf.build("everycall"), "all", "3"],
            [pf.build("threads"), "mix", "8", "300"],
            [pf.build("procs"), "tail", long_name, "\u4e2d\u6587" * 60, "tab\there", "new\nline"],
            [pf.build("fds"), "mixed", "file"],
        ):
            for rate in ("0", "0.01", "1.0"):
                with self.subTest(program=program[0], rate=rate):
                    bare = pf.execute(program, profiled=False)
                    run = pf.execute(program, FORMAT="text", OUTPUT="stderr", SAMPLE_RATE=rate)
                    self.assertEqual(run.status, bare.status)
                    self.assertEqual(run.stdout, bare.stdout)
                    self.assertTrue(run.stderr.startswith(bare.stderr))
                    text = run.stderr[len(bare.stderr):].decode("utf-8")
                    for name in pf.METRICS + ("sampled_count",):
                        self.assertEqual(
                            len(re.findall(rf"(?<![a-z_]){name}(?![a-z_])", text)), 1, name
                        )
                    self.widths(text)
                    self.assertFalse(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), "control bytes")
                    count = sum(a.begun for a in run.truth.functions(run.pid).values())
                    if program[1] == "tail":
                        self.assertEqual(count, 4)
                    if count and program[1] != "all":
                        shown = re.search(r"message_count\s+([\d ,.\u2009\u202f_']+)", text)[1]
                        self.assertEqual(int(re.sub(r"\D", "", shown.split("  ")[0])), count)

    def test_json_is_one_object_on_one_line(self):
        run = pf.execute(
            [pf.build("procs"), "tail", 'quote " backslash \\ tab \t', "new\nline", "\udcff\udcfe"]
        )
        path = os.path.join(run.output, f"{run.pid}.json")
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(data.count(b"\n"), 1)
        self.assertTrue(data.endswith(b"}\n"))
        one = json.loads(data.decode("utf-8"))
        self.assertIn('quote " backslash \\ tab \t', one["process"]["command"])


if __name__ == "__main__":
    pf.main()
