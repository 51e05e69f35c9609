"""Every pair in tests/fixtures/decisions: the decision is the one that stands there, and what is sent does its work."""

from __future__ import annotations

import pytest

from redactor.sql import grammar
from tests.engine.oracle import Oracle, difference
from tests.fixtures import pairs
from tests.fixtures.pairs import Pair
from tests.fixtures.town import Town

PAIRS = pairs.every()
# what lies elsewhere in a copy of the database: transaction ids, where rows are, plans
UNLIKE = ("xmin", "ctid", "EXPLAIN", "now()", "TABLESAMPLE BERNOULLI (50)")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_decided(town: Town, pair: Pair) -> None:
    verdict, text = pairs.described(town.decide(pair.statement, pair.requester, pair.context))
    assert verdict == pair.verdict, text
    if verdict == "redact":
        assert text == pair.expected
    elif verdict == "refuse":
        assert pairs.matches(pair.expected, text), text


@pytest.mark.parametrize(
    "pair", [p for p in PAIRS if p.verdict != "refuse" and p.requester == "clerk"], ids=lambda p: p.name
)
def test_gives_what_the_original_gives_where_nothing_is_hidden(oracle: Oracle, pair: Pair) -> None:
    path = ", ".join('"$user"' if p == "$user" else p for p in pair.path)
    hidden = oracle.hidden(pair.statement, path)
    real = oracle.real(pair.expected if pair.verdict == "redact" else pair.statement, path)
    if any(word in pair.statement for word in UNLIKE):
        assert real.sqlstate == hidden.sqlstate, real.message
        assert real.columns == hidden.columns
    else:
        assert not difference(real, hidden, _ordered(pair.statement))


def _ordered(text: str) -> bool:
    """Whether the statement itself says in which order its rows come."""
    (statement,) = grammar.parse(text.encode())
    return "sortClause" in statement.node.get("SelectStmt", {})


def test_every_kind_of_decision_is_there() -> None:
    assert {p.verdict for p in PAIRS} == {"allow", "redact", "refuse"}
    assert {p.requester for p in PAIRS} >= {"clerk", "caseworker", "chief"}
