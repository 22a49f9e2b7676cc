# SPDX-License-Identifier: Apache-2.0
# The OpenTelemetry exporter, judged by OpenTelemetry's own decoder, by protoc, and against what the
# official SDK sends.
import json
import math
import os
import re
import subprocess

from exportkit import HERE, Lab, Receiver, SYSTEM_PYTHON, main, need, need_npm, wait_until

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(3000): os.write(1, b'x' * (i % 50 + 1))"]
PROTO = os.path.join(HERE, "node_modules/dd-trace/packages/dd-trace/src/opentelemetry/otlp")


class Otlp(Lab):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def sent(self, program=PRINTS, **settings):
        """What one export of one program sends: bodies, and the segment's numbers."""
        self.leave(program)
        numbers = self.snapshot(self.ended()[0])
        done = self.once("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url(), **settings)
        self.assertEqual((done.status, done.err), (0, ""))
        return self.receiver.requests, numbers

    def decode(self, *bodies, form="protobuf"):
        """Messages, by the official decoder, strictly."""
        need("node")
        need_npm()
        paths = [self.path(f"body{i}") for i in range(len(bodies))]
        for path, body in zip(paths, bodies):
            with open(path, "wb") as file:
                file.write(body)
        done = subprocess.run(["node", os.path.join(HERE, "decode-otlp.js"), form, *paths],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def metrics(message):
        """{service: {metric: metric}} with data points of all requests."""
        all = {}
        for resource in message["resourceMetrics"]:
            values = {a["key"]: list(a["value"].values())[0]
                      for a in resource["resource"]["attributes"]}
            for scope in resource["scopeMetrics"]:
                for metric in scope["metrics"]:
                    all.setdefault(values["service.name"], {})[metric["name"]] = metric
        return all

    @staticmethod
    def attributes(point):
        return {a["key"]: list(a["value"].values())[0] for a in point["attributes"]}

    def point(self, data, **wanted):
        for point in data["dataPoints"]:
            has = self.attributes(point)
            if all(has.get("pfprof." + name) == value for name, value in wanted.items()):
                return point
        self.fail(f"no point {wanted}")

    def check_numbers(self, message, numbers):
        metrics = self.metrics(message)["python3.11"] if "python3.11" in self.metrics(message) \
            else self.metrics(message)["python3"]
        function = next(f for f in numbers["functions"] if f["name"] == "write")
        messages = metrics["pfprof.messages"]
        self.assertEqual(messages["unit"], "{call}")
        point = self.point(messages["sum"], function="write")
        self.assertEqual(int(point["asInt"]), function["message_count"])
        self.assertTrue(messages["sum"]["isMonotonic"])
        self.assertLess(int(point["startTimeUnixNano"]), int(point["timeUnixNano"]))
        histogram = self.point(metrics["pfprof.call.duration"]["exponentialHistogram"],
                               function="write")
        buckets = histogram["positive"]
        counts = [int(c) for c in buckets["bucketCounts"]]
        self.assertEqual(sum(counts), function["message_count"])
        self.assertEqual(int(histogram["count"]), function["message_count"])
        self.assertAlmostEqual(histogram["sum"] * 1e9 / function["total_duration_ns"], 1, 6)
        base = 2 ** 2 ** -histogram["scale"]
        for share, name in ((0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")):
            left = share * sum(counts)
            for index, count in enumerate(counts):
                left -= count
                if left <= 0:
                    break
            told = base ** (buckets.get("offset", 0) + index + 0.5) * 1e9
            self.assertLess(abs(told / function[name] - 1), 0.044, (share, told, function[name]))
        site = metrics["pfprof.call_site.messages"]["sum"]
        named = [self.attributes(p) for p in site["dataPoints"] if "code.function.name" in
                 self.attributes(p)]
        self.assertIn("code.file.path", named[0])

    def test_protobuf(self):
        requests, numbers = self.sent()
        self.assertEqual(requests[0][1], "/v1/metrics")
        self.assertEqual(requests[0][2]["Content-Type"], "application/x-protobuf")
        self.check_numbers(*self.decode(requests[0][3]), numbers)

    def test_json(self):
        requests, numbers = self.sent(OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
        self.assertEqual(requests[0][2]["Content-Type"], "application/json")
        self.check_numbers(*self.decode(requests[0][3], form="json"), numbers)

    def test_gzip(self):
        requests, numbers = self.sent(OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        self.assertEqual(requests[0][2]["Content-Encoding"], "gzip")
        self.check_numbers(*self.decode(requests[0][3]), numbers)

    def test_variables_for_metrics_win(self):
        requests, numbers = self.sent(
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="http/json",
            OTEL_EXPORTER_OTLP_COMPRESSION="none", OTEL_EXPORTER_OTLP_METRICS_COMPRESSION="gzip")
        self.assertEqual((requests[0][2]["Content-Type"], requests[0][2]["Content-Encoding"]),
                         ("application/json", "gzip"))
        self.check_numbers(*self.decode(requests[0][3], form="json"), numbers)

    def test_protoc_knows_every_field(self):
        need("protoc")
        need_npm()
        for explicit in (False, True):
            more = {"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION":
                    "explicit_bucket_histogram"} if explicit else {}
            requests, _ = self.sent(**more)
            text = self.protoc(requests[-1][3])
            unknown = [line for line in text.splitlines() if re.match(r"\s*\d+[:\s]", line)]
            self.assertEqual(unknown, [])
            self.assertIn("explicit_bounds" if explicit else "exponential_histogram", text)

    def protoc(self, body):
        # The files of the package import each other by a path that they do not lie in.
        folder = self.path("proto/opentelemetry/proto")
        places = {"common": "common/v1", "resource": "resource/v1", "metrics": "metrics/v1",
                  "metrics_service": "collector/metrics/v1"}
        for name, place in places.items():
            os.makedirs(os.path.join(folder, place), exist_ok=True)
            with open(os.path.join(PROTO, name + ".proto"), encoding="utf-8") as file:
                text = file.read()
            for other, its in places.items():
                text = re.sub(rf'import "[^"]*\b{other}\.proto"',
                              f'import "opentelemetry/proto/{its}/{other}.proto"', text)
            with open(os.path.join(folder, place, name + ".proto"), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run(
            ["protoc", "-I", self.path("proto"), "--decode",
             "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
             "opentelemetry/proto/collector/metrics/v1/metrics_service.proto"],
            input=body, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def test_the_official_sdk_sends_the_same_fields(self):
        need("node")
        need_npm()
        requests, _ = self.sent()
        done = subprocess.run(["node", os.path.join(HERE, "official-otlp.js"), "protobuf", "[1e-6]"],
                              capture_output=True, cwd=HERE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        ours, theirs = self.decode(requests[0][3], done.stdout)

        def shape(message, metric, kind):
            found = [m[metric] for m in self.metrics(message).values() if metric in m][0]
            point = found[kind]["dataPoints"][0]
            return (set(found), found["unit"], set(found[kind]),
                    found[kind]["aggregationTemporality"], set(point) - {"exemplars", "flags"},
                    {a["key"] for a in point["attributes"]})

        for metric, kind in (("pfprof.messages", "sum"),
                             ("pfprof.call.duration", "exponentialHistogram")):
            mine, official = shape(ours, metric, kind), shape(theirs, metric, kind)
            for a, b in zip(mine, official):
                if isinstance(a, set):
                    # They also send min, max and an empty negative side.
                    b = b - {"min", "max", "negative", "zeroThreshold"}
                    a = a - {"zeroThreshold"}
                self.assertEqual(a, b, metric)

    def test_a_bucket_is_where_the_official_sdk_puts_it(self):
        """Middles of our buckets, recorded by the SDK: scaled down to ours, the same indexes."""
        need("node")
        need_npm()
        values = [1.1e-7, 3.3e-6, 0.00123, 0.5, 7.7]
        done = subprocess.run(
            ["node", os.path.join(HERE, "official-otlp.js"), "protobuf", json.dumps(values)],
            capture_output=True, cwd=HERE)
        point = list(self.metrics(*self.decode(done.stdout)).values())[0][
            "pfprof.call.duration"]["exponentialHistogram"]["dataPoints"][0]
        scale, offset = point["scale"], point["positive"].get("offset", 0)
        theirs = [offset + i for i, c in enumerate(point["positive"]["bucketCounts"]) if int(c)]
        self.assertEqual(theirs, [math.ceil(math.log2(v) * 2 ** scale) - 1 for v in values])

    def test_delta_and_cumulative(self):
        """A process that goes on: deltas add up to what cumulative counters say."""
        child = self.writer()
        agent = self.agent("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url(),
                           OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
                           OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
        for count, told in ((100, 100), (1, 101), (199, 300)):
            self.write(child, count)
            wait_until(lambda: self.added_up()[0] == told)
        self.write(child, 100)
        self.end(child)
        self.assertEqual(self.stop(agent), "")
        self.assertEqual(self.added_up(), (400, 400))

    def added_up(self):
        """The deltas that have come, of messages and of calls in histograms; each begins where the last ended."""
        total, buckets, last = 0, 0, None
        for _, _, _, body in list(self.receiver.requests):
            for one in self.metrics(json.loads(body)).values():
                if "pfprof.messages" in one and any(
                        self.attributes(p).get("pfprof.function") == "write"
                        for p in one["pfprof.messages"]["sum"]["dataPoints"]):
                    self.assertEqual(one["pfprof.messages"]["sum"]["aggregationTemporality"], 1)
                    point = self.point(one["pfprof.messages"]["sum"], function="write")
                    self.assertTrue(last is None or point["startTimeUnixNano"] == last)
                    last = point["timeUnixNano"]
                    total += int(point["asInt"])
                if "pfprof.call.duration" in one:
                    data = one["pfprof.call.duration"]["exponentialHistogram"]
                    for p in data["dataPoints"]:
                        if self.attributes(p).get("pfprof.function") == "write":
                            buckets += int(p["count"])
        return total, buckets

    def test_variables(self):
        requests, _ = self.sent(
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=self.receiver.url("/its/own"),
            OTEL_EXPORTER_OTLP_HEADERS="api-key=gen%20eral,other=x",
            OTEL_EXPORTER_OTLP_METRICS_HEADERS="api-key=s%3Decret",
            OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="deployment.environment=prod%2C1,a=b",
            BATCH_SIZE=7)
        self.assertEqual(requests[0][1], "/its/own")
        self.assertEqual(requests[0][2].get("api-key"), "s=ecret")
        self.assertNotIn("other", requests[0][2])
        self.assertGreater(len(requests), 2)
        for message in self.decode(*(body for _, _, _, body in requests)):
            self.assertEqual(list(self.metrics(message)), ["shop"])
            points = sum(len(list(m.values())[-1]["dataPoints"]) if "dataPoints" in
                         list(m.values())[-1] else 0
                         for r in message["resourceMetrics"] for s in r["scopeMetrics"]
                         for m in s["metrics"])
            self.assertLessEqual(points, 7)
            given = {a["key"]: list(a["value"].values())[0]
                     for a in message["resourceMetrics"][0]["resource"]["attributes"]}
            self.assertEqual(given["deployment.environment"], "prod,1")

    def test_exemplars_can_be_turned_off(self):
        for value in "always_on", "always_off", "trace_based":
            self.sent(OTEL_METRICS_EXEMPLAR_FILTER=value)
        messages = self.decode(*(body for _, _, _, body in self.receiver.requests))
        self.assertEqual(["exemplars" in json.dumps(one) for one in messages], [True, False, False])

    def test_what_is_not_spoken_is_refused(self):
        for name, value in (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                            ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes"),
                            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
                            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
                            ("OTEL_SDK_DISABLED", "true")):
            done = self.once("opentelemetry", **{name: value})
            self.assertEqual(done.status, 2)
            self.assertIn(f'{name}="{value}"', done.err)

    def test_partial_success_is_counted(self):
        self.receiver.body = b'{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"}}'
        self.leave(PRINTS)
        done = self.once("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url(),
                         OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
        self.assertEqual(done.status, 1)
        self.assertIn("3 points were refused: too old", done.err)
        self.assertIn("3 points were not delivered", done.err)
        self.receiver.body = bytes([0x0A, 10, 0x08, 2, 0x12, 6]) + b"no way"
        self.leave(PRINTS)
        done = self.once("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url())
        self.assertIn("2 points were refused: no way", done.err)


if __name__ == "__main__":
    main()
