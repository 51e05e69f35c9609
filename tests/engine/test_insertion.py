"""What a new row is compared with: by which keys an INSERT of one's own hidden values would tell."""

from __future__ import annotations

import pytest

from redactor import insertion
from redactor.catalog import Column, Constraint, Index, Relation
from redactor.decision import Allow, Redact, Refuse
from tests.fixtures.town import Town

HIDDEN = frozenset({"h", "g"})


def table(*indexes: Index, constraints: tuple[Constraint, ...] = ()) -> Relation:
    columns = tuple(Column(n, i, "text", 25) for i, n in enumerate(("a", "b", "h", "g"), 1))
    return Relation(1, "public", "t", "r", "o", columns, indexes=indexes, constraints=constraints)


def index(
    columns: str = "",
    expressions: str | None = None,
    predicate: str | None = None,
    included: str = "",
    oid: int = 10,
    equal: bool = False,
) -> Index:
    return Index("i", oid, True, tuple(columns.split()), expressions, predicate, False, tuple(included.split()), equal)


@pytest.mark.parametrize(
    ("i", "secret", "apart"),
    [
        (index("a"), None, None),
        (index("a h"), "h", "h"),
        (index("a h", equal=True), "h", ""),
        (index("a h", included="h"), None, None),
        (index("a", 'lower(h), "left"(g, 6)'), "g h", "g h"),
        (index("a", "lower(h)", equal=True), "h", ""),
        # a NULL is a value like any other for these
        (index("a", "COALESCE(h, ''::text)"), "h", ""),
        (index("a", "(h IS NULL)"), "h", ""),
        (index("a", predicate="(h IS NULL)"), "h", ""),
        (index("a", predicate="(h IS NOT NULL)"), "h", "h"),
        (index("a", predicate="(h = 'none'::text)"), "h", "h"),
        (index("a", predicate="((h = 'x'::text) OR (b = 'y'::text))"), "h", ""),
        (index("a", predicate="((h = 'x'::text) AND (b = 'y'::text))"), "h", "h"),
        (index("a", predicate="(h <> ALL (ARRAY['x'::text, 'y'::text]))"), "h", ""),
        (index("a", predicate="(h = ANY (ARRAY['x'::text, 'y'::text]))"), "h", "h"),
        (index("a", predicate="(b = 'y'::text)"), None, None),
        # an included column's NULL keeps nothing apart
        (index("a g", predicate="(h IS NULL)", included="g"), "h", ""),
        (index("a", "told(t.*)"), "g h", ""),
        (index("a", "told(h)"), "h", ""),
    ],
    ids=lambda v: f"{v.columns} {v.expressions} {v.predicate}" if isinstance(v, Index) else str(v),
)
def test_keys(i: Index, secret: str | None, apart: str | None) -> None:
    found = list(insertion.keys(table(i), HIDDEN))
    if secret is None or apart is None:
        assert not found
    else:
        (key,) = found
        assert (key.secret, key.apart) == (frozenset(secret.split()), frozenset(apart.split()))


def test_a_row_that_has_collided_before_tells_nothing() -> None:
    partial = index("a", predicate="(h = 'x'::text)")
    assert not list(insertion.keys(table(Index("k", 5, True, ("a",)), partial), HIDDEN))
    # the error would name the partial index first
    assert list(insertion.keys(table(Index("k", 15, True, ("a",)), partial), HIDDEN))
    assert list(insertion.keys(table(Index("k", 5, True, ("a", "b")), partial), HIDDEN))
    assert list(insertion.keys(table(Index("k", 5, False, ("a",)), partial), HIDDEN))
    assert list(insertion.keys(table(Index("k", 5, True, ("a",), None, "(b IS NULL)"), partial), HIDDEN))
    late = (Constraint("k", "u", ("a",), "UNIQUE (a) DEFERRABLE"),)
    assert list(insertion.keys(table(Index("k", 5, True, ("a",), constraint=True), partial, constraints=late), HIDDEN))


def test_what_stands_in_a_column_unasked() -> None:
    columns = (
        Column("drawn", 1, "integer", 23, default="nextval('s'::regclass)"),
        Column("fixed", 2, "text", 25, default="'x'::text"),
        Column("called", 3, "text", 25, default="lower('X'::text)"),
        Column("made", 4, "text", 25, generated="lower(fixed)"),
        Column("bare", 5, "text", 25),
    )
    relation = Relation(1, "public", "t", "r", "o", columns)
    assert insertion.filled(relation) == {"fixed", "called", "made"}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("INSERT INTO residents (resident_id, full_name, status, alien_number) VALUES (90, 'a', 'x', 'A1')", True),
        ("INSERT INTO residents VALUES (90, 'a', 1, 'A1', 'x', '2020-01-01', '1')", True),
        ("INSERT INTO residents (resident_id, status) VALUES (90, NULL), (91, DEFAULT), (92, 'x')", True),
        ("INSERT INTO residents (resident_id, status) SELECT 90, 'x'", True),
        ("INSERT INTO residents (resident_id, status) VALUES ($1, $2) RETURNING *", True),
        ("INSERT INTO residents (resident_id, status) VALUES (1, 'x') ON CONFLICT (resident_id) DO NOTHING", True),
        (
            "INSERT INTO residents (resident_id, status) VALUES (1, 'x')"
            " ON CONFLICT (resident_id) DO UPDATE SET full_name = excluded.full_name",
            True,
        ),
        (
            "INSERT INTO residents (resident_id, status) VALUES (1, 'x')"
            " ON CONFLICT (resident_id) DO UPDATE SET status = excluded.status",
            False,
        ),
        (
            "INSERT INTO residents (resident_id, full_name, status) VALUES (1, 'a', 'x')"
            " ON CONFLICT (resident_id) DO UPDATE SET full_name = excluded.status",
            False,
        ),
        ("INSERT INTO residents (resident_id, status) SELECT 90, status FROM residents WHERE resident_id = 1", False),
        ("INSERT INTO residents (resident_id, full_name) SELECT 90, status FROM residents", False),
        ("INSERT INTO residents (resident_id, status) VALUES (90, (SELECT status FROM residents LIMIT 1))", False),
        ("UPDATE residents SET status = 'x' WHERE resident_id = 1", False),
        ("COPY residents (resident_id, status) FROM STDIN", True),
        ("COPY residents FROM STDIN", True),
        # may not be read at all, nor given a value
        ("INSERT INTO files (file_id, notes) VALUES (9, 'x')", False),
        ("INSERT INTO files (file_id, notes) VALUES (9, NULL), (10, DEFAULT)", True),
    ],
)
def test_inserts(town: Town, text: str, passes: bool) -> None:
    decision = town.decide(text)
    assert isinstance(decision, Allow | Redact) is passes, decision
    if passes and ("status" in text or "residents VALUES" in text or "residents FROM" in text):
        assert decision.rules, "the log is told that hidden columns were given values"
    if isinstance(decision, Refuse):
        assert decision.problem.hint
