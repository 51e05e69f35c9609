"""What a look at an installation found: one line for each thing, with why it matters and what to do.

Knows nothing else. A finding never holds a value of anybody's data, nor a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """OK; WARN: worth a person's look; FAIL: a way round what redactor promises; UNKNOWN: could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is the same for all findings of one kind; `do` is what puts it right (empty where nothing must be)."""

    state: State
    check: str
    what: str
    why: str = ""
    do: str = ""


def ok(check: str, what: str) -> Finding:
    return Finding(State.OK, check, what)


def warn(check: str, what: str, why: str, do: str) -> Finding:
    return Finding(State.WARN, check, what, why, do)


def fail(check: str, what: str, why: str, do: str) -> Finding:
    return Finding(State.FAIL, check, what, why, do)


def unknown(check: str, what: str, do: str) -> Finding:
    return Finding(State.UNKNOWN, check, what, "What cannot be looked at may be open.", do)


def listed(names: Iterable[object], most: int = 6) -> str:
    """Names for a sentence."""
    words = [str(n) for n in names]
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
