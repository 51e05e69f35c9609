"""A policy's own tests find what they are written to find."""

from __future__ import annotations

import pytest

from redactor import expectations, policy
from redactor.errors import ConfigurationError

POLICY = """
roles: {caseworker: {groups: [staff]}, dba: {users: [root], may_ddl: true}}
rules:
  - {id: a, tags: status, approved: [caseworker]}
  - {id: b, tags: trace, approved: [caseworker], otherwise: {mask: year}, when_shaping_rows: mask}
"""


def unmet(cases: str) -> list[str]:
    found = expectations.unmet(policy.parse(POLICY, "p"), expectations.parse(cases, "t"), "t")
    return [str(f) for f in found]


def test_what_holds_is_not_reported() -> None:
    assert unmet(
        "cases:\n"
        "- {login: x, groups: staff, roles: [caseworker], gets: {status: sees, trace.home: sees, other: mask}}\n"
        "- {as_roles: dba, gets: {status.current: mask, trace: {mask: year}}, may_ddl: true}\n"
        "- {login: nobody, roles: [], when_shaping_rows: {status: refuse, trace: mask}, may_ddl: false}\n"
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("{login: x, gets: {status: sees}}", "t:2:21: x: of status gets `mask null` by a, not `sees`"),
        ("{login: x, groups: staff, gets: {status: mask}}", "t:2:36: x: of status gets `sees`, not `mask null`"),
        ("{name: n, login: x, gets: {trace: refuse}}", "t:2:30: n: of trace gets `mask year` by b, not `refuse`"),
        ("{login: x, roles: dba}", "t:2:3: x: has the roles none, not dba"),
        ("{login: root, roles: []}", "t:2:3: root: has the roles dba, not none"),
        ("{as_roles: bda, roles: dba}", "t:2:3: bda: there is no role `bda` (did you mean `dba`?)"),
        (
            "{login: x, when_shaping_rows: {trace: refuse}}",
            "t:2:34: x: trace where it shapes rows: `mask`, not `refuse`",
        ),
        ("{login: root, may_ddl: false}", "t:2:3: root: may create, alter and drop"),
        ("{login: x, may_ddl: true}", "t:2:3: x: may not create, alter and drop"),
    ],
)
def test_what_does_not_hold_is(case: str, expected: str) -> None:
    assert unmet(f"cases:\n- {case}\n") == [expected]


def test_count() -> None:
    cases = expectations.parse("cases: [{login: x, roles: [], gets: {a: mask, b: sees}, may_ddl: false}]", "t")
    assert expectations.count(cases) == 4


SPEAKING = """
roles:
  caseworker: {tokens: [{issuer: city, claim: groups, values: [benefits]}]}
  dba: {users: [app]}
rules: [{id: a, tags: status, approved: [caseworker]}]
speaks_for: [{users: [app], issuer: [city]}]
"""


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("{login: app, end_user: {issuer: city, claims: {groups: [benefits, x]}}, roles: caseworker}", ""),
        ("{login: app, end_user: {issuer: city, claims: {groups: x}}, roles: [], gets: {status: mask}}", ""),
        ("{login: app, end_user: {issuer: city}, gets: {status: sees}}", "of status gets `mask null` by a"),
        ("{login: app, roles: []}", ""),
        ("{login: x, token: {issuer: city, claims: {groups: benefits}}, gets: {status: sees}}", ""),
        ("{login: x, token: {issuer: other, claims: {groups: benefits}}, gets: {status: mask}}", ""),
        ("{login: x, end_user: {issuer: city}, roles: []}", "x does not speak for the end users of city"),
        ("{login: app, end_user: {issuer: other}, roles: []}", "app does not speak for the end users of other"),
    ],
)
def test_people_behind_a_login(case: str, expected: str) -> None:
    cases = expectations.parse(f"cases:\n- {case}\n", "t")
    found = [str(f) for f in expectations.unmet(policy.parse(SPEAKING, "p"), cases, "t")]
    assert len(found) == (1 if expected else 0), found
    assert all(expected in f for f in found)


def test_a_person_needs_a_login() -> None:
    with pytest.raises(ConfigurationError, match="a person and no login"):
        expectations.parse("cases: [{as_roles: dba, end_user: {issuer: city}, may_ddl: true}]", "t")
