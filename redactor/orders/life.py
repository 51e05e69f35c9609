"""The life of an order: which step may be taken from where, by whom, and what it comes to then.

Knows states, steps and roles. Must not know the time (an argument), nor where orders are kept. Invariants: two people
of different roles approve, one of them counsel, and neither is who entered it nor who will read; in an emergency one
does, for at most four hours; what is over never opens again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from redactor.orders.checks import ASKED, CHECKS, EMERGENCY, Result, examine
from redactor.orders.order import REFUSAL, Answer, Approval, Demand, Lane, Order, Scope, State, Taken

COUNSEL = "counsel"
APPROVERS = (COUNSEL, "steward", "operator")
ENTERERS = (COUNSEL, "steward")
SYSTEM = "redactor"
"""Who takes the steps that time takes."""


class NotAllowed(Exception):
    """A step that may not be taken; the text says why, to whoever wanted to."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step, with the roles that they have."""

    name: str
    roles: frozenset[str] = frozenset()

    def has(self, roles: Iterable[str]) -> bool:
        """Whether one of their roles is among these."""
        return bool(self.roles & frozenset(roles))


@dataclass(frozen=True, slots=True)
class Answered:
    check: str
    value: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    role: str


@dataclass(frozen=True, slots=True)
class Refused:
    because: str


@dataclass(frozen=True, slots=True)
class Revoked:
    because: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Counsel has looked at an emergency afterwards."""

    because: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time is over: noted by whoever sees it first."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The report has been made; ids and names of people go."""


Step: TypeAlias = Answered | Approved | Refused | Revoked | Reviewed | Expired | Closed

_OPEN = (State.RECEIVED, State.IN_REVIEW)
_OVER = (State.USED_UP, State.EXPIRED, State.REVOKED, State.REFUSED)


def receive(id: str, demand: Demand) -> Order:
    """The order that a demand begins as: refused at once where its paper is no court's, else to be reviewed."""
    order = Order(id, demand, State.RECEIVED)
    at, by = demand.received_at, demand.received_by
    order = replace(order, history=(Taken("received", by, at, demand.paper.instrument.value),))
    kind = order.kind
    because = ""
    if kind.lane not in (Lane.DISCLOSE, Lane.EMERGENCY):
        because = f"{kind.lane.value}: {kind.says}"
    else:
        failed = next((f for f in examine(demand, at) if f.result is Result.FAILED and f.final), None)
        if failed is not None:
            because = failed.why
    if because:
        return _refused(order, SYSTEM, at, because)
    return _looked_at(order, at)


def refusal_text(order: Order) -> str:
    """What the bearer of a refused paper is given."""
    return REFUSAL.format(id=order.id)


def awaits_review(order: Order) -> bool:
    """Whether one person approved it in an emergency, and counsel has not looked at it yet."""
    approved = order.kind.lane is Lane.EMERGENCY and bool(order.approvals)
    return approved and not any(t.step == "reviewed" for t in order.history)


def standing(order: Order, at: float) -> State:
    """The state at a time: an approved order is active in its time and expired after it."""
    scope = order.demand.scope
    if order.state is not State.APPROVED or scope is None:
        return order.state
    if at >= scope.ends:
        return State.EXPIRED
    return State.ACTIVE if at >= scope.begins else State.APPROVED


def after(order: Order, step: Step, actor: Actor, at: float) -> Order:
    """The order once the step has been taken. Raises NotAllowed."""
    match step:
        case Answered(check, value, because):
            return _answer(order, actor, at, Answer(check, value, because.strip(), actor.name))
        case Approved(role):
            return _approve(order, actor, role, at)
        case Refused(because):
            _need(order.state in _OPEN, f"it is {order.state.value}")
            _need(actor.has(APPROVERS), "that takes one of the roles counsel, steward, operator")
            return _refused(order, actor.name, at, _reason(because))
        case Revoked(because):
            now = standing(order, at)
            _need(now in (State.APPROVED, State.ACTIVE), f"it is {now.value}")
            _need(actor.has(APPROVERS), "that takes one of the roles counsel, steward, operator")
            return _changed(order, State.REVOKED, "revoked", actor.name, at, _reason(because))
        case Reviewed(because):
            _need(order.kind.lane is Lane.EMERGENCY and bool(order.approvals), "it is no emergency that was approved")
            _need(COUNSEL in actor.roles, "counsel reviews an emergency")
            _need(order.state is not State.CLOSED, "it is closed")
            return _changed(order, order.state, "reviewed", actor.name, at, _reason(because))
        case Expired():
            _need(order.state is State.APPROVED and standing(order, at) is State.EXPIRED, "its time is not over")
            return _changed(order, State.EXPIRED, "expired", SYSTEM, at)
        case Closed():
            return _close(order, actor, at)
        case _:
            assert_never(step)


