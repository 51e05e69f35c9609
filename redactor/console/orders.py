"""Disclosure orders at the console: the list, the form that walks through the checks, the steps, the ledger; the API.

Knows forms and JSON. Must not decide what a paper is worth or who may take a step (`redactor.orders`). Invariants: who
acts is who is logged in, with the roles that they have; a program's token may enter and look, and approves nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from redactor.audit.entry import clean
from redactor.console.guard import Fields, Need, site_of
from redactor.console.pages import go, render, since_epoch, words_of
from redactor.console.people import Permission, Person
from redactor.engine.opening import rights
from redactor.errors import ConfigurationError
from redactor.orders import form
from redactor.orders import ledger as book
from redactor.orders.checks import ASKED, CHECKS, examine
from redactor.orders.life import (
    APPROVERS,
    COUNSEL,
    Actor,
    Answered,
    Approved,
    Closed,
    NotAllowed,
    Refused,
    Reviewed,
    Revoked,
    Step,
    awaits_review,
    refusal_text,
    standing,
)
from redactor.orders.order import Instrument, Lane, Order, State
from redactor.orders.report import describe

router = APIRouter()

Seeing = Annotated[Person, Depends(Need(Permission.SEE_ORDERS))]
Entering = Annotated[Person, Depends(Need(Permission.ENTER_ORDERS))]
Approving = Annotated[Person, Depends(Need(Permission.APPROVE_ORDERS))]

_KEPT = (State.APPROVED, State.USED_UP, State.EXPIRED, State.REVOKED)

TABLES = 3
"""How many tables the page's form has room for; the API and the command line take more."""

_FIELDS = (
    *("instrument", "document_sha256", "channel", "court", "judge", "judge_title", "form_number", "case", "issued"),
    *("valid_until", "served", "offence", "danger", "gag", "gag_until"),
)


def actor_of(person: Person) -> Actor:
    """Who acts, for an order's steps."""
    return Actor(person.name, frozenset(person.role_names))


def banner(request: Request) -> list[str]:
    """Emergencies that one person approved and that the reader's roles have been told of."""
    person: Person | None = getattr(request.state, "person", None)
    if person is None or not person.may(Permission.SEE_ORDERS):
        return []
    say = words_of(request)
    desk = site_of(request).desk
    told = desk.told(person.role_names)
    said = [say("Emergency: one person approved the order {id}. Look at it under Orders.", id=id) for id in told]
    if COUNSEL in person.role_names:
        waiting = [o.id for o in desk.all(_KEPT) if awaits_review(o) and o.id not in told]
        said += [say("The emergency order {id} waits for counsel's review.", id=id) for id in waiting]
    return said


# ------------------------------------------------------------------ pages


@router.get("/orders", include_in_schema=False)
def orders_page(request: Request, person: Seeing) -> Response:
    """All orders, the newest first."""
    site = site_of(request)
    site.desk.settle()
    now = site.clock()
    shown = [_line(o, now) for o in site.desk.all()]
    return render(request, "orders.html", orders=shown)


def _line(order: Order, now: float) -> dict[str, Any]:
    scope = order.demand.scope
    return {
        "id": order.id,
        "received": since_epoch(order.demand.received_at),
        "state": standing(order, now).value,
        "instrument": order.demand.paper.instrument.value,
        "case": order.demand.paper.case,
        "login": "" if scope is None else scope.login,
        "ends": "" if scope is None else since_epoch(scope.ends),
        "rows": "" if scope is None else f"{order.used} / {scope.cap}",
        "approvals": len(order.approvals),
    }


@router.get("/orders/new", include_in_schema=False)
def new_page(request: Request, person: Entering) -> Response:
    """The empty form."""
    return _form(request, {})


def _form(request: Request, given: Mapping[str, str], wrong: tuple[str, ...] = (), status: int = 200) -> Response:
    site = site_of(request)
    return render(
        request,
        "order_new.html",
        status,
        instruments=[i.value for i in Instrument],
        databases=list(site.config.databases),
        asked=[(c.id, c.question) for c in CHECKS if c.id in ASKED],
        tables=range(1, TABLES + 1),
        given=given,
        wrong=wrong,
    )


@router.post("/orders", include_in_schema=False)
def enter_page(request: Request, fields: Fields, person: Entering) -> Response:
    """Enter what the form says."""
    try:
        order = _enter(request, person, _values(fields))
    except ConfigurationError as e:
        faults = tuple(f"{f.what}" + (f" ({f.instead})" if f.instead else "") for f in e.faults)
        return _form(request, fields, faults, 422)
    except NotAllowed as e:
        return _form(request, fields, (str(e),), 403)
    return go(f"/orders/{order.id}")


