#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What such a library must survive: the rows of docs/hazards.md that the other test files do not show.
import ctypes.util
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf
import pfisolated

NOBODY, SOMEBODY = 65534, 65533


class Hazard(pf.Case):
    def both(self, argv, rates=("1.0", "0.01"), extra=None, **settings):
        """Bare and at each rate; all must look the same.  The last profiled run."""
        bare = pf.execute(argv, profiled=False, extra=extra)
        for rate in rates:
            run = pf.execute(argv, SAMPLE_RATE=rate, extra=extra, **settings)
            self.assert_same(bare, run)
            self.assertEqual(run.segments(), [], "a segment was left behind")
        return bare, run

    def exact(self, *arguments, **options):
        """As both(), and the only summary's counts are the target's own."""
        bare, run = self.both([pf.build("worlds"), *map(str, arguments)], **options)
        self.assertEqual(bare.status, 0, bare.stderr[-300:])
        one = self.check(run.only())
        self.assert_truth(one, run.truth.functions(run.pid))
        return run, one

    def counted(self, run):
        return pf.functions(self.check(run.only()))


class StartAndEnd(Hazard):
    def test_called_before_the_loader_has_relocated_the_library(self):
        pf.build("libearly")
        for extra in ({}, {"LD_BIND_NOW": "1"}):
            bare, run = self.both([pf.build("early")], extra=extra)
            self.assertEqual(bare.status, 7)
            self.assertIn(b"resolver 2", bare.stderr)
            one = self.check(run.only())
            self.assertEqual(pf.functions(one), {"write": 1, "printf": 1})
            self.assertEqual(one["metrics"]["lost_count"]["early"], 2)

    def test_other_preloaded_libraries_on_either_side(self):
        names = ("jemalloc", "mimalloc", "tcmalloc_minimal", "eatmydata", "stdbuf", "faketime")
        for name in names:
            path = next((p for p in self.places(name) if os.path.exists(p)), None)
            if path is None:
                with self.subTest(name=name):
                    self.skipTest(f"{name} is not installed")
                continue
            for preload in ([path, pf.LIB], [pf.LIB, path]):
                with self.subTest(name=name, preload=preload):
                    argv = [pf.build("threads"), "mix", "4", "500"]
                    run = pf.execute(argv, preload=preload, extra={"_STDBUF_O": "L"})
                    self.assertEqual(run.status, 0, run.stderr[-300:])
                    one = self.check(run.only())
                    self.take_out(one, f"lib{name}.so")
                    self.assert_truth(one, run.truth.functions(run.pid))

    def take_out(self, one, module):
        """mimalloc says nothing, but does so with fputs: its calls are counted and are not the target's."""
        for site in one["call_sites"]:
            for function in one["functions"]:
                if site.get("module", "").startswith(module) and function["name"] == site["function"]:
                    for field in ("message_count", "bytes", "error_count"):
                        function[field] -= site[field]

    def places(self, name):
        found = ctypes.util.find_library(name)
        base = "/usr/lib/x86_64-linux-gnu/"
        return [base + (found or "-"), base + f"lib{name}.so.1", base + f"{name}/lib{name}.so.1",
                f"/usr/libexec/coreutils/lib{name}.so"]

    def test_a_plugin_that_is_closed(self):
        bare, run = self.both([pf.build("worlds"), "dlclose", pf.build("libplugin")])
        self.assertEqual(bare.status, 0, bare.stderr)
        self.assertEqual(self.counted(run), {"write": 30, "dprintf": 20})

    def test_a_plugin_that_is_bound_past_us(self):
        for mode in ("deepbind", "dlmopen"):
            with self.subTest(mode=mode):
                bare, run = self.both([pf.build("worlds"), mode, pf.build("libplugin")])
                self.assertEqual(bare.status, 0, bare.stderr)
                one = self.check(run.only())
                self.assertEqual(pf.functions(one)["write"], 10)
                self.assertEqual(set(pf.functions(one)), {"write"}, "the plugin's calls are not ours")
                # They are bytes of the process all the same, and the summary owns up to it.
                self.assertGreaterEqual(one["coverage"]["kernel_bytes"],
                                        one["coverage"]["seen_bytes"] + 28)


