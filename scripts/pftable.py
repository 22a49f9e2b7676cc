# SPDX-License-Identifier: Apache-2.0
# Reads the project's tables (*.def) by letting the C preprocessor print their rows.
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FAMILIES = (
    "write send copy stdio format wide syslog journal glib error flush process scope".split()
)
SHAPES = ("CALL", "VCALL", "TAIL", "HOOK", "SCOPE")


class Row:
    """One intercepted function, as the table has it."""

    def __init__(self, shape, fields):
        self.shape = shape
        self.name = fields[0]
        if shape == "SCOPE":
            self.family, self.timed, self.why = "scope", fields[1], fields[2]
            self.ret, self.bytes, self.fd = "", "", ""
        elif shape in ("TAIL", "HOOK"):
            self.family, self.why = fields[1].lower(), fields[2]
            self.ret, self.bytes, self.fd = "", "", ""
        else:
            at = 4 if shape == "CALL" else 6
            self.ret, self.why = fields[1], ""
            self.family, self.bytes, self.fd = fields[at].lower(), fields[at + 1], fields[at + 2]
        if self.family not in FAMILIES:
            raise ValueError(f"{self.name}: no such family: {self.family}")

    @property
    def is_message(self):
        return self.family not in ("flush", "process", "scope")


def split_fields(text):
    """Splits at the commas that stand outside brackets and strings; unquotes string literals."""
    fields, depth, start, quoted, i = [], 0, 0, False, 0
    while i < len(text):
        c = text[i]
        if quoted:
            if c == "\\":
                i += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            fields.append(text[start:i])
            start = i + 1
        i += 1
    fields.append(text[start:])
    return [unquote(field.strip()) for field in fields]


def unquote(field):
    """Joins adjacent string literals, as a compiler does; anything else stays as it is."""
    if not field.startswith('"'):
        return field
    out, i, inside = [], 0, False
    while i < len(field):
        c = field[i]
        if c == '"':
            inside = not inside
        elif inside and c == "\\":
            i += 1
            out.append({"n": "\n", "t": "\t"}.get(field[i], field[i]))
        elif inside:
            out.append(c)
        i += 1
    return "".join(out)


def raw_rows(path, macros):
    """(macro, fields) for each row of the table at `path`, in order."""
    # Stringified, so that no name in a row is taken for a macro on the way.
    lines = [f"#define {macro}(...) @row {macro} #__VA_ARGS__" for macro in macros]
    lines.append(f'#include "{os.path.abspath(path)}"')
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    run = subprocess.run(
        compiler + ["-E", "-P", "-x", "c", "-std=c17", "-"],
        input="\n".join(lines) + "\n", capture_output=True, text=True,
    )
    if run.returncode != 0:
        sys.exit(f"{path}: the preprocessor failed:\n{run.stderr}")
    rows = []
    for piece in run.stdout.split("@row ")[1:]:
        macro, _, quoted = piece.strip().partition(" ")
        rows.append((macro, split_fields(unquote(quoted.strip()))))
    if not rows:
        sys.exit(f"{path}: no rows found")
    return rows


def calls(path=None):
    """The rows of pf-calls.def; a name that stands there twice is an error."""
    path = path or os.environ.get("PF_CALLS_DEF") or os.path.join(ROOT, "preload/pf-calls.def")
    macros = {f"PF_{shape}": shape for shape in SHAPES}
    rows = [Row(macros[macro], fields) for macro, fields in raw_rows(path, macros)]
    seen = set()
    for row in rows:
        if row.name in seen:
            sys.exit(f"{path}: {row.name} has two rows")
        seen.add(row.name)
    return rows


def variables(path=None):
    """The rows of pf-env.def as dicts."""
    path = path or os.environ.get("PF_ENV_DEF") or os.path.join(ROOT, "preload/pf-env.def")
    keys = ("name", "type", "default", "range", "meaning", "where")
    return [dict(zip(keys, fields)) for _, fields in raw_rows(path, ["PF_VARIABLE"])]


def reasons(path=None):
    """{symbol: reason} of not-intercepted.txt.  A reason that begins with `not output:` says that
    only the name looks like output; every other symbol there is output that we cannot see."""
    path = path or os.path.join(ROOT, "scripts/not-intercepted.txt")
    found = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            symbol, tab, reason = line.partition("\t")
            if not tab or not reason.strip() or symbol in found:
                sys.exit(f"{path}:{number}: wanted symbol<TAB>reason, each symbol once")
            found[symbol] = reason.strip()
    return found
