# SPDX-License-Identifier: Apache-2.0
# A thousand agents' pages scraped by one real Prometheus: quantiles over all of them are those of all raw
# latencies, within the bound of the histogram.
import http.server
import json
import os
import subprocess
import threading

from exportkit import Lab, address, main, need, pf, query, wait_until

AGENTS, VALUES = 1000, 500
TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


class Fleet(Lab):
    def serve(self, folder):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with open(folder + self.path, "rb") as file:
                    body = file.read()
                self.send_response(200)
                self.send_header("Content-Type", TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # Prometheus is killed in the middle of scrapes
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_merged_quantiles(self):
        need("prometheus")
        maker = os.environ.get("PF_FLEET") or os.path.join(pf.ROOT, "build/test/fleet-pages")
        folder = self.path("pages")
        os.mkdir(folder)
        subprocess.run([maker, folder, str(AGENTS), str(VALUES)], check=True)
        with open(folder + "/raw", encoding="utf-8") as file:
            raw = sorted(map(int, file))
        self.assertEqual(len(raw), AGENTS * VALUES)
        pages = self.serve(folder)
        targets = [{"targets": [f"127.0.0.1:{pages}"],
                    "labels": {"__metrics_path__": f"/{i}", "agent": str(i)}} for i in range(AGENTS)]
        with open(self.path("targets.json"), "w", encoding="utf-8") as file:
            json.dump(targets, file)
        with open(self.path("prometheus.yml"), "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n- job_name: fleet\n"
                       f"  file_sd_configs: [{{files: ['{self.path('targets.json')}']}}]\n")
        url = address(self.spawn(
            "prometheus", "--config.file=" + self.path("prometheus.yml"),
            "--storage.tsdb.path=" + self.path("tsdb"), "--log.level=warn",
            "--web.listen-address=127.0.0.1:0", "--enable-feature=native-histograms"), "/-/ready")
        pages = "pfprof_call_duration_seconds"

        def all_there():
            found = query(url, f"sum(histogram_count({pages}))")
            return found and float(found[0]["value"][1]) == AGENTS * VALUES

        wait_until(all_there, pause=0.3)
        for share in (0.1, 0.5, 0.9, 0.99, 0.999):
            found = query(url, f"histogram_quantile({share}, sum({pages}))")
            told = float(found[0]["value"][1]) * 1e9
            true = raw[min(int(share * len(raw)), len(raw) - 1)]
            if os.environ.get("PF_SAY"):
                print(f"quantile {share}: {told:.0f} ns, raw {true} ns, {(told / true - 1) * 100:+.2f} %")
            self.assertLess(abs(told / true - 1), 0.044, (share, told, true))


if __name__ == "__main__":
    main()
