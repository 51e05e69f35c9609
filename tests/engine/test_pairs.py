"""Every pair in tests/fixtures/decisions: the decision is the one that stands there, and what is sent does its work."""

from __future__ import annotations

import pytest

from redactor.decision import Redact
from redactor.sql import grammar
from redactor.transitions import Answer
from tests.engine.oracle import Oracle, difference
from tests.fixtures import pairs
from tests.fixtures.pairs import Pair
from tests.fixtures.town import Town

PAIRS = pairs.every()
# what lies elsewhere in a copy of the database: transaction ids, places, plans, figures, the session's own texts
UNLIKE = ("xmin", "ctid", "EXPLAIN", "now()", "BERNOULLI (50)", "_size(", "currval(", "reltuples", "pg_stat")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_decided(town: Town, pair: Pair) -> None:
    verdict, text = pairs.described(town.decide(pair.statement, pair.requester, pair.context))
    assert verdict == pair.verdict, text
    if verdict == "redact":
        assert text == pair.expected or (" ... " in pair.expected and pairs.matches(pair.expected, text))
    elif verdict == "refuse":
        assert pairs.matches(pair.expected, text), text


@pytest.mark.parametrize(
    "pair", [p for p in PAIRS if p.verdict != "refuse" and p.requester == "clerk"], ids=lambda p: p.name
)
def test_gives_what_the_original_gives_where_nothing_is_hidden(town: Town, oracle: Oracle, pair: Pair) -> None:
    path = ", ".join('"$user"' if p == "$user" else p for p in pair.path)
    hidden = oracle.hidden(pair.statement, path)
    decision = town.decide(pair.statement, pair.requester, pair.context)
    real = oracle.real(decision.text if isinstance(decision, Redact) else pair.statement, path)
    if "currval(" in pair.statement:
        # which would fail is one of the things that is not told
        assert real.columns
        assert not real.sqlstate
    elif any(word in pair.statement for word in UNLIKE):
        assert real.sqlstate == hidden.sqlstate, real.message
        assert real.columns == hidden.columns
    elif "RETURNING" in pair.statement:
        # a write shows NULL where a mask would keep something of the value
        tag = real.tag
        for answer in (t for one in decision.transitions for t in one if isinstance(t, Answer)):
            # redactor says so to the client
            tag = tag.replace("SELECT", answer.word)
        assert (real.sqlstate, real.columns, tag) == (hidden.sqlstate, hidden.columns, hidden.tag), real.message
        assert len(real.rows) == len(hidden.rows)
    else:
        assert not difference(real, hidden, _ordered(pair.statement))


def _ordered(text: str) -> bool:
    """Whether the statement itself says in which order its rows come."""
    return any("sortClause" in s.node.get("SelectStmt", {}) for s in grammar.parse(text.encode())[-1:])


def test_every_kind_of_decision_is_there() -> None:
    assert {p.verdict for p in PAIRS} == {"allow", "redact", "refuse"}
    assert {p.requester for p in PAIRS} >= {"clerk", "caseworker", "chief"}
