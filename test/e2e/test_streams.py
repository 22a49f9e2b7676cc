#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams: calls and bytes go to what the descriptor led to at that moment."""
import os
import tempfile

import pfharness as pf


def streams(one):
    """{(kind, last part of the path): (calls, bytes)} of one process's messages."""
    found = {}
    for stream in one["streams"]:
        key = (stream["kind"], os.path.basename(stream["path"] or ""))
        calls, size = found.get(key, (0, 0))
        found[key] = (calls + stream["message_count"], size + stream["bytes"])
    return found


class Complaints(pf.Case):
    def test_what_libc_writes_to_stderr(self):
        """perror and its like go where stderr leads, with the level that they are."""
        pf.skip_on("musl", "stderr cannot be replaced, and there is no error.h")
        run = pf.execute([pf.build("streams"), "complaints"], SAMPLE_RATE="1.0")
        self.assertEqual(run.status, 7, run.stderr)
        one = self.check(run.only())
        calls = {s["fd"]: s["message_count"] for s in one["streams"]}
        # 3 × (perror, warn, warnx, error, psignal) and errx; the one that went into memory has no descriptor.
        self.assertEqual((calls[2], calls[None]), (16, 1))
        of = {f["name"]: f for f in one["functions"]}
        self.assertEqual([of[name]["levels"] for name in ("perror", "psignal", "warn", "warnx")],
                         [{"error": 3}, {"error": 3}, {"warning": 3}, {"warning": 4}])
        self.assertEqual(of["perror"]["why"]["format"]["count"], 0)

    def test_streams_in_memory(self):
        """They have no descriptor, whatever lies where a file's would be."""
        run = pf.execute([pf.build("streams"), "memory"], SAMPLE_RATE="1.0")
        one = self.check(run.only())
        kinds = {s["kind"]: s["message_count"] for s in one["streams"] if s["message_count"] > 0}
        self.assertEqual(kinds, {"memory": 3, "pipe": 3})


class Descriptors(pf.Case):
    """Every way in which libc leads a descriptor elsewhere."""

    def run_way(self, way, rate="0.01"):
        with tempfile.TemporaryDirectory(dir=pf.SCRATCH) as folder:
            run = pf.execute([pf.build("descriptors"), way, folder], SAMPLE_RATE=rate)
            self.assertEqual(run.status, 0, run.stderr)
            sizes = {name: os.path.getsize(os.path.join(folder, name))
                     for name in os.listdir(folder)}
            return run, sizes

    def whole(self, run):
        """How many summaries are written to their end."""
        texts = []
        for name in os.listdir(run.output):
            with open(os.path.join(run.output, name), "rb") as file:
                texts.append(file.read())
        return sum(text.endswith(b"}\n") for text in texts)

    def test_a_file_after_another(self):
        for way in ("close", "__close", "close_range", "closefrom", "dup2", "__dup2", "dup3",
                    "fclose", "freopen", "freopen64"):
            if pf.absent_from_libc(way):
                continue
            with self.subTest(way=way):
                run, sizes = self.run_way(way)
                self.assertEqual(sizes, {"first": 30, "second": 100})
                self.assertEqual(streams(self.check(run.only())),
                                 {("file", "first"): (3, 30), ("file", "second"): (5, 100)})

    def test_a_pipe_after_another(self):
        pf.skip_on("aarch64", "qemu-user's popen needs a shell of its own kind")
        pf.skip_on("musl", "the shell is of another libc")
        run, sizes = self.run_way("pclose")
        self.assertEqual(sizes, {"first": 30, "second": 100})
        ours = [one for ones in run.summaries().values() for one in ones
                if one["process"]["program"] == "descriptors"]
        pipes = [(s["kind"], s["message_count"], s["bytes"]) for s in ours[0]["streams"]]
        self.assertEqual(sorted(pipes), [("pipe", 3, 30), ("pipe", 5, 100)])

    def test_the_standard_descriptors_of_a_daemon(self):
        run, _ = self.run_way("daemon")
        pf.wait_for(lambda: self.whole(run) == 2, "the summaries of the daemon and of what made it")
        found = [streams(one) for ones in run.summaries().values() for one in ones]
        self.assertIn({("file", "first"): (3, 30)}, found)
        self.assertIn({("device", "null"): (5, 100)}, found)

    def test_the_standard_descriptors_of_a_login(self):
        run, _ = self.run_way("login_tty")
        (one,) = [one for ones in run.summaries().values() for one in ones]
        found = streams(self.check(one))
        self.assertEqual(found[("file", "first")], (3, 30))
        self.assertEqual([v for (kind, _), v in found.items() if kind == "tty"], [(5, 100)])

    def test_one_stream_by_several_numbers(self):
        run, sizes = self.run_way("dup")
        self.assertEqual(sizes, {"first": 150})
        one = self.check(run.only())
        self.assertEqual(streams(one), {("file", "first"): (15, 150)})
        self.assertEqual(len(one["streams"]), 1)
        self.assertEqual(one["streams"][0]["opens"], 4)

    def test_each_way_is_tried(self):
        done = pf.execute([pf.build("descriptors"), "list"], profiled=False)
        tried = {"close", "__close", "close_range", "closefrom", "dup2", "__dup2", "dup3", "fclose",
                 "freopen", "freopen64", "pclose", "daemon", "login_tty", "dup"}
        self.assertEqual(set(done.stdout.decode().split()), tried)


if __name__ == "__main__":
    pf.main()
