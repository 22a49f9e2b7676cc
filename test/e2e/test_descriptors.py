#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# None is kept open, and nothing is written into one that is no longer ours.
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


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


if __name__ == "__main__":
    pf.main()
