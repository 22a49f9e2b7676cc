#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Snapshots of real segments: the same numbers as the exit summary of the same run, of running and of
# killed programs, with file and line, and charged to the lines that are to blame.
import json
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import pfharness as pf

SHOW = os.environ["PF_SHOW"]
EXACT = ("message_count", "sampled_count", "dropped_count", "total_duration_ns", "bytes",
         "bytes_unknown_count", "error_count", "emoji_message_count", "max_ns")
NEAR = ("estimated_total_duration_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns")


def show(run, *what, text=False):
    done = subprocess.run(
        [SHOW, *(["text"] if text else []), *map(str, what)], capture_output=True, text=True,
        env={**pf.environment(run), "LD_PRELOAD": ""}, check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"show-snapshot {what}: {done.returncode} {done.stderr}")
    return done.stdout if text else json.loads(done.stdout)


def lines_of(name):
    """{comment: line number} of `// site: ...` in a target's source."""
    with open(os.path.join(pf.SOURCES, name + ".c"), encoding="utf-8") as file:
        return {
            found.group(1): number
            for number, line in enumerate(file, 1)
            if (found := re.search(r"// site: (.*)$", line))
        }


def known(errors):
    """The exit summary calls every errno without a name \"other\"."""
    counts = {}
    for name, count in errors.items():
        name = name if name.startswith("E") else "other"
        counts[name] = counts.get(name, 0) + count
    return counts


def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)


def waits(process):
    """Until the target waits for a word from us: so what it has told us of is recorded, and nothing else comes."""
    def sleeps():
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"

    pf.wait_for(sleeps)


# Rows outlive their snapshot, and nothing is freed twice.
PYTHON = """
import gi
gi.require_version("Pf", "1")
from gi.repository import GLib, Pf
import gc, sys
for _ in range(3):
    snapshot = Pf.Snapshot.new_from_file(sys.argv[1], Pf.SnapshotFlags.RECENT)
    assert snapshot.get_messages().message_count == int(sys.argv[2])
    sites = snapshot.get_call_sites()
    real = snapshot.get_real_sites(Pf.Symbolizer())
    stacks, recent = snapshot.get_stacks(), snapshot.get_recent()
    assert any("wrapper.c" in one.place.to_string() for one in real)
    assert Pf.Snapshot.merge([snapshot, snapshot]).get_messages().message_count == 2 * int(sys.argv[2])
    assert snapshot.delta(snapshot).get_messages().message_count == 0
    del snapshot
    gc.collect()
    assert sum(one.stats.message_count for one in sites) == int(sys.argv[2])
    assert all(one.stats.histogram.get_quantile(0.5)[0] or not one.stats.sampled_count for one in sites)
    assert all(one.get_address(0) for one in stacks) and len(recent) > 0
    Pf.Snapshot.list_files()
    try:
        Pf.Snapshot.new_from_file("/etc/passwd", 0)
    except GLib.Error as error:
        assert error.matches(Pf.segment_error_quark(), Pf.SegmentError.NOT_A_SEGMENT)
print("good")
"""


SAMPLER = """
import gi
gi.require_version("Pf", "1")
from gi.repository import GObject, Pf
import sys
class Sampler(GObject.Object, Pf.Sampler):
    def do_decide(self, context, decision):
        print(context.operation_name, context.user_id, context.request_id)
Pf.Steering.new(Pf.Controller.new_for_pid(int(sys.argv[1])), Sampler()).step()
"""


