# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors with --verify: one case is one stressor, one second; in the short part, so many
operations."""
import socket

from world import FAIL, PASS, SKIP, Verdict, program

# Pipes, sockets, files, signals, processes, threads, and what moves bytes inside the kernel.
STRESSORS = """
    pipe pipeherd ring-pipe fifo sock sockpair sockfd udp splice vm-splice tee sendfile copy-file
    hdd aio io iomix revio seek fallocate fpunch dup open close poll epoll eventfd inotify memfd
    signal sigabrt sigchld sigfd sigfpe sigio signest sigpending sigpipe sigq sigrt sigsegv
    sigsuspend sigtrap bad-altstack alarm itimer timer timerfd kill
    fork forkheavy vfork vforkmany clone daemon exec spawn exit-group wait zombie session
    pthread futex mutex context longjmp stack stackmmap resched
    pty msg mq null full zero file-ioctl io-uring seccomp rlimit dynlib env rseq landlock
""".split()
# By itself it takes all the room that the disk has.
BOUNDS = {"hdd": ["--hdd-bytes", "64m"]}


QUICK = 13
OPERATIONS = "300"
ENDLESS = ("pipeherd",)  # knows no number of operations
PORTS = {"sock": socket.SOCK_STREAM, "epoll": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def port(name):
    """One that nobody has, for those that would take a certain one."""
    if name not in PORTS:
        return []
    with socket.socket(socket.AF_INET, PORTS[name]) as free:
        free.bind(("127.0.0.1", 0))
        return [f"--{name}-port", str(free.getsockname()[1])]


def bounds(name, quick):
    if not quick or name in ENDLESS:
        return ["--timeout", "1", *BOUNDS.get(name, ())]
    return [f"--{name}-ops", OPERATIONS, "--timeout", "300"]


def stressor(name, quick):
    def run(world, _):
        status, _, err = world.run(
            [program("stress-ng"), f"--{name}", "1", "--verify", "--no-rand-seed",
             "--temp-path", world.work, *port(name), *bounds(name, quick)],
        )
        # 3: not implemented here; 4: not enough resources.
        skipped = status in (3, 4) or b"skipping stressor" in err or b"skipped:" in err
        kind = SKIP if skipped else PASS if status == 0 else FAIL
        return {name: Verdict(kind, f"status {status}")}

    return run


def groups(quick):
    return {name: stressor(name, quick) for name in (STRESSORS[:QUICK] if quick else STRESSORS)}
