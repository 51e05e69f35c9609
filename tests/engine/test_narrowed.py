"""Tables without a key are ordered by what a statement names of them, and by nothing else."""

from __future__ import annotations

from redactor.engine.ordering import Place

KEYLESS = Place(
    *("t", ("t.a", "t.b::pg_catalog.text", 't."C"'), True),
    columns=frozenset({"a", "b", "C", "hidden"}),
    keyed=("a", "b", "C"),
)


def test_only_what_is_named_orders() -> None:
    assert KEYLESS.narrowed({"a", "hidden", "other"}).keys == ("t.a",)
    assert KEYLESS.narrowed({"b", "C"}).keys == ("t.b::pg_catalog.text", 't."C"')


def test_where_nothing_is_named_all_of_it_does() -> None:
    assert KEYLESS.narrowed({"other"}) == KEYLESS


def test_a_key_orders_by_itself() -> None:
    keyed = Place("t", ("t.a",), True, columns=frozenset({"a", "b"}), primary=("a",))
    assert keyed.narrowed({"b"}) == keyed
