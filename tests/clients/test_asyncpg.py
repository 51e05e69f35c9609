"""asyncpg: everything prepared and binary, types looked up in the catalog."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import io
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tests.clients.place import Access, Place


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    version(asyncpg.__version__)


def driven(work: Callable[[Any], Awaitable[Any]]) -> Callable[[Access], Any]:
    """The work on a connection of its own."""

    async def run(a: Access) -> Any:
        c = await asyncpg.connect(a.url(), ssl=False)
        try:
            return await work(c)
        finally:
            await c.close()

    return lambda a: asyncio.run(run(a))


def described(statement: Any) -> list[Any]:
    return [
        [(p.oid, p.name, p.kind, p.schema) for p in statement.get_parameters()],
        [(a.name, a.type.oid, a.type.name, a.type.kind, a.type.schema) for a in statement.get_attributes()],
    ]


@pytest.mark.client(
    "asyncpg", "prepared statements with their types, fetch, cursors, executemany, enums, composites, ranges, arrays"
)
def test_fetch(place: Place) -> None:
    async def work(c: Any) -> Any:
        got: list[Any] = []
        for sql, args in (
            ("SELECT * FROM people WHERE person_id = ANY($1::int[]) ORDER BY person_id", [[1, 2, 60]]),
            ("SELECT standing, residence, papers, tongues, photo FROM people WHERE ward_id = $1", [3]),
            (
                "SELECT sample_id, kind, spotted, rng, mrng, docb, ints, id, span, address, bits, spot FROM samples",
                [],
            ),
            (
                "INSERT INTO people (person_id, name, rent, prefs) VALUES ($1, $2, $3, $4) RETURNING *",
                [960, "n", decimal.Decimal(1), "{}"],
            ),
            ("UPDATE people SET name = $1 WHERE person_id = $2 RETURNING person_id, homeland", ["x", 960]),
            ("DELETE FROM people WHERE person_id = $1", [960]),
            (
                "SELECT * FROM tickets WHERE topic = $1 AND opened > $2 ORDER BY 1",
                ["road", dt.datetime(2024, 6, 1, tzinfo=dt.UTC)],
            ),
            (
                "SELECT $1::uuid, $2::bytea, $3::date, $4::float8[], $5::text",
                [uuid.UUID(int=3), b"\0", dt.date(2024, 1, 1), [1.5, None], "ü"],
            ),
        ):
            statement = await c.prepare(sql)
            rows = await statement.fetch(*args)
            got.append([sql, described(statement), [list(r.items()) for r in rows], statement.get_statusmsg()])
        got += [await c.fetchval("SELECT count(*) FROM people"), await c.fetchrow("SELECT * FROM people ORDER BY 1")]
        async with c.transaction():
            got.append([r async for r in c.cursor("SELECT * FROM people ORDER BY person_id", prefetch=7)])
        for i in range(10):
            got.append(await c.fetchrow("SELECT * FROM people WHERE person_id = $1", i))
        got.append(await c.execute("SELECT 1; SELECT 2; CREATE TEMP TABLE t (n int, s text)"))
        await c.executemany("INSERT INTO t VALUES ($1, $2)", [(i, str(i)) for i in range(200)])
        got.append(await c.fetchval("SELECT sum(n) FROM t"))
        await c.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=len)
        got.append(await c.fetch("SELECT prefs, papers FROM people ORDER BY person_id LIMIT 2"))
        got.append(await c.fetch("SELECT * FROM busiest($1)", 3))
        return got

    got = place.agree(driven(work))
    assert got[0][2][0][10] == ("standing", None)


@pytest.mark.client("asyncpg", "COPY in and out, transactions, savepoints, errors, LISTEN, timeouts, pools, reset")
def test_session(place: Place) -> None:
    async def work(c: Any) -> Any:
        got: list[Any] = []
        out = io.BytesIO()
        got += [await c.copy_from_table("people", output=out), out.getvalue()]
        out = io.BytesIO()
        got += [
            await c.copy_from_query("SELECT * FROM people WHERE ward_id = $1", 2, output=out, format="csv"),
            out.getvalue(),
        ]
        transaction = c.transaction(isolation="serializable")
        await transaction.start()
        got.append(
            await c.copy_records_to_table(
                "notes", records=[(i, f"n{i}") for i in range(500)], columns=["note_id", "title"]
            )
        )
        for sql in ("SELECT nope FROM wards", "INSERT INTO wards VALUES (1, 'x')", "SELECT 1/$1::int"):
            with pytest.raises(asyncpg.PostgresError) as e:
                async with c.transaction():
                    await c.fetch(sql, *([0] if "$1" in sql else []))
            got.append([sql, e.value.as_dict().items() - {("line", e.value.as_dict().get("line"))}])
        got.append(await c.fetchval("SELECT count(*) FROM notes"))
        await transaction.rollback()
        heard: asyncio.Queue[Any] = asyncio.Queue()
        await c.add_listener("desk", lambda _c, _p, channel, payload: heard.put_nowait((channel, payload)))
        await c.execute("NOTIFY desk, 'hello'")
        got.append(await asyncio.wait_for(heard.get(), 10))
        with pytest.raises(asyncio.TimeoutError):
            await c.fetch("SELECT pg_sleep(20)", timeout=0.2)
        got.append(await c.fetchval("SELECT 1"))
        await c.reset()
        got += [await c.fetchval("SHOW search_path"), c.get_server_version()[:1], c.get_settings().server_encoding]
        return got

    def comparable(a: Access) -> Any:
        return [
            sorted(map(str, x[1])) if isinstance(x, list) and len(x) == 2 and isinstance(x[1], set) else x
            for x in driven(work)(a)
        ]

    place.agree(comparable)


@pytest.mark.client("asyncpg", "a pool whose connections are reset, with statements cached on each")
def test_pool(place: Place) -> None:
    def work(a: Access) -> Any:
        async def run() -> Any:
            async with asyncpg.create_pool(a.url(), ssl=False, min_size=1, max_size=2) as pool:
                one = [await pool.fetchrow("SELECT * FROM people WHERE person_id = $1", i) for i in range(1, 9)]
                return one, await asyncio.gather(*(pool.fetchval("SELECT $1::int", i) for i in range(20)))

        return asyncio.run(run())

    place.agree(work)


@pytest.mark.client("asyncpg", "refusals: InsufficientPrivilegeError, and the connection goes on")
def test_refusals(place: Place) -> None:
    async def work(c: Any) -> None:
        for sql in (
            "SELECT 1 FROM people WHERE points > $1",
            "SELECT permit FROM people GROUP BY 1 HAVING max(points) < $1",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as e:
                await c.fetch(sql, 3)
            assert e.value.hint
            assert await c.fetchval("SELECT 1") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await c.copy_from_table("refugee_services", schema_name="port", output=io.BytesIO())
        assert await c.fetchval("SELECT 1") == 1

    driven(work)(place.through())
