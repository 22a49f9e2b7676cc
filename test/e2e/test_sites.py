#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where: every call site, the callers behind a wrapper, names of closed plugins, levels, templates."""
import collections

import pfharness as pf


SHARES = {"order": 0.6, "stock": 0.3, "audit": 0.1}  # of callers.c


def callers_by_chance():
    """{caller: share} behind the wrapper, of some 250 stacks."""
    run = pf.execute([pf.build("callers")], SAMPLE_RATE="0.5", STACK_EVERY="2")
    (site,) = [s for s in run.only()["call_sites"] if s["function"] == "vfprintf"]
    return {c["symbol"]: c["share"] for c in site["callers"]}


class Sites(pf.Case):
    def test_three_hundred_sites(self):
        for rate in ("0.01", "1"):
            with self.subTest(rate=rate):
                run = pf.execute([pf.build("sites")], SAMPLE_RATE=rate)
                one = self.check(run.only())
                sites = [s for s in one["call_sites"] if s["symbol"] == "main"]
                # The summary lists the 256 dearest; the segment has all.
                self.assertEqual(one["process"]["call_site_count"], 300)
                self.assertEqual(len(sites), 256)
                truth = collections.Counter(
                    (3 * i + 1, (3 * i + 1) * (10 + i % 7)) for i in range(300))
                found = collections.Counter((s["message_count"], s["bytes"]) for s in sites)
                self.assertEqual(found - truth, collections.Counter())
                self.assertEqual(one["metrics"]["message_count"], sum(k[0] for k in truth))

    def test_all_of_them_are_in_the_segment(self):
        run = pf.execute([pf.build("sites")], SAMPLE_RATE="0.01", KEEP_SEGMENT="true")
        (segment,) = run.segments()
        found = collections.Counter(
            (s["message_count"], s["bytes"]) for s in pf.dump_segment(segment)["call_sites"])
        self.assertEqual(found, collections.Counter(
            (3 * i + 1, (3 * i + 1) * (10 + i % 7)) for i in range(300)))

    def test_callers_behind_a_wrapper(self):
        run = pf.execute([pf.build("callers")], STACKS="on")
        one = self.check(run.only())
        (site,) = [s for s in one["call_sites"] if s["function"] == "vfprintf"]
        self.assertEqual(site["symbol"], "vlog")
        callers = {c["symbol"]: c["share"] for c in site["callers"]}
        self.assertEqual(callers, SHARES)

    def test_callers_by_chance(self):
        """All three are found, and share it all; how near a share comes is check-machine's."""
        callers = callers_by_chance()
        self.assertEqual(set(callers), set(SHARES))
        self.assertLess(abs(sum(callers.values()) - 1), 3 * 5e-5 + 1e-9)  # four places each

    def test_no_stacks_no_callers(self):
        run = pf.execute([pf.build("callers")], STACKS="off")
        self.assertEqual([s["callers"] for s in run.only()["call_sites"]], [[]])

    def test_levels(self):
        run = pf.execute([pf.build("callers")])
        (site,) = run.only()["call_sites"]
        self.assertEqual(site["levels"], {"info": 1000})

    def test_templates(self):
        run = pf.execute([pf.build("callers")])
        (site,) = run.only()["call_sites"]
        found = {t["format"]: t["message_count"] for t in site["templates"]}
        self.assertEqual(set(found), {f"[INFO] {name} %d\n" for name in ("order", "stock", "audit")})
        self.assertAlmostEqual(sum(found.values()), 1000, delta=2)

    def test_text_is_not_stored_unless_asked_for(self):
        script = "i=0; while [ $i -lt 50 ]; do echo order $i of Miss Marple; i=$((i+1)); done"
        for capture in ("false", "true"):
            with self.subTest(capture=capture):
                run = pf.execute([pf.need("dash"), "-c", script], CAPTURE_TEXT=capture,
                                 KEEP_SEGMENT="true")
                (segment,) = run.segments()
                with open(segment, "rb") as file:
                    # The command line is no message.
                    stored = file.read().replace(script[:200].encode(), b"")
                self.assertEqual(b"of Miss Marple\n" in stored, capture == "true")
                (site,) = [s for s in run.only()["call_sites"] if s["message_count"] == 50]
                (template,) = site["templates"]  # the numbers are masked
                self.assertEqual(template["message_count"], 50)

    def test_a_thread_that_is_stuck(self):
        # What takes no more has been filled by it: it is in its write, and has been since before `now`.
        script = ("import os, select, threading, time\n"
                  "r, w = os.pipe()\n"
                  "t = threading.Thread(target=lambda: os.write(w, b'x' * 100000), daemon=True)\n"
                  "t.start()\n"
                  "while select.select([], [w], [], 0.001)[1]: pass\n"
                  "now = time.time()\n"
                  "os.write(1, b'%r' % now); os._exit(0)\n")
        run = pf.execute([pf.need("python3"), "-c", script])
        one = run.only()
        stuck = [t["in_call"] for t in one["threads"] if t["in_call"] is not None]
        self.assertEqual([s["function"] for s in stuck], ["write"])
        # The clocks of the two are one, read in steps of up to 10 ms by some.
        self.assertLess(stuck[0]["since"], float(run.stdout) + 0.01)
        self.assertGreater(stuck[0]["since"], one["metrics"]["start_time"] - 0.01)

    def test_flushes_of_a_stream(self):
        script = ("import os\n"
                  "f = open('log', 'wb', buffering=0)\n"
                  "for i in range(7): f.write(b'line'); os.fsync(f.fileno())\n")
        run = pf.execute([pf.need("python3"), "-c", script])
        (log,) = [s for s in run.only()["streams"] if (s["path"] or "").endswith("/log")]
        self.assertEqual((log["message_count"], log["fsync_count"]), (7, 7))

    def test_a_closed_plugin_keeps_its_name(self):
        run = pf.execute([pf.build("worlds"), "dlclose", pf.build("libplugin")])
        modules = {s.get("module") for s in self.check(run.only())["call_sites"]}
        self.assertIn("libplugin.so", modules)


if __name__ == "__main__":
    pf.main()
