"""The page of one entry: who, what, why, what was sent instead, what would have passed, and that it is proved.

Knows leaves and sealed texts. Must not keep an auditor's key: it comes with a request and goes with it. Invariant:
that somebody looks at a sealed text is durable in the log before they see it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from redactor.audit import sealing
from redactor.audit.entry import deed
from redactor.console.guard import Fields, Need, site_of
from redactor.console.pages import render
from redactor.console.people import Permission, Person
from redactor.console.proofs import prove
from redactor.console.refusals import Reading, row_of
from redactor.console.register import Filter, shape_of
from redactor.console.replay import replay
from redactor.console.site import Site
from redactor.console.statement import Piece, difference, pieces
from redactor.errors import ConfigurationError
from redactor.model import ColumnName
from redactor.signature import Malformed, split_name
from redactor.store import Stored, months
from redactor.tags import UNREVIEWED

router = APIRouter()

Opening = Annotated[Person, Depends(Need(Permission.OPEN_TEXTS))]

SIMILAR = 6


def entry_at(site: Site, sequence: int) -> Stored:
    """The entry, or the page that there is none."""
    found = site.reader().get(sequence) if 0 <= sequence < 1 << 62 else None
    if found is None:
        raise HTTPException(404, "There is no such entry.")
    return found


@router.get("/decisions/{sequence}", include_in_schema=False)
def decision_page(request: Request, sequence: int, person: Reading) -> Response:
    """All that stands in clear of an entry."""
    return _page(request, entry_at(site_of(request), sequence))


def _page(request: Request, entry: Stored, status: int = 200, **more: Any) -> Response:
    site, value = site_of(request), entry.value
    shape = str(value.get("shape", ""))
    again = replay(site.judge(str(value.get("database", ""))), value) if value.get("kind") == "decision" else None
    before, after = pieces(shape), list[Piece]()
    if again is not None and again.rewritten:
        before, after = difference(shape, again.rewritten)
    alike = Filter(shape=shape_of(shape))
    near = site.register.find(alike, SIMILAR + 1).sequences if shape else ()
    similar = [row_of(e) for e in site.reader().several([s for s in near if s != entry.sequence][:SIMILAR])]
    values = {
        "value": value,
        "entry": entry,
        "before": before,
        "after": after,
        "again": again,
        "proof": prove(site.reader(), entry),
        "columns": columns_of(site, value),
        "similar": similar,
        "shape": shape_of(shape) if shape else "",
        "sealed": entry.sealed is not None,
        "opened": None,
        "wrong": "",
    }
    return render(request, "decision.html", status, **(values | more))


def columns_of(site: Site, value: dict[str, Any]) -> list[dict[str, Any]]:
    """Each column of an entry once: its uses, its tags as reviewed now, and the rules that hide it."""
    found: dict[str, dict[str, Any]] = {}

    def column(name: str) -> dict[str, Any]:
        return found.setdefault(name, {"column": name, "uses": [], "rules": [], "tags": []})

    for use in value.get("columns", ()):
        if use["use"] not in column(use["column"])["uses"]:
            column(use["column"])["uses"].append(use["use"])
    for rule in value.get("rules", ()):
        for name in rule["columns"]:
            if rule["rule"] not in column(name)["rules"]:
                column(name)["rules"].append(rule["rule"])
    try:
        review = site.files().reviews.get(str(value.get("database", "")))
    except ConfigurationError:
        review = None
    for name, about in found.items():
        try:
            qualified = ColumnName(*split_name(name))
        except (Malformed, TypeError):
            continue
        if review is not None:
            tags = review.column_tags(qualified.of, qualified.name) | review.relation_tags(qualified.of)
            about["tags"] = sorted(tags - {UNREVIEWED}) or sorted(tags)
    return sorted(found.values(), key=lambda c: (not c["rules"], c["column"]))


@router.get("/decisions/{sequence}/proof", include_in_schema=False)
def proof_document(request: Request, sequence: int, person: Reading) -> Response:
    """The leaf and its proof, for the page's own check."""
    site = site_of(request)
    entry = entry_at(site, sequence)
    return JSONResponse(prove(site.reader(), entry).document(entry))


@router.post("/decisions/{sequence}/look", include_in_schema=False)
def look(request: Request, sequence: int, fields: Fields, person: Opening) -> Response:
    """Open the sealed text with the auditor's key, which is in this request and nowhere else."""
    site = site_of(request)
    entry = entry_at(site, sequence)
    because = " ".join(fields.get("because", "").split())[:500]
    if not because:
        return _page(request, entry, 400, wrong="Say why you look: it is logged.")
    opened, wrong = look_at(site, person, entry, fields.get("key", ""), because)
    if opened is None:
        return _page(request, entry, 400, wrong=wrong)
    return _page(request, entry, opened=opened)


def look_at(site: Site, person: Person, entry: Stored, key: str, because: str) -> tuple[dict[str, Any] | None, str]:
    """As `open_text`, with the look in the log before this returns. LogUnavailable where it cannot be."""
    opened, wrong = open_text(site, entry, key)
    about: dict[str, str | int] = {"decision": str(entry.value.get("decision", "")), "sequence": entry.sequence}
    done = "opened a sealed text" if opened is not None else "tried to open a sealed text"
    site.note(deed(site.clock(), person.name, person.role_names, done, about, because))
    return opened, wrong


def open_text(site: Site, entry: Stored, key: str) -> tuple[dict[str, Any] | None, str]:
    """What is sealed (text, application, problem), or why it cannot be opened."""
    if entry.sealed is None:
        return None, "The sealed text is gone: its time is over."
    try:
        private = load_pem_private_key(key.strip().encode() + b"\n", None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, X25519PrivateKey):
        return None, "This is not an X25519 private key in PEM."
    to = str((entry.value.get("sealed") or {}).get("to", ""))
    try:
        month = months.unwrap(site.reader().directory, private.private_bytes_raw(), to)
        if month is None:
            return None, "The key of its month is not here: destroyed, or on another node."
        opened = sealing.open_sealed(month, entry.sealed, str(entry.value.get("decision", "")))
    except sealing.CannotOpen:
        return None, "It is sealed to another key than this."
    value: dict[str, Any] = json.loads(opened)
    return value, ""
