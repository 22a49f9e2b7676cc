# SPDX-License-Identifier: Apache-2.0
# A reset by an observer loses nothing for the agent that watches: it is left a copy of what was counted.
import glob
import os
import resource
import shutil
import signal
import struct
import subprocess
import unittest

from exportkit import P, main, pf, wait_until
from test_agent import Reporting

NOBODY = 65534
CONTROL = 512  # docs/segment-format.md


class Reset(Reporting):
    def reset(self, child, **options):
        done = self.world.cli("ctl", str(child.pid), "reset", **options)
        self.assertEqual(done.status, 0, done.err)

    def seldom(self, **settings):
        """An agent that looks at what runs once, when it sees it first."""
        agent = self.agent("file", FILE_PATH=self.out, **{"FLUSH_INTERVAL_SECONDS": 3600, **settings})
        wait_until(self.is_watched)
        return agent

    def is_watched(self):
        """An agent says so by its lock on the folder; a look by another lock would be in its way."""
        status = os.stat(self.world.folder)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
        with open("/proc/locks", encoding="ascii") as locks:
            return f" {device}:{status.st_ino} " in locks.read()

    def seen(self, child, **user):
        """Waits until the agent has taken its first look.  In another user's folder, that user has to leave something."""
        environment = self.world.environment({
            P + "ENABLED": "true", P + "OUTPUT": "none", P + "EXPORTERS": "file", P + "COMMAND": "none",
            "LD_PRELOAD": pf.LIB})
        pattern = f"{self.world.folder}/{child.pid}-*.pfseg"
        wait_until(lambda: glob.glob(pattern))
        for _ in range(2):  # when the second has been taken, the look that took the first is over
            subprocess.run(["/bin/echo", "a look"], env=environment, stdout=subprocess.DEVNULL, check=True, **user)
            wait_until(lambda: not self.ended())
        return glob.glob(pattern)[0]

    def copies(self):
        return sorted(glob.glob(self.world.folder + "/*.reset*"))

    def written(self, how="exit"):
        wait_until(lambda: self.last("ended.processes", how=how, program="python3") == 1)
        return self.last("messages", program="python3", function="write")

    def test_two_resets_between_two_looks(self):
        agent = self.seldom()
        child = self.writer()
        self.write(child, 7)
        self.seen(child)
        self.write(child, 100)
        self.reset(child)
        self.write(child, 20)
        self.reset(child)
        self.assertEqual(len(self.copies()), 2)
        self.assertEqual(os.stat(self.copies()[0]).st_mode & 0o777, 0o600)
        self.write(child, 3)
        self.end(child)
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.written(), 130)
        self.assertEqual(self.last("call.duration", program="python3", function="write"), 130)
        self.assertEqual(self.last("ended.processes", program="python3"), 1)
        self.assertEqual(self.last("processes", program="python3"), 0)
        self.assertEqual(self.last("unreadable.segments"), 0)
        self.assertEqual(self.copies(), [])

    def test_a_killed_process(self):
        agent = self.seldom()
        child = self.writer()
        self.write(child, 50)
        self.reset(child)
        self.write(child, 6)
        child.kill()
        child.wait()
        self.assertEqual(self.written("killed"), 56)
        self.assertEqual(self.copies(), [])
        self.stop(agent)

    def test_nobody_watches(self):
        child = self.writer()
        self.write(child, 5)
        self.reset(child)
        self.assertEqual(self.copies(), [])
        agent = self.seldom()
        agent.kill()
        agent.wait()
        self.write(child, 5)
        self.reset(child)
        self.assertEqual(self.copies(), [])

    def test_a_reset_that_never_came(self):
        """Whoever asked for it died after the copy; it must not be counted as well."""
        agent = self.seldom()
        child = self.writer()
        self.write(child, 40)
        path = self.seen(child)
        stem = path[:-len(".pfseg")]
        with open(path, "rb") as file:
            data = bytearray(file.read())
        struct.pack_into("<I", data, 44, 2)
        struct.pack_into("16s", data, 160, b"reset")
        for name in (stem + ".1234567890.reset", stem + ".reset.new"):
            with open(name, "wb") as file:
                file.write(data)
        self.write(child, 2)
        self.end(child)
        self.assertEqual(self.written(), 42)
        wait_until(lambda: not self.copies())
        self.stop(agent)
        self.assertEqual(self.written(), 42)
        self.assertEqual(self.last("ended.processes", program="python3"), 1)

    def test_a_process_that_leaves_no_segment(self):
        """Without EXPORTERS it unlinks it: what a reset has kept is the last that is known."""
        agent = self.seldom()
        child = self.writer(EXPORTERS="")
        self.write(child, 30)
        self.seen(child)
        self.write(child, 12)
        self.reset(child)
        child.stdin.close()
        child.wait()
        self.assertEqual(self.written("unseen"), 42)
        self.stop(agent)
        self.assertEqual(self.last("processes", program="python3"), 0)
        self.assertEqual(self.copies(), [])

    def test_no_room_for_the_copy(self):
        agent = self.seldom()
        child = self.writer()
        self.write(child, 10)
        self.seen(child)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        done = self.world.cli("ctl", str(child.pid), "reset", preexec_fn=limit)
        self.assertEqual(done.status, 2)
        self.assertIn("cannot be kept for the agent, so nothing was reset", done.err)
        self.assertEqual(self.copies(), [])
        self.write(child, 1)
        self.end(child)
        self.assertEqual(self.written(), 11)
        self.stop(agent)

    def test_hostile_copies(self):
        """In a circle, of another process, with a hole, no file at all: what is true is counted once."""
        agent = self.seldom()
        child = self.writer()
        self.write(child, 9)
        stem = self.seen(child)[:-len(".pfseg")]
        self.reset(child)
        (copy,) = self.copies()
        latest = int(copy.split(".")[-2])
        with open(copy, "rb") as file:
            data = bytearray(file.read())

        def forge(number, before, pid=child.pid, used=None):
            """A copy that says that `before` was the reset before it."""
            forged = bytearray(data)
            struct.pack_into("<I", forged, 48, pid)
            struct.pack_into("<Q", forged, CONTROL + 24, before)
            if used:
                struct.pack_into("<Q", forged, 32, used)
            with open(f"{stem}.{number}.reset", "wb") as file:
                file.write(forged)
                file.truncate(used or len(forged))

        forge(latest, 5)
        forge(5, 4, pid=1)         # somebody else's
        forge(4, 3, used=1 << 34)  # 16 GiB of nothing
        forge(3, latest)           # in a circle; it also says that there were 9 more
        os.symlink("/etc/passwd", f"{stem}.6.reset")
        os.mkfifo(f"{stem}.7.reset")
        self.write(child, 1)
        self.end(child)
        wait_until(lambda: not self.copies())
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.written(), 9 + 9 + 9 + 1)
        self.assertEqual(self.last("unreadable.segments"), 2)
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_other_names_for_segments(self):
        """What a segment says of its process and what its name says must be one thing."""
        self.leave(["/bin/sh", "-c", "echo one"])
        good = self.ended()[0]
        shutil.copy(good, os.path.join(self.world.folder, "1-1.ended"))
        self.assertEqual(self.once("file", FILE_PATH=self.out).status, 0)
        self.assertEqual(self.last("messages", program="sh"), 1)
        self.assertEqual(self.last("unreadable.segments"), 1)

    @unittest.skipIf(os.geteuid(), "only root watches other users' processes")
    def test_root_and_another_user(self):
        for path in (self.world.folder, self.scratch):  # the way there
            while os.path.dirname(path) not in ("/tmp", "/dev/shm", "/"):
                path = os.path.dirname(path)
                os.chmod(path, 0o755)
        os.chmod(self.scratch, 0o755)
        os.chown(self.world.folder, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        agent = self.seldom()
        child = self.writer(options=user)
        self.write(child, 30)
        self.seen(child, **user)
        self.reset(child, **user)  # its own
        self.write(child, 4)
        self.reset(child)          # by root
        self.assertEqual([os.stat(path).st_uid for path in self.copies()], [NOBODY, NOBODY])
        self.write(child, 2)
        self.end(child)
        self.assertEqual(self.written(), 36)
        self.assertFalse(os.path.exists(self.world.folder + "/agent.lock"))
        self.stop(agent)


if __name__ == "__main__":
    main()
