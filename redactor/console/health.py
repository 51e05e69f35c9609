"""How redactor itself is: the log's signatures, what waits in journals, nodes, catalogs, and what an operator forgot.

Knows where to look. Must not mend anything. Invariant: what cannot be found out is shown as that, never as good.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from redactor.console.catalog import waiting
from redactor.console.guard import Need, site_of
from redactor.console.pages import render
from redactor.console.people import Permission, Person
from redactor.console.site import Site
from redactor.errors import RedactorError
from redactor.store.segment import SUFFIX

router = APIRouter()

Seeing = Annotated[Person, Depends(Need(Permission.SEE_HEALTH))]

LATE_SECONDS = 60
"""A checkpoint that is older, while entries wait for one, is late."""

LAG_BYTES = 64 << 20
"""Journals grow to 16 MiB each before they are removed, whether or not they are drained."""
LOW_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing looked at. `state`: good, watch or bad. `note` says what to do, where something is to be done."""

    what: str
    state: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A process that has written entries: its journal's id, how many, and when the last."""

    journal: str
    entries: int
    last: str


def signs(site: Site) -> list[Sign]:
    """All that is looked at, the worst first."""
    found = [*_log(site), *_disk(site), *_catalogs(site)]
    return sorted(found, key=lambda s: ("bad", "watch", "good").index(s.state))


def _log(site: Site) -> list[Sign]:
    reader, now, directory = site.reader(), site.clock(), site.config.log.directory
    size, newest, at = reader.size(), reader.checkpoint(), reader.signed_at()
    signed = newest[0] if newest else 0
    age = int(now - at.timestamp()) if at else None
    late = size > signed and (age is None or age > LATE_SECONDS)
    value = f"{signed:,} / {size:,}"
    found = [
        Sign(
            "Entries covered by a signed checkpoint",
            "bad" if late else "good",
            value,
            "No checkpoint covers the newest entries: is a proxy running?" if late else "",
        )
    ]
    if age is not None:
        found.append(Sign("Age of the newest checkpoint", "good", _age(age)))
    lag = sum(p.stat().st_size for p in (directory / "journal").glob(f"*{SUFFIX}"))
    found.append(
        Sign(
            "Journals on disk",
            "watch" if lag > LAG_BYTES else "good",
            f"{lag / (1 << 20):.1f} MiB",
            "The store takes entries more slowly than they come." if lag > LAG_BYTES else "",
        )
    )
    damaged = list((directory / "journal").glob("*.damaged"))
    if damaged:
        note = "Keep them for the auditor: what could be read of them is in the log."
        found.append(Sign("Damaged journal files", "bad", str(len(damaged)), note))
    health = site.health()
    if health.problem or health.store_problem:
        found.append(Sign("The log, as the console uses it", "bad", health.problem or health.store_problem))
    left = directory / "keys" / "auditor.key"
    if left.exists():
        note = "Whoever has it reads every logged statement: move it to the auditor's machine."
        found.append(Sign("The auditor's private key", "watch", "keys/auditor.key", note))
    behind = size - site.register.next
    found.append(Sign("Entries not in the console's index yet", "watch" if behind > 5000 else "good", f"{behind:,}"))
    return found


def _disk(site: Site) -> list[Sign]:
    free = shutil.disk_usage(site.config.log.directory).free
    low = free < LOW_BYTES
    note = "Without room nothing that must be logged is served." if low else ""
    return [Sign("Free room where the log lies", "bad" if low else "good", f"{free / (1 << 30):.1f} GiB", note)]


def _catalogs(site: Site) -> list[Sign]:
    found = []
    try:
        site.files()
    except RedactorError as e:
        note = "The proxy goes on with the files that it read before."
        found.append(Sign("Policy and catalog files", "bad", e.public, note))
        return found
    for name in site.config.databases:
        if site.judge(name) is None:
            note = "The console cannot read it: is the database up?"
            found.append(Sign("Waiting for review", "watch", f"{name}: –", note))
            continue
        items = list(waiting(site, name))
        note = "Hidden from everybody without the right until somebody has looked." if items else ""
        found.append(Sign("Waiting for review", "watch" if items else "good", f"{name}: {len(items)}", note))
    return found


def _age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def nodes(site: Site, most: int = 20) -> list[Node]:
    """The journals that were written to last: each process has one at a time."""
    found = site.register.last("journal", most)
    at = {e.sequence: str(e.value.get("at", "")) for e in site.reader().several([last for _, _, last in found])}
    return [Node(journal, count, at.get(last, "")) for journal, count, last in found]


@router.get("/health", include_in_schema=False)
def health_page(request: Request, person: Seeing) -> Response:
    """All signs, and the nodes."""
    site = site_of(request)
    return render(request, "health.html", signs=signs(site), nodes=nodes(site))
