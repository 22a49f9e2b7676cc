# SPDX-License-Identifier: Apache-2.0
# The lists of test/mutants/, and the tests that they name: whether each is there, is one of `make check`, and how it
# is run in a copy of the tree.
#
# What a test's name may be:
#   FILE [Class[.test]]     a file of test/e2e; of test/cli, test/lib or test/export as cli/FILE and so on
#   lib NAME [FUNCTION ...] the program of meson's test lib-NAME, or NAME; one of the functions must be what fails
#   scripts/NAME ...        a script, which `make check` or .ci/run runs
import ast
import glob
import importlib.util
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FAILED = re.compile(r":[FE]:[^:\n]*:(\w+):\d+:")  # as Check says it


def lists():
    """{name of a file of test/mutants: its mutants}; each is (what, test, edits)."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "test/mutants/*.py"))):
        name = os.path.basename(path)[:-3]
        spec = importlib.util.spec_from_file_location("mutants_" + name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[name] = module.MUTANTS
    return found


def meson_tests(build):
    """What meson knows of a build folder's tests; None: it is not set up with tests."""
    path = os.path.join(build, "meson-info/intro-tests.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def has_python_test(path, name):
    """Whether a file has the class, or the test of it (a base class's too)."""
    wanted, _, test = name.partition(".")
    classes = {c.name: c for c in ast.parse(read(path)).body if isinstance(c, ast.ClassDef)}

    def has(one):
        bases = [b.id for b in one.bases if isinstance(b, ast.Name) and b.id in classes]
        return any(getattr(f, "name", "") == test for f in one.body) or any(has(classes[b]) for b in bases)

    return wanted in classes and (not test or has(classes[wanted]))


class Test:
    """One that a mutant names.  `library`: lib/ must be built for it."""

    def __init__(self, text):
        self.text, self.words = text, text.split()
        self.is_script = text.startswith("scripts/")
        self.is_program = self.words[0] == "lib" and len(self.words) > 1
        self.is_file = not self.is_script and not self.is_program
        self.path = self.words[0] if self.is_script else None
        if self.is_file:
            folder, _, file = ("e2e/" + self.words[0]).rpartition("/")
            self.path = f"test/{folder.split('/')[-1]}/{file}.py"
        self.library = not self.is_script and not (self.path or "").startswith("test/e2e/")

    def record(self, tests):
        """meson's record of it, or None."""
        if self.is_program:
            named = {t["name"]: t for t in tests}
            return named.get("lib-" + self.words[1], named.get(self.words[1]))
        return next((t for t in tests if any(c.endswith("/" + self.path) for c in t["cmd"])), None)

    def fault(self, tests):
        """What is wrong with the name; None: nothing is."""
        if self.path is not None and not os.path.exists(os.path.join(ROOT, self.path)):
            return f"there is no {self.path}"
        if self.record(tests) is None and not (self.is_script and self.path in read(".ci/run")):
            return "no test of `make check` is that"
        if self.is_program:
            name = self.words[1]
            sources = [p for p in (f"test/lib/test-{name}.c", f"test/preload/test-{name}.c")
                       if os.path.exists(os.path.join(ROOT, p))]
            text = "".join(map(read, sources))
            missing = [w for w in self.words[2:] if f"START_TEST({w})" not in text]
            return f"{' '.join(sources) or name} has no test {missing[0]}" if missing else None
        missing = [w for w in self.words[1:] if self.is_file and not has_python_test(self.path, w)]
        return f"{self.path} has no {missing[0]}" if missing else None

    def command(self, build, targets):
        """(arguments, environment, what ninja must build) in a copy's build folder; the targets are those of `targets`."""
        if not self.library:
            argv = self.words if self.is_script else ["python3", self.path, *self.words[1:]]
            return argv, {"PF_LIB": os.path.join(build, "preload/libpfprof.so"), "PF_TARGETS": targets}, ["preload/libpfprof.so"]
        record = self.record(meson_tests(build))
        if self.is_program:
            argv = record["cmd"]
            return argv, record["env"], [os.path.relpath(argv[0], build)]
        env = {**record["env"], "PF_TARGETS": targets}
        files = [p for p in env.values() if p.startswith(build + "/") and os.path.splitext(p)[1] in ("", ".so")]
        made = [os.path.relpath(p, build) for p in files if not os.path.isdir(p)]
        return ["python3", self.path, *self.words[1:]], env, ["preload/libpfprof.so", *made]

    def is_noticed(self, said):
        """Whether a failed run failed for what is asked for."""
        wanted = self.words[2:] if self.is_program else []
        return not wanted or bool(set(wanted) & set(FAILED.findall(said)))