class Processes(Hazard):
    def test_fork_in_a_handler(self):
        _, run = self.both([pf.build("worlds"), "fork-in-handler"])
        summaries = run.summaries()
        self.assertEqual(len(summaries), 6)
        for pid, (one,) in summaries.items():
            self.assert_truth(self.check(one), run.truth.functions(pid))

    def test_a_thousand_forks_in_a_row(self):
        """Each child is the next one's parent, 250 deep: what the kernel keeps grows with the square."""
        for _ in range(4):
            run = pf.execute([pf.build("worlds"), "fork-chain", "250"])
            self.assertEqual(run.status, 0, run.stderr[-300:])
            summaries = run.summaries()
            self.assertEqual(len(summaries), 250)
            for one, in summaries.values():
                self.assertEqual(pf.functions(one), {"write": 1})
            self.assertEqual(run.segments(), [])

    def test_a_process_that_shares_our_memory(self):
        bare, run = self.both([pf.build("worlds"), "vm-clone"])
        self.assertEqual(bare.status, 0, bare.stderr)
        one = self.check(run.only())
        self.assertEqual(pf.functions(one), {"write": 15})
        self.assertEqual(one["metrics"]["lost_count"]["child"], 10)

    def test_the_first_process_of_a_namespace(self):
        self.need_root()
        bare = pf.execute([pf.build("worlds"), "first-of-namespace"], profiled=False)
        if bare.status != 0:
            self.skipTest("needs pid namespaces, which this machine does not allow")
        # %p is the pid in the namespace: 1 in the child.
        run = pf.execute([pf.build("worlds"), "first-of-namespace"])
        self.assert_same(bare, run)
        counts = sorted(pf.functions(one)["write"] for ones in run.summaries().values() for one in ones)
        self.assertEqual(counts, [7, 10])

    def test_two_lives_of_one_pid(self):
        self.need_root()
        if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode:
            self.skipTest("needs pid namespaces, which this machine does not allow")
        script = f'"{pf.build("worlds")}" talk; kill -9 $$'
        run = pf.prepare()
        for _ in range(2):
            argv = ["unshare", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script]
            pf.execute(argv, run=run, KEEP_SEGMENT="true")
        kept = [pf.dump_segment(path) for path in run.segments()]
        kept = [one for one in kept if one["process"]["program"] == "worlds"]
        self.assertEqual(len(kept), 2)
        self.assertEqual(len({one["process"]["pid"] for one in kept}), 1, "not the same pid")


