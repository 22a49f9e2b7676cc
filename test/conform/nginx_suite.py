# SPDX-License-Identifier: Apache-2.0
"""nginx with workers, logs, a proxy and gzip: responses, log lines, signals and wrk."""
import hashlib
import os
import random
import re
import signal
import socket

from world import FAIL, PASS, PATIENCE, Missing, Verdict, program, wait_for

CONFIG = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    log_format plain '$request $status $body_bytes_sent $http_user_agent';
    access_log {folder}/access.log plain;
    access_log {folder}/buffered.log plain buffer=16k flush=1s;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ text/plain txt; text/html html; }}
    sendfile {sendfile}; gzip on; gzip_types text/plain; gzip_min_length 100;
    server {{
        listen unix:{folder}/http.sock;
        root {folder}/www;
        location /list/ {{ autoindex on; }}
        location /proxy/ {{ proxy_pass http://unix:{folder}/back.sock:/; }}
        location /gone {{ return 410 "gone\\n"; }}
        location /moved {{ return 301 /index.html; }}
        location /secret {{ deny all; }}
        location /dead/ {{ proxy_pass http://unix:{folder}/nobody.sock:/; }}
        error_page 404 /404.html;
    }}
    server {{ listen unix:{folder}/back.sock; root {folder}/www; }}
}}
"""
REQUESTS = {
    "index": "GET / HTTP/1.1", "head": "HEAD /big HTTP/1.1", "big": "GET /big HTTP/1.1",
    "text": "GET /text.txt HTTP/1.1", "gzip": "GET /text.txt HTTP/1.1\nAccept-Encoding: gzip",
    "range": "GET /big HTTP/1.1\nRange: bytes=1000-99999",
    "ranges": "GET /text.txt HTTP/1.1\nRange: bytes=0-9,100-119",
    "bad range": "GET /text.txt HTTP/1.1\nRange: bytes=99999999-", "404": "GET /nothing HTTP/1.1",
    "403": "GET /secret HTTP/1.1", "410": "GET /gone HTTP/1.1", "301": "GET /moved HTTP/1.1",
    "405": "POST /text.txt HTTP/1.1\nContent-Length: 0", "400": "NONSENSE", "502": "GET /dead/x HTTP/1.1",
    "list": "GET /list/ HTTP/1.1", "proxy": "GET /proxy/big HTTP/1.1",
    "proxy 404": "GET /proxy/nothing HTTP/1.1", "http/1.0": "GET /text.txt HTTP/1.0",
    "conditional": "GET /text.txt HTTP/1.1\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
    "long uri": "GET /" + "x" * 20000 + " HTTP/1.1", "encoded": "GET /%74ext.txt?a=b HTTP/1.1",
}


def make_site(world, sendfile):
    www = os.path.join(world.folder, "www")
    os.makedirs(os.path.join(www, "list"))
    choose = random.Random(2)
    contents = {
        "index.html": b"<p>hello</p>\n", "404.html": b"not here\n", "big": choose.randbytes(1000000),
        "text.txt": b"".join(b"line %d of text\n" % i for i in range(3000)), "list/a": b"1",
        "list/b": b"22",
    }
    for name, data in contents.items():
        path = os.path.join(www, name)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (1e9, 1e9))
    # Workers of a root nginx are nobody's.
    os.chmod(world.folder, 0o755)
    path = os.path.join(world.folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(("user root;\n" if os.geteuid() == 0 else "") +
                   CONFIG.format(folder=world.folder, sendfile=sendfile))
    return path


def ask(world, request, timeout=PATIENCE):
    """The whole response, without what may differ between two bare runs."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(os.path.join(world.folder, "http.sock"))
        lines = request.split("\n")
        more = ["Host: x", "User-Agent: conform", "Connection: close"] if len(lines[0]) > 8 else []
        connection.sendall("\r\n".join(lines[:1] + more + lines[1:] + ["", ""]).encode())
        parts = []
        while True:
            try:
                part = connection.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                break
            parts.append(part)
    response = re.sub(rb"\r\nDate: [^\r]*", b"", b"".join(parts))
    return re.sub(rb"(boundary=|--)\d{20}", rb"\1N", response)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def site(sendfile):
    def run(world, _):
        nginx = program("nginx")
        config = make_site(world, sendfile)
        status, out, err = world.run([nginx, "-t", "-c", config])
        if b"unknown directive" in err:
            raise Missing(f"this nginx does not have what is needed: {err[-60:]!r}")
        result = {"-t": world.same_bytes(status, out, err)}
        process = world.start([nginx, "-c", config])
        log = os.path.join(world.folder, "access.log")
        try:
            pid_file = os.path.join(world.folder, "nginx.pid")
            if not wait_for(lambda: read(pid_file)):
                return {"start": Verdict(FAIL, repr(read(os.path.join(world.folder, "error.log"))))}
            for name, request in REQUESTS.items():
                result[name] = world.same_bytes(0, ask(world, request), b"")
            wait_for(lambda: read(log).count(b"\n") >= len(REQUESTS) + 2)
            result["access log"] = sorted_lines(world, read(log))
            os.rename(log, log + ".1")
            process.send_signal(signal.SIGUSR1)
            result["log reopened"] = Verdict(PASS, str(wait_for(lambda: os.path.exists(log))))
            process.send_signal(signal.SIGHUP)
            error_log = os.path.join(world.folder, "error.log")
            wait_for(lambda: b"gracefully shutting down" in read(error_log))
            result["after reload"] = world.same_bytes(0, ask(world, REQUESTS["text"]), b"")
            wait_for(lambda: b"text.txt" in read(log))
            result["new log"] = sorted_lines(world, read(log))
            if sendfile == "on":
                result.update(load(world))
        finally:
            process.send_signal(signal.SIGQUIT)
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except Exception:
                process.kill()
                out, err = process.communicate()
        result["quit"] = world.same_bytes(process.returncode, out, err)
        result["buffered log"] = sorted_lines(
            world, b"\n".join(line for line in read(os.path.join(world.folder, "buffered.log"))
                              .splitlines() if b"conform" in line))
        alerts = [re.sub(rb"^.*?\[(\w+)\] [^*]*", rb"\1 ", line) for line in read(os.path.join(world.folder, "error.log")).splitlines()
                  if re.search(rb"\[(alert|emerg|crit)\]", line)]
        result["alerts"] = world.same_bytes(0, b"\n".join(alerts), b"")
        return result

    return run


def load(world):
    """Many requests at once over TCP are the bench's business; here all must be answered."""
    answers = [hashlib.sha256(ask(world, REQUESTS["proxy" if i % 2 else "big"])).hexdigest()[:8]
               for i in range(60)]
    return {"60 in a row": Verdict(PASS, " ".join(sorted(set(answers))))}


def sorted_lines(world, data):
    """Two workers write in no order."""
    return world.same_bytes(0, b"\n".join(sorted(data.splitlines())), b"")


def groups(quick):
    both = {"sendfile": site("on"), "copied": site("off")}
    return {"sendfile": both["sendfile"]} if quick else both
