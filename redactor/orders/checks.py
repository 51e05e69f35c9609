"""The checks that a demand walks through, as data: what is asked, who can tell, and whether counsel may pass it over.

Knows papers and what makes a court's. Must not know who approves. Invariant: a check that is not answered has not
passed; what makes a paper judicial is found out from the paper itself and passed over by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum

from redactor.orders.order import KINDS, Answer, Demand, Instrument, Lane, Scope

LONGEST = 30 * 86400.0
"""Seconds that an order may stay open at most; what is usual is `USUAL`."""
USUAL = 72 * 3600.0
EMERGENCY = 4 * 3600.0
LARGEST_CAP = 10_000
MOST_IDS = 1_000


class Result(Enum):
    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"
    """Nobody has answered yet."""
    WAIVED = "waived"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check."""

    check: str
    question: str
    result: Result
    why: str = ""
    final: bool = False
    """Failed, and nobody may pass it over."""


@dataclass(frozen=True, slots=True)
class Check:
    """`find`: the fault that the paper itself shows (empty: none), or None where a person has to say."""

    id: str
    question: str
    find: Callable[[Demand, date], str] | None = None
    final: bool = False
    needed: Callable[[Demand], bool] = lambda demand: True


_NO_COURTS = re.compile(
    r"homeland|immigration|customs enforcement|\bice\b|\bdhs\b|\beoir\b|executive office|department of justice"
    r"|border|citizenship",
    re.I,
)
_COURT = re.compile(r"\bcourt\b|\bgrand jury\b", re.I)
_JUDGES = re.compile(r"\b(judge|magistrate|justice|commissioner)\b", re.I)
_CLERKS = re.compile(r"\b(clerk|attorney|counsel)\b", re.I)
_NO_JUDGES = re.compile(
    r"immigration|deportation|removal|administrative law|\bofficer\b|\bagent\b|director|\bsddo\b|\bafod\b|supervisory",
    re.I,
)
_FORMS = re.compile(r"\bI[- ]?(200|205|213|247[ADNX]?|138|286|862)\b", re.I)
"""Numbers of immigration officers' forms: I-138, I-213, I-286 and I-862 are charging or custody papers."""


def _court(demand: Demand, today: date) -> str:
    court = demand.paper.court.strip()
    if not court:
        return "the paper names no court"
    if _NO_COURTS.search(court):
        return f"{court} is an office of the executive, not a court"
    return "" if _COURT.search(court) else f"{court} does not call itself a court"


def _signed(demand: Demand, today: date) -> str:
    paper, kind = demand.paper, KINDS[demand.paper.instrument]
    if not paper.signed or not paper.judge.strip():
        return "it is not signed, or it cannot be read by whom"
    title = paper.title.strip()
    if _NO_JUDGES.search(title):
        return f"{title or 'the signer'} is no judge of a court"
    if _JUDGES.search(title) or (kind.subpoena and _CLERKS.search(title)):
        return ""
    wanted = "a judge, the clerk or counsel under the court's rules" if kind.subpoena else "a judge or magistrate judge"
    return f"it has to be signed by {wanted}, and says: {title or 'nothing'}"


def _form(demand: Demand, today: date) -> str:
    found = _FORMS.search(demand.paper.form)
    return f"{found.group(0).upper()} is an immigration officer's form" if found else ""


def _case(demand: Demand, today: date) -> str:
    return "" if demand.paper.case.strip() else "it has no case number"


def _in_date(demand: Demand, today: date) -> str:
    issued, until = _date(demand.paper.issued), _date(demand.paper.valid_until)
    if issued is None:
        return "it has no date that can be read"
    if issued > today:
        return f"it is dated {issued}, which is yet to come"
    if demand.paper.valid_until and until is None:
        return "until when it is valid cannot be read"
    return f"it was valid until {until}" if until is not None and until < today else ""


def _scanned(demand: Demand, today: date) -> str:
    return "" if re.fullmatch(r"[0-9a-f]{64}", demand.paper.digest) else "there is no SHA-256 of the scanned document"


def _danger(demand: Demand, today: date) -> str:
    return "" if demand.danger.strip() else "no danger to a life is named"


def _scope(demand: Demand, today: date) -> str:
    scope = demand.scope
    if scope is None or not scope.openings:
        return "it names no data"
    return next(filter(None, (*_scope_faults(scope), *_time_faults(demand, scope))), "")


def _scope_faults(scope: Scope) -> list[str]:
    faults = []
    for o in scope.openings:
        if not o.columns or not o.keys:
            faults.append(f"of {o.relation} it names no columns, or nobody")
        if (o.since or o.until) and not o.dated:
            faults.append(f"of {o.relation} it has a period, and no column with dates")
        for bound in filter(None, (o.since, o.until)):
            try:
                datetime.fromisoformat(bound)
            except ValueError:
                faults.append(f"{bound} is no time")
    if len({o.relation for o in scope.openings}) < len(scope.openings):
        faults.append("it names a table twice")
    if sum(len(o.keys) for o in scope.openings) > MOST_IDS:
        faults.append(f"it names more than {MOST_IDS} ids: that is no particular person")
    if not scope.login or not scope.database:
        faults.append("it names no database, or no login")
    if not 1 <= scope.cap <= LARGEST_CAP:
        faults.append(f"the most rows are 1 to {LARGEST_CAP}")
    return faults


