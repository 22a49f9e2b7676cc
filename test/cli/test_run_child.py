#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# pfprof run and its child: exit statuses, signals, the environment, the terminal; what it says of them.
import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf


class Child(clikit.Case):
    def test_the_target_is_undisturbed(self):
        script = "echo out; echo err >&2; cat; exit 7"
        bare = subprocess.run(["sh", "-c", script], input=b"in", capture_output=True)
        done = self.world.start("run", "--output", "none", "--", "sh", "-c", script,
                                stdin=subprocess.PIPE)
        out, err = done.communicate(b"in", timeout=pf.PATIENCE)
        self.assertEqual((done.returncode, out, err), (bare.returncode, bare.stdout, bare.stderr))

    def test_exit_statuses(self):
        def status(*argv, options=("--output", "none")):
            return self.world.cli("run", *options, "--", *argv)

        self.assertEqual(status("sh", "-c", "echo; exit 3").status, 3)
        self.assertEqual(status("sh", "-c", "echo; kill -TERM $$").status, -signal.SIGTERM)
        self.assertEqual(status("sh", "-c", "echo; kill -KILL $$").status, -signal.SIGKILL)
        self.assertEqual(status("sh", "-c", "echo; kill -SEGV $$").status, -signal.SIGSEGV)
        plain = os.path.join(self.world.run.work, "plain")
        with open(plain, "w", encoding="utf-8"):
            pass
        self.assert_error(status(plain), 126)
        self.assert_error(status("/no/such/program"), 127)
        self.assert_error(status("no-such-program"), 127)
        self.assert_error(status("true", options=["--rate", "2"]), 125, "0 to 1")
        self.assert_error(status("true", options=["--frob"]), 125, "--frob")
        self.assert_error(status("true", options=["--stacks=yes"]), 125, "auto|on|off")
        self.assert_error(status("true", options=["--set", "frob=1"]), 125, "frob")
        self.assert_error(status("true", options=["--set", "frob"]), 125, "NAME=VALUE")
        self.assert_error(status("true", options=["--library", "/no/lib.so"]), 125, "/no/lib.so")
        self.assert_error(status("true", options=["--output", "/no/such/file"]), 125, "/no/such")
        self.assert_error(status("true", options=["--save", "/no/such/file"]), 125, "/no/such")
        self.assert_error(self.world.cli("run"), 125, "COMMAND")
        self.assertEqual(self.world.folders(), [])

    def test_signals_reach_the_child(self):
        program = "import os, signal\n" \
                  "signal.signal({0}, lambda *_: os._exit(9 if os.write(1, b'got\\n') else 1))\n" \
                  "os.write(1, b'ready\\n')\nwhile True: signal.pause()\n"
        python = pf.need("python3")
        for name in ("TERM", "HUP", "INT", "USR1"):
            number = getattr(signal, "SIG" + name)  # nohup(1) may have started the tests
            self.addCleanup(signal.signal, number, signal.signal(number, signal.SIG_DFL))
            with self.subTest(name):
                process = self.world.start("run", "--output", "none", "--", python, "-c",
                                           program.format(int(number)), start_new_session=True)
                self.assertEqual(process.stdout.readline(), b"ready\n")
                process.send_signal(number)
                out, _ = process.communicate(timeout=pf.PATIENCE)
                self.assertEqual((process.returncode, out), (9, b"got\n"))

    def test_ctrl_c_reaches_it_once_and_the_sum_comes(self):
        # When pfprof has slept twice more, it has seen its own SIGINT, and would have sent it on.
        program = """
import os, signal, time
count = 0
def on_signal(*_):
    global count
    count += 1
    os.write(1, b"caught %d\\n" % count)
def sleeps():
    with open(f"/proc/{os.getppid()}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
def wait_for(condition):
    while not condition():
        time.sleep(0.005)  # and looks again
signal.signal(signal.SIGINT, on_signal)
os.write(1, b"ready\\n")
wait_for(lambda: count)
before = sleeps()
wait_for(lambda: sleeps() >= before + 2)
os.write(1, b"end %d\\n" % count)
"""
        status, text = self.world.on_terminal("run", "--", pf.need("python3"), "-c", program,
                                              types=(b"ready", b"\x03"))
        self.assertEqual(status, 0, text)
        self.assertIn("end 1", text)
        self.assertNotIn("caught 2", text)
        self.assertIn("ProfileMetrics", text)

    def test_ctrl_c_ends_both(self):
        status, text = self.world.on_terminal("run", "--", "sh", "-c", "echo ready; exec cat",
                                              types=(b"ready", b"\x03"))
        self.assertEqual(status, -signal.SIGINT, text)
        self.assertIn("ProfileMetrics", text)

    def test_ld_preload_is_kept(self):
        if clikit.is_sanitized():
            self.skipTest("a sanitized pfprof cannot be started under LD_PRELOAD")
        other = pf.build("libcountmalloc")
        done = self.world.cli("run", "--output", "none", "--", "sh", "-c", "echo $LD_PRELOAD",
                              extra={"LD_PRELOAD": other})
        self.assertRegex(done.out, rf"\A{re.escape(other)}:/\S+/libpfprof\.so\n\Z")
        twice = self.world.cli("run", "--output", "none", "--", os.path.realpath("/bin/sh"), "-c",
                               "echo $LD_PRELOAD", extra={"LD_PRELOAD": pf.LIB})
        self.assertEqual(twice.out, pf.LIB + "\n")

    def test_the_environment_stays_otherwise(self):
        extra = {"PROVIDE_PROFILING_SAMPLE_RATE": "0.5", "WORD": "kept"}
        done = self.world.cli("run", "--output", "none", "--", "env", extra=extra)
        env = dict(line.split("=", 1) for line in done.out.splitlines())
        self.assertEqual(env["XDG_RUNTIME_DIR"], self.world.run.runtime)
        self.assertEqual(env["WORD"], "kept")
        self.assertEqual(env["PROVIDE_PROFILING_SAMPLE_RATE"], "0.5")

    def test_a_bad_setting_is_said_once(self):
        extra = {"PROVIDE_PROFILING_SAMPLE_RATE": "lots"}
        done = self.world.cli("run", "--output", "none", "--", "sh", "-c", "/bin/echo 1; /bin/echo 2",
                              extra=extra)
        self.assertEqual(done.status, 0)
        self.assertEqual(len(done.err.splitlines()), 1, done.err)
        self.assertIn("SAMPLE_RATE", done.err)

    def test_a_terminal_that_does_not_block(self):
        """What shares standard error with us may have made it so: the summary is whole all the same."""
        out, err = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(err, 1031, 4096)  # F_SETPIPE_SZ
        argv = [clikit.PFPROF, "run", "--library", pf.LIB, "--output", "stderr", "--json", "--", "/bin/echo", "hi"]
        with subprocess.Popen(argv, env=self.world.environment(), stdout=subprocess.DEVNULL, stderr=err) as process:
            # Nobody reads before the pipe is full and the writer waits for room.
            pf.wait_for(lambda: not select.select([], [err], [], 0)[1] and clikit.state_of(process.pid) in "SZ",
                        "a full pipe")
            os.close(err)
            os.set_blocking(out, True)
            text = b"".join(iter(lambda: os.read(out, 4096), b""))
            self.assertEqual(process.wait(timeout=pf.PATIENCE), 0)
        os.close(out)
        self.assertGreater(len(text), 4096)
        self.assertEqual(json.loads(text)["schema_version"], 1)

    def test_what_still_runs_is_said_and_stays_visible(self):
        self.world.fifo("there")
        self.world.fifo("never")
        script = "(for i in 1 2 3; do /bin/echo $i; done; exec /usr/bin/python3 -c \"" \
                 "import os\nos.write(1,b'x')\nopen('there', 'w').close()\nopen('never').read()\"" \
                 ") >/dev/null 2>&1 & echo $!; read line <there; exit 0"
        done = self.world.cli("run", "--output", "none", "--", "bash", "-c", script)
        pid = int(done.out)
        try:
            self.assertEqual(done.status, 0, done.err)
            self.assertIn("still run", done.err)
            listed = {p["pid"]: p for p in self.world.json("list")["processes"]}
            self.assertEqual(listed[pid]["state"], "active")
        finally:
            os.kill(pid, signal.SIGKILL)

    def test_nothing_seen(self):
        done = self.world.cli("run", "--", "true")
        self.assertEqual(done.status, 0)
        self.assertRegex(done.err, r"\Apfprof: nothing was seen[^\n]*doctor[^\n]*\n\Z")


if __name__ == "__main__":
    pf.main()