def _enter(request: Request, person: Person, values: Mapping[str, Any]) -> Order:
    site = site_of(request)
    filled = form.from_values(values)
    if filled.scope is not None and filled.scope.database not in site.config.databases:
        raise form.fault(f"there is no database {filled.scope.database!r}", ", ".join(site.config.databases))
    demand = form.fill(filled, person.name, site.clock())
    return site.desk.enter(f"o-{secrets.token_hex(4)}", demand, person.role_names)


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    """The page's fields as the form has them."""
    made: dict[str, Any] = {name: fields.get(name, "").strip() for name in _FIELDS}
    made["signed"] = fields.get("signed") == "yes"
    made["asker"] = {n: fields.get(f"asker_{n}", "").strip() for n in ("name", "agency", "badge", "phone")}
    tables = {}
    for i in range(1, TABLES + 1):
        name = fields.get(f"table_{i}", "").strip()
        if not name:
            continue
        listed = (line.partition(":") for line in fields.get(f"columns_{i}", "").splitlines() if line.strip())
        table: dict[str, Any] = {
            "columns": {column.strip(): words.strip() for column, _, words in listed},
            "key": fields.get(f"key_{i}", "").strip(),
            "ids": [x for x in re.split(r"[\s,;]+", fields.get(f"ids_{i}", "")) if x],
            "dated": fields.get(f"dated_{i}", "").strip(),
        }
        tables[name] = table | {n: v for n in ("since", "until") if (v := fields.get(f"{n}_{i}", "").strip())}
    if tables:
        rows = fields.get("rows", "").strip()
        scope: dict[str, Any] = {
            "database": fields.get("database", ""),
            "login": fields.get("login", "").strip(),
            "rows": int(rows) if rows.isascii() and rows.isdecimal() and len(rows) < 9 else 0,
            "tables": tables,
        }
        made["scope"] = scope | {n: v for n in ("begins", "ends") if (v := fields.get(n, "").strip())}
    made["answers"] = {
        check: {"answer": fields[f"answer_{check}"], "because": fields.get(f"because_{check}", "").strip()}
        for check in ASKED
        if fields.get(f"answer_{check}") in ("yes", "no")
    }
    return made


@router.get("/orders/ledger", include_in_schema=False)
def ledger_page(request: Request, person: Seeing, period: str = "") -> Response:
    """The ledger for publication."""
    return render(request, "ledger.html", **_ledger(request, period))


def _ledger(request: Request, period: str) -> dict[str, Any]:
    site = site_of(request)
    period = period or str(datetime.fromtimestamp(site.clock(), UTC).year)
    within = book.period(period)
    if within is None:
        raise HTTPException(422, "A period is a year (2026) or a quarter (2026-Q3).")
    lines = book.lines(site.desk.all(), *within)
    names = ("what", "received", "granted", "refused", "pending", "rows")
    return {"period": period, "lines": [{n: getattr(x, n) for n in names} for x in lines]}


@router.get("/orders/{id}", include_in_schema=False)
def order_page(request: Request, id: str, person: Seeing) -> Response:
    """One order: checks, scope, steps, report."""
    site = site_of(request)
    if id in site.desk.told(person.role_names):
        site.desk.seen(id, actor_of(person))
    return _order(request, id, person)


@router.post("/orders/{id}/people", include_in_schema=False)
def people_page(request: Request, id: str, person: Seeing) -> Response:
    """The page with the ids and the paper's words, which is logged: who approves has to see whom it is about."""
    _found(request, id)
    return _order(request, id, person, people=site_of(request).desk.people(id, actor_of(person)))


