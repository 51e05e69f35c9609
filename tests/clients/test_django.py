"""Django: the ORM, introspection, inspectdb, and migrations by an approved owner. In a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.place import Access, Place, program

django = pytest.importorskip("django")
SITE = Path(__file__).parent / "django_site"


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    version(django.get_version())


def run(a: Access, *arguments: str) -> Any:
    return program(
        [sys.executable, "-W", "error", *arguments], a, cwd=SITE, env={"DJANGO_SETTINGS_MODULE": "settings"}
    ).stdout


@pytest.mark.client(
    "Django",
    "ORM: filters, joins, aggregates, prefetch, windows, JSON, defer, bulk, upsert, update_fields, locks, iterators",
)
def test_orm(place: Place) -> None:
    got = place.agree(lambda a: json.loads(run(a, "work.py", "orm")))
    assert got["masked"][0]["homeland"] is None


@pytest.mark.client("Django", "introspection of tables, columns, relations, constraints, sequences; inspectdb")
def test_introspection(place: Place) -> None:
    place.agree_with_direct(lambda a: json.loads(run(a, "work.py", "introspection")))
    place.agree_with_direct(lambda a: run(a, "manage.py", "inspectdb", "--include-views"))


@pytest.mark.client("Django", "refusals: ProgrammingError with 42501, atomic blocks roll back, the connection goes on")
def test_refusals(place: Place) -> None:
    assert json.loads(run(place.through(), "work.py", "refusals")) == {"refused": ["42501"] * 4, "after": 60}


@pytest.mark.slow
@pytest.mark.client(
    "Django",
    "migrate by an approved owner: tables made, altered, filled and dropped; what is not reviewed is refused to others",
)
def test_migrations(place: Place) -> None:
    owner = place.through("steward")
    try:
        made = run(owner, "manage.py", "migrate", "--no-color")
        assert "Applying garden.0002_more... OK" in made
        assert json.loads(run(owner, "work.py", "garden")) == [["Rose", 3, None], ["Fern", 1, "shady"]]
        assert json.loads(run(place.through(), "work.py", "unreviewed")) == "42501"
    finally:
        assert "Unapplying" in run(place.direct("steward"), "manage.py", "migrate", "--no-color", "garden", "zero")
        run(place.direct("steward"), "work.py", "forget")
