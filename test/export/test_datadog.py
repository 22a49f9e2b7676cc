# SPDX-License-Identifier: Apache-2.0
# The Datadog exporter: DogStatsD against a strict receiver that hot-shots passes too; HTTP against Datadog's
# own client (v2) and a real VictoriaMetrics (v1).
import json
import os
import re
import socket
import subprocess
import threading

from exportkit import (HERE, LONG, Lab, Receiver, SYSTEM_PYTHON, address, get, main, need, need_npm,
                       wait_until)

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(3000): os.write(1, b'x' * (i % 50 + 1))"]
KEY = "0123456789abcdef0123456789abcdef"
LINE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.]*):(?P<value>-?[0-9.]+(?:[eE][-+]?\d+)?)"
                  r"\|(?P<type>c|g|d|h|ms|s)(?:\|@(?P<rate>[0-9.]+(?:[eE][-+]?\d+)?))?"
                  r"(?:\|#(?P<tags>[^|#@\n]+))?(?:\|c:[^|]+)?")


class Dogs:
    """A strict DogStatsD receiver, on UDP or a socket file."""

    def __init__(self, path=None):
        self.most = 8192 if path else 1432
        self.datagrams = []
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(path or ("127.0.0.1", 0))
        self.port = None if path else self.socket.getsockname()[1]
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            self.datagrams.append(data)

    def lines(self):
        """Parsed; raises on anything that the protocol does not have."""
        parsed = []
        for data in list(self.datagrams):
            if len(data) > self.most:
                raise AssertionError(f"a datagram of {len(data)} bytes")
            for line in data.decode().rstrip("\n").split("\n"):
                found = LINE.fullmatch(line)
                if not found:
                    raise AssertionError(f"not a DogStatsD line: {line!r}")
                one = found.groupdict()
                tags = one["tags"].split(",") if one["tags"] else []
                if any(len(tag) > 200 or not tag for tag in tags):
                    raise AssertionError(f"odd tags: {tags}")
                one["tags"] = dict(tag.split(":", 1) for tag in tags)
                one["value"] = float(one["value"])
                one["rate"] = float(one["rate"] or 1)
                parsed.append(one)
        return parsed


