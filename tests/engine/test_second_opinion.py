"""Another parser's opinion of what was rewritten: it names no relation that the footprint does not, and a hidden column
of a relation only where its mask is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from redactor.decision import Redact
from redactor.model import ColumnName
from tests.fixtures import pairs
from tests.fixtures.pairs import Pair
from tests.fixtures.town import Town

PAIRS = [p for p in pairs.every() if p.verdict == "redact"]


def tables(text: str) -> Iterator[tuple[str, str]]:
    """The (schema, relation) that sqlglot sees a text read or write; the schema may be empty."""
    for tree in sqlglot.parse(text, read="postgres"):
        if tree is None:
            continue
        defined = {c.alias for c in tree.find_all(exp.CTE)}
        # what a statement makes is not what it reads
        made = {id(m.this.find(exp.Table)) for m in tree.find_all(exp.Create, exp.Into)}
        # FOR UPDATE OF names an alias
        made |= {id(t) for lock in tree.find_all(exp.Lock) for t in lock.find_all(exp.Table)}
        for t in tree.find_all(exp.Table):
            if (
                t.name
                and id(t) not in made
                and not (t.name in defined and not t.db)
                and not isinstance(t.this, exp.Func)
            ):
                yield t.db, t.name


def seen(text: str) -> list[tuple[str, str]] | None:
    try:
        return list(tables(text))
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p.name)
def test_sees_the_relations_of_the_footprint(town: Town, pair: Pair) -> None:
    decision = town.decide(pair.statement, pair.requester, pair.context)
    assert isinstance(decision, Redact)
    found = seen(decision.text)
    if found is None:
        pytest.skip("sqlglot cannot read it")
    known = decision.footprint.relations
    for schema, name in found:
        assert any(r.name == name and schema in ("", r.schema) for r in known), (schema, name)


def test_reads_most_of_them(town: Town) -> None:
    read = sum(seen(d.text) is not None for p in PAIRS if isinstance(d := _decision(town, p), Redact))
    assert read > 0.8 * len(PAIRS)


def _decision(town: Town, pair: Pair) -> object:
    return town.decide(pair.statement, pair.requester, pair.context)


def test_a_hidden_column_stands_only_where_it_is_masked(town: Town) -> None:
    texts = ("SELECT * FROM residents", "SELECT r FROM residents r", "SELECT full_name, alien_number FROM residents")
    for text in texts:
        decision = town.decide(text)
        assert isinstance(decision, Redact)
        hidden = {c.column for c in decision.footprint.columns}
        assert ColumnName("public", "residents", "alien_number") in hidden
        [tree] = sqlglot.parse(decision.text, read="postgres")
        assert tree is not None
        inner = next(s for s in tree.find_all(exp.Subquery)).this
        read = {c.name for c in inner.find_all(exp.Column) if c.name in {h.name for h in hidden}}
        masked = {e.alias for e in inner.expressions if isinstance(e, exp.Alias)}
        assert read <= masked
