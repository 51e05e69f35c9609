"""Names are found where PostgreSQL finds them: compared with a real server, path by path."""

from __future__ import annotations

import itertools

import psycopg
import pytest

from redactor.context import Context
from redactor.model import RelationName
from redactor.sql.names import Names
from redactor.transitions import Make, Own
from tests.fixtures import town as fixture
from tests.fixtures.town import Town
from tests.servers import Server

ELEMENTS = ("$user", "public", "housing", "Odd Names", "pg_catalog", "pg_temp", "nowhere", "information_schema")
SOUGHT = ("residents", "permits", "Select", "pg_class", "tables", "nothing", "made")


@pytest.fixture(scope="module")
def town(postgres18: Server) -> Town:
    return fixture.build(postgres18)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_relations_are_found_where_the_server_finds_them(town: Town, length: int) -> None:
    wrong = []
    with psycopg.connect(town.server.dsn("town", "clerk"), autocommit=True) as c:
        c.execute("CREATE TEMP TABLE made (a integer); CREATE TEMP TABLE permits (a integer)")
        for path in itertools.permutations(ELEMENTS, length):
            context = Context.start("clerk", path)
            for name in ("made", "permits"):
                context = context.after(Make(Own("pg_temp", name, "table")))
            names = Names(town.engine.catalog, context)
            listed = ", ".join('"' + p.replace('"', '""') + '"' for p in path)
            c.execute(f"SET search_path = {listed}".encode())
            for sought in SOUGHT:
                row = c.execute(
                    "SELECT n.nspname::text, n.oid = pg_my_temp_schema() FROM pg_class r"
                    " JOIN pg_namespace n ON n.oid = relnamespace WHERE r.oid = to_regclass(%s)",
                    [f'"{sought}"'],
                ).fetchone()
                right = None if row is None else "pg_temp" if row[1] else row[0]
                found = names.relation(None, sought)
                mine = None
                if found is not None:
                    mine = found.own.schema if found.own is not None else found.relation and found.relation.schema
                if mine != right:
                    wrong.append((path, sought, mine, right))
    assert not wrong[:5]


def test_new_things_are_made_in_the_first_schema_that_exists(town: Town) -> None:
    for path, first in (
        (("$user", "public"), "clerk"),
        (("nowhere", "housing"), "housing"),
        (("pg_catalog", "public"), "public"),
        ((), None),
    ):
        assert Names(town.engine.catalog, Context.start("clerk", path)).schema_of_new() == first


def test_schemas_that_are_named_need_no_path(town: Town) -> None:
    names = Names(town.engine.catalog, Context.start("clerk", ("nowhere",)))
    found = names.relation("housing", "residents")
    assert found is not None
    assert found.relation is not None
    assert found.relation.qualified == RelationName("housing", "residents")
    assert names.relation("pg_temp", "residents") is None
    assert names.relation(None, "residents") is None


def test_functions_of_every_schema_of_the_path_count(town: Town) -> None:
    names = Names(town.engine.catalog, Context.start("clerk", ("tools", "housing")))
    assert {f.schema for f in names.functions(None, "pick")} == {"tools", "housing"}
    assert {f.schema for f in names.functions("tools", "pick")} == {"tools"}
    assert not Names(town.engine.catalog, Context.start("clerk", ("public",))).functions(None, "pick")
    assert names.builtin(None, "upper")
    assert names.builtin("pg_catalog", "upper")
    assert not names.builtin("public", "upper")


def test_what_numbers_a_table_of_the_session_is_the_session_s_own(town: Town) -> None:
    catalog = town.engine.catalog
    sequence = next(r for r in catalog.relations.values() if r.kind == "S" and r.owned_by)
    assert sequence.owned_by is not None
    table = catalog.relations[sequence.owned_by[0]]
    before = Context.start(table.owner, ("nowhere",))
    after = before.after(Make(Own(table.schema, table.name, "table", temporary=False)))
    somebody = Context.start("clerk", ("nowhere",)).after(Make(Own(table.schema, table.name, "table", temporary=False)))
    for context, own in ((before, False), (after, True), (somebody, False)):
        found = Names(catalog, context).relation(sequence.schema, sequence.name)
        assert found is not None
        assert (found.own is not None, found.relation is None) == (own, own)
