#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# completion: the three scripts, loaded into their shells, which are then asked what they offer.
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clikit
import pfharness as pf

# Prints a line of \1 for each question, then what bash offers.
BASH = """
. /usr/share/bash-completion/bash_completion
. <(pfprof completion bash)
while IFS= read -r line; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMPREPLY=()
    read -ra COMP_WORDS <<<"${line//=/ = }"
    case $line in *' '|*=) COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _pfprof pfprof "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    printf '\\1\\n'; printf '%s\\n' "${COMPREPLY[@]}"
done
"""

FISH = """
pfprof completion fish | source
while read -l line
    printf '\\1\\n'; complete --do-complete=$line
end
"""

# In a terminal of its own: the lists that Ctrl-D shows.  A list ends where ours does: Ctrl-T says so (no key that
# others begin with: zsh would wait for those).  Keys are pressed once the line editor is there to take them: before,
# the terminal itself takes Ctrl-D.
ZSH = """
zmodload zsh/zpty
zpty shell "TERM=dumb zsh -f -i"
zpty -w shell 'PS1=; PS2=; unset zle_bracketed_paste; LISTMAX=10000; stty columns 400 -echo
unsetopt beep list_beep
autoload -Uz compinit; compinit -u -D; . <(pfprof completion zsh)
said() { print; print DO""NE; zle send-break }; zle -N said
bindkey "^D" list-choices; bindkey "^T" said
zle-line-init() { print REA""DY }; zle -N zle-line-init'
while IFS= read -r line; do
    zpty -r shell out '*READY*'
    zpty -w -n shell "$line"$'\\x04\\x14'
    zpty -r shell out '*DONE*'
    print -r -- $'\\1'; print -r -- "$out"
done
zpty -d shell
"""


class Completion(clikit.Case):
    def setUp(self):
        super().setUp()
        self.process = self.world.profiled([pf.build("chatter"), "stop"], ENABLED="true")
        self.addCleanup(self.process.communicate)
        self.addCleanup(self.process.kill)
        pf.wait_for(lambda: str(self.process.pid) in self.world.cli("list").out)
        for name in ("a file.pfs", "zz.pfs"):
            with open(os.path.join(self.world.run.work, name), "w", encoding="utf-8"):
                pass

    def ask(self, shell, script, lines):
        """{line: the set of what the shell offers, as text}"""
        env = self.world.environment({"HOME": self.world.run.work})
        env["PATH"] = os.path.dirname(clikit.PFPROF) + ":/usr/bin:/bin"
        done = subprocess.run(
            [pf.need(shell), *{"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell], "-c", script],
            input="".join(line + "\n" for line in lines), capture_output=True, text=True, env=env,
            cwd=self.world.run.work, timeout=pf.RUN_PATIENCE)
        self.assertEqual(done.stderr, "", done.stdout)
        answers = done.stdout.replace("\r", "").split("\1\n")[1:]
        self.assertEqual(len(answers), len(lines), done.stdout)
        return dict(zip(lines, answers))

    def check(self, shell, script):
        pid = str(self.process.pid)
        commands = re.findall(r"(?m)^  ([a-z]+)  ", self.world.cli("--help").out
                              .split("commands:")[1].split("options:")[0])
        # (what is typed, what must be offered, what must not)
        rows = [
            ("pfprof ", commands, [pid, "zz.pfs"]),
            ("pfprof --", ["--help", "--version"], ["show"]),
            ("pfprof show ", [pid, "zz.pfs"], ["list"]),
            ("pfprof run --stacks=", ["auto", "on", "off"], ["zz.pfs"]),
            ("pfprof run --stacks ", ["auto", "on", "off"], ["zz.pfs", "gzip"]),
            ("pfprof run --save ", ["a file.pfs", "zz.pfs"], ["gzip"]),
            ("pfprof run gzi", ["gzip"], []),
            ("pfprof run --rate 1 -- gzi", ["gzip"], []),
            ("pfprof run -- cat z", ["zz.pfs"], [pid]),
            ("pfprof run -- cat show ", ["zz.pfs"], [pid]),
            ("pfprof doctor gzi", ["gzip"], []),
            ("pfprof ctl ", [pid], ["flush", "zz.pfs"]),
            ("pfprof ctl 1 ", ["on", "flush", "rate="], [pid, "zz.pfs"]),
            ("pfprof completion ", ["bash", "zsh", "fish"], ["zz.pfs"]),
            ("pfprof completion bash ", [], ["fish", "zz.pfs"]),
            ("pfprof help ", commands, ["help", pid, "zz.pfs"]),
            ("pfprof help show ", [], ["list", "zz.pfs"]),
            ("pfprof config ", ["migrate"], ["zz.pfs"]),
            ("pfprof config migrate ", ["zz.pfs"], ["migrate"]),
            ("pfprof list ", [], [pid, "zz.pfs"]),
            ("pfprof export --format ", ["pprof", "speedscope"], [pid, "zz.pfs"]),
            ("pfprof record --output ", ["zz.pfs"], [pid]),
        ]
        for command in commands:
            options = re.findall(r"(?m)^  (?:-\w, |    )--([a-z-]+)",
                                 self.world.cli(command, "--help").out)
            rows.append((f"pfprof {command} --", ["--" + o for o in options], [pid, "zz.pfs"]))
        answers = self.ask(shell, script, [row[0] for row in rows])
        for line, wanted, unwanted in rows:
            with self.subTest(line):
                # A word that is typed is in zsh's answer, too.
                text = answers[line].replace(line.strip(), "")
                text = text.replace("\\ ", " ")
                for word in wanted:
                    self.assertRegex(text, rf"(?m)(^|[\s=]){re.escape(word)}", line)
                for word in unwanted:
                    self.assertNotRegex(text, rf"(?m)(^|[\s=]){re.escape(word)}\b", line)

    def test_bash(self):
        if not os.path.exists("/usr/share/bash-completion/bash_completion"):
            self.skipTest("bash-completion is not installed")
        self.check("bash", BASH)

    def test_fish(self):
        self.check("fish", FISH)

    def test_zsh(self):
        self.check("zsh", ZSH)


if __name__ == "__main__":
    pf.main()
