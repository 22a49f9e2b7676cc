# SPDX-License-Identifier: Apache-2.0
"""Records real programs with every call timed; what samplers.py replays."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SYSTEM = "/usr/bin:/bin:/usr/sbin:/sbin"
PYTHON_LOG = r"""
import logging, logging.handlers, os, sys, time
folder, seconds = sys.argv[1], float(sys.argv[2])
app, audit, access = (logging.getLogger(n) for n in ("app", "audit", "access"))
app.addHandler(logging.FileHandler(folder + "/app.log"))
audit.addHandler(logging.FileHandler(folder + "/audit.log"))
access.addHandler(logging.handlers.RotatingFileHandler(folder + "/access.log", maxBytes=1 << 20,
                                                       backupCount=2))
for one in (app, audit, access):
    one.setLevel(logging.DEBUG)
end, i = time.monotonic() + seconds, 0
while time.monotonic() < end:
    i += 1
    access.info("GET /order/%d 200 %d", i, i % 977)
    if i % 7 == 0:
        app.debug("order %d in state %s", i, "x" * (i % 300))
    if i % 500 == 0:
        audit.warning("audit %d %s", i, "y" * 4000)
    if i % 2000 == 0:
        sys.stdout.write("progress %d\n" % i)
        sys.stdout.flush()
"""


class Recorder:
    def __init__(self, lib, folder):
        self.lib, self.folder = lib, folder

    def environment(self, work, ring):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PROVIDE_", "LD_"))}
        prefix = "PROVIDE_PROFILING_"
        env.update({
            "PATH": SYSTEM, "HOME": work, "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": work + "/run",
            "LD_PRELOAD": self.lib, prefix + "ENABLED": "true", prefix + "SAMPLE_RATE": "1",
            prefix + "OUTPUT": "none", prefix + "KEEP_SEGMENT": "true", prefix + "STACKS": "off",
            prefix + "BUFFER_SIZE": str(ring), prefix + "MAX_MEMORY_MB": "400",
        })
        return env

    @contextlib.contextmanager
    def place(self):
        work = tempfile.mkdtemp(prefix="trace-", dir="/dev/shm")
        try:
            os.mkdir(work + "/run", 0o700)
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def segments(self, work):
        folder = work + "/run/pfprof"
        return sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".pfseg"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError("the server does not answer")


def cpu_of(pid):
    """CPU seconds of a process and its children, as /proc says."""
    total = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    rest = file.read().rsplit(")", 1)[1].split()
                if int(entry) == pid or int(rest[1]) == pid:
                    total += int(rest[11]) + int(rest[12])
    return total / os.sysconf("SC_CLK_TCK")


def serve(command, env, port, client, stop):
    """Runs a server while a client works; returns CPU seconds per second."""
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(port)
        begun, cpu = time.monotonic(), cpu_of(server.pid)
        subprocess.run(client, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       env={"PATH": SYSTEM})
        used = (cpu_of(server.pid) - cpu) / (time.monotonic() - begun)
    finally:
        server.send_signal(stop)
        server.wait(20)
    return used


def run(command, env, cwd=None):
    before, begun = os.times(), time.monotonic()
    subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu / (time.monotonic() - begun)


def nginx(rec, work, seconds):
    port, www = free_port(), work + "/www"
    os.mkdir(www)
    for name, size in (("small", 200), ("page", 9000), ("big", 300000)):
        with open(f"{www}/{name}", "w", encoding="ascii") as file:
            file.write("x" * size)
    with open(work + "/conf", "w", encoding="ascii") as file:
        file.write(f"""env XDG_RUNTIME_DIR; daemon off; worker_processes 1; pid {work}/pid; user root;
error_log {work}/error.log info; events {{ worker_connections 256; }}
http {{ access_log {work}/access.log; client_body_temp_path {work}/b; proxy_temp_path {work}/p;
fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s; sendfile on;
server {{ listen 127.0.0.1:{port}; root {www}; }} }}
""")
    with open(work + "/mix.lua", "w", encoding="ascii") as file:
        file.write("""local i = 0
request = function() i = i + 1
  local path = i % 97 == 0 and "/missing" or i % 31 == 0 and "/big" or i % 5 == 0 and "/page" or "/small"
  return wrk.format("GET", path) end
