#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Values of variables, bad and good.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class BadValues(pf.Case):
    """A bad value: one line with variable, value and range; default used; target unchanged."""

    BAD = {
        "ENABLED": ["maybe", "2", "truetrue"],
        "COST_PER_GB": ["-1", "cheap", "1e7"],
        "SAMPLE_RATE": ["1.5", "-1", "abc", "nan", "inf", "0.5x", "1e400", "0,5", "--1", "."],
        "FORMAT": ["xml", "texts", "json2"],
        "MAX_MEMORY_MB": ["-5", "many", "12MB", "18446744073709551617", "0"],
        "CLI_ENABLED": ["perhaps"],
        "TRACK_MEMORY": ["3"],
        "BUFFER_SIZE": ["-1", "lots", "99999999999999999999999"],
        "EXPORTERS": ["prometheus,carrier-pigeon", "file;datadog"],
        "SAMPLER": ["random"],
        "STACKS": ["some"],
        "FLUSH_INTERVAL_SECONDS": ["never", "-30", "99999999999"],
        "BATCH_SIZE": ["-1", "x"],
        "EXPORT_TIMEOUT_SECONDS": ["1.x", "-1"],
        "MAX_RETRIES": ["-1", "ten"],
        "ENABLE_FAST_PATH": ["fast"],
        "BACKGROUND_PROCESSING": ["2"],
        "CAPTURE_TEXT": ["text"],
        "WHY": ["slow", "flush;lock"],
        "OVERHEAD_BUDGET": ["much", "-1", "2"],
        "FILE_MAX_FILES": ["many"],
        "FILE_MAX_SECONDS": ["long"],
        "FILE_MAX_MB": ["big"],
        "FILE_FSYNC": ["sometimes"],
        "MAX_SITES": ["all"],
        "EXIT_TIMEOUT_SECONDS": ["never"],
        "DATADOG_API": ["v7"],
        "STACK_DEPTH": ["0", "65", "deep"],
        "STACK_EVERY": ["1", "often"],
    }

    def test_each(self):
        defaults = pf.table_variables()
        bare = pf.execute([pf.build("procs"), "tail"], profiled=False)
        for name, values in self.BAD.items():
            self.assertIn(name, defaults, "the variable is not in pf-env.def")
            for value in values:
                with self.subTest(variable=name, value=value):
                    run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                    self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
                    lines = run.stderr.decode().splitlines()
                    self.assertEqual(len(lines), 1, lines)
                    self.assertTrue(lines[0].startswith("pfprof:"), lines[0])
                    self.assertIn(pf.PREFIX + name, lines[0])
                    self.assertIn(value, lines[0].replace(pf.PREFIX + name, ""))
                    if defaults[name]:
                        rest = lines[0].split(value, 1)[1]
                        self.assertIn(defaults[name], rest, "the default that is used")
                    if name == "ENABLED":
                        self.assertEqual(run.summaries(), {})
                    elif name == "FORMAT":
                        (only,) = os.listdir(run.output)
                        with open(os.path.join(run.output, only), encoding="utf-8") as file:
                            self.assertRegex(file.read(), r"message_count\s+4\b")
                    else:
                        self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_the_range_is_named(self):
        for name, value, words in (
            ("SAMPLE_RATE", "1.5", ("0", "1")), ("FORMAT", "xml", ("text", "json")),
            ("ENABLED", "maybe", ("true", "false")), ("MAX_MEMORY_MB", "x", ("1",)),
            ("SAMPLER", "random", ("fixed", "adaptive")),
            ("EXPORTERS", "pigeon", ("prometheus", "datadog", "opentelemetry", "file")),
        ):
            with self.subTest(variable=name):
                run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                rest = run.stderr.decode().split(value, 1)[1]
                for word in words:
                    self.assertRegex(rest, rf"\b{word}\b")

    def test_every_variable_that_has_a_range_is_tried(self):
        defaults = pf.table_variables()
        free_text = {"OUTPUT", "CONFIG", "RULES", "FILE_PATH", "SEGMENT_DIR", "COMMAND",
                     "PROMETHEUS_PUSHGATEWAY", "PROMETHEUS_LISTEN", "PROMETHEUS_TEXTFILE",
                     "AGENT_LISTEN"}
        self.assertEqual(set(defaults) - free_text - set(self.BAD) - {"KEEP_SEGMENT"}, set())

    def test_good_values_say_nothing(self):
        for name, values in {
            "SAMPLE_RATE": ["0", "1", "0.5", "1e-3", "1.0", ".5"],
            "ENABLED": ["true", "1", "TRUE", "yes"],
            "MAX_MEMORY_MB": ["1", "1000"],
            "EXPORTERS": [""],
            "SAMPLER": ["fixed"],
            "BUFFER_SIZE": ["1"],
            "FORMAT": ["json", "JSON"],
        }.items():
            for value in values:
                with self.subTest(variable=name, value=value):
                    run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                    self.assertEqual(run.stderr, b"")
                    self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_several_at_once_and_in_children(self):
        run = pf.execute([pf.build("procs"), "fork"], SAMPLE_RATE="7", FORMAT="xml", STACKS="x")
        self.assertEqual(run.status, 0)
        lines = run.stderr.decode().splitlines()
        self.assertEqual(len(lines), 3, lines)


if __name__ == "__main__":
    pf.main()
