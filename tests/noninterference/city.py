"""The city of Port Almer, twice: databases that are equal but for what is protected.

Knows how to build `city_a`, `city_b` and `city_c` (a second A) with their templates on a test server, and how to put
them back. Objects have the same OIDs in all of them, since all come from one empty template; rows of a table have the
same stored size in A and B, but for `records.files` and what is partitioned by a protected column or itself protected.
A protected value is recognised in whatever comes out by its first letters (`CANARY`).
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from tests import servers
from tests.noninterference.rows import secret, tables

__all__ = ["secret", "tables"]

HERE = Path(__file__).parent
CANARY = re.compile(r"(?i)qz[0-9a-z]{6}")
ROLES = ("steward", "desk", "counsel", "redactor", "builder")
CONTRIB = ("hstore", "tablefunc", "dblink", "postgres_fdw", "pgstattuple", "xml2", "citext", "pageinspect")


@cache
def secrets() -> frozenset[str]:
    """The beginnings of all protected texts of both sides, as `CANARY` finds them."""
    everything = str([rows for side in ("a", "b") for _, rows in tables(side).values()])
    return frozenset(CANARY.findall(everything))


SEQUENCES = """
SELECT format('%I.%I', n.nspname, s.relname), format('%I.%I', tn.nspname, t.relname), a.attname
  FROM pg_class s
  JOIN pg_namespace n ON n.oid = s.relnamespace
  JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
  JOIN pg_class t ON t.oid = d.refobjid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE s.relkind = 'S' AND n.nspname !~ '^pg_'"""


def load(dsn: str, side: str) -> None:
    """Fills an empty city with the rows of one side ("a" or "b"), refreshes its views and takes its statistics."""
    with psycopg.connect(dsn) as c, c.cursor() as cur:
        cur.execute("SET session_replication_role = replica")  # rows as given: triggers are for requesters
        for name, (columns, rows) in tables(side).items():
            if cur.execute("SELECT to_regclass(%s)", [name]).fetchone() == (None,):
                continue  # not on this version, or without the extension that it needs
            target = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(*name.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with cur.copy(target) as copy:
                for row in rows:
                    copy.write_row(row)
        for sequence, table, column in cur.execute(SEQUENCES).fetchall():
            cur.execute(
                cast(LiteralString, f"SELECT setval('{sequence}', max({column})) FROM {table} HAVING count(*) > 0")
            )
        for view in ("health.mv_screened", "health.mv_payers", "public.mv_tickets"):
            cur.execute(cast(LiteralString, f"REFRESH MATERIALIZED VIEW {view}"))
    with psycopg.connect(dsn, autocommit=True) as c:
        # not the shared catalogs: what each database knows of their size depends on when it looked
        own = c.execute(
            "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class"
            " WHERE relkind IN ('r', 'm', 'p') AND NOT relisshared"
        ).fetchone()
        assert own is not None
        c.execute(cast(LiteralString, f"VACUUM (FREEZE, ANALYZE) {own[0]}"))


@dataclass(frozen=True, slots=True)
class Pair:
    """The databases of one server. `server`: a superuser's DSN; `offers`: extensions that are in the cities, and
    `libxml` where the server was built with it."""

    server: str
    major: int
    offers: frozenset[str]

    def at(self, database: str, user: str = "postgres") -> str:
        """A DSN straight to a database of the server."""
        return psycopg.conninfo.make_conninfo(self.server, dbname=database, user=user)


def _run_file(dsn: str, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as c:
        c.execute(servers.readable((HERE / name).read_text(), c.info.server_version // 10000).encode())


def found(server: str) -> Pair:
    """The pair on a server, where `build` has made or will make it. Debian's contrib is taken whole or not at all."""
    with psycopg.connect(server, autocommit=True) as c:
        names = {n for (n,) in c.execute("SELECT name FROM pg_available_extensions").fetchall()}
        offers = names if set(CONTRIB) <= names else set()
        try:
            c.execute("SELECT xml '<a/>'")
            offers.add("libxml")
        except psycopg.errors.FeatureNotSupported:
            pass
        return Pair(server, c.info.server_version // 10000, frozenset(offers))


def make_roles(c: psycopg.Connection) -> None:
    """Makes the roles that the server does not have: another test may have made them."""
    for role in ROLES:
        if not c.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            c.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(role + "-pw"))
            )


def build(server: str) -> Pair:
    """Makes the roles, the templates `city_a_tpl` and `city_b_tpl`, and city_a, city_b, city_c from them.

    `server`: a superuser's DSN.
    """
    pair = found(server)
    contrib = "hstore" in pair.offers
    with psycopg.connect(server, autocommit=True) as c:
        make_roles(c)
        c.execute("GRANT pg_monitor TO redactor")
        c.execute("GRANT steward TO builder")  # may alter what steward owns
        c.execute("CREATE DATABASE city_empty TEMPLATE template0")
    if contrib:
        _run_file(pair.at("city_empty"), "contrib.sql")
    _run_file(pair.at("city_empty"), "schema.sql")
    if pair.major >= 18:
        _run_file(pair.at("city_empty"), "extra18.sql")
    if contrib:
        _run_file(pair.at("city_empty"), "extra_contrib.sql")
    for side in ("a", "b"):
        template = f"city_{side}_tpl"
        copy_database(pair, "city_empty", template)
        load(pair.at(template), side)
    for name in ("city_a", "city_b", "city_c"):
        restore(pair, name)
    return pair


@cache
def built(server: str) -> Pair:
    """The cities of a test server, built when first asked for."""
    return build(server)


def copy_database(pair: Pair, template: str, name: str) -> None:
    """CREATE DATABASE by copying files: 10 MB in some 50 ms."""
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    if pair.major >= 15:
        made += sql.SQL(" STRATEGY file_copy")
    with psycopg.connect(pair.server, autocommit=True) as c:
        c.execute(made)
        c.execute(sql.SQL("GRANT CREATE, TEMPORARY ON DATABASE {} TO steward, desk").format(sql.Identifier(name)))


def newest(pair: Pair, name: str) -> int:
    """The highest OID among the relations and types of a database."""
    with psycopg.connect(pair.at(name), autocommit=True) as c:
        row = c.execute(
            "SELECT greatest((SELECT max(oid) FROM pg_class), (SELECT max(oid) FROM pg_type))::int8"
        ).fetchone()
        assert row is not None
        return int(row[0])


def template_of(name: str) -> str:
    """city_c is a second A."""
    return "city_b_tpl" if name.startswith("city_b") else "city_a_tpl"


def restore(pair: Pair, name: str) -> None:
    """Puts a database back as it was built; ends every session in it."""
    with psycopg.connect(pair.server, autocommit=True) as c:
        for (gid,) in c.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [name]).fetchall():
            with psycopg.connect(pair.at(name), autocommit=True) as d:
                d.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
        c.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s AND NOT active",
            [name],
        )
        c.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    copy_database(pair, template_of(name), name)


def main() -> None:
    """`python -m tests.noninterference.city DSN`: builds the cities on a server of one's own."""
    print(json.dumps({"major": build(sys.argv[1]).major}))


if __name__ == "__main__":
    main()
