"""A catalog, read again and made a judge of beside the event loop.

Knows upstream connections and how threads share one interpreter. Must not publish anything. Invariants: the loop waits
for no more than a moment at a time; what has not changed since the last reading is the same object as before, so that
neither memory nor the time to let go of the old catalog grows with the size of the database.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

from redactor import upstream
from redactor.catalog import Catalog

LARGE = 2000
"""Relations from which on the collector would stop the loop for more than some milliseconds."""

_SWITCH_SECONDS = 0.0005

_T = TypeVar("_T")


async def read(url: str, name: str, known: Catalog) -> Catalog:
    """The catalog as it is now, on a connection of its own. Raises UpstreamError. `known` is the one before it."""

    async def work() -> Catalog:
        connection = await upstream.connect(url)
        try:
            return await upstream.read_catalog(connection, name, known)
        finally:
            await connection.close(timeout=5)

    return await asyncio.to_thread(lambda: shared(asyncio.run(work()), known))


async def beside(work: Callable[[], _T]) -> _T:
    """What some work gives that the loop must not wait for."""
    return await asyncio.to_thread(work)


def shared(catalog: Catalog, known: Catalog) -> Catalog:
    """An equal catalog that consists of the known one's objects where these are equal."""
    changes: dict[str, Any] = {}
    for f in fields(catalog):
        if not f.init:
            continue
        new, old = getattr(catalog, f.name), getattr(known, f.name)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            same = {key: old[key] if key in old and old[key] == value else value for key, value in new.items()}
            changes[f.name] = same
        elif new == old:
            changes[f.name] = old
    found = replace(catalog, **changes)
    found.inherit(known)
    return found


_usual: list[tuple[float, bool]] = []
"""What it was before the first of those who asked for quiet, and one more for each other."""
_made: list[int] = []
"""How many relations they have read that asked for quiet at the same time and are done."""


@contextmanager
def quietly(relations: int) -> Iterator[None]:
    """While this lasts the collector does not go through all there is, and threads take turns more often.

    What a large catalog has made meanwhile is then left out of the collector's rounds for good: it has no cycles, and
    what little else there is with one is the price. Several may ask for quiet at once, from the event loop.
    """
    _usual.append((sys.getswitchinterval(), gc.isenabled()))
    gc.disable()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        _made.append(relations)
        if len(_usual) == 1:
            switching, collecting = _usual[0]
            sys.setswitchinterval(switching)
            if max(_made) >= LARGE:
                settle()
            _made.clear()
            if collecting:
                gc.enable()
            _usual.clear()
        else:
            _usual.pop()


def settle() -> None:
    """Leaves all that there is now out of the collector's rounds."""
    gc.freeze()
