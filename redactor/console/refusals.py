"""The log's pages: the table of what was refused and rewritten, its chart, its shapes, and the export with proofs.

Knows filters as a query string spells them. Must not decide who may read (the guard does), nor trust the register: each
row is drawn from its leaf. Invariant: a filter that cannot be read is said to be wrong, never left out silently.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from redactor.audit.entry import deed
from redactor.console import chart
from redactor.console.guard import Anyone, Need, site_of
from redactor.console.pages import NAVIGATION, go, render, words_of
from redactor.console.people import Permission, Person
from redactor.console.register import HOUR, VERDICTS, Bar, Filter, Group, Register, TooMany
from redactor.console.site import Site
from redactor.console.statement import short
from redactor.store import Stored

router = APIRouter()

Reading = Annotated[Person, Depends(Need(Permission.READ_LOG))]
Exporting = Annotated[Person, Depends(Need(Permission.EXPORT_LOG))]

PAGE = 50
MOST_EXPORTED = 200_000
"""Entries in one export from the console; `redactor audit export` has no bound."""

SPANS: Mapping[str, int] = {"24h": 24 * HOUR, "7d": 7 * 24 * HOUR, "30d": 30 * 24 * HOUR, "1y": 365 * 24 * HOUR}
"""Times from now back, as links name them."""

TEXTS = ("who", "database", "rule", "column", "client", "shape")


class Unreadable(ValueError):
    """A filter that means nothing; the message says which and what would."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as the table shows it."""

    sequence: int
    at: str
    login: str
    on_behalf_of: str
    database: str
    verdict: str
    rules: tuple[str, ...]
    statement: str
    client: str


def row_of(entry: Stored) -> Row:
    """What the table shows of a leaf; of one that was damaged, what is left."""
    v = entry.value

    def text(name: str) -> str:
        return str(v.get(name, "") or "")

    rules = tuple(dict.fromkeys(str(r.get("rule", "")) for r in v.get("rules", ()) if isinstance(r, dict)))
    kind = text("kind")
    said = {
        "deed": text("deed"),
        "retention": text("because"),
        "key": text("kind"),
        "order": f"{text('step')} {text('order')}",
    }.get(kind, text("shape"))
    return Row(
        entry.sequence,
        text("at"),
        text("login") or text("by"),
        text("on_behalf_of"),
        text("database"),
        text("verdict") or kind,
        rules,
        short(said),
        text("address"),
    )


def read_time(text: str, now: float) -> int | None:
    """Seconds since 1970 of `2026-03-01`, `2026-03-01T09:30` (UTC), `90m`, `12h`, `7d`, `1y` ago; None for nothing."""
    if not text:
        return None
    if m := re.fullmatch(r"(\d{1,6})([mhdwy])", text):
        unit = {"m": 60, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR, "y": 365 * 24 * HOUR}[m[2]]
        ago = int(now) - unit * int(m[1])
        return ago // HOUR * HOUR if unit >= 24 * HOUR else ago
    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise Unreadable(f"{text[:40]!r} is not a time: 2026-03-01, 2026-03-01T09:30, 12h or 7d") from None


def read_filter(query: Mapping[str, str], now: float, verdict: str = "refused") -> Filter:
    """The filter that a query string spells; where it names no verdict, that one. Unreadable says what is wrong."""
    given = query.get("verdict", "") or verdict
    if given not in (*VERDICTS, "any"):
        raise Unreadable(f"there is no verdict {given[:40]!r}: {', '.join(VERDICTS)} or any")
    named: dict[str, Any] = {name: query.get(name, "").strip()[:500] or None for name in TEXTS}
    kind = query.get("kind", "") or "decision"
    since, until = (read_time(query.get(edge, "").strip(), now) for edge in ("since", "until"))
    chosen = None if given == "any" or kind != "decision" else given
    return Filter(since, until, verdict=chosen, kind=kind, **named)


def spelled(query: Mapping[str, str], **changes: str | int | None) -> str:
    """The query string with changes (None: without); places in the list are left out."""
    names = ("verdict", "since", "until", "kind", *TEXTS, "view")
    kept: dict[str, Any] = {n: query[n] for n in names if query.get(n)}
    kept |= changes
    said = urlencode({n: v for n, v in kept.items() if v not in (None, "")})
    return f"?{said}" if said else "?"


def register_of(request: Request) -> Register:
    """The site's register."""
    return site_of(request).register


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None


