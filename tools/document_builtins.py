"""Writes the tables of docs/functions.md from the reviewed lists, so that what auditors read is what decides.

python tools/document_builtins.py [--check]
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent.parent
DATA = HOME / "redactor" / "sql" / "builtins"
PAGE = HOME / "docs" / "functions.md"
BEGIN, END = "<!-- tables: made by tools/document_builtins.py -->\n", "<!-- end of tables -->\n"


def _list(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def _names(names: str) -> str:
    return ", ".join(f"`{n}`" for n in names.split())


def tables() -> str:
    """All reasons with the names that they are given for."""
    out = ["### Functions", ""]
    families = _list("functions")["family"]
    for kind in dict.fromkeys(f["verdict"] for f in families):
        out += [f"**{kind}**", "", "| because | names |", "|---|---|"]
        for f in families:
            if f["verdict"] == kind:
                which = f" (of {f['arguments']} arguments)" if "arguments" in f else ""
                out.append(f"| {f['because']}{which} | {_names(f['names'])} |")
        out.append("")
    out += ["### Extensions", "", "| extension | functions | because | but |", "|---|---|---|---|"]
    for e in _list("extensions")["extension"]:
        but = "; ".join(f"{b['verdict']}: {_names(b['names'])} ({b['because']})" for b in e.get("but", ()))
        out.append(f"| {e['name']} | {'harmless' if e['harmless'] else 'refused'} | {e['because']} | {but} |")
    relations = _list("relations")
    out += ["", "### System relations that are closed", "", "| because | names |", "|---|---|"]
    out += [f"| {g['because']} | {_names(g['names'])} |" for g in relations["closed"]]
    out += ["", "### System relations of which something is hidden", ""]
    out += ["| names | what reads as NULL | in which rows | because |", "|---|---|---|---|"]
    for g in relations["partial"]:
        columns = _names(g["columns"]) if "columns" in g else "(the row is left out)"
        rows = "all" if g["how"] == "always" else f"{g['how']}: {_names(g['keys'])}"
        out.append(f"| {_names(g['names'])} | {columns} | {rows} | {g['because']} |")
    out += ["", "### Settings", "", "| effect | values | because | names |", "|---|---|---|---|"]
    for g in _list("settings")["group"]:
        out.append(f"| {g['effect']} | {_names(g.get('values', ''))} | {g['because']} | {_names(g['names'])} |")
    return "\n".join(out) + "\n"


def page() -> str:
    """The whole page, with its tables as they should be."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + tables() + "\n" + END + after


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text("utf-8") == wanted else f"{PAGE} is out of date: run {sys.argv[0]}")
    PAGE.write_text(wanted, "utf-8")