def _order(
    request: Request, id: str, person: Person, wrong: str = "", status: int = 200, people: Order | None = None
) -> Response:
    site, order = site_of(request), _found(request, id)
    now, scope = site.clock(), order.demand.scope
    state = standing(order, now)
    roles = [r for r in APPROVERS if r in person.role_names and r not in {a.role for a in order.approvals}]
    return render(
        request,
        "order.html",
        status,
        order=order,
        told=describe(order, site.desk.uses(id), now, checks=False),
        checks=() if order.state is State.CLOSED else examine(order.demand, now),
        state=state.value,
        asked=ASKED,
        open_checks=order.state in (State.RECEIVED, State.IN_REVIEW) and not order.approvals,
        roles=roles if state is State.IN_REVIEW and order.demand.received_by != person.name else [],
        refusable=state in (State.RECEIVED, State.IN_REVIEW),
        revocable=state in (State.APPROVED, State.ACTIVE),
        closable=state in (State.USED_UP, State.EXPIRED, State.REVOKED, State.REFUSED),
        emergency=order.kind.lane is Lane.EMERGENCY,
        refusal=refusal_text(order) if state is State.REFUSED and order.kind.lane is not Lane.REFER else "",
        rights=()
        if scope is None or state not in (State.IN_REVIEW, State.APPROVED, State.ACTIVE)
        else rights(scope.openings, scope.login),
        wrong=wrong,
        people=() if people is None or people.demand.scope is None else people.demand.scope.openings,
        words=() if people is None or people.demand.scope is None else people.demand.scope.words,
    )


def _found(request: Request, id: str) -> Order:
    try:
        return site_of(request).desk.find(id)
    except NotAllowed:
        raise HTTPException(404, "There is no such order.") from None


def _step(name: str, fields: Mapping[str, str]) -> Step:
    because = clean(fields.get("because", "")).strip()[:2000]
    match name:
        case "answer":
            return Answered(fields.get("check", ""), fields.get("value", ""), because)
        case "approve":
            return Approved(fields.get("role", ""))
        case "refuse":
            return Refused(because)
        case "revoke":
            return Revoked(because)
        case "review":
            return Reviewed(because)
        case "close":
            return Closed()
        case _:
            raise HTTPException(404, "There is no such step.")


@router.post("/orders/{id}/{step}", include_in_schema=False)
def step_page(request: Request, id: str, step: str, fields: Fields, person: Approving) -> Response:
    """Take a step, as who is logged in."""
    wanted = _step(step, fields)
    _found(request, id)
    desk = site_of(request).desk
    try:
        if step == "close":
            desk.settle()
        desk.take(id, wanted, actor_of(person))
    except NotAllowed as e:
        return _order(request, id, person, wrong=str(e), status=409)
    return go(f"/orders/{id}")


# ------------------------------------------------------------------ the API


@router.get("/api/v1/orders", tags=["orders"], summary="All orders, the newest first; without ids of people")
def list_api(request: Request, person: Seeing) -> Response:
    """Every order as its report has it, without checks and uses."""
    site = site_of(request)
    return JSONResponse({"orders": [describe(o, (), site.clock(), checks=False) for o in site.desk.all()]})


@router.post("/api/v1/orders", tags=["orders"], summary="Enter a demand", status_code=201)
def enter_api(request: Request, demand: dict[str, Any], person: Entering) -> Response:
    """The body is the form of `redactor orders form`, as JSON. The answer is the order as entered, or refused."""
    try:
        order = _enter(request, person, demand)
    except ConfigurationError as e:
        return JSONResponse({"error": e.public, "faults": [f.what for f in e.faults]}, 422)
    except NotAllowed as e:
        return JSONResponse({"error": str(e)}, 403)
    return JSONResponse(describe(order, (), site_of(request).clock()), 201)


@router.get("/api/v1/orders/ledger", tags=["orders"], summary="The ledger of a year or a quarter, in bands of five")
def ledger_api(request: Request, person: Seeing, period: str = "") -> Response:
    """What `redactor orders ledger` gives."""
    return JSONResponse(_ledger(request, period))


@router.get("/api/v1/orders/{id}", tags=["orders"], summary="An order's report")
def order_api(request: Request, id: str, person: Seeing) -> Response:
    """Checks, scope, steps and uses; without ids of people."""
    site, order = site_of(request), _found(request, id)
    return JSONResponse(describe(order, site.desk.uses(id), site.clock()))


@router.post(
    "/api/v1/orders/{id}/{step}", tags=["orders"], summary="Take a step: answer, approve, refuse, revoke, close"
)
def step_api(request: Request, id: str, step: str, body: dict[str, str], person: Approving) -> Response:
    """`because`; for `answer` also `check` and `value`, for `approve` also `role`. Only revoking is for tokens, too."""
    wanted = _step(step, body)
    if person.how == "token" and step != "revoke":
        raise HTTPException(403, "A program's token does not do that: it takes a person who is logged in.")
    _found(request, id)
    site = site_of(request)
    try:
        order = site.desk.take(id, wanted, actor_of(person))
    except NotAllowed as e:
        return JSONResponse({"error": str(e)}, 409)
    return JSONResponse(describe(order, site.desk.uses(id), site.clock()))
