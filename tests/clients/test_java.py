"""Clients in Java: pgjdbc in its modes, its metadata, and Hibernate."""

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
    abroad.need("java", "mvn")
    classpath = "dependency:build-classpath"
    return abroad.built("java", ["mvn", "-q", "-B", "compile", classpath, "-Dmdep.outputFile=classpath.txt"])


def run(at: Path, a: Access, *arguments: str) -> Any:
    classpath = f"{at / 'target' / 'classes'}:{(at / 'classpath.txt').read_text()}"
    return json.loads(program(["java", "-cp", classpath, "Work", *arguments], a).stdout.splitlines()[-1])


def version_of(at: Path, artifact: str) -> str:
    found = re.search(rf"<artifactId>{artifact}</artifactId><version>([^<]+)", (at / "pom.xml").read_text())
    assert found is not None
    return found[1]


@pytest.mark.client(
    "JDBC (pgjdbc)",
    "types and columns, prepared, batches, fetch size, updatable results, savepoints, calls, COPY, timeouts",
)
@pytest.mark.parametrize(
    "options",
    [
        "",
        "preferQueryMode=simple",
        "prepareThreshold=1&binaryTransfer=true",
        "reWriteBatchedInserts=true&autosave=always",
    ],
    ids=["default", "simple", "binary", "rewriting"],
)
def test_jdbc(at: Path, place: Place, version: Callable[[str], None], options: str) -> None:
    version(version_of(at, "postgresql"))
    place.agree(lambda a: run(at, a, "jdbc", options))


@pytest.mark.client(
    "JDBC (pgjdbc)", "DatabaseMetaData: schemas, tables, columns, keys, indexes, privileges, functions, types"
)
def test_metadata(at: Path, place: Place, version: Callable[[str], None]) -> None:
    version(version_of(at, "postgresql"))
    place.agree_with_direct(lambda a: run(at, a, "metadata"))


@pytest.mark.client(
    "Hibernate", "start with validation of the schema, queries, fetch joins, criteria, locks, persist, update"
)
def test_hibernate(at: Path, place: Place, version: Callable[[str], None]) -> None:
    version(version_of(at, "hibernate-core"))
    place.agree(lambda a: run(at, a, "hibernate"))


@pytest.mark.client("JDBC (pgjdbc)", "refusals: SQLSTATE 42501 in every mode, and the connection goes on")
def test_refusals(at: Path, place: Place, version: Callable[[str], None]) -> None:
    version(version_of(at, "postgresql"))
    assert run(at, place.through(), "refusals") == [["42501"], [1]] * 6