class Privileges(Hazard):
    def test_a_set_user_id_program_is_left_alone(self):
        pf.skip_on("i386", "the library is found by way of $LIB, of which the shell makes nothing")
        self.need_mounts()
        folder = pf.prepare().work
        os.chmod(os.path.dirname(folder), 0o755)
        os.chmod(folder, 0o777)
        program = os.path.join(folder, "privileged")
        shutil.copy("/usr/bin/printf", program)
        os.chmod(program, 0o4755)
        library = os.path.join(folder, "libpfprof.so")
        shutil.copy(pf.LIB, library)
        os.chmod(library, 0o4755)  # only so does the loader take it for a privileged program
        place = "/usr/lib/x86_64-linux-gnu/libmemusage.so"
        if not os.path.exists(place):
            self.skipTest(f"needs a library to bind ours over: {place}")
        out = os.path.join(folder, "summary")
        # The mapping shows that the library was really loaded.
        script = (f"mount --bind {library} {place}; exec setpriv --reuid {NOBODY} --regid {NOBODY} "
                  f"--clear-groups env LD_PRELOAD=libmemusage.so PROVIDE_PROFILING_ENABLED=true "
                  f"PROVIDE_PROFILING_OUTPUT={out} LD_DEBUG= %s")
        for command, loaded in (("/usr/bin/printf hello", True), (f"{program} hello", False)):
            done = subprocess.run(pf.in_own_mounts(script % command), capture_output=True, text=True)
            if "nosuid" in done.stderr:
                self.skipTest("set-user-id programs are not honoured here")
            self.assertEqual((done.returncode, done.stdout), (0, "hello"), done.stderr)
            if loaded:
                with open(out, encoding="utf-8") as summary:
                    self.assertIn("pfprof", summary.read())
                os.unlink(out)
            else:
                self.assertEqual(done.stderr, "")
                self.assertFalse(os.path.exists(out), "listened to its caller's environment")

    def test_another_user_can_neither_read_nor_steer(self):
        self.need_root()
        run, process = pf.start([pf.build("killme"), "1"])
        try:
            (path,) = pf.wait_for(run.segments, "the segment")
            os.chmod(run.folder, 0o755)
            os.chmod(run.runtime, 0o755)
            status = os.stat(path)
            self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
            self.assertEqual(status.st_nlink, 1)
            for flags in ("r", "r+", "a"):
                code = (f"import os\nos.setresgid({NOBODY},{NOBODY},{NOBODY})\n"
                        f"os.setresuid({NOBODY},{NOBODY},{NOBODY})\n"
                        f"open({path!r}, {flags!r})")
                done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True)
                self.assertIn("PermissionError", done.stderr, flags)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def test_a_folder_or_link_that_somebody_else_put_in_the_way(self):
        pfisolated.in_own_devices(self, self.put_in_the_way)

    def put_in_the_way(self):
        shared = f"/dev/shm/pfprof-{SOMEBODY}"
        trap = pf.prepare().work
        os.chmod(trap, 0o777)
        os.chmod(os.path.dirname(trap), 0o755)
        puts = (
            lambda: os.symlink(trap, shared),
            lambda: (os.mkdir(shared, 0o777), os.chmod(shared, 0o777)),  # root's
            lambda: (os.mkdir(shared), os.chown(shared, SOMEBODY, SOMEBODY), os.chmod(shared, 0o770)),
            lambda: open(shared, "w", encoding="ascii").close(),
        )
        for put in puts:
            put()
            before = os.listdir(shared) if os.path.isdir(shared) else None
            run, process = pf.start(
                ["setpriv", "--reuid", str(SOMEBODY), "--regid", str(SOMEBODY), "--clear-groups",
                 pf.need("seq"), "5"], extra={"XDG_RUNTIME_DIR": None}, OUTPUT="stderr",
            )
            pf.finish(run, process)
            self.assertEqual((run.status, run.stdout), (0, b"1\n2\n3\n4\n5\n"), run.stderr)
            self.assertIn(b'"message_count":', run.stderr, "it goes on in private memory")
            after = os.listdir(shared) if os.path.isdir(shared) else None
            self.assertEqual(before, after, "wrote into somebody else's folder")
            self.assertEqual(os.listdir(trap), [])
            if os.path.isdir(shared) and not os.path.islink(shared):
                shutil.rmtree(shared)
            else:
                os.unlink(shared)

    def test_a_process_that_changes_its_user(self):
        self.need_root()
        for when in ("early", "late"):
            with self.subTest(when=when):
                bare = pf.execute([pf.build("worlds"), "setuid", when], profiled=False)
                self.assertEqual(bare.status, 0, bare.stderr)
                run = pf.execute([pf.build("worlds"), "setuid", when], OUTPUT="stderr")
                self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
                count = 15 if when == "late" else 10
                self.assertIn(b'"message_count":%d,' % count, run.stderr.replace(b" ", b""))

    def test_a_process_that_changes_its_root(self):
        self.need_root()
        empty = pf.prepare().work
        bare = pf.execute([pf.build("worlds"), "chroot", empty], profiled=False)
        run = pf.execute([pf.build("worlds"), "chroot", empty], OUTPUT="stderr")
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
        self.assertIn(b'"message_count":15,', run.stderr.replace(b" ", b""))
        self.assertEqual(os.listdir(empty), [])


