"""How a decision is shown to a person and to a program."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from redactor.cli.explain import Explained, difference, person, show, to_json
from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.errors import RedactorError
from redactor.model import ColumnName, ColumnUse, Footprint, Problem, RelationName, Requester, RuleHit, Use

NAME = ColumnName("public", "residents", "full_name")
NUMBER = ColumnName("public", "residents", "alien_number")
SEEN = Footprint(
    ("SelectStmt",),
    (RelationName("public", "residents"),),
    (ColumnUse(NAME, Use.OUTPUT), ColumnUse(NUMBER, Use.OUTPUT)),
)
HIT = RuleHit("need-to-know", "only who decides on a benefit", (NUMBER,))
BEFORE = "SELECT r.* FROM residents r"
AFTER = "SELECT r.* FROM (SELECT full_name, NULL::text AS alien_number FROM public.residents) r"


def explained(decision: Decision, roles: tuple[str, ...] = ()) -> Explained:
    return Explained(Requester("clerk", "city", frozenset({"staff"})), roles, "d1gest", BEFORE, decision)


def printed(e: Explained, colours: bool = False) -> str:
    out = io.StringIO()
    show(Console(file=out, width=200, force_terminal=colours, color_system="standard" if colours else None), e)
    return out.getvalue()


def test_allowed() -> None:
    e = explained(Allow(SEEN), ("caseworker",))
    text = printed(e)
    assert "allowed  for clerk (caseworker)" in text
    assert "sent instead" not in text
    assert to_json(e)["decision"] == "allowed"
    assert to_json(e)["text"] is None


def test_redacted_names_the_rule_the_columns_and_the_text() -> None:
    e = explained(Redact(AFTER, SEEN, (HIT,)))
    text = printed(e)
    assert "redacted  for clerk (no role: an ordinary requester)" in text
    assert "need-to-know: only who decides on a benefit" in text
    assert AFTER in text
    lines = [line.split() for line in text.splitlines()]
    assert ["public.residents.alien_number", "output", "protected"] in lines
    assert ["public.residents.full_name", "output"] in lines


def test_refused_is_shown_as_psql_would() -> None:
    problem = Problem("42501", "refused", "because of alien_number", "ask the data steward")
    text = printed(explained(Refuse(Refuse.failing(), problem, SEEN, (HIT,))))
    assert "ERROR:  42501: refused\nDETAIL:  because of alien_number\nHINT:  ask the data steward\n" in text


def test_json_holds_all() -> None:
    problem = Problem("42501", "refused", "why", "what to do", 8)
    found = to_json(explained(Refuse(Refuse.failing(), problem, SEEN, (HIT,))))
    assert found == {
        "decision": "refused",
        "user": "clerk",
        "groups": ["staff"],
        "token": None,
        "for": None,
        "roles": [],
        "database": "city",
        "rules": [
            {
                "id": "need-to-know",
                "because": "only who decides on a benefit",
                "columns": ["public.residents.alien_number"],
            }
        ],
        "relations": ["public.residents"],
        "columns": [
            {"column": "public.residents.full_name", "use": "output"},
            {"column": "public.residents.alien_number", "use": "output"},
        ],
        "functions": [],
        "kinds": ["SelectStmt"],
        "text": None,
        "problem": {
            "sqlstate": "42501",
            "message": "refused",
            "detail": "why",
            "hint": "what to do",
            "position": 8,
        },
        "snapshot": "d1gest",
    }


def test_the_difference_marks_what_is_new() -> None:
    text = difference(BEFORE, AFTER)
    new = "".join(text.plain[s.start : s.end] for s in text.spans if s.style == "green")
    old = "".join(text.plain[s.start : s.end] for s in text.spans if "strike" in str(s.style))
    assert "NULL::text" in new
    assert "SELECT r.* FROM" not in new
    assert len(text.plain) == len(AFTER) + len(old)
    assert "\x1b[" in printed(explained(Redact(AFTER, SEEN, (HIT,))), colours=True)


def test_markup_in_a_statement_is_only_text() -> None:
    e = explained(Redact("SELECT a[1] FROM [bold]t", SEEN, (RuleHit("r[red]", "[b]why[/b]"),)))
    assert "SELECT a[1] FROM [bold]t" in printed(e)
    assert "r[red]" in printed(e)
    assert "[b]why[/b]" in printed(e)


def test_a_person_is_named_by_issuer_subject_and_claims() -> None:
    anna = person("city/anna", ["groups=benefits", "realm.roles=a=b"])
    assert (anna.issuer, anna.subject) == ("city", "anna")
    assert anna.claims == {("groups", "benefits"), ("realm.roles", "a=b")}
    for name, claims in (("anna", []), ("/anna", []), ("city/", []), ("city/anna", ["groups"])):
        with pytest.raises(RedactorError):
            person(name, claims)


def test_whom_the_login_asks_for_is_shown() -> None:
    who = Requester("app", "city", on_behalf_of=person("city/anna", []))
    e = Explained(who, ("caseworker",), "d1gest", BEFORE, Allow(SEEN))
    assert "allowed  for app for city/anna (caseworker)" in printed(e)
    assert to_json(e)["for"] == "city/anna"
    assert to_json(e)["token"] is None
