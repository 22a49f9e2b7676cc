#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where: every call site, the callers behind a wrapper, names of closed plugins, levels, templates."""
import collections
import unittest

import pfharness as pf


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
        self.assertEqual(callers, {"order": 0.6, "stock": 0.3, "audit": 0.1})

    def test_callers_by_chance(self):
        run = pf.execute([pf.build("callers")], SAMPLE_RATE="0.5", STACK_EVERY="2")
        (site,) = [s for s in run.only()["call_sites"] if s["function"] == "vfprintf"]
        callers = {c["symbol"]: c["share"] for c in site["callers"]}
        # Some 250 stacks: four standard deviations are 12 points.
        for name, share in (("order", 0.6), ("stock", 0.3), ("audit", 0.1)):
            self.assertAlmostEqual(callers[name], share, delta=0.13)

    def test_no_stacks_no_callers(self):
        run = pf.execute([pf.build("callers")], STACKS="off")
        self.assertEqual([s["callers"] for s in run.only()["call_sites"]], [[]])

    def test_levels(self):
        run = pf.execute([pf.build("callers")])
        (site,) = run.only()["call_sites"]
        self.assertEqual(site["levels"], {"info": 1000})

    def test_a_closed_plugin_keeps_its_name(self):
        run = pf.execute([pf.build("worlds"), "dlclose", pf.build("libplugin")])
        modules = {s.get("module") for s in self.check(run.only())["call_sites"]}
        self.assertIn("libplugin.so", modules)


if __name__ == "__main__":
    pf.main()
