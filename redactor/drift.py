"""Where the reviewed file and the real database differ: what waits for a person, and what is gone.

Knows a catalog and its review; must not decide anything (that new things are hidden is the decision's own doing).
Invariant: whatever exists and carries `unreviewed` by the review is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from redactor.catalog import Catalog, Relation
from redactor.model import ColumnName, RelationName
from redactor.review import Review
from redactor.signature import Malformed, canonical
from redactor.tags import UNREVIEWED

_HOLD_ROWS = frozenset("rpf")
"""Tables, partitioned and foreign ones. Views, partitions and the rest derive their protection from what they read."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Each sorted by name. `unreviewed`: hidden until a person decides. `vanished`: reviewed, but not upstream."""

    unreviewed_relations: tuple[RelationName, ...]
    unreviewed_columns: tuple[ColumnName, ...]
    vanished_relations: tuple[RelationName, ...]
    vanished_columns: tuple[ColumnName, ...]
    vanished_functions: tuple[str, ...]

    def __bool__(self) -> bool:
        return any((self.unreviewed_relations, self.unreviewed_columns, self.vanished_relations,
                    self.vanished_columns, self.vanished_functions))  # fmt: skip


def compare(catalog: Catalog, review: Review) -> Differences:
    """How the catalog, as it is now, differs from what was reviewed."""
    new_relations, new_columns = [], []
    for relation in catalog.relations.values():
        if not _is_for_review(relation):
            continue
        name = relation.qualified
        if UNREVIEWED in review.relation_tags(name):
            new_relations.append(name)
            continue
        new_columns += [
            ColumnName(*name, c.name) for c in relation.columns if UNREVIEWED in review.column_tags(name, c.name)
        ]
    gone_relations, gone_columns = [], []
    for name, reviewed in review.relations.items():
        found = catalog.relation(name)
        if found is None:
            gone_relations.append(name)
        else:
            gone_columns += [ColumnName(*name, c) for c in reviewed.columns if found.column(c) is None]
    existing = {s for f in catalog.functions.values() if (s := _spelled(f.signature)) is not None}
    return Differences(
        tuple(sorted(new_relations)),
        tuple(sorted(new_columns)),
        tuple(sorted(gone_relations)),
        tuple(sorted(gone_columns)),
        tuple(sorted(set(review.functions) - existing)),
    )


def _is_for_review(relation: Relation) -> bool:
    system = relation.schema.startswith("pg_") or relation.schema == "information_schema"
    return relation.kind in _HOLD_ROWS and not (system or relation.partition or relation.extension)


def _spelled(signature: str) -> str | None:
    try:
        return canonical(signature)
    except Malformed:
        return None
