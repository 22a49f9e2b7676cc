# SPDX-License-Identifier: Apache-2.0
# The Prometheus exporter, judged by promtool, the strict OpenMetrics parser, a real Prometheus, a real
# Pushgateway and node_exporter.
import gzip
import json
import os
import subprocess
import time
import urllib.error

from exportkit import Lab, SYSTEM_PYTHON, address, get, main, need, query, target, wait_until

PRINTS = [SYSTEM_PYTHON, "-c",
          "import os\nfor i in range(3000): os.write(1, b'x' * (i % 50 + 1))\n"
          "for i in range(40):\n try: os.write(99, b'y')\n except OSError: pass"]
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
STRICT = """
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = list(parse(sys.stdin.read()))
exemplars = sum(1 for f in families for s in f.samples if s.exemplar)
print(len(families), exemplars)
"""


class Prometheus(Lab):
    def scraped(self, **settings):
        """An agent with a page to scrape; its address, once there is something on it."""
        return address(self.agent("prometheus", **settings), "/metrics", b"pfprof_messages_total")

    def prometheus(self, page, *features):
        """The address of a Prometheus that has scraped the page."""
        need("prometheus")
        with open(self.path("prometheus.yml"), "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 250ms, scrape_timeout: 250ms}\nscrape_configs:\n"
                       "- job_name: pfprof\n"
                       f"  static_configs: [{{targets: ['{page.removeprefix('http://')}']}}]\n")
        url = address(self.spawn(
            "prometheus", "--config.file=" + self.path("prometheus.yml"),
            "--storage.tsdb.path=" + self.path("tsdb"), "--web.listen-address=127.0.0.1:0",
            "--log.level=warn", *features), "/-/ready")
        wait_until(lambda: query(url, "max_over_time(up{job='pfprof'}[10m]) == 1"))
        return url

    def test_text_passes_promtool(self):
        need("promtool")
        self.leave(PRINTS)
        text = get(self.scraped() + "/metrics")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.returncode, done.stderr.decode(), done.stdout), (0, "", b""))
        for line in (b"# TYPE pfprof_output_bytes_total counter",
                     b"# TYPE pfprof_call_duration_seconds histogram"):
            self.assertIn(line, text)
        self.assertNotIn(b"# {", text, "exemplars are OpenMetrics' alone")

    def test_openmetrics_passes_the_strict_parser(self):
        self.leave(PRINTS)
        text = get(self.scraped() + "/metrics", {"Accept": OPENMETRICS})
        done = subprocess.run([SYSTEM_PYTHON, "-c", STRICT], input=text, capture_output=True)
        if b"ModuleNotFoundError" in done.stderr:
            self.skipTest("python3-prometheus-client is not installed")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        families, exemplars = map(int, done.stdout.split())
        self.assertGreater(families, 8)
        self.assertGreater(exemplars, 0)

    def test_exemplars_name_the_request(self):
        self.leave([target("scopes"), "2"], STOP_IN_CONTEXT="exit")
        text = get(self.scraped() + "/metrics", {"Accept": OPENMETRICS})
        self.assertRegex(text, b'function="printf".* # {pid="[0-9]+",address="0x[0-9a-f]+",'
                               b'request_id="request-43"} ')
        done = subprocess.run([SYSTEM_PYTHON, "-c", STRICT], input=text, capture_output=True)
        if b"ModuleNotFoundError" not in done.stderr:
            self.assertEqual(done.returncode, 0, done.stderr.decode())

    def test_other_pages_and_methods(self):
        self.leave(PRINTS)
        url = self.scraped()
        for path, status in (("/nothing", 404), ("/healthz", 200)):
            try:
                get(url + path)
                said = 200
            except urllib.error.HTTPError as error:
                said = error.code
            self.assertEqual(said, status, path)
        self.assertEqual(get(url + "/metrics", {"Accept-Encoding": "gzip"})[:2], b"\x1f\x8b")

    def test_pages_that_are_kept(self):
        """A page is made once for each export: in the format and the packing of who asks, never an old one."""
        self.leave(PRINTS)
        url = self.scraped() + "/metrics"
        openmetrics = {"Accept": "application/openmetrics-text"}
        packed = {"Accept-Encoding": "gzip"}

        def pages():
            plain, text = get(url, openmetrics), get(url)
            unpacked = gzip.decompress(get(url, {**openmetrics, **packed}))
            self.assertTrue(plain.endswith(b"# EOF\n") and unpacked.endswith(b"# EOF\n"))
            self.assertNotIn(b"# EOF", text + gzip.decompress(get(url, packed)))
            return plain, text, unpacked

        pages()
        self.leave(["/bin/echo", "one more"])
        wait_until(lambda: all(b'program="echo"' in page for page in pages()))

    def values(self, snapshot):
        return {f["name"]: f for f in snapshot["functions"]}

    def test_a_real_prometheus_agrees_with_our_snapshot(self):
        self.leave(PRINTS)
        wanted = self.values(self.snapshot(self.ended()[0]))["write"]
        url = self.scraped()
        judge = self.prometheus(url, "--enable-feature=native-histograms,exemplar-storage")
        which = "{function='write'}"

        def value(expression):
            return float(wait_until(lambda: query(judge, expression))[0]["value"][1])

        self.assertEqual(value("pfprof_messages_total" + which), wanted["message_count"])
        self.assertEqual(value("pfprof_output_bytes_total" + which), wanted["bytes"])
        self.assertEqual(value("pfprof_errors_total{error='EBADF'}"), 40)
        for share, name in ((0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")):
            told = value(f"histogram_quantile({share}, pfprof_call_duration_seconds{which})") * 1e9
            self.assertLess(abs(told / wanted[name] - 1), 0.044, (share, told, wanted[name]))
        count = value(f"histogram_count(pfprof_call_duration_seconds{which})")
        self.assertEqual(count, wanted["message_count"])
        total = value(f"histogram_sum(pfprof_call_duration_seconds{which})") * 1e9
        self.assertLess(abs(total / wanted["total_duration_ns"] - 1), 1e-6)

    def test_a_counter_grows_by_what_was_written(self):
        """What rate() is made of.  (The rate itself goes by when the scrapes came: check-machine.)"""
        child = self.writer()
        self.write(child, 10)
        judge = self.prometheus(self.scraped())
        series = "pfprof_messages_total{program='python3',function='write'}"

        def told(expression):
            found = query(judge, expression)
            return float(found[0]["value"][1]) if found else None

        wait_until(lambda: told(f"max_over_time({series}[10m])") == 10)
        for count in 1, 200, 39:
            self.write(child, count)
        wait_until(lambda: told(f"max_over_time({series}[10m])") == 250)
        self.assertEqual(told(f"min_over_time({series}[10m])"), 10)
        self.assertEqual(told(f"resets({series}[10m])"), 0)
        self.assertGreater(told(f"rate({series}[10m])"), 0)
        self.end(child)

    def test_classic_histograms(self):
        self.leave(PRINTS)
        wanted = self.values(self.snapshot(self.ended()[0]))["write"]
        judge = self.prometheus(self.scraped())  # it asks for OpenMetrics then
        which = "{function='write'}[10m]"
        for share, name in ((0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")):
            quantile = (f"histogram_quantile({share}, sum by (le) "
                        f"(last_over_time(pfprof_call_duration_seconds_bucket{which})))")
            told = float(wait_until(lambda: query(judge, quantile))[0]["value"][1]) * 1e9
            self.assertTrue(wanted[name] / 1.5 <= told <= wanted[name] * 1.5, (share, told, wanted[name]))

    def test_exemplars_arrive(self):
        self.leave(PRINTS)
        judge = self.prometheus(self.scraped(), "--enable-feature=exemplar-storage")
        now = time.time()
        url = (f"{judge}/api/v1/query_exemplars?query=pfprof_call_duration_seconds"
               f"_bucket&start={now - 3600}&end={now + 3600}")
        data = wait_until(lambda: json.loads(get(url))["data"])
        self.assertIn("pid", data[0]["exemplars"][0]["labels"])

    def test_pushgateway(self):
        need("prometheus-pushgateway")
        url = address(self.spawn("prometheus-pushgateway", "--web.listen-address=127.0.0.1:0"), "/-/ready")
        self.leave(PRINTS)
        done = self.once("prometheus", PROMETHEUS_PUSHGATEWAY=url)
        self.assertEqual((done.status, done.err), (0, ""))
        lines = [line for line in get(url + "/metrics").decode().splitlines()
                 if line.startswith("pfprof_messages_total{") and 'function="write"' in line]
        self.assertEqual([line.split()[-1] for line in lines], ["3040"])
        self.assertIn('job="pfprof"', lines[0])

    def test_textfile_for_node_exporter(self):
        need("prometheus-node-exporter")
        os.mkdir(self.path("textfile"))
        self.leave(PRINTS)
        done = self.once("prometheus", PROMETHEUS_TEXTFILE=self.path("textfile", "pfprof.prom"))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(os.listdir(self.path("textfile")), ["pfprof.prom"])
        page = address(self.spawn(
            "prometheus-node-exporter", "--web.listen-address=127.0.0.1:0",
            "--collector.disable-defaults", "--collector.textfile",
            "--collector.textfile.directory=" + self.path("textfile")), "/metrics")
        text = get(page + "/metrics").decode()
        self.assertIn("node_textfile_scrape_error 0", text)
        self.assertRegex(text, r'pfprof_messages_total\{[^}]*function="write"[^}]*\} 3040')

    def test_call_sites_are_capped(self):
        program = "import os\n" + "\n".join(f"os.write(1, b'{i}')" for i in range(3))
        self.leave([SYSTEM_PYTHON, "-c", program])
        self.leave([target("sites")])
        for most in (0, 5):
            out = self.path(f"{most}.prom")
            for path in self.ended():
                os.link(path, path + ".kept")
            done = self.once("prometheus", PROMETHEUS_TEXTFILE=out, MAX_SITES=most)
            self.assertEqual((done.status, done.err), (0, ""))
            with open(out, encoding="utf-8") as file:
                lines = [x for x in file if x.startswith("pfprof_call_site_messages_total{")]
            named = [x for x in lines if 'site="other"' not in x]
            for program in {x.split('program="')[1].split('"')[0] for x in lines}:
                self.assertLessEqual(sum(f'program="{program}"' in x for x in named), most)
            for path in list(os.listdir(self.world.folder)):
                if path.endswith(".kept"):
                    full = os.path.join(self.world.folder, path)
                    os.rename(full, full[:-5])

    def test_a_password_in_the_address_is_refused(self):
        done = self.once("prometheus", PROMETHEUS_PUSHGATEWAY="http://me:geheim@127.0.0.1:1")
        self.assertEqual(done.status, 2)
        self.assertIn("netrc", done.err)
        self.assertNotIn("geheim", done.err)


if __name__ == "__main__":
    main()
