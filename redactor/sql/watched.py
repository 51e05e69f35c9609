"""Constants of a tree that note when they are looked into.

Knows nothing of why one looks. Invariant: nothing of a constant is had without its being noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redactor.sql.grammar import Node


class Watched(Mapping[str, Any]):
    """A constant of the tree. It gives what is asked for, and remembers that it was asked.

    It is no dict: compiled code reads a dict, and whatever derives from one, without asking its methods. What insists
    on a dict fails with it, and the statement is then not answered from memory.
    """

    __slots__ = ("_inner", "_number", "_reached")

    def __init__(self, inner: Node, number: int, reached: set[int]) -> None:
        self._inner, self._number, self._reached = inner, number, reached

    def _open(self) -> Node:
        self._reached.add(self._number)
        return self._inner

    def __getitem__(self, key: str) -> Any:
        return self._open()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._open()

    def __iter__(self) -> Iterator[str]:
        return iter(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def __eq__(self, other: object) -> bool:
        return self._open() == other

    __hash__ = None  # type: ignore[assignment]  # as a dict