class Stacks(Hazard):
    def test_coroutines(self):
        self.exact("coroutines")

    def test_the_smallest_alternate_stack(self):
        for when in ("first", "later"):
            with self.subTest(when=when):
                self.exact("altstack", when, rates=("0.01", "1.0"))

    def test_a_thousand_live_threads(self):
        _, run = self.both([pf.build("worlds"), "live-threads", "1024"], rates=("1.0",))
        one = run.only()
        self.assert_truth(one, run.truth.functions(run.pid))
        self.assertEqual(one["metrics"]["message_count"], 20480)
        self.assertEqual(one["process"]["thread_count"], 1024)
        self.assertEqual(len(one["threads"]), 256, "the dearest")

    def test_ten_thousand_short_threads_beside_a_thousand_live_ones(self):
        for rate in ("1.0", "0.01"):
            run = pf.execute([pf.build("worlds"), "crowd"], SAMPLE_RATE=rate)
            self.assertEqual(run.status, 0, run.stderr[-300:])
            one = run.only()  # not check(): only the dearest 256 threads are listed
            self.assert_truth(one, run.truth.functions(run.pid))
            # Nothing twice: what came out is what was counted.
            self.assertEqual(one["metrics"]["message_count"], run.stdout.count(b"\n"))
            self.assertEqual(run.stdout.count(b"passing\n"), 30000)
            self.assertEqual(run.stdout.count(b"staying\n"), 1024 * 21)
            # A thread whose calls all came while the segment was made is counted in its functions only.
            missing = 11024 - one["process"]["thread_count"]
            self.assertIn(missing, range(one["metrics"]["lost_count"]["reentry"] + 1))

    def test_ten_thousand_short_threads(self):
        run = pf.execute([pf.build("threads"), "short", "10000", "5"])
        self.assertEqual(run.status, 0, run.stderr[-300:])
        one = self.check(run.only())
        self.assert_truth(one, run.truth.functions(run.pid))
        self.assertEqual(one["metrics"]["message_count"], 50000)

    def cancelled(self, *arguments, rate="1.0"):
        run = pf.execute([pf.build("worlds"), *map(str, arguments)], SAMPLE_RATE=rate)
        if run.status == 77:
            self.skipTest("single steps need x86")
        self.assertEqual(run.status, 0, run.stderr[-300:])
        return run

    def check_cancelled(self, run, pid, one):
        """A cut-off call was counted or not, but none is lost that returned; how many there were."""
        truth = run.truth.functions(pid)["write"]
        # Each may end between the count of its call and the reason why it has no thread.
        self.check(one, cut_off=truth.begun - truth.ended)
        self.assertIn(pf.functions(one)["write"], range(truth.ended, truth.begun + 1))
        return truth.begun - truth.ended

    def test_cancelled_at_any_time(self):
        """After each instruction of a call."""
        for rate, step in (("1.0", 3), ("0.01", 1), ("0", 1)):
            with self.subTest(rate=rate):
                run = self.cancelled("cancel", 2, step, rate=rate)
                cut = self.check_cancelled(run, run.pid, run.only())
                self.assertGreater(cut * step, 100, "hardly a call was cut off")

    def test_cancelled_within_the_first_call(self):
        """A thread's first, and the first of all."""
        for before, step in ((1, 499), (0, 4999)):
            with self.subTest(before=before):
                run = self.cancelled("cancel-first", before, step)
                summaries = run.summaries()
                cut = [self.check_cancelled(run, pid, summaries[pid][0])
                       for pid in run.truth.pids() - {run.pid}]
                self.assertEqual(sum(cut), len(cut) - 1, "all but the last")
                self.assertGreater(len(cut), 5, "hardly a call was cut off")
                self.assertEqual({len(ones) for ones in summaries.values()}, {1})

    def test_a_day_of_calls(self):
        run = pf.execute([pf.build("worlds"), "day"])
        self.assertEqual(run.status, 0)
        one = run.only()
        self.assert_truth(one, run.truth.functions(run.pid))
        self.assertEqual(one["metrics"]["message_count"], 2 ** 32 - 4 + 21)


class Streams(Hazard):
    def same(self, mode, *functions, status=0):
        bare = pf.execute([pf.build("streams"), mode], profiled=False)
        for rate in ("1.0", "0.01"):
            run = pf.execute([pf.build("streams"), mode], SAMPLE_RATE=rate)
            self.assert_same(bare, run)
        self.assertEqual(bare.status, status, bare.stderr[-300:])
        if functions:
            one = next(o for o in sum(run.summaries().values(), []) if o["process"]["pid"] == run.pid)
            self.assertEqual(set(functions) - set(pf.functions(self.check(one))), set())
        return bare, run

    def test_callbacks_that_print(self):
        self.same("cookie", "fprintf", "fputs", "dprintf", "write")

    def test_a_thread_that_ends_inside_printf(self):
        _, run = self.same("unwind")
        self.assertEqual(self.counted(run), {"fprintf": 10, "printf": 10})

    def test_memory_streams(self):
        self.same("memory", "fprintf", "fwrite", "printf")

    def test_pipes_reopened_and_locked_streams(self):
        self.same("pipes", "fprintf", "fputs", "putchar", "putchar_unlocked", "fputs_unlocked")

    def test_wide_streams_and_odd_formats(self):
        self.same("wide", "fwprintf", "fprintf", "fputs", "printf")

    def test_registered_conversions(self):
        self.same("registered", "printf")

    def test_an_abort_by_fortify(self):
        bare, _ = self.same("fortified", status=-signal.SIGABRT)
        self.assertIn(b"%n in writable", bare.stderr)

    def test_a_mebibyte_at_once(self):
        self.same("big", "printf", "fputs")

    def test_a_locale_that_changes(self):
        self.same("locale", "printf")

    def test_syslog_to_the_terminal(self):
        def test():
            _, run = self.same("syslog", "syslog")
            self.assertEqual(self.counted(run), {"syslog": 10})
        pfisolated.in_own_devices(self, test, or_shared=True)

    def test_syslog_while_the_log_is_opened_and_closed(self):
        def test():
            run = pf.execute([pf.build("streams"), "syslog-race"])
            self.assertEqual(run.status, 0, run.stderr[-300:])
            self.assertEqual(self.counted(run)["syslog"], 500)
        pfisolated.in_own_devices(self, test, or_shared=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    pf.main()