def _time_faults(demand: Demand, scope: Scope) -> list[str]:
    faults = []
    emergency = KINDS[demand.paper.instrument].lane is Lane.EMERGENCY
    longest, said = (EMERGENCY, "4 hours, in an emergency") if emergency else (LONGEST, "30 days")
    if not scope.begins < scope.ends:
        faults.append("it ends before it begins")
    elif scope.ends - scope.begins > longest:
        faults.append(f"it would be open for more than {said}")
    until = _date(demand.paper.valid_until)
    if until is not None and datetime.fromtimestamp(scope.ends, UTC).date() > until:
        faults.append(f"it would be open beyond {until}, until when the paper is valid")
    return faults


def _words(demand: Demand, today: date) -> str:
    scope = demand.scope
    if scope is None:
        return ""
    given = {column for column, words in scope.words if words.strip()}
    missing = sorted(f"{o.relation}.{c}" for o in scope.openings for c in o.columns if f"{o.relation}.{c}" not in given)
    return f"no words of the paper are given that call for {', '.join(missing[:5])}" if missing else ""


def _gag(demand: Demand, today: date) -> str:
    if demand.gag and _date(demand.gag_until) is None:
        return "it is not said until when nobody may be told"
    return ""


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _judicial(demand: Demand) -> bool:
    return KINDS[demand.paper.instrument].lane is Lane.DISCLOSE


def _emergency(demand: Demand) -> bool:
    return demand.paper.instrument is Instrument.EMERGENCY


CHECKS: tuple[Check, ...] = (
    Check("court", "Does the first page carry the name of a court?", _court, True, _judicial),
    Check("signed", "Is it signed by a judge (a subpoena: by court, clerk or counsel)?", _signed, True, _judicial),
    Check("form", "Is it anything else than an immigration officer's form?", _form, True),
    Check("scanned", "Is the scanned document's digest recorded?", _scanned, True, _judicial),
    Check("danger", "Is the danger to a life named?", _danger, True, _emergency),
    Check("case", "Does it have a case number?", _case, False, _judicial),
    Check("dates", "Is it in date?", _in_date, False, _judicial),
    Check("scope", "Is what would be opened well described, and for no longer than may be?", _scope, True),
    Check("words", "Do words of the paper call for each column?", _words, False, _judicial),
    Check("gag", "If nobody may be told: is it said until when?", _gag),
    Check("caller", "Was the bearer's identity verified by calling a number that was found independently?"),
    Check("docket", "Is the case on the court's docket (sealed: has counsel called chambers)?", needed=_judicial),
    Check("served", "Was it served in the proper way, on the proper custodian?", needed=_judicial),
    Check("particular", "Does it name the person, place or records with particularity?", needed=_judicial),
    Check(
        "crime",
        "Does the warrant recite probable cause of a crime (being removable is none)?",
        needed=lambda d: KINDS[d.paper.instrument].warrant,
    ),
    Check(
        "objection",
        "Subpoena: is the time to object over, or the objection settled, and third persons noticed?",
        needed=lambda d: KINDS[d.paper.instrument].subpoena,
    ),
    Check("stricter", "Does no stricter law bar or narrow it (medical, pupil, juvenile, U/T visa, Safe at Home)?"),
    Check("narrow", "Is the scope no wider than the paper, and could no smaller answer do?"),
    Check("others", "Are third persons' data (household, callers, witnesses) left out?"),
)
"""In the order in which they are walked through (domain notes 4.3)."""

ASKED = tuple(c.id for c in CHECKS if c.find is None)
"""What a person answers."""


def examine(demand: Demand, at: float) -> tuple[Finding, ...]:
    """What each check comes to at a time (seconds since the epoch, UTC)."""
    today = datetime.fromtimestamp(at, UTC).date()
    answers = {a.check: a for a in demand.answers}
    found = []
    for c in CHECKS:
        if not c.needed(demand):
            found.append(Finding(c.id, c.question, Result.NOT_NEEDED))
            continue
        answer = answers.get(c.id)
        fault = None if c.find is None else c.find(demand, today)
        if fault is None:
            found.append(_asked(c, answer))
        elif not fault:
            found.append(Finding(c.id, c.question, Result.PASSED))
        elif not c.final and answer is not None and answer.value == "waived":
            found.append(Finding(c.id, c.question, Result.WAIVED, f"{fault}; {answer.by}: {answer.because}"))
        else:
            found.append(Finding(c.id, c.question, Result.FAILED, fault, c.final))
    return tuple(found)


def _asked(check: Check, answer: Answer | None) -> Finding:
    if answer is None:
        return Finding(check.id, check.question, Result.OPEN)
    result = {"yes": Result.PASSED, "no": Result.FAILED, "waived": Result.WAIVED}[answer.value]
    return Finding(check.id, check.question, result, f"{answer.by}: {answer.because}" if answer.because else answer.by)
