"""Catalog review: what a scan has suggested and what nobody has looked at, and a steward's yes, other or no.

Knows the catalog files and how `redactor.review` writes them. Must not touch anything else in them. Invariants: who
decided what, and what it was before, is durable in the log before the file changes; a file that has changed since the
page was drawn is not written over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from redactor import review
from redactor.audit.entry import deed
from redactor.console.guard import Fields, Need, site_of
from redactor.console.pages import go, render
from redactor.console.people import Permission, Person
from redactor.console.register import Filter
from redactor.console.site import Files, Site
from redactor.drift import compare
from redactor.errors import RedactorError
from redactor.model import RelationName
from redactor.signature import Malformed, split_name
from redactor.store.files import replace
from redactor.tags import UNREVIEWED, is_tag
from redactor.yamlfile import parse, read

router = APIRouter()

Seeing = Annotated[Person, Depends(Need(Permission.SEE_CATALOG))]
Reviewing = Annotated[Person, Depends(Need(Permission.REVIEW_CATALOG))]

REVIEWED = "reviewed a tag"
SHOWN = 300
_writing = Lock()


class Conflict(RedactorError):
    """The file is not what the page showed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a person. `column` empty: the relation as a whole. `confidence`: 0 to 1, of a scan."""

    database: str
    relation: str
    column: str
    kind: str
    tags: tuple[str, ...] = ()
    confidence: float = 0.0
    evidence: tuple[str, ...] = ()


def digest_of(text: str) -> str:
    """By which a page and the file that it showed are compared."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def waiting(site: Site, database: str) -> Iterator[Waiting]:
    """What is suggested, then what is upstream and not in the file, then what is in the file and gone upstream."""
    text = read(site.config.databases[database].catalog)
    seen = set()
    for item in _suggested(database, text):
        seen.add((item.relation, item.column))
        yield item
    judge = site.judge(database)
    if judge is None:
        return
    found = compare(judge.catalog, review.parse(text, "catalog"))
    for relation in found.unreviewed_relations:
        if (str(relation), "") not in seen:
            yield Waiting(database, str(relation), "", "new")
    for column in found.unreviewed_columns:
        if (str(column.of), column.name) not in seen:
            yield Waiting(database, str(column.of), column.name, "new")
    for relation in found.vanished_relations:
        yield Waiting(database, str(relation), "", "gone")
    for column in found.vanished_columns:
        yield Waiting(database, str(column.of), column.name, "gone")


def _suggested(database: str, text: str) -> Iterator[Waiting]:
    value = parse(text, "catalog").value
    relations = value.get("relations") if isinstance(value, dict) else None
    for name, relation in (relations or {}).items():
        if isinstance(relation, dict):
            key = str(RelationName(*split_name(name)))
            if "proposed" in relation:
                yield _proposal(database, key, "", relation["proposed"])
            for column, about in (relation.get("columns") or {}).items():
                if isinstance(about, dict) and "proposed" in about:
                    yield _proposal(database, key, column, about["proposed"])


def _proposal(database: str, relation: str, column: str, proposed: Any) -> Waiting:
    given: dict[str, Any] = proposed if isinstance(proposed, dict) else {}

    def texts(name: str) -> tuple[str, ...]:
        value = given.get(name) or []
        return tuple(str(v) for v in ([value] if isinstance(value, str) else value))

    return Waiting(
        database, relation, column, "suggested", texts("tags"), float(given.get("confidence", 0)), texts("evidence")
    )


def known_tags(files: Files) -> list[str]:
    """Tags that somebody may mean: the policy's and the known ones."""
    return sorted({t for r in files.policy.rules for t in r.tags} | set(files.meanings) - {UNREVIEWED})


@router.get("/catalog", include_in_schema=False)
def catalog_page(request: Request, person: Seeing, done: str = "") -> Response:
    """All that waits, by database, and what was decided last."""
    return _page(request, done=done)


def _page(request: Request, status: int = 200, wrong: str = "", done: str = "") -> Response:
    site = site_of(request)
    files = site.files()
    shown = []
    for name, database in site.config.databases.items():
        items = list(waiting(site, name))
        digest = digest_of(read(database.catalog))
        kinds = {kind: [i for i in items if i.kind == kind] for kind in ("suggested", "new", "gone")}
        shown.append({"name": name, "digest": digest, "kinds": kinds, "read": site.judge(name) is not None})
    last = site.register.find(Filter(kind="deed", deed=REVIEWED), 10).sequences
    return render(
        request,
        "catalog.html",
        status,
        databases=shown,
        known=known_tags(files),
        covered={t for t in known_tags(files) if files.policy.rules_for(t)},
        last=[{"sequence": e.sequence, **e.value} for e in site.reader().several(last)],
        wrong=wrong,
        done=done,
        SHOWN=SHOWN,
    )


@router.post("/catalog", include_in_schema=False)
def decide(request: Request, fields: Fields, person: Reviewing) -> Response:
    """Write a steward's decision on one relation or column into the catalog file."""
    site = site_of(request)
    database, relation, column = (fields.get(f, "") for f in ("database", "relation", "column"))
    answer, because = fields.get("answer", ""), " ".join(fields.get("because", "").split())[:500]
    tags = [t for t in re.split(r"[\s,]+", fields.get("tags", "")) if t]
    if answer == "reject":
        tags = []
    if answer not in ("accept", "reject") or database not in site.config.databases:
        raise HTTPException(400, "The form cannot be read.")
    if wrong := [t for t in tags if not is_tag(t) or t == UNREVIEWED]:
        return _page(request, 400, wrong=f"{wrong[0]!r}: ?")
    if answer == "accept" and not tags:
        return _page(request, 400, wrong="Name at least one tag, or say that it needs none.")
    try:
        settle(site, person, database, relation, column, tags, fields.get("digest", ""), because)
    except Conflict as e:
        return _page(request, 409, wrong=e.public)
    asked = site.reload()
    return go(f"/catalog?done={'asked' if asked else 'written'}")


def settle(
    site: Site, person: Person, database: str, relation: str, column: str, tags: list[str], digest: str, because: str
) -> None:
    """The decision, logged and then written. Conflict where the file has changed; `digest` empty: whatever it is."""
    path = site.config.databases[database].catalog
    with _writing:
        text = read(path)
        if digest and digest != digest_of(text):
            raise Conflict("The catalog file has changed since: look at it again.")
        try:
            name = RelationName(*split_name(relation))
        except (Malformed, TypeError):
            raise Conflict("There is no such relation.") from None
        before = review.parse(text, path.name)
        judge = site.judge(database)
        there = judge.catalog.relation(name) if judge is not None else None
        known = name in before.relations or there is not None
        known_column = column and (
            (name in before.relations and column in before.relations[name].columns)
            or (there is not None and there.column(column) is not None)
        )
        if not known or (column and not known_column):
            raise Conflict("There is no such column.")
        had = before.column_tags(name, column) if column else before.relation_tags(name)
        after = review.settle(text, [review.Decided(name, column or None, tuple(tags))])
        about: dict[str, str | int] = {
            "before": " ".join(sorted(had)),
            "column": f"{relation}.{column}" if column else relation,
            "database": database,
            "tags": " ".join(tags),
        }
        site.note(deed(site.clock(), person.name, person.role_names, REVIEWED, about, because))
        _write(path, after)


def _write(path: Path, text: str) -> None:
    try:
        replace(path, text.encode(), path.stat().st_mode & 0o777)
    except OSError as e:
        raise RedactorError(f"{path.name} cannot be written ({e.strerror}): the console needs the right to") from None
