# SPDX-License-Identifier: Apache-2.0
"""An install into a folder of its own, as the tests of documents use it, and what documents hold."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

SOURCE, BUILD = os.environ["PF_SRC"], os.environ["PF_BUILD"]


def blocks(path, language):
    """The code blocks of a page in one language; "" for blocks that name none."""
    with open(path, encoding="utf-8") as page:
        found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read(), re.M | re.S)
    return [text for name, text in found if name == language]


class Install:
    """Everything, as `make install DESTDIR=folder` puts it, and an environment that finds it."""

    def __init__(self, test_class):
        self.folder = tempfile.mkdtemp(prefix="test-install-")
        test_class.addClassCleanup(shutil.rmtree, self.folder)
        self.tmpfs = tempfile.mkdtemp(prefix="test-install-", dir="/dev/shm")
        test_class.addClassCleanup(shutil.rmtree, self.tmpfs)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.folder],
                       check=True, capture_output=True)
        for config in glob.glob(self.folder + "/**/*.pc", recursive=True):
            with open(config, encoding="utf-8") as file:
                text = file.read()
            # DESTDIR is no part of what is installed; here it is where things are.
            text = re.sub(r"^prefix=", f"prefix={self.folder}", text, flags=re.M)
            with open(config, "w", encoding="utf-8") as file:
                file.write(text)
        self.library = self.find("libpfprof.so")
        self.include = os.path.dirname(self.find("include/pf-profile.h"))
        self.prefix = os.path.dirname(self.include)
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("PROVIDE_PROFILING_")}
        # Its own processes alone are seen, and no agent is started.
        self.environment.update(
            XDG_RUNTIME_DIR=self.tmpfs, PROVIDE_PROFILING_COMMAND="none",
            PKG_CONFIG_PATH=os.path.dirname(self.find("pf-profiling-1.pc")),
            LD_LIBRARY_PATH=os.path.dirname(self.library),
            PATH=os.path.join(self.prefix, "bin") + ":" + os.environ["PATH"])

    def find(self, name):
        [path] = glob.glob(f"{self.folder}/**/{name}", recursive=True)
        return path

    def run(self, command, more_environment=None, **more):
        """Runs a command that must succeed."""
        run = subprocess.run(command, env=self.environment | (more_environment or {}),
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             errors="replace", timeout=600, **more)
        if run.returncode != 0:
            raise AssertionError(f"{command}: status {run.returncode}\n"
                                 f"{run.stdout[-1500:]}\n{run.stderr[-1500:]}")
        return run
