"""Whether the wall stands: holes put together so that a person sees what to close, and what waits for review.

Knows holes and drift. Invariant: it says that the wall holds only where no login has a way to a hidden value.
"""

from __future__ import annotations

from collections.abc import Iterator

from redactor.catalog import Relation
from redactor.drift import Differences
from redactor.sql.quote import identifier
from redactor.wall import holes
from redactor.wall.findings import Finding, fail, listed, ok, warn
from redactor.wall.grants import Holdings, revoke
from redactor.wall.holes import READS_ALL, Hole
from redactor.wall.limits import Limits

_CHECK = "second wall"


def judge(limits: Limits, holdings: Holdings) -> Iterator[Finding]:
    """One finding for each way (a role's grant, an ownership) and what it leads to."""
    ways: dict[tuple[str, str, bool], list[Hole]] = {}
    for hole in holes.find(limits, holdings):
        if hole.kind != "superuser":  # a check of its own, since no grant binds them
            ways.setdefault((hole.kind, hole.through, hole.shows), []).append(hole)
    for (kind, through, shows), found in sorted(ways.items()):
        yield _finding(limits, kind, through, shows, found)
    if not any(shows for _, _, shows in ways):
        bound = holes.logins(limits)
        yield ok(_CHECK, f"no ordinary login ({len(bound)} of them) has a right to read what is hidden")
    yield from _still_read(limits)
    speaking = [n for n in holes.logins(limits) if limits.speaks(n)]
    if speaking:
        yield warn(
            _CHECK,
            f"{listed(speaking)} asks on behalf of end users, and may read what any of them may see",
            "The database sees one login for all of them: for these people the proxy is the only wall.",
            "A login of its own for the part of the application that approved people use.",
        )


def _finding(limits: Limits, kind: str, through: str, shows: bool, found: list[Hole]) -> Finding:
    logins = sorted({h.login for h in found})
    what = listed(dict.fromkeys(_target(h) for h in found), 4)
    who = listed(logins, 4)
    harden = f"redactor harden {limits.catalog.database}{' --strict' * limits.strict} prints the REVOKE."
    if not shows:
        asked = ", ".join(sorted({p for h in found for p in h.privileges}))
        return warn(
            _CHECK,
            f"{who}: {asked} on {what}, through {through}",
            "No value comes out by it, but whether the write succeeds may answer a question; the proxy refuses it.",
            harden,
        )
    why = "If the proxy ever made a mistake, or were gone past, the database itself would show the values."
    match kind:
        case "owner":
            return fail(
                _CHECK,
                f"{who} owns {what}" if who == through else f"{who} is a member of {through}, who owns {what}",
                "An owner can grant himself everything back; no REVOKE holds.",
                f"REASSIGN OWNED BY {identifier(through)} TO a role that nobody logs in as; or approve the login.",
            )
        case "reads all":
            return fail(
                _CHECK,
                f"{who} can read every table: member of {READS_ALL}",
                why,
                revoke(limits.catalog, logins, READS_ALL),
            )
        case "membership":
            return fail(
                _CHECK,
                f"{who} can use what is granted to the login {through}: {what}",
                why,
                revoke(limits.catalog, logins, through),
            )
        case _:
            granted = "PUBLIC" if through == "public" else through
            return fail(
                _CHECK,
                f"{who} can read {what}, by what is granted to {granted}",
                why,
                harden,
            )


def _target(hole: Hole) -> str:
    if not isinstance(hole.target, Relation):
        return hole.target.signature
    if not hole.columns or len(hole.columns) == len(hole.target.columns):
        return str(hole.target.qualified)
    return f"{hole.target.qualified} ({listed(hole.columns, 4)})"


def _still_read(limits: Limits) -> Iterator[Finding]:
    names: dict[str, None] = {}
    for login in holes.logins(limits):
        for relation in limits.catalog.relations.values():
            if relation.kind in "rpvmf" and relation.schema not in ("pg_catalog", "information_schema"):
                columns = limits.still_read(login, relation)
                if columns:
                    names[f"{relation.qualified} ({listed(columns, 4)})"] = None
    if names:
        yield warn(
            _CHECK,
            f"{listed(sorted(names), 4)}: readable, since the policy's treatment keeps a part or leaves rows out",
            "A mask that shows a year reads the date: the database cannot take away what the proxy needs to read.",
            "otherwise: mask (NULL) in the policy lets the wall stand there too; --strict takes it away now.",
        )


def waiting(differences: Differences) -> Iterator[Finding]:
    """What nobody has reviewed yet."""
    new = [*differences.unreviewed_relations, *differences.unreviewed_columns]
    if new:
        yield warn(
            "waiting for review",
            f"{len(new)} upstream and not in the catalog file: {listed(new)}",
            "They are hidden from everybody who is not approved, whatever they hold: people may miss them.",
            "redactor scan proposes tags; a person decides.",
        )
    else:
        yield ok("waiting for review", "everything upstream has been reviewed")
