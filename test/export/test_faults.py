# SPDX-License-Identifier: Apache-2.0
# What receivers do wrong, on real sockets: memory and exit stay bounded, and what did not arrive is counted
# and said.
import json
import os
import socket
import ssl
import subprocess
import threading

from exportkit import (LONG, Lab, Receiver, SYSTEM_PYTHON, address, clikit, get, main, need,
                       wait_until)

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(300): os.write(1, b'x' * (i % 50 + 1))"]
MOST_MEMORY_KB = 32 * 1024
# Its most memory, by a parent of its own: of what a parent has had before, some stays in the books.
MEMORY = """import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
"""


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


def black_hole(one):
    while one.recv(65536):
        pass


def half_closed(one):
    one.recv(65536)
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def slow_loris(one):
    one.recv(65536)
    pace = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 5000:
        one.sendall(bytes([byte]))
        pace.wait(0.2)


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
        """One export to an odd receiver: its words, and bounds.  It ends by itself, not by the settings."""
        self.leave(PRINTS)
        log = self.path("memory")
        environment = self.world.environment(self.named({
            "EXPORTERS": "opentelemetry", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "MAX_RETRIES": 0,
            "EXIT_TIMEOUT_SECONDS": 3600, "EXPORT_TIMEOUT_SECONDS": 3600, **settings}))
        done = subprocess.run(
            [SYSTEM_PYTHON, "-ISc", MEMORY, log, clikit.PFPROF, "agent", "--folder",
             self.world.folder, "--once"], env=environment, capture_output=True, text=True,
            timeout=2 * LONG)
        with open(log, encoding="utf-8") as file:
            status, memory = map(int, file.read().split())
        self.assertEqual(status, 1, done.stderr)
        self.assertIn("points were not delivered", done.stderr)
        self.assertLess(memory, MOST_MEMORY_KB)
        return done.stderr

    def cut_off(self, url, **settings):
        """The same with one that would go on for an hour, and is stopped by EXIT_TIMEOUT_SECONDS."""
        return self.judged(url, EXIT_TIMEOUT_SECONDS=1, MAX_RETRIES=100, **settings)

    def listener(self, act):
        one = Behaviour(act)
        self.addCleanup(one.listener.close)
        return one.url()

    def refuser(self):
        receiver = Receiver(closed=True)
        self.addCleanup(receiver.close)
        return receiver

    def test_refused(self):
        said = self.judged(self.refuser().url())
        self.assertIn("connect", said.lower())

    def test_refused_a_hundred_times(self):
        self.cut_off(self.refuser().url())

    def test_black_hole(self):
        self.cut_off(self.listener(black_hole))

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
        self.cut_off(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def test_half_closed(self):
        self.judged(self.listener(half_closed))

    def test_slow_loris(self):
        self.cut_off(self.listener(slow_loris))

    def test_an_answer_of_a_gigabyte(self):
        self.assertIn("503", self.judged(self.listener(gigabyte)))

    def test_headers_without_end(self):
        self.judged(self.listener(endless_header))

    def test_dns_failure(self):
        said = self.judged("http://no-such-host.invalid:4318")
        self.assertIn("resolve", said.lower())

    def certificate(self, name):
        need("openssl")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True)
        return self.path("cert.pem"), self.path("key.pem")

    def tls(self, name, ask=False):
        receiver = Receiver(closed=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cert, key = self.certificate(name)
        context.load_cert_chain(cert, key)
        if ask:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cert)
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
        receiver.open()
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
        """In ms; by the others it would be an hour."""
        self.judged(self.listener(black_hole), OTEL_EXPORTER_OTLP_TIMEOUT=3600000,
                    OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=500)

    def answered(self, answers, **settings):
        receiver = Receiver(answers, body=b"too much for me\nsecond line")
        self.addCleanup(receiver.close)
        self.leave(PRINTS)
        return receiver, self.once(
            "opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url(), **settings)

    def test_what_is_tried_again(self):
        for status, tries in ((429, 2), (502, 2), (503, 2), (504, 2), (400, 1), (401, 1), (500, 1)):
            receiver, done = self.answered([(status, {})])
            self.assertEqual(len(receiver.requests), tries, status)
            self.assertEqual(done.status, 0 if tries == 2 else 1, status)

    def test_max_retries(self):
        receiver, done = self.answered([(503, {})] * 9, MAX_RETRIES=2)
        self.assertEqual((len(receiver.requests), done.status), (3, 1))
        self.assertIn("status 503: too much for me", done.err)
        self.assertNotIn("second line", done.err)
        gaps = [b[0] - a[0] for a, b in zip(receiver.requests, receiver.requests[1:])]
        self.assertTrue(gaps[0] >= 0.125 and gaps[1] >= 0.25, gaps)  # how long at most: lib-http

    def test_retry_after_is_honoured(self):
        receiver, done = self.answered([(429, {"Retry-After": "1"})])
        self.assertEqual((len(receiver.requests), done.status), (2, 0))
        self.assertGreaterEqual(receiver.requests[1][0] - receiver.requests[0][0], 1)

    def test_a_retry_after_beyond_the_deadline_is_not_waited_for(self):
        receiver, done = self.answered([(503, {"Retry-After": "3000"})])
        self.assertEqual((len(receiver.requests), done.status), (1, 1))

    def test_a_restart_in_the_middle_leaves_no_gap(self):
        """Counters after an outage hold what happened in it."""
        receiver = self.refuser()
        child = self.writer()
        self.write(child, 100)
        agent = self.agent("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url(),
                           OTEL_EXPORTER_OTLP_PROTOCOL="http/json", MAX_RETRIES=0)
        self.assertIn("127.0.0.1", agent.stderr.readline().decode())  # it is down at first
        self.write(child, 250)
        receiver.open()
        wait_until(lambda: receiver.requests)
        self.write(child, 150)
        self.end(child)
        said = self.stop(agent)
        self.assertIn("delivers again", said)
        self.assertNotIn("not delivered", said)
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
        self.leave(PRINTS)
        out = self.path("out.jsonl")
        agent = self.agent("opentelemetry,file", OTEL_EXPORTER_OTLP_ENDPOINT=self.listener(black_hole),
                           FILE_PATH=out, EXPORT_TIMEOUT_SECONDS=3600, EXIT_TIMEOUT_SECONDS=1,
                           AGENT_LISTEN="127.0.0.1:0")

        def exports():
            if not os.path.exists(out):
                return 0
            with open(out, encoding="utf-8") as file:
                return sum("pfprof.processes" in line for line in file)

        wait_until(lambda: exports() >= 4)  # one a second, while the other waits for an hour
        exporters = self.health(address(agent, "/healthz", b"healthy"))["exporters"]
        self.assertEqual((exporters["file"]["dropped"], exporters["opentelemetry"]["exported"]), (0, 0))
        self.assertGreater(exporters["file"]["exported"], 0)
        self.assertIn("opentelemetry", self.stop(agent))

    def test_memory_in_a_long_outage(self):
        """What waits for a black hole is bounded, what is dropped is counted."""
        out = self.path("out.jsonl")
        agent = self.agent("opentelemetry,file", OTEL_EXPORTER_OTLP_ENDPOINT=self.listener(black_hole),
                           FILE_PATH=out, EXPORT_TIMEOUT_SECONDS=3600, EXIT_TIMEOUT_SECONDS=1)

        def dropped():
            if not os.path.exists(out):
                return 0
            with open(out, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
            return max((row["value"] for row in rows if row["metric"] == "pfprof.dropped.points" and
                        row["exporter"] == "opentelemetry"), default=0)

        for _ in range(3):  # one is being sent, two wait, then each takes the place of another
            before = dropped()
            self.leave(PRINTS)
            wait_until(lambda: dropped() > before)
        with open(f"/proc/{agent.pid}/status", encoding="utf-8") as file:
            most = int(next(x for x in file if x.startswith("VmHWM")).split()[1])
        self.assertLess(most, MOST_MEMORY_KB)
        self.assertIn("not delivered", self.stop(agent))

    def test_clients_of_the_scrape_page(self):
        """A slow one, a silent one, many, and one that sends too much: others are served."""
        self.leave(PRINTS)
        url = address(self.agent("prometheus"), "/metrics", b"# TYPE")
        others = [socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) for _ in range(20)]
        for one in others[:10]:
            one.sendall(b"GET /metrics HTT")
        others[15].sendall(b"GET /" + b"x" * 20000)
        others[16].sendall(b"\x00\xff garbage\r\n\r\n")
        # One after the other, the silent ones alone would take 10 s each.
        self.assertIn(b"# TYPE", get(url + "/metrics", timeout=120))
        for one in others:
            one.close()


if __name__ == "__main__":
    main(6)
