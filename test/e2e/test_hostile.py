#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What other users, other files and a full memory file system may do to the segment.
import os
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

SOMEBODY = 65533
SITES = 16384

# gdb stops where the library asks for its file, and somebody was there first.
PLANT = """
import gdb, os, stat
for line in ("set confirm off", "set startup-with-shell off", "catch syscall openat"):
    gdb.execute(line)
for name, value in %(environment)r.items():
    gdb.execute(f"set environment {name} {value}")
gdb.execute("run > %(output)s")
while gdb.selected_inferior().pid:
    name = ""
    try:
        name = gdb.selected_inferior().read_memory(gdb.parse_and_eval("(long)$rsi"), 80).tobytes()
        name = name.split(b"\\0")[0].decode("latin-1")
    except gdb.error:
        pass
    if name.endswith(".pfseg") and "/" not in name:
        place = os.path.join(%(folder)r, name)
        if not os.path.lexists(place):
            %(plant)s
            print("planted", name, flush=True)
            gdb.execute("delete")
    gdb.execute("continue")
gdb.execute("quit")
"""


# gdb stops at every system call, and looks at the file as another process would.
LOOK = """
import gdb, glob, struct
for line in ("set confirm off", "set startup-with-shell off", "catch syscall"):
    gdb.execute(line)
for name, value in %(environment)r.items():
    gdb.execute(f"set environment {name} {value}")
gdb.execute("run > /dev/null")
while gdb.selected_inferior().pid:
    for path in glob.glob(%(folder)r + "/*.pfseg"):
        head = open(path, "rb").read(80)
        if head[:8] == b"PFPROFS1":
            state, pid, _, unix, monotonic = struct.unpack_from("<IIIQQ", head, 44)
            print("whole" if state in (1, 2) and pid and unix and monotonic else "half", flush=True)
    gdb.execute("continue")
gdb.execute("quit")
"""


def traced_environment(run):
    """What gdb, which is not profiled itself, sets for the program."""
    env = pf.environment(run, {})
    names = ("PROVIDE_", "XDG_RUNTIME_DIR")
    return {"LD_PRELOAD": pf.LIB, **{k: v for k, v in env.items() if k.startswith(names)}}


class Hostile(pf.Case):
    def grown(self, run, partial):
        one = self.check(run.only())
        self.assertEqual(pf.functions(one), {"write": SITES + 1})
        self.assertEqual(one["process"]["partial"], partial)
        return one


class Making(Hostile):
    def test_half_a_header_is_none(self):
        """Who looks while it is written sees no segment, or all that tells whether its process runs."""
        run = pf.prepare()
        folder = os.path.join(run.runtime, "pfprof")
        script = os.path.join(run.folder, "look.py")
        with open(script, "w", encoding="ascii") as file:
            file.write(LOOK % {"environment": traced_environment(run), "folder": folder})
        pf.execute([pf.need("gdb"), "-nx", "-batch", "-x", script, pf.build("plain")], profiled=False, run=run)
        if b"whole" not in run.stdout and b"ot permitted" in run.stderr:
            self.skipTest("ptrace is not permitted here")
        self.assertIn(b"whole\n", run.stdout, run.stderr[-500:])
        self.assertNotIn(b"half\n", run.stdout)