def spend(order: Order, login: str, rows: int, at: float) -> Order:
    """The order once so many rows have been counted against it. Raises NotAllowed: then none may be shown."""
    now = standing(order, at)
    if now is not State.ACTIVE or order.demand.scope is None or order.demand.scope.login != login:
        raise NotAllowed(f"the disclosure order {order.id} is {now.value}")
    if rows > order.left:
        raise NotAllowed(
            f"the answer has more rows than the {order.left} that the disclosure order {order.id} has left: "
            "none of them is shown"
        )
    spent = replace(order, used=order.used + rows, version=order.version + 1)
    return spent if spent.left else _changed(spent, State.USED_UP, "used up", SYSTEM, at)


# ------------------------------------------------------------------ inside


def _need(true: bool, otherwise: str) -> None:
    if not true:
        raise NotAllowed(otherwise)


def _reason(because: str) -> str:
    _need(bool(because.strip()), "a reason is needed")
    return because.strip()


def _changed(order: Order, state: State, step: str, by: str, at: float, because: str = "") -> Order:
    history = (*order.history, Taken(step, by, at, because))
    return replace(order, state=state, version=order.version + 1, history=history)


def _refused(order: Order, by: str, at: float, because: str) -> Order:
    return replace(_changed(order, State.REFUSED, "refused", by, at, because), because=because)


def _passed(order: Order, at: float) -> bool:
    good = (Result.PASSED, Result.WAIVED, Result.NOT_NEEDED)
    return all(f.result in good for f in examine(order.demand, at))


def _looked_at(order: Order, at: float) -> Order:
    return replace(order, state=State.IN_REVIEW if _passed(order, at) else State.RECEIVED)


def _answer(order: Order, actor: Actor, at: float, answer: Answer) -> Order:
    _need(order.state in _OPEN and not order.approvals, "its checks are closed: it is approved, in part, or over")
    _need(actor.has(ENTERERS), "that takes one of the roles counsel, steward")
    check = next((c for c in CHECKS if c.id == answer.check), None)
    _need(check is not None, f"there is no check {answer.check!r}")
    assert check is not None
    if answer.value == "waived":
        _need(COUNSEL in actor.roles, "only counsel passes a check over")
        _need(not check.final, "what makes a paper a court's is passed over by nobody")
        _reason(answer.because)
    else:
        _need(answer.check in ASKED, "the paper itself answers that")
        _need(answer.value in ("yes", "no"), "an answer is yes, no or waived")
    answers = (*(a for a in order.demand.answers if a.check != answer.check), answer)
    changed = replace(order, demand=replace(order.demand, answers=answers))
    told = f"{answer.check}: {answer.value}" + (f" ({answer.because})" if answer.because else "")
    return _looked_at(_changed(changed, order.state, "answered", actor.name, at, told), at)


def _approve(order: Order, actor: Actor, role: str, at: float) -> Order:
    scope = order.demand.scope
    _need(order.state is State.IN_REVIEW and scope is not None, f"it is {order.state.value}, not in review")
    assert scope is not None
    _need(role in APPROVERS and role in actor.roles, f"{actor.name} has not the role {role}")
    _need(actor.name != order.demand.received_by, "who entered an order does not approve it")
    _need(actor.name != scope.login, "who is to read under an order does not approve it")
    _need(all(a.by != actor.name for a in order.approvals), f"{actor.name} has approved it already")
    _need(_passed(order, at), "a check does not pass any longer")
    _need(at < scope.ends, "its time is over")
    approvals = (*order.approvals, Approval(actor.name, role, at))
    approved = replace(order, approvals=approvals)
    if order.kind.lane is Lane.EMERGENCY:
        short = replace(scope, ends=min(scope.ends, at + EMERGENCY))
        approved = replace(approved, demand=replace(order.demand, scope=short))
        return _changed(approved, State.APPROVED, "approved", actor.name, at, f"as {role}, in an emergency")
    roles = [a.role for a in approvals]
    _need(len(set(roles)) == len(roles), f"the {role} has approved it already: the other is of another role")
    if len(approvals) == 1:
        return _changed(approved, State.IN_REVIEW, "approved", actor.name, at, f"as {role}; one more is needed")
    _need(COUNSEL in roles, "one of the two who approve is counsel")
    return _changed(approved, State.APPROVED, "approved", actor.name, at, f"as {role}")


def _close(order: Order, actor: Actor, at: float) -> Order:
    now = standing(order, at)
    _need(now in _OVER, f"it is {now.value}")
    _need(actor.has(APPROVERS), "that takes one of the roles counsel, steward, operator")
    _need(not awaits_review(order), "counsel has not reviewed the emergency yet")
    demand = order.demand
    if demand.scope is not None:
        demand = replace(demand, scope=_without_people(demand.scope))
    return _changed(replace(order, demand=demand), State.CLOSED, "closed", actor.name, at)


def _without_people(scope: Scope) -> Scope:
    return replace(scope, openings=tuple(replace(o, keys=frozenset()) for o in scope.openings))
