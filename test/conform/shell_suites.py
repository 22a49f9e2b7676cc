# SPDX-License-Identifier: Apache-2.0
"""Scripts of pipelines.sh, git.sh and sqlite3.sh: output, errors, status and files, byte by byte."""
import os
import random

from world import FAIL, Verdict, describe_files, program, read_cases

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu café 日本 😀".split()


def make_inputs(folder):
    """What the pipelines read: the same in every run."""
    choose = random.Random(1)
    with open(os.path.join(folder, "text"), "w", encoding="utf-8") as file:
        for number in range(20000):
            file.write(f"{number} {' '.join(choose.choices(WORDS, k=choose.randint(0, 12)))}\n")
    with open(os.path.join(folder, "numbers"), "w", encoding="ascii") as file:
        file.writelines(f"{choose.randint(-10**6, 10**6)},{choose.random():.6f}\n"
                        for _ in range(5000))
    with open(os.path.join(folder, "binary"), "wb") as file:
        file.write(choose.randbytes(600000))
    tree = os.path.join(folder, "tree")
    for number in range(40):
        path = os.path.join(tree, f"d{number % 5}", f"e{number % 3}")
        os.makedirs(path, exist_ok=True)
        name = os.path.join(path, f"f{number}")
        with open(name, "wb") as file:
            file.write(choose.randbytes(number * 97))
        os.utime(name, (1e9 + number, 1e9 + number))
    for where, folders, _ in os.walk(tree):
        os.utime(where, (1e9, 1e9))
        del folders


def apart(cases):
    """A group whose cases each have a folder of their own."""

    def run(world, wanted):
        program("gawk")
        inputs = os.path.join(world.folder, "in")
        os.mkdir(inputs)
        make_inputs(inputs)
        result = {}
        for name in wanted or cases:
            folder = os.path.join(world.work, name.replace("/", "-"))
            os.mkdir(folder)
            status, out, err = world.run(["/bin/bash", "-c", cases[name]], cwd=folder,
                                         env={"IN": inputs})
            if status == "timeout":
                result[name] = Verdict(FAIL, "timeout")
                continue
            result[name] = world.same_bytes(status, out, err, describe_files(folder))
        return result

    return run


def in_turn(cases, environment, tool):
    """A group whose cases build on each other in one folder."""

    def run(world, _):
        program(tool)
        result = {}
        for name, command in cases.items():
            status, out, err = world.run(["/bin/bash", "-c", command], env=environment)
            kind = FAIL if status == "timeout" else "pass"
            result[name] = world.same_bytes(status, out, err, kind=kind)
        return result

    return run


def split(cases, size):
    names = list(cases)
    return {f"{at // size + 1}": {n: cases[n] for n in names[at:at + size]}
            for at in range(0, len(names), size)}


def pipelines(quick):
    del quick  # a few seconds in all
    cases = read_cases(os.path.join(HERE, "pipelines.sh"))
    return {name: apart(part) for name, part in split(cases, 30).items()}


def git(quick):
    del quick
    clock = "2020-02-02T02:02:02+0000"
    environment = {
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": clock,
        "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org",
        "GIT_COMMITTER_DATE": clock, "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
    }
    return {"life": in_turn(read_cases(os.path.join(HERE, "git.sh")), environment, "git")}


def sqlite3(quick):
    del quick
    return {"shell": in_turn(read_cases(os.path.join(HERE, "sqlite3.sh")), {}, "sqlite3")}
