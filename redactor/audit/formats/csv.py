"""Entries as CSV (RFC 4180), for spreadsheets.

Knows the columns. Must not lose a field's end: everything is quoted. Invariant: no cell begins with what a spreadsheet
takes for a formula.
"""

from __future__ import annotations

from redactor.audit.formats.form import Leaf, columns, rules

COLUMNS = (
    ("sequence", lambda e: e["sequence"]),
    ("at", lambda e: e["at"]),
    ("kind", lambda e: e.get("kind")),
    ("login", lambda e: e.get("login")),
    ("groups", lambda e: ", ".join(e.get("groups", ()))),
    ("database", lambda e: e.get("database")),
    ("address", lambda e: e.get("address")),
    ("decision", lambda e: e.get("decision")),
    ("verdict", lambda e: e.get("verdict")),
    ("outcome", lambda e: e.get("outcome")),
    ("sqlstate", lambda e: e.get("sqlstate")),
    ("rules", rules),
    ("because", lambda e: e.get("because") or "; ".join(dict.fromkeys(r["because"] for r in e.get("rules", ())))),
    ("columns", columns),
    ("shape", lambda e: e.get("shape")),
    ("digest", lambda e: e.get("digest")),
    ("snapshot", lambda e: e.get("snapshot")),
)

HEAD = (",".join(name for name, _ in COLUMNS) + "\r\n").encode()


def event(leaf: Leaf) -> str:
    """One record. Its line ends of its own are made spaces, so that a record is a line."""
    return ",".join(_cell(take(leaf)) for _, take in COLUMNS) + "\r"


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).splitlines())
    if text.startswith(("=", "+", "-", "@", "\t")):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"'
