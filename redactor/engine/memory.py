"""What was decided, remembered within bounds: by text, and by text without its literals.

Knows sizes and the order of use; must not know what a decision says. Invariants: all that is remembered weighs no more
than the limit; who asks a flood of questions pays for it with what was remembered for himself; a question that was
asked twice is not displaced by one that was asked once.

A shelf is for one meaning: everything besides the text that a decision hangs on. A door leads from the very objects
that a session asks with to its shelf, so that nothing need be hashed for a question that was asked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeAlias

from redactor.context import Context, Settings
from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine.variants import Template
from redactor.model import Requester

Key: TypeAlias = str | tuple[str, ...]
"""A text, or its pieces between literals."""

_DOORS = 16 * 1024
_SHELVES = 1024
_SHARE = 8
"""A shelf that holds more than one of so many parts of the limit makes room for its own newcomers."""

_ENTRY = 512
_ITEM = 150
"""Bytes that an entry takes besides its texts, and each column, rule or relation in it (measured, and rounded up)."""


class Shelf:
    """What is remembered for one meaning. `fresh` was asked once; `kept` was asked again since, oldest use first."""

    __slots__ = ("fresh", "fresh_bytes", "kept", "kept_bytes")

    def __init__(self) -> None:
        self.kept: OrderedDict[Key, Decision | Template] = OrderedDict()
        self.fresh: OrderedDict[Key, Decision | Template] = OrderedDict()
        self.kept_bytes = 0
        self.fresh_bytes = 0

    def get(self, key: Key) -> Decision | Template | None:
        """What is remembered under a key, which then counts as asked again."""
        found = self.kept.get(key)
        if found is not None:
            self.kept.move_to_end(key)
            return found
        found = self.fresh.pop(key, None)
        if found is not None:
            size = weight(key, found)
            self.fresh_bytes -= size
            self.kept_bytes += size
            self.kept[key] = found
        return found

    def drop(self) -> int:
        """Forgets the entry that is least likely to be asked for; gives its weight."""
        # a quarter is for what was asked once: else nothing new could ever come to be asked again
        if self.fresh and (self.fresh_bytes * 4 > self.kept_bytes or not self.kept):
            size = weight(*self.fresh.popitem(last=False))
            self.fresh_bytes -= size
        else:
            size = weight(*self.kept.popitem(last=False))
            self.kept_bytes -= size
        return size


class Memory:
    """All shelves of one engine. `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._shelves: OrderedDict[Hashable, Shelf] = OrderedDict()
        self._doors: dict[tuple[int, int], tuple[Requester, Settings, Context, Shelf]] = {}

    def shelf(self, requester: Requester, context: Context, meaning: Callable[[Requester, Context], Hashable]) -> Shelf:
        """The shelf for a question of that requester in that context. `meaning` is asked only where it is not known."""
        now = context.now
        door = self._doors.get((id(requester), id(now)))
        # a door holds on to its objects, so that no other can have their ids
        if door is not None:
            there = door[2]
            if there.cursors is context.cursors and there.offered is context.offered and there.login == context.login:
                return door[3]
        key = meaning(requester, context)
        shelf = self._shelves.get(key)
        if shelf is None:
            if len(self._shelves) >= _SHELVES:
                _, gone = self._shelves.popitem(last=False)
                self.bytes -= gone.kept_bytes + gone.fresh_bytes
                self._doors.clear()
            self._shelves[key] = shelf = Shelf()
        self._shelves.move_to_end(key)
        if len(self._doors) >= _DOORS:
            self._doors.clear()
        self._doors[id(requester), id(now)] = (requester, now, context, shelf)
        return shelf

    def put(self, shelf: Shelf, key: Key, value: Decision | Template) -> None:
        """Remembers an answer that was not remembered."""
        size = weight(key, value)
        shelf.fresh[key] = value
        shelf.fresh_bytes += size
        self.bytes += size
        self._fit(shelf)

    def grow(self, shelf: Shelf, key: Key, template: Template, size: int) -> None:
        """Notes that a remembered template (which has just been asked for) holds that many bytes more."""
        template.bytes += size
        if shelf.kept.get(key) is template:
            shelf.kept_bytes += size
            self.bytes += size
            self._fit(shelf)

    def _fit(self, shelf: Shelf) -> None:
        while self.bytes > self.limit:
            payer = shelf
            if (shelf.kept_bytes + shelf.fresh_bytes) * _SHARE <= self.limit:
                payer = max(self._shelves.values(), key=lambda s: s.kept_bytes + s.fresh_bytes)
            self.bytes -= payer.drop()


def weight(key: Key, value: Decision | Template) -> int:
    """Bytes that an entry takes, roughly and rather too many."""
    size = _ENTRY + (key.__sizeof__() if isinstance(key, str) else sum(p.__sizeof__() + 8 for p in key))
    return size + (value.bytes if isinstance(value, Template) else weight_of(value))


def weight_of(decision: Decision) -> int:
    """Bytes that a decision takes."""
    items = len(decision.footprint.relations) + len(decision.footprint.columns) + len(decision.footprint.functions)
    items += sum(1 + len(r.columns) for r in decision.rules) + sum(map(len, decision.transitions))
    size = _ITEM * items + decision.shape.__sizeof__()
    match decision:
        case Allow():
            return size
        case Redact():
            return size + decision.text.__sizeof__() + _ITEM * sum(map(len, decision.origins))
        case Refuse():
            return size + decision.text.__sizeof__() + _ITEM
