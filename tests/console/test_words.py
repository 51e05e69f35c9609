"""Every sentence of the pages has its Spanish, with the same places to fill in."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

from redactor.console.people import Permission, Role
from redactor.console.words import say, translations
from redactor.model import Use

HERE = Path(str(files("redactor.console")))

SHOWN_BY_NAME = {
    *(
        "refused",
        "redacted",
        "allowed",
        "any",
        "auto",
        "light",
        "dark",
        "good",
        "watch",
        "bad",
        "deed",
        "sent",
        "order",
    ),
    *("deeds", "orders"),
    *("24h", "7d", "30d", "1y", "(no role)", "retention", "key", "sees", "mask null", "filter", "refuse"),
    *("logged in", "exported entries", "opened a sealed text", "tried to open a sealed text", "reviewed a tag"),
    *("made a token", "The next checkpoint will cover it.", "The entry is not what was signed."),
    *(u.value for u in Use),
}
"""What templates translate by a variable's value."""


def sentences() -> set[str]:
    """What templates and handlers hand to `_`, and what handlers hand to templates that do."""
    found = set(SHOWN_BY_NAME) | {p.value for p in Permission} | {r.value for r in Role}
    for template in (HERE / "templates").glob("*.html"):
        text = template.read_text()
        found |= {s for pair in re.findall(r"""_\(\s*"([^"]+)"|_\(\s*'([^']+)'""", text) for s in pair if s}
        found |= set(re.findall(r'\("\w+", "([A-Z][^"]+)"\)', text))
    for source in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "note":
                found |= {
                    c.value
                    for c in ast.walk(node.value)
                    if isinstance(c, ast.Constant) and isinstance(c.value, str) and c.value
                }
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                first = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                if name in ("_", "Link", "Sign", "HTTPException", "Conflict"):
                    found |= {t for t in first if " " in t or name in ("_", "Link")} - {"/"}
                found |= {
                    k.value.value
                    for k in node.keywords
                    if k.arg == "wrong" and isinstance(k.value, ast.Constant) and k.value.value
                }
    return {s for s in found if not s.startswith("/") and s not in ("bad", "x-csrf-token")} | {"bad"}


def test_all_is_said_in_spanish() -> None:
    spanish = translations("es")
    assert sorted(s for s in sentences() if s not in spanish) == []


def test_the_same_places() -> None:
    places = re.compile(r"\{\w+\}")
    wrong = [s for s, t in translations("es").items() if sorted(places.findall(s)) != sorted(places.findall(t))]
    assert wrong == []


def test_what_is_not_known_stays_english() -> None:
    assert say("es", "No such sentence {n}", n=1) == "No such sentence 1"
    assert say("xx", "Log in") == "Log in"
