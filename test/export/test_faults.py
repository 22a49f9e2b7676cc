# SPDX-License-Identifier: Apache-2.0
# What receivers do wrong, on real sockets: memory and exit stay bounded, and what did not arrive is counted
# and said.
import http.server
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

from exportkit import Lab, Receiver, SYSTEM_PYTHON, free_port, need, pf, wait_until

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(300): os.write(1, b'x' * (i % 50 + 1))"]
MOST_MEMORY_KB = 32 * 1024


class Behaviour:
    """A listener whose every connection is handed to `act` in a thread."""

    def __init__(self, act):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.act = act
        self.count = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.guarded, args=(one,), daemon=True).start()

    def guarded(self, one):
        try:
            self.act(one)
        except OSError:
            pass
        finally:
            one.close()

    def url(self):
        return f"http://127.0.0.1:{self.port}"


def black_hole(_):
    time.sleep(600)


def half_closed(one):
    one.recv(65536)
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def slow_loris(one):
    one.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000:
        one.sendall(bytes([byte]))
        time.sleep(0.2)


def gigabyte(one):
    one.recv(65536)
    one.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 1073741824\r\n\r\n")
    piece = b"x" * (1 << 20)
    for _ in range(1024):
        one.sendall(piece)


def endless_header(one):
    one.recv(65536)
    one.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1024):
        one.sendall(b"X-Big: " + b"x" * (1 << 20) + b"\r\n")


