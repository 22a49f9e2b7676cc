#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Programs that are not what the library was made for: static, Go, musl, 32-bit, sanitized, split
# stacks; and targets that run inside valgrind, gdb and qemu-user.
import functools
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

PLAIN = os.path.join(pf.SOURCES, "plain.c")
# What plain.c does, whatever names its compiler or a sanitizer's runtime gives to the calls.
MESSAGES, BYTES = 101, 594


@functools.cache
def compiled(name, *command, source=PLAIN):
    """plain.c by another compiler; skips where that cannot be."""
    if shutil.which(command[0]) is None:
        raise unittest.SkipTest(f"{command[0]} is not installed")
    path = os.path.join(pf.SCRATCH, name)
    done = subprocess.run([*command, "-w", "-o", path, source], capture_output=True, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(f"{' '.join(command)} does not work: {done.stderr.strip()[-200:]}")
    try:
        subprocess.run([path], capture_output=True, stdin=subprocess.DEVNULL)
    except OSError as problem:  # a kernel without emulation of 32-bit programs
        raise unittest.SkipTest(f"what {' '.join(command)} makes does not run here: {problem}")
    return path


def runtime_of(name):
    """A sanitizer's runtime, which has to come before every other library."""
    done = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True)
    path = done.stdout.strip()
    if not os.path.isabs(path):
        raise unittest.SkipTest(f"{name} is not installed")
    return path


class World(pf.Case):
    def plain_counts(self, run):
        one = self.check(run.only())
        self.assertEqual((one["metrics"]["message_count"], one["metrics"]["bytes"]),
                         (MESSAGES, BYTES), pf.functions(one))
        self.assertEqual(one["process"]["end"], "exit")
        self.assertEqual(sum(one["metrics"]["lost_count"].values()), 0)
        return one

    def same(self, argv, **options):
        """Bare and profiled look the same; the profiled run."""
        bare = pf.execute(argv, profiled=False)
        run = pf.execute(argv, **options)
        self.assert_same(bare, run)
        self.assertEqual(run.segments(), [])
        return run


class Unreached(World):
    """Programs that the library is not in, or is in for nothing."""

    def unreached(self, argv):
        self.assertEqual(self.same(argv).summaries(), {})

    def test_static_programs(self):
        self.unreached([compiled("static", "gcc", "-static")])
        self.unreached([compiled("static-pie", "gcc", "-static-pie")])
        self.unreached([compiled("static-musl", "musl-gcc", "-static")])
        self.unreached([pf.need("busybox"), "seq", "100"])

    def test_static_programs_beside_others(self):
        program = compiled("static", "gcc", "-static")
        run = self.same(["/bin/sh", "-c", f"echo one; {program}; echo two"])
        self.assertEqual(pf.functions(self.check(run.only())), {"write": 2})

    def test_a_go_program(self):
        # It makes its system calls itself; what its C library is asked for counts.
        fzf = pf.need("fzf")
        bare = pf.execute([fzf, "-f", "ab"], data=b"a\nxaybz\nab\n", profiled=False)
        self.assertEqual(bare.stdout, b"ab\nxaybz\n")
        for rate in ("1.0", "0.01"):
            run = pf.execute([fzf, "-f", "ab"], data=b"a\nxaybz\nab\n", SAMPLE_RATE=rate)
            self.assert_same(bare, run)
            for summaries in run.summaries().values():
                self.check(summaries[0])

    def test_a_musl_program(self):
        """The library of a glibc machine: says that it is not for musl, and lets all pass."""
        program = compiled("musl", "musl-gcc")
        bare = pf.execute([program], profiled=False)
        self.assertEqual(bare.status, 3)
        for enabled, lines in (("true", 1), ("false", 0)):
            run = pf.execute([program], ENABLED=enabled)
            self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout), run.stderr)
            said = re.findall(rb"pfprof: the library was built for another libc.*\n", run.stderr)
            self.assertEqual(len(said), lines)
            self.assertEqual(run.stderr.replace(b"".join(said), b""), bare.stderr)
            self.assertEqual(run.summaries(), {})

    def test_a_32_bit_program(self):
        program = compiled("thirty-two", "gcc", "-m32")
        bare = pf.execute([program], profiled=False)
        run = pf.execute([program])
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
        said = [line for line in run.stderr.splitlines() if b"ld.so" in line]
        self.assertEqual(len(said), 1, run.stderr)
        self.assertIn(b"wrong ELF class", said[0])
        self.assertEqual(run.stderr.replace(said[0] + b"\n", b""), bare.stderr)
        self.assertEqual(run.summaries(), {})

    def test_a_mixed_tree(self):
        argv = ["/bin/sh", "-c", f"echo one; {compiled('thirty-two', 'gcc', '-m32')}; "
                                 f"{compiled('sixty-four', 'gcc')}; echo two"]
        bare = pf.execute(argv, profiled=False)
        run = pf.execute(argv)
        self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
        counts = sorted(one["metrics"]["message_count"] for one, in run.summaries().values())
        self.assertEqual(counts, [2, MESSAGES])

    def test_the_library_by_its_folder_of_the_architecture(self):
        """/usr/$LIB/libpfprof.so: the loader of each word size looks in its own folder."""
        done = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--help"], capture_output=True,
                              text=True) if os.path.exists("/lib64/ld-linux-x86-64.so.2") else None
        if done is None or "lib/x86_64-linux-gnu" not in done.stdout:
            self.skipTest("knows only how Debian's x86_64 loader spells $LIB")
        base = pf.prepare().work
        folder = os.path.join(base, "lib", "x86_64-linux-gnu")
        os.makedirs(folder)
        shutil.copy(pf.LIB, folder)
        library = os.path.join(base, "$LIB", "libpfprof.so")
        run = pf.prepare()
        env = {k: v for k, v in pf.environment(run, {}).items() if k.startswith("PROVIDE_")}
        pf.execute([compiled("sixty-four", "gcc")], profiled=False, run=run,
                   extra={"LD_PRELOAD": library, **env})
        self.plain_counts(run)