class Leftovers(Hostile):
    def planted(self, plant):
        """A run in which the segment's very name is taken at the last moment."""
        run = pf.prepare()
        folder = os.path.join(run.runtime, "pfprof")
        victim = os.path.join(run.folder, "victim")
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious\n" * 1000)
        env = traced_environment(run)
        script = os.path.join(run.folder, "plant.py")
        with open(script, "w", encoding="ascii") as file:
            file.write(PLANT % {"environment": env, "folder": folder, "output": "/dev/null",
                                "plant": plant % {"victim": repr(victim)}})
        pf.execute([pf.need("gdb"), "-nx", "-batch", "-x", script, pf.build("plain")],
                   profiled=False, run=run)
        if b"planted" not in run.stdout and b"ot permitted" in run.stderr:
            self.skipTest("ptrace is not permitted here")
        self.assertIn(b"planted", run.stdout, run.stderr[-500:])
        self.assertIn(b"exited with code 03", run.stdout)
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious\n" * 1000)
        self.assertEqual(self.check(run.only())["metrics"]["message_count"], 101)
        (left,) = os.listdir(folder)
        return victim, os.path.join(folder, left)

    def test_a_link_in_the_segments_place(self):
        victim, left = self.planted("os.symlink(%(victim)s, place)")
        self.assertEqual(os.readlink(left), victim)

    def test_a_second_name_of_a_file_in_the_segments_place(self):
        victim, left = self.planted("os.link(%(victim)s, place)")
        self.assertEqual(os.stat(left).st_ino, os.stat(victim).st_ino)

    def test_a_hostile_segment_in_the_segments_place(self):
        _, left = self.planted("open(place, 'wb').write(b'PFPROFS1' + b'\\xff' * 100000)")
        self.assertEqual(os.path.getsize(left), 100008)

    def test_a_pipe_in_the_segments_place(self):
        _, left = self.planted("os.mkfifo(place)")
        self.assertTrue(stat.S_ISFIFO(os.lstat(left).st_mode))


