"""Demands for the tests, made as a person would enter them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redactor.orders import form
from redactor.orders.checks import ASKED
from redactor.orders.life import Actor
from redactor.orders.order import Demand

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
COUNSEL = Actor("carla", frozenset({"counsel"}))
STEWARD = Actor("stan", frozenset({"steward"}))
OPERATOR = Actor("olga", frozenset({"operator"}))
CLERK = Actor("clerk", frozenset({"steward"}))

WARRANT: dict[str, Any] = {
    "instrument": "federal judicial search warrant",
    "document_sha256": "ab" * 32,
    "channel": "paper",
    "asker": {"name": "A. Agent", "agency": "FBI", "badge": "77", "phone": "+1 916 555 0100"},
    "court": "United States District Court, Eastern District of California",
    "judge": "M. Judge",
    "judge_title": "United States Magistrate Judge",
    "signed": True,
    "case": "2:26-mj-0042",
    "issued": "2026-03-09",
    "valid_until": "2026-03-23",
    "served": "on the City Clerk",
    "offence": "21 U.S.C. 841",
    "scope": {
        "database": "city",
        "login": "officer",
        "rows": 5,
        "tables": {
            "public.people": {
                "columns": {"status": "the immigration status of the persons named"},
                "key": "id",
                "ids": [2, 4],
            }
        },
    },
    "answers": {check: {"answer": "yes", "because": "seen"} for check in ASKED},
}


def values(**changes: Any) -> dict[str, Any]:
    """The warrant's form with other values; None: left out."""
    made = {**WARRANT, **changes}
    return {k: v for k, v in made.items() if v is not None}


def demand(by: str = "clerk", at: float = NOW, **changes: Any) -> Demand:
    """The demand that the form makes."""
    return form.fill(form.from_values(values(**changes)), by, at)
