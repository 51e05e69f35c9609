# ruff: noqa: E501
"""Clients and tools as people use them: through the proxy they say exactly what they say directly.

psql (its backslash commands are large catalog queries of its own), psycopg, asyncpg, SQLAlchemy's inspector, pg_dump's
schema and pgbench. What they do reads nothing protected.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import make_conninfo

from tests.noninterference import city, through
from tests.noninterference.play import same
from tests.servers import Server

DESCRIBE = (
    "\\d", "\\dt", "\\dt *.*", "\\dv", "\\dm", "\\di", "\\ds", "\\dn", "\\du", "\\df transit.*", "\\dT", "\\dD", "\\dx", "\\dp",
    "\\d wards", "\\d persons", "\\d tickets", "\\d court.fines", "\\d court.hearings", "\\d+ transit.routes", "\\d+ wards",
    "\\d v_directory", "\\d+ v_board", "\\d tickets_person_idx", "\\d transit.queue_no", "\\dd", "\\dE", "\\des", "\\dew", "\\dFd",
    "\\dL", "\\dO", "\\dRp", "\\dy", "\\do =?=", "\\dc", "\\dC", "\\db", "\\sf open_tickets", "\\sv v_directory", "\\dP",
)  # fmt: skip


class Ways:
    """Two ways to the same data: through the proxy to city_a, and straight to its twin, city_c."""

    def __init__(self, pair: city.Pair, proxy: str, binaries: Path) -> None:
        self.through = make_conninfo(f"{proxy}/city_a", user="desk")
        self.direct = pair.at("city_c", "desk")
        self.binaries = binaries

    def both(self, work: Callable[[str], Any]) -> tuple[Any, Any]:
        """What the work gives either way, with the databases' names made equal."""
        direct, indirect = (same([[["D", [str(work(dsn))]]]], 0) for dsn in (self.direct, self.through))
        return direct, indirect

    def tool(self, name: str, *arguments: str, stdin: str = "") -> Callable[[str], str]:
        def run(dsn: str) -> str:
            done = subprocess.run(
                [self.binaries / name, *arguments, *([dsn] if name == "psql" else ["-d", dsn])],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                env={**os.environ, "PSQLRC": "/dev/null", "PGAPPNAME": "tool", "LC_ALL": "C.UTF-8"},
            )
            return f"{done.stdout}\n{done.stderr}\n{done.returncode}"

        return run