class Made(World):
    def test_old_hash_tables(self):
        self.plain_counts(self.same([compiled("sysv", "gcc", "-Wl,--hash-style=sysv")]))

    def test_split_stacks(self):
        program = compiled("split", "gcc", "-fuse-ld=gold", "-fsplit-stack")
        for rate in ("1.0", "0.01"):
            self.plain_counts(self.same([program], SAMPLE_RATE=rate))

    def test_linked_in_odd_ways(self):
        for name, *flags in (("now", "-Wl,-z,now"), ("no-pie", "-no-pie"), ("lazy", "-Wl,-z,lazy"),
                             ("prelinked", "-Wl,-Bsymbolic"), ("hot", "-fno-plt", "-O3"),
                             ("fortified", "-O2", "-D_FORTIFY_SOURCE=3")):
            with self.subTest(name=name):
                self.plain_counts(self.same([compiled(name, "gcc", *flags)]))


    def test_exceptions_through_stdio(self):
        """What unwinds through our frame leaves nothing behind there: later calls count and are timed."""
        program = compiled("throw", "g++", "-fno-builtin", source=os.path.join(pf.SOURCES, "throw.cc"))
        bare = pf.execute([program], profiled=False)
        self.assertEqual(bare.stdout.count(b"out of write 4\nout of a conversion\n"), 50)
        for rate in ("1.0", "0.01"):
            run = self.same([program], SAMPLE_RATE=rate)
            counts = pf.functions(self.check(run.only()))
            self.assertEqual((counts["fputs"], counts["fprintf"], counts["write"]), (50, 50, 50))
            if rate == "1.0":
                timed = pf.functions(run.only(), "sampled_count")
                self.assertEqual(timed["write"], 50)

    def test_handlers_three_deep(self):
        for rate in ("1.0", "0.01"):
            run = self.same([pf.build("odd"), "nested"], SAMPLE_RATE=rate)
            self.assertEqual(pf.functions(self.check(run.only())),
                             {"fprintf": 200, "write": 600, "dprintf": 600})

    def test_a_program_that_replaces_its_stdout(self):
        run = self.same([pf.build("odd"), "stdout"])
        self.assertEqual(pf.functions(self.check(run.only())),
                         {"puts": 2, "printf": 4, "putchar": 1})


class Sanitized(World):
    def sanitized(self, name, *command, first=None):
        program = compiled(name, *command)
        preload = [runtime_of(first), pf.LIB] if first else None
        bare = pf.execute([program], profiled=False)
        if bare.status != 3:
            self.skipTest(f"{name} does not run here even bare: {bare.stderr[-200:]!r}")
        for rate in ("1.0", "0.01"):
            run = pf.execute([program], preload=preload, SAMPLE_RATE=rate)
            self.assert_same(bare, run)
            self.plain_counts(run)

    def test_address_with_its_runtime_first(self):
        self.sanitized("gcc-address", "gcc", "-fsanitize=address", first="libasan.so")

    def test_address_with_its_runtime_last(self):
        """It refuses any library before its own, and says what to do: not ours to change."""
        program = compiled("gcc-address", "gcc", "-fsanitize=address")
        other = pf.execute([program], profiled=False, preload=[pf.build("libempty")])
        self.assertIn(b"ASan runtime does not come first", other.stderr)
        run = pf.execute([program])
        self.assertEqual(run.status, other.status)
        self.assertIn(b"ASan runtime does not come first", run.stderr)
        self.assertNotIn(b"SEGV", run.stderr)

    def test_address_linked_in(self):
        self.sanitized("clang-address", "clang", "-fsanitize=address")

    def test_memory(self):
        self.sanitized("clang-memory", "clang", "-fsanitize=memory")

    def test_threads(self):
        self.sanitized("clang-thread", "clang", "-fsanitize=thread")

    def test_threads_by_a_library(self):
        """gcc's runtime is a library that defines printf; the program was linked to that one, not to libc's."""
        program = compiled("gcc-thread", "gcc", "-fsanitize=thread")
        bare = pf.execute([program], profiled=False)
        run = pf.execute([program])
        self.assert_same(bare, run)
        if os.uname().machine == "x86_64": # elsewhere names have no versions, and all come to us
            self.assertEqual(run.summaries(), {})

    def test_undefined(self):
        self.sanitized("gcc-undefined", "gcc", "-fsanitize=undefined")
        self.sanitized("clang-undefined", "clang", "-fsanitize=undefined")

    def test_leaks(self):
        self.sanitized("gcc-leak", "gcc", "-fsanitize=leak")


