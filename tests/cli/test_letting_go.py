"""What was in force goes as soon as nobody holds it, and not before; in small portions."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass, field

import pytest

from redactor.cli import letting_go
from redactor.cli.letting_go import let_go, parts_of


@dataclass
class Leaf:
    number: int


@dataclass
class Root:
    leaves: dict[int, Leaf] = field(default_factory=dict)


Leaf.__module__ = Root.__module__ = "redactor.of_a_test"


def grown(n: int = 2000) -> Root:
    return Root({i: Leaf(i) for i in range(n)})


def test_what_hangs_on_it_is_listed_behind_what_holds_it() -> None:
    root = grown()
    found = parts_of(root)
    assert found[0] is root
    places = {id(one): at for at, one in enumerate(found)}
    assert all(id(leaf) in places for leaf in root.leaves.values())
    assert places[id(root.leaves)] < min(places[id(leaf)] for leaf in root.leaves.values())


def test_of_several_each_part_is_listed_once() -> None:
    shared = {i: Leaf(i) for i in range(600)}
    first, second = Root(shared), Root({**shared, -1: Leaf(-1)})
    found = parts_of(first, second)
    assert found[:2] == [first, second]
    assert len({id(one) for one in found}) == len(found)
    assert sum(isinstance(one, Leaf) for one in found) == 601


async def test_it_is_whole_while_somebody_holds_it_and_gone_thereafter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_go, "EVERY_SECONDS", 0.01)
    held = [grown()]
    seen = weakref.ref(held[0]), weakref.ref(held[0].leaves[7])
    task = asyncio.create_task(let_go([held[0]]))
    await asyncio.sleep(0.1)
    assert not task.done()
    assert len(held[0].leaves) == 2000
    held.clear()
    async with asyncio.timeout(10):
        await task
    assert [one() for one in seen] == [None, None]


async def test_what_is_part_of_something_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letting_go, "EVERY_SECONDS", 0.01)
    old = [grown()]
    new = Root({**old[0].leaves, 7: Leaf(-7)})
    gone, kept = weakref.ref(old[0].leaves[7]), weakref.ref(old[0].leaves[8])
    beside = [old.pop(), {"a": 1}]
    async with asyncio.timeout(10):
        await let_go(beside)
    assert beside == []
    assert gone() is None
    assert kept() is new.leaves[8]
