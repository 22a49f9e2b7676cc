# SPDX-License-Identifier: Apache-2.0
"""CPython's own tests, from Debian's libpython3.11-testsuite: one case is one test method."""
import os
import xml.etree.ElementTree

from world import FAIL, PASS, SKIP, Missing, Verdict

PYTHON = "/usr/bin/python3"
MODULES = (
    "test_io", "test_logging", "test_subprocess", "test_signal", "test_os", "test_socket",
    "test_threading", "test_syslog", "test_pty", "test_fileio", "test_file", "test_posix",
    "test_print", "test_eintr", "test_faulthandler", "test_select", "test_selectors", "test_mmap",
    "test_sqlite3", "test_cmd_line", "test_popen", "test_tempfile",
)
QUICK = ("test_syslog", "test_pty", "test_file", "test_fileio", "test_print")


def verdict_of(case):
    tags = sorted({child.tag for child in case if child.tag in ("error", "failure", "skipped")})
    if "error" in tags or "failure" in tags:
        return Verdict(FAIL, "+".join(tags))
    if tags or case.get("result") == "skipped":
        return Verdict(SKIP)
    return Verdict(PASS)


def worst(verdicts):
    """Subtests report under their method's name."""
    return max(verdicts, key=lambda v: (SKIP, PASS, FAIL).index(v.kind))


def module(name):
    def run(world, cases):
        report = os.path.join(world.folder, "report.xml")
        command = [PYTHON, "-m", "test", "--timeout", "500", "--junit-xml", report]
        # Waits forever where the kernel has vsock but nothing answers on it.
        command += ["--ignore", "*VSOCK*"]
        for case in cases or ():
            if "(" not in case:
                command += ["-m", case]
        status, out, _ = world.run([*command, name], timeout=600)
        if b"No module named test" in out or not os.path.exists(report) and status == 1:
            check_installed(world)
        found = {}
        if os.path.exists(report):
            for case in xml.etree.ElementTree.parse(report).iter("testcase"):
                found.setdefault(case.get("name"), []).append(verdict_of(case))
        result = {case: worst(verdicts) for case, verdicts in found.items()}
        if cases is None or "(module)" in cases:
            skipped = b" skipped -- " in out or b"resource denied" in out
            kind = FAIL if status else SKIP if skipped and not found else PASS
            result["(module)"] = Verdict(kind, f"status {status}")
        return result

    return run


def check_installed(world):
    status, _, _ = world.run([PYTHON, "-c", "import test.test_io"])
    if status != 0:
        raise Missing("libpython3.11-testsuite is not installed (scripts/bootstrap --conform)")


def groups(quick):
    return {name: module(name) for name in (QUICK if quick else MODULES)}
