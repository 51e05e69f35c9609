"""What a format is, and what several of them need to know of an entry.

Knows the leaf's fields. Must not know any one format. Invariant: these functions take any leaf that was ever logged,
whatever its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from redactor import __version__

Leaf: TypeAlias = dict[str, Any]
"""An entry as the log holds it, parsed."""

PRODUCT = "redactor"
VERSION = __version__


@dataclass(frozen=True, slots=True)
class Format:
    """`event` spells one entry as one line, without its end; `bundle` several, as a file or a request holds them."""

    name: str
    event: Callable[[Leaf], str]
    bundle: Callable[[Sequence[Leaf]], bytes]
    content_type: str
    head: bytes = b""


def lines(event: Callable[[Leaf], str]) -> Callable[[Sequence[Leaf]], bytes]:
    """The bundle of a format whose events are just lines."""
    return lambda leaves: "".join(event(leaf) + "\n" for leaf in leaves).encode()


def micros(leaf: Leaf) -> int:
    """An entry's time: microseconds since the epoch."""
    at = datetime.fromisoformat(str(leaf["at"]).replace("Z", "+00:00"))
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def rules(leaf: Leaf) -> str:
    """The rules that took part, separated by commas."""
    return ", ".join(dict.fromkeys(str(r["rule"]) for r in leaf.get("rules", ())))


def columns(leaf: Leaf) -> str:
    """The columns and how each was used."""
    return ", ".join(f"{c['column']} ({c['use']})" for c in leaf.get("columns", ()))


def title(leaf: Leaf) -> str:
    """What happened, in a few words without anything that a client chose."""
    match leaf.get("kind"):
        case "retention":
            return "texts of the log retired"
        case "key":
            return "new key of the log introduced"
        case "order":
            return f"disclosure order: {leaf.get('step', '')}"
        case _:
            return f"statement {leaf.get('verdict', '')}".strip()
