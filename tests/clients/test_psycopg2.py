"""psycopg2, which older Python applications use: simple queries only, COPY by file objects."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.clients.place import Access, Place

psycopg2 = pytest.importorskip("psycopg2")
extras = pytest.importorskip("psycopg2.extras")
extensions = pytest.importorskip("psycopg2.extensions")


@pytest.fixture(autouse=True)
def _version(version: Callable[[str], None]) -> None:
    version(psycopg2.__version__.split()[0])


def described(cur: Any) -> list[tuple[Any, ...]]:
    return [tuple(d) for d in cur.description or []]


def diagnosed(e: Any) -> list[Any]:
    names = ("severity", "message_primary", "message_detail", "message_hint", "statement_position", "constraint_name")
    return [e.pgcode, *(getattr(e.diag, name) for name in names)]


@pytest.mark.client(
    "psycopg2", "reads, named cursors, execute_values and batches, COPY, transactions, errors, types, callproc"
)
def test_work(place: Place) -> None:
    def work(a: Access) -> Any:
        got: list[Any] = []
        with closing(psycopg2.connect(a.url())) as c:
            cur = c.cursor()
            for sql in (
                "SELECT * FROM people ORDER BY 1 LIMIT 9",
                "SELECT * FROM directory",
                "SELECT * FROM tickets LIMIT 9",
            ):
                cur.execute(sql)
                got.append([sql, described(cur), cur.fetchall(), cur.rowcount])
            rows = c.cursor(cursor_factory=extras.RealDictCursor)
            rows.execute("SELECT * FROM people WHERE ward_id = %(ward)s ORDER BY name", {"ward": 3})
            got.append([dict(r) for r in rows])
            with c.cursor("walk") as named:
                named.itersize = 20
                named.execute("SELECT * FROM people ORDER BY person_id")
                got.append(list(named))
            values = [
                "x'y",
                5,
                decimal.Decimal("1.50"),
                None,
                True,
                dt.date(2024, 1, 2),
                [1, 2],
                extras.Json({"a": 1}),
                b"\0\1",
            ]
            cur.execute("SELECT " + ", ".join(["%s"] * len(values)), values)
            got.append([described(cur), [bytes(v) if isinstance(v, memoryview) else v for v in cur.fetchone()]])
            extras.register_uuid(conn_or_curs=c)
            cur.execute("SELECT %s, int4range(1, 5)", [uuid.UUID(int=5)])
            got.append([str(v) for v in cur.fetchone()])
            extras.execute_values(
                cur, "INSERT INTO notes (note_id, title) VALUES %s", [(i, f"v{i}") for i in range(120)], page_size=50
            )
            extras.execute_batch(cur, "UPDATE notes SET votes = %s WHERE note_id = %s", [(i, i) for i in range(50)])
            cur.execute("SELECT count(*), sum(votes) FROM notes")
            got.append(cur.fetchall())
            cur.execute("INSERT INTO people (person_id, name) VALUES (950, 'x') RETURNING *")
            got.append([cur.fetchall(), cur.statusmessage])
            c.rollback()
            for sql in ("SELECT nope FROM wards", "INSERT INTO wards VALUES (1, 'x')", "SELECT 1/0"):
                with pytest.raises(psycopg2.Error) as e:
                    cur.execute(sql)
                got.append([sql, diagnosed(e.value)])
                c.rollback()
            cur.callproc("open_tickets", [8])
            got.append(cur.fetchall())
            for sql in ("COPY people TO STDOUT", "COPY (SELECT * FROM people ORDER BY 1) TO STDOUT WITH CSV HEADER"):
                out = io.StringIO()
                cur.copy_expert(sql, out)
                got.append(out.getvalue())
            out = io.StringIO()
            cur.copy_to(out, "wards", columns=("ward_id", "name"), sep="|")
            cur.copy_from(
                io.StringIO("".join(f"{i}\tc{i}\n" for i in range(40))), "notes", columns=("note_id", "title")
            )
            got += [out.getvalue(), cur.rowcount]
            c.rollback()
            c.set_session(isolation_level="REPEATABLE READ", readonly=True)
            cur.execute("SHOW transaction_isolation")
            got += [cur.fetchall(), c.encoding, c.get_parameter_status("server_version")]
            c.rollback()
            c.set_session(autocommit=True)
            c.set_client_encoding("LATIN1")
            cur.execute("SELECT 'zürich', homeland FROM people LIMIT 1")
            got.append(cur.fetchall())
            cur.execute("LISTEN desk; NOTIFY desk, 'x'")
            c.poll()
            got += [[(n.channel, n.payload) for n in c.notifies], c.notices]
        return got

    place.agree(work)


@pytest.mark.client("psycopg2", "refusals: InsufficientPrivilege, and the connection goes on")
def test_refusals(place: Place) -> None:
    with closing(psycopg2.connect(place.through().url())) as c, c.cursor() as cur:
        for sql in ("SELECT 1 FROM people WHERE points > 3", "SELECT * FROM port.refugee_services"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege) as e:
                cur.execute(sql)
            assert e.value.pgcode == "42501"
            c.rollback()
            cur.execute("SELECT 1")
            assert cur.fetchall() == [(1,)]
