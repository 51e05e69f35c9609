"""A catalog that was read while somebody had tables locked for himself: it hides what a whole one hides, and more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from redactor.catalog import UNREAD, Catalog
from redactor.context import Context
from redactor.decision import Refuse
from redactor.model import RelationName
from redactor.upstream import introspect
from tests.fixtures import pairs
from tests.fixtures.town import Town, engine_of, read

_ITEM = r"\d+|\('[^']+', '[^']+'\)"
_LIST = re.compile(
    rf"(?<=\{{)\d+(?:,\d+)*(?=\}}'::pg_catalog.oid)|(?<=\()(?:{_ITEM})(?:, (?:{_ITEM}))*(?=\)\) IS NOT TRUE)"
)
PAIRS = [p for file in sorted(pairs.HERE.glob("*.sql")) for p in pairs.read(file)]


@pytest.fixture(scope="module")
def catalog(town: Town) -> Iterator[Catalog]:
    """The town's, with every one of its tables locked."""
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(town.server.dsn("town")) as c:
        patch.setattr(introspect, "PATIENCE", 0.1)
        tables = c.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384"
        ).fetchall()
        c.execute(f"LOCK TABLE {', '.join(name for (name,) in tables)} IN ACCESS EXCLUSIVE MODE".encode())
        yield read(town.server, "town")


def test_it_is_read_all_the_same(catalog: Catalog, town: Town) -> None:
    whole = town.engine.catalog
    assert len(catalog.locked) > 10
    assert catalog.relations.keys() == whole.relations.keys()
    for oid, relation in catalog.relations.items():
        known = whole.relations[oid]
        assert [replace(c, default=None, generated=None) for c in relation.columns] == [
            replace(c, default=None, generated=None) for c in known.columns
        ]
        assert [c.generated is None for c in relation.columns] == [c.generated is None for c in known.columns]
        assert relation.definition in (None, known.definition)
        assert {c.definition for c in relation.constraints} <= {c.definition for c in known.constraints} | {UNREAD}
    view = catalog.relation(RelationName("public", "status_cards"))
    assert view is not None
    assert view.definition is None


def _apart(text: str) -> tuple[str, list[set[str]]]:
    """A text without its lists of relations whose sizes and statistics are hidden, and those."""
    return _LIST.sub("", text), [set(re.findall(_ITEM, found)) for found in _LIST.findall(text)]


def test_nothing_is_shown_that_a_whole_catalog_hides(catalog: Catalog, town: Town) -> None:
    """Each statement is decided as ever, or refused."""
    engine, otherwise = engine_of(catalog), 0
    assert len(PAIRS) > 300
    for pair in PAIRS:
        who = town.requester(pair.requester)
        whole, partly = (e.decide(who, pair.context, pair.statement) for e in (town.engine, engine))
        if isinstance(partly, Refuse):
            otherwise += not isinstance(whole, Refuse)
        else:
            assert type(partly) is type(whole), pair.name
            (sent, hidden), (usual, usually) = (_apart(getattr(d, "text", "")) for d in (partly, whole))
            assert sent == usual, pair.name
            assert all(more >= less for more, less in zip(hidden, usually, strict=True)), pair.name
    # plain columns of tables are as well known as ever
    assert otherwise < len(PAIRS) / 4


def test_the_refusal_says_what_to_do(catalog: Catalog, town: Town) -> None:
    decision = engine_of(catalog).decide(town.requester("clerk"), Context.start("clerk"), "TABLE status_cards")
    assert isinstance(decision, Refuse)
    assert "locked just now (try again)" in decision.problem.message
