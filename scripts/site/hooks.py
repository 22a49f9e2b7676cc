# SPDX-License-Identifier: Apache-2.0
"""Hooks of mkdocs: pages that are named in the text become links, and no page is left out of the menu."""
import os
import re

from mkdocs.exceptions import Abort


def on_page_markdown(markdown, page, config, files):
    """`docs/guides/systemd.md` becomes a link, but not within code; a page that is not there is an error."""
    here = os.path.dirname(page.file.src_path)

    def link(match):
        path = match[1]
        if files.get_file_from_path(path) is None:
            raise Abort(f"{page.file.src_path} names docs/{path}, which is not there")
        return f"[{path}]({os.path.relpath(path, here or '.')})"

    parts = re.split(r"(^```.*?^```$|`[^`\n]*`|\]\([^)]*\))", markdown, flags=re.M | re.S)
    # What a table of GitHub's needs, a table here shows as it is.
    parts[1::2] = [part if part.startswith("```") else part.replace("\\|", "|") for part in parts[1::2]]
    parts[::2] = [re.sub(r"\bdocs/([\w/-]+\.md)\b", link, part) for part in parts[::2]]
    return "".join(parts)


def on_nav(nav, config, files):
    shown = {page.file.src_path for page in nav.pages}
    missing = [file.src_path for file in files.documentation_pages() if file.src_path not in shown]
    if missing:
        raise Abort(f"not in the menu of scripts/site/mkdocs.yml: {', '.join(missing)}")
    return nav
