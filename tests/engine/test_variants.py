"""The same shape with other literals: what is answered from memory is what reading the text would have given.

The statements are those of all corpora: the pairs, made-up ones, attacks and harmless work. Their literals are changed
for ones of the same kind, and for ones of another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

import psycopg
import pytest

from redactor import policy, review
from redactor.context import Context
from redactor.decision import Allow, Decision, Redact
from redactor.engine import Engine, variants
from redactor.model import Requester
from redactor.sql import grammar
from tests.engine.statements import Maker
from tests.fixtures import pairs
from tests.fixtures.town import Town, engine_of, read
from tests.noninterference import city
from tests.servers import Server

STRINGS = (
    "''", "'x'", "'it''s'", "''''", "'-- no comment'", "'/* nor this'", "'$$'", "';'", "'naïve €'", "'residents'",
    "'public.residents'", "'1'", "'2020-01-01'", "'a\n'", "'search_path'", "'%'", "'{1,2}'", "'\"q\"'", "'pg_temp'",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "7", "42", "000", "123456789")
COMMENTS = ("/**/", "/* other */", "/* ' */", "/*-- 1 */", "/* * / */", "/* ; $1 */")
OTHERS = (
    "NULL",
    "-1",
    "- 1",
    "1.5",
    "1e3",
    "E'a\\'b'",
    "U&'x'",
    "$$d$$",
    "$1",
    "'a'\n'b'",
    "1234567890",
    "''''''",
    "'x",
)


PLACES = ("location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end", "name_location", "arg_location")


def changed(text: str, random: Random, other: bool = False) -> str:
    """The text with each of its literals, or half of them, replaced."""
    parts = variants.split(text)
    for i in range(1, len(parts), 2):
        if random.random() < 0.7:
            kind = STRINGS if parts[i][0] == "'" else COMMENTS if parts[i][0] == "/" else NUMBERS
            parts[i] = random.choice(OTHERS if other and random.random() < 0.4 else kind)
    return "".join(parts)


def unremembered(engine: Engine) -> Engine:
    return Engine(engine.catalog, engine.policy, engine.review)


class Both:
    """An engine that remembers, and the same asked each time as if for the first."""

    def __init__(self, engine: Engine, login: str) -> None:
        self.engine = unremembered(engine)
        self.requester = Requester(login, engine.catalog.database)
        self.answered = self.asked = 0

    def read(self, context: Context, text: str) -> Decision:
        world = self.engine.world(self.engine.roles_of(self.requester))
        return self.engine._decide(self.requester, world, context, text.encode("utf-8", "surrogatepass"))[0]

    def check(self, context: Context, text: str) -> None:
        parts = variants.split(text)
        shelf = self.engine._memory.shelf(self.requester, context, self.engine._meaning)
        template = shelf.get(tuple(parts[::2]))
        ready = isinstance(template, variants.Template) and template.answer(parts[1::2]) is not None
        self.asked += 1
        self.answered += ready and shelf.get(text) is None
        given = self.engine.decide(self.requester, context, text)
        assert given == self.read(context, text), text

    def vary(self, context: Context, text: str, random: Random, times: int = 3) -> None:
        for n in range(times):
            self.check(context, changed(text, random, other=n == times - 1))


@pytest.fixture(scope="module")
def almer(postgres18: Server) -> Engine:
    """The engine of the probes' city, of its definitions alone."""
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        city.make_roles(c)
        c.execute("CREATE DATABASE variants_city TEMPLATE template0")
    with psycopg.connect(postgres18.dsn("variants_city"), autocommit=True) as c:
        c.execute((city.HERE / "schema.sql").read_bytes())
    catalog = read(postgres18, "variants_city")
    return Engine(
        catalog,
        policy.parse((city.HERE / "policy.yaml").read_text(), "policy.yaml"),
        review.parse((city.HERE / "catalog.yaml").read_text(), "catalog.yaml"),
    )


def probes(name: str) -> Iterator[str]:
    for line in (city.HERE / name).read_text().splitlines():
        for step in json.loads(line)["steps"]:
            text = step if isinstance(step, str) else step.get("sql") or step.get("ask") or ""
            if isinstance(text, str) and 0 < len(text) <= variants.LONGEST and "{{" not in text:
                yield text


@pytest.mark.parametrize("name", ["attacks.jsonl", "harmless.jsonl"])
def test_probes(almer: Engine, name: str) -> None:
    both, random = Both(almer, "desk"), Random(5)
    context = Context.start("desk")
    for text in dict.fromkeys(probes(name)):
        if len(variants.split(text)) > 1:
            both.vary(context, text, random)
    # numbers in ORDER BY are looked into: what the query is sorted by decides what more it is sorted by
    assert both.answered > both.asked / 12


def test_pairs(town: Town) -> None:
    random = Random(6)
    asked = answered = 0
    every = {login: Both(town.engine, login) for login in ("clerk", "caseworker", "chief", "builder")}
    for pair in pairs.every():
        both = every[pair.requester]
        both.vary(pair.context, pair.statement, random, 6)
    for both in every.values():
        asked, answered = asked + both.asked, answered + both.answered
    assert answered > asked / 10


