#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The promises to the target, one by one, on small programs that keep their own account.
import errno
import json
import os
import re
import struct
import sys
import unicodedata
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

RATES = ("0", "0.001", "0.01", "0.5", "1.0")
# libc does not tell how many bytes these wrote.
UNKNOWN_FAMILIES = ("wide", "syslog", "journal", "glib", "error")
# Rows that nothing here can reach, each with its reason.  Keep it short.
EXCUSES = {}
MUSL_ATFORK = 1  # the one allocation that our start costs there: pthread_atfork makes it
NO_EXEC = "qemu-user without binfmt_misc cannot start another program of its own"
# How a process-control row is reached: the arguments of `procs`.
PROCESS_DRIVERS = {
    "_exit": ["end", "_exit"], "_Exit": ["end", "_Exit"], "vfork": ["vfork"],
    "__vfork": ["__vfork"], "_Fork": ["_Fork"], "clone": ["clone"], "__clone": ["__clone"],
    "prctl": ["seccomp", "early"],
    **{name: ["exec", name] for name in (
        "execve", "execv", "execvp", "execvpe", "execl", "execle", "execlp", "fexecve", "execveat",
    )},
}


def listed(program, absent=False):
    """{row: does it return?} of a target's own list; with those that libc lacks, or without."""
    done = pf.execute([pf.build(program), "list"], profiled=False)
    if done.status != 0 or not done.stdout:
        raise AssertionError(f"{program} list: {done.status} {done.stderr!r}")
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {words[0]: len(words) == 1 for words in lines if absent or words[1:] != ["absent"]}


