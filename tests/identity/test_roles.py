"""Roles by what tokens say, and who may speak for whom."""

from __future__ import annotations

from dataclasses import replace

from redactor import policy
from redactor.context import Context
from redactor.model import Identity
from redactor.transitions import Begin, Finish, ResetAll, RollbackTo, Savepoint, SetIdentity

POLICY = policy.parse(
    """
name: test
roles:
  benefits:
    users: [staff, app, keeper]
    tokens: [{issuer: city, claim: groups, values: [benefits, health]}]
  chief:
    tokens: [{issuer: city, claim: realm.roles, values: [chief]}, {issuer: state, claim: sub, values: [gov]}]
rules: []
speaks_for:
  - {users: [app], issuer: city}
  - {users: [keeper], issuer: [city, state], keeps_own_roles: true}
""",
    "policy.yaml",
)


def person(issuer: str = "city", **claims: str) -> Identity:
    return Identity(issuer, "anna", frozenset((k.replace("__", "."), v) for k, v in claims.items()), 100.0)


def roles(login: str, identity: Identity | None = None, on_behalf_of: Identity | None = None) -> set[str]:
    return set(POLICY.roles_of(login, (), identity, on_behalf_of))


def test_who_logs_in_with_a_token_has_both() -> None:
    assert roles("staff") == {"benefits"}
    assert roles("staff", person(realm__roles="chief")) == {"benefits", "chief"}
    assert roles("anybody", person(groups="health")) == {"benefits"}
    assert roles("anybody", person(groups="parks")) == set()
    assert roles("anybody", person("state", groups="benefits")) == set()
    assert roles("anybody", person("state", sub="gov")) == {"chief"}


def test_who_speaks_for_others() -> None:
    assert roles("app") == set()
    assert roles("keeper") == {"benefits"}
    for login in ("app", "keeper"):
        assert roles(login, None, person(groups="parks")) == set()
        assert roles(login, None, person(realm__roles="chief")) == {"chief"}
        assert roles(login, None, replace(person(realm__roles="chief"), void="old")) == set()
    assert roles("app", None, person("state", sub="gov")) == set()
    assert roles("keeper", None, person("state", sub="gov")) == {"chief"}
    # a token that logged the application in says nothing of its end user
    assert roles("app", person(groups="benefits"), person(groups="parks")) == set()
    # who may not speak for others has nothing by doing so
    assert roles("staff", None, person(groups="benefits")) == set()
    assert POLICY.speaks_for("staff") == frozenset()
    assert POLICY.speaks_for("keeper") == {"city", "state"}


def test_the_digest_covers_them() -> None:
    changed = policy.make(POLICY.name, POLICY.roles, POLICY.rules, POLICY.quarantined, speakers=POLICY.speakers[:1])
    assert changed.digest != POLICY.digest


def test_an_identity_follows_transactions() -> None:
    anna, ben = person(), replace(person(), subject="ben")
    c = Context.start("app").after(SetIdentity(anna)).ended(False)
    assert c.identity == anna
    t = c.after(Begin()).after(Savepoint("s")).after(SetIdentity(ben, local=True))
    assert t.identity == ben
    assert t.key() != c.key()
    assert t.after(RollbackTo("s")).identity == anna
    assert t.after(Finish(True)).identity == anna
    assert c.after(Begin()).after(SetIdentity(ben)).after(Finish(False)).identity == anna
    assert c.after(Begin()).after(SetIdentity(ben)).after(Finish(True)).identity == ben
    assert c.after(ResetAll()).identity is None
    assert c.after(Begin()).after(ResetAll()).after(Finish(False)).identity == anna


def test_what_is_void_does_not_come_back() -> None:
    anna, ben = person(), replace(person(), subject="ben")
    c = Context.start("app").after(SetIdentity(anna)).ended(False).after(Begin()).after(SetIdentity(ben))
    old = c.after(Savepoint("s")).voided("old")
    assert old.identity is not None
    assert (old.identity.subject, old.identity.void) == ("ben", "old")
    for back in (old.after(RollbackTo("s")), old.after(Finish(True))):
        assert back.identity is not None
        assert back.identity.void == "old"
    assert old.after(Finish(False)).identity == anna
    none = c.voided("refused", any_identity=True)
    for later in (none, none.after(Finish(False)), none.after(Finish(True)), none.failed()):
        assert later.identity is not None
        assert later.identity.void == "refused"
    assert none.after(SetIdentity(anna)).identity == anna
    fresh = Context.start("app").voided("refused", any_identity=True)
    assert fresh.identity is not None
    assert fresh.identity.void == "refused"
