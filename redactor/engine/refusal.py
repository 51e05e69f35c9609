"""Refusals in words that their reader can act on: which column, which rule, why, and what would pass.

Knows rules and uses; must not know statements' values: no refusal quotes a literal or a datum. Columns are named only
where the requester named them, or the relation, himself.
"""

from __future__ import annotations

from collections.abc import Iterable

from redactor.errors import IMITATED
from redactor.model import ColumnName, ColumnUse, Problem, RuleHit, Use

REFUSED = "42501"
NOT_UNDERSTOOD = "0A000"


class Refused(Exception):
    """Ends the reading of a statement. Caught in the engine; never leaves it."""

    def __init__(self, problem: Problem, hits: Iterable[RuleHit] = (), uses: Iterable[ColumnUse] = ()) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.hits = tuple(hits)
        self.uses = tuple(uses)


_WHERE = {
    Use.PREDICATE: (
        "may not decide which rows come back",
        "leave it out of WHERE, HAVING, FILTER and FROM",
    ),
    Use.JOIN: ("may not decide which rows are joined", "join on another column"),
    Use.ORDER: ("may not decide the order of rows", "order by another column"),
    Use.GROUP: ("may not decide how rows are grouped", "group by another column"),
    Use.DISTINCT: ("may not decide which rows are distinct", "leave it out of the DISTINCT list"),
    Use.SET_OPERATION: ("may not decide which rows are equal", "leave it out, or use UNION ALL"),
    Use.LIMIT: ("may not decide how many rows come back", "give LIMIT and OFFSET a number"),
    Use.AGGREGATE: ("may not be computed with: hidden values would give a wrong result", "leave the aggregate out"),
    Use.WRITE: ("may not be written, nor copied into a table", "leave it out of the statement"),
    Use.INSERT: ("may not be given a value", "leave it out of the statement"),
    Use.OUTPUT: ("may not be read", "leave it out of the select list, and name the others instead of *"),
    Use.WHOLE_ROW: ("may not be read", "name the columns that are needed"),
}


def because(hits: Iterable[RuleHit]) -> str:
    """Rules and their reasons, in one line."""
    return "; ".join(f"rule {h.rule}" + (f": {h.because}" if h.because else "") for h in hits)


def of_use(column: ColumnName, use: Use, hits: tuple[RuleHit, ...], source: Iterable[ColumnName] = ()) -> Refused:
    """A column used where it may not be."""
    may_not, instead = _WHERE[use]
    rules = ", ".join(h.rule for h in hits)
    message = f"{column} is protected and {may_not}" + (f" (rule {rules})" if rules else "")
    derived = [str(s) for s in source if s != column and s.schema]
    detail = because(hits) + (f". It derives from {', '.join(derived[:3])}" if derived else "")
    hint = f"{instead[0].upper()}{instead[1:]}, or ask the data steward for access."
    return Refused(Problem(REFUSED, message, detail, hint), hits, (ColumnUse(column, use),))


_VERBS = {"function ": "called", "operator ": "used", "type ": "used", "a cast ": "used", "channel ": "listened to"}
"""What one does with a thing that is no relation."""


def of_reading(what: str, why: str, hits: Iterable[RuleHit], hint: str = "") -> Refused:
    """Something that may not be read at all."""
    hits = tuple(hits)
    rules = ", ".join(h.rule for h in hits)
    verb = next((v for kind, v in _VERBS.items() if what.startswith(kind)), "read")
    message = f"{what} may not be {verb}: {why}" + (f" (rule {rules})" if rules else "")
    return Refused(Problem(REFUSED, message, because(hits), hint or "Ask the data steward for access."), hits)


def of_write(what: str, why: str, hits: Iterable[RuleHit], column: str = "") -> Refused:
    """A write whose success or failure would answer a question about hidden data. `column`: what it sets there."""
    hits = tuple(hits)
    rules = ", ".join(h.rule for h in hits)
    message = f"{what} would tell of protected data: {why}" + (f" (rule {rules})" if rules else "")
    if why.startswith("trigger"):
        hint = "Have it done by an approved role. A trigger function that tells nothing can be declared safe."
    elif column:
        hint = f"Leave {column} out of the statement, or have it done by an approved role."
    else:
        hint = "Have it done by an approved role."
    return Refused(Problem(REFUSED, message, because(hits), hint), hits)


def of_kind(what: str, why: str, hint: str = "") -> Refused:
    """A statement, function or option that is not on the list of what may be used."""
    hits = (RuleHit("allow-list", why),)
    hint = hint or "Leave it out, or have an approved role run it."
    return Refused(Problem(REFUSED, f"{what} is not permitted here: {why}", "", hint), hits)


def of_gap(what: str) -> Refused:
    """Something that is not understood, and so refused."""
    hits = (RuleHit("not-understood", "what is not understood is refused"),)
    hint = "Write it in another way, or have an approved role run it."
    problem = Problem(NOT_UNDERSTOOD, f"{what} is not understood by the proxy, and so refused", "", hint)
    return Refused(problem, hits)


def imitation(sqlstate: str, message: str, position: int = 0, hint: str = "") -> Refused:
    """The very error that PostgreSQL gives for a name or a text that it does not know."""
    hits = (RuleHit(IMITATED, "what is not in the catalog is not reached"),)
    return Refused(Problem(sqlstate, message, "", hint, position), hits)
