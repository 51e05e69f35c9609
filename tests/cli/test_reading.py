"""Reading a catalog again: what is the same stays the same object, and quiet ends when the last who asked is done."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from redactor.catalog import Catalog, Column, Relation, digest
from redactor.cli import reading
from redactor.cli.judging import usable
from redactor.errors import ConfigurationError


def catalog(*relations: Relation) -> Catalog:
    return Catalog("city", 180000, "UTF8", {r.oid: r for r in relations}, {}, schemas=frozenset({"public"}))


def relation(oid: int, *columns: str) -> Relation:
    listed = tuple(Column(name, n, "text", 25) for n, name in enumerate(columns, 1))
    return Relation(oid, "public", f"t{oid}", "r", "owner", listed)


def test_what_is_the_same_is_the_same_object() -> None:
    before = catalog(relation(1, "a"), relation(2, "a"), relation(3, "a"))
    after = catalog(relation(1, "a"), relation(2, "a", "b"), relation(4, "a"))
    shared = reading.shared(after, before)
    assert shared == after
    assert shared.relations[1] is before.relations[1]
    assert shared.relations[2] is after.relations[2]
    assert list(shared.relations) == [1, 2, 4]
    assert shared.schemas is before.schemas
    assert shared.relation(after.relations[2].qualified) is after.relations[2]
    assert reading.shared(replace(after, version=170000), before).version == 170000


def test_a_digest_is_the_same_whether_it_was_read_at_once_or_bit_by_bit() -> None:
    before = catalog(relation(1, "a"), relation(2, "a"), relation(3, "a"))
    after = catalog(relation(1, "a"), relation(2, "b"), relation(4, "a"))
    first = digest(before)
    shared = reading.shared(after, before)
    assert digest(shared) == digest(after) != first
    back = reading.shared(catalog(relation(1, "a"), relation(2, "a"), relation(3, "a")), shared)
    assert digest(back) == first
    assert digest(catalog(relation(1, "a"), relation(2, "a"))) != first


def test_quiet_ends_with_the_last_who_asked() -> None:
    switching = sys.getswitchinterval()
    first, second = reading.quietly(10), reading.quietly(10)
    try:
        first.__enter__()
        second.__enter__()
        assert not gc.isenabled()
        first.__exit__(None, None, None)
        assert not gc.isenabled()
        second.__exit__(None, None, None)
        assert gc.isenabled()
        assert sys.getswitchinterval() == switching
    finally:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(switching)


def test_what_a_large_reading_made_is_left_out_of_rounds_whoever_ends_last() -> None:
    large, small = reading.quietly(reading.LARGE), reading.quietly(0)
    switching = sys.getswitchinterval()
    gc.unfreeze()
    try:
        large.__enter__()
        small.__enter__()
        large.__exit__(None, None, None)
        assert gc.get_freeze_count() == 0
        small.__exit__(None, None, None)
        assert gc.get_freeze_count() > 0
        gc.unfreeze()
        with reading.quietly(0):
            pass
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(switching)


@pytest.mark.parametrize("collecting", [True, False])
def test_files_that_cannot_be_used_leave_the_collector_as_it_was(tmp_path: Path, collecting: bool) -> None:
    try:
        (gc.enable if collecting else gc.disable)()
        with pytest.raises(ConfigurationError):
            usable(tmp_path / "redactor.yaml")
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
