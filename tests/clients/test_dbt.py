"""dbt: a project in `dbt` is built again and again by one who may alter and drop, and from whom columns are hidden.

dbt makes each table anew beside the old one and renames both. What it has made is reviewed after the first time, as
every table is: its columns are in the catalog file when redactor starts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients import abroad
from tests.clients import place as places
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow
TABLES = ("fct_wards", "inc_merge", "inc_tickets", "labels", "seed_topics", "people_history", "mv_topics", "stg_people")


@pytest.fixture(scope="module")
def dbt() -> Path:
    abroad.need("python3")
    install = [".environment/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    return abroad.built("dbt", ["python3", "-m", "venv", ".environment"], install)


@pytest.fixture(scope="module")
def project(dbt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to write in."""
    at = tmp_path_factory.mktemp("dbt") / "project"
    shutil.copytree(dbt, at, symlinks=True, ignore=shutil.ignore_patterns(".environment", "target", "logs"))
    return at


@pytest.fixture(scope="module")
def mart(place: Place, dbt: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The city with the tables that dbt made once, and a proxy that knows them."""
    run(dbt, project, place.direct("analyst"), "build")
    try:
        with places.redactor(tmp_path_factory.mktemp("dbt"), "redactor", place.server.port, place.server) as port:
            yield replace(place, proxy=port)
    finally:
        with psycopg.connect(place.server.dsn("harbour"), autocommit=True) as c:
            c.execute("DROP SCHEMA mart CASCADE")


def run(dbt: Path, project: Path, a: Access, *command: str) -> list[Any]:
    """What dbt says has become of each node."""
    said = ["--quiet", "--no-use-colors", "--no-send-anonymous-usage-stats"]
    program([dbt / ".environment" / "bin" / "dbt", *said, *command, "--profiles-dir", "."], a, cwd=project)
    results = json.loads(
        (project / "target" / ("catalog" if command[0] == "docs" else "run_results")).with_suffix(".json").read_text()
    )
    if command[0] == "docs":
        return [[n, v["metadata"], v["columns"]] for n, v in sorted(results["nodes"].items())]
    return sorted(
        [r["unique_id"], r["status"], r["failures"], r["message"], {**r["adapter_response"], "query_id": ""}]
        for r in results["results"]
    )


def rows(place: Place) -> list[Any]:
    with psycopg.connect(place.direct("analyst").url()) as c:
        return [[t, sorted(map(repr, c.execute(f"SELECT * FROM mart.{t}").fetchall()))] for t in TABLES[:5]]  # type: ignore[arg-type]


WHAT = "build twice, full refresh, seeds, snapshots, tests, contracts, incremental by merge and delete, docs"


@pytest.mark.client("dbt", WHAT)
def test_dbt(mart: Place, dbt: Path, project: Path, version: Callable[[str], None]) -> None:
    version((dbt / "requirements.txt").read_text().split("==")[1].split()[0])
    for command in (["build"], ["build", "--full-refresh"], ["docs", "generate"]):
        direct = run(dbt, project, mart.direct("analyst"), *command)
        made = rows(mart)
        through = run(dbt, project, mart.through("analyst"), *command)
        places.same(through, direct)
        assert len(through) > 8
        places.same(rows(mart), made)
