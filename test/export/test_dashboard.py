# SPDX-License-Identifier: Apache-2.0
# Every expression of the dashboard and of the alert rules, run against a live Prometheus that scrapes a live
# agent: none is refused, and each finds series.
import json
import os
import re
import subprocess

from exportkit import Lab, SYSTEM_PYTHON, address, get, main, need, pf, query, wait_until

EXAMPLES = os.path.join(pf.ROOT, "docs", "examples")
# Calls that succeed, fail, go through stdio, are flushed, and processes that end.
BUSY = [SYSTEM_PYTHON, "-c", """
import os, subprocess, time
while True:
    os.write(1, b'x' * 100)
    try: os.write(99, b'y')
    except OSError: pass
    subprocess.run(['/bin/sh', '-c', 'echo one'])
    time.sleep(0.02)  # its pace
"""]


def names(expression):
    return set(re.findall(r"\bpfprof_[a-z0-9_]+", expression))


class Dashboard(Lab):
    def expressions(self):
        with open(os.path.join(EXAMPLES, "grafana-dashboard.json"), encoding="utf-8") as file:
            board = json.load(file)
        found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        with open(os.path.join(EXAMPLES, "alerts.yml"), encoding="utf-8") as file:
            alerts = re.findall(r"^\s+expr: (.*)$", file.read(), re.M)
        self.assertGreater(len(found), 10)
        self.assertGreater(len(alerts), 5)
        filled = [e.replace("$__rate_interval", "10s").replace("$program", ".*") for e in found]
        # Without its threshold a rule has to find something.
        return filled + [re.sub(r" > [0-9.]+$", "", re.sub(r"\[\d+m\]", "[10s]", a))
                         for a in alerts], alerts

    def test_every_expression(self):
        need("prometheus", "promtool")
        child = self.world.profiled(BUSY, EXPORTERS="file", COMMAND="none", SAMPLE_RATE=1)
        self.children.append(child)
        page = address(self.agent("prometheus"), "/metrics", b"pfprof_messages_total")
        with open(self.path("prometheus.yml"), "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 500ms, evaluation_interval: 1s}\n"
                       f"rule_files: ['{EXAMPLES}/alerts.yml']\nscrape_configs:\n"
                       "- job_name: pfprof\n  static_configs: "
                       f"[{{targets: ['{page.removeprefix('http://')}']}}]\n")
        own = address(self.spawn(
            "prometheus", "--config.file=" + self.path("prometheus.yml"),
            "--storage.tsdb.path=" + self.path("tsdb"), "--log.level=warn",
            "--web.listen-address=127.0.0.1:0"), "/-/ready")
        wait_until(lambda: query(own, "rate(pfprof_messages_total[10s]) > 0"))
        expressions, alerts = self.expressions()
        for expression in expressions:
            wait_until(lambda: query(own, expression))
            for name in names(expression):
                self.assertTrue(query(own, f"count(last_over_time({name}[10m]))"), name)
        rules = json.loads(get(own + "/api/v1/rules"))["data"]["groups"][0]["rules"]
        self.assertEqual(len(rules), len(alerts))
        self.assertEqual({r["health"] for r in rules} - {"unknown"}, {"ok"}, rules)
        self.assertEqual([r.get("lastError", "") for r in rules], [""] * len(rules))

    def test_promtool_takes_the_rules(self):
        need("promtool")
        done = subprocess.run(["promtool", "check", "rules", os.path.join(EXAMPLES, "alerts.yml")],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
