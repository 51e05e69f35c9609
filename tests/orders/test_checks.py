"""What a paper is worth: every trap of the desk, and what of the form is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redactor.errors import ConfigurationError
from redactor.orders import form
from redactor.orders.checks import ASKED, CHECKS, Result, examine
from redactor.orders.life import receive
from redactor.orders.order import KINDS, Instrument, Lane, State, grant_of
from redactor.orders.report import describe
from redactor.yamlfile import parse
from tests.orders.papers import NOW, WARRANT, demand, values


def result(check: str, **changes: Any) -> Result:
    return next(f.result for f in examine(demand(**changes), NOW) if f.check == check)


def test_a_good_warrant_goes_to_review() -> None:
    order = receive("o-1", demand())
    assert order.state is State.IN_REVIEW
    assert all(f.result in (Result.PASSED, Result.NOT_NEEDED) for f in examine(order.demand, NOW))


@pytest.mark.parametrize("instrument", [i for i in Instrument if KINDS[i].lane not in (Lane.DISCLOSE, Lane.EMERGENCY)])
def test_what_is_no_courts_is_refused_or_referred_at_once(instrument: Instrument) -> None:
    order = receive("o-1", demand(instrument=instrument.value))
    assert order.state is State.REFUSED
    assert order.because.startswith(KINDS[instrument].lane.value)
    assert not KINDS[instrument].judicial


def test_the_lanes_of_administrative_papers() -> None:
    lanes = {i: KINDS[i].lane for i in Instrument}
    assert lanes[Instrument.I_200] is lanes[Instrument.I_205] is lanes[Instrument.IMMIGRATION_JUDGE] is Lane.REFUSE
    assert lanes[Instrument.DHS_SUBPOENA] is Lane.PRESERVE
    assert lanes[Instrument.STATUS_REQUEST] is Lane.REFER


TRAPS = [
    ("court", {"court": "U.S. Immigration Court, San Francisco"}),
    ("court", {"court": "Executive Office for Immigration Review"}),
    ("court", {"court": "U.S. Department of Homeland Security"}),
    ("court", {"court": "Immigration and Customs Enforcement"}),
    ("court", {"court": "ICE Field Office"}),
    ("court", {"court": ""}),
    ("court", {"court": "County Recorder"}),
    ("signed", {"signed": False}),
    ("signed", {"judge": " "}),
    *(
        ("signed", {"judge_title": title})
        for title in (
            *("Immigration Judge", "Immigration Officer", "Deportation Officer", "SDDO", "AFOD", "Special Agent"),
            *("Field Office Director", "Authorized Immigration Officer", "Administrative Law Judge", "", "Clerk"),
        )
    ),
    ("form", {"form_number": "DHS Form I-200 (Rev. 09/16)"}),
    ("form", {"form_number": "I-205"}),
    ("form", {"form_number": "I 247A"}),
    ("scanned", {"document_sha256": ""}),
    ("scanned", {"document_sha256": "xyz"}),
]


@pytest.mark.parametrize(("check", "changes"), TRAPS)
def test_what_makes_a_paper_a_courts_is_final(check: str, changes: dict[str, Any]) -> None:
    order = receive("o-1", demand(**changes))
    assert order.state is State.REFUSED
    found = {f.check: f for f in examine(order.demand, NOW)}
    assert found[check].result is Result.FAILED
    assert found[check].final


@pytest.mark.parametrize("title", ["Clerk of the Court", "Attorney for the plaintiff", "Superior Court Judge"])
def test_a_subpoena_may_be_signed_by_clerk_or_counsel(title: str) -> None:
    assert result("signed", instrument="court subpoena", judge_title=title) is Result.PASSED


@pytest.mark.parametrize(
    "changes",
    [
        {"issued": "2026-03-11"},
        {"issued": ""},
        {"issued": "last week"},
        {"valid_until": "2026-03-09"},
        {"valid_until": "soon"},
    ],
)
def test_dates(changes: dict[str, Any]) -> None:
    assert result("dates", **changes) is Result.FAILED


def scope(**changes: Any) -> dict[str, Any]:
    return {**WARRANT["scope"], **changes}


def table(**changes: Any) -> dict[str, Any]:
    return scope(tables={"public.people": {**WARRANT["scope"]["tables"]["public.people"], **changes}})


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        scope(rows=10_001),
        scope(begins="2026-03-10T12:00", ends="2026-03-10T11:00"),
        scope(ends="2026-04-20T12:00"),
        scope(ends="2026-03-24T00:01"),
        scope(login=""),
        scope(tables={}),
        table(ids=[]),
        table(columns={}),
        table(since="2026-01-01"),
    ],
)
def test_scopes(wrong: dict[str, Any] | None) -> None:
    order = receive("o-1", demand(scope=wrong))
    assert order.state is State.REFUSED
    assert result("scope", scope=wrong) is Result.FAILED


def test_each_column_needs_the_papers_words() -> None:
    assert result("words", scope=table(columns={"status": " "})) is Result.FAILED


def test_the_usual_end() -> None:
    made = demand().scope
    assert made is not None
    assert made.ends - made.begins == 72 * 3600
    short = demand(valid_until="2026-03-11").scope
    assert short is not None
    assert short.ends == NOW + 36 * 3600 - 1  # the end of that day
    assert made.people == 2


def test_nobody_told_needs_an_end() -> None:
    assert result("gag", gag="sealed by the court") is Result.FAILED
    assert result("gag", gag="sealed by the court", gag_until="2026-09-01") is Result.PASSED


def test_what_a_person_has_to_say_is_open_until_they_do() -> None:
    order = receive("o-1", demand(answers={}))
    assert order.state is State.RECEIVED
    assert result("caller", answers={}) is Result.OPEN
    assert result("caller", answers={"caller": {"answer": "no"}}) is Result.FAILED


def test_an_emergency_names_the_danger() -> None:
    emergency = {"instrument": "emergency: danger to life", "court": "", "judge": "", "case": "", "document_sha256": ""}
    assert receive("o-1", demand(**emergency)).state is State.REFUSED
    long = scope(begins="2026-03-10T12:00", ends="2026-03-10T16:01")
    assert receive("o-1", demand(danger="a child, held at gunpoint", scope=long, **emergency)).state is State.REFUSED
    short = scope(begins="2026-03-10T12:00", ends="2026-03-10T15:00")
    order = receive("o-1", demand(danger="a child, held at gunpoint", scope=short, **emergency))
    assert order.state is State.IN_REVIEW


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instrument": "ICE warrant"}, "no instrument"),
        ({"answers": {"court": {"answer": "yes"}}}, "no person answers `court`"),
        ({"scope": scope(tables={"people": {}})}, "schema.table"),
        ({"scope": table(ids=[True])}, "an id is"),
        ({"scope": table(since="spring")}, "no time"),
        ({"color": "red"}, "color"),
        ({"asker": None}, "asker"),
    ],
)
def test_a_form_with_faults_says_which(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        form.from_values(values(**changes))
    assert said in caught.value.public


def test_the_blank_form_is_one_and_passes_nothing() -> None:
    made = form.fill(form.parse(parse(form.blank(), "blank.yaml")), "clerk", NOW)
    assert receive("o-1", made).state is State.REFUSED


def test_an_order_reads_back_as_it_was_written() -> None:
    order = receive("o-1", demand())
    assert form.read(form.write(order)) == order


_TEXTS = st.text(max_size=8) | st.sampled_from(["9999-12-31", "0001-01-01", "2026-03-09", "\ud800", "\0", "2026-W01"])
_TABLES = st.dictionaries(
    st.sampled_from(["public.people", "a.b", "a", "\0.b"]),
    st.fixed_dictionaries(
        {"columns": st.dictionaries(_TEXTS, _TEXTS, max_size=2), "key": _TEXTS},
        optional={
            "ids": st.lists(st.integers() | _TEXTS | st.booleans(), max_size=3),
            "dated": _TEXTS,
            "since": _TEXTS | st.none(),
            "until": _TEXTS,
        },
    ),
    max_size=2,
)
_SCOPES = st.fixed_dictionaries(
    {"database": _TEXTS, "login": _TEXTS, "rows": st.integers(), "tables": _TABLES},
    optional={"begins": _TEXTS, "ends": _TEXTS | st.none()},
)
_FORMS = st.fixed_dictionaries(
    {"instrument": st.sampled_from([i.value for i in Instrument]) | _TEXTS},
    optional={
        **dict.fromkeys(("court", "judge", "judge_title", "form_number", "case", "issued", "valid_until"), _TEXTS),
        **dict.fromkeys(("document_sha256", "danger", "gag", "gag_until", "channel"), _TEXTS),
        "scope": _SCOPES | st.none(),
        "answers": st.dictionaries(st.sampled_from([*ASKED, "court"]), st.just({"answer": "no"}), max_size=2),
    },
)


@settings(max_examples=300, deadline=None)
@given(_FORMS)
def test_whatever_is_entered_becomes_an_order_or_is_told_why(given_values: dict[str, Any]) -> None:
    try:
        made = form.fill(form.from_values({**values(), **given_values}), "clerk", NOW)
    except ConfigurationError:
        return
    order = receive("o-1", made)
    assert form.read(form.write(order)) == order
    assert describe(order, (), NOW)["order"] == "o-1"
    assert grant_of(order) is None


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({c.id for c in CHECKS}) == len(CHECKS)
