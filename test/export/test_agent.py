# SPDX-License-Identifier: Apache-2.0
# The agent: nothing is lost of short or killed processes, targets never wait, who starts it and when it ends.
import glob
import json
import os
import resource
import signal
import subprocess
import tempfile

from exportkit import LONG, Lab, P, SYSTEM_PYTHON, address, clikit, main, pf, target, wait_until

KEY, OTHER_KEY = "7e0c4a9b15d8f326", "f1b86d20c47e935a"


class Reporting(Lab):
    """An agent that exports to a file."""

    def setUp(self):
        super().setUp()
        self.out = self.path("out.jsonl")

    def last(self, metric, **labels):
        """The newest value of a series in the exported file."""
        value = None
        if os.path.exists(self.out):
            with open(self.out, encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    if row["metric"] == "pfprof." + metric and all(
                            row.get(k) == v for k, v in labels.items()):
                        value = row.get("value", row.get("count"))
        return value


class Agent(Reporting):
    def test_short_processes_are_counted_exactly(self):
        agent = self.agent("file", FILE_PATH=self.out)
        for _ in range(60):
            self.leave(["/bin/sh", "-c", "echo one; echo two"])
        wait_until(lambda: not self.ended())
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.last("messages", program="sh", function="write"), 120)
        self.assertEqual(self.last("ended.processes", program="sh"), 60)
        self.assertEqual(self.last("processes", program="sh"), 0)

    def test_one_that_is_just_ending_is_counted_once(self):
        """It says that it has ended before its segment gets the name of one that has."""
        child = self.world.profiled(["/bin/sh", "-c", "echo one; exec sleep 3600"], EXPORTERS="file",  # does not end by itself
                                    COMMAND="none", KEEP_SEGMENT="true")
        self.children.append(child)
        pattern = os.path.join(self.world.folder, "*.pfseg")
        wait_until(lambda: any(self.snapshot(path)["process"]["state"] == "ended"
                               for path in glob.glob(pattern)))
        path, = (path for path in glob.glob(pattern)
                 if self.snapshot(path)["process"]["state"] == "ended")
        agent = self.agent("file", FILE_PATH=self.out)
        self.leave(["/bin/echo", "a look has been taken"])
        wait_until(lambda: self.last("ended.processes", program="echo") == 1)
        os.rename(path, path[:-len("pfseg")] + "ended")
        wait_until(lambda: not self.ended())
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.last("messages", program="sh", function="write"), 1)
        self.assertEqual(self.last("ended.processes", program="sh"), 1)

    def test_a_process_that_goes_on(self):
        child = self.writer()
        agent = self.agent("file", FILE_PATH=self.out)
        for count, told in ((100, 100), (1, 101), (199, 300)):
            self.write(child, count)
            wait_until(lambda: self.last("messages", function="write") == told)
            self.assertEqual(self.last("processes", program="python3"), 1)
        self.end(child)
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.last("messages", function="write"), 300)
        self.assertEqual(self.last("processes", program="python3"), 0)

    def test_a_killed_process(self):
        code = ("import os, signal\nfor i in range(77): os.write(1, b'x')\n"
                "os.kill(os.getpid(), signal.SIGKILL)")
        agent = self.agent("file", FILE_PATH=self.out)
        self.leave([SYSTEM_PYTHON, "-c", code])
        wait_until(lambda: self.last("ended.processes", how="killed") == 1)
        self.assertEqual(self.last("messages", function="write"), 77)
        self.stop(agent)
        # It stays for salvage, and is not exported twice.
        left = glob.glob(self.world.folder + "/*.pfseg")
        self.assertEqual(len(left), 1)
        os.unlink(self.out)
        self.assertEqual(self.once("file", FILE_PATH=self.out).status, 0)
        self.assertIsNone(self.last("messages", function="write"))
        self.assertIn("77", self.world.cli("salvage").out)

    def test_exec_and_a_failed_exec(self):
        code = ("import os\nos.write(1, b'a')\n"
                "try: os.execv('/nonexistent', ['x'])\nexcept OSError: pass\n"
                "os.write(1, b'b')\nos.execv('/bin/sh', ['sh', '-c', 'echo c'])")
        self.leave([SYSTEM_PYTHON, "-c", code])
        done = self.once("file", FILE_PATH=self.out)
        self.assertEqual((done.status, done.err), (0, ""))
        names = {os.path.basename(os.path.realpath(SYSTEM_PYTHON)), "python3"}
        self.assertEqual(max(self.last("messages", program=n, function="write") or 0
                             for n in names), 2)
        self.assertEqual(self.last("messages", program="sh", function="write"), 1)

    def test_a_kept_segment_stays(self):
        self.leave(["/bin/sh", "-c", "echo one"], KEEP_SEGMENT="true")
        self.assertEqual(self.once("file", FILE_PATH=self.out).status, 0)
        self.assertEqual(self.last("messages", program="sh"), 1)
        self.assertEqual(len(glob.glob(self.world.folder + "/*.pfseg")), 1)

    def test_the_library_starts_it(self):
        settings = {"FILE_PATH": self.out, "FLUSH_INTERVAL_SECONDS": "1", "COMMAND": clikit.PFPROF,
                    **{name.removeprefix(P): value for name, value in self.patient().items()}}
        first, second = self.writer(**settings), self.writer(**settings)
        for child in first, second:
            self.write(child, 100)
        # One that finds another's lock is about to end.
        wait_until(lambda: len(self.agents()) == 1 and self.last("messages", function="write") == 200)
        agents = self.agents()
        with open(f"/proc/{agents[0]}/stat", encoding="utf-8") as file:
            parent = int(file.read().rsplit(")", 1)[1].split()[1])
        self.assertNotIn(parent, (first.pid, second.pid, os.getpid()))
        with open(f"/proc/{agents[0]}/environ", "rb") as file:
            environment = file.read()
        self.assertNotIn(b"LD_PRELOAD=", environment)
        for child in first, second:
            self.write(child, 100)
            self.end(child)
        self.assertEqual((first.returncode, second.returncode), (0, 0))
        wait_until(lambda: self.last("messages", function="write") == 400)
        self.assertEqual(self.agents(), agents)
        os.kill(agents[0], signal.SIGTERM)
        wait_until(lambda: not self.agents())

    def agents(self):
        """Agents of this test's folder."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"agent" in words and self.world.folder.encode() in b" ".join(words):
                found.append(int(path.split("/")[2]))
        return found

    def test_without_background_processing(self):
        code = "import os\nfor i in range(50): os.write(1, b'x')"
        for keep in "false", "true":
            child = self.world.profiled(
                [SYSTEM_PYTHON, "-c", code], EXPORTERS="file", FILE_PATH=self.out,
                BACKGROUND_PROCESSING="false", KEEP_SEGMENT=keep, COMMAND=clikit.PFPROF,
                EXIT_TIMEOUT_SECONDS=LONG)
            child.communicate()
            wait_until(lambda: self.last("messages", function="write") == 50)
            wait_until(lambda: not self.ended() and not self.agents())
            os.unlink(self.out)

    def test_a_missing_command_is_said(self):
        child = self.world.profiled(["/bin/sh", "-c", "echo one"], EXPORTERS="file",
                                    COMMAND="/nonexistent/pfprof")
        _, err = child.communicate()
        self.assertIn(b'PROVIDE_PROFILING_EXPORTERS="file" needs the command pfprof', err)
        self.assertEqual(os.listdir(self.world.folder), [])

    def test_one_agent_for_a_user(self):
        self.leave(["/bin/sh", "-c", "echo one"])
        agent = self.agent("file", FILE_PATH=self.out)
        wait_until(lambda: self.last("messages", program="sh"))
        done = self.world.cli("agent", "--folder", self.world.folder, timeout=LONG,
                              extra=self.named({"EXPORTERS": "file", "FILE_PATH": self.out}))
        self.assertEqual(done.status, 2)
        self.assertIn("an agent runs already", done.err)
        self.stop(agent)

    def test_it_stands_back(self):
        agent = self.agent("file", FILE_PATH=self.out)
        wait_until(lambda: os.path.exists(self.out))
        for task in os.listdir(f"/proc/{agent.pid}/task"):
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, int(task)), 19)
            self.assertEqual(os.sched_getscheduler(int(task)), os.SCHED_BATCH)
        self.stop(agent)

    def test_it_ends_when_idle(self):
        self.leave(["/bin/sh", "-c", "echo one"])
        agent = self.agent("file", "--idle", "1", FILE_PATH=self.out)
        self.assertEqual(agent.wait(LONG), 0)
        self.assertEqual(self.last("messages", program="sh"), 1)

    def test_health(self):
        self.leave(["/bin/sh", "-c", "echo one"])
        agent = self.agent("file", FILE_PATH=self.out, AGENT_LISTEN="127.0.0.1:0")
        url = address(agent, "/healthz", b"healthy")

        wait_until(lambda: self.health(url)["exporters"]["file"]["exported"] > 0)
        page = self.health(url)
        self.assertTrue(page["healthy"])
        self.assertEqual(page["exporters"]["file"]["dropped"], 0)

    def test_hostile_segments(self):
        """Rubbish in the folder is counted, and the rest is exported."""
        self.leave(["/bin/sh", "-c", "echo one"])
        good = self.ended()[0]
        with open(good, "rb") as file:
            data = bytearray(file.read(65536))
        for index, change in enumerate((b"", b"x" * 10, data[:700], b"\xff" * 65536)):
            with open(os.path.join(self.world.folder, f"99{index}-1.ended"), "wb") as file:
                file.write(change)
        os.symlink("/etc/passwd", os.path.join(self.world.folder, "998-1.ended"))
        os.mkfifo(os.path.join(self.world.folder, "997-1.ended"))
        done = self.once("file", FILE_PATH=self.out)
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(self.last("messages", program="sh"), 1)
        self.assertEqual(self.last("unreadable.segments"), 6)
        self.assertEqual(self.ended(), [])
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_secrets_are_not_said(self):
        extra = self.named({
            "EXPORTERS": "prometheus,opentelemetry,datadog", "PROMETHEUS_LISTEN": "",
            "PROMETHEUS_PUSHGATEWAY": f"http://me:{KEY}@127.0.0.1:1/x?y@z", "DD_API_KEY": KEY,
            "DD_DD_URL": f"http://me:{KEY}@127.0.0.1:1", "EXIT_TIMEOUT_SECONDS": LONG,
            "MAX_RETRIES": 0, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=" + KEY,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://me:{KEY}@127.0.0.1:1/?key={KEY}"})
        for words in (["config"], ["config", "--json"], ["config", "prometheus_pushgateway"],
                      ["doctor"], ["doctor", "--json"],
                      ["agent", "--once", "--folder", self.world.folder]):
            done = self.world.cli(*words, extra=extra)
            self.assertNotIn(KEY, done.out + done.err, words)
            if words[-1] == "prometheus_pushgateway":
                self.assertIn("= http://***@127.0.0.1:1/x?y@z\n", done.out)
        self.assertIn("not delivered", done.err)

    def test_secrets_stay_out_of_segments_and_targets(self):
        child = self.world.profiled(
            ["/bin/sh", "-c", "echo one"], EXPORTERS="datadog", COMMAND="none")
        child.communicate()
        with open(self.ended()[0], "rb") as file:
            self.assertNotIn(KEY.encode(), file.read())
        # A target that has the key in its environment: not copied into what we write.
        run = dict(self.world.environment(self.named({"EXPORTERS": "datadog", "ENABLED": "true",
                   "OUTPUT": "none", "COMMAND": "none", "DD_API_KEY": KEY})),
                   LD_PRELOAD=pf.LIB)
        subprocess.run(["/bin/sh", "-c", "echo one"], env=run, check=True, capture_output=True)
        for path in self.ended():
            with open(path, "rb") as file:
                self.assertNotIn(KEY.encode(), file.read())

    def keys_in_core(self, **more):
        """How often the two keys stand in the core of a program that has one of them in its environment."""
        environment = dict(self.world.environment(self.named({
            "EXPORTERS": "datadog,prometheus,opentelemetry", "OUTPUT": "none", "DD_API_KEY": KEY,
            "PROMETHEUS_PUSHGATEWAY": f"http://me:{KEY}@127.0.0.1:1/",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=" + KEY})), **more)
        folder = tempfile.mkdtemp(dir=self.scratch)

        def with_core():  # everything that is mapped, the segment too
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            with open("/proc/self/coredump_filter", "w", encoding="ascii") as file:
                file.write("0x7f")

        child = subprocess.Popen([target("ticks"), "1000", "1000"], env=environment, cwd=folder,
                                 stdout=subprocess.PIPE, preexec_fn=with_core)
        self.children.append(child)
        child.stdout.readline()
        if more:
            wait_until(self.world.segments)
        child.send_signal(signal.SIGABRT)  # a shell's background job ignores SIGQUIT
        child.wait(LONG)
        cores = glob.glob(os.path.join(folder, "core*"))
        if not cores:
            self.skipTest("cores go elsewhere here (/proc/sys/kernel/core_pattern)")
        with open(cores[0], "rb") as file:
            core = file.read()
        return core.count(KEY.encode()), core.count(OTHER_KEY.encode())

    def test_secrets_are_no_more_often_in_a_core_than_without_us(self):
        bare = self.keys_in_core()
        self.assertGreaterEqual(bare[0], 3)
        self.assertEqual(bare[1], 0)
        path = os.path.join(self.scratch, "config.ini")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"prometheus_pushgateway = http://me:{OTHER_KEY}@127.0.0.1:1/\nmax_sites = 100\n")
        profiled = self.keys_in_core(**{
            P + "ENABLED": "true", P + "COMMAND": "/bin/true", P + "CONFIG": path, "LD_PRELOAD": pf.LIB})
        self.assertEqual(profiled, bare)


if __name__ == "__main__":
    main()
