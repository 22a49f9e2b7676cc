#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# pfprof run: the whole tree in one sum, and who steers it.
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf


def functions(one):
    return {
        f["name"]: (f["message_count"], f["bytes"], f["error_count"])
        for f in one["functions"] + one["flushes"] if f["family"] != "process"
    }


class Run(clikit.Case):
    def sum_up(self, *argv, options=(), **more):
        """Runs a command; returns what it did and the merged summary as JSON."""
        path = os.path.join(self.world.run.folder, "sum.json")
        done = self.world.cli("run", "--output", path, "--json", *options, "--", *argv, **more)
        one = None
        if os.path.exists(path) and os.path.getsize(path):
            with open(path, encoding="utf-8") as file:
                one = json.loads(file.read())
            os.unlink(path)
        self.assertEqual(self.world.segments(), [], "segments are left")
        self.assertEqual(self.world.folders(), [], "folders are left")
        return done, one

    def truth(self):
        accounts = self.world.run.truth.functions()
        return {n: (a.begun, a.bytes, a.errors) for n, a in accounts.items()
                if a.begun and n != "child"}  # a vfork child's, which nobody can count

    def only(self, one, names):
        return {n: v for n, v in functions(one).items() if n in names}

    def test_no_line_ends_with_a_blank(self):
        done = self.world.cli("run", "--rate", "1", "--", "sh", "-c",
                              "echo ERROR: one; echo INFO: two; echo three >&2; exec 2>&-; echo four >&2")
        self.assertRegex(done.err, r"(?m)^  levels     error 1  info 1  none \d$")
        self.assertRegex(done.err, r"(?m)^  errors     ")
        self.assertNotRegex(done.err, r"(?m)[ \t]$")

    def test_trees_are_exact(self):
        for mode in ("fork", "fork-many", "fork-threads", "fork-buffered", "_Fork", "clone",
                     "vfork-exec", "posix_spawn", "system", "exec", "exec-path", "exec-fails",
                     "relay"):
            with self.subTest(mode):
                self.world = clikit.World()
                done, one = self.sum_up(pf.build("procs"), mode, options=["--rate", "0.5"])
                truth = self.truth()
                self.assertTrue(truth, done.err)
                self.assertEqual(self.only(one, truth), truth, (done.err, one["metrics"], one["processes"]))
                self.check(one)

    def test_a_killed_child_is_counted_to_its_last_call(self):
        go = self.world.fifo("go")

        def when_both_threads_write():
            pf.wait_for(lambda: sum(a.ended > 10 for *_, a in self.world.run.truth.records) == 2,
                        "two threads that write")
            clikit.write_into(go, b"\n")

        done, one = self.sum_up(
            "sh", "-c", f"{pf.build('killme')} 2 & read line <go; kill -9 $!; wait $!; exit 0",
            options=["--rate", "1"], meanwhile=when_both_threads_write,
        )
        self.assertEqual(done.status, 0, done.err)
        (pid,) = self.world.run.truth.pids()
        begun, ended = (sum(getattr(a, f) for *_, a in self.world.run.truth.records)
                        for f in ("begun", "ended"))
        count = sum(t["message_count"] for t in one["threads"] if t["pid"] == pid)
        self.assertTrue(ended <= count <= begun, (ended, count, begun))
        self.assertIn("killed", [p["state"] for p in one["processes"]])

    def control_words(self, path):
        """Of a segment: generation, rate, sampler, observer; None while it is being made."""
        with open(path, "rb") as file:
            words = file.read(1024)[512:]
        if len(words) < 512:
            return None
        generation, _, rate, *_, which, observer = struct.unpack_from("<IIdIIQQQIII", words)
        return generation, rate, which, observer

    def steered(self, sampler, is_done, *options):
        """Control words of two processes of one run, which write until is_done(words) of both."""
        saved = os.path.join(self.world.run.folder, "steered.pfs")
        stop = os.path.join(self.world.run.work, "stop-" + sampler)
        lines = f"import os, time\nwhile not os.path.exists({stop!r}):\n" \
                "    for i in range(50): os.write(1, b'a line\\n')\n    time.sleep(0.001)  # its pace\n"

        def until_done():
            pf.wait_for(lambda: len(paths := self.world.segments()) == 2 and
                        all((words := self.control_words(path)) and is_done(path, words) for path in paths),
                        sampler)
            with open(stop, "wb"):
                pass

        python = pf.need("python3")
        done, one = self.sum_up("sh", "-c", f'{python} -c "$0" & {python} -c "$0"; wait', lines,
                                options=["--sampler", sampler, "--save", saved, *options],
                                meanwhile=until_done, stdout=subprocess.DEVNULL)
        self.assertEqual((done.status, done.err), (0, ""))
        paths = clikit.split_session(saved, self.world.run.folder)
        return one, [self.control_words(path) for path in paths]

    def counts(self, path):
        """Calls of the process whose segment it is, as it runs, and timed ones; 0 while it is being made."""
        done = self.world.cli("show", "--json", path)
        metrics = json.loads(done.out)["metrics"] if done.status == 0 else {}
        return metrics.get("message_count", 0), metrics.get("sampled_count", 0)

    def is_mostly_timed(self, path):
        calls, timed = self.counts(path)
        return timed > 0.5 * calls

    def test_samplers_steer_every_process(self):
        rules = os.path.join(self.world.run.work, "all.rules")
        with open(rules, "w", encoding="ascii") as file:
            file.write("function=write -> 1\n")
        samplers = ("load", "pattern", "statistical", "adaptive")
        for sampler in samplers:
            with self.subTest(sampler):
                def is_done(path, words):
                    generation, _, _, observer = words
                    return generation > 0 and observer != 0 and (
                        sampler != "pattern" or self.is_mostly_timed(path))

                one, words = self.steered(sampler, is_done, "--rate", "0.05", "--set", "rules=all.rules")
                self.assertEqual(len(words), 2)
                for generation, _, which, observer in words:
                    self.assertGreater(generation, 0, "nobody has set a rate")
                    self.assertEqual(which, samplers.index(sampler) + 1)
                    self.assertNotEqual(observer, 0)
                if sampler == "pattern":
                    metrics = one["metrics"]
                    self.assertGreater(metrics["sampled_count"], 0.5 * metrics["message_count"])

    def test_fixed_leaves_the_rate_alone(self):
        def is_done(path, _):
            return self.counts(path)[0] > 5000

        _, words = self.steered("fixed", is_done, "--rate", "0.05")
        self.assertEqual([w[:3] for w in words], [(0, 0.05, 0)] * 2)

    def test_a_sampler_that_cannot_work_is_refused(self):
        for options, says in (((), "RULES"), (("--set", "rules=/nowhere"), "/nowhere")):
            done = self.world.cli("run", "--sampler", "pattern", *options, "--", "echo", "x")
            self.assert_error(done, status=125, says=says)
            self.assertEqual(self.world.folders(), [])

    def test_lives_of_a_moment(self):
        done, one = self.sum_up("sh", "-c", "for i in $(/usr/bin/seq 60); do /bin/echo $i; done")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(len([p for p in one["processes"] if p["program"] == "echo"]), 60)
        self.assertEqual(done.out, "".join(f"{i}\n" for i in range(1, 61)))

    def test_the_summary_goes_to_stderr_with_file_and_line(self):
        done = self.world.cli("run", "--rate", "1", "--", pf.build("procs"), "fork")
        self.assertIn("ProfileMetrics", done.err)
        self.assertRegex(done.err, r"truth\.h:\d+|procs\.c:\d+")
        self.assertRegex(done.err, r"3 processes")
        for line in done.err.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertNotIn("\033", done.err)

    def test_settings_by_option(self):
        _, one = self.sum_up("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo $i; done",
                             options=["-r", "1", "--stacks=off"])
        self.assertEqual(one["metrics"]["sampled_count"], one["metrics"]["message_count"])
        self.assertEqual(one["stacks"], [])
        _, one = self.sum_up("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do echo $i; done",
                             options=["-r", "1", "--stacks=on"])
        self.assertNotEqual(one["stacks"], [])

    def test_many_that_have_ended(self):
        """Each takes as much of our address space as its segment is long."""
        if clikit.is_sanitized():
            self.skipTest("the sanitizer takes more address space than there is then")
        path = os.path.join(self.world.run.folder, "many.json")
        script = f"ulimit -v 600000; exec {clikit.PFPROF} run --library {pf.LIB} --output {path} --json -- " \
                 "sh -c 'i=0; while [ $i -lt 300 ]; do /bin/echo; i=$((i+1)); done'"
        done = subprocess.run(["sh", "-c", script], env=self.world.environment(), capture_output=True,
                              timeout=pf.RUN_PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        with open(path, encoding="utf-8") as file:
            one = json.load(file)
        self.assertGreaterEqual(len(one["processes"]), 300)

    def test_saved_sessions(self):
        path = os.path.join(self.world.run.folder, "session.pfs")
        done, one = self.sum_up(pf.build("procs"), "fork", options=["--save", path, "-r", "1"])
        shown = self.world.json("show", path)
        self.assertEqual(functions(shown), functions(one))
        self.assertEqual(shown["metrics"], one["metrics"])
        self.assertEqual(functions(shown)["write"][0], self.truth()["write"][0])
        text = self.world.cli("show", path)
        self.assertEqual(text.status, 0, text.err)
        self.assertIn("ProfileMetrics", text.out)
        with open(path, "rb") as file:
            data = file.read()
        for size in (0, 7, 100, 384, 447, 448, 500, len(data) // 2, len(data) - 70):
            cut = path + ".cut"
            with open(cut, "wb") as file:
                file.write(data[:size])
            done = self.world.cli("show", cut)
            if done.status == 0:
                self.assertIn("could not be read", done.err)
            else:
                self.assert_error(done)

    def test_a_process_of_another_user_is_in_the_sum(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, only root's processes can change their user")
        setpriv = pf.need("setpriv")
        done, one = self.sum_up(
            "sh", "-c", f"echo root; exec {setpriv} --reuid 65534 --regid 65534 --clear-groups "
            "/usr/bin/seq 5", options=["-r", "1"],
        )
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("seq", [p["program"] for p in one["processes"]])


class Build(clikit.Case):
    """make -j of a small project: every process is in the sum, every count exact."""

    def test_200_processes_that_know_what_they_did(self):
        make, target = pf.need("make"), pf.build("procs")
        rules = "".join(f"r{i}:\n\t@{target} fork >/dev/null\n" for i in range(70))
        folder = self.world.run.work
        with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
            file.write("all: " + " ".join(f"r{i}" for i in range(70)) + "\n" + rules)
        path = os.path.join(folder, "sum.json")
        done = self.world.cli("run", "-o", path, "--json", "--", make, "-s", "-j4")
        self.assertEqual(done.status, 0, done.err)
        with open(path, encoding="utf-8") as file:
            one = json.load(file)
        truth = self.world.run.truth
        self.assertEqual(len(truth.pids()), 210)
        self.assertLessEqual(truth.pids(), {p["pid"] for p in one["processes"]})
        by_pid = {}
        for thread in one["threads"]:
            by_pid[thread["pid"]] = by_pid.get(thread["pid"], 0) + thread["message_count"]
        for pid in truth.pids():
            count = sum(a.begun for a in truth.functions(pid).values())
            self.assertEqual(by_pid[pid], count, f"process {pid}")

    def test_a_project_in_c(self):
        make, gcc = pf.need("make", "gcc")
        folder = self.world.run.work
        count = 20
        for i in range(count):
            with open(os.path.join(folder, f"f{i}.c"), "w", encoding="utf-8") as file:
                file.write(f"int f{i}(int x) {{ return x + {i}; }}\n")
        objects = " ".join(f"f{i}.o" for i in range(count))
        with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
            file.write(f"lib.a: {objects}\n\t@ar rcs $@ $^\n%.o: %.c\n\t@{gcc} -c $< -o $@\n")
        saved = os.path.join(folder, "session.pfs")
        done = self.world.cli("run", "-o", "none", "--save", saved, "--", make, "-s", "-j4")
        self.assertEqual(done.status, 0, done.err)
        one = self.world.json("show", saved)
        # gcc, cc1 and as for each file.
        programs = [p["program"] for p in one["processes"]]
        for program in ("cc1", "as"):
            self.assertEqual(programs.count(program), count, program)
        # The parts by another reader, one by one, and the sum of those.
        parts = os.path.join(self.world.run.folder, "parts")
        os.mkdir(parts)
        total = {}
        for path in clikit.split_session(saved, parts):
            part = pf.dump_segment(path)
            for row in part["functions"] + part["flushes"]:
                sums = total.setdefault(row["name"], [0, 0, 0])
                for i, name in enumerate(("message_count", "bytes", "error_count")):
                    sums[i] += row[name]
        got = {f["name"]: [f["message_count"], f["bytes"], f["error_count"]]
               for f in one["functions"] + one["flushes"]}
        self.assertEqual(got, total)
        self.assertGreater(len(one["processes"]), 2 * count)


if __name__ == "__main__":
    pf.main()