class Reader(unittest.TestCase):
    def same(self, ours, summary, what):
        for field in EXACT:
            self.assertEqual(ours[field], summary[field], f"{what}: {field}")
        for field in NEAR:
            if field.startswith("p") and summary["message_count"] < 5000:
                continue  # of few calls a quantile may lie between two, and rounding decides
            if summary[field] is None or ours[field] is None:
                self.assertEqual(ours[field], summary[field], f"{what}: {field}")
            else:
                self.assertAlmostEqual(ours[field], summary[field], delta=1 + 2e-5 * summary[field],
                                       msg=f"{what}: {field}")

    def compare(self, argv, **settings):
        run = pf.execute(argv, KEEP_SEGMENT="true", **settings)
        summary = run.only()
        # Calls that come while the segment is made have no site, and would be in one of the two totals.
        self.assertEqual(summary["metrics"]["lost_count"]["reentry"], 0)
        snapshot = show(run, *run.segments())
        self.same(snapshot["metrics"], summary["metrics"], "metrics")
        for array in ("functions", "flushes"):
            ours = {one["name"]: one for one in snapshot[array]}
            theirs = {one["name"]: one for one in summary[array]}
            self.assertEqual(sorted(ours), sorted(theirs))
            for name, one in theirs.items():
                self.same(ours[name], one, name)
                self.assertEqual(known(ours[name]["errors"]), known(one["errors"]), name)
        ours = {(one["function"], one["address"]): one for one in snapshot["call_sites"]}
        theirs = {(one["function"], one["address"]): one for one in summary["call_sites"]}
        self.assertEqual(sorted(ours), sorted(theirs))
        for key, one in theirs.items():
            self.same(ours[key], one, key)
            self.assertEqual(ours[key]["offset"], one["offset"], key)
        self.assertEqual(
            sorted(one["message_count"] for one in snapshot["streams"] if one["message_count"]),
            sorted(one["message_count"] for one in summary["streams"]))
        ours = {one["tid"]: one for one in snapshot["threads"]}
        for one in summary["threads"]:
            self.same(ours[one["tid"]], one, f"thread {one['name']}")
        process = snapshot["process"]
        self.assertEqual(process["state"], "ended")
        self.assertEqual(process["call_site_count"], summary["process"]["call_site_count"])
        self.assertEqual(process["thread_count"], summary["process"]["thread_count"])
        self.assertEqual(process["command"], summary["process"]["command"])
        return run, snapshot, summary

    def test_equals_the_exit_summary(self):
        for rate in ("1", "0.1", "0.01", "0"):
            for argv in ([pf.build("wrapper"), "2000"], [pf.build("errnos")],
                         [pf.build("formats")]):
                with self.subTest(rate=rate, target=os.path.basename(argv[0])):
                    self.compare(argv, SAMPLE_RATE=rate)

    def test_other_programs(self):
        for argv in ([pf.need("gawk"), 'BEGIN { for (i = 0; i < 20000; i++) print i }'],
                     [pf.need("bash"), "-c", "for i in {1..3000}; do echo $i; done"]):
            with self.subTest(program=argv[0]):
                self.compare(argv, SAMPLE_RATE="0.05")

    def test_files_and_lines(self):
        run = pf.execute([pf.build("wrapper"), "200"], KEEP_SEGMENT="true")
        snapshot = show(run, *run.segments())
        lines = lines_of("wrapper")
        sites = {one["line"]: one for one in snapshot["call_sites"] if one["file"]}
        for name, function in (("prefix", "fprintf"), ("text", "vfprintf"), ("step 2", "fputs")):
            site = sites[lines[name]]
            self.assertEqual(site["function"], function)
            self.assertEqual(os.path.basename(site["file"]), "wrapper.c")
        self.assertEqual(sites[lines["text"]]["source_function"], "log_va")
        text = show(run, *run.segments(), text=True)
        self.assertRegex(text, r"wrapper\.c:%d in report" % lines["step 1"])
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_lines_to_blame(self):
        """With a stack of each call the estimates are the numbers themselves."""
        run = pf.execute([pf.build("wrapper"), "500"], KEEP_SEGMENT="true", SAMPLE_RATE="1", STACKS="on")
        snapshot = show(run, *run.segments())
        self.assertTrue(snapshot["stacks"])
        lines = lines_of("wrapper")
        blamed = {(one.get("line"), one["function"]): one for one in snapshot["real_sites"]}
        for name, count in (("order", 1000), ("audit", 500), ("user", 100)):
            for function in ("fprintf", "vfprintf"):
                one = blamed[lines[name], function]
                self.assertTrue(one["is_estimate"])
                self.assertIsNotNone(one["wrapper"])
                self.assertEqual(one["stack_count"], count)
                self.assertEqual(one["message_count"], count)
        for name in ("step 1", "step 2", "step 3"):
            one = blamed[lines[name], "fputs"]
            self.assertFalse(one["is_estimate"])
            self.assertIsNone(one["wrapper"])
            self.assertEqual(one["message_count"], 1000)
        whole = sum(one["message_count"] for one in snapshot["real_sites"])
        self.assertAlmostEqual(whole, snapshot["metrics"]["message_count"], delta=1)

    def test_running_then_killed(self):
        run, process = pf.start([pf.build("wrapper"), "500", "wait"], stdin=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            waits(process)
            before = show(run, process.pid)
            self.assertEqual(before["process"]["state"], "active")
            self.assertEqual(before["process"]["pid"], process.pid)
            # 500 rounds of two threads: order, half of audit, a tenth of user, twice each; 3 steps.
            told = 2 * (500 * 2 + 250 * 2 + 50 * 2 + 500 * 3) + 2
            self.assertEqual(before["metrics"]["message_count"], told)
            self.assertIsNone(before["metrics"]["overhead_ns"])
            process.stdin.write(b"x")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"again\n")
            waits(process)
            after = show(run, process.pid)
            self.assertEqual(after["metrics"]["message_count"], told + 3)
            self.assertGreaterEqual(after["metrics"]["uptime_seconds"],
                                    before["metrics"]["uptime_seconds"])
        finally:
            process.kill()
            process.wait()
        killed = show(run, process.pid)
        self.assertEqual(killed["process"]["state"], "killed")
        self.assertEqual(killed["metrics"]["message_count"], told + 3)
        self.assertLessEqual(killed["metrics"]["uptime_seconds"],
                             after["metrics"]["uptime_seconds"])
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()

    def test_from_python(self):
        run = pf.execute([pf.build("wrapper"), "200"], KEEP_SEGMENT="true")
        told = run.only()["metrics"]["message_count"]
        path, = run.segments()
        env = {**os.environ, **pf.environment(run), "LD_PRELOAD": "", "G_DEBUG": "fatal-criticals",
               "PYTHONMALLOC": "malloc", "MALLOC_CHECK_": "3"}
        can = subprocess.run(["/usr/bin/python3", "-c", PYTHON.split("import gc")[0]], env=env,
                             capture_output=True, text=True, check=False)
        if can.returncode != 0:
            self.skipTest("no typelib, or PyGObject is not installed: " + can.stderr.strip().rpartition("\n")[2])
        done = subprocess.run(["/usr/bin/python3", "-c", PYTHON, path, str(told)], env=env,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"), done.stderr)

    def test_control(self):
        run, process = pf.start([pf.build("wrapper"), "100", "wait"], stdin=subprocess.PIPE)

        def order(what):
            done = subprocess.run([SHOW, "ctl", str(process.pid), what], capture_output=True,
                                  text=True, env={**pf.environment(run), "LD_PRELOAD": ""},
                                  check=False)
            return done.returncode, done.stderr

        def call():
            process.stdin.write(b"x")
            process.stdin.flush()
            process.stdout.readline()
            waits(process)
            return show(run, process.pid)

        try:
            process.stdout.readline()
            waits(process)
            self.assertEqual(order("off"), (0, ""))
            told = show(run, process.pid)["metrics"]["message_count"]
            off = call()
            self.assertEqual(off["process"]["state"], "dormant")
            self.assertEqual(off["metrics"]["message_count"], told)
            self.assertEqual(order("on"), (0, ""))
            on = call()
            self.assertEqual(on["process"]["state"], "active")
            self.assertEqual(on["metrics"]["message_count"], told + 3)
            self.assertEqual(order("rate=0.5"), (0, ""))
            self.assertEqual(order("write=0"), (0, ""))
            rated = call()
            self.assertEqual(rated["process"]["sample_rate"], 0.5)
            writes = {one["name"]: one for one in rated["functions"]}["write"]
            self.assertEqual(writes["message_count"] - writes["sampled_count"], 1)
            self.assertEqual(order("clear"), (0, ""))
            self.assertEqual(order("rate=1"), (0, ""))
            begun = time.monotonic()
            self.assertEqual(order("reset"), (0, ""))
            anew = call()
            self.assertLess(anew["metrics"]["uptime_seconds"], 1.01 * (time.monotonic() - begun))
            self.assertEqual(anew["metrics"]["message_count"], 3)
            self.assertEqual(anew["metrics"]["sampled_count"], 3)
            self.assertGreater(anew["process"]["reset_time"], anew["process"]["start_time"])
            code, said = order("rate=2")
            self.assertEqual(code, 2)
            self.assertIn("from 0 to 1", said)
            code, said = order("nothing=1")
            self.assertIn("not an intercepted function", said)
        finally:
            process.kill()
            process.wait()
        code, said = order("on")
        self.assertEqual(code, 2)
        self.assertIn("has ended", said)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()

    def test_reading_changes_nothing(self):
        run, process = pf.start([pf.build("wrapper"), "100", "wait"], stdin=subprocess.PIPE)
        try:
            process.stdout.readline()
            path, = run.segments()
            waits(process)
            before = read(path)
            show(run, process.pid)
            self.assertEqual(read(path), before)
        finally:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()



class Scopes(pf.Case):
    """Profiled functions (<pf-profile.h>): the same as in the exit summary."""

    FIELDS = ("kind", "file", "line", "call_count", "sampled_count", "total_duration_ns",
              "output_sampled_count", "estimated_output_ns", "output_share")

    def test_the_same_as_the_summary(self):
        for rate in ("1", "0.1"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("scopes"), "300"], SAMPLE_RATE=rate,
                                 KEEP_SEGMENT="true")
                (one,) = run.summaries()[run.pid]
                (path,) = [p for p in run.segments() if f"/{run.pid}-" in p]
                read = show(run, path)
                ours, theirs = ({s["name"]: s for s in o["scopes"]} for o in (one, read))
                self.assertEqual(set(ours), set(theirs))
                for name, scope in ours.items():
                    for field in self.FIELDS:
                        self.assertEqual(theirs[name][field], scope[field], (name, field))
                self.assertEqual(theirs["main: order"]["open_count"], 3)
                self.assertEqual(read["metrics"]["message_count"],
                                 one["metrics"]["message_count"])

    def test_context(self):
        run = pf.execute([pf.build("scopes"), "2"], KEEP_SEGMENT="true",
                         extra={"STOP_IN_CONTEXT": "1"})
        (path,) = run.segments()
        said = [(t["user_id"], t["request_id"], t["operation"])
                for t in show(run, path)["threads"] if "user_id" in t]
        self.assertEqual(said, [("user-7", "request-42", "pay")])
        # Each slow call knows for whom it was made, not for whom the thread works now.
        made = {(s["function"], s["user_id"], s["request_id"])
                for s in show(run, path)["slowest"] if "request_id" in s}
        self.assertEqual(made, {("printf", "user-7", "request-43"), ("fflush", "user-7", "request-42")})

    def test_a_sampler_is_told_the_context(self):
        run, process = pf.start([pf.build("scopes"), "2"], extra={"STOP_IN_CONTEXT": "wait"})
        try:
            while process.stdout.readline() != b"inside\n":
                pass
            env = {**os.environ, **pf.environment(run), "LD_PRELOAD": ""}
            done = subprocess.run(["/usr/bin/python3", "-c", SAMPLER, str(process.pid)], env=env,
                                  capture_output=True, text=True, check=False)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        if "ModuleNotFoundError" in done.stderr or "not available" in done.stderr:
            self.skipTest("no typelib, or PyGObject is not installed: " + done.stderr.strip().rpartition("\n")[2])
        self.assertEqual((done.returncode, done.stdout), (0, "pay user-7 request-42\n"), done.stderr)


if __name__ == "__main__":
    pf.need_library()
    pf.main()
