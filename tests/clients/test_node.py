"""Clients in Node: node-postgres, postgres.js, Drizzle, Sequelize, TypeORM, Knex."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients import abroad
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def at() -> Path:
    abroad.need("node", "npm")
    return abroad.built("node", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"])


def drive(at: Path, place: Place, version: Callable[[str], None], client: str, package: str = "") -> Any:
    version(json.loads((at / "node_modules" / (package or client) / "package.json").read_text())["version"])

    def work(a: Access) -> Any:
        return json.loads(program(["node", "work.js", client], a, cwd=at).stdout)

    return place.agree(work)


@pytest.mark.client(
    "node-postgres", "text and named statements, binary, pools, cursors, streams, COPY, errors, notifications, cancel"
)
def test_pg(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "pg")


@pytest.mark.client("postgres.js", "prepared, helpers, cursors, savepoints, COPY, describe, LISTEN, cancel")
def test_postgres(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "postgres")


@pytest.mark.client("Drizzle", "select, joins, relational queries, upsert, RETURNING, nested transactions, prepared")
def test_drizzle(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "drizzle", "drizzle-orm")


@pytest.mark.client("Sequelize", "start, models, includes, upsert, transactions, describeTable, indexes, keys")
def test_sequelize(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "sequelize")


@pytest.mark.client(
    "TypeORM", "start, repositories, relations, paging, upsert, save, tables read back, schema difference"
)
def test_typeorm(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "typeorm")


@pytest.mark.client("Knex", "queries, upsert, transactions, columnInfo, streams")
def test_knex(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "knex")


@pytest.mark.client("node-postgres, postgres.js", "refusals: code 42501, and the connection goes on")
def test_refusals(at: Path, place: Place) -> None:
    got = json.loads(program(["node", "work.js", "refusals"], place.through(), cwd=at).stdout)
    assert got == ["42501", "42501", 1, "42501", 1] * 2
