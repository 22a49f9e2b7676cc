# SPDX-License-Identifier: Apache-2.0
# What the tests of exporters share: an agent, real receivers as child processes, an HTTP receiver.
import functools
import gzip
import http.server
import json
import os
import shutil
import signal
import socket
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
from clikit import World, wait_until  # noqa: E402,F401
import pfharness as pf  # noqa: E402

SYSTEM_PYTHON = "/usr/bin/python3"
P = "PROVIDE_PROFILING_"


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


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(url, headers=None, timeout=10):
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read()


def query(port, expression, at=None):
    """The result of an instant query of a real Prometheus."""
    from urllib.parse import urlencode
    arguments = {"query": expression, **({"time": at} if at else {})}
    answer = json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?{urlencode(arguments)}"))
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


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
                 P + "PROMETHEUS_LISTEN": "127.0.0.1:0", **self.named(settings)}
        child = self.world.start("agent", "--folder", self.world.folder, *arguments, extra=extra)
        self.children.append(child)
        return child

    @staticmethod
    def named(settings):
        return {name if name.startswith(("OTEL_", "DD_", "SSL_")) else P + name: str(value)
                for name, value in settings.items()}

    def once(self, exporters, **settings):
        """`pfprof agent --once` on what the folder holds."""
        extra = {P + "EXPORTERS": exporters, P + "PROMETHEUS_LISTEN": "", **self.named(settings)}
        return self.world.cli("agent", "--folder", self.world.folder, "--once", extra=extra)

    def leave(self, argv, rate=1, **settings):
        """Runs a program to its end, which leaves a segment for the agent."""
        child = self.world.profiled(
            argv, EXPORTERS="file", COMMAND="none", SAMPLE_RATE=rate, **settings)
        child.communicate()
        return child

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
    def stop(agent, timeout=30):
        """Ends an agent; its standard error."""
        agent.send_signal(signal.SIGTERM)
        out, err = agent.communicate(timeout=timeout)
        return err.decode()


class Receiver:
    """An HTTP server that keeps what it gets, and answers as it is told."""

    def __init__(self, answers=None, body=b""):
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

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
