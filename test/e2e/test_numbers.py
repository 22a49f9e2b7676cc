#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What is counted of messages: the share that is timed, sites and streams, emoji, fields.
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pfharness as pf


class Numbers(pf.Case):
    def test_sampled_share(self):
        program = pf.build("threads")
        for rate in pf.RATES:
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


if __name__ == "__main__":
    pf.main()