@pytest.fixture(scope="module", params=[18, 15], ids=["postgres18", "postgres15"])
def ways(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """The two ways, on a cluster's own cities: these tests leave nothing behind, so any order will do."""
    server = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(server, Server)
    pair = city.built(server.dsn())
    with through.redactor(pair, tmp_path_factory.mktemp("redactor")) as proxy:
        yield Ways(pair, proxy, server.binaries)


@pytest.mark.parametrize("command", DESCRIBE)
def test_psql_describes(ways: Ways, command: str) -> None:
    direct, indirect = ways.both(ways.tool("psql", "-X", stdin=f"{command}\n"))
    assert indirect == direct


def test_psql_runs_a_script(ways: Ways) -> None:
    script = (
        "\\set n 3\n\\timing off\nSELECT given_name FROM persons WHERE person_id = :n \\gset\n\\echo :given_name\n"
        "\\pset format csv\nSELECT ward_id, name FROM wards ORDER BY 1;\n\\x\nTABLE transit.routes;\n"
        "\\copy (SELECT name FROM wards ORDER BY 1) TO STDOUT\nSELECT 1/0;\n\\errverbose\n"
        "BEGIN;\nINSERT INTO public.dockets VALUES ('psql');\nSELECT * FROM nothing;\nROLLBACK;\n"
        "SELECT format('SELECT %s', g) FROM generate_series(1, 3) g \\gexec\nSELECT $1::int + 1 \\bind 4 \\g\n"
        if "18" in str(ways.binaries)
        else "SELECT name FROM wards ORDER BY 1;\nSELECT 1/0;\n\\x\nTABLE transit.routes;\n"
    )
    direct, indirect = ways.both(ways.tool("psql", "-X", stdin=script))
    assert indirect == direct


def test_pgbench_runs(ways: Ways, tmp_path: Path) -> None:
    file = tmp_path / "bench.sql"
    file.write_text("\\set id random(1, 200)\nSELECT given_name FROM persons WHERE person_id = :id;\n")
    for protocol in ("simple", "extended", "prepared"):
        run = ways.tool("pgbench", "-n", "-t", "20", "-c", "2", "-M", protocol, "-f", str(file))
        assert "number of transactions actually processed: 40/40" in run(ways.through)


def test_psycopg_works(ways: Ways) -> None:
    def work(dsn: str) -> list[Any]:
        out: list[Any] = []
        with psycopg.connect(dsn, autocommit=False) as c:
            out.append(
                c.execute(
                    "SELECT person_id, given_name, born FROM persons WHERE ward_id = %s ORDER BY 1", [3]
                ).fetchall()
            )
            with c.cursor("named") as named:
                named.execute("SELECT person_id, email FROM persons ORDER BY 1")
                out.append([named.fetchmany(5), named.fetchone(), len(named.fetchall())])
            with c.cursor() as cur, cur.copy("COPY wards (ward_id, name) TO STDOUT") as copy:
                out.append([tuple(r) for r in copy.rows()])
            with c.pipeline():
                a = c.execute("SELECT 1")
                b = c.execute("SELECT name FROM wards WHERE ward_id = %s", [2])
                out.append([a.fetchall(), b.fetchall()])
            with c.transaction(force_rollback=True):
                c.cursor().executemany("INSERT INTO public.dockets (docket_no) VALUES (%s)", [("m1",), ("m2",)])
                out.append(c.execute("SELECT count(*) FROM public.dockets").fetchone())
            for _ in range(7):  # becomes a prepared statement
                out.append(c.execute("SELECT count(*) FROM tickets WHERE urgency = %s", [2], binary=True).fetchone())
            try:
                c.execute("SELECT nope FROM wards")
            except psycopg.Error as e:
                out.append([e.sqlstate, e.diag.message_primary, e.diag.statement_position])
            c.rollback()
        return out

    direct, indirect = ways.both(work)
    assert indirect == direct


async def test_asyncpg_works(ways: Ways) -> None:
    async def work(dsn: str) -> list[Any]:
        info = psycopg.conninfo.conninfo_to_dict(dsn)
        c = await asyncpg.connect(
            host=info["host"], port=int(str(info["port"])), user=info["user"], database=info["dbname"], ssl=False
        )
        try:
            out: list[Any] = [list(map(dict, await c.fetch("SELECT * FROM wards ORDER BY 1")))]
            out.append(await c.fetchval("SELECT given_name FROM persons WHERE person_id = $1", 4))
            prepared = await c.prepare("SELECT topic, state FROM tickets WHERE ticket_id = $1")
            out.append([[a.name for a in prepared.get_attributes()], dict(await prepared.fetchrow(5))])
            async with c.transaction():
                out.append([r["name"] async for r in c.cursor("SELECT name FROM wards ORDER BY 1")])
            out.append(await c.fetch("SELECT hobbies, prefs FROM persons ORDER BY person_id LIMIT 3"))
            transaction = c.transaction()
            await transaction.start()
            await c.copy_records_to_table("dockets", records=[("a1", None, None)], schema_name="public")
            out.append(await c.fetchval("SELECT count(*) FROM public.dockets"))
            await transaction.rollback()
            try:
                await c.execute("SELECT 1/0")
            except asyncpg.DivisionByZeroError as e:
                out.append(str(e))
            return out
        finally:
            await c.close()

    direct, indirect = [same([[["D", [str(await work(d))]]]], 0) for d in (ways.direct, ways.through)]
    assert indirect == direct


def test_sqlalchemy_inspects(ways: Ways) -> None:
    def work(dsn: str) -> list[Any]:
        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
        try:
            inspector = sqlalchemy.inspect(engine)
            out: list[Any] = [sorted(inspector.get_schema_names())]
            for schema in ("public", "court", "transit"):
                for table in sorted(inspector.get_table_names(schema=schema)):
                    out.append([table, inspector.get_columns(table, schema=schema)])
                    out.append(
                        [inspector.get_pk_constraint(table, schema=schema), inspector.get_indexes(table, schema=schema)]
                    )
                    out.append(
                        [
                            inspector.get_foreign_keys(table, schema=schema),
                            inspector.get_table_comment(table, schema=schema),
                        ]
                    )
            return out
        finally:
            engine.dispose()

    direct, indirect = ways.both(work)
    assert indirect == direct


def test_pg_dump_gives_the_schema(ways: Ways) -> None:
    direct, indirect = ways.both(
        ways.tool("pg_dump", "--schema-only", "--no-owner", "-t", "public.wards", "-t", "transit.routes")
    )
    assert _but_for_the_key(indirect) == _but_for_the_key(direct)


def _but_for_the_key(dump: Any) -> list[str]:
    """pg_dump's text without its \\restrict key, which is random."""
    return [line for line in dump[0][0][1][0].split("\n") if "restrict" not in line]
