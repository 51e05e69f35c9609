"""Long lists of constants: decided by a shorter text, sent as they were."""

from __future__ import annotations

import dataclasses
import tracemalloc
from random import Random

import pytest

from redactor.context import Context
from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine import Engine
from redactor.sql import folding, grammar
from redactor.transitions import Prepare
from tests.engine.test_variants import unremembered
from tests.fixtures.town import Town

ATOMS = (
    "1",
    "-7",
    "0.5",
    "-12.25",
    "true",
    "FALSE",
    "'a'",
    "'it''s'",
    "''",
    "'),('",
    "'--'",
    "'é'",
    "12345678901234567890",
)


def rows(n: int, random: Random, width: int = 2) -> str:
    return ", ".join("(" + ", ".join(random.choice(ATOMS) for _ in range(width)) + ")" for _ in range(n))


def items(n: int, random: Random) -> str:
    blank = lambda: random.choice(["", " ", "\n", "\t "])  # noqa: E731
    return ",".join(blank() + random.choice(ATOMS) + blank() for _ in range(n))


def arms(n: int, random: Random, name: str) -> str:
    constants = [a for a in ATOMS if a[0] in "'0123456789"]
    return " OR ".join(f"{name} = {random.choice(constants)}" for _ in range(n))


def texts(random: Random) -> list[str]:
    return [
        f"INSERT INTO permits (permit_id, kind) VALUES {rows(400, random)}",
        f"INSERT INTO permits (permit_id, kind) VALUES {rows(400, random)} ON CONFLICT DO NOTHING RETURNING *;",
        f"SELECT * FROM residents WHERE unit IN ({items(500, random)}) OR unit = ANY (ARRAY[{items(300, random)}])",
        f"SELECT alien_number FROM residents WHERE alien_number IN ({items(500, random)})",
        f"SELECT nothing_of_that_name FROM (VALUES {rows(300, random)}) v, no_such_relation",
        f"SELECT concat({items(500, random)}), * FROM residents",
        f"SELECT * FROM residents WHERE unit = '({items(300, random).replace(chr(39), '')})'",
        f"SELECT $$ ({items(300, random)}) $$, full_name, alien_number FROM residents",
        f"SELECT 1 /* VALUES {rows(300, random)} */ FROM residents",
        f"SELECT unit FROM residents WHERE resident_id IN ({items(400, random)}); TABLE residents; SELECT 1",
        f"PREPARE p AS SELECT * FROM residents WHERE resident_id IN ({items(400, random)})",
        f"WITH v (a, b) AS (VALUES {rows(300, random)}) SELECT r.*, v.b FROM residents r JOIN v ON v.a = r.resident_id",
        f"EXPLAIN SELECT * FROM residents WHERE resident_id IN ({items(400, random)})",
        f"SELECT 1 IN ({items(400, random)}, NULL, 1e5, {items(300, random)}) FROM residents",
        f"SELECT ROW({items(400, random)}), full_name FROM residents",
        f"SELECT * FROM residents WHERE (1, 2) IN ({rows(300, random)})",
        f"INSERT INTO residents (full_name, alien_number) VALUES {rows(300, random)}, ('x', NULL)",
        f"INSERT INTO residents (full_name, alien_number) VALUES ('x', NULL), {rows(300, random)}, (NULL, DEFAULT)",
        "INSERT INTO residents (full_name, alien_number) VALUES " + ", ".join(["('somebody', NULL)"] * 200),
        "INSERT INTO residents (full_name, alien_number) VALUES " + ", ".join(["('x', NULL)"] * 200) + ", ('', '7')",
        "INSERT INTO residents (full_name, alien_number) VALUES ('a', '1'), (NULL, '2'), "
        + ", ".join(["('x', NULL)"] * 200),
        "INSERT INTO residents (full_name, unit) VALUES ('a', NULL), ('b', null), "
        + ", ".join(["(NULL,NULL), ('x', 'y')"] * 200),
        f"SELECT * FROM residents WHERE {arms(300, random, 'resident_id')}",
        f"SELECT full_name FROM residents r WHERE {arms(300, random, 'r.unit')} LIMIT 3",
        f"SELECT full_name FROM residents WHERE {arms(300, random, 'alien_number')}",
        f"SELECT full_name FROM residents r WHERE unit = 'x' AND {arms(300, random, 'r.alien_number')} AND true",
        f"UPDATE permits SET kind = 'x' WHERE {arms(200, random, 'permit_id')} RETURNING *",
        f"UPDATE residents SET full_name = 'x' WHERE ({arms(200, random, 'resident_id')}) RETURNING *; SELECT 1",
        f"SELECT public.residents.* FROM public.residents WHERE {arms(200, random, 'public.residents.unit')}",
        f"SELECT '{arms(200, random, 'unit').replace(chr(39), '')}', residents.* FROM residents",
        f"SELECT count(*) FILTER (WHERE {arms(200, random, 'unit')}), unit FROM residents GROUP BY unit",
        f"SELECT * FROM residents WHERE {arms(200, random, 'residents')}",
    ]  # fmt: skip


