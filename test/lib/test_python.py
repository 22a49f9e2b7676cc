#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The library from Python, through introspection: the snippets of the package that it is modelled on."""
import json
import os
import sys
import tempfile
import threading
import unittest

try:
    import gi

    gi.require_version("Pf", "1")
    from gi.repository import GLib, Pf
except (ImportError, ValueError) as problem:
    print(f"skipped: {problem} (python3-gi and the typelib are needed)")
    sys.exit(77)


class Snippets(unittest.TestCase):
    def setUp(self):
        Pf.reset_profiling_state()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.output = os.path.join(self.folder.name, "summary.json")
        os.environ["PROVIDE_PROFILING_OUTPUT"] = self.output
        os.environ["PROVIDE_PROFILING_FORMAT"] = "json"
        os.environ["PROVIDE_PROFILING_SAMPLE_RATE"] = "1.0"

    def test_quick_start(self):
        begun = GLib.get_real_time() / 1e6
        hub = Pf.Hub()
        Pf.register_profiling(hub)

        profiler = hub.get_component("profiler")
        profiler.enable()

        processor = profiler.get_processor()
        for i in range(100):
            processor.record_text(f"message {i} {'🚀' if i % 4 == 0 else ''}".encode(), 1500, 2)

        metrics = profiler.get_metrics()
        self.assertGreater(metrics.messages_per_second, 0)
        self.assertEqual(metrics.message_count, 100)
        self.assertEqual(metrics.sampled_count, 100)
        self.assertEqual(metrics.dropped_count, 0)
        self.assertEqual(metrics.total_duration_ns, 150000)
        self.assertEqual(metrics.emoji_message_count, 25)
        self.assertAlmostEqual(metrics.avg_latency_ms, 0.0015)
        self.assertAlmostEqual(metrics.emoji_overhead_percent, 25)
        self.assertAlmostEqual(metrics.avg_fields_per_message, 2)
        self.assertGreater(metrics.uptime_seconds, 0)
        self.assertTrue(begun - 0.001 <= metrics.start_time <= GLib.get_real_time() / 1e6 + 0.001)

        result = profiler.flush_remaining_data()
        self.assertTrue(result.success, result.error_message)
        self.assertEqual(result.exported_count, 100)
        self.assertIsNone(result.error_message)
        self.assertGreaterEqual(result.response_time_ms, 0)
        profiler.disable()

        processor.record(1500, False, 2)
        self.assertEqual(profiler.get_metrics().message_count, 100)
        with open(self.output, encoding="utf-8") as lines:
            written = [json.loads(line) for line in lines]
        self.assertEqual(len(written), 1)
        self.assertEqual(written[0]["schema_version"], 1)
        self.assertEqual(written[0]["metrics"]["message_count"], 100)

    def test_to_dict_and_to_json(self):
        metrics = Pf.ProfileMetrics.new()
        metrics.record(2000000, True, 3)
        data = metrics.to_dict()
        self.assertEqual(data["message_count"], 1)
        self.assertEqual(data["avg_latency_ms"], 2)
        self.assertEqual(data["emoji_overhead_percent"], 100)
        self.assertEqual(json.loads(metrics.to_json())["metrics"].keys(), data.keys())
        metrics.reset()
        self.assertEqual(metrics.to_dict()["message_count"], 0)
        with self.assertRaises(AttributeError):
            metrics.no_such_metric

    def test_a_bad_rate_is_a_sampling_error(self):
        with self.assertRaises(GLib.Error) as caught:
            Pf.ProfilingProcessor.new(1.5)
        self.assertTrue(
            caught.exception.matches(Pf.SamplingError.quark(), Pf.SamplingError.BAD_RATE))

    def test_threads(self):
        processor = Pf.ProfilingProcessor.new(1.0)
        threads = [
            threading.Thread(target=lambda: [processor.record(10, False, 1) for _ in range(2000)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(processor.get_metrics().message_count, 16000)

    def test_configuration(self):
        config = Pf.ProfilingConfig.new()
        config.load(["PROVIDE_PROFILING_SAMPLE_RATE=2", "PROVIDE_PROFILING_EXPORTERS=file"])
        self.assertTrue(config.set("sample_rate", "0.25"))
        self.assertEqual(config.get_processor().sample_rate, 0.25)
        self.assertEqual(config.get_exporter().exporters, ["file"])
        self.assertEqual(config.get_adaptive_sampling().sampler, "fixed")
        self.assertEqual(config.get_source("sample_rate"), Pf.ConfigSource.COMMAND_LINE)
        self.assertEqual(len(config.get_warnings()), 1)
        self.assertIn("sample_rate", Pf.ProfilingConfig.list_names())
        with self.assertRaises(GLib.Error) as caught:
            config.set("no_such", "1")
        self.assertTrue(caught.exception.matches(Pf.ConfigurationError.quark(),
                                                 Pf.ConfigurationError.UNKNOWN_NAME))
        profiler = Pf.register_profiling(Pf.Hub(), config)
        self.assertEqual(profiler.get_processor().get_sample_rate(), 0.25)

    def test_commands(self):
        hub = Pf.Hub()
        calls = []
        hub.add_command("hello", "says hello", lambda words, *_: calls.append(words) or 7)
        self.assertEqual(hub.list_commands(), ["hello"])
        self.assertEqual(hub.get_command_summary("hello"), "says hello")
        found, status = hub.run_command("hello", ["a", "b"])
        self.assertTrue(found)
        self.assertEqual((status, calls), (7, [["a", "b"]]))

    def test_version(self):
        self.assertEqual(
            Pf.version_string(), f"{Pf.MAJOR_VERSION}.{Pf.MINOR_VERSION}.{Pf.MICRO_VERSION}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
