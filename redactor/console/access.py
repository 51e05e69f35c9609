"""Who can see what: a row for each tag, a column for each role, and behind each cell the columns that carry the tag.

Knows the policy and the reviewed catalogs. Must not decide: every cell is what `Policy.ruling` says. Invariant: the
first column is somebody without a role, since that is who most requesters are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from redactor.console.guard import Need, site_of
from redactor.console.pages import render
from redactor.console.people import Permission, Person
from redactor.console.site import Files
from redactor.expectations import SEES, spelled
from redactor.policy import UNREVIEWED, Policy
from redactor.review import Review
from redactor.tags import covers

router = APIRouter()

Seeing = Annotated[Person, Depends(Need(Permission.SEE_ACCESS))]

NOBODY = "(no role)"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a role gets of a tag. `kind`: sees, mask, filter, refuse. `rules`: (id, reason) of those against it."""

    role: str
    kind: str
    gets: str
    when_shaping: str
    rules: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A tag: what it means, how many columns carry it, and a cell for each role."""

    tag: str
    means: str
    columns: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A column (or a relation as a whole: `column` empty) that carries a tag."""

    database: str
    relation: str
    column: str
    tags: tuple[str, ...]


def roles_of(policy: Policy) -> Mapping[str, frozenset[str]]:
    """The matrix's columns: nobody's, then each role by itself."""
    return {NOBODY: frozenset(), **{r: frozenset((r,)) for r in policy.roles}}


def cell(policy: Policy, tags: tuple[str, ...], role: str, roles: frozenset[str]) -> Cell:
    """What those roles get of something with those tags."""
    ruling = policy.ruling(tags, roles)
    if ruling is None:
        return Cell(role, "sees", SEES, "", ())
    gets = spelled(ruling.treatment)
    rules = tuple((h.rule, h.because) for h in ruling.hits)
    return Cell(role, gets.partition(" ")[0], gets, ruling.when_shaping.value, rules)


def carriers(reviews: Mapping[str, Review]) -> Iterator[Carrier]:
    """Everything that is tagged, in the files' order."""
    for database, review in reviews.items():
        for name, relation in review.relations.items():
            if relation.tags:
                yield Carrier(database, str(name), "", tuple(sorted(relation.tags)))
            for column, tags in relation.columns.items():
                if tags:
                    yield Carrier(database, str(name), column, tuple(sorted(tags)))


def matrix(files: Files) -> list[Line]:
    """All tags that the policy, the catalogs or the list of known tags name."""
    policy, carrying = files.policy, list(carriers(files.reviews))
    named = {t for r in policy.rules for t in r.tags} | {t for c in carrying for t in c.tags}
    columns = roles_of(policy)
    return [
        Line(
            tag,
            files.meanings.get(tag, ""),
            sum(any(covers(tag, t) for t in c.tags) for c in carrying),
            tuple(cell(policy, (tag,), role, roles) for role, roles in columns.items()),
        )
        for tag in sorted({*named, *files.meanings, UNREVIEWED})
    ]


def who_is(policy: Policy) -> list[dict[str, Any]]:
    """Who has each role."""
    return [
        {
            "role": name,
            "users": sorted(r.users),
            "groups": sorted(r.groups),
            "tokens": [f"{t.issuer}: {t.claim} = {', '.join(sorted(t.values))}" for t in r.tokens],
            "may_ddl": r.may_ddl,
        }
        for name, r in policy.roles.items()
    ]


@router.get("/access", include_in_schema=False)
def access_page(request: Request, person: Seeing, tag: str = "", role: str = "") -> Response:
    """The matrix; with a tag, the columns that carry it and what each role, or that one, gets of them."""
    files = site_of(request).files()
    lines = matrix(files)
    known = roles_of(files.policy)
    chosen = [c for c in carriers(files.reviews) if tag and any(covers(tag, t) for t in c.tags)]
    shown = {role: known[role]} if role in known else {}
    # a column carries its relation's tags besides its own
    whole = {(c.database, c.relation): c.tags for c in carriers(files.reviews) if not c.column}
    detail = [
        (c, [cell(files.policy, (*c.tags, *whole.get((c.database, c.relation), ())), r, rs) for r, rs in shown.items()])
        for c in chosen
    ]
    return render(
        request,
        "access.html",
        lines=lines,
        roles=list(known),
        who=who_is(files.policy),
        policy=files.policy,
        tag=tag,
        role=role if role in known else "",
        detail=detail,
    )
