# SPDX-License-Identifier: Apache-2.0
# docs/examples: the unit as systemd reads it, the manifests as kubectl does, and an agent run as they say.
import json
import os
import re
import subprocess
import tempfile

from exportkit import Lab, P, SYSTEM_PYTHON, address, clikit, get, main, need, pf

EXAMPLES = os.path.join(pf.ROOT, "docs", "examples")
UNIT = os.path.join(EXAMPLES, "pfprof-agent.service")
MANIFESTS = ("daemonset.yaml", "sidecar.yaml")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_yaml(text):
    """By the python that Debian's yaml is for."""
    code = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    return json.loads(subprocess.run([SYSTEM_PYTHON, "-c", code], input=text, capture_output=True, text=True,
                                     check=True).stdout)


def known_names():
    table = read(os.path.join(pf.ROOT, "preload", "pf-env.def"))
    return {P + name for name in re.findall(r"(?m)^PF_VARIABLE\((\w+)", table)}


def lost(wanted, got, path=""):
    """What of a manifest did not come through."""
    if isinstance(wanted, dict):
        if not isinstance(got, dict):
            return [path]
        return [p for key, value in wanted.items()
                for p in (lost(value, got[key], f"{path}.{key}") if key in got else [f"{path}.{key}"])]
    if isinstance(wanted, list):
        if not isinstance(got, list) or len(got) < len(wanted):
            return [path]
        return [p for i, value in enumerate(wanted) for p in lost(value, got[i], f"{path}[{i}]")]
    return [] if wanted == got else [path]


def pod_of(manifest):
    return manifest["spec"].get("template", manifest)["spec"]


class Examples(Lab):
    def verify(self, text):
        """What systemd says of a unit."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pfprof-agent.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                                  capture_output=True, text=True)
        if "Failed to initialize manager" in done.stderr:
            self.skipTest(done.stderr.strip())
        return done.stderr + done.stdout

    def test_the_unit(self):
        need("systemd-analyze")
        text = read(UNIT).replace("/usr/local/bin/pfprof", clikit.PFPROF)
        self.assertEqual(self.verify(text), "")
        self.assertIn("Unknown", self.verify(text.replace("MemoryMax=", "MemoryMost=")))
        self.assertLessEqual(set(re.findall(P + r"\w+", text)), known_names())

    def test_the_unit_runs(self):
        """Its command with its environment, ports apart."""
        text = read(UNIT)
        settings = dict(line.split("=", 1) for line in re.findall(r"(?m)^Environment=(.*)$", text))
        words = re.search(r"(?m)^ExecStart=\S+/pfprof (.*)$", text).group(1).split()
        self.run_agent(words, settings)

    def run_agent(self, words, settings):
        self.assertIn(P + "AGENT_LISTEN", settings)
        settings = {**settings, P + "AGENT_LISTEN": "127.0.0.1:0", P + "PROMETHEUS_LISTEN": "127.0.0.1:0"}
        agent = self.world.start(*words, "--folder", self.world.folder, extra=settings)
        self.children.append(agent)
        health = address(agent, "/healthz", b"healthy")
        self.assertTrue(json.loads(get(health + "/healthz"))["healthy"])
        if "prometheus" in settings[P + "EXPORTERS"]:
            address(agent, "/metrics", b"pfprof_exported_points_total")
        return agent

    def kubectl(self, text):
        """A manifest as the API's own types hold it: what they do not know is dropped."""
        done = subprocess.run(["kubectl", "set", "env", "--local", "-f", "-", "-o", "json", "ADDED=1"],
                              input=text, capture_output=True, text=True,
                              env={**os.environ, "KUBECONFIG": "/nonexistent"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_the_manifests(self):
        need("kubectl")
        for name in MANIFESTS:
            text = read(os.path.join(EXAMPLES, name))
            wanted = read_yaml(text)
            self.assertEqual(lost(wanted, self.kubectl(text)), [], name)
            wrong = text.replace("emptyDir", "emptyDirectory").replace("hostPath:", "hostFolder:")
            self.assertNotEqual(lost(read_yaml(wrong), self.kubectl(wrong)), [], name)
            pod = pod_of(wanted)
            volumes = {volume["name"] for volume in pod["volumes"]}
            for one in pod["containers"]:
                self.assertLessEqual({m["name"] for m in one["volumeMounts"]}, volumes)
                names = {e["name"] for e in one["env"] if e["name"].startswith(P)}
                self.assertLessEqual(names, known_names())
            if "selector" in wanted["spec"]:
                self.assertEqual(wanted["spec"]["selector"]["matchLabels"],
                                 wanted["spec"]["template"]["metadata"]["labels"])

    def test_the_agents_of_the_manifests_run(self):
        for name in MANIFESTS:
            pod = pod_of(read_yaml(read(os.path.join(EXAMPLES, name))))
            (one,) = [c for c in pod["containers"] if c.get("command", [""])[0] == "pfprof"]
            settings = {e["name"]: e["value"] for e in one["env"] if "value" in e}
            port = settings[P + "AGENT_LISTEN"].rsplit(":", 1)[1]
            self.assertEqual(str(one["livenessProbe"]["httpGet"]["port"]), port)
            self.assertEqual(one["livenessProbe"]["httpGet"]["path"], "/healthz")
            agent = self.run_agent(one["command"][1:], settings)
            agent.kill()
            agent.communicate()


if __name__ == "__main__":
    main()
