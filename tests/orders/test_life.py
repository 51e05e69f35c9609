"""Who may take which step, and what is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.orders.life import (
    Actor,
    Answered,
    Approved,
    Closed,
    Expired,
    NotAllowed,
    Refused,
    Reviewed,
    Revoked,
    Step,
    after,
    receive,
    spend,
    standing,
)
from redactor.orders.order import Order, State, grant_of
from tests.orders.papers import CLERK, COUNSEL, NOW, OPERATOR, STEWARD, WARRANT, demand

DANGER: dict[str, Any] = {
    "instrument": "emergency: danger to life",
    "danger": "a child, held at gunpoint",
    "scope": {**WARRANT["scope"], "begins": "2026-03-10T12:00", "ends": "2026-03-10T16:00"},
}


def order(**changes: Any) -> Order:
    return receive("o-1", demand(**changes))


def approved() -> Order:
    return after(after(order(), Approved("counsel"), COUNSEL, NOW), Approved("steward"), STEWARD, NOW + 1)


def denied(o: Order, step: Step, actor: Actor, at: float = NOW) -> str:
    with pytest.raises(NotAllowed) as caught:
        after(o, step, actor, at)
    return str(caught.value)


def test_two_of_different_roles_one_of_them_counsel() -> None:
    first = after(order(), Approved("counsel"), COUNSEL, NOW)
    assert first.state is State.IN_REVIEW
    assert grant_of(first) is None
    assert "already" in denied(first, Approved("counsel"), COUNSEL)
    assert "already" in denied(first, Approved("counsel"), Actor("carl", frozenset({"counsel"})))
    both = Actor("carla", frozenset({"counsel", "steward"}))
    assert "already" in denied(first, Approved("steward"), both)
    second = after(first, Approved("operator"), OPERATOR, NOW)
    assert second.state is State.APPROVED
    without = after(order(), Approved("steward"), STEWARD, NOW)
    assert "counsel" in denied(without, Approved("operator"), OPERATOR)


def test_not_by_who_entered_it_nor_by_who_will_read() -> None:
    assert "entered" in denied(order(), Approved("steward"), CLERK)
    assert "read" in denied(order(), Approved("counsel"), Actor("officer", frozenset({"counsel"})))
    assert "role" in denied(order(), Approved("counsel"), STEWARD)
    assert "role" in denied(order(), Approved("auditor"), Actor("ann", frozenset({"auditor"})))


def test_not_while_a_check_is_open_nor_once_it_fails() -> None:
    assert "received" in denied(order(answers={}), Approved("counsel"), COUNSEL)
    assert "check" in denied(order(valid_until="2026-03-12"), Approved("counsel"), COUNSEL, NOW + 3 * 86400)


def test_answers_open_the_review_and_counsel_passes_over() -> None:
    o = order(answers={})
    for check in ("caller", "docket", "served", "particular", "crime", "stricter", "narrow"):
        o = after(o, Answered(check, "yes", "seen"), CLERK, NOW)
    assert o.state is State.RECEIVED
    assert "counsel" in denied(o, Answered("others", "waived", "none"), CLERK)
    assert "reason" in denied(o, Answered("others", "waived"), COUNSEL)
    assert after(o, Answered("others", "waived", "none are in it"), COUNSEL, NOW).state is State.IN_REVIEW
    assert after(o, Answered("others", "no"), CLERK, NOW).state is State.RECEIVED


def test_nobody_passes_over_what_makes_a_court() -> None:
    o = replace(order(), state=State.RECEIVED)
    for check in ("court", "signed", "form", "scanned", "scope"):
        assert "nobody" in denied(o, Answered(check, "waived", "it is late"), COUNSEL)
    assert "paper itself" in denied(o, Answered("court", "yes"), COUNSEL)
    assert "no check" in denied(o, Answered("mood", "yes"), COUNSEL)
    assert "role" in denied(o, Answered("caller", "yes"), OPERATOR)


def test_checks_are_closed_once_somebody_has_approved() -> None:
    first = after(order(), Approved("counsel"), COUNSEL, NOW)
    assert "closed" in denied(first, Answered("caller", "no"), COUNSEL)


def test_time() -> None:
    o = approved()
    scope = o.demand.scope
    assert scope is not None
    assert standing(o, scope.begins - 1) is State.APPROVED
    assert standing(o, scope.begins) is State.ACTIVE
    assert standing(o, scope.ends - 0.001) is State.ACTIVE
    assert standing(o, scope.ends) is State.EXPIRED
    assert "not over" in denied(o, Expired(), COUNSEL, scope.ends - 1)
    assert after(o, Expired(), COUNSEL, scope.ends).state is State.EXPIRED


def test_rows_are_counted_exactly() -> None:
    o = approved()
    for rows, left in ((0, 5), (3, 2), (0, 2)):
        o = spend(o, "officer", rows, NOW + 10)
        assert o.left == left
    with pytest.raises(NotAllowed, match="2"):
        spend(o, "officer", 3, NOW + 10)
    o = spend(o, "officer", 2, NOW + 10)
    assert o.state is State.USED_UP
    assert grant_of(o) is None
    with pytest.raises(NotAllowed, match="used up"):
        spend(o, "officer", 0, NOW + 10)


@pytest.mark.parametrize(("login", "at"), [("other", NOW + 10), ("officer", NOW - 10), ("officer", NOW + 72 * 3600)])
def test_rows_only_for_its_login_in_its_time(login: str, at: float) -> None:
    with pytest.raises(NotAllowed):
        spend(approved(), login, 1, at)


def test_revoked_is_over() -> None:
    revoked = after(approved(), Revoked("quashed"), OPERATOR, NOW + 10)
    with pytest.raises(NotAllowed, match="revoked"):
        spend(revoked, "officer", 1, NOW + 20)
    assert "revoked" in denied(revoked, Approved("counsel"), COUNSEL)
    assert "reason" in denied(approved(), Revoked(" "), OPERATOR)
    assert "in review" in denied(order(), Revoked("no"), COUNSEL)


def test_refused_is_over() -> None:
    refused = after(order(), Refused("the scope is too wide"), COUNSEL, NOW)
    assert (refused.state, refused.because) == (State.REFUSED, "the scope is too wide")
    assert "refused" in denied(refused, Approved("counsel"), COUNSEL)


def test_closing_forgets_the_people() -> None:
    assert "active" in denied(approved(), Closed(), COUNSEL)
    closed = after(after(approved(), Revoked("done"), COUNSEL, NOW), Closed(), COUNSEL, NOW)
    scope = closed.demand.scope
    assert scope is not None
    assert scope.people == 2
    assert [o.keys for o in scope.openings] == [frozenset()]


def test_an_emergency_takes_one_and_four_hours() -> None:
    o = after(order(**DANGER), Approved("operator"), OPERATOR, NOW + 600)
    scope = o.demand.scope
    assert o.state is State.APPROVED
    assert scope is not None
    assert scope.ends == NOW + 4 * 3600
    late = {**DANGER, "scope": {**DANGER["scope"], "begins": "2026-03-10T13:00", "ends": "2026-03-10T17:00"}}
    early = after(order(**late), Approved("operator"), OPERATOR, NOW)
    assert early.demand.scope is not None
    assert early.demand.scope.ends == NOW + 4 * 3600  # counted from the approval
    assert "entered" in denied(order(**DANGER), Approved("steward"), CLERK)
    over = after(o, Revoked("done"), OPERATOR, NOW + 700)
    assert "counsel has not reviewed" in denied(over, Closed(), OPERATOR)
    assert "counsel reviews" in denied(over, Reviewed("fine"), OPERATOR)
    assert after(after(over, Reviewed("fine"), COUNSEL, NOW + 800), Closed(), OPERATOR, NOW + 900).state is State.CLOSED


_ACTORS = st.sampled_from([COUNSEL, STEWARD, OPERATOR, CLERK, Actor("both", frozenset({"counsel", "steward"}))])
_STEPS = st.sampled_from(
    [
        *(Approved("counsel"), Approved("steward"), Approved("operator"), Refused("no"), Revoked("no"), Closed()),
        *(Expired(), Reviewed("yes"), Answered("caller", "yes"), Answered("caller", "no")),
    ]
)


@given(st.lists(st.tuples(_STEPS, _ACTORS, st.integers(0, 100 * 3600)), max_size=12), st.booleans())
def test_nothing_opens_without_those_who_must_approve(steps: list[tuple[Step, Actor, int]], emergency: bool) -> None:
    o = order(**(DANGER if emergency else {}))
    at = NOW
    over = False
    for step, actor, later in sorted(steps, key=lambda s: s[2]):
        at = NOW + later
        try:
            o = after(o, step, actor, at)
        except NotAllowed:
            continue
        grant = grant_of(o)
        assert grant is None or not over
        over = over or o.state in (State.REFUSED, State.REVOKED, State.EXPIRED, State.CLOSED)
        if grant is not None and emergency:
            assert grant.ends <= min(a.at for a in o.approvals) + 4 * 3600
        elif grant is not None:
            assert len({a.by for a in o.approvals}) == 2
            roles = {a.role for a in o.approvals}
            assert len(roles) == 2
            assert "counsel" in roles
            assert o.demand.received_by not in {a.by for a in o.approvals}
