"""A logged decision, taken again from its shape: for the rewritten text, the words of the error and what would pass.

Knows the engine and entries. Must not know HTTP, nor literals (shapes have none). Invariant: what is shown is said to
be of the policy and the catalog that decided then only where their digest is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redactor.decision import Allow, Redact, Refuse, verdict_of
from redactor.engine import Engine
from redactor.model import Problem, Requester


@dataclass(frozen=True, slots=True)
class Replayed:
    """What becomes of the shape now. `same`: by the very snapshot that decided then. `rewritten`: what would be sent.

    `told`: whether it comes to the same verdict; where the snapshot is the same and it does not, the shape alone does
    not say enough (a search_path, a token, a literal that mattered).
    """

    verdict: str
    same: bool
    told: bool
    rewritten: str = ""
    problem: Problem | None = None


def replay(judge: Engine | None, value: dict[str, Any]) -> Replayed | None:
    """None where it cannot be taken again: no catalog, no shape, or on behalf of somebody whose token is gone."""
    shape = str(value.get("shape", ""))
    if judge is None or not shape or value.get("on_behalf_of"):
        return None
    groups = frozenset(str(g) for g in value.get("groups", ()))
    requester = Requester(str(value.get("login", "")), str(value.get("database", "")), groups)
    context = judge.begin(requester, {"user": requester.login, "database": requester.database}, None)
    if isinstance(context, Problem):
        return None
    decision = judge.decide(requester, context, shape)
    verdict, same = verdict_of(decision).value, judge.snapshot == value.get("snapshot")
    told = verdict == value.get("verdict")
    match decision:
        case Redact(text=text):
            return Replayed(verdict, same, told, rewritten=text)
        case Refuse(problem=problem):
            return Replayed(verdict, same, told, problem=problem)
        case Allow():
            return Replayed(verdict, same, told)
