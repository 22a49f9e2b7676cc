# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors with --verify: one case is one stressor, one second."""
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


def stressor(name):
    def run(world, _):
        status, _, err = world.run(
            [program("stress-ng"), f"--{name}", "1", "--verify", "--timeout", "1", "--no-rand-seed",
             "--temp-path", world.work, *BOUNDS.get(name, ())], timeout=60,
        )
        # 3: not implemented here; 4: not enough resources.
        skipped = status in (3, 4) or b"skipping stressor" in err or b"skipped:" in err
        kind = SKIP if skipped else PASS if status == 0 else FAIL
        return {name: Verdict(kind, f"status {status}")}

    return run


def groups(quick):
    return {name: stressor(name) for name in (STRESSORS[:13] if quick else STRESSORS)}
