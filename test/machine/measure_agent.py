# SPDX-License-Identifier: Apache-2.0
# What the agent costs, how soon it sees a process, and how long it goes on with receivers that do wrong.
import contextlib
import json
import os
import subprocess
import time

from exportkit import Lab, P, Receiver, SYSTEM_PYTHON, address, get, pf, query, target, wait_until
from test_faults import Behaviour, black_hole, endless_header, gigabyte, half_closed, slow_loris

PRINTS = [SYSTEM_PYTHON, "-c", "import os\nfor i in range(300): os.write(1, b'x' * (i % 50 + 1))"]
USUAL = {"EXIT_TIMEOUT_SECONDS": 2, "EXPORT_TIMEOUT_SECONDS": 30}


@contextlib.contextmanager
def laboratory():
    lab = Lab()
    lab.setUp()
    try:
        yield lab
    finally:
        lab.doCleanups()


def took(work):
    """Seconds, and what `work` returned."""
    begun = time.monotonic()
    value = work()
    return time.monotonic() - begun, value


def measure_the_end_with_receivers_that_do_wrong(table):
    """`pfprof agent --once` with the usual 2 s for it, from start to end."""
    acts = (("nobody answers", black_hole), ("a byte in 0.2 s", slow_loris), ("half an answer", half_closed),
            ("an answer of 1 GiB", gigabyte), ("headers without end", endless_header))
    with laboratory() as lab:
        refuser = Receiver(closed=True)
        lab.addCleanup(refuser.close)
        listeners = {what: Behaviour(act) for what, act in acts}
        urls = {what: listener.url() for what, listener in listeners.items()}
        urls.update({"refused": refuser.url(), "no such host": "http://no-such-host.invalid:4318"})
        for what, url in urls.items():
            seconds = []
            for _ in table.rounds(5):
                lab.leave(PRINTS)
                one, done = took(lambda: lab.once(
                    "opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=url, **USUAL))
                assert done.status == 1, done.err
                seconds.append(one)
            table.at_most(what, seconds, 2, "s")
        for listener in listeners.values():
            listener.listener.close()


def measure_waits_between_tries(table):
    """With status 503, as the receiver sees them; what is above the longest wait is the agent's own work."""
    gaps = {"before the second try": [], "before the third try": [], "as Retry-After says": []}
    for _ in table.rounds(9):
        for header, names in (({}, ("before the second try", "before the third try")),
                              ({"Retry-After": "1"}, ("as Retry-After says",))):
            with laboratory() as lab:
                receiver = Receiver([(503, header)] * len(names))
                lab.addCleanup(receiver.close)
                lab.leave(PRINTS)
                lab.once("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url())
                for name, a, b in zip(names, receiver.requests, receiver.requests[1:]):
                    gaps[name].append(b[0] - a[0])
    for (name, values), most in zip(gaps.items(), (0.25, 0.5, 1)):
        table.at_most(name, values, most + 0.1, "s")


def measure_how_soon_a_process_is_exported(table):
    """From the end of a process to its numbers in the file: a look a second, and an export at once."""
    seconds = []
    with laboratory() as lab:
        out = lab.path("out.jsonl")
        lab.agent("file", FILE_PATH=out, FLUSH_INTERVAL_SECONDS=3600)
        wait_until(lambda: os.path.exists(out))
        for i in table.rounds(15):
            link = lab.path(f"short{i}")
            os.symlink(target("ticks"), link)
            lab.leave([link, "1", "1"])
            one, _ = took(lambda: wait_until(lambda: f'"short{i}"' in open(out, encoding="utf-8").read()))
            seconds.append(one)
    table.at_most("until it is in the file", seconds, 1.2, "s")


def crowd(lab, count):
    """So many processes that write once a second for a long time."""
    environment = lab.world.environment({
        P + "ENABLED": "true", P + "OUTPUT": "none", P + "EXPORTERS": "file", P + "COMMAND": "none",
        "LD_PRELOAD": pf.LIB})
    lab.children += [subprocess.Popen([target("ticks"), "100000", "1000"], env=environment,
                                      stdout=subprocess.DEVNULL) for _ in range(count)]


def measure_many_processes(table):
    """300 of them, an export every 10 s (test/bench/agent-scale.py has 1,000 for longer)."""
    with laboratory() as lab:
        agent = lab.agent("prometheus", FLUSH_INTERVAL_SECONDS=10)
        count = 10 if table.smoke else 300
        crowd(lab, count)
        url = address(agent, "/metrics", b"pfprof_messages_total")
        wait_until(lambda: f'pfprof_processes{{program="ticks"}} {count}'.encode() in get(url + "/metrics"))

        def used():
            with open(f"/proc/{agent.pid}/stat", encoding="utf-8") as file:
                words = file.read().rsplit(")", 1)[1].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

        shares = []
        for _ in table.rounds(3):
            before, begun = used(), time.monotonic()
            time.sleep(1 if table.smoke else 20)
            shares.append(100 * (used() - before) / (time.monotonic() - begun))
        scrapes = [1000 * took(lambda: get(url + "/metrics"))[0] for _ in table.rounds(41)]
        with open(f"/proc/{agent.pid}/status", encoding="utf-8") as file:
            most = int(next(x for x in file if x.startswith("VmHWM")).split()[1])
    table.at_most("share of a core", shares, 0.7, "%")
    table.at_most("a scrape", scrapes, 4.6, "ms")
    table.at_most("its most memory", [most / 1024], 19.4, "MiB")


def measure_rates_in_a_real_prometheus(table):
    """rate() of a program that writes steadily, beside our own count over its time; each of a few scrapes."""
    apart = []
    with laboratory() as lab:
        ticking = [SYSTEM_PYTHON, "-c", "import os, time\nwhile True:\n os.write(1, b'tick\\n')\n"
                   " time.sleep(0.01)"]
        lab.children.append(lab.world.profiled(ticking, EXPORTERS="file", COMMAND="none", SAMPLE_RATE=1,
                                               stdout=subprocess.DEVNULL))
        page = address(lab.agent("prometheus"), "/metrics", b"pfprof_messages_total")
        with open(lab.path("prometheus.yml"), "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [
                {"job_name": "pfprof", "static_configs": [{"targets": [page.removeprefix("http://")]}]}]}, file)
        judge = address(lab.spawn(
            "prometheus", "--config.file=" + lab.path("prometheus.yml"), "--log.level=warn",
            "--storage.tsdb.path=" + lab.path("tsdb"), "--web.listen-address=127.0.0.1:0"), "/-/ready")
        wait_until(lambda: query(judge, "count_over_time(pfprof_messages_total[1m]) > 7"), pause=0.2)
        path, = (os.path.join(lab.world.folder, n) for n in os.listdir(lab.world.folder) if n.endswith(".pfseg"))
        for _ in table.rounds(9):
            found = query(judge, "rate(pfprof_messages_total{function='write'}[6s])")
            own = lab.snapshot(path)
            writes = next(f["message_count"] for f in own["functions"] if f["name"] == "write")
            ours = writes / own["metrics"]["uptime_seconds"]
            apart.append(100 * abs(float(found[0]["value"][1]) / ours - 1))
            time.sleep(1)
    table.at_most("apart from ours", apart, 35, "%")