class Faults(Lab):
    def judged(self, url, **settings):
        """One export to an odd receiver, by default with 2 s at the end: its words, and bounds."""
        self.leave(PRINTS)
        log = self.path("memory")
        # A wrapper of its own, so that the most memory is this one's.
        code = ("import resource, subprocess, sys, time; t = time.monotonic();"
                "s = subprocess.run(sys.argv[2:]).returncode;"
                "open(sys.argv[1], 'w').write(f'{s} {time.monotonic() - t} '"
                "f'{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}')")
        import clikit
        environment = self.world.environment(self.named({
            "EXPORTERS": "opentelemetry", "OTEL_EXPORTER_OTLP_ENDPOINT": url, **settings}))
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", code, log, clikit.PFPROF, "agent", "--folder",
             self.world.folder, "--once"], env=environment, capture_output=True, text=True,
            timeout=60)
        with open(log, encoding="utf-8") as file:
            status, seconds, memory = file.read().split()
        self.assertEqual(int(status), 1, done.stderr)
        self.assertIn("points were not delivered", done.stderr)
        self.assertLess(int(memory), MOST_MEMORY_KB)
        # Bounded, not timed: without a bound it would be EXPORT_TIMEOUT_SECONDS = 30 or for ever.
        self.assertLess(float(seconds), 15)
        self.seconds = float(seconds)
        if os.environ.get("PF_SAY"):  # for docs/exporters.md
            print(f"{self._testMethodName}: {float(seconds):.2f} s, {int(memory) / 1024:.1f} MiB")
        return done.stderr

    def test_refused(self):
        # On a busy machine libcurl may need more than the usual 2 s to begin.
        says = self.judged(f"http://127.0.0.1:{free_port()}", EXIT_TIMEOUT_SECONDS=14, MAX_RETRIES=0)
        self.assertIn("connect", says.lower())

    def test_black_hole(self):
        self.judged(Behaviour(black_hole).url())

    def test_a_full_backlog(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self.addCleanup(listener.close)
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            self.addCleanup(one.close)
        self.judged(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def test_half_closed(self):
        self.judged(Behaviour(half_closed).url())

    def test_slow_loris(self):
        self.judged(Behaviour(slow_loris).url())

    def test_an_answer_of_a_gigabyte(self):
        self.assertIn("503", self.judged(Behaviour(gigabyte).url(), MAX_RETRIES=0))

    def test_headers_without_end(self):
        self.judged(Behaviour(endless_header).url())

    def test_dns_failure(self):
        said = self.judged("http://no-such-host.invalid:4318")
        self.assertIn("resolve", said.lower())

    def certificate(self, name):
        need("openssl")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True)
        return self.path("cert.pem"), self.path("key.pem")

    def tls(self, name, ask=False):
        receiver = Receiver()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert, key = self.certificate(name)
        context.load_cert_chain(cert, key)
        if ask:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cert)
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
        self.addCleanup(receiver.close)
        return receiver

    def test_a_certificate_that_nobody_signed(self):
        receiver = self.tls("localhost")
        said = self.judged(f"https://localhost:{receiver.port}")
        self.assertIn("certificate", said.lower() + " ssl")
        self.assertEqual(receiver.requests, [])

    def test_a_certificate_of_another_name(self):
        receiver = self.tls("elsewhere.example")
        self.judged(f"https://localhost:{receiver.port}",
                    OTEL_EXPORTER_OTLP_CERTIFICATE=self.path("cert.pem"))
        self.assertEqual(receiver.requests, [])

    def test_a_certificate_that_is_trusted(self):
        receiver = self.tls("localhost")
        self.leave(PRINTS)
        done = self.once("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=f"https://localhost:{receiver.port}",
                         OTEL_EXPORTER_OTLP_CERTIFICATE=self.path("cert.pem"))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(len(receiver.requests), 1)

    def test_a_client_certificate(self):
        """A server that lets in only whom it knows."""
        receiver = self.tls("localhost", ask=True)
        said = self.judged(f"https://localhost:{receiver.port}",
                           OTEL_EXPORTER_OTLP_CERTIFICATE=self.path("cert.pem"))
        self.assertEqual(receiver.requests, [], said)
        self.leave(PRINTS)
        done = self.once(
            "opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=f"https://localhost:{receiver.port}",
            OTEL_EXPORTER_OTLP_CERTIFICATE="/nonexistent",
            OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE=self.path("cert.pem"),
            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=self.path("cert.pem"),
            OTEL_EXPORTER_OTLP_CLIENT_KEY=self.path("key.pem"))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(len(receiver.requests), 1)

    def test_the_timeout_of_otlp(self):
        """In ms; without it it would be EXPORT_TIMEOUT_SECONDS = 30."""
        self.judged(Behaviour(black_hole).url(), EXIT_TIMEOUT_SECONDS=60, MAX_RETRIES=0,
                    OTEL_EXPORTER_OTLP_TIMEOUT=60000, OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=500)

    def answered(self, answers, **settings):
        receiver = Receiver(answers, body=b"too much for me\nsecond line")
        self.addCleanup(receiver.close)
        self.leave(PRINTS)
        return receiver, self.once(
            "opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url(), **settings)

    def test_what_is_tried_again(self):
        for status, tries in ((429, 2), (502, 2), (503, 2), (504, 2), (400, 1), (401, 1), (500, 1)):
            receiver, done = self.answered([(status, {})], EXIT_TIMEOUT_SECONDS=10)
            self.assertEqual(len(receiver.requests), tries, status)
            self.assertEqual(done.status, 0 if tries == 2 else 1, status)

    def test_max_retries(self):
        receiver, done = self.answered([(503, {})] * 9, MAX_RETRIES=2, EXIT_TIMEOUT_SECONDS=20)
        self.assertEqual((len(receiver.requests), done.status), (3, 1))
        self.assertIn("status 503: too much for me", done.err)
        self.assertNotIn("second line", done.err)
        gaps = [b[0] - a[0] for a, b in zip(receiver.requests, receiver.requests[1:])]
        self.assertTrue(gaps[0] >= 0.12 and gaps[1] >= 0.24, gaps)

    def test_retry_after_is_honoured(self):
        receiver, done = self.answered([(429, {"Retry-After": "1"})], EXIT_TIMEOUT_SECONDS=20)
        self.assertEqual((len(receiver.requests), done.status), (2, 0))
        self.assertGreaterEqual(receiver.requests[1][0] - receiver.requests[0][0], 0.99)

    def test_a_retry_after_beyond_the_deadline_is_not_waited_for(self):
        receiver, done = self.answered([(503, {"Retry-After": "3000"})])
        self.assertEqual((len(receiver.requests), done.status), (1, 1))

    def test_a_restart_in_the_middle_leaves_no_gap(self):
        """Counters after an outage hold what happened in it."""
        import json
        port = free_port()
        ticking = [SYSTEM_PYTHON, "-c", "import os, time\nfor i in range(500):\n os.write(1, b'x')\n"
                   " time.sleep(0.01)"]
        child = self.world.profiled(ticking, EXPORTERS="file", COMMAND="none")
        self.children.append(child)
        agent = self.agent("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
                           OTEL_EXPORTER_OTLP_PROTOCOL="http/json", MAX_RETRIES=0)
        self.assertIn("127.0.0.1", agent.stderr.readline().decode())  # it is down at first
        receiver = Receiver.__new__(Receiver)
        original = http.server.ThreadingHTTPServer

        def at_port(_, handler):
            return original(("127.0.0.1", port), handler)

        http.server.ThreadingHTTPServer = at_port
        try:
            receiver.__init__()
        finally:
            http.server.ThreadingHTTPServer = original
        self.addCleanup(receiver.close)
        child.communicate()
        said = self.stop(agent)
        self.assertIn("delivers again", said)
        values = []
        for request in receiver.requests:
            for resource_ in json.loads(request[3])["resourceMetrics"]:
                for metric in resource_["scopeMetrics"][0]["metrics"]:
                    if metric["name"] == "pfprof.messages":
                        values += [int(p["asInt"]) for p in metric["sum"]["dataPoints"]
                                   if any(a["value"].get("stringValue") == "write"
                                          for a in p["attributes"])]
        self.assertEqual(values[-1], 500)
        self.assertEqual(values, sorted(values), "a counter went back")

    def test_one_that_fails_does_not_hold_up_another(self):
        hole = Behaviour(black_hole)
        self.leave(PRINTS)
        out = self.path("out.jsonl")
        agent = self.agent("opentelemetry,file", OTEL_EXPORTER_OTLP_ENDPOINT=hole.url(), FILE_PATH=out)

        def exports():
            if not os.path.exists(out):
                return 0
            with open(out, encoding="utf-8") as file:
                return sum("pfprof.processes" in line for line in file)

        wait_until(lambda: exports() >= 4)  # one a second, while the other's 30 s are not over
        said = self.stop(agent)
        self.assertIn("opentelemetry", said)
        self.assertNotIn("file:", said)

    def test_memory_in_a_long_outage(self):
        """What waits for a black hole is bounded, what is dropped is counted."""
        hole = Behaviour(black_hole)
        out = self.path("out.jsonl")
        agent = self.agent("opentelemetry,file", OTEL_EXPORTER_OTLP_ENDPOINT=hole.url(), FILE_PATH=out)
        for _ in range(6):
            self.leave(PRINTS)
            time.sleep(1)
        with open(f"/proc/{agent.pid}/status", encoding="utf-8") as file:
            most = int(next(x for x in file if x.startswith("VmHWM")).split()[1])
        self.assertLess(most, MOST_MEMORY_KB)
        with open(out, encoding="utf-8") as file:
            dropped = [line for line in file
                       if "pfprof.dropped.points" in line and "opentelemetry" in line]
        self.assertNotIn('"value":0}', dropped[-1])
        self.assertIn("not delivered", self.stop(agent))

    def test_clients_of_the_scrape_page(self):
        """A slow one, a silent one, many, and one that sends too much: others are served."""
        import urllib.request
        port = free_port()
        self.leave(PRINTS)
        self.agent("prometheus", PROMETHEUS_LISTEN=f"127.0.0.1:{port}")

        def fetch():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20).read()
            except OSError:
                return None

        wait_until(fetch)  # before the first export the page is empty
        others = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for one in others[:10]:
            one.sendall(b"GET /metrics HTT")
        others[15].sendall(b"GET /" + b"x" * 20000)
        others[16].sendall(b"\x00\xff garbage\r\n\r\n")
        self.assertIn(b"# TYPE", fetch())
        for one in others:
            one.close()


if __name__ == "__main__":
    pf.main()
