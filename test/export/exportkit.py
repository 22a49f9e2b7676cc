# SPDX-License-Identifier: Apache-2.0
# What the tests of exporters share: an agent, real receivers as child processes, an HTTP receiver.
import concurrent.futures
import functools
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))
import clikit  # noqa: E402
from clikit import World  # noqa: E402
import pfharness as pf  # noqa: E402

SYSTEM_PYTHON = "/usr/bin/python3"
P = "PROVIDE_PROFILING_"
# The agent is at nice 19: on a busy machine it is the last to get on.  A bound, which nobody waits out.
LONG = 240
# Each number that comes in is a count of writes to make; then it says so on another descriptor.
WRITER = """
import os, sys
for line in sys.stdin:
    for i in range(int(line)):
        os.write(2, b"x")
    os.ftruncate(%d, int(line))
"""


def wait_until(condition, pause=0.02):
    """The first true value of `condition()`; a pause between two looks leaves the CPU to what is waited for."""
    end = time.monotonic() + LONG
    while True:
        late = time.monotonic() > end
        value = condition()
        if value:
            return value
        if late:
            where = condition.__code__
            raise AssertionError(f"{LONG} s in vain: line {where.co_firstlineno} of {where.co_filename}")
        time.sleep(pause)  # between two looks


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise unittest.SkipTest(f"{program} is not installed (scripts/bootstrap installs it)")


@functools.lru_cache(None)
def need_npm():
    done = subprocess.run([os.path.join(HERE, "install")], capture_output=True, text=True)
    if done.returncode:
        raise unittest.SkipTest(done.stderr.strip())


def target(name):
    return os.path.join(os.environ.get("PF_TARGETS") or os.path.join(pf.ROOT, "build/test"), name)


def get(url, headers=None, timeout=LONG):
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read()


