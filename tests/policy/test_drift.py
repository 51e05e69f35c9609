"""What waits for a person, and what is gone."""

from __future__ import annotations

from redactor import review
from redactor.catalog import Catalog, Column, Function, Relation
from redactor.drift import compare
from redactor.model import ColumnName, RelationName


def relation(oid: int, name: str, *columns: str, kind: str = "r", partition: bool = False) -> Relation:
    made = tuple(Column(c, i, "text", 25) for i, c in enumerate(columns, 1))
    return Relation(oid, "public", name, kind, "owner", made, partition=partition)


def function(oid: int, signature: str) -> Function:
    return Function(oid, "public", "f", "f", "sql", (), (), "", signature, 23, False, "v", "")


def test_compare() -> None:
    relations = [
        relation(1, "known", "a", "b", "new"),
        relation(2, "brand_new", "a"),
        relation(3, "a_view", "a", kind="v"),
        relation(4, "a_part", "a", kind="r", partition=True),
        relation(5, "a_sequence", kind="S"),
        relation(6, "whole", "x", kind="p"),
    ]
    functions = [function(10, "public.f(integer)")]
    catalog = Catalog("city", 180000, "UTF8", {r.oid: r for r in relations}, {f.oid: f for f in functions})
    text = """
relations:
  public.known: {columns: {a: {}, b: {proposed: {}}, gone: {}}}
  public.vanished: {}
  public.whole: {columns: {x: {}}}
functions:
  public.f(int): {safe: true}
  public.f(bigint): {safe: true}
"""
    d = compare(catalog, review.parse(text, "f"))
    assert d.unreviewed_relations == (RelationName("public", "brand_new"),)
    assert d.unreviewed_columns == (ColumnName("public", "known", "b"), ColumnName("public", "known", "new"))
    assert d.vanished_relations == (RelationName("public", "vanished"),)
    assert d.vanished_columns == (ColumnName("public", "known", "gone"),)
    assert d.vanished_functions == ("public.f(bigint)",)
    assert d
    same = review.parse("relations: {public.whole: {columns: {x: {}}}}", "f")
    assert not compare(Catalog("city", 180000, "UTF8", {6: relations[5]}, {}), same)
