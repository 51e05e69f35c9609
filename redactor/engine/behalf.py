"""End users behind an application's one login: where a text names one, and what may be asked while none counts.

Knows the two ways to name one (`SET redactor.identity = '...'`, also LOCAL and as set_config, and a comment
`/*redactor_identity='...'*/` as SQLCommenter writes them); must not know what a token says. Invariant: an identity
comes into force only through a token that the session has checked (`Context.presented`), never by its mere name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from redactor.context import Context
from redactor.engine.refusal import Refused, imitation
from redactor.errors import RedactorError
from redactor.judge import TokenPlace
from redactor.model import Identity, Problem
from redactor.sql import grammar
from redactor.sql.grammar import Node, Statement
from redactor.transitions import Declare, Make, Open, Own, SetIdentity, Transition

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

SETTING = "redactor.identity"

_COMMENT = 276
"""libpg_query's token number of C_COMMENT."""
_IN_COMMENT = re.compile(rb"(?<![A-Za-z0-9_])redactor_identity\s*=\s*'((?:[^'\\]|\\.)*)'")

_NEEDED = frozenset({"VariableSetStmt", "DiscardStmt", "TransactionStmt", "DeallocateStmt", "ClosePortalStmt", "Empty"})
"""What a session may do whose identity counts no longer: end its transaction, and name another."""


def places(text: str) -> tuple[TokenPlace, ...] | None:
    """Where a text gives tokens; None: it cannot be read."""
    source = text.encode("utf-8", "surrogatepass")
    try:
        statements = grammar.parse(source)
        tokens = grammar.scan(source)
    except RedactorError:
        return None
    ends = {t.start: t.end for t in tokens}
    found: list[tuple[int, int, str, bool, bool]] = []
    for s in statements:
        for argument, local in _settings(s.node):
            value = _constant(argument)
            start = argument.get("A_Const", {}).get("location", 0) if value is not None else -1
            end = ends.get(start, -1)
            if value is None or end < 0:
                found.append((0, 0, "", False, not local))
            elif value:
                found.append((start, end, value, False, not local))
    for t in tokens:
        if t.kind == _COMMENT:
            for m in _IN_COMMENT.finditer(source, t.start, t.end):
                found.append((m.start(1), m.end(1), m.group(1).decode("utf-8", "replace"), True, False))

    def characters(offset: int) -> int:
        return len(source[:offset].decode("utf-8", "surrogatepass"))

    return tuple(TokenPlace(characters(a), characters(b), v, c, w) for a, b, v, c, w in sorted(found))


def _settings(node: object) -> Iterator[tuple[Node, bool]]:
    """The values (their nodes) that a statement gives the setting, and whether for the transaction only."""
    if isinstance(node, list):
        for n in node:
            yield from _settings(n)
        return
    if not isinstance(node, dict):
        return
    match node:
        case {"VariableSetStmt": {"kind": "VAR_SET_VALUE", "name": str(name), **rest}} if name.lower() == SETTING:
            given: Any = rest.get("args", ())
            yield (given[0] if len(given) == 1 else {}), bool(rest.get("is_local"))
            return
        case {"FuncCall": {"funcname": [*_, {"String": {"sval": "set_config"}}], "args": [name, value, local]}}:
            if (_constant(name) or "").lower() == SETTING:
                boolean = local.get("A_Const", {}).get("boolval", {}).get("boolval", False)
                yield value, bool(boolean)
                return
        case _:
            pass
    for inner in node.values():
        yield from _settings(inner)


def _constant(node: Node) -> str | None:
    value = node.get("A_Const", {}).get("sval")
    return value.get("sval", "") if isinstance(value, dict) else None


def change(reading: Reading, value: str | None, local: bool) -> Problem | None:
    """The setting becomes that value; None: its default. A problem where the value stands for nobody."""
    identity: Identity | None = None
    if value:
        identity = reading.context.presented.get(value)
        if identity is None:
            why = "what it is set to is not a token that has been checked"
            hint = "Give the token as a constant: SET redactor.identity = '...'."
            return Problem("28000", f"setting {SETTING}: {why}", "", hint)
    reading.transitions.append(SetIdentity(identity, local))
    return None


def guard(context: Context, own: Own) -> None:
    """What was made on behalf of one end user is not for another, nor for the login itself. Raises Refused."""
    maker = "" if own.maker is None else str(own.maker)
    if maker != context.behalf:
        hint = "DROP it, or DISCARD ALL, before the session asks on behalf of somebody else."
        raise Refused(Problem("42501", f"{own.name} was made on behalf of another end user", "", hint))


def stamped(transition: Transition, identity: Identity | None) -> Transition:
    """What a statement does to its session, marked with the end user on whose behalf it does."""
    if isinstance(transition, Make) and identity is not None:
        return Make(replace(transition.own, maker=identity))
    return transition


def declared(reading: Reading, name: str) -> None:
    """A cursor was declared: its rows stay those of the end user on whose behalf that was done."""
    if any(reading.origins) or name in reading.context.shown:
        reading.transitions.append(Open(name, reading.origins))
    if reading.speaks:
        reading.transitions.append(Declare(name, reading.context.behalf))


def fetch(reading: Reading, node: Node, statement: Statement) -> None:
    """FETCH and MOVE: from a cursor of the same end user."""
    del statement
    name = node.get("portalname", "")
    if not node.get("ismove"):
        reading.origins = reading.context.shown.get(name, ())
    if not reading.speaks:
        return
    declared = dict(reading.context.cursors).get(name)
    if declared is None:
        raise imitation("34000", f'cursor "{name}" does not exist')
    if declared != reading.context.behalf:
        hint = "Declare it anew."
        raise Refused(Problem("42501", f'cursor "{name}" was declared on behalf of another end user', "", hint))


def idle(identity: Identity | None, kind: str) -> Problem | None:
    """Why a statement of that kind may not be asked now: the end user on whose behalf it is no longer counts."""
    if identity is None or not identity.void or kind in _NEEDED:
        return None
    hint = "SET redactor.identity to a new token, or RESET it."
    return Problem("28000", f"the identity of the end user no longer counts: {identity.void}", "", hint)
