"""Which column a review was about: relations by oid and columns by number, as they were when the review was first seen.

Knows catalogs and reviews. A name in the catalog file is what a person wrote; a number is what PostgreSQL never gives
to another column of the relation. Invariants: a column keeps the tags under which it was reviewed, whatever it is
called now; a name that was reviewed for one column opens no other one that was reviewed for more; a column whose type
is of another kind than when it was reviewed waits for review. Where nothing is remembered, names decide, as they did.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from redactor.catalog import Catalog, Column, Relation
from redactor.model import RelationName
from redactor.review import Review, Reviewed
from redactor.tags import UNREVIEWED

_FORM = 1
_KINDS: tuple[tuple[str, str], ...] = (
    ("text", r"character|char|bpchar|text|name|citext|varchar"),
    ("number", r"smallint|integer|bigint|int\d|numeric|real|double precision|money|float\d"),
    ("time", r"date|time|interval"),
    ("document", r"jsonb?\b|xml|hstore"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A relation as it was reviewed. `columns`: attnum to name and kind of type. `digest`: of its entry in the file."""

    name: RelationName
    digest: str
    columns: Mapping[int, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is remembered of one database, by oid."""

    relations: Mapping[int, Known] = field(default_factory=lambda: MappingProxyType({}))

    def to_text(self) -> str:
        """For a file. The same baseline always gives the same text."""
        # a relation at a time: nothing else runs in this process while one of them is spelled
        lines = [
            json.dumps(str(oid)) + ":" + json.dumps(_entry(k), sort_keys=True)
            for oid, k in sorted(self.relations.items(), key=itemgetter(0))
        ]
        return f'{{"form":{_FORM},"relations":{{\n' + ",\n".join(lines) + "\n}}\n"


def _entry(known: Known) -> dict[str, object]:
    return {"name": list(known.name), "digest": known.digest, "columns": {str(n): c for n, c in known.columns.items()}}


def read(text: str) -> Baseline:
    """A baseline that `to_text` wrote. Raises ValueError."""
    try:
        document: Any = json.loads(text)
        if document["form"] != _FORM:
            raise ValueError("written by another version")
        return Baseline(
            {
                int(oid): Known(
                    RelationName(*k["name"]), k["digest"], {int(n): (c[0], c[1]) for n, c in k["columns"].items()}
                )
                for oid, k in document["relations"].items()
            }
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError("not a baseline") from error


def renew(before: Baseline, catalog: Catalog, review: Review, same: Set[int] = frozenset()) -> Baseline:
    """The baseline with what has been reviewed since, and without what is gone.

    A relation is taken down anew where its entry in the file is another one (a note is enough): then a person has
    looked. Else what is known stays, and only columns that were not yet there when it was first seen come to it.
    `same`: oids of relations that are as they were when `before` was made, by this very review.
    """
    relations: dict[int, Known] = {}
    for oid, relation in catalog.relations.items():
        known = before.relations.get(oid)
        if oid in same:
            if known is not None:
                relations[oid] = known
            continue
        reviewed = review.relations.get(relation.qualified)
        if reviewed is None:
            if known is not None:
                relations[oid] = known
            continue
        digest = _digest(reviewed)
        now = {c.number: (c.name, _kind(c)) for c in relation.columns if c.name in reviewed.columns}
        if known is not None and known.digest == digest and known.name == relation.qualified:
            columns = {**now, **known.columns}
            relations[oid] = known if columns == known.columns else replace(known, columns=columns)
        elif known is not None and known.name != relation.qualified and review.relations.get(known.name) is not None:
            relations[oid] = known  # renamed onto a reviewed name: both reviews hold until the file says otherwise
        else:
            relations[oid] = Known(relation.qualified, digest, now)
    return Baseline(MappingProxyType(relations))


def follow(baseline: Baseline, catalog: Catalog, review: Review) -> Review:
    """The review as it stands for what things are called now. Without a rename or a retyping: the same review."""
    changed: dict[RelationName, Reviewed] = {}
    for oid, relation in catalog.relations.items():
        known = baseline.relations.get(oid)
        if known is not None:
            found = _followed(known, relation, review)
            if found is not None and found != review.relations.get(relation.qualified):
                changed[relation.qualified] = found
    if not changed:
        return review
    return replace(review, relations=MappingProxyType({**review.relations, **changed}))


def _followed(known: Known, relation: Relation, review: Review) -> Reviewed | None:
    by_name = review.relations.get(relation.qualified)
    was = review.relations.get(known.name)
    if was is None or (known.name == relation.qualified and not any(_is_other(known, c) for c in relation.columns)):
        return by_name
    columns: dict[str, frozenset[str]] = {} if by_name is None else dict(by_name.columns)
    for column in relation.columns:
        once = known.columns.get(column.number)
        then = None if once is None else was.columns.get(once[0])
        if once is None or then is None:
            continue
        named = None if by_name is None else by_name.columns.get(column.name)
        tags = then if named is None else then | named
        columns[column.name] = tags if _kind(column) == once[1] else tags | {UNREVIEWED}
    own = was.tags if by_name is None else was.tags | by_name.tags
    proposed = was.proposed if by_name is None else by_name.proposed
    return Reviewed(own, MappingProxyType(columns), proposed & columns.keys())


def _is_other(known: Known, column: Column) -> bool:
    """Whether a column that was there when its relation was reviewed has another name or kind of type by now."""
    once = known.columns.get(column.number)
    return once is not None and once != (column.name, _kind(column))


def _kind(column: Column) -> str:
    """The kind of a column's type: other kinds of values may mean something else, more characters do not."""
    return _kind_of(column.type)


@lru_cache(maxsize=1000)
def _kind_of(type_name: str) -> str:
    bare = re.sub(r"\(.*?\)", "", type_name).strip().lower()
    if bare.endswith("[]"):
        return "array"
    return next((kind for kind, names in _KINDS if re.match(names, bare)), bare)


def _digest(reviewed: Reviewed) -> str:
    said = {
        "tags": sorted(reviewed.tags),
        "columns": {name: sorted(tags) for name, tags in sorted(reviewed.columns.items())},
        "proposed": sorted(reviewed.proposed),
        "notes": reviewed.notes,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]