def shapeless(decision: Decision) -> Decision:
    return dataclasses.replace(decision, shape="")


def ask(engine: Engine, text: str) -> Decision:
    from redactor.model import Requester

    return engine.decide(Requester("clerk", "town"), Context.start("clerk"), text)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_folded_is_decided_as_the_whole(town: Town, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    short = [ask(unremembered(town.engine), text) for text in texts(Random(seed))]
    monkeypatch.setattr(folding, "SHORTEST", 1 << 30)
    whole = [ask(unremembered(town.engine), text) for text in texts(Random(seed))]
    for text, a, b in zip(texts(Random(seed)), short, whole, strict=True):
        assert shapeless(a) == shapeless(b), text[:80]
    assert {type(d) for d in short} == {Allow, Redact, Refuse}
    assert any(isinstance(t, Prepare) for d in short for ts in d.transitions for t in ts)


@pytest.mark.parametrize("seed", range(6))
def test_folded_and_put_back_is_the_text(seed: int) -> None:
    held = 0
    for text in texts(Random(seed)):
        source = text.encode()
        folded = folding.fold(source)
        if folded is None:
            continue
        back = folded.source
        for cut in reversed(folded.cuts):
            back = back[: cut.at] + cut.text + back[cut.at :]
        assert back == source
        try:
            held += folding.holds(folded, grammar.parse(folded.source), set())
        except grammar.SyntaxProblem:
            continue
    assert held >= 8


@pytest.mark.parametrize(
    "text",
    [
        "SELECT concat({})",
        "SELECT '({})'",
        "SELECT $x$ ({}) $x$",
        "SELECT 1 -- ({})",
        'SELECT 1 AS "({})"',
        "SELECT ROW({})",
        "SELECT 1 = ANY (f({}))",
        "SELECT 1 IN (2 + (1), {})",
    ],
)
def test_what_is_no_list_of_constants_is_not_taken_for_one(text: str) -> None:
    source = text.format(", ".join(["7"] * 500)).encode()
    folded = folding.fold(source)
    assert folded is None or not folding.holds(folded, grammar.parse(folded.source), set())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '{}' FROM t",
        "SELECT 1 /* {} */ FROM t",
        "SELECT $$ {} $$ FROM t",
        'SELECT a AS "{}" FROM t',
        "SELECT 1 FROM t WHERE {} + 1",
    ],
)
def test_what_is_no_row_of_comparisons_is_not_taken_for_one(text: str) -> None:
    source = text.format(" OR ".join(f"a = {n}" for n in range(300))).encode()
    folded = folding.fold(source)
    assert folded is not None
    assert folding.holds(folded, grammar.parse(folded.source), set()) == text.endswith("+ 1")


def test_a_large_insert_takes_little_room(town: Town) -> None:
    engine = unremembered(town.engine)
    text = "INSERT INTO permits (permit_id, kind) VALUES " + ",".join(f"({n}, 'kind {n}')" for n in range(120_000))
    ask(engine, "INSERT INTO permits (permit_id, kind) VALUES (1, '')")
    tracemalloc.start()
    try:
        decision = ask(engine, text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(decision, Allow)
    # the text itself some times over; its tree would be a hundred times that
    assert peak < 8 * len(text)
