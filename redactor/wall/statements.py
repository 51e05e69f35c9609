"""A plan as SQL: one transaction that may be run twice, and the one that takes it back.

Knows GRANT and REVOKE (PostgreSQL docs, SQL commands) and plans; must not know policies. Invariants: the text is made
for a superuser or the objects' owners, names everything with its schema, and holds nothing but GRANT, REVOKE, SET LOCAL
and comments. Running it twice leaves what running it once does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from redactor.catalog import Relation
from redactor.sql.quote import identifier, qualified
from redactor.wall.grants import PUBLIC, WHOLE, Atom, Grant, Object
from redactor.wall.plan import Alteration, Change, Plan

_HEAD = "BEGIN;\nSET LOCAL search_path = pg_catalog;\nSET LOCAL lock_timeout = '10s';\n"


def harden(plan: Plan, database: str, snapshot: str) -> str:
    """The SQL that puts the wall up."""
    lines = [
        f"-- redactor harden: the second wall of {_plain(database)}, for snapshot {snapshot}.",
        "-- Read it, keep what `redactor harden --undo` prints now, and run it in that database as a superuser or as",
        "-- the owner of what it names. Running it again does no harm; `redactor doctor` says whether it holds.",
    ]
    for note in plan.notes:
        lines.append(f"-- {note.kind}: {_plain(note.what)}")
    if not plan.alterations:
        return "\n".join([*lines, "-- Nothing to take away: no grant reaches what is hidden.", ""])
    lines.append(_HEAD)
    for a in plan.alterations:
        lines += [f"-- {_plain(line)}" for line in _reason(a)]
        lines += _revokes(a)
        lines += _grants(a)
        lines.append("")
    return "\n".join([*lines, "COMMIT;", ""])


def undo(plan: Plan, database: str) -> str:
    """The SQL that restores the grants that the plan would change, as they are when it is made."""
    if not plan.alterations:
        return f"-- redactor harden --undo: nothing of {_plain(database)} would be changed: nothing to restore.\n"
    lines = [f"-- redactor harden --undo: the grants of {_plain(database)} as they were before the second wall.", _HEAD]
    for a in plan.alterations:
        lines += _revokes(a)
        lines += _restores(a)
        lines.append("")
    return "\n".join([*lines, "COMMIT;", ""])


def name(target: Object) -> str:
    """A relation or a function as GRANT names it."""
    if isinstance(target, Relation):
        kind = "SEQUENCE" if target.kind == "S" else "TABLE"
        return f"{kind} {qualified(target.schema, target.name)}"
    return f"ROUTINE {target.signature}"


def _reason(a: Alteration) -> Iterator[str]:
    if not isinstance(a.target, Relation):
        yield f"{a.target.signature} runs with the rights of {a.owner} and reads what is hidden"
    elif a.closed:
        yield f"{a.target.qualified}: its very rows are hidden from ordinary requesters"
    elif a.hidden:
        yield f"{a.target.qualified}: {', '.join(a.hidden)} hidden from ordinary requesters"
    else:
        yield f"{a.target.qualified}: writes whose outcome would tell of what is hidden"


def _revokes(a: Alteration) -> Iterator[str]:
    """Takes away all of every privilege that changes, so that what is left is what is granted next."""
    on = name(a.target)
    foreign = {(g.grantor, g.privilege, g.column) for c in a.changes for g in c.before if g.grantor != a.owner}
    for grantor, privilege, column in sorted(foreign):
        if column != WHOLE:
            # a column's grants hang on their grantor's option on that column, which may be one on the whole
            who, what = _role(grantor), f"{privilege} ({identifier(column)})"
            yield f"GRANT {what} ON {on} TO {who} WITH GRANT OPTION;"
            yield f"REVOKE {what} ON {on} FROM {who} CASCADE;"
    for grantees, privilege in _alike(a.changes):
        yield f"REVOKE {privilege} ON {on} FROM {', '.join(map(_role, grantees))} CASCADE;"


def _alike(changes: Iterable[Change]) -> Iterator[tuple[list[str], str]]:
    """Changes with the grantees in common put together: (grantees, `SELECT, UPDATE`)."""
    privileges: dict[str, list[str]] = {}
    for c in changes:
        privileges.setdefault(c.grantee, []).append(c.privilege)
    grantees: dict[str, list[str]] = {}
    for grantee, names in privileges.items():
        grantees.setdefault(", ".join(sorted(names)), []).append(grantee)
    for names_, who in grantees.items():
        yield who, names_


def _grants(a: Alteration) -> Iterator[str]:
    together: dict[tuple[str, bool], list[str]] = {}
    for c in a.changes:
        for grantable in (False, True):
            atoms = [atom for atom, option in c.after.items() if option is grantable]
            if atoms:
                together.setdefault((_listed(a.target, c.privilege, atoms), grantable), []).append(c.grantee)
    for (what, grantable), grantees in together.items():
        yield _grant(what, a.target, grantees, grantable)


def _grant(what: str, target: Object, grantees: Iterable[str], grantable: bool) -> str:
    option = " WITH GRANT OPTION" if grantable else ""
    return f"GRANT {what} ON {name(target)} TO {', '.join(map(_role, grantees))}{option};"


def _listed(target: Object, privilege: str, atoms: Iterable[Atom]) -> str:
    """`SELECT` or `SELECT (a, b)`, the columns in the relation's order; system columns last."""
    columns = {a.column for a in atoms}
    if WHOLE in columns:
        return privilege
    order: Mapping[str, int] = {}
    if isinstance(target, Relation):
        order = {c.name: c.number for c in target.columns}
    listed = sorted(columns, key=lambda c: (order.get(c, 10_000), c))
    return f"{privilege} ({', '.join(map(identifier, listed))})"


def _restores(a: Alteration) -> Iterator[str]:
    """The grants that were there, each by its grantor, in an order in which every grantor already may."""
    left = [g for c in a.changes for g in c.before]
    may = {(a.owner, "")}
    while left:
        ready = [g for g in left if g.grantor == a.owner or (g.grantor, g.privilege) in may]
        if not ready:
            return
        by_grantor: dict[str, list[Grant]] = {}
        for g in ready:
            by_grantor.setdefault(g.grantor, []).append(g)
        for grantor, grants in by_grantor.items():
            acting = grantor != a.owner
            if acting:
                yield f"SET LOCAL ROLE {identifier(grantor)};"
            yield from _restored(a.target, grants)
            if acting:
                yield "RESET ROLE;"
        may |= {(g.grantee, g.privilege) for g in ready if g.grantable}
        left = [g for g in left if g not in ready]


def _restored(target: Object, grants: Iterable[Grant]) -> Iterator[str]:
    columns: dict[tuple[str, str, bool, bool], list[Atom]] = {}
    for g in grants:
        columns.setdefault((g.grantee, g.privilege, g.grantable, g.column == WHOLE), []).append(g.atom)
    for (grantee, privilege, grantable, _), atoms in columns.items():
        yield _grant(_listed(target, privilege, atoms), target, [grantee], grantable)


def _role(role: str) -> str:
    return "PUBLIC" if role == PUBLIC else '"public"' if role == "public" else identifier(role)


def _plain(text: str) -> str:
    """Text for a comment: on one line."""
    return " ".join(text.split())
