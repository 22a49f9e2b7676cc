# SPDX-License-Identifier: Apache-2.0
# The file exporter: lines that are always whole, rotation, resuming after a crash, a full disk.
import csv
import json
import os
import re
import signal
import subprocess
import time

from exportkit import Lab, SYSTEM_PYTHON, clikit, main, pf, wait_until

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(3000): os.write(1, b'x' * (i % 50 + 1))"]
COLUMNS = ("unix_ns start_unix_ns metric kind unit program function site detail value count sum "
           "p50 p90 p99 p999 buckets").split()


class File(Lab):
    def lines(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\n"))
        return [json.loads(line) for line in text.splitlines()]

    def test_json_lines(self):
        self.leave(PRINTS)
        numbers = self.snapshot(self.ended()[0])
        function = next(f for f in numbers["functions"] if f["name"] == "write")
        out = self.path("out.jsonl")
        done = self.once("file", FILE_PATH=out)
        self.assertEqual((done.status, done.err, self.ended()), (0, "", []))
        rows = self.lines(out)
        row = next(r for r in rows if r["metric"] == "pfprof.messages" and
                   r["function"] == "write")
        self.assertEqual((row["value"], row["schema_version"], row["kind"]), (3000, 1, "counter"))
        row = next(r for r in rows if r["metric"] == "pfprof.call.duration" and
                   r["function"] == "write")
        self.assertEqual(sum(b[2] for b in row["buckets"]), row["count"])
        for name in ("p50", "p90", "p99"):
            self.assertLess(abs(row[name] * 1e9 / function[name + "_ns"] - 1), 0.005, name)

    def test_csv(self):
        self.leave(PRINTS)
        out = self.path("out.csv")
        for _ in range(2):
            self.assertEqual(self.once("file", FILE_PATH=out).status, 0)
        with open(out, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), COLUMNS)
        self.assertTrue(all(None not in row and None not in row.values() for row in rows))
        row = next(r for r in rows if r["metric"] == "pfprof.messages" and
                   r["function"] == "write")
        self.assertEqual(row["value"], "3000")
        with open(out, encoding="utf-8") as file:
            self.assertEqual(sum(line.startswith("unix_ns") for line in file), 1)
        with open(os.path.join(pf.ROOT, "docs/exporters.md"), encoding="utf-8") as file:
            documented = file.read()
        for column in COLUMNS:
            self.assertIn(f"`{column}`", documented)

    def test_a_torn_line_is_mended(self):
        out = self.path("out.jsonl")
        self.leave(PRINTS)
        self.once("file", FILE_PATH=out)
        before = len(self.lines(out))
        with open(out, "a", encoding="utf-8") as file:
            file.write('{"schema_version":1,"unix_ns":17')
        self.leave(PRINTS)
        self.assertEqual(self.once("file", FILE_PATH=out).status, 0)
        self.assertGreater(len(self.lines(out)), before)

    def strace(self, *words, **settings):
        """`pfprof agent --once` under strace."""
        pf.need("strace")
        environment = self.world.environment({**self.patient(), **self.named({"EXPORTERS": "file", **settings})})
        return subprocess.run(["strace", "-f", "-o", self.path("strace.log"), *words, clikit.PFPROF, "agent",
                               "--folder", self.world.folder, "--once"], env=environment, capture_output=True)

    def test_killed_again_and_again(self):
        """kill -9 at any system call on the file: what is there is whole lines."""
        out = self.path("out.jsonl")
        self.leave(PRINTS)
        self.assertEqual(self.once("file", FILE_PATH=out).status, 0)
        whole = len(self.lines(out))
        self.leave(PRINTS)
        self.assertEqual(self.strace("-P", out, FILE_PATH=out).returncode, 0)
        with open(self.path("strace.log"), encoding="utf-8") as file:
            calls = re.findall(r"(?m)^\d+ +(\w+)\(", file.read())
        self.assertIn("write", calls)
        for i, call in enumerate(calls):
            nth = calls[:i + 1].count(call)
            self.leave(PRINTS)
            killed = self.strace("-P", out, "-e", f"inject={call}:signal=KILL:when={nth}", FILE_PATH=out)
            self.assertNotEqual(killed.returncode, 0, (call, nth))
            self.lines(out)
        self.assertEqual(self.once("file", FILE_PATH=out).status, 0)
        self.assertGreaterEqual(len(self.lines(out)), 3 * whole - 2)

    def test_rotation_by_size(self):
        out = self.path("out.jsonl")
        for _ in range(8):
            for _ in range(2):
                self.leave(["/bin/sh", "-c", "echo one; echo two"])
            done = self.once("file", FILE_PATH=out, FILE_MAX_MB=1, FILE_MAX_FILES=3)
            self.assertEqual((done.status, done.err), (0, ""))
            with open(out, "a", encoding="utf-8") as file:  # to be full sooner
                file.write('{"pad":"' + "x" * 400000 + '"}\n')
        names = sorted(n for n in os.listdir(self.scratch) if n.startswith("out"))
        self.assertEqual(names, ["out.jsonl", "out.jsonl.1", "out.jsonl.2"])
        for name in names:
            self.assertLess(os.path.getsize(self.path(name)), 1 << 21)
            self.lines(self.path(name))

    def test_rotation_by_age(self):
        out = self.path("out.jsonl")
        self.leave(PRINTS)
        self.once("file", FILE_PATH=out, FILE_MAX_SECONDS=1)
        if not self.birth_time(out):
            self.skipTest("the file system does not tell when a file was born")
        born = self.birth_time(out)
        wait_until(lambda: time.time() >= born + 1)
        self.leave(PRINTS)
        self.once("file", FILE_PATH=out, FILE_MAX_SECONDS=1)
        self.assertTrue(os.path.exists(out + ".1"))

    @staticmethod
    def birth_time(path):
        told = subprocess.run(["stat", "-c", "%W", path], capture_output=True, text=True).stdout
        return int(told.strip()) if told.strip().isdigit() else 0

    def test_fsync_policy(self):
        for policy, wanted in (("never", 0), ("always", 1)):
            self.leave(PRINTS)
            done = self.strace("-e", "trace=fsync,fdatasync", FILE_PATH=self.path(policy), FILE_FSYNC=policy)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path("strace.log"), encoding="utf-8") as file:
                synced = len(re.findall(r"f(?:data)?sync\(", file.read()))
            self.assertTrue(synced == 0 if wanted == 0 else synced >= 1, (policy, synced))

    def test_a_full_disk_is_counted_and_leaves_whole_lines(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        small = self.path("small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", small],
                          capture_output=True).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", small])
        out = os.path.join(small, "out.jsonl")
        said = ""
        for _ in range(60):
            self.leave(PRINTS)
            said += self.once("file", FILE_PATH=out, FILE_MAX_MB=0).err
            if said:
                break
        self.assertIn("No space left", said)
        self.assertIn("points were not delivered", said)
        self.lines(out)

    def test_two_agents_do_not_share_a_file(self):
        out = self.path("out.jsonl")
        self.leave(PRINTS)
        agent = self.agent("file", FILE_PATH=out)
        wait_until(lambda: os.path.exists(out) and os.path.getsize(out))
        self.leave(PRINTS)
        done = self.once("file", FILE_PATH=out)
        self.assertEqual(done.status, 1)
        self.assertIn("another agent has it", done.err)
        agent.send_signal(signal.SIGTERM)
        agent.communicate()

    def test_no_path(self):
        done = self.once("file")
        self.assertEqual(done.status, 2)
        self.assertIn("PROVIDE_PROFILING_FILE_PATH", done.err)


if __name__ == "__main__":
    main()
