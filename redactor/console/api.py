"""The API, version 1: what the pages show and do, for programs, under the same permissions.

Knows JSON and the pages' own functions, which do the work. Must not have a rule of its own. Invariants: every answer
is as `/api/v1/openapi.json` says; a call that fails says why in one sentence under `error`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from redactor.console import access, catalog, health, refusals
from redactor.console.access import Seeing as SeeingAccess
from redactor.console.catalog import Conflict, Reviewing, waiting
from redactor.console.catalog import Seeing as SeeingCatalog
from redactor.console.decision import Opening, entry_at, look_at
from redactor.console.guard import Anyone, site_of
from redactor.console.health import Seeing as SeeingHealth
from redactor.console.pages import render
from redactor.console.proofs import prove
from redactor.console.refusals import Exporting, Reading, Unreadable, counted, described, read_filter
from redactor.console.register import Filter, TooMany
from redactor.console.site import Site
from redactor.tags import UNREVIEWED, is_tag

PREFIX = "/api/v1"


class Wrong(BaseModel):
    """A call that failed, and why."""

    error: str


FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Wrong, "description": "The request cannot be understood."},
    401: {"model": Wrong, "description": "Nobody is logged in, or the token is not good."},
    403: {"model": Wrong, "description": "None of the person's roles may do that."},
    404: {"model": Wrong, "description": "There is no such thing."},
    409: {"model": Wrong, "description": "It has changed since, or never was."},
    413: {"model": Wrong, "description": "That is too much at once."},
    422: {"model": Wrong, "description": "A value is not of the kind that is needed."},
    503: {"model": Wrong, "description": "The log or the files cannot be used at present."},
}

router = APIRouter(prefix=PREFIX, responses=FAILURES)


class Me(BaseModel):
    name: str
    roles: list[str]
    permissions: list[str] = Field(description="what those roles may do")


class Entries(BaseModel):
    entries: list[dict[str, Any]] = Field(description="leaves of the log, the newest first: the fields of docs/log.md")
    newer: int | None = Field(description="for `after`, where there are newer ones")
    older: int | None = Field(description="for `before`, where there are older ones")


class ProofModel(BaseModel):
    """What shows that an entry is in the log as signed: redactor/audit/verifier.py checks it."""

    leaf: str = Field(description="the entry's exact text, which is hashed")
    sequence: int
    state: Literal["holds", "pending", "broken"]
    why: str
    size: int = Field(description="entries in the signed log")
    root: str = Field(description="base64")
    checkpoint: str = Field(description="the signed note")
    proof: list[str] = Field(description="base64 of each hash, lowest first (RFC 9162, 2.1.3)")
    signer: str = Field(description="the public key that signed")
    keys: list[str] = Field(description="all keys of the log, oldest first")


class BarModel(BaseModel):
    at: int = Field(description="seconds since 1970, UTC")
    refused: int
    redacted: int
    allowed: int


class ChartModel(BaseModel):
    step: int = Field(description="seconds")
    bars: list[BarModel] = Field(description="steps with anything in them, oldest first")


class Shape(BaseModel):
    shape: str = Field(description="its digest: for the filter `shape`")
    count: int
    first: int = Field(description="the sequence of the first")
    last: int
    statement: str = Field(description="without literals, cut where long")
    first_at: str
    last_at: str


class Shapes(BaseModel):
    shapes: list[Shape]


class Look(BaseModel):
    key: str = Field(
        description="the auditor's X25519 private key, PEM; used for this call and not kept", max_length=4096
    )
    because: str = Field(description="why: it is logged", min_length=1, max_length=500)


class Opened(BaseModel):
    text: str
    application: str
    problem: dict[str, Any] | None


class CellModel(BaseModel):
    role: str
    kind: str
    gets: str
    when_shaping: str
    rules: list[tuple[str, str]]


class TagModel(BaseModel):
    tag: str
    means: str
    columns: int
    cells: list[CellModel]


class Matrix(BaseModel):
    policy: str
    digest: str
    tags: list[TagModel]


class CarrierModel(BaseModel):
    database: str
    relation: str
    column: str = Field(description="empty: the relation as a whole")
    tags: list[str]


class Carriers(BaseModel):
    columns: list[CarrierModel]


class WaitingModel(BaseModel):
    database: str
    relation: str
    column: str = Field(description="empty: the relation as a whole")
    kind: Literal["suggested", "new", "gone"]
    tags: list[str]
    confidence: float
    evidence: list[str]


class AllWaiting(BaseModel):
    waiting: list[WaitingModel]


class Settled(BaseModel):
    database: str = Field(max_length=63)
    relation: str = Field(description="schema and name, such as public.residents", max_length=200)
    column: str = Field(default="", description="empty: the relation as a whole", max_length=100)
    tags: list[str] = Field(description="none: it needs none", max_length=20)
    because: str = Field(default="", description="why, for the log", max_length=500)


class Written(BaseModel):
    asked: bool = Field(description="whether the proxy has been asked to read the file")


class SignModel(BaseModel):
    what: str
    state: Literal["good", "watch", "bad"]
    value: str
    note: str


class NodeModel(BaseModel):
    journal: str
    entries: int
    last: str


class HealthModel(BaseModel):
    signs: list[SignModel]
    nodes: list[NodeModel]


Name = Annotated[str | None, Query(max_length=500)]
Sequence = Annotated[int, Path(ge=0, lt=1 << 62)]


def chosen(
    request: Request,
    since: Annotated[str | None, Query(description="2026-03-01, 2026-03-01T09:30 (UTC), or 12h, 7d ago")] = None,
    until: Annotated[str | None, Query(description="as `since`; outside")] = None,
    who: Annotated[str | None, Query(max_length=500, description="a login, or provider/subject")] = None,
    database: Name = None,
    verdict: Literal["refused", "redacted", "allowed", "any"] = "any",
    rule: Name = None,
    column: Annotated[str | None, Query(max_length=500, description="name, table.name or in full")] = None,
    client: Name = None,
    shape: Name = None,
    kind: Literal["decision", "deed", "order", "retention", "key"] = "decision",
) -> Filter:
    """The filter of a call."""
    given = {"since": since, "until": until, "who": who, "database": database, "verdict": verdict, "rule": rule}
    given |= {"column": column, "client": client, "shape": shape, "kind": kind}
    try:
        return read_filter({n: v for n, v in given.items() if v}, site_of(request).clock(), "any")
    except Unreadable as e:
        raise HTTPException(400, str(e)) from None


Chosen = Annotated[Filter, Depends(chosen)]


@router.get("/me", tags=["account"], summary="Who asks")
def me(person: Anyone) -> Me:
    from redactor.console.people import Permission

    may = [p.name.lower() for p in Permission if person.may(p)]
    return Me(name=person.name, roles=person.role_names, permissions=may)


@router.get("/decisions", tags=["log"], summary="Entries of the log")
def decisions(
    request: Request,
    person: Reading,
    wanted: Chosen,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=0, lt=1 << 62)] = None,
    after: Annotated[int | None, Query(ge=-1, lt=1 << 62)] = None,
) -> Entries:
    site = site_of(request)
    found = site.register.find(wanted, limit, before, after)
    leaves = [e.value for e in site.reader().several(found.sequences)]
    newer = found.sequences[0] if found.newer and found.sequences else None
    older = found.sequences[-1] if found.older and found.sequences else None
    return Entries(entries=leaves, newer=newer, older=older)


@router.get("/decisions/{sequence}", tags=["log"], summary="An entry with its proof")
def decision(request: Request, person: Reading, sequence: Sequence) -> ProofModel:
    site = site_of(request)
    entry = entry_at(site, sequence)
    return ProofModel(**prove(site.reader(), entry).document(entry))


@router.post("/decisions/{sequence}/look", tags=["log"], summary="Open a sealed text; that is logged first")
def look(request: Request, person: Opening, sequence: Sequence, body: Look) -> Opened:
    site = site_of(request)
    entry = entry_at(site, sequence)
    because = " ".join(body.because.split())
    if not because:
        raise HTTPException(400, "Say why you look: it is logged.")
    opened, wrong = look_at(site, person, entry, body.key, because)
    if opened is None:
        raise HTTPException(400, wrong)
    return Opened(text=opened["text"], application=opened["application"], problem=opened["problem"])


@router.get("/chart", tags=["log"], summary="Decisions over time")
def chart(request: Request, person: Reading, wanted: Chosen) -> ChartModel:
    try:
        found = counted(site_of(request), wanted)
    except TooMany:
        raise HTTPException(413, "That is too much to count: choose a shorter time, or another filter.") from None
    if found is None:
        return ChartModel(step=3600, bars=[])
    bars = [BarModel(at=b.at, refused=b.refused, redacted=b.redacted, allowed=b.allowed) for b in found[0]]
    return ChartModel(step=found[3], bars=bars)


@router.get("/shapes", tags=["log"], summary="Statements by their shape, the most frequent first")
def shapes(
    request: Request,
    person: Reading,
    wanted: Chosen,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
) -> Shapes:
    site = site_of(request)
    try:
        groups = site.register.groups(wanted, limit, offset)
    except TooMany:
        raise HTTPException(413, "That is too much to group: choose a shorter time, or another filter.") from None
    return Shapes(shapes=[Shape(**g) for g in described(site, groups)])


@router.get(
    "/export",
    tags=["log"],
    summary="Entries with their proofs, for `redactor audit verify --file ... --partial`",
    response_class=Response,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}, "description": "JSON Lines"}},
)
def export(request: Request, person: Exporting, wanted: Chosen) -> Response:
    return refusals.exported(site_of(request), person, wanted, f"?{request.url.query}")


@router.get("/access", tags=["policy"], summary="Who gets what: each tag, each role")
def matrix(request: Request, person: SeeingAccess) -> Matrix:
    files = site_of(request).files()
    tags = [
        TagModel(
            tag=line.tag,
            means=line.means,
            columns=line.columns,
            cells=[CellModel(**asdict(c)) for c in line.cells],
        )
        for line in access.matrix(files)
    ]
    return Matrix(policy=files.policy.name, digest=files.policy.digest, tags=tags)


@router.get("/columns", tags=["policy"], summary="What carries a tag")
def columns(request: Request, person: SeeingAccess, tag: Annotated[str, Query(max_length=200)] = "") -> Carriers:
    from redactor.tags import covers

    found = [
        CarrierModel(database=c.database, relation=c.relation, column=c.column, tags=list(c.tags))
        for c in access.carriers(site_of(request).files().reviews)
        if not tag or any(covers(tag, t) for t in c.tags)
    ]
    return Carriers(columns=found)


@router.get("/catalog", tags=["catalog"], summary="What waits for review")
def waits(request: Request, person: SeeingCatalog) -> AllWaiting:
    return AllWaiting(waiting=[_waiting(w) for name in site_of(request).config.databases for w in _all(request, name)])


def _all(request: Request, name: str) -> list[catalog.Waiting]:
    return list(waiting(site_of(request), name))


def _waiting(w: catalog.Waiting) -> WaitingModel:
    return WaitingModel(
        database=w.database,
        relation=w.relation,
        column=w.column,
        kind=w.kind,  # type: ignore[arg-type]
        tags=list(w.tags),
        confidence=w.confidence,
        evidence=list(w.evidence),
    )


@router.post("/catalog", tags=["catalog"], summary="Tag a relation or a column, or say that it needs no tag")
def settle(request: Request, person: Reviewing, body: Settled) -> Written:
    site: Site = site_of(request)
    if body.database not in site.config.databases:
        raise HTTPException(404, "There is no such database.")
    if any(not is_tag(t) or t == UNREVIEWED for t in body.tags):
        raise HTTPException(400, "A tag is lower-case words joined by dots, such as document.a_number.")
    try:
        catalog.settle(site, person, body.database, body.relation, body.column, body.tags, "", body.because)
    except Conflict as e:
        raise HTTPException(409, e.public) from None
    return Written(asked=site.reload())


@router.get("/health", tags=["health"], summary="How redactor itself is")
def state(request: Request, person: SeeingHealth) -> HealthModel:
    site = site_of(request)
    signs = [
        SignModel(what=s.what, state=s.state, value=s.value, note=s.note)  # type: ignore[arg-type]
        for s in health.signs(site)
    ]
    nodes = [NodeModel(journal=n.journal, entries=n.entries, last=n.last) for n in health.nodes(site)]
    return HealthModel(signs=signs, nodes=nodes)


def schema(request: Request) -> dict[str, Any]:
    """The OpenAPI document."""
    made: dict[str, Any] = request.app.openapi()
    made.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"token": []}]
    return made


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, person: Anyone) -> Response:
    return JSONResponse(schema(request))


@router.get("", include_in_schema=False)
def document(request: Request, person: Anyone) -> Response:
    """The document, for people."""
    calls = [
        {"method": method.upper(), "path": path, **about}
        for path, methods in schema(request)["paths"].items()
        for method, about in methods.items()
    ]
    return render(request, "api.html", calls=calls)