class Datadog(Lab):
    def one(self, lines, name, **tags):
        found = [x for x in lines if x["name"] == "pfprof." + name and
                 all(x["tags"].get(k) == v for k, v in tags.items())]
        self.assertTrue(found, (name, tags))
        return found

    def check(self, dogs, numbers):
        lines = dogs.lines()
        function = next(f for f in numbers["functions"] if f["name"] == "write")
        messages = self.one(lines, "messages", function="write")
        self.assertEqual(sum(x["value"] for x in messages), function["message_count"])
        self.assertEqual({x["type"] for x in messages}, {"c"})
        self.assertEqual(self.one(lines, "processes")[0]["type"], "g")
        times = self.one(lines, "call.duration", function="write")
        self.assertEqual({x["type"] for x in times}, {"d"})
        count = sum(round(1 / x["rate"]) for x in times)
        self.assertEqual(count, function["message_count"])
        left = count / 2
        for x in sorted(times, key=lambda x: x["value"]):
            left -= round(1 / x["rate"])
            if left <= 0:
                break
        self.assertLess(abs(x["value"] * 1e9 / function["p50_ns"] - 1), 0.044)

    def test_udp(self):
        dogs = Dogs()
        self.leave(PRINTS)
        numbers = self.snapshot(self.ended()[0])
        done = self.once("datadog", DD_AGENT_HOST="127.0.0.1", DD_DOGSTATSD_PORT=str(dogs.port),
                         DD_ENV="test", DD_SERVICE="shop", DD_VERSION="1.2",
                         DD_TAGS="team:a b:c,d:e|f", DD_ENTITY_ID="pod-uid")
        self.assertEqual((done.status, done.err), (0, ""))
        wait_until(lambda: any("ended.processes" in x["name"] for x in dogs.lines()))
        self.check(dogs, numbers)
        tags = dogs.lines()[0]["tags"]
        for name, value in (("env", "test"), ("service", "shop"), ("version", "1.2"),
                            ("team", "a"), ("b", "c"), ("d", "e_f"),
                            ("dd.internal.entity_id", "pod-uid")):
            self.assertEqual(tags[name], value)
        self.assertGreater(max(map(len, dogs.datagrams)), 1000, "lines share datagrams")

    def test_unix_socket(self):
        path = self.path("dsd.socket")
        dogs = Dogs(path)
        self.leave(PRINTS)
        numbers = self.snapshot(self.ended()[0])
        done = self.once("datadog", DD_DOGSTATSD_URL="unix://" + path, DD_AGENT_HOST="not.used")
        self.assertEqual((done.status, done.err), (0, ""))
        wait_until(lambda: any("ended.processes" in x["name"] for x in dogs.lines()))
        self.check(dogs, numbers)

    def test_an_outage_loses_no_count(self):
        path = self.path("dsd.socket")
        self.leave(PRINTS)
        agent = self.agent("datadog", DD_DOGSTATSD_URL="unix://" + path)
        self.assertIn("dsd.socket", agent.stderr.readline().decode())
        dogs = Dogs(path)
        wait_until(lambda: any("ended.processes" in x["name"] for x in dogs.lines()))
        self.stop(agent)
        messages = self.one(dogs.lines(), "messages", function="write")
        self.assertEqual(sum(x["value"] for x in messages), 3000)

    def test_hot_shots_passes_the_same_receiver(self):
        need("node")
        need_npm()
        dogs = Dogs()
        subprocess.run(["node", os.path.join(HERE, "judge-datadog.js"), "dogstatsd", str(dogs.port)],
                       check=True, capture_output=True, timeout=LONG)
        wait_until(lambda: len(dogs.lines()) == 3)
        kinds = {x["name"]: x["type"] for x in dogs.lines()}
        self.assertEqual(kinds, {"pfprof.messages": "c", "pfprof.processes": "g",
                                 "pfprof.call.duration": "d"})

    def test_series_v2_is_what_the_client_knows(self):
        need("node")
        need_npm()
        receiver = Receiver(body=b'{"errors":[]}')
        self.addCleanup(receiver.close)
        self.leave(PRINTS)
        done = self.once("datadog", DD_API_KEY=KEY, DD_DD_URL=receiver.url(), DD_HOSTNAME="box",
                         DD_ENV="test")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual({r[1] for r in receiver.requests}, {"/api/v2/series"})
        self.assertEqual(receiver.requests[0][2].get("DD-API-KEY") or
                         receiver.requests[0][2].get("Dd-Api-Key"), KEY)
        with open(self.path("body"), "wb") as file:
            file.write(receiver.requests[0][3])
        done = subprocess.run(["node", os.path.join(HERE, "judge-datadog.js"), "series",
                               self.path("body")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), json.loads(receiver.requests[0][3]))
        messages = [s for s in json.loads(done.stdout)["series"]
                    if s["metric"] == "pfprof.messages" and "function:write" in s["tags"]]
        self.assertEqual((messages[0]["type"], messages[0]["points"][0]["value"]), (1, 3000))
        self.assertEqual(messages[0]["resources"], [{"name": "box", "type": "host"}])

    def test_series_v1_in_a_real_victoria_metrics(self):
        need("victoria-metrics")
        base = address(self.spawn("victoria-metrics", "-httpListenAddr=127.0.0.1:0",
                                  "-storageDataPath=" + self.path("victoria")), "/health", b"OK")
        self.leave(PRINTS)
        done = self.once("datadog", DATADOG_API="v1", DD_API_KEY=KEY, DD_DD_URL=base + "/datadog")
        self.assertEqual((done.status, done.err), (0, ""))
        get(base + "/internal/force_flush")

        def exported():
            text = get(base + "/api/v1/export?match[]=%7Bfunction%3D%22write%22%7D").decode()
            rows = [json.loads(line) for line in text.splitlines()]
            return {r["metric"]["__name__"]: r["values"][-1] for r in rows
                    if r["metric"].get("site") is None}

        values = wait_until(exported)
        self.assertEqual(values["pfprof.messages"], 3000)
        self.assertEqual(values["pfprof.call.duration.count"], 3000)

    def test_the_key_is_never_said(self):
        receiver = Receiver([(403, {})] * 4, body=b'{"errors":["Forbidden"]}')
        self.addCleanup(receiver.close)
        self.leave(PRINTS)
        done = self.once("datadog", DD_API_KEY=KEY, DD_URL=receiver.url())
        self.assertEqual(done.status, 1)
        self.assertIn("status 403", done.err)
        self.assertIn("not delivered", done.err)
        self.assertNotIn(KEY, done.err)
        self.assertEqual(len(receiver.requests), 1, "403 is not tried again")
        config = self.world.cli("config", extra={"DD_API_KEY": KEY})
        self.assertNotIn(KEY, config.out + config.err)

    def test_the_site(self):
        self.leave(PRINTS)
        done = self.once("datadog", DD_API_KEY=KEY, DD_SITE="no-such-site.invalid", MAX_RETRIES=0)
        self.assertEqual(done.status, 1)
        self.assertIn("https://api.no-such-site.invalid/api/v2/series", done.err)

    def test_without_a_key(self):
        done = self.once("datadog", DATADOG_API="v2")
        self.assertEqual(done.status, 2)
        self.assertIn("DD_API_KEY", done.err)


if __name__ == "__main__":
    main()
