#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What a target pays for exports: agent-target.py [ROUNDS].  The same program without EXPORTERS, with a segment that
# stays for an agent that is not there, and with an agent whose receiver is a black hole, on the target's CPU or
# on another one; in turn, medians.  Beside the time from start to end stands the CPU time that the target
# itself was charged, and what the agent used meanwhile.
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "export"))
import unittest  # noqa: E402

from exportkit import Lab, P, SYSTEM_PYTHON, clikit, pf  # noqa: E402
from test_faults import Behaviour, black_hole  # noqa: E402

LONG = [SYSTEM_PYTHON, "-c", "import os\nfd = os.open('/dev/null', 1)\n"
        "for i in range(400000): os.write(fd, b'x' * 50)"]
SHORT = ["/bin/sh", "-c", "echo one"]
CASES = (("400,000 writes", LONG, 1), ("sh -c 'echo one'", SHORT, 100))


class Target(Lab):
    def took(self, argv, times, settings):
        """ms from start to end and of CPU time, for one run of `times`."""
        environment = self.world.environment(settings)
        wall, used = 0.0, 0.0
        for _ in range(times):
            begun = time.monotonic()
            child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = status
            wall += time.monotonic() - begun
            used += usage.ru_utime + usage.ru_stime
        return wall / times * 1000, used / times * 1000

    def empty(self):
        for path in self.ended():
            os.unlink(path)

    @staticmethod
    def cpu_of(pid):
        """ns, of all its threads."""
        return sum(int(open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8").read().split()[0])
                   for task in os.listdir(f"/proc/{pid}/task"))

    def run_agent(self, cpus):
        agent = self.agent("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=self.hole.url())
        os.sched_setaffinity(agent.pid, cpus)
        time.sleep(1.5)
        return agent

    def measure(self, argv, times, rounds, cpus):
        base = {P + "ENABLED": "true", P + "SAMPLE_RATE": "0.01", P + "OUTPUT": "none",
                "LD_PRELOAD": pf.LIB}
        stays = {**base, P + "EXPORTERS": "opentelemetry", P + "COMMAND": "none"}
        exported = {**base, P + "EXPORTERS": "opentelemetry", P + "COMMAND": clikit.PFPROF}
        found = {}

        def add(name, settings):
            self.took(argv, max(times // 10, 1), settings)  # warm, whatever was before
            found.setdefault(name, []).append(self.took(argv, times, settings))

        agent_ns = 0
        for _ in range(rounds):
            add("without EXPORTERS", base)
            add("the segment stays, no agent", stays)
            self.empty()
            for name, where in (("agent on the same CPU", {cpus[0]}),
                                ("agent on another CPU", {cpus[-1]})):
                if len(cpus) == 1 and name != "agent on the same CPU":
                    continue
                agent = self.run_agent(where)
                before = self.cpu_of(agent.pid)
                add(name, exported)
                while self.ended():
                    time.sleep(0.1)
                agent_ns += self.cpu_of(agent.pid) - before
                agent.kill()
                agent.wait()
                self.empty()
        return found, agent_ns / rounds / times / 1e6 / (2 if len(cpus) > 1 else 1)

    def runTest(self):
        rounds = int(os.environ.get("PF_ROUNDS", "9"))
        self.hole = Behaviour(black_hole)
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[0]})
        print(f"load {os.getloadavg()[0]:.1f}; medians of {rounds}; the target on CPU {cpus[0]}; ms")
        for name, argv, times in CASES:
            found, agent_ms = self.measure(argv, times, rounds, cpus)
            print(f"{name}; the agent used {agent_ms:.3f} for each")
            for case, values in found.items():
                wall, used = (statistics.median(v[i] for v in values) for i in (0, 1))
                least = min(v[0] for v in values)
                print(f"  {case:28} {wall:8.3f} from start to end (least {least:.3f}), "
                      f"{used:8.3f} CPU time")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["PF_ROUNDS"] = sys.argv[1]
    sys.exit(not unittest.TextTestRunner(verbosity=0).run(Target()).wasSuccessful())
