"""Clients in Go: pgx by its own interface and by database/sql, and lib/pq."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import abroad
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def at() -> Path:
    abroad.need("go")
    return abroad.built("go", ["go", "build", "-o", "clients", "."])


def run(at: Path, a: Access, name: str) -> Any:
    return json.loads(program([at / "clients", name], a, env={"DATABASE_URL": a.url(query="?sslmode=disable")}).stdout)


def drive(at: Path, place: Place, version: Callable[[str], None], name: str, module: str) -> None:
    version("".join(re.findall(rf"{module} v(\S+)", (at / "go.mod").read_text())[:1]))
    place.agree(lambda a: run(at, a, name))


@pytest.mark.client(
    "pgx", "all five modes of execution, prepared, batches, COPY, savepoints, types, LISTEN, cancel, pool"
)
def test_pgx(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "pgx", "jackc/pgx/v5")


@pytest.mark.client("pgx", "database/sql: prepared, types of columns, errors, cancel")
def test_pgx_sql(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "pgx-sql", "jackc/pgx/v5")


@pytest.mark.client("lib/pq", "database/sql: prepared, types of columns, COPY, errors, cancel")
def test_pq(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "pq", "lib/pq")


@pytest.mark.client("pgx, lib/pq", "refusals: code 42501, and the connection goes on")
def test_refusals(at: Path, place: Place) -> None:
    assert run(at, place.through(), "refusals") == [["42501", "42501", 1]] * 4
