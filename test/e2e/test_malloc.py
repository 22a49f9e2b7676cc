#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The library never calls malloc.
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf

MUSL_ATFORK = 1  # the one allocation that our start costs there: pthread_atfork makes it


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
