"""The words: papers and what each kind of them is worth, demands, scopes, orders and their states.

Knows the closed list of instruments, each with the lane in which a demand goes on. Must not know who may take which
step (`life`), nor what is asked of a paper (`checks`). Invariant: an order holds its whole story; two equal orders
open the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from redactor.model import Grant, Opening


class Lane(Enum):
    """What becomes of a demand that comes with such a paper."""

    DISCLOSE = "disclose"
    """Reviewed, and opened where it passes."""
    EMERGENCY = "emergency"
    """Opened by one person for at most four hours; the others are told."""
    REFUSE = "refuse"
    PRESERVE = "preserve"
    """Refused, what it concerns is kept, and the City Attorney told within a day: a court may yet enforce it."""
    REFER = "refer"
    """Not answered by this lane: counsel, or another office, decides outside of it."""


class Instrument(Enum):
    """The papers that people come with; a closed list."""

    SEARCH_WARRANT = "federal judicial search warrant"
    ARREST_WARRANT = "federal judicial arrest warrant"
    STATE_WARRANT = "state warrant signed by a judge"
    GRAND_JURY_SUBPOENA = "grand jury subpoena"
    COURT_SUBPOENA = "court subpoena"
    COURT_ORDER = "court order"
    EMERGENCY = "emergency: danger to life"
    I_200 = "ICE form I-200 (administrative arrest warrant)"
    I_205 = "ICE form I-205 (administrative removal warrant)"
    I_247 = "ICE form I-247 (detainer or notification request)"
    IMMIGRATION_JUDGE = "order of an immigration judge"
    DHS_SUBPOENA = "DHS administrative subpoena (8 U.S.C. 1225(d)(4))"
    OTHER_ADMINISTRATIVE = "other administrative subpoena"
    STATUS_REQUEST = "federal request for citizenship or immigration status (8 U.S.C. 1373)"
    INSPECTION = "notice of inspection (I-9)"
    RECORDS_REQUEST = "public records request"
    CRIMINAL_HISTORY = "criminal history inquiry (Gov. Code 7284.6(b)(2))"
    TASK_FORCE = "joint task force request"
    CONSENT = "the person's own written consent"


@dataclass(frozen=True, slots=True)
class Kind:
    """What an instrument is worth. `says`: what its bearer, and the record, are told of it."""

    lane: Lane
    judicial: bool
    says: str = ""
    warrant: bool = False
    subpoena: bool = False


_NOT_A_COURT = "It is signed by an officer of the executive, not by a judge: it puts no duty on the city."

KINDS: Mapping[Instrument, Kind] = MappingProxyType(
    {
        Instrument.SEARCH_WARRANT: Kind(Lane.DISCLOSE, True, warrant=True),
        Instrument.ARREST_WARRANT: Kind(Lane.DISCLOSE, True, warrant=True),
        Instrument.STATE_WARRANT: Kind(Lane.DISCLOSE, True, warrant=True),
        Instrument.GRAND_JURY_SUBPOENA: Kind(Lane.DISCLOSE, True, subpoena=True),
        Instrument.COURT_SUBPOENA: Kind(Lane.DISCLOSE, True, subpoena=True),
        Instrument.COURT_ORDER: Kind(Lane.DISCLOSE, True),
        Instrument.EMERGENCY: Kind(Lane.EMERGENCY, False),
        Instrument.I_200: Kind(Lane.REFUSE, False, _NOT_A_COURT),
        Instrument.I_205: Kind(Lane.REFUSE, False, _NOT_A_COURT),
        Instrument.I_247: Kind(
            Lane.REFUSE, False, "It is a request, not an order. Gov. Code 7283.1 (TRUTH Act): the person is to be told."
        ),
        Instrument.IMMIGRATION_JUDGE: Kind(
            Lane.REFUSE, False, "An immigration judge is an officer of the Department of Justice, not of a court."
        ),
        Instrument.DHS_SUBPOENA: Kind(
            Lane.PRESERVE,
            False,
            "It does not enforce itself: only a court's order would. Keep what it concerns, and tell the City Attorney "
            "within a day.",
        ),
        Instrument.OTHER_ADMINISTRATIVE: Kind(Lane.REFER, False, "Counsel decides whether it binds the city."),
        Instrument.STATUS_REQUEST: Kind(
            Lane.REFER, False, "Counsel decides: 8 U.S.C. 1373 reaches a person's legal status and nothing else."
        ),
        Instrument.INSPECTION: Kind(Lane.REFER, False, "It reaches forms I-9 of the city's own employees only."),
        Instrument.RECORDS_REQUEST: Kind(Lane.REFER, False, "The records officer answers it, with the exemptions."),
        Instrument.CRIMINAL_HISTORY: Kind(Lane.REFER, False, "The police answer it, for one person at a time."),
        Instrument.TASK_FORCE: Kind(Lane.REFER, False, "It goes by the standing agreement, through counsel."),
        Instrument.CONSENT: Kind(Lane.REFER, False, "The department gives a person their own records."),
    }
)

REFUSAL = (
    "The City cannot provide these records on the document presented. It does not appear to be a warrant, subpoena or "
    "order issued by a court. Questions go to the City Attorney (reference {id}). This is not a statement that any "
    "such record exists."
)


class State(Enum):
    RECEIVED = "received"
    REFUSED = "refused"
    IN_REVIEW = "in review"
    APPROVED = "approved"
    ACTIVE = "active"
    USED_UP = "used up"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Paper:
    """The instrument as it lies on the desk. Dates are ISO (2026-03-01), empty where it gives none.

    `digest`: SHA-256 of the scanned document, in hexadecimal. `title`: of who signed it. `form`: a form's number.
    """

    instrument: Instrument
    digest: str
    court: str = ""
    judge: str = ""
    title: str = ""
    signed: bool = False
    form: str = ""
    case: str = ""
    issued: str = ""
    valid_until: str = ""
    served: str = ""
    offence: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who demands it, as they say."""

    name: str
    agency: str
    badge: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What would be opened, to which database login, when (seconds since the epoch, UTC), and how many rows at most.

    `words`: for each column (`public.people.address`) the words of the paper that call for it. `people`: how many ids.
    """

    database: str
    login: str
    openings: tuple[Opening, ...]
    begins: float
    ends: float
    cap: int
    people: int = 0
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says to a check: `yes`, `no`, `waived` (counsel only) with the reason."""

    check: str
    value: str
    because: str
    by: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What was received. `channel`: paper, portal, mail ... `gag`: why nobody may be told, and until when (ISO)."""

    received_at: float
    received_by: str
    channel: str
    asker: Asker
    paper: Paper
    scope: Scope | None = None
    answers: tuple[Answer, ...] = ()
    danger: str = ""
    gag: str = ""
    gag_until: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    by: str
    role: str
    at: float


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken, for people: by whom, when, and why."""

    step: str
    by: str
    at: float
    because: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A demand and all that became of it. `used`: rows shown so far. `version` counts changes."""

    id: str
    demand: Demand
    state: State
    approvals: tuple[Approval, ...] = ()
    used: int = 0
    version: int = 1
    because: str = ""
    history: tuple[Taken, ...] = field(default=())

    @property
    def kind(self) -> Kind:
        """What its paper is worth."""
        return KINDS[self.demand.paper.instrument]

    @property
    def left(self) -> int:
        """Rows that may still be shown."""
        return 0 if self.demand.scope is None else max(0, self.demand.scope.cap - self.used)


def grant_of(order: Order) -> Grant | None:
    """What the order opens, whatever the time; None where it opens nothing."""
    scope = order.demand.scope
    if order.state is not State.APPROVED or scope is None or not order.left:
        return None
    case = order.demand.paper.case or "none (emergency)"
    return Grant(
        order.id, scope.login, case, scope.begins, scope.ends, scope.cap, digest_of(scope), openings=scope.openings
    )


def digest_of(scope: Scope) -> str:
    """SHA-256 of what would be opened."""
    said = [
        (str(o.relation), sorted(o.columns), o.key, sorted(o.keys), o.dated, o.since, o.until) for o in scope.openings
    ]
    return hashlib.sha256(repr((scope.database, scope.login, said)).encode("utf-8", "replace")).hexdigest()
