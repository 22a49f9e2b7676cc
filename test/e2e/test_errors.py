#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Same results and errno as without us, also of calls that fail and of formats that libc alone survives.
import errno
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


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


if __name__ == "__main__":
    pf.main()