@pytest.mark.parametrize("seed", range(2))
def test_made_up_statements(town: Town, seed: int) -> None:
    random = Random(seed)
    maker, both = Maker(random), Both(town.engine, "clerk")
    for _ in range(150):
        both.vary(Context.start("clerk"), maker.statement(), random, 5)
    assert both.answered > both.asked / 10


def test_pieces_are_tokens(town: Town) -> None:
    # the argument in the decision record: other plain literals leave all other tokens, and the tree, as they are
    random = Random(7)
    for text in dict.fromkeys(p.statement for p in pairs.every()):
        parts = variants.split(text)
        try:
            watch = variants.Watch(parts)
            before = [(k, t) for k, t in _tokens(text) if k not in (275, 276)]
        except grammar.SyntaxProblem:
            continue
        free = set(watch.holes.values()) - watch.reached
        for _ in range(5):
            other = list(parts)
            for n in free:
                kind = STRINGS if parts[2 * n + 1][0] == "'" else COMMENTS if parts[2 * n + 1][0] == "/" else NUMBERS
                other[2 * n + 1] = random.choice(kind)
            after = [(k, t) for k, t in _tokens("".join(other)) if k not in (275, 276)]
            assert [k for k, _ in before] == [k for k, _ in after]
            assert _bare(text) == _bare("".join(other))


def _tokens(text: str) -> list[tuple[int, bytes]]:
    source = text.encode()
    return [(t.kind, source[t.start : t.end]) for t in grammar.scan(source)]


def _bare(text: str) -> object:
    """A text's tree without its constants' values and without places."""

    def bare(node: object) -> object:
        if isinstance(node, list):
            return [bare(n) for n in node]
        if not isinstance(node, dict):
            return node
        return {k: None if k == "A_Const" else bare(v) for k, v in node.items() if k not in PLACES}

    return [bare(s.node) for s in grammar.parse(text.encode())]


def test_a_literal_that_decides_is_not_passed_over(town: Town) -> None:
    both = Both(town.engine, "clerk")
    context = Context.start("clerk")
    for path in ("public", "housing", "public", "housing, public"):
        both.check(context, f"SELECT pg_catalog.set_config('search_path', '{path}', false)")
    for number in (1, 2, 3, 4, 1, 2):
        both.check(context, f"SELECT resident_id, full_name, alien_number FROM residents ORDER BY {number}")
    for digits in (1, 24, 25, 53, 1):
        both.check(context, f"SELECT 1::float({digits})")


def test_a_rewritten_variant_carries_its_own_literals(town: Town) -> None:
    sent = []
    for n in range(4):
        decision = town.decide(
            f"SELECT *, 'it''s {n}' /* no {n} */ FROM residents r WHERE r.resident_id = {n} LIMIT -{n}"
        )
        assert isinstance(decision, Redact)
        sent.append(decision.text)
        assert f"'it''s {n}' /* no {n} */ FROM (SELECT" in sent[-1]
        assert sent[-1].endswith(f"WHERE r.resident_id = {n} LIMIT -{n}")
    assert len(set(sent)) == 4


def test_what_is_remembered_stays_within_its_bound(town: Town) -> None:
    engine = engine_of(town.engine.catalog)
    memory = engine._memory
    memory.limit = 1_000_000
    hot = [f"SELECT unit AS hot{n} FROM residents WHERE resident_id = $1" for n in range(20)]
    other = Requester("chief", "town")
    for _ in range(3):
        for text in hot:
            engine.decide(other, Context.start("chief"), text)
    shelf = memory.shelf(other, Context.start("chief"), engine._meaning)
    clerk, context = Requester("clerk", "town"), Context.start("clerk")
    for n in range(4000):
        engine.decide(clerk, context, f"SELECT unit AS u{n} FROM residents WHERE resident_id = $1")
        assert memory.bytes <= memory.limit
    # who asks a flood of questions has displaced nothing of another's
    assert all(text in shelf.kept for text in hot)
    weighed = sum(s.kept_bytes + s.fresh_bytes for s in memory._shelves.values())
    assert weighed == memory.bytes
    for s in memory._shelves.values():
        assert s.kept_bytes + s.fresh_bytes == sum(
            memory_weight(k, v) for part in (s.kept, s.fresh) for k, v in part.items()
        )


def memory_weight(key: object, value: object) -> int:
    from redactor.engine.memory import weight

    return weight(key, value)  # type: ignore[arg-type]


def test_sessions_come_and_go(town: Town) -> None:
    engine = engine_of(town.engine.catalog)
    for n in range(3000):
        login = f"clerk{n}"
        decision = engine.decide(Requester(login, "town"), Context.start(login), "SELECT 1")
        assert isinstance(decision, Allow)
    assert len(engine._memory._shelves) <= 1024
    assert engine._memory.bytes <= engine._memory.limit
