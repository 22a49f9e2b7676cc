# SPDX-License-Identifier: Apache-2.0
"""redis-server with an append-only file: replies, files, persistence and redis-benchmark."""
import hashlib
import os
import re
import signal

from world import FAIL, PASS, PATIENCE, Verdict, describe_files, program, wait_for

# Each line is one case: a redis-cli command whose reply has to be the same.
COMMANDS = """
    PING
    SET key value
    GET key
    APPEND key more
    STRLEN key
    INCRBY counter 41
    INCRBYFLOAT real 1.25
    INCR key
    MSET a 1 b 2 c 3
    MGET a b c nothing
    SETRANGE key 3 xyz
    BITCOUNT key
    LPUSH list 1 2 3 4 5
    LRANGE list 0 -1
    RPOPLPUSH list other
    SADD set x y z
    SCARD set
    HSET hash f1 v1 f2 v2
    HGETALL hash
    ZADD zset 1 one 2 two 3 three
    ZRANGE zset 0 -1 WITHSCORES
    ZRANGEBYSCORE zset -inf (3
    XADD stream 1-1 field value
    XRANGE stream - +
    PFADD hll a b c
    PFCOUNT hll
    GEOADD geo 13.36 38.11 Palermo 15.08 37.50 Catania
    GEODIST geo Palermo Catania km
    EVAL return{KEYS[1],ARGV[1],redis.call('get','a')} 1 k v
    EVAL return(redis.call('nosuch')) 0
    EXPIRE key 1000
    PERSIST key
    TYPE zset
    OBJECT ENCODING list
    DUMP a
    SORT list DESC
    SELECT 3
    DBSIZE
    CONFIG GET appendonly
    CLIENT GETNAME
    NOSUCH
    GET
    DEBUG JMAP
""".strip().splitlines()


def dataset(cli):
    """Redis's own digest of all keys and values, whatever their order."""
    return cli("DEBUG", "DIGEST")[1].decode().strip()


def is_rewritten(server):
    info = server.cli("INFO", "persistence")[1]
    return b"aof_rewrite_in_progress:0" in info and b"aof_rewrite_scheduled:0" in info


class Server:
    def __init__(self, world):
        self.world = world
        self.socket = os.path.join(world.folder, "redis.sock")
        self.log = os.path.join(world.folder, "redis.log")
        self.process = None

    def start(self):
        self.process = self.world.start([
            program("redis-server"), "--port", "0", "--unixsocket", self.socket, "--dir",
            self.world.work, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
            "--enable-debug-command", "yes", "--logfile", self.log, "--daemonize", "no",
        ])
        if not wait_for(lambda: self.cli("PING")[1] == b"PONG\n"):
            raise RuntimeError("redis-server does not answer")

    def cli(self, *words):
        return self.world.run([program("redis-cli"), "-s", self.socket, *words])

    def stop(self, number):
        """The exit status after a signal."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


def checks(world, _):
    server = Server(world)
    result = {}
    server.start()
    try:
        for command in COMMANDS:
            words = command.split()
            status, out, err = server.cli(*words)
            result[" ".join(words)[:40]] = world.same_bytes(status, out, err)
        fill = "".join(f"SET bulk:{i} {'v' * (i % 300)}\r\n" for i in range(20000)).encode()
        status, out, err = world.run(
            [program("redis-cli"), "-s", server.socket, "--pipe"], data=fill)
        result["--pipe"] = world.same_bytes(status, out, err)
        before = dataset(server.cli)
        result["dataset"] = Verdict(PASS, before)
        status, out, err = server.cli("BGREWRITEAOF")
        result["BGREWRITEAOF"] = world.same_bytes(status, out, err)
        wait_for(lambda: is_rewritten(server))
        info = server.cli("INFO", "persistence")[1]
        result["rewrite status"] = Verdict(
            PASS, re.search(rb"aof_last_bgrewrite_status:(\w+)", info).group(1).decode())
        status, out, err = server.cli("SAVE")
        result["SAVE"] = world.same_bytes(status, out, err)
        result["stop"] = Verdict(PASS, f"status {server.stop(signal.SIGTERM)}")
        appended = [line for line in describe_files(world.work).decode().splitlines()
                    if "aof" in line and "base" not in line]
        result["files"] = Verdict(PASS, hashlib.sha256("\n".join(appended).encode()).hexdigest()[:12])
        server.start()
        result["dataset after restart"] = Verdict(PASS, dataset(server.cli))
        result["killed"] = Verdict(PASS, f"status {server.stop(signal.SIGKILL)}")
        server.start()
        result["dataset after kill -9"] = Verdict(PASS, dataset(server.cli))
        result["stop again"] = Verdict(PASS, f"status {server.stop(signal.SIGINT)}")
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
    return result


def benchmark(world, _):
    server = Server(world)
    server.start()
    result = {}
    try:
        tests = ("ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,lrange_100,mset,xadd")
        status, out, err = world.run(
            [program("redis-benchmark"), "-s", server.socket, "-n", "3000", "-c", "20", "-P", "4",
             "--csv", "-t", tests])
        names = re.findall(rb'^"([^"]+)","[\d.]+"', out, re.M)
        for name in names:
            result[name.decode()] = Verdict(PASS)
        result["(status)"] = Verdict(PASS if status == 0 else FAIL, f"status {status} {err[-80:]!r}")
        result["(counter)"] = Verdict(PASS, server.cli("GET", "counter:__rand_int__")[1].decode())
        errors = re.findall(rb"errorstat_\S+", server.cli("INFO", "errorstats")[1])
        result["(errors)"] = Verdict(PASS, repr(errors))
    finally:
        server.stop(signal.SIGKILL)
    return result


def groups(quick):
    return {"checks": checks} if quick else {"checks": checks, "benchmark": benchmark}
