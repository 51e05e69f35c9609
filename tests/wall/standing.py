"""The small city of city.sql on a test server, and a judge for it; the pieces that these tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg

from redactor import policy, review, upstream
from redactor.engine import Engine
from redactor.wall import plan, statements
from redactor.wall.grants import Holdings
from redactor.wall.limits import Limits
from redactor.wall.reading import read_holdings
from tests import servers

HERE = Path(__file__).parent
ROLES = {
    "owner_nobody": "NOLOGIN",
    "staff": "NOLOGIN",
    "benefits": "NOLOGIN",
    "clerk": "LOGIN IN ROLE staff",
    "caseworker": "LOGIN IN ROLE staff, benefits",
    "counsel": "LOGIN",
    "analyst": "LOGIN",
    "lender": "LOGIN",
    "borrower": "LOGIN",
}
"""clerk, analyst, lender and borrower are ordinary; caseworker is approved by the group benefits, counsel by name."""

POLICY = """
name: small city
roles:
  case: {groups: [benefits]}
  law: {users: [counsel]}
rules:
  - {id: status, tags: [status, document, origin, programme], approved: [case, law], otherwise: mask, because: told}
  - {id: entry, tags: [arrival], approved: [case, law], otherwise: {mask: year}, because: told}
"""
CATALOG = """
database: small
relations:
  city.wards: {columns: {ward_id: {}, name: {}}}
  city.people:
    columns:
      person_id: {}
      Full Name: {}
      email: {}
      ward_id: {}
      entered: {tags: [arrival]}
      alien_no: {tags: [document.a_number]}
      status: {tags: [status]}
      initial: {}
  city.notes: {columns: {note_id: {}, person_id: {}, body: {}}}
  city.cases: {tags: [programme.refugee], columns: {case_id: {}, person_id: {}, what: {}}}
  city.journal: {columns: {entry_id: {}, before: {tags: [status]}}}
  city.ledger: {tags: [programme.audit], columns: {entry_id: {}, what: {}}}
  city.visits: {columns: {visit_id: {}, on_day: {}, payer: {tags: [programme]}}}
  city.contacts: {columns: {contact_id: {}, born_in: {tags: [origin]}}}
  city.officers: {columns: {contact_id: {}, born_in: {}, badge: {}}}
functions:
  city.keep(): {safe: true, because: writes into tagged columns and rows alone}
"""


@dataclass
class Small:
    """The city in a database of its own. `sql` runs a text as the superuser."""

    server: servers.Server
    database: str

    def dsn(self, user: str = "postgres") -> str:
        return self.server.dsn(self.database, user)

    def sql(self, text: str) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as c:
            c.execute(text.encode())

    def rows(self, text: str, user: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn(user), autocommit=True) as c:
            return c.execute(cast(LiteralString, text)).fetchall()

    def outcome(self, text: str, user: str) -> str:
        """`ok`, or the SQLSTATE; nothing is kept."""
        with psycopg.connect(self.dsn(user)) as c:
            try:
                if text.startswith("COPY"):
                    with c.cursor().copy(cast(LiteralString, text)) as copy:
                        list(copy)
                else:
                    c.execute(cast(LiteralString, text))
            except psycopg.Error as e:
                return e.sqlstate or "?"
            finally:
                c.rollback()
        return "ok"

    def look(self, strict: bool = False) -> tuple[Limits, Holdings]:
        return asyncio.run(self._look(strict))

    async def _look(self, strict: bool) -> tuple[Limits, Holdings]:
        connection = await upstream.connect(self.dsn())
        try:
            catalog = await upstream.read_catalog(connection, "small")
            holdings = await read_holdings(connection)
        finally:
            await connection.close()
        engine = Engine(catalog, policy.parse(POLICY, "policy.yaml"), review.parse(CATALOG, "small.yaml"))
        return Limits(engine, strict=strict), holdings

    def plan(self, strict: bool = False) -> plan.Plan:
        limits, holdings = self.look(strict)
        return plan.make(limits, holdings, ["benefits"])

    def harden(self) -> str:
        return statements.harden(self.plan(), "small", "s")

    def undo(self) -> str:
        return statements.undo(self.plan(), "small")

    def grants(self) -> set[tuple[object, ...]]:
        """Every access control list entry of relations, columns and functions, defaults spelt out."""
        return set(
            self.rows(
                """
SELECT 'r', c.oid::regclass::text, '', g.* FROM pg_class c,
       aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))) g
 WHERE relnamespace = 'city'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'c', attrelid::regclass::text, attname, g.* FROM pg_attribute, aclexplode(attacl) g WHERE attrelid >= 16384
UNION ALL
SELECT 'f', p.oid::regprocedure::text, '', g.* FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) g
 WHERE pronamespace = 'city'::regnamespace"""
            )
        )


@contextmanager
def small(server: servers.Server, name: str = "small") -> Iterator[Small]:
    """The city, new; roles and database are gone afterwards."""
    with psycopg.connect(server.dsn(), autocommit=True) as c:
        for role, how in ROLES.items():
            c.execute(cast(LiteralString, f"CREATE ROLE {role} {how}"))
        c.execute(cast(LiteralString, f"CREATE DATABASE {name} OWNER owner_nobody"))
    try:
        with psycopg.connect(server.dsn(name), autocommit=True) as c:
            c.execute((HERE / "city.sql").read_bytes())
        yield Small(server, name)
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as c:
            c.execute(cast(LiteralString, f"DROP DATABASE {name} WITH (FORCE)"))
            for role in reversed(ROLES):
                c.execute(cast(LiteralString, f"DROP ROLE {role}"))
