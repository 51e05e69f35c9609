"""Clients in Rust: tokio-postgres and sqlx."""

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
    abroad.need("cargo")
    return abroad.built("rust", ["cargo", "build", "--locked", "--quiet"])


def run(at: Path, a: Access, name: str) -> Any:
    url = {"DATABASE_URL": a.url(query="?sslmode=disable")}
    return json.loads(program([abroad.CACHE / "cargo" / "debug" / "clients", name], a, env=url).stdout)


def drive(at: Path, place: Place, version: Callable[[str], None], name: str) -> None:
    version("".join(re.findall(rf'name = "{name}"\nversion = "([^"]+)"', (at / "Cargo.lock").read_text())))
    place.agree(lambda a: run(at, a, name))


@pytest.mark.client(
    "tokio-postgres", "prepared and binary, portals, pipelines, COPY, simple queries, notifications, cancel"
)
def test_tokio_postgres(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "tokio-postgres")


@pytest.mark.client(
    "sqlx",
    "describe (tables without hidden columns), typed rows, transactions, savepoints, COPY, listener, pool",
)
def test_sqlx(at: Path, place: Place, version: Callable[[str], None]) -> None:
    drive(at, place, version, "sqlx")


@pytest.mark.client("tokio-postgres, sqlx", "refusals: code 42501, and the connection goes on")
def test_refusals(at: Path, place: Place) -> None:
    assert run(at, place.through(), "refusals") == [["42501", "42501", "42501", 1, 1]] * 2
