#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What one agent costs with many profiled processes: agent-scale.py [PROCESSES [SECONDS [PROGRAMS]]].  Run by hand;
# prints its share of a core, its most memory, how long scrapes take, and whether the sums are exact.
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "export"))
from exportkit import Lab, P, address, get, pf, target  # noqa: E402


class Scale(Lab):
    def runTest(self):
        processes = int(os.environ.get("PF_PROCESSES", "1000"))
        seconds = int(os.environ.get("PF_SECONDS", "60"))
        interval = int(os.environ.get("PF_INTERVAL", "30"))
        agent = self.agent("prometheus", FLUSH_INTERVAL_SECONDS=interval)
        url = address(agent, "/metrics")
        count = seconds + 30
        extra = {P + "ENABLED": "true", P + "OUTPUT": "none", P + "EXPORTERS": "file",
                 P + "COMMAND": "none", "LD_PRELOAD": pf.LIB}
        environment = self.world.environment(extra)
        programs = int(os.environ.get("PF_PROGRAMS", "1"))
        crowd = [subprocess.Popen([f"ticks{i % programs}", str(count), "1000"], env=environment,
                                  executable=target("ticks"), stdout=subprocess.DEVNULL)
                 for i in range(processes)]
        self.children += crowd
        time.sleep(interval + 5)

        def used():
            with open(f"/proc/{agent.pid}/stat", encoding="utf-8") as file:
                words = file.read().rsplit(")", 1)[1].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

        before, begun, scrapes = used(), time.monotonic(), []
        while time.monotonic() - begun < seconds:
            at = time.monotonic()
            size = len(get(url + "/metrics"))
            scrapes.append(time.monotonic() - at)
            time.sleep(1)
        share = (used() - before) / (time.monotonic() - begun)
        with open(f"/proc/{agent.pid}/status", encoding="utf-8") as file:
            most = int(next(x for x in file if x.startswith("VmHWM")).split()[1])
        for one in crowd:
            one.wait()
        time.sleep(3)
        page = get(url + "/metrics").decode()
        total = sum(float(x.split()[-1]) for x in page.splitlines()
                    if x.startswith("pfprof_messages_total") and 'function="write"' in x)
        print(f"{processes} processes of {programs} programs, an export every {interval} s: {share * 100:.2f} % of a core, "
              f"{most / 1024:.1f} MiB at most, scrape {sorted(scrapes)[len(scrapes) // 2] * 1000:.1f} ms "
              f"in the middle, {max(scrapes) * 1000:.1f} ms at most "
              f"({size} bytes), writes {total:.0f} of {processes * count}")
        self.assertEqual(total, processes * count)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["PF_PROCESSES"] = sys.argv[1]
    if len(sys.argv) > 2:
        os.environ["PF_SECONDS"] = sys.argv[2]
    if len(sys.argv) > 3:
        os.environ["PF_PROGRAMS"] = sys.argv[3]
    import unittest
    case = Scale()
    result = unittest.TextTestRunner(verbosity=0).run(case)
    sys.exit(not result.wasSuccessful())
