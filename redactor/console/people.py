"""Who may do what in the console: four roles, and one table.

Knows names only. Must not know how somebody is logged in. Invariant: what is not in the table is not permitted; no
role may both change what is protected and read sealed texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Role(Enum):
    """What somebody is to the city's data."""

    AUDITOR = "auditor"
    STEWARD = "steward"
    OPERATOR = "operator"
    COUNSEL = "counsel"


class Permission(Enum):
    """Something that a page or a call of the API does. The value is how people are told of it."""

    READ_LOG = "read the log: who asked what, and what became of it"
    EXPORT_LOG = "export entries with their proofs"
    OPEN_TEXTS = "open sealed texts, with their own key in hand; each look is logged"
    SEE_ACCESS = "see who can see what"
    SEE_CATALOG = "see how columns are tagged, and what waits for review"
    REVIEW_CATALOG = "accept, change and reject tags"
    SEE_HEALTH = "see how redactor itself is"
    SEE_ORDERS = "see disclosure orders"
    ENTER_ORDERS = "enter disclosure orders"
    APPROVE_ORDERS = "approve disclosure orders"


P = Permission

MAY: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.AUDITOR: frozenset(
            {P.READ_LOG, P.EXPORT_LOG, P.OPEN_TEXTS, P.SEE_ACCESS, P.SEE_CATALOG, P.SEE_HEALTH, P.SEE_ORDERS}
        ),
        Role.STEWARD: frozenset(
            {P.READ_LOG, P.SEE_ACCESS, P.SEE_CATALOG, P.REVIEW_CATALOG, P.SEE_HEALTH, P.SEE_ORDERS}
            | {P.ENTER_ORDERS, P.APPROVE_ORDERS}
        ),
        Role.OPERATOR: frozenset({P.SEE_ACCESS, P.SEE_CATALOG, P.SEE_HEALTH, P.SEE_ORDERS, P.APPROVE_ORDERS}),
        Role.COUNSEL: frozenset(
            {P.READ_LOG, P.EXPORT_LOG, P.SEE_ACCESS, P.SEE_CATALOG, P.SEE_HEALTH, P.SEE_ORDERS}
            | {P.ENTER_ORDERS, P.APPROVE_ORDERS}
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in, or on whose behalf a program asks. `csrf`: what their forms must send along.

    `how`: `password`, the identity provider's name, or `token` for a program.
    """

    name: str
    roles: frozenset[Role]
    how: str
    csrf: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether one of their roles permits it."""
        return any(permission in MAY[role] for role in self.roles)

    @property
    def role_names(self) -> list[str]:
        """Their roles' names, in order."""
        return sorted(r.value for r in self.roles)


def roles_named(names: frozenset[str]) -> frozenset[Role]:
    """The roles of those names; names of no role are passed over."""
    return frozenset(r for r in Role if r.value in names)