class Growth(Hostile):
    """The segment grows while the process runs, and its name may mean something else by then."""

    def swapped(self, swap, partial=False):
        run, process = pf.start([pf.build("grow")], stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        (path,) = run.segments()
        watched = swap(path)
        before = os.lstat(watched)
        pf.finish(run, process, data=b"\n")
        self.assertEqual((run.status, run.stdout), (0, b"x" * SITES))
        self.grown(run, partial)
        after = os.lstat(watched)  # and it is still there
        self.assertEqual((before.st_size, before.st_blocks), (after.st_size, after.st_blocks),
                         "somebody else's file was written to")

    def test_another_file_under_its_name(self):
        def swap(path):
            os.rename(path, path + ".away")
            with open(path, "wb") as file:
                file.truncate(100 << 20)
            return path
        self.swapped(swap)

    def test_a_link_under_its_name(self):
        def swap(path):
            victim = path + ".victim"
            with open(victim, "wb") as file:
                file.truncate(100 << 20)
            os.unlink(path)
            os.symlink(victim, path)
            return victim
        self.swapped(swap)

    def test_a_pipe_under_its_name(self):
        def swap(path):
            os.unlink(path)
            os.mkfifo(path)
            return path
        self.swapped(swap)

    def test_nothing_under_its_name(self):
        def swap(path):
            os.unlink(path)
            return os.path.dirname(path)
        self.swapped(swap)

    def test_after_it_lost_the_right_to_its_own_file(self):
        def swap(path):
            os.chmod(path, 0)
            os.chown(path, SOMEBODY, SOMEBODY)
            return os.path.dirname(path)
        self.need_root()
        self.swapped(swap)

    def test_a_full_memory_file_system(self):
        """Where the memory ends, sites are counted per function; no SIGBUS, nothing lost."""
        for kilobytes in (80, 128, 300, 900):
            self.filled(kilobytes, f'LD_PRELOAD="{pf.LIB}" exec')

    def test_a_full_memory_file_system_in_an_emulator(self):
        """Which says that it has done what the library asks of memory, and has not."""
        self.filled(128, f"{pf.need('qemu-x86_64')} -E LD_PRELOAD={pf.LIB}")

    def filled(self, kilobytes, how):
        self.need_mounts()
        with self.subTest(kilobytes=kilobytes):
            run = pf.prepare()
            env = {k: v for k, v in pf.environment(run, {}).items() if k.startswith("PROVIDE_")}
            script = (f"mount -t tmpfs -o size={kilobytes}k,mode=700 none {run.runtime}; "
                      f'echo | {how} {pf.build("grow")}')
            pf.execute(pf.in_own_mounts(script), profiled=False, run=run, extra=env)
            self.assertEqual((run.status, run.stdout), (0, b"ready\n" + b"x" * SITES),
                             run.stderr[-300:])
            one = self.grown(run, True)
            self.assertGreater(one["metrics"]["lost_count"]["memory"], 0)
            self.assertGreater(one["process"]["segment_bytes"], 0)


class Places(Hostile):
    def where(self, runtime, user=None):
        """The folder that a process takes for its segment; "" for private memory."""
        run = pf.prepare()
        as_user = []
        if user is not None:
            os.chmod(run.folder, 0o755)
            os.chown(run.output, user, user)
            as_user = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
        run, process = pf.start([*as_user, pf.build("grow")], run=run, stdin=subprocess.PIPE,
                                extra={"XDG_RUNTIME_DIR": runtime}, STACKS="off")
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps:
                paths = [line.split()[-1] for line in maps if ".pfseg" in line]
        finally:
            pf.finish(run, process, data=b"\n")
        self.assertEqual(run.status, 0)
        self.grown(run, False)
        return os.path.dirname(paths[0]) if paths else ""

    def test_the_users_own_folder(self):
        runtime = pf.prepare().runtime
        self.assertEqual(self.where(runtime), os.path.join(runtime, "pfprof"))
        os.chmod(runtime, 0o755)
        self.assertEqual(self.where(runtime), os.path.join(runtime, "pfprof"))

    def test_a_folder_that_others_can_write_to(self):
        runtime = pf.prepare().runtime
        os.chmod(runtime, 0o1777)
        self.assertNotIn(runtime, self.where(runtime))
        self.assertEqual(os.listdir(runtime), [])

    def test_another_users_folder(self):
        """As after su: root with the user's XDG_RUNTIME_DIR, and the other way round."""
        self.need_root()
        runtime = pf.prepare().runtime
        os.chown(runtime, SOMEBODY, SOMEBODY)
        self.assertNotIn(runtime, self.where(runtime))
        self.assertEqual(os.listdir(runtime), [])

    def test_a_folder_on_a_disk(self):
        for place in (os.path.expanduser("~"), "/var/tmp", pf.ROOT):
            done = subprocess.run(["stat", "-f", "-c", "%T", place], capture_output=True, text=True)
            if done.stdout.strip() not in ("tmpfs", "ramfs", "") and os.access(place, os.W_OK):
                break
        else:
            self.skipTest("there is no disk to write to")
        runtime = tempfile.mkdtemp(prefix="pf-runtime-", dir=place)
        try:
            self.assertNotIn(runtime, self.where(runtime))
            self.assertEqual(os.listdir(runtime), [])
        finally:
            shutil.rmtree(runtime)

    def test_a_link_to_a_folder(self):
        run = pf.prepare()
        link = os.path.join(run.folder, "link")
        os.symlink(run.runtime, link)
        self.assertNotIn(run.runtime, self.where(link))
        self.assertEqual(os.listdir(run.runtime), [])

    def test_a_folder_that_was_asked_for_and_will_not_do(self):
        folder = pf.prepare().runtime
        shared = os.path.join(folder, "shared")
        os.mkdir(shared)
        os.chmod(shared, 0o755)
        for given in (shared, os.path.join(folder, "nowhere"), "here", "/dev/shm/" + "x" * 90):
            run = pf.execute([pf.build("plain")], SEGMENT_DIR=given)
            self.assertEqual(run.status, 3)
            self.assertEqual(run.stderr.count(b"pfprof: "), 1, run.stderr)
            self.assertIn(f'PROVIDE_PROFILING_SEGMENT_DIR="{given}" is not'.encode(), run.stderr)
        # Where `pfprof run` has gone before a daemon of its tree, nothing is said.
        for given in (folder, os.path.join(folder, "run-1-abcdef")):
            self.assertNotIn(b"pfprof", pf.execute([pf.build("plain")], SEGMENT_DIR=given).stderr)


if __name__ == "__main__":
    pf.main()
