"""What was in force, let go of a little at a time.

Knows how objects hold each other, and nothing of what they mean. Must not change any. Invariant: what somebody still
holds stays whole; what nobody holds any more is freed beside the event loop, a few objects at a time, so that the loop
never waits until hundreds of thousands of them are gone.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from types import MappingProxyType

from redactor.cli.reading import quietly

EVERY_SECONDS = 1.0
"""From one look whether somebody still holds it to the next."""

_CONTAINERS = (dict, list, tuple, set, frozenset, MappingProxyType)
_MANY = 500
"""What holds so many is not gone into further than to them: each of them is small."""
_AT_ONCE = 64
_SLICES = 256
"""A set of a million numbers takes 20 ms to grow or to go, in one step."""


def parts_of(*roots: object) -> list[object]:
    """What hangs on some objects, so far that nothing left out is large; each behind something that holds it."""
    found = list(roots)
    inner = list(reversed(roots))
    seen: list[set[int]] = [set() for _ in range(_SLICES)]
    for root in roots:
        seen[(id(root) >> 4) % _SLICES].add(id(root))
    while inner:
        held = gc.get_referents(inner.pop())
        few = len(held) <= _MANY
        for part in held:
            known = seen[(id(part) >> 4) % _SLICES]
            if id(part) in known or not (
                isinstance(part, _CONTAINERS) or type(part).__module__.startswith("redactor.")
            ):
                continue
            known.add(id(part))
            found.append(part)
            if few:
                inner.append(part)
    while seen:
        seen.pop()
    return found


async def let_go(roots: list[object]) -> None:
    """Lets go of the objects in the list, which is emptied, as soon as nobody else holds the first: who has to do with
    the others holds that one."""
    given = tuple(roots)
    roots.clear()
    with quietly(0):
        held = await asyncio.to_thread(parts_of, *given)
    del given
    # one in the list, one as the argument
    while sys.getrefcount(held[0]) > 2:  # noqa: ASYNC110 - nobody tells when a reference goes
        await asyncio.sleep(EVERY_SECONDS)
    with quietly(0):
        await asyncio.to_thread(_free, held)


def _free(held: list[object]) -> None:
    # what holds others goes before them: they are in the list still, so nothing more goes with it
    held.reverse()
    while held:
        del held[-_AT_ONCE:]
