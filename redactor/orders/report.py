"""What is told of an order at its end: what was opened, to whom, how it was used; without anybody's id.

Knows an order and its uses. Must not know where they are kept. Invariant: a report has counts, names of columns and
the names of those who acted, and not one id or value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redactor.orders.checks import examine
from redactor.orders.life import COUNSEL, refusal_text, standing
from redactor.orders.order import Lane, Order, State


@dataclass(frozen=True, slots=True)
class Usage:
    """Rows that were shown: how many, when (seconds since the epoch, UTC), by which decision."""

    at: float
    decision: str
    rows: int


def describe(order: Order, uses: Sequence[Usage], at: float, checks: bool = True) -> dict[str, Any]:
    """The report, as plain values (times RFC 3339)."""
    paper, scope, demand = order.demand.paper, order.demand.scope, order.demand
    told: dict[str, Any] = {
        "order": order.id,
        "state": standing(order, at).value,
        "because": order.because,
        "instrument": paper.instrument.value,
        "lane": order.kind.lane.value,
        "judicial": order.kind.judicial,
        "immigration_crime": "8 u.s.c. 13" in paper.offence.lower(),
        "court": paper.court,
        "case": paper.case,
        "issued": paper.issued,
        "document_sha256": paper.digest,
        "asker": {"name": demand.asker.name, "agency": demand.asker.agency, "badge": demand.asker.badge},
        "received": _time(demand.received_at),
        "received_by": demand.received_by,
        "approved_by": [{"name": a.by, "role": a.role, "at": _time(a.at)} for a in order.approvals],
        "notice": _notice(order),
        "history": [{"step": t.step, "by": t.by, "at": _time(t.at), "because": t.because} for t in order.history],
    }
    if scope is not None:
        told["scope"] = {
            "database": scope.database,
            "login": scope.login,
            "begins": _time(scope.begins),
            "ends": _time(scope.ends),
            "rows": scope.cap,
            "people_or_records": scope.people,
            "columns": sorted(f"{o.relation}.{c}" for o in scope.openings for c in o.columns),
            "keys": sorted(f"{o.relation}.{o.key}" for o in scope.openings),
        }
        told["used"] = {"statements": len(uses), "rows": order.used, "left": order.left}
        told["uses"] = [{"at": _time(u.at), "decision": u.decision, "rows": u.rows} for u in uses]
    if order.state is State.REFUSED and order.kind.lane in (Lane.REFUSE, Lane.PRESERVE, Lane.DISCLOSE):
        told["answer"] = refusal_text(order)
    if order.kind.lane is Lane.EMERGENCY:
        told["reviewed"] = any(t.step == "reviewed" for t in order.history)
    if checks:
        found = examine(demand, at) if order.state is not State.CLOSED else ()
        told["checks"] = [
            {"check": f.check, "question": f.question, "result": f.result.value, "why": f.why} for f in found
        ]
    return told


def _notice(order: Order) -> str:
    demand = order.demand
    if demand.gag:
        return f"nobody is told before {demand.gag_until or 'the order not to tell is lifted'}"
    return "the people concerned are to be told, unless counsel records a reason"


def notices(order: Order) -> tuple[str, ...]:
    """The roles that are told of an order that one person approved: all that approve but that person's."""
    if order.kind.lane is not Lane.EMERGENCY or not order.approvals:
        return ()
    others = [r for r in (COUNSEL, "steward", "operator", "auditor") if r != order.approvals[0].role]
    return tuple(others)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
