"""What an outlet is: something that takes checkpoints, or entries, or says why it did not.

Knows the two shapes and their errors. Must not know any one of them. Invariant: a method that returns has delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from redactor.audit.formats import Leaf
from redactor.audit.verifier import split_notes


class Undelivered(Exception):
    """An outlet did not take what it was given; it will be tried again. The text is the operator's, without data."""


class OtherHistory(Undelivered):
    """The outlet has another checkpoint of the same size: there are two histories of this log."""


class Publisher(Protocol):
    """Takes checkpoints. `everything`: each of them, else the newest is enough. Blocking."""

    everything: bool

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """Take the notes (size, note), oldest first; gives cosignature lines for the last one, mostly none.

        Undelivered where it did not; what it has already is passed over.
        """
        ...


class Forwarder(Protocol):
    """Takes entries. Blocking."""

    def forward(self, leaves: Sequence[Leaf]) -> None:
        """Take the entries, in order. Undelivered where it did not take them all."""
        ...


class Consistency(Protocol):
    """Proves that the log of `new` entries begins with that of `old`."""

    def __call__(self, old: int, new: int) -> list[bytes]: ...


def not_there_yet(text: str, notes: Sequence[tuple[int, str]]) -> list[str]:
    """Those of the notes that a file of checkpoints does not have. OtherHistory where it has others in their place."""
    bodies: dict[tuple[str, str], str] = {}
    for note in split_notes(text):
        body = note.partition("\n\n")[0]
        origin, said, *_ = [*body.split("\n"), "", ""]
        bodies[origin, said] = body
    missing = []
    for size, note in notes:
        body = note.partition("\n\n")[0]
        there = bodies.get((body.partition("\n")[0], str(size)))
        if there is None:
            missing.append(note)
        else:
            require_same(there, body, size)
    return missing


def require_same(there: str, body: str, size: int) -> None:
    """OtherHistory unless what is there says the same of the log as the note's body."""
    if there.partition("\n\n")[0].strip() != body.partition("\n\n")[0].strip():
        raise OtherHistory(f"it has another checkpoint of {size} entries: there are two histories of this log")
