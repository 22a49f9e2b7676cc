#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A session of a program whose calls take what a script says."""
import json
import os
import subprocess

from clikit import pf, PFPROF
import pfscript


class Session(pfscript.Case):
    def test_a_session(self):
        """`pfprof run --save` keeps them, and `pfprof report` says the same of them."""
        run = pf.prepare()
        path = os.path.join(run.folder, "session.pfs")
        pattern = [2000] * 98 + [60000, "300000v+9000000"]
        env = pf.environment(run, extra={"PF_TEST_SCRIPT": "fwrite_unlocked=" + pfscript.steps(pattern)})
        program = "BEGIN { for (i = 0; i < 5000; i++) printf \"%d\\n\", i > \"out\" }"
        subprocess.run(
            [PFPROF, "run", "--library", pf.need_scripted(), "--rate", "1",
             "--output", "none", "--save", path, "--", pf.need("gawk"), program],
            env=env, cwd=run.work, check=True, timeout=300)
        done = subprocess.run([PFPROF, "report", "--json", path], env=env,
                              capture_output=True, check=True, timeout=300)
        one = json.loads(done.stdout)
        calls = pfscript.repeated([2000] * 98 + [60000, 300000], 5000)
        (row,) = one["functions"]
        self.assert_row(row, calls)
        self.assertEqual([bar["sampled_count"] for bar in row["histogram"]], [4900, 50, 50])
        self.assertEqual([bar["low_ns"] for bar in row["histogram"]],
                         [pfscript.bucket(ns)[0] for ns in (2000, 60000, 300000)])
        self.assertEqual([event["duration_ns"] for event in one["slowest"]], [300000] * 8)
        blocked = row["why"]["blocked"]
        self.assertEqual((blocked["count"], blocked["total_duration_ns"]), (50, 50 * 300000))
        # The last burst begins a gap after the one before.
        span = sum(calls) + 50 * 9000000
        self.assertAlmostEqual(row["last_time"] - row["first_time"], (span - 9000000) / 1e9, delta=2e-6)
        self.assertAlmostEqual(one["process"]["uptime_seconds"], span / 1e9, delta=1e-4)


if __name__ == "__main__":
    pf.main()