@router.get("/", include_in_schema=False)
def listing(request: Request, person: Anyone) -> Response:
    """The table, or the shapes, of what is meant by the filter, with the chart above.

    Who may not read the log is led to the first page that they may see.
    """
    if not person.may(Permission.READ_LOG):
        return go(next((link.path for link in NAVIGATION if person.may(link.permission)), "/account"))
    site, query, _ = site_of(request), dict(request.query_params), words_of(request)
    try:
        wanted = read_filter(query, site.clock())
    except Unreadable as e:
        return render(request, "refusals.html", 400, **(_empty(query) | {"wrong": str(e)}))
    register, reader = site.register, site.reader()
    view = "shapes" if query.get("view") == "shapes" else "entries"
    values: dict[str, Any] = _empty(query) | {"wanted": wanted, "view": view}
    if view == "shapes":
        values |= _shapes(site, wanted, max(0, _number(query, "from") or 0))
    else:
        found = register.find(wanted, PAGE, _number(query, "before"), _number(query, "after"))
        values["rows"] = [row_of(e) for e in reader.several(found.sequences)]
        values["newer"] = found.sequences[0] if found.newer and found.sequences else None
        values["older"] = found.sequences[-1] if found.older and found.sequences else None
    if wanted.kind == "decision":
        try:
            values["chart"] = drawn(site, wanted)
        except TooMany:
            values["uncounted"] = True
    size, entered = reader.size(), register.next
    if entered < size - 500:
        values["entering"] = _("{n} of {size} entries are in the index; the newest will follow.", n=entered, size=size)
    values["known"] = {what: register.names(what) for what in ("who", "database", "rule", "column", "client")}
    return render(request, "refusals.html", **values)


def _empty(query: dict[str, str]) -> dict[str, Any]:
    """What the template needs even where nothing could be looked up."""
    found = dict.fromkeys(("newer", "older", "chart", "more"))
    return found | {
        "rows": [],
        "groups": [],
        "known": {},
        "wrong": "",
        "entering": "",
        "uncounted": False,
        "wanted": Filter(),
        "view": "entries",
        "query": query,
        "filtered": any(query.get(name) for name in (*TEXTS, "until")),
        "spans": SPANS,
        "verdicts": VERDICTS,
        "again": lambda **changes: spelled(query, **changes),
    }


def _shapes(site: Site, wanted: Filter, offset: int) -> dict[str, Any]:
    try:
        groups = site.register.groups(wanted, PAGE + 1, offset)
    except TooMany:
        return {"wrong": "That is too much to group: choose a shorter time, or another filter."}
    shown = groups[:PAGE]
    return {"groups": described(site, shown), "more": offset + PAGE if len(groups) > PAGE else None}


def described(site: Site, groups: list[Group]) -> list[dict[str, Any]]:
    """Groups with their shape and the times of their first and last."""
    places = [g.last for g in groups] + [g.first for g in groups]
    entries = {e.sequence: e.value for part in _cut(places) for e in site.reader().several(part)}
    return [
        {
            **asdict(g),
            "statement": short(str(entries.get(g.last, {}).get("shape", "")), 400),
            "first_at": str(entries.get(g.first, {}).get("at", "")),
            "last_at": str(entries.get(g.last, {}).get("at", "")),
        }
        for g in groups
    ]


def _cut(sequences: list[int]) -> list[list[int]]:
    return [sequences[i : i + 200] for i in range(0, len(sequences), 200)]


def counted(site: Site, wanted: Filter) -> tuple[list[Bar], int, int, int] | None:
    """The chart's bars, from when, to when, in which steps; None where the log is empty. TooMany as the register."""
    ends = site.register.ends()
    if ends is None:
        return None
    since = max(wanted.since if wanted.since is not None else ends[0], ends[0] - 365 * 24 * HOUR)
    until = min(wanted.until if wanted.until is not None else ends[1] + HOUR, int(site.clock()) + HOUR)
    until = max(until, since + HOUR)
    step = chart.step_for(since, until)
    return site.register.chart(replace(wanted), step), since, until, step


def drawn(site: Site, wanted: Filter) -> chart.Chart | None:
    """The chart of what is meant; None where the log is empty. TooMany as the register."""
    found = counted(site, wanted)
    return None if found is None else chart.draw(*found)


@router.get("/export", include_in_schema=False)
def export(request: Request, person: Exporting) -> Response:
    """What is meant by the filter with its proofs, as a file for `redactor audit verify --file ... --partial`."""
    site, query = site_of(request), dict(request.query_params)
    try:
        wanted = read_filter(query, site.clock())
    except Unreadable as e:
        raise HTTPException(400, str(e)) from None
    return exported(site, person, wanted, spelled(query))


def exported(site: Site, person: Person, wanted: Filter, said: str) -> Response:
    """The file; that it was made, and of what (`said`), is in the log before it leaves."""
    sequences: list[int] = []
    after = -1
    while len(sequences) <= MOST_EXPORTED:
        found = site.register.find(wanted, 2000, after=after).sequences
        sequences += reversed(found)
        if len(found) < 2000:
            break
        after = found[0]
    if len(sequences) > MOST_EXPORTED:
        raise HTTPException(413, "That is too much for a page: `redactor audit export` has no bound.")
    about: dict[str, str | int] = {"entries": len(sequences), "filter": said}
    site.note(deed(site.clock(), person.name, person.role_names, "exported entries", about))
    with tempfile.NamedTemporaryFile(prefix="redactor-export-", suffix=".jsonl", delete=False) as file:
        site.reader().prove(file.write, sequences)
    name = f"redactor-log-{datetime.fromtimestamp(site.clock(), UTC):%Y%m%d-%H%M%S}.jsonl"
    return FileResponse(
        file.name, media_type="application/jsonl", filename=name, background=BackgroundTask(_remove, file.name)
    )


def _remove(name: str) -> None:
    from pathlib import Path

    Path(name).unlink(missing_ok=True)
