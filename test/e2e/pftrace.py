# SPDX-License-Identifier: Apache-2.0
# What strace saw of a run.
import collections
import re

# Which functions make which system call when they are not layered on stdio.
KERNEL = {
    "write": ("write", "__write"),
    "writev": ("writev",),
    "pwrite64": ("pwrite", "pwrite64", "__pwrite64"),
    "pwritev": ("pwritev", "pwritev64"),
    "pwritev2": ("pwritev2", "pwritev64v2"),
    "sendto": ("send", "__send", "sendto"),
    "sendmsg": ("sendmsg",),
    "sendmmsg": ("sendmmsg",),
    "sendfile": ("sendfile", "sendfile64"),
    "copy_file_range": ("copy_file_range",),
    "splice": ("splice",),
    "tee": ("tee",),
    "vmsplice": ("vmsplice",),
}


class Call:
    """One system call that strace saw."""

    def __init__(self, name, path, result):
        self.name, self.path, self.result = name, path, result

    def __repr__(self):
        return f"{self.name}({self.path})={self.result}"


def read(path):
    """{pid: [Call, ...]} with threads under their process."""
    pending, leader, found = {}, {}, collections.defaultdict(list)
    lines = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"(\d+)\s+(.*)$", line.rstrip("\n"))
            if not match:
                continue
            tid, text = int(match.group(1)), match.group(2)
            resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)$", text)
            if text.endswith("<unfinished ...>"):
                pending[tid] = text[: -len("<unfinished ...>")]
            elif resumed and tid in pending:
                lines.append((tid, pending.pop(tid) + resumed.group(2)))
            else:
                lines.append((tid, text))
    # Who is whose thread, before the calls: a thread's first call may come before clone returns.
    for tid, text in lines:
        match = re.match(r"(clone|clone3)\(.*CLONE_THREAD.*= (\d+)", text)
        if match:
            leader[int(match.group(2))] = tid

    def process(tid):
        while tid in leader:
            tid = leader[tid]
        return tid

    for tid, text in lines:
        match = re.match(r"(\w+)\((-?\d+)(?:<([^>]*)>)?", text)
        result = re.search(r"\) += (-?\d+|\?)(.*)$", text)
        if not match or not result or match.group(1) not in KERNEL:
            continue
        if "ERESTART" in result.group(2):
            continue  # the kernel starts it again: one call of the program
        value = -1 if result.group(1) == "?" else int(result.group(1))
        found[process(tid)].append(Call(match.group(1), match.group(3) or "", value))
    return dict(found)
