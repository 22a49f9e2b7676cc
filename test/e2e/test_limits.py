#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Little memory, few descriptors, small files, full file systems and many call sites: rows of docs/hazards.md.
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf
from test_hazards import Hazard


class Limits(Hazard):
    def limited(self, what, value, argv=None):
        """The target under a limit, set after exec has found the libraries."""
        script = f"ulimit -S {what} {value}; exec \"$0\" \"$@\""
        return self.exact_command(["/bin/bash", "-c", script, *(argv or [pf.build("worlds"), "talk"])])

    def exact_command(self, argv, **options):
        bare = pf.execute(argv, profiled=False, **options)
        self.assertEqual(bare.status, 0, bare.stderr[-300:])
        run = pf.execute(argv, OUTPUT="stderr", **options)
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout), run.stderr[-300:])
        return run

    def test_file_size(self):
        # RLIMIT_FSIZE holds for the segment too: SIGXFSZ must not reach the target through us.
        run = self.limited("-f", 0)
        self.assertIn(b'"message_count":100,', run.stderr.replace(b" ", b""))

    def test_address_space(self):
        for kilobytes in (16000, 40000):
            run = self.limited("-v", kilobytes)
            self.assertIn(b'"message_count":100,', run.stderr.replace(b" ", b""))

    def scratch_of_summary(self, megabytes):
        """(its place within a cache line, its size) in so much memory; gdb stops there.  Or None."""
        run = pf.prepare()
        names = [f"{name}={value}" for name, value in pf.environment(run, {}).items()
                 if name.startswith(("PROVIDE_", "XDG_RUNTIME_DIR", "PF_TRUTH"))]
        lines = [f"set exec-wrapper env LD_PRELOAD={pf.LIB} {' '.join(names)}",
                 "set breakpoint pending on", "break pf_summary_make", f"run talk {megabytes << 20}",
                 'printf "place %lu size %lu\\n", (unsigned long)$rdi & 63, (unsigned long)$rsi',
                 "delete", "continue"]
        commands = [word for line in lines for word in ("-ex", line)]
        pf.execute([pf.need("gdb"), "-nx", "-batch", *commands, pf.build("worlds")], profiled=False, run=run,
                   extra={"SHELL": "/bin/sh"})
        if b"ot permitted" in run.stderr:
            self.skipTest("ptrace is not permitted here")
        found = re.search(rb"place (\d+) size (\d+)", run.stdout)
        return found and (int(found[1]), int(found[2]))

    def test_counters_on_whole_cache_lines(self):
        """Where memory is short too: an atomic counter across two lines slows down the whole machine."""
        if pf.ABI or os.uname().machine != "x86_64":
            self.skipTest("knows the argument's register on x86_64 only")
        short = []
        for megabytes in (8, 9, 10, 11, 12):  # what else there is differs from libc to libc
            found = self.scratch_of_summary(megabytes)
            if found and found[1] < 2 << 20:
                short.append(found)
                break
        self.assertTrue(short, "there was memory enough, or none")
        self.assertEqual([place for place, _ in short], [0])

    def test_open_files(self):
        # The target's own truth file needs descriptor 3, and is closed again.
        run = self.limited("-n", 4)
        self.assertIn(b'"message_count":100,', run.stderr.replace(b" ", b""))

    def test_full_and_missing_memory_file_systems(self):
        pf.skip_on("i386", "the library is found by way of $LIB, of which the shell makes nothing")
        self.need_mounts()
        runtime = pf.prepare().runtime
        talk = f'exec "{pf.build("worlds")}" talk'
        # tmpfs rounds up to pages: 4 KiB cannot hold a segment.
        for mount in (f"mount -t tmpfs -o size=4k none {runtime}; mount -t tmpfs -o size=4k none /dev/shm",
                      f"mount -t tmpfs -o ro none {runtime}; mount -t tmpfs -o ro none /dev/shm"):
            run, process = pf.start(
                pf.in_own_mounts("true"), profiled=False)
            pf.finish(run, process)
            # The account must stay reachable while /dev/shm is covered.
            handle, truth = tempfile.mkstemp(prefix="pf-truth-", dir="/tmp")
            os.close(handle)
            shutil.copy(run.truth_path, truth)
            try:
                script = (f"{mount}; export LD_PRELOAD={pf.LIB} PF_TRUTH={truth}; {talk}")
                done = pf.execute(pf.in_own_mounts(script), extra={
                    "XDG_RUNTIME_DIR": runtime, "PROVIDE_PROFILING_ENABLED": "true",
                    "PROVIDE_PROFILING_FORMAT": "json", "PROVIDE_PROFILING_SAMPLE_RATE": "1",
                }, profiled=False, cwd="/")
            finally:
                os.unlink(truth)
            self.assertEqual((done.status, done.stdout), (0, b"a line of words\n" * 100), done.stderr)
            self.assertIn(b'"message_count":100,', done.stderr.replace(b" ", b""))

    def test_ten_thousand_stale_segments(self):
        run = pf.prepare()
        folder = os.path.join(run.runtime, "pfprof")
        os.mkdir(folder, 0o700)
        for i in range(10000):
            with open(os.path.join(folder, f"{i}-1.pfseg"), "wb"):
                pass
        pf.execute([pf.build("worlds"), "talk"], run=run)
        self.assertEqual(self.counted(run), {"write": 100})
        self.assertEqual(len(os.listdir(folder)), 10000)


    def test_more_sites_than_most(self):
        """20,000 call sites, with room for each in the summary and without."""
        run = pf.prepare()
        source, program = os.path.join(run.folder, "sites.c"), os.path.join(run.folder, "sites")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <unistd.h>\nint main(void) {\n"
                       + '(void)!write(1, "x", 1);\n' * 20000 + "return 0;\n}\n")
        subprocess.run(["cc", "-O0", "-o", program, source], check=True)
        pf.execute([program], run=run)
        one = self.check(run.only())
        self.assertEqual(pf.functions(one), {"write": 20000})
        self.assertEqual(one["process"]["call_site_count"], 20000)
        self.assertFalse(one["process"]["partial"])
        run = self.limited("-v", 20000, [program])
        self.assertIn(b'"message_count":20000,', run.stderr.replace(b" ", b""))
        self.assertIn(b'"partial":true', run.stderr.replace(b" ", b""))


if __name__ == "__main__":
    pf.main()
