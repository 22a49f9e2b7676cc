#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# salvage: what killed processes leave, stale files, pid reuse, and who is never touched.
import os
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf


class Salvage(clikit.Case):
    def killed(self):
        """A target that was killed; returns its pid."""
        target = self.world.profiled([pf.build("killme"), "1"], SAMPLE_RATE="1")
        pf.wait_for(lambda: any(
            pid == target.pid and a.ended > 100 for pid, _, _, a in self.world.run.truth.records))
        target.kill()
        target.communicate()
        return target.pid

    def running(self, *options):
        target = self.world.profiled([pf.build("killme"), "1", *options], SAMPLE_RATE="0")
        pf.wait_for(lambda: any(p["pid"] == target.pid for p in
                                      self.world.json("list")["processes"]))
        self.addCleanup(target.communicate)
        self.addCleanup(target.kill)
        return target.pid

    def test_after_kill_9(self):
        pid, live = self.killed(), self.running()
        (left,) = self.world.json("salvage")["segments"]
        self.assertEqual((left["pid"], left["state"]), (pid, "killed"))
        records = [a for p, *_, a in self.world.run.truth.records if p == pid]
        begun, ended = sum(a.begun for a in records), sum(a.ended for a in records)
        self.assertTrue(ended <= left["message_count"] <= begun, (ended, left, begun))
        shown = self.world.json("show", pid)
        self.assertEqual(shown["metrics"]["message_count"], left["message_count"])
        self.assertEqual(shown["process"]["state"], "killed")
        full = self.world.cli("salvage", "--full")
        self.assertIn("ProfileMetrics", full.out)
        self.assertRegex(self.world.cli("salvage").out, rf"(?m)^ *{pid}  killed ")
        self.assertIn("nothing was left behind", self.world.cli("salvage", live).out)
        done = self.world.cli("salvage", "--remove")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("1 segment deleted", done.out)
        self.assertEqual([os.path.basename(p).split("-")[0] for p in self.world.segments()],
                         [str(live)])
        self.assertIn("nothing was left behind", self.world.cli("salvage").out)
        self.assertEqual(self.world.json("show", live)["process"]["state"], "active")

    def test_pid_reuse_is_seen(self):
        """A segment whose pid belongs to a process that started later is a dead one's."""
        self.killed()
        (path,) = self.world.segments()
        live = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        try:
            stale = os.path.join(self.world.folder, f"{live.pid}-1.pfseg")
            with open(path, "rb") as file:
                data = bytearray(file.read(1 << 17))
            struct.pack_into("<I", data, 48, live.pid)
            # Earlier by more than the doubt that is left to the clocks, which is a second.
            (begun,) = struct.unpack_from("<Q", data, 64)
            struct.pack_into("<Q", data, 64, begun - 1200000000)
            os.unlink(path)
            with open(stale, "wb") as file:
                file.write(data)
            os.chmod(stale, 0o600)
            (left,) = self.world.json("salvage", live.pid)["segments"]
            self.assertEqual(left["state"], "killed")
            self.assertEqual(self.world.cli("salvage", live.pid, "--remove").status, 0)
            self.assertEqual(self.world.segments(), [])
        finally:
            live.communicate()

    def test_one_that_became_another_user_cannot_delete_its_own(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        done, _ = self.world.profiled([pf.build("worlds"), "setuid", "late"]), self.running()
        done.communicate()
        self.assertEqual(done.returncode, 0)
        (over,) = [p for p in self.world.json("list")["processes"] if p["state"] != "active"]
        self.assertEqual((over["pid"], over["state"]), (done.pid, "ended"))
        note = self.world.cli("list").out.splitlines()[-1]
        self.assertIn("1 is over: `pfprof salvage` shows what it left", note)
        self.assertLessEqual(len(note), 80)
        self.assertEqual([left["pid"] for left in self.world.json("salvage")["segments"]], [done.pid])
        self.assertIn("1 segment deleted", self.world.cli("salvage", "--remove").out)
        self.assertNotIn(" over: ", self.world.cli("list").out)

    def test_a_running_process_is_never_touched(self):
        live = self.running()
        for _ in range(3):
            self.world.cli("salvage", "--remove")
        self.assertEqual(len(self.world.segments()), 1)
        self.assertEqual(self.world.json("list")["processes"][0]["pid"], live)

    def test_a_process_whose_main_thread_has_ended_runs(self):
        """The kernel calls it a zombie while its other threads go on."""
        live = self.running("leave")
        pf.wait_for(lambda: clikit.state_of(live) == "Z", "the end of its main thread")
        self.assertEqual(self.world.json("show", live)["process"]["state"], "active")
        self.assertEqual(self.world.cli("ctl", live, "reset").status, 0)
        self.assertIn("nothing was left behind", self.world.cli("salvage", "--remove").out)
        self.assertEqual(len(self.world.segments()), 1)

    def test_stale_leftovers_are_cleaned(self):
        self.killed()
        # No process has such a number: the kernel's greatest is 4,194,304.
        old = os.path.join(self.world.folder, "4200000-17.pfseg")
        young = os.path.join(self.world.folder, "4200001-18.pfseg")
        folder = os.path.join(self.world.folder, "run-4200002-abcdef")
        os.mkdir(folder, 0o700)
        copy = os.path.join(self.world.folder, "4200003-19.1234.reset")
        for path in (old, young, copy):
            with open(path, "wb") as file:
                file.truncate(1 << 16)
        os.utime(old, (1, 1))
        done = self.world.cli("salvage")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("3 empty leftovers", done.out)
        self.assertFalse(os.path.exists(old) or os.path.exists(folder) or os.path.exists(copy))
        self.assertTrue(os.path.exists(young), "it may be a process about to start")
        self.assertEqual(len(self.world.json("salvage")["segments"]), 1)

    def test_a_killed_run_leaves_its_folder(self):
        runner = self.world.start("run", "--", pf.build("killme"), "1", start_new_session=True)
        (target,) = pf.wait_for(lambda: [
            p for p in self.world.json("list")["processes"] if p["message_count"] > 100])[:1]
        runner.kill()
        runner.wait()
        os.kill(target["pid"], signal.SIGKILL)
        runner.stdout.close(), runner.stderr.close()
        left = pf.wait_for(lambda: self.world.json("salvage")["segments"])
        self.assertEqual(left[0]["pid"], target["pid"])
        self.world.cli("salvage", "--remove")
        self.assertEqual((self.world.segments(), self.world.folders()), ([], []))

    def test_hostile_files_harm_nobody(self):
        victim = os.path.join(self.world.run.work, "victim")
        with open(victim, "wb") as file:
            file.truncate(100)
        os.utime(victim, (1, 1))
        os.symlink(victim, os.path.join(self.world.folder, "5-1.pfseg"))
        os.mkfifo(os.path.join(self.world.folder, "6-1.pfseg"))
        with open(os.path.join(self.world.folder, "7-1.pfseg"), "wb") as file:
            file.write(b"PFPROFS1" + os.urandom(20000))
        for command in (["salvage"], ["salvage", "--remove"], ["list"]):
            done = self.world.cli(*command, timeout=pf.PATIENCE)
            self.assertEqual(done.status, 0, done.err)
        self.assertTrue(os.path.exists(victim))
        self.assert_error(self.world.cli("salvage", "x"))

    def test_thousands_of_segments(self):
        self.killed()
        (path,) = self.world.segments()
        with open(path, "rb") as file:
            data = file.read(1 << 16)
        for i in range(1000):
            with open(os.path.join(self.world.folder, f"4300000-{i + 10}.pfseg"), "wb") as file:
                file.write(data)
        self.assertEqual(len(self.world.json("salvage")["segments"]), 1001)
        self.assertIn("1001 segments deleted", self.world.cli("salvage", "--remove").out)
        self.assertEqual(self.world.segments(), [])


if __name__ == "__main__":
    pf.main()