""")
    client = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", work + "/mix.lua",
              f"http://127.0.0.1:{port}/"]
    return serve(["nginx", "-c", work + "/conf", "-p", work], rec.environment(work, 2000000), port,
                 client, signal.SIGQUIT)


def redis(rec, work, seconds):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--dir", work, "--appendonly", "yes",
               "--appendfsync", "everysec", "--logfile", work + "/log", "--loglevel", "debug",
               "--save", "2", "100"]
    client = ["timeout", str(seconds), "redis-benchmark", "-p", str(port), "-q", "-n", "10000000",
              "-c", "16", "-t", "set,get,lpush,lrange_100,mset", "-d", "200", "-l"]
    return serve(command, rec.environment(work, 2000000), port, client, signal.SIGTERM)


def python_logging(rec, work, seconds):
    return run(["/usr/bin/python3", "-c", PYTHON_LOG, work, str(seconds)],
               rec.environment(work, 1000000))


def git(rec, work, seconds):
    plain = {"PATH": SYSTEM, "HOME": work}
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run(["git", "clone", "-q", "--no-local", source, work + "/repo"], env=plain, check=True)
    script = (f"end=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $end ]; do "
              "git log -p --stat -40 >out; git log --graph --oneline >>out; git grep -n return >>out; "
              "git fast-export HEAD~20..HEAD >>out; git status >>out; git diff HEAD~30 >>out; "
              "git repack -adq; done")
    return run(["/bin/sh", "-c", script], rec.environment(work, 50000), work + "/repo")


def make(rec, work, seconds):
    with open(work + "/Makefile", "w", encoding="ascii") as file:
        file.write("all: $(patsubst %.c,%.o,$(wildcard *.c))\n%.o: %.c\n\tcc -O1 -g -S -o $*.s $<\n"
                   "\tas -o $@ $*.s\n\t@echo built $@\n")
    for i in range(40):
        with open(f"{work}/f{i}.c", "w", encoding="ascii") as file:
            file.write("#include <stdio.h>\n")
            for j in range(5 + i * 3):
                file.write(f"int f{j}(int x) {{ for (int k = 0; k < x; k++) printf(\"%d\\n\", k * {j});"
                           f" return x + {j}; }}\n")
    script = f"end=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $end ]; do " \
             "make -s -j2; rm -f *.o; done"
    return run(["/bin/sh", "-c", script], rec.environment(work, 20000), work)


def sqlite3(rec, work, seconds):
    with open(work + "/script", "w", encoding="ascii") as file:
        file.write("create table t(a integer primary key, b text);\n.output out\n")
        for i in range(seconds * 1000):
            file.write(f"insert into t(b) values(hex(randomblob({i % 50 * 20 + 10})));\n"
                       "select a, b from t where a % 7 = 3 order by a desc limit 200;\n")
            if i % 20 == 0:
                file.write("begin; update t set b = b || 'x' where a % 3 = 0; commit;\n")
    with open(work + "/script", encoding="ascii") as script:
        before, begun = os.times(), time.monotonic()
        subprocess.run(["timeout", str(seconds + 5), "sqlite3", work + "/db"], stdin=script, cwd=work,
                       env=rec.environment(work, 2000000), stdout=subprocess.DEVNULL, check=False)
        after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu / (time.monotonic() - begun)


PROGRAMS = {"nginx": (nginx, ("nginx", "wrk")), "redis": (redis, ("redis-server", "redis-benchmark")),
            "python logging": (python_logging, ()), "git": (git, ("git",)),
            "make -j2": (make, ("make", "cc", "as")), "sqlite3": (sqlite3, ("sqlite3",))}


def record(tool, lib, name, seconds, path):
    """Writes a trace; returns CPU seconds per second, or None where a program is missing."""
    how, needs = PROGRAMS[name]
    if any(shutil.which(n, path=SYSTEM) is None for n in needs):
        return None
    recorder = Recorder(lib, os.path.dirname(path))
    with recorder.place() as work:
        cpu = how(recorder, work, seconds)
        subprocess.run([tool, "extract", path, *recorder.segments(work)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cpu
