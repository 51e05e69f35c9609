"""pg_dump, pg_restore, pgbench, pg_isready, vacuumdb and their kin."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.place import Access, Place, program


@pytest.fixture(params=["18", pytest.param("15", marks=pytest.mark.slow)])
def here(request: pytest.FixtureRequest) -> Place:
    """Each server with its own tools."""
    found = request.getfixturevalue("place" if request.param == "18" else "debian")
    assert isinstance(found, Place)
    return found


@pytest.fixture(autouse=True)
def _version(here: Place, version: Callable[[str], None]) -> None:
    version(f"{here.server.major}")


def tool(place: Place, a: Access, *arguments: str | Path, ok: bool = True) -> list[Any]:
    """Its end, and what it printed; the random keys of \\restrict are left out."""
    name = arguments[0]
    path = place.server.binaries / str(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed with this server")
    done = program([path, *arguments[1:]], a, ok=ok)
    out = [line for line in done.stdout.split("\n") if not re.match(r"\\(un)?restrict ", line)]
    return [done.returncode, out, done.stderr.replace(str(a.port), "PORT").split("\n")]


@pytest.mark.client("pg_dump", "ordinary login: schema only, whole and of parts: as directly")
def test_schema(here: Place) -> None:
    for options in ([], ["-n", "port"], ["-t", "public.people", "--no-owner"], ["--clean", "--if-exists"]):
        here.agree_with_direct(lambda a, o=options: tool(here, a, "pg_dump", "--schema-only", *o))  # type: ignore[misc]


@pytest.mark.client("pg_dump", "ordinary login: data of tables with hidden columns is masked, as COPY and as INSERTs")
def test_masked_data(here: Place) -> None:
    for options in ([], ["--column-inserts"], ["--inserts", "--rows-per-insert=10"]):
        for table in ("public.people", "public.tickets", "port.calls"):
            here.agree(lambda a, o=options, t=table: tool(here, a, "pg_dump", "--data-only", "-t", t, *o))  # type: ignore[misc]


@pytest.mark.client("pg_dump", "ordinary login: a dump that would need hidden rows is refused, and says so")
def test_refused_data(here: Place) -> None:
    code, _, err = tool(here, here.through(), "pg_dump", ok=False)
    assert code == 1
    assert any("refugee_services" in line and "protected" in line for line in err)


@pytest.mark.client(
    "pg_dump, pg_restore", "approved owner: the whole dump as directly, in every format; restored through redactor"
)
def test_whole(here: Place, tmp_path: Path) -> None:
    whole = here.agree_with_direct(lambda a: tool(here, a, "pg_dump"), "steward")
    assert any("Land 3" in line for line in whole[1])
    file = tmp_path / "city.dump"
    tool(here, here.through("steward"), "pg_dump", "-Fc", "-f", file)
    assert tool(here, here.direct("steward"), "pg_restore", "-f", "-", file)[1] == whole[1]
    tool(here, here.through("steward"), "pg_dump", "-Fd", "-j", "2", "-f", tmp_path / "directory")
    # into a schema of the same names: the city's own is moved away and put back
    with psycopg.connect(here.direct("steward").url(), autocommit=True) as c:
        c.execute("CREATE TABLE port.spare (spare_id integer PRIMARY KEY, note text)")
        c.execute("INSERT INTO port.spare SELECT i, 'note ' || i FROM generate_series(1, 500) i")
        try:
            file = tmp_path / "spare.dump"
            tool(here, here.direct("steward"), "pg_dump", "-Fc", "-t", "port.spare", "-f", file)
            c.execute("DROP TABLE port.spare")
            tool(here, here.through("steward"), "pg_restore", "-d", "harbour", file)
            assert c.execute("SELECT count(*), max(spare_id) FROM port.spare").fetchone() == (500, 500)
        finally:
            c.execute("DROP TABLE IF EXISTS port.spare")


@pytest.mark.client("pgbench", "simple, extended and prepared, with its pipeline")
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench(here: Place, mode: str, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    pipeline = mode != "simple"
    script.write_text(
        "\\set p random(1, 60)\nBEGIN;\n"
        + ("\\startpipeline\n" if pipeline else "")
        + "SELECT * FROM people WHERE person_id = :p;\n"
        "UPDATE port.berths SET depth = depth + 1 WHERE berth_id = 1 + :p % 8;\n"
        "SELECT count(*) FROM tickets WHERE person_id = :p AND state = 'open';\n"
        + ("\\endpipeline\n" if pipeline else "")
        + "ROLLBACK;\n"
    )
    done = tool(here, here.through(), "pgbench", "-n", "-c", "4", "-t", "25", "-M", mode, "-f", script)
    assert any("actually processed: 100/100" in line for line in done[1])


@pytest.mark.client("pg_isready, vacuumdb, reindexdb", "readiness; maintenance by the owner")
def test_maintenance(here: Place) -> None:
    here.agree_with_direct(lambda a: tool(here, a, "pg_isready", "-q", "-p", str(a.port)))
    here.agree_with_direct(lambda a: tool(here, a, "vacuumdb", "-z", "-t", "port.berths", "harbour"), "steward")
    here.agree_with_direct(lambda a: tool(here, a, "reindexdb", "-t", "port.berths", "harbour"), "steward")