def query(url, expression):
    """The result of an instant query of a real Prometheus."""
    from urllib.parse import urlencode
    answer = json.loads(get(f"{url}/api/v1/query?{urlencode({'query': expression})}"))
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def listening(child):
    """The TCP ports that a process listens on: it was told port 0, and took one that is its own."""
    folder, sockets, ports = f"/proc/{child.pid}", set(), []
    for name in os.listdir(folder + "/fd"):
        try:
            sockets.update(re.findall(r"^socket:\[(\d+)\]$", os.readlink(f"{folder}/fd/{name}")))
        except OSError:
            pass  # closed meanwhile
    for table in "tcp", "tcp6":
        if os.path.exists(f"{folder}/net/{table}"):
            with open(f"{folder}/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
            ports += [int(row[1].rpartition(":")[2], 16) for row in rows
                      if row[3] == "0A" and row[9] in sockets]
    return ports


def address(child, path, has=b""):
    """http://127.0.0.1:PORT of a process, once what it answers to `path` holds `has`."""
    def answers():
        if child.poll() is not None:
            raise AssertionError(f"{child.args} has ended with {child.returncode}")
        for port in listening(child):
            try:
                if has in get(f"http://127.0.0.1:{port}{path}"):
                    return f"http://127.0.0.1:{port}"
            except OSError:
                pass  # it is not ready yet, or this is another page of it
        return None

    return wait_until(answers)


class Lab(unittest.TestCase):
    """A world, and processes that end with the test."""

    def setUp(self):
        if clikit.is_sanitized():
            self.skipTest("the sanitized command is not for this")
        self.world = World()
        self.children = []
        self.scratch = tempfile.mkdtemp(prefix="pf-export-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.addCleanup(self.end_all)

    def end_all(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def spawn(self, *argv, **options):
        log = open(self.path(os.path.basename(argv[0]) + ".log"), "ab")
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.scratch, **options)
        log.close()
        self.children.append(child)
        return child

    def agent(self, exporters, *arguments, **settings):
        """A running agent; settings in upper case without prefix, or whole names with an underscore
        of their own (OTEL_..., DD_...)."""
        extra = {P + "EXPORTERS": exporters, P + "FLUSH_INTERVAL_SECONDS": "1",
                 P + "PROMETHEUS_LISTEN": "127.0.0.1:0", **self.patient(), **self.named(settings)}
        child = self.world.start("agent", "--folder", self.world.folder, *arguments, extra=extra)
        self.children.append(child)
        return child

    @staticmethod
    def named(settings):
        return {name if name.startswith(("OTEL_", "DD_", "SSL_")) else P + name: str(value)
                for name, value in settings.items()}

    def once(self, exporters, **settings):
        """`pfprof agent --once` on what the folder holds."""
        extra = {P + "EXPORTERS": exporters, P + "PROMETHEUS_LISTEN": "", **self.patient(),
                 **self.named(settings)}
        return self.world.cli("agent", "--folder", self.world.folder, "--once", extra=extra,
                              timeout=2 * LONG)

    @staticmethod
    def patient():
        """No deadline that load decides on; tests of deadlines set their own."""
        return {P + "EXIT_TIMEOUT_SECONDS": str(LONG), P + "EXPORT_TIMEOUT_SECONDS": str(LONG)}

    def leave(self, argv, rate=1, **settings):
        """Runs a program to its end, which leaves a segment for the agent."""
        child = self.world.profiled(
            argv, EXPORTERS="file", COMMAND="none", SAMPLE_RATE=rate, **settings)
        child.communicate()
        return child

    def writer(self, options=None, **settings):
        """A program that writes when it is told to."""
        settings = {"EXPORTERS": "file", "COMMAND": "none", "SAMPLE_RATE": "1", **settings}
        environment = self.world.environment(
            {P + "ENABLED": "true", P + "OUTPUT": "none", "LD_PRELOAD": pf.LIB, **self.named(settings)})
        descriptor, path = tempfile.mkstemp(dir=self.scratch)
        child = subprocess.Popen(
            [SYSTEM_PYTHON, "-c", WRITER % descriptor], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, pass_fds=(descriptor,),
            **(options or {}))
        os.close(descriptor)
        child.done = path
        self.children.append(child)
        return child

    @staticmethod
    def write(child, count):
        """Has a writer make `count` writes, and waits until they are made."""
        os.truncate(child.done, 0)
        child.stdin.write(f"{count}\n")
        child.stdin.flush()
        wait_until(lambda: os.path.getsize(child.done) == count)

    def end(self, child):
        """Ends a writer, and waits until the agent has taken what it left."""
        child.stdin.close()
        child.wait(LONG)
        wait_until(lambda: not self.ended())

    def ended(self):
        return sorted(os.path.join(self.world.folder, name)
                      for name in os.listdir(self.world.folder) if name.endswith(".ended"))

    def snapshot(self, path):
        """Our own reader's view of a segment."""
        show = os.environ.get("PF_SHOW") or os.path.join(pf.ROOT, "build/test/show-snapshot")
        out = subprocess.run([show, path], capture_output=True, text=True, check=True,
                             env={**os.environ, "G_DEBUG": ""}).stdout
        return json.loads(out)

    @staticmethod
    def health(url):
        """What an agent says of itself, once it has looked at segments within 30 s: else it answers with 503."""
        def page():
            try:
                return json.loads(get(url + "/healthz"))
            except urllib.error.HTTPError:
                return None

        return wait_until(page)

    @staticmethod
    def stop(agent, timeout=2 * LONG):
        """Ends an agent; its standard error."""
        agent.send_signal(signal.SIGTERM)
        out, err = agent.communicate(timeout=timeout)
        return err.decode()


class Receiver:
    """An HTTP server that keeps what it gets, and answers as it is told.  A closed one has its port, and refuses
    whoever comes, until open()."""

    def __init__(self, answers=None, body=b"", closed=False):
        self.requests = []
        self.answers = list(answers or [])  # (status, headers) for the first requests; then 200
        self.body = body
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                # After the request has come and before it is answered: so gaps are never told too short.
                outer.requests.append((time.monotonic(), self.path, dict(self.headers), body))
                status, headers = outer.answers.pop(0) if outer.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, False)
        self.server.server_bind()
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.is_open = False
        if not closed:
            self.open()

    def open(self):
        self.server.server_activate()
        self.is_open = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        if self.is_open:
            self.server.shutdown()
        self.server.server_close()


class AtOnce:
    """Runs tests several at a time: they wait for agents and receivers far more than they work."""

    def __init__(self, count):
        self.count = count

    @staticmethod
    def each(suite):
        for one in suite:
            if isinstance(one, unittest.TestSuite):
                yield from AtOnce.each(one)
            else:
                yield one

    @staticmethod
    def run_one(test):
        result, begun = unittest.TestResult(), time.monotonic()
        test.run(result)
        print(f"{'ok  ' if result.wasSuccessful() else 'FAIL'} {time.monotonic() - begun:6.1f} s  {test.id()}",
              file=sys.stderr, flush=True)
        return result

    def run(self, suite):
        whole = unittest.TestResult()
        with concurrent.futures.ThreadPoolExecutor(self.count) as pool:
            for one in pool.map(self.run_one, self.each(suite)):
                whole.testsRun += one.testsRun
                for name in ("failures", "errors", "skipped", "unexpectedSuccesses"):
                    getattr(whole, name).extend(getattr(one, name))
        for test, trace in whole.errors + whole.failures:
            print(f"\n{test.id()}\n{trace}", file=sys.stderr)
        print(f"{whole.testsRun} tests", file=sys.stderr)
        return whole


def main(at_once=4):
    pf.main(AtOnce(at_once))
