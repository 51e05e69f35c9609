"""pg8000: a driver all in Python, by its DBAPI and its native interface."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.clients.place import Access, Place

dbapi = pytest.importorskip("pg8000.dbapi")
native = pytest.importorskip("pg8000.native")


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    import pg8000

    version(pg8000.__version__)


def where(a: Access) -> dict[str, Any]:
    return {
        "user": a.user,
        "password": a.password,
        "host": a.host,
        "port": a.port,
        "database": a.database,
        "ssl_context": None,
    }


def error_of(e: Any) -> dict[str, Any]:
    return {k: v for k, v in e.args[0].items() if k not in "FLR"}


def described(columns: Any) -> Any:
    """All that is told of the columns."""
    return [dict(c) for c in columns]


@pytest.mark.client(
    "pg8000", "DBAPI and native: parameters, prepared, RETURNING, COPY by streams, savepoints, errors, notifications"
)
def test_work(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with closing(dbapi.connect(**where(a))) as c:
            cur = c.cursor()
            for sql, args in (
                ("SELECT * FROM people WHERE ward_id = %s ORDER BY person_id", (2,)),
                ("SELECT * FROM tickets WHERE topic = %s AND urgency > %s ORDER BY 1 LIMIT 9", ("road", 2)),
                ("SELECT * FROM samples WHERE sample_id IN (1, 3) ORDER BY 1", ()),
                (
                    "INSERT INTO people (person_id, name, born) VALUES (%s, %s, %s) RETURNING *",
                    (970, "n", dt.date(2000, 1, 1)),
                ),
                ("UPDATE people SET hobbies = %s WHERE person_id = 970 RETURNING hobbies, tongues", (["a", "b"],)),
            ):
                cur.execute(sql, args)
                got.append([sql, cur.description, [str(r) for r in cur.fetchall()], cur.rowcount])
            cur.executemany("INSERT INTO notes (note_id, title) VALUES (%s, %s)", [(i, f"n{i}") for i in range(20)])
            out = io.BytesIO()
            cur.execute("COPY people TO STDOUT WITH (FORMAT csv)", stream=out)
            got.append(out.getvalue())
            cur.execute("COPY notes (note_id, title) FROM STDIN", stream=io.BytesIO(b"100\tx\n101\ty\n"))
            cur.execute("SELECT count(*) FROM notes")
            got.append(cur.fetchall())
            cur.execute("SAVEPOINT here")
            for sql in ("SELECT nope FROM wards", "INSERT INTO wards VALUES (1, 'x')", "SELECT 1/0"):
                with pytest.raises(dbapi.DatabaseError) as e:
                    cur.execute(sql)
                got.append([sql, error_of(e.value)])
                cur.execute("ROLLBACK TO SAVEPOINT here")
            c.rollback()
        with closing(native.Connection(**where(a))) as c:
            got.append([c.run("SELECT * FROM people WHERE person_id = :id", id=5), described(c.columns), c.row_count])
            statement = c.prepare("SELECT person_id, homeland FROM people WHERE person_id < :n ORDER BY 1")
            got += [statement.run(n=n) for n in (2, 3, 4)]
            statement.close()
            c.run("LISTEN desk")
            c.run("NOTIFY desk, 'x'")
            c.run("SELECT 1")
            got += [[n[1:] for n in c.notifications], dict(c.parameter_statuses)]
        return got

    place.agree(work)


@pytest.mark.client("pg8000", "refusals: DatabaseError with code 42501, and the connection goes on")
def test_refusals(place: Place) -> None:
    with closing(native.Connection(**where(place.through()))) as c:
        for sql in (
            "SELECT 1 FROM people WHERE points > :n",
            "SELECT person_id FROM port.refugee_services WHERE person_id = :n",
        ):
            with pytest.raises(native.DatabaseError) as e:
                c.run(sql, n=3)
            assert error_of(e.value)["C"] == "42501"
            assert c.run("SELECT 1") == [[1]]
