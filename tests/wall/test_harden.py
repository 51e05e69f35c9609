"""What `harden` prints, run on real servers: that it may be run twice, be taken back, and what it leaves to whom."""

from __future__ import annotations

import re

import pytest

from redactor.wall import statements
from tests.wall.standing import Small

HIDDEN = {
    "city.people": ("alien_no", "status", "initial"),
    "city.contacts": ("born_in",),
    "city.officers": ("born_in",),
    "city.visits": ("payer",),
    "city.visits_old": ("payer",),
    "city.directory": ("status",),
    "city.cases": ("case_id", "person_id", "what"),
    "city.refugees": ("person_id",),
    "city.by_status": ("status", "n"),
}
ORDINARY = ("clerk", "analyst", "lender", "borrower")
APPROVED = ("caseworker", "counsel")

COLUMNS = """
SELECT l.rolname::text, a.attrelid::regclass::text, a.attname::text, p
  FROM pg_roles l, pg_attribute a JOIN pg_class c ON c.oid = a.attrelid,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
 WHERE c.relnamespace = 'city'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
   AND l.rolcanlogin AND NOT l.rolsuper AND has_column_privilege(l.oid, a.attrelid, a.attnum, p)"""
OTHERS = """
SELECT l.rolname::text, c.oid::regclass::text, p
  FROM pg_roles l, pg_class c, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) p
 WHERE c.relnamespace = 'city'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
   AND l.rolcanlogin AND NOT l.rolsuper AND has_table_privilege(l.oid, c.oid, p)
UNION ALL
SELECT l.rolname::text, c.oid::regclass::text, p
  FROM pg_roles l, pg_class c, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p
 WHERE c.relnamespace = 'city'::regnamespace AND c.relkind = 'S'
   AND l.rolcanlogin AND NOT l.rolsuper AND has_sequence_privilege(l.oid, c.oid, p)
UNION ALL
SELECT l.rolname::text, f.oid::regprocedure::text, 'EXECUTE' FROM pg_roles l, pg_proc f
 WHERE f.pronamespace = 'city'::regnamespace AND l.rolcanlogin AND NOT l.rolsuper
   AND has_function_privilege(l.oid, f.oid, 'EXECUTE')"""


def test_put_up_twice_and_taken_back(city: Small) -> None:
    before, sql, undo = city.grants(), city.harden(), city.undo()
    columns, others = set(city.rows(COLUMNS)), set(city.rows(OTHERS))
    city.sql(sql)
    once = city.grants()
    assert once != before
    city.sql(sql)
    assert city.grants() == once, "running it again changes something"
    assert city.plan().alterations == (), "a plan made of its own outcome is not empty"
    assert "Nothing to take away" in city.harden()

    left, left_others = set(city.rows(COLUMNS)), set(city.rows(OTHERS))
    assert left <= columns, "somebody was given what he did not have"
    assert left_others <= others
    for gone in (columns - left) | (others - left_others):
        assert gone[0] in ORDINARY, f"{gone} was needed"
    readable = {(r, c) for login, r, c, p in left if login in ORDINARY and p == "SELECT"}
    for relation, names in HIDDEN.items():
        for name in names:
            assert (relation, name) not in readable
    assert ("city.people", "email") in readable

    city.sql(undo)
    assert city.grants() == before, "not as it was"
    city.sql(undo)
    assert city.grants() == before


def test_what_is_printed_is_only_grants_and_comments(city: Small) -> None:
    for text in (city.harden(), city.undo()):
        for line in text.splitlines():
            assert re.match(r"(GRANT|REVOKE|BEGIN|COMMIT|SET LOCAL|RESET ROLE|--|$)", line), line


def test_the_undo_restores_who_granted_what(city: Small) -> None:
    sql, undo = city.harden(), city.undo()
    borrowed = {g for g in city.grants() if "borrower" in str(city.rows(f"SELECT pg_get_userbyid({g[4]})"))}
    assert len(borrowed) == 3
    city.sql(sql)
    assert not borrowed & city.grants()
    city.sql(undo)
    assert borrowed <= city.grants()


def test_one_role_alone(city: Small) -> None:
    plan = city.plan()
    undo = statements.undo(plan, "small")
    city.sql(statements.harden(plan.only("analyst"), "small", "s"))
    try:
        # PUBLIC may still read it: this took from analyst what was his own
        own = city.rows(
            "SELECT a.attname::text, g.privilege_type FROM pg_attribute a, aclexplode(attacl) g"
            " WHERE g.grantee = 'analyst'::regrole AND attrelid = 'city.people'::regclass"
        )
        assert own == [("person_id", "SELECT")]
        assert city.outcome("SELECT status FROM city.people", "borrower") == "ok"
        city.sql(statements.harden(plan.only("public"), "small", "s"))
        assert city.outcome("SELECT status FROM city.people", "analyst") == "42501"
    finally:
        city.sql(undo)


def test_strict_takes_away_what_partial_masks_read(city: Small) -> None:
    (plain,) = [a for a in city.plan().alterations if str(a.target.name) == "people"]
    (strict,) = [a for a in city.plan(strict=True).alterations if str(a.target.name) == "people"]
    assert set(strict.hidden) - set(plain.hidden) == {"entered"}
    assert any(n.kind == "stays open" and "entered" in n.what for n in city.plan().notes)
    assert not any(n.kind == "stays open" for n in city.plan(strict=True).notes)


@pytest.mark.parametrize("owner", ["analyst", "clerk"])
def test_a_view_of_an_ordinary_owner_is_announced(city: Small, owner: str) -> None:
    city.sql(
        f"CREATE VIEW city.mine AS SELECT person_id, status FROM city.people; ALTER VIEW city.mine OWNER TO {owner}"
    )
    try:
        notes = [n.what for n in city.plan().notes if "city.mine" in n.what]
        assert len(notes) == 1
        assert owner in notes[0]
    finally:
        city.sql("DROP VIEW city.mine")


def test_a_security_invoker_view_is_announced(city: Small) -> None:
    if city.server.major < 15:
        pytest.skip("security_invoker came with 15")
    city.sql("CREATE VIEW city.mixed WITH (security_invoker) AS SELECT person_id, status FROM city.people")
    try:
        assert any("city.mixed" in n.what and "city.people.status" in n.what for n in city.plan().notes)
    finally:
        city.sql("DROP VIEW city.mixed")


def test_a_new_column_is_nobodys_until_it_is_granted(city: Small) -> None:
    sql, undo = city.harden(), city.undo()
    city.sql(sql)
    try:
        city.sql("ALTER TABLE city.people ADD COLUMN visa text")
        assert city.outcome("SELECT visa FROM city.people", "clerk") == "42501"
        assert city.outcome("SELECT visa FROM city.people", "counsel") == "ok"
    finally:
        city.sql("ALTER TABLE city.people DROP COLUMN IF EXISTS visa")
        city.sql(undo)
