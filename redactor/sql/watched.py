"""Constants of a tree that note when they are looked into.

Knows nothing of why one looks. Invariant: whatever goes past the methods that note it finds nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from redactor.sql.grammar import Node


class Watched(dict[str, Any]):
    """A constant of the tree. It gives what is asked for, and remembers that it was asked."""

    __slots__ = ("_inner", "_number", "_reached")

    def __init__(self, inner: Node, number: int, reached: set[int]) -> None:
        # empty as a dict: what goes past these methods finds nothing
        super().__init__()
        self._inner, self._number, self._reached = inner, number, reached

    def _open(self) -> Node:
        self._reached.add(self._number)
        return self._inner

    def __getitem__(self, key: str) -> Any:
        return self._open()[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._open().get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._open()

    def __iter__(self) -> Iterator[str]:
        return iter(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def __eq__(self, other: object) -> bool:
        return self._open() == other

    def __ne__(self, other: object) -> bool:
        return self._open() != other

    __hash__ = None

    def items(self) -> Any:
        return self._open().items()

    def keys(self) -> Any:
        return self._open().keys()

    def values(self) -> Any:
        return self._open().values()

    def _changed(self, *args: object, **named: object) -> NoReturn:
        raise TypeError("a constant of the tree is not changed")

    __setitem__ = __delitem__ = pop = popitem = setdefault = update = clear = copy = _changed