class Tools(World):
    def in_tool(self, *argv, status=3, **options):
        """The program inside a tool, alone under the library."""
        run = pf.execute(argv, **options)
        self.assertEqual(run.status, status, run.stderr[-1000:])
        return run

    def of_plain(self, run):
        """The summary of the program, where the tool itself may have one too."""
        ours = [one for ones in run.summaries().values() for one in ones
                if one["metrics"]["bytes"] == BYTES]
        self.assertEqual(len(ours), 1, run.summaries())
        self.assertEqual(self.check(ours[0])["metrics"]["message_count"], MESSAGES)

    def test_valgrind(self):
        """No error inside the library either, with every call timed and its text looked at."""
        for rate in ("1.0", "0.01"):
            run = self.in_tool(pf.need("valgrind"), "-q", "--error-exitcode=9",
                               "--trace-children=yes", compiled("debug", "gcc", "-g"),
                               SAMPLE_RATE=rate)
            self.assertEqual(run.stderr, b"end\n")
            self.of_plain(run)

    def test_valgrind_of_real_programs(self):
        """What memcheck says of them bare it says of them under us: nothing; no memory of ours is lost."""
        text = os.path.join(pf.SOURCES, "plain.c")
        for argv in ([pf.need("gzip"), "-c", text], [pf.need("ls"), "-la", "/usr/lib"],
                     [pf.need("bash"), "-c", "for i in 1 2 3; do printf '%s\n' $i; echo $i >&2; done; (echo sub)"]):
            command = [pf.need("valgrind"), "-q", "--error-exitcode=9", "--leak-check=full",
                       "--errors-for-leak-kinds=definite", *argv]
            bare = pf.execute(command, profiled=False)
            with self.subTest(argv=argv[:2]):
                if bare.status != 0:
                    self.skipTest(f"not clean here even bare: {bare.stderr[-200:]!r}")
                for rate in ("1.0", "0.01"):
                    run = pf.execute(command, SAMPLE_RATE=rate)
                    self.assert_same(bare, run)
                    self.assertGreater(sum(o["metrics"]["message_count"]
                                           for ones in run.summaries().values() for o in ones), 0)

    def test_gdb_in_the_middle_of_a_call(self):
        """Stops in the wrappers, steps through one and goes on."""
        program = compiled("debug", "gcc", "-g")
        run = pf.prepare()
        env = pf.environment(run, {})
        keep = {k: v for k, v in env.items() if k.startswith("PROVIDE_") or k == "XDG_RUNTIME_DIR"}
        lines = [f"set environment {name} {value}" for name, value in keep.items()]
        lines += [f"set environment LD_PRELOAD {pf.LIB}", "set startup-with-shell off",
                  "set breakpoint pending on", "set confirm off", "break write", "run",
                  "stepi 40", "print $_siginfo.si_signo", "continue", "stepi 3", "delete", "continue",
                  "print $_exitcode", "quit"]
        script = os.path.join(run.folder, "gdb-commands")
        with open(script, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        pf.execute([pf.need("gdb"), "-nx", "-batch", "-x", script, program], profiled=False, run=run)
        if b"ptrace" in run.stderr.lower() and b"not permitted" in run.stderr:
            self.skipTest("ptrace is not permitted here")
        self.assertIn(b"exited with code 03", run.stdout, run.stderr[-500:])
        self.assertIn(b"Breakpoint 1", run.stdout)
        self.of_plain(run)

    def test_qemu(self):
        qemu, program = pf.need("qemu-x86_64"), compiled("debug", "gcc", "-g")
        self.of_plain(self.in_tool(qemu, program))
        run = pf.prepare()
        inside = f"LD_PRELOAD={pf.LIB}"
        env = {k: v for k, v in pf.environment(run, {}).items() if k.startswith("PROVIDE_")}
        pf.execute([qemu, "-E", inside, program], profiled=False, run=run, extra=env)
        self.assertEqual(run.status, 3, run.stderr[-500:])
        self.plain_counts(run)

    def test_rr(self):
        rr = pf.need("rr")
        run = pf.execute([rr, "record", "-n", compiled("debug", "gcc", "-g")],
                         extra={"_RR_TRACE_DIR": pf.prepare().work})
        if b"rr needs" in run.stderr or b"perf_event" in run.stderr or b"[FATAL" in run.stderr:
            self.skipTest(f"rr does not run here: {run.stderr.strip()[-100:]!r}")
        self.of_plain(run)


if __name__ == "__main__":
    pf.main()
