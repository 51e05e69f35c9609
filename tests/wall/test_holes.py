"""Who can read what is hidden from him: the same answer as the server's own, and by which way."""

from __future__ import annotations

import pytest

from redactor.catalog import Relation
from redactor.wall import holes, standing
from redactor.wall.findings import State
from redactor.wall.holes import Hole
from tests.wall.standing import Small

ORDINARY = ("clerk", "analyst", "lender", "borrower")


def found(city: Small, login: str) -> list[Hole]:
    return [h for h in holes.find(*city.look()) if h.login == login]


def by_name(all_holes: list[Hole], name: str) -> list[Hole]:
    return [h for h in all_holes if h.target.name == name]


def agrees(city: Small) -> int:
    """Compares with has_column_privilege, login by login and column by column; gives how many can be read."""
    limits, holdings = city.look()
    readable = set(
        city.rows(
            "SELECT l.rolname::text, a.attrelid::int8, a.attname::text FROM pg_roles l, pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'city'::regnamespace AND a.attnum > 0"
            " AND relkind IN ('r', 'p', 'v', 'm') AND has_column_privilege(l.oid, a.attrelid, a.attnum, 'SELECT')"
        )
    )
    seen = {
        (h.login, h.target.oid, c)
        for h in holes.find(limits, holdings)
        if isinstance(h.target, Relation) and h.target.kind in "rpvm"
        for c in h.columns
    }
    hidden = {
        (login, r.oid, c)
        for login in ORDINARY
        for r in limits.catalog.relations.values()
        if r.schema == "city" and r.kind in "rpvm"
        for c in limits.hidden(login, r)
    }
    assert {s for s in seen if s[0] in ORDINARY} == hidden & readable
    return len(hidden & readable)


def test_the_server_says_the_same(city: Small) -> None:
    assert agrees(city) > 20
    sql, undo = city.harden(), city.undo()
    city.sql(sql)
    try:
        assert agrees(city) == 0
    finally:
        city.sql(undo)


def test_each_way_has_its_name(city: Small) -> None:
    (people,) = [h for h in by_name(found(city, "borrower"), "people") if h.through == "public"]
    assert people.kind == "grant"
    assert people.path == "SELECT granted to PUBLIC"
    assert people.columns == ("alien_no", "status", "initial")
    cases = by_name(found(city, "clerk"), "cases")
    assert [(h.kind, h.through) for h in cases] == [("grant", "staff")]
    assert cases[0].path.startswith("member of staff, which is granted DELETE, INSERT, SELECT, UPDATE")
    assert [h.privileges for h in by_name(found(city, "analyst"), "status_of")] == [("EXECUTE",)]
    assert not found(city, "counsel")
    assert not found(city, "caseworker")
    assert {h.kind for h in found(city, "postgres")} == {"superuser"}


@pytest.mark.parametrize(
    ("given", "taken", "kind"),
    [
        ("GRANT counsel TO clerk", "REVOKE counsel FROM clerk", "membership"),
        ("GRANT owner_nobody TO clerk", "REVOKE owner_nobody FROM clerk", "owner"),
        ("GRANT pg_read_all_data TO clerk", "REVOKE pg_read_all_data FROM clerk", "reads all"),
    ],
)
def test_what_no_revoke_closes_is_still_found(city: Small, given: str, taken: str, kind: str) -> None:
    undo = city.undo()
    city.sql(city.harden())
    try:
        city.sql("GRANT SELECT ON city.people TO counsel")
        city.sql(given)
        assert {h.kind for h in by_name(found(city, "clerk"), "people")} == {kind}
        (told,) = [f for f in standing.judge(*city.look()) if f.state is State.FAIL]
        assert "clerk" in told.what
        assert told.do
        assert city.outcome("SELECT status FROM city.people", "clerk") == "ok"
    finally:
        city.sql(taken)
        city.sql("REVOKE SELECT ON city.people FROM counsel")
        city.sql(undo)


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ("GRANT pg_read_all_data TO staff", "REVOKE pg_read_all_data FROM staff;"),
        (
            'CREATE ROLE "Night Shift" IN ROLE counsel; GRANT "Night Shift" TO clerk',
            'REVOKE counsel FROM "Night Shift";',
        ),
    ],
)
def test_what_doctor_says_to_do_ends_it(city: Small, given: str, ends: str) -> None:
    """Also where the way leads through a group: a REVOKE from the login would do nothing."""
    undo = city.undo()
    city.sql(city.harden())
    try:
        city.sql("GRANT SELECT ON city.people TO counsel")
        city.sql(given)
        (told,) = [f for f in standing.judge(*city.look()) if f.state is State.FAIL]
        assert told.do == ends
        city.sql(told.do)
        assert State.FAIL not in {f.state for f in standing.judge(*city.look())}
    finally:
        city.sql('DROP ROLE IF EXISTS "Night Shift"')
        city.sql("REVOKE SELECT ON city.people FROM counsel")
        city.sql(undo)


def test_the_wall_holds_only_when_nothing_is_open(city: Small) -> None:
    undo = city.undo()
    assert State.FAIL in {f.state for f in standing.judge(*city.look())}
    city.sql(city.harden())
    try:
        states = [f.state for f in standing.judge(*city.look())]
        assert State.FAIL not in states
        assert State.OK in states
        assert State.WARN in states  # the year of `entered` is shown, so it can be read
    finally:
        city.sql(undo)