# Installs a seccomp filter that kills at one system call, and executes the rest.
FILTER = """
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7fff0000)]
data = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HP", len(code), ctypes.addressof(data))) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


class EveryRow(pf.Case):
    """Every row of the table is really reached, and counts exactly."""

    def test_each_row_has_a_driver(self):
        rows = pf.table_rows()
        if rows is None:
            self.skipTest("preload/pf-calls.def is not here")
        reached = {name.split(":")[0] for name in listed("everycall", True)}
        reached |= set(listed("layered")) | set(PROCESS_DRIVERS)
        # test_streams.py; `dup` and `fclose` are no process rows.
        reached |= set(listed("descriptors")) - {"dup", "fclose"} | {"dlclose"}  # worlds dlclose
        reached |= {name for name, row in rows.items() if row[0] == "scope"}  # test_scopes.py
        self.assertEqual(set(rows) - reached - set(EXCUSES), set(), "rows that no test reaches")
        self.assertEqual(set(EXCUSES) & reached, set(), "excuses that are not needed")
        self.assertEqual(reached - set(rows), set(), "drivers of rows that are not in the table")
        self.assertLessEqual(len(EXCUSES), 5)

    def check_rows(self, one, accounts):
        self.check(one)
        self.assert_truth(one, accounts)
        rows = pf.table_rows()
        for function in one["functions"] + one["flushes"]:
            name, family = function["name"], function["family"]
            if rows is not None:
                self.assertEqual(family, rows[name][0], name)
            hidden = rows[name][1] if rows is not None else family in UNKNOWN_FAMILIES
            unknown = function["message_count"] if hidden else 0
            self.assertEqual(function["bytes_unknown_count"], unknown, name)

    def test_all_rows_at_every_rate(self):
        program = pf.build("everycall")
        bare = pf.execute([program, "all", "40"], profiled=False)
        self.assertEqual(bare.status, 0, bare.stderr[-500:])
        for rate in RATES:
            with self.subTest(rate=rate):
                run = pf.execute([program, "all", "40"], SAMPLE_RATE=rate)
                accounts = run.truth.functions(run.pid)
                self.assertGreater(len(accounts), 60 if pf.ABI == "musl" else 80)
                one = run.only()
                self.check_rows(one, accounts)
                self.assert_same(bare, run)
                sampled = one["metrics"]["sampled_count"]
                if rate == "0":
                    self.assertEqual(sampled, 0)
                elif rate == "1.0":
                    never = {"error", "error_at_line"}  # jumped to, so never timed
                    for function in one["functions"]:
                        if function["name"] not in never:
                            self.assertEqual(function["dropped_count"], 0, function["name"])

    def test_each_row_alone(self):
        program = pf.build("everycall")
        for name in (n for n, returns in listed("everycall").items() if returns):
            for rate in ("1.0", "0.01"):
                with self.subTest(row=name, rate=rate):
                    run = pf.execute([program, name, "7"], SAMPLE_RATE=rate)
                    self.assertEqual(run.status, 0, run.stderr[-500:])
                    accounts = run.truth.functions(run.pid)
                    self.assertEqual(accounts[name].ended, 7)
                    if name != "copy_file_range":  # not every file system can
                        self.assertEqual(accounts[name].errors, 0, "the target itself failed")
                    family = (pf.table_rows() or {}).get(name, ("", ""))[0]
                    if family == "flush" and name != "fcloseall":
                        self.assertEqual(run.summaries(), {}, "no message, no summary")
                    else:
                        self.check_rows(run.only(), accounts)

    def test_rows_that_do_not_return(self):
        programs = {
            name: program for program in ("everycall", *(() if pf.ABI else ("layered",)))
            for name, returns in listed(program).items() if not returns
        }
        self.assertGreaterEqual(len(programs), 5 if pf.ABI else 8)
        for name, program in programs.items():
            with self.subTest(row=name):
                bare = pf.execute([pf.build(program), name, "1"], profiled=False)
                self.assertNotEqual(bare.status, 0)
                run = pf.execute([pf.build(program), name, "1"])
                self.assert_same(bare, run)
                accounts = run.truth.functions(run.pid)
                self.assertEqual([a.begun for a in accounts.values()], [1])
                if run.status >= 0:
                    one = run.only()
                else:  # killed by abort(): the counts are in the segment
                    self.assertEqual(len(run.segments()), 1, "a segment is left behind")
                    one = pf.dump_segment(run.segments()[0])
                self.assertEqual({n: a.begun for n, a in accounts.items()}, pf.functions(one))

    def test_rows_without_a_v_form(self):
        bare = pf.execute([pf.build("tail"), "9"], profiled=False)
        self.assertEqual(bare.stdout.count(b"fedcba9876543210 last\n"), 18)
        for rate in ("0", "1.0"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("tail"), "9"], SAMPLE_RATE=rate)
                self.assert_same(bare, run)
                self.check_rows(run.only(), run.truth.functions(run.pid))

    def test_layered_loggers_count_once(self):
        program = pf.build("layered")
        bare = pf.execute([program, "all", "5"], profiled=False)
        self.assertEqual(bare.status, 0)
        for rate in RATES:
            with self.subTest(rate=rate):
                run = pf.execute([program, "all", "5"], SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                one = self.check(run.only())
                truth = {n: a.begun for n, a in run.truth.functions(run.pid).items()}
                self.assertEqual(len(truth), 17)
                self.assertEqual(pf.functions(one), truth)
                changing = rb"process:\d+|\d\d:\d\d:\d\d\.\d+"
                for name in ("stdout", "stderr"):
                    before, after = (
                        re.sub(changing, b"*", getattr(r, name)) for r in (bare, run)
                    )
                    self.assertEqual(before, after)
        for name in (n for n, returns in listed("layered").items() if returns):
            with self.subTest(row=name):
                run = pf.execute([program, name, "3"])
                self.assertEqual(pf.functions(run.only()), {name: 3})


class Numbers(pf.Case):
    def test_sampled_share(self):
        program = pf.build("threads")
        for rate in RATES:
            with self.subTest(rate=rate):
                run = pf.execute([program, "mix", "1", "20000"], SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0)
                one = self.check(run.only())
                self.assert_truth(one, run.truth.functions(run.pid))
                count, p = one["metrics"]["message_count"], float(rate)
                self.assertEqual(count, 100000)
                expected, sigma = count * p, (count * p * (1 - p)) ** 0.5
                # The first call of each of the five sites may be timed with certainty.
                low, high = expected - 6 * sigma, expected + 6 * sigma + (5 if 0 < p < 1 else 0)
                self.assertTrue(
                    low <= one["metrics"]["sampled_count"] <= high,
                    f"{one['metrics']['sampled_count']} of {count} timed at rate {rate}",
                )

    def test_streams_and_sites(self):
        for rate in ("0", "1.0"):
            run = pf.execute([pf.build("fds"), "mixed", "file"], SAMPLE_RATE=rate)
            self.assertEqual(run.status, 0)
            one = self.check(run.only())
            streams = {
                s["fd"]: (s["kind"], s["message_count"], s["bytes"]) for s in one["streams"]
            }
            self.assertEqual(
                streams, {1: ("pipe", 30, 210), 3: ("file", 20, 180), 4: ("device", 12, 120)}
            )
            sites = sorted(
                (s["function"], s["message_count"], s["bytes"]) for s in one["call_sites"]
            )
            self.assertEqual(sites, [("dprintf", 12, 120), ("write", 20, 180), ("write", 30, 210)])
            for site in one["call_sites"]:
                self.assertEqual(os.path.basename(site["module"]), "fds")
            self.assertEqual(one["process"]["program"], "fds")

    def test_emoji(self):
        yes = [
            "\U0001F600", "deploy \U0001F680 done", "x" * 15 + "\U0001F389", "x" * 31 + "\u2705",
            "x" * 64 + "\U0001F525 and more", "heart \u2764\ufe0f", "family "
            "\U0001F468\u200d\U0001F469\u200d\U0001F467", "flag \U0001F1E9\U0001F1EA",
            "sign \u00a9\ufe0f", "skin \U0001F44D\U0001F3FD", "new \U0001FAE8 in Unicode 15",
            "\u00e9" * 50 + "\u26a1", "x" * 4000 + "\U0001F600",
        ]
        no = [
            "plain", "", "x" * 5000, "digits 0123456789 #*", "sign \u00a9 \u00ae \u2122",
            "caf\u00e9 na\u00efve", "\u4e2d\u6587\u5b57", "heart \u2764 without selector",
            "\u2192 \u2713 \u2500\u2502", "\u0440\u0443\u0441\u0441\u043a\u0438\u0439", "\ufe0f",
            "music \U0001D11E", "\u00e9" * 100,
        ]
        broken = [
            b"\xf0\x9f\x98", b"\xff\xfe\x9f\x98\x80", b"x\xf0", b"\x9f\x98\x80",
            b"\xf0\x9f\x98 \x80",
        ]
        program = pf.build("emoji")
        for function in ("write", "writev", "fwrite", "fputs", "fprintf", "dprintf", "syslog",
                         "fputws"):
            with self.subTest(function=function):
                messages = [m.encode() for m in yes + no]
                if function != "fputws":
                    messages += broken
                run = pf.prepare()
                path = os.path.join(run.work, "messages")
                with open(path, "wb") as file:
                    file.writelines(struct.pack("I", len(m)) + m for m in messages)
                pf.execute([program, function, path], run=run)
                self.assertEqual(run.status, 0)
                one = self.check(run.only())
                self.assertEqual(one["metrics"]["message_count"], len(messages))
                self.assertEqual(one["metrics"]["sampled_count"], len(messages))
                self.assertEqual(one["metrics"]["emoji_message_count"], len(yes))

    def test_emoji_one_by_one(self):
        """The messages that decide, each in a run of its own, so that errors cannot cancel out."""
        for text, emoji in (
            ("\u2764\ufe0f", 1), ("\u2764", 0), ("\u00a9", 0), ("\u00a9\ufe0f", 1), ("7", 0),
            ("#", 0), ("\U0001F600", 1), ("\u231a", 1), ("\u2b50", 1), ("\u2713", 0),
            ("\U0001F1E9\U0001F1EA", 1), ("7\ufe0f\u20e3", 1),
        ):
            with self.subTest(text=ascii(text)):
                run = pf.prepare()
                path = os.path.join(run.work, "messages")
                with open(path, "wb") as file:
                    file.write(struct.pack("I", len(text.encode())) + text.encode())
                pf.execute([pf.build("emoji"), "write", path], run=run)
                self.assertEqual(run.only()["metrics"]["emoji_message_count"], emoji)

    def test_fields(self):
        run = pf.prepare()
        path = os.path.join(run.work, "messages")
        with open(path, "wb") as file:
            file.writelines(struct.pack("I", 4) + b"text" for _ in range(50))
        pf.execute([pf.build("emoji"), "fields", path], run=run)
        one = self.check(run.only())
        self.assertEqual(one["metrics"]["message_count"], 50)
        self.assertAlmostEqual(one["metrics"]["avg_fields_per_message"], 3.0, places=3)


class Errors(pf.Case):
    """Same results, same errno; failures are counted by errno."""

    def test_results_and_errno(self):
        program = pf.build("errnos")
        bare = pf.execute([program], profiled=False)
        self.assertEqual(bare.status, 0, bare.stderr[-500:])
        lines = [line.split() for line in bare.stdout.decode().splitlines()]
        seen = {name for line in lines if line[4] == "failed"
                for name in [errno.errorcode.get(int(line[3]))]}
        self.assertTrue(
            {"EBADF", "EPIPE", "EAGAIN", "EFAULT", "ENOSPC", "EINTR", "EFBIG", "EINVAL"} <= seen,
            f"the target provoked only {seen}",
        )
        flush_names = {"fflush", "fclose", "fsync", "fdatasync"}
        for rate in ("1.0", "0.01", "0"):
            with self.subTest(rate=rate):
                run = pf.execute([program], SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, f"died: {run.stderr[-300:]}")
                self.assertEqual(
                    bare.stdout.decode().splitlines(), run.stdout.decode().splitlines()
                )
                self.assertEqual(bare.files(), run.files())
                one = self.check(run.only())
                counts, errors, known = {"write": 1}, {}, {"write": len(run.stdout)}
                for name, _, result, number, verdict in lines:
                    counts[name] = counts.get(name, 0) + 1
                    known[name] = known.get(name, 0) + max(int(result), 0)
                    code = errno.errorcode.get(int(number))
                    if verdict == "failed" and code:
                        key = (name, code)
                        errors[key] = errors.get(key, 0) + 1
                rows = one["functions"] + one["flushes"]
                self.assertEqual({f["name"]: f["message_count"] for f in rows}, counts)
                self.assertEqual(
                    {(f["name"], code): n for f in rows for code, n in f["errors"].items()
                     if code in errno.errorcode.values()},
                    errors,
                )
                self.assertEqual(set(counts) & flush_names, {f["name"] for f in one["flushes"]})
                for function in one["functions"]:
                    if function["name"] in ("write", "pwrite", "writev", "dprintf", "fprintf",
                                            "send", "syscall"):
                        self.assertEqual(
                            function["bytes"], known[function["name"]], function["name"]
                        )


class Formats(pf.Case):
    def test_formats_that_libc_survives(self):
        """Timed calls read the format before libc does, and must not take what libc does not."""
        bare = pf.execute([pf.build("formats")], profiled=False)
        self.assertEqual(bare.status, 0, "the target itself failed")
        for rate in ("1.0", "0.01"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("formats")], SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, run.stderr[-300:])
                self.assertEqual(run.stdout, bare.stdout)
                one = self.check(run.only())
                self.assertEqual(pf.functions(one), {"printf": 300})


class Threads(pf.Case):
    def exact(self, *arguments, **settings):
        run = pf.execute([pf.build("threads"), *map(str, arguments)], **settings)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        self.assertEqual(one["metrics"]["lost_count"].get("child", 0), 0)
        accounts = run.truth.functions(run.pid)
        self.assertTrue(accounts)
        self.assert_truth(one, accounts)
        self.assertEqual(run.segments(), [], "a segment was left behind")
        return run, one

    def test_eight_threads(self):
        for rate in ("0", "0.01", "1.0"):
            with self.subTest(rate=rate):
                run, one = self.exact("mix", 8, 10000, SAMPLE_RATE=rate)
                self.assertEqual(one["metrics"]["message_count"], 400000)
                mine = {t: a.begun for t, a in run.truth.by(lambda r: r[1]).items()}
                got = {t["tid"]: t["message_count"] for t in one["threads"]}
                self.assertEqual(set(got), set(mine))
                # While one thread made the segment, another's calls may have counted by function.
                missing = {tid: mine[tid] - got[tid] for tid in mine}
                self.assertGreaterEqual(min(missing.values()), 0, missing)
                self.assertEqual(sum(missing.values()), self.spilled(one), missing)

    def test_short_threads(self):
        for rate in ("0.01", "1.0"):
            with self.subTest(rate=rate):
                _, one = self.exact("short", 2000, 5, SAMPLE_RATE=rate)
                self.assertEqual(one["metrics"]["message_count"], 10000)

    def test_one_stream_shared(self):
        _, one = self.exact("shared", 4, 20000)
        self.assertEqual(one["metrics"]["message_count"], 80000)

    def test_smallest_stack(self):
        self.exact("small")

    def test_key_destructors(self):
        _, one = self.exact("keys", 100, 2000)
        self.assertEqual(one["metrics"]["message_count"], 100 * 2001)

    def test_main_leaves_by_pthread_exit(self):
        _, one = self.exact("pexit")
        self.assertEqual(one["metrics"]["message_count"], 200)

    def test_cancelled_in_a_blocked_write(self):
        run = pf.execute([pf.build("threads"), "cancel"])
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        account = run.truth.functions(run.pid)["write"]
        self.assertEqual(account.begun, account.ended + 1, "a write was cancelled")
        self.assertEqual(pf.functions(one), {"write": account.begun})

    def test_threads_that_outlive_main(self):
        for _ in range(5):
            run = pf.execute([pf.build("threads"), "exiting"])
            self.assertEqual(run.status, 0, run.stderr[-500:])
            one = run.only()
            begun = run.truth.functions(run.pid)["write"].begun
            self.assertGreater(one["metrics"]["message_count"], 100)
            self.assertLessEqual(one["metrics"]["message_count"], begun)
            self.assertEqual(
                one["metrics"]["message_count"],
                one["metrics"]["sampled_count"] + one["metrics"]["dropped_count"],
            )

    def test_main_returns_while_another_thread_makes_the_segment(self):
        # Waited for, and beyond patience: 0.1 and 0.6 s in the middle of the segment's making.
        strace = pf.need("strace")
        for delay in (100000, 600000):
            with self.subTest(delay=delay):
                run = pf.prepare()
                log = os.path.join(run.folder, "strace")
                pf.execute([strace, "-f", "-qq", "-o", log, "-e", "trace=fallocate", "-e",
                            f"inject=fallocate:delay_enter={delay}", pf.build("threads"), "exiting"],
                           run=run)
                with open(log, encoding="utf-8") as lines:
                    held = "fallocate" in lines.read()
                if not held:
                    self.skipTest("strace cannot hold a system call up here")
                self.assertEqual(run.status, 0, run.stderr[-500:])
                every = sum(run.summaries().values(), [])
                if delay == 100000:
                    (one,) = (o for o in every if o["process"]["program"] == "threads")
                else:  # there was no segment to take the program's name from
                    (one,) = (o for o in every if o["process"]["program"] != "strace")
                self.assertGreater(one["metrics"]["message_count"], 100)
                self.assertEqual(run.segments(), [], "a segment was left behind")


class Processes(pf.Case):
    def pair(self, *arguments, **settings):
        """A bare and a profiled run of procs, found to look the same from outside."""
        program = [pf.build("procs"), *arguments]
        bare = pf.execute(program, profiled=False)
        run = pf.execute(program, **settings)
        self.assertEqual(bare.status, run.status, run.stderr[-500:])
        self.assertEqual(bare.stdout, run.stdout)
        self.assertEqual(bare.stderr, run.stderr)
        return run

    def exact(self, run, per_process=1):
        """Each process that wrote has summaries that add up to its own account; no other has."""
        truth = run.truth
        wrote = {
            pid: {n: a.begun for n, a in truth.functions(pid).items() if n != "child" and a.begun}
            for pid in truth.pids()
        }
        wrote = {pid: names for pid, names in wrote.items() if names}
        self.assertTrue(wrote)
        got = {}
        for pid, objects in run.summaries().items():
            if per_process:
                self.assertEqual(len(objects), per_process, f"summaries of process {pid}")
            for one in objects:
                self.check(one)
                for name, count in pf.functions(one).items():
                    names = got.setdefault(pid, {})
                    names[name] = names.get(name, 0) + count
        self.assertEqual(got, wrote)
        self.assertEqual(run.segments(), [], "a segment was left behind")

    def test_fork(self):
        for rate in ("0.01", "1.0"):
            run = self.pair("fork", SAMPLE_RATE=rate)
            self.exact(run)
            counts = sorted(
                o["metrics"]["message_count"] for one in run.summaries().values() for o in one
            )
            self.assertEqual(counts, [5, 6, 7])

    def test_fork_of_many(self):
        self.exact(self.pair("fork-many"))

    def test_coverage_is_of_the_process_itself(self):
        """The kernel adds what reaped children wrote to wchar of their parent."""
        pf.skip_on("aarch64", "qemu-user writes as well, and the kernel counts it")
        for mode in ("fork", "fork-many"):
            run = self.pair(mode)
            self.assertGreater(len(run.summaries()), 2)
            for pid, (one,) in run.summaries().items():
                with self.subTest(mode=mode, parent=pid == run.pid):
                    coverage = one["coverage"]
                    self.assertEqual(coverage["seen_bytes"], one["metrics"]["bytes"])
                    self.assertEqual(coverage["kernel_bytes"], coverage["seen_bytes"])
                    self.assertEqual(coverage["percent"], 100)

    def test_environment_overwritten(self):
        run = self.pair("title")
        self.exact(run)
        self.assertEqual(pf.functions(run.only()), {"write": 5})

    def test_fork_of_a_silent_child(self):
        run = self.pair("fork-silent")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 1)

    def test_fork_beside_writing_threads(self):
        run = self.pair("fork-threads")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 31)

    def test_fork_with_full_buffers(self):
        pf.skip_on("musl", "its stdout is line-buffered until the first line is out")
        run = self.pair("fork-buffered")
        self.assertEqual(run.stdout.count(b"buffered before the fork\n"), 2)
        self.exact(run)

    def test_other_forks(self):
        for mode in ("_Fork", "clone", "__clone", "syscall-fork"):
            if pf.absent_from_libc(mode) and mode != "syscall-fork":
                continue
            with self.subTest(mode=mode):
                run = self.pair(mode)
                self.exact(run)
                self.assertEqual(len(run.summaries()), 2)

    def test_vfork(self):
        for mode in ("vfork", "__vfork"):
            if pf.absent_from_libc(mode):
                continue
            with self.subTest(mode=mode):
                run = self.pair(mode)
                self.assertEqual(run.truth.functions(run.pid)["child"].begun, 40)
                self.exact(run)
                one = run.only()
                self.assertEqual(pf.functions(one), {"write": 23})
                self.assertEqual(one["metrics"]["lost_count"].get("child"), 40)

    def test_vfork_before_any_call(self):
        run = self.pair("vfork-first")
        self.exact(run)
        pf.skip_on("aarch64", "qemu-user makes a fork of it, whose memory is its own")
        self.assertEqual(run.only()["metrics"]["lost_count"].get("child"), 1)

    def test_vfork_then_exec(self):
        pf.skip_on("aarch64", NO_EXEC)
        run = self.pair("vfork-exec")
        self.exact(run)
        self.assertEqual(len(run.summaries()), 2)

    def test_spawn_and_system(self):
        pf.skip_on("aarch64", NO_EXEC)
        for mode in ("posix_spawn", "system"):
            with self.subTest(mode=mode):
                if mode == "system":
                    pf.skip_on("musl", "the shell is of another libc")
                run = self.pair(mode)
                self.exact(run)
                self.assertEqual(len(run.summaries()), 2)

    def test_daemon(self):
        run = self.pair("daemon")
        truth = {
            pid: run.truth.functions(pid)["write"].begun for pid in run.truth.pids()
        }
        self.assertEqual(sorted(truth.values()), [4, 6])
        got = {}
        for pid, objects in run.summaries().items():
            self.assertEqual(len(objects), 1)
            got[pid] = pf.total(objects, "write")
        # daemon() leaves by a way of its own: then the parent's counts are in its segment.
        for path in run.segments():
            one = pf.dump_segment(path)
            self.assertNotIn(one["process"]["pid"], got, "counted twice")
            got[one["process"]["pid"]] = pf.total([one], "write")
        self.assertEqual(got, truth)
        daemon = next(pid for pid, count in truth.items() if count == 4)
        self.assertIn(daemon, run.summaries(), "the daemon has a summary of its own")

    def test_exec(self):
        pf.skip_on("aarch64", NO_EXEC)
        names = [k for k, v in PROCESS_DRIVERS.items() if v[0] == "exec"]
        self.assertEqual(len(names), 9)
        names = sorted(set(names) - pf.absent_from_libc(*names))
        for arguments in [["exec", name] for name in names] + [["exec-path"]]:
            with self.subTest(arguments=arguments):
                run = self.pair(*arguments)
                self.exact(run, per_process=2)
                first, second = run.summaries()[run.pid]
                self.assertEqual(pf.functions(first), {"write": 5})
                self.assertEqual(pf.functions(second), {"write": 4})

    def test_exec_with_an_empty_environment(self):
        pf.skip_on("aarch64", NO_EXEC)
        run = self.pair("exec-empty")
        self.exact(run)

    def test_exec_that_finds_nothing(self):
        self.exact(self.pair("exec-fails"))

    def test_exec_that_the_kernel_refuses(self):
        run = self.pair("exec-refused")
        last = run.summaries()[run.pid][-1]
        self.assertEqual(pf.functions(last), {"write": 11}, "the last summary is the whole")
        self.exact(run)

    def test_ends(self):
        for how, status in (("_exit", 11), ("_Exit", 12), ("quick_exit", 13), ("exit", 14)):
            with self.subTest(how=how):
                run = self.pair("end", how)
                self.assertEqual(run.status, status)
                self.exact(run)

    def test_ends_that_no_hook_sees(self):
        for how, status in (("abort", -6), ("segv", -11), ("term", -15), ("syscall", 15)):
            with self.subTest(how=how):
                run = self.pair("end", how)
                self.assertEqual(run.status, status)
                objects = [o for found in run.summaries().values() for o in found]
                if not objects:
                    self.assertEqual(len(run.segments()), 1, "neither summary nor segment")
                    objects = [pf.dump_segment(run.segments()[0])]
                self.assertEqual([pf.functions(o) for o in objects], [{"write": 6}])

    def test_output_in_a_destructor(self):
        run = self.pair("destructor")
        one = run.only()
        self.assertIn(pf.functions(one)["write"], (3, 5))

    def test_a_killed_process_leaves_one_segment_and_a_finished_one_none(self):
        run = self.pair("tail")
        self.assertEqual(run.segments(), [])
        run = self.pair("tail", KEEP_SEGMENT="true")
        self.assertEqual(len(run.segments()), 1)
        dumped, one = pf.dump_segment(run.segments()[0]), run.only()
        self.assertEqual(pf.functions(dumped), pf.functions(one))
        self.assertEqual(pf.functions(dumped, "bytes"), pf.functions(one, "bytes"))

    def test_seccomp(self):
        pf.skip_on("aarch64", "qemu-user has no seccomp")
        for argument, count in (("early", 10), ("late", 11)):
            with self.subTest(argument=argument):
                bare = pf.execute([pf.build("procs"), "seccomp", argument], profiled=False)
                run = pf.execute([pf.build("procs"), "seccomp", argument], OUTPUT="stderr")
                self.assertEqual(bare.status, 0)
                self.assertEqual(run.status, 0, "the filter killed the target")
                self.assertEqual(bare.stdout, run.stdout)
                one = self.check(json.loads(run.stderr.decode()))
                self.assertEqual(pf.functions(one), {"write": count})


    def test_a_filter_from_before_exec(self):
        """One that ends whoever asks for a perf event, as a hardened service has it."""
        number = {"x86_64": 298, "aarch64": 241}.get(os.uname().machine)
        if pf.ABI or number is None:
            self.skipTest("the number of perf_event_open is known for the machine's own ABI only")
        filtered = [pf.need("python3"), "-c", FILTER, str(number)]
        run = pf.execute([*filtered, pf.need("bash"), "-c", "for ((i = 0; i < 100; i++)); do echo $i; done"])
        self.assertEqual(run.status, 0, "the filter killed the target")
        (one,) = [one for ones in run.summaries().values() for one in ones
                  if one["process"]["program"] == "bash"]
        self.assertGreaterEqual(one["metrics"]["message_count"], 100)
        self.assertEqual(one["metrics"]["sampled_count"], one["metrics"]["message_count"])


class Signals(pf.Case):
    def exact(self, run):
        self.assertEqual(run.status, 0, run.stderr[-500:])
        one = self.check(run.only())
        accounts = run.truth.functions(run.pid)
        self.assert_truth(one, accounts)
        return one

    def test_timer(self):
        for rate in ("0.01", "1.0"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("signals"), "timer", "1000"], SAMPLE_RATE=rate)
                one = self.exact(run)
                # Each site apart: the handler's and main's write are two of them.
                sites = sorted(
                    s["message_count"] for s in one["call_sites"] if s["function"] == "write"
                )
                truth = sorted(a.begun for _, _, n, a in run.truth.records if n == "write")
                self.assertGreater(truth[0], 500, "hardly a signal came")
                self.assertLessEqual(
                    sum(truth) - sum(sites), self.spilled(one), f"sites {sites}, truth {truth}"
                )

    def steps(self, *arguments, **settings):
        run = pf.execute([pf.build("signals"), *map(str, arguments)], **settings)
        if run.status == 77:
            self.skipTest("single steps need x86")
        return run

    def test_between_any_two_instructions(self):
        for rate, most in (("0.01", 120), ("1.0", 50), ("0", 50)):
            with self.subTest(rate=rate):
                run = self.steps("step", most, SAMPLE_RATE=rate)
                one = self.exact(run)
                handler = run.truth.functions(run.pid)["writev"].begun
                self.assertGreater(handler, 50 * most, "hardly a step was taken")
                self.assertEqual(one["metrics"]["message_count"], 2 * handler + 2 * most)

    def test_between_any_two_instructions_without_memory(self):
        run = self.steps("full", 15, MAX_MEMORY_MB=1)
        one = self.exact(run)
        self.assertGreater(one["metrics"]["lost_count"].get("memory", 0), 1000)

    def test_during_the_first_call(self):
        run = self.steps("attach", 151, 6500)
        self.assertEqual(run.status, 0, run.stderr[-500:])
        acted = 0
        summaries = run.summaries()
        for pid in run.truth.pids():
            accounts = run.truth.functions(pid)
            acted += "writev" in accounts
            self.assertEqual(len(summaries.get(pid, [])), 1, f"process {pid}")
            one = self.check(summaries[pid][0])
            self.assert_truth(one, accounts)
            self.assertEqual(one["process"]["thread_count"], 1, "a handler took a slot of its own")
        self.assertGreater(acted, 30)

    def test_jump_out_of_any_instruction(self):
        for rate in ("1.0", "0.01"):
            with self.subTest(rate=rate):
                run = self.steps("jump", 3, 500, SAMPLE_RATE=rate)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                summaries, jumped = run.summaries(), 0
                for pid in run.truth.pids():
                    account = run.truth.functions(pid)["write"]
                    jumped += account.begun != account.ended
                    one = summaries[pid][0]["metrics"]
                    self.assertIn(one["message_count"], {account.ended, account.begun})
                    self.assertIn(one["bytes"] - account.bytes, {0, 12})
                    self.assertEqual(
                        one["message_count"], one["sampled_count"] + one["dropped_count"]
                    )
                    if rate == "1.0":
                        self.assertLessEqual(
                            one["dropped_count"], 1, "clocks stopped after the jump"
                        )
                self.assertGreater(jumped, 30)


class Descriptors(pf.Case):
    def test_none_is_kept_open(self):
        for mode in ("list", "lowest"):
            with self.subTest(mode=mode):
                bare = pf.execute([pf.build("fds"), mode], profiled=False)
                run = pf.execute([pf.build("fds"), mode])
                self.assertIn(b"before", bare.stdout)
                self.assert_same(bare, run)
                self.assertEqual(run.only()["metrics"]["message_count"], 2001)

    def test_the_summary_goes_to_the_old_descriptor_2_or_nowhere(self):
        for mode, lines in (("reuse2", 1), ("dup2", 1), ("closefrom", 2), ("close2", 0)):
            for form in ("text", "json"):
                with self.subTest(mode=mode, form=form):
                    run = pf.prepare()
                    path = os.path.join(run.work, "file")
                    pf.execute([pf.build("fds"), mode, path], run=run, OUTPUT="stderr", FORMAT=form)
                    self.assertEqual(run.status, 0, run.stderr[-500:])
                    self.assertEqual(run.stdout, b"line\n")
                    if lines:
                        self.assertEqual(run.files()["file"], b"precious\n" * lines)
                # With descriptor 2 left alone, the same settings do say something.
                run = pf.execute([pf.build("fds"), "mixed", "file"], OUTPUT="stderr", FORMAT=form)
                self.assertIn(b"message_count", run.stderr)

    def test_the_summary_into_a_closed_pipe(self):
        """A SIGPIPE of ours would end the target in place of its own status."""
        for how in ("_exit", "exit"):
            runs = []
            for profiled in (False, True):
                reading, writing = os.pipe()
                os.close(reading)
                try:
                    runs.append(pf.execute([pf.build("procs"), "end", how], stderr=writing,
                                           profiled=profiled, OUTPUT="stderr", FORMAT="text"))
                finally:
                    os.close(writing)
            self.assertIn(runs[0].status, (11, 14))
            self.assert_same(*runs)

    def test_the_summary_still_goes_to_its_file(self):
        for mode, count in (("reuse2", 2), ("dup2", 2), ("closefrom", 3), ("close2", 1)):
            with self.subTest(mode=mode):
                run = pf.prepare()
                path = os.path.join(run.work, "file")
                pf.execute([pf.build("fds"), mode, path], run=run)
                self.assertEqual(run.status, 0, run.stderr[-500:])
                self.assertEqual(pf.functions(run.only()), {"write": count})

    def test_stderr_closed_as_a_stream_before_the_end(self):
        program = [pf.build("procs"), "close-stdout"]
        run = pf.execute(program, OUTPUT="stderr", FORMAT="text")
        self.assertEqual(run.status, 0)
        self.assertEqual(run.stdout, b"a line\n")
        self.assertEqual(len(re.findall(rb"\bmessage_count", run.stderr)), 1, "said once")
        run = pf.execute(program)
        self.assertEqual(pf.functions(run.only()), {"puts": 1})
        self.assertEqual(run.stderr, b"")


class Summary(pf.Case):
    def quiet(self, run, stdout=None):
        self.assertEqual(run.status, 0)
        self.assertEqual(run.stderr, b"")
        self.assertEqual(run.summaries(), {})
        self.assertEqual(run.segments(), [])
        if stdout is not None:
            self.assertEqual(run.stdout, stdout)

    def test_nothing_when_nothing_was_written(self):
        program = [pf.build("procs"), "silent"]
        self.quiet(pf.execute(program), b"")
        for form in ("text", "json"):
            self.quiet(pf.execute(program, FORMAT=form, OUTPUT="stderr"), b"")
        if not pf.ABI:
            self.quiet(pf.execute([pf.need("true")], OUTPUT="stderr", FORMAT="text"), b"")
        self.assertTrue(pf.execute([pf.build("procs"), "tail"]).summaries(), "a run that writes")

    def test_nothing_when_not_enabled(self):
        program = [pf.build("procs"), "tail"]
        for value in (None, "false", "0", "no", "off", "FALSE"):
            for output in ("stderr", None):
                with self.subTest(value=value, output=output):
                    settings = {"ENABLED": value, **({"OUTPUT": output} if output else {})}
                    self.quiet(pf.execute(program, **settings), b"the new image\n" * 4)
        # The same run, enabled, does say something: the tests above are not blind.
        run = pf.execute(program, ENABLED="true", OUTPUT="stderr")
        self.assertNotEqual(run.stderr, b"")

    def test_output_none(self):
        self.quiet(pf.execute([pf.build("procs"), "tail"], OUTPUT="none"), b"the new image\n" * 4)
        run = pf.execute([pf.build("procs"), "tail"], OUTPUT="none", KEEP_SEGMENT="true")
        self.assertEqual(len(run.segments()), 1, "it was measured all the same")

    def test_output_path(self):
        run = pf.prepare()
        path = os.path.join(run.output, "%n-%p-%n.json")
        pf.execute([pf.build("procs"), "tail"], run=run, OUTPUT=path)
        self.assertEqual(os.listdir(run.output), [f"procs-{run.pid}-procs.json"])
        self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_output_file_is_appended_to(self):
        run = pf.prepare()
        path = os.path.join(run.output, "all.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"process": {"pid": 0}}\n')
        for _ in range(3):
            pf.execute([pf.build("procs"), "tail"], run=run, OUTPUT=path)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0], '{"process": {"pid": 0}}')
        self.assertEqual([pf.functions(json.loads(line)) for line in lines[1:]], [{"write": 4}] * 3)

    def test_output_that_cannot_be(self):
        bare = pf.execute([pf.build("procs"), "tail"], profiled=False)
        for path in ("/nonexistent/folder/%p", "/", "/dev/full"):
            with self.subTest(path=path):
                run = pf.execute([pf.build("procs"), "tail"], OUTPUT=path)
                self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
                # Said in one line, and the summary is not lost.
                if path != "/dev/full":
                    said, _, summary = run.stderr.decode().partition("\n")
                    self.assertIn(pf.PREFIX + "OUTPUT", said)
                    self.assertIn(path.split("%")[0], said)
                    self.assertEqual(pf.functions(json.loads(summary)), {"write": 4})

    def test_output_through_a_link_into_a_folder_that_is_not_there(self):
        run = pf.execute([pf.build("fds"), "list"], OUTPUT="relative-%p.json")
        self.assertEqual(run.status, 0)
        self.assertIn(f"relative-{run.pid}.json", run.files())

    def widths(self, text):
        for line in text.splitlines():
            width = sum(
                0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF"
                else 1 for c in line
            )
            self.assertLessEqual(width, 80, line)

    def test_text(self):
        long_name = "x" * 300
        for program in (
            [pf.build("everycall"), "all", "3"],
            [pf.build("threads"), "mix", "8", "300"],
            [pf.build("procs"), "tail", long_name, "\u4e2d\u6587" * 60, "tab\there", "new\nline"],
            [pf.build("fds"), "mixed", "file"],
        ):
            for rate in ("0", "0.01", "1.0"):
                with self.subTest(program=program[0], rate=rate):
                    bare = pf.execute(program, profiled=False)
                    run = pf.execute(program, FORMAT="text", OUTPUT="stderr", SAMPLE_RATE=rate)
                    self.assertEqual(run.status, bare.status)
                    self.assertEqual(run.stdout, bare.stdout)
                    self.assertTrue(run.stderr.startswith(bare.stderr))
                    text = run.stderr[len(bare.stderr):].decode("utf-8")
                    for name in pf.METRICS + ("sampled_count",):
                        self.assertEqual(
                            len(re.findall(rf"(?<![a-z_]){name}(?![a-z_])", text)), 1, name
                        )
                    self.widths(text)
                    self.assertFalse(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), "control bytes")
                    count = sum(a.begun for a in run.truth.functions(run.pid).values())
                    if program[1] == "tail":
                        self.assertEqual(count, 4)
                    if count and program[1] != "all":
                        shown = re.search(r"message_count\s+([\d ,.\u2009\u202f_']+)", text)[1]
                        self.assertEqual(int(re.sub(r"\D", "", shown.split("  ")[0])), count)

    def test_json_is_one_object_on_one_line(self):
        run = pf.execute(
            [pf.build("procs"), "tail", 'quote " backslash \\ tab \t', "new\nline", "\udcff\udcfe"]
        )
        path = os.path.join(run.output, f"{run.pid}.json")
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(data.count(b"\n"), 1)
        self.assertTrue(data.endswith(b"}\n"))
        one = json.loads(data.decode("utf-8"))
        self.assertIn('quote " backslash \\ tab \t', one["process"]["command"])


class BadValues(pf.Case):
    """A bad value: one line with variable, value and range; default used; target unchanged."""

    BAD = {
        "ENABLED": ["maybe", "2", "truetrue"],
        "COST_PER_GB": ["-1", "cheap", "1e7"],
        "SAMPLE_RATE": ["1.5", "-1", "abc", "nan", "inf", "0.5x", "1e400", "0,5", "--1", "."],
        "FORMAT": ["xml", "texts", "json2"],
        "MAX_MEMORY_MB": ["-5", "many", "12MB", "18446744073709551617", "0"],
        "CLI_ENABLED": ["perhaps"],
        "TRACK_MEMORY": ["3"],
        "BUFFER_SIZE": ["-1", "lots", "99999999999999999999999"],
        "EXPORTERS": ["prometheus,carrier-pigeon", "file;datadog"],
        "SAMPLER": ["random"],
        "STACKS": ["some"],
        "FLUSH_INTERVAL_SECONDS": ["never", "-30", "99999999999"],
        "BATCH_SIZE": ["-1", "x"],
        "EXPORT_TIMEOUT_SECONDS": ["1.x", "-1"],
        "MAX_RETRIES": ["-1", "ten"],
        "ENABLE_FAST_PATH": ["fast"],
        "BACKGROUND_PROCESSING": ["2"],
        "CAPTURE_TEXT": ["text"],
        "WHY": ["slow", "flush;lock"],
        "OVERHEAD_BUDGET": ["much", "-1", "2"],
        "FILE_MAX_FILES": ["many"],
        "FILE_MAX_SECONDS": ["long"],
        "FILE_MAX_MB": ["big"],
        "FILE_FSYNC": ["sometimes"],
        "MAX_SITES": ["all"],
        "EXIT_TIMEOUT_SECONDS": ["never"],
        "DATADOG_API": ["v7"],
        "STACK_DEPTH": ["0", "65", "deep"],
        "STACK_EVERY": ["1", "often"],
    }

    def test_each(self):
        defaults = pf.table_variables()
        bare = pf.execute([pf.build("procs"), "tail"], profiled=False)
        for name, values in self.BAD.items():
            if defaults is not None:
                self.assertIn(name, defaults, "the variable is not in pf-env.def")
            for value in values:
                with self.subTest(variable=name, value=value):
                    run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                    self.assertEqual((run.status, run.stdout), (bare.status, bare.stdout))
                    lines = run.stderr.decode().splitlines()
                    self.assertEqual(len(lines), 1, lines)
                    self.assertTrue(lines[0].startswith("pfprof:"), lines[0])
                    self.assertIn(pf.PREFIX + name, lines[0])
                    self.assertIn(value, lines[0].replace(pf.PREFIX + name, ""))
                    if defaults is not None and defaults[name]:
                        rest = lines[0].split(value, 1)[1]
                        self.assertIn(defaults[name], rest, "the default that is used")
                    if name == "ENABLED":
                        self.assertEqual(run.summaries(), {})
                    elif name == "FORMAT":
                        (only,) = os.listdir(run.output)
                        with open(os.path.join(run.output, only), encoding="utf-8") as file:
                            self.assertRegex(file.read(), r"message_count\s+4\b")
                    else:
                        self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_the_range_is_named(self):
        for name, value, words in (
            ("SAMPLE_RATE", "1.5", ("0", "1")), ("FORMAT", "xml", ("text", "json")),
            ("ENABLED", "maybe", ("true", "false")), ("MAX_MEMORY_MB", "x", ("1",)),
            ("SAMPLER", "random", ("fixed", "adaptive")),
            ("EXPORTERS", "pigeon", ("prometheus", "datadog", "opentelemetry", "file")),
        ):
            with self.subTest(variable=name):
                run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                rest = run.stderr.decode().split(value, 1)[1]
                for word in words:
                    self.assertRegex(rest, rf"\b{word}\b")

    def test_every_variable_that_has_a_range_is_tried(self):
        defaults = pf.table_variables()
        if defaults is None:
            self.skipTest("preload/pf-env.def is not here")
        free_text = {"OUTPUT", "CONFIG", "RULES", "FILE_PATH", "SEGMENT_DIR", "COMMAND",
                     "PROMETHEUS_PUSHGATEWAY", "PROMETHEUS_LISTEN", "PROMETHEUS_TEXTFILE",
                     "AGENT_LISTEN"}
        self.assertEqual(set(defaults) - free_text - set(self.BAD) - {"KEEP_SEGMENT"}, set())

    def test_good_values_say_nothing(self):
        for name, values in {
            "SAMPLE_RATE": ["0", "1", "0.5", "1e-3", "1.0", ".5"],
            "ENABLED": ["true", "1", "TRUE", "yes"],
            "MAX_MEMORY_MB": ["1", "1000"],
            "EXPORTERS": [""],
            "SAMPLER": ["fixed"],
            "BUFFER_SIZE": ["1"],
            "FORMAT": ["json", "JSON"],
        }.items():
            for value in values:
                with self.subTest(variable=name, value=value):
                    run = pf.execute([pf.build("procs"), "tail"], **{name: value})
                    self.assertEqual(run.stderr, b"")
                    self.assertEqual(pf.functions(run.only()), {"write": 4})

    def test_several_at_once_and_in_children(self):
        run = pf.execute([pf.build("procs"), "fork"], SAMPLE_RATE="7", FORMAT="xml", STACKS="x")
        self.assertEqual(run.status, 0)
        lines = run.stderr.decode().splitlines()
        self.assertEqual(len(lines), 3, lines)


class Malloc(pf.Case):
    """The library never calls malloc: counted by a library that stands in for it."""

    def count(self, libraries, argv):
        run = pf.prepare()
        path = os.path.join(run.folder, "malloc-count")
        with open(path, "wb") as file:
            file.truncate(4096)
        pf.execute(
            argv, run=run, preload=libraries, profiled=pf.LIB in libraries,
            extra={"PF_MALLOC_COUNT": path},
        )
        self.assertEqual(run.status, 0, run.stderr[-500:])
        with open(path, "rb") as file:
            return run, struct.unpack("5Q", file.read(40))

    def test_counts_are_those_of_an_empty_library(self):
        pf.need_library()
        counter, empty = pf.build("libcountmalloc"), pf.build("libempty")
        for argv, some in (
            ([pf.build("everycall"), "all", "20"], True),
            ([pf.build("threads"), "mix", "4", "200"], True),
            ([pf.build("threads"), "short", "60", "5"], True),
            ([pf.build("procs"), "tail"], False),
        ):
            for before, after in (([empty, counter], [pf.LIB, counter]),
                                  ([counter, empty], [counter, pf.LIB])):
                with self.subTest(argv=argv[:2], first=os.path.basename(before[0])):
                    bare, fair = self.count(before, argv)
                    run, got = self.count(after, argv)
                    if pf.ABI == "musl":  # its streams hold their buffers themselves
                        fair = (fair[0] + MUSL_ATFORK, *fair[1:])
                    else:
                        self.assertEqual(sum(fair) > 0, some, f"the malloc counted {fair}")
                    self.assertEqual(got, fair, "malloc, calloc, realloc, aligned, free")
                    self.assertEqual(bare.stdout, run.stdout)
                    self.assertTrue(run.summaries())


if __name__ == "__main__":
    pf.main()
