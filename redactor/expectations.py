"""What a policy's own tests expect: who gets what of which tag. Kept beside the policy, as `NAME.test.yaml`.

Knows the file's form and how to ask a policy. Must not know relations or statements. Invariant: a case that asks for
nothing is a fault, so that no test passes by being empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from redactor.errors import ConfigurationError, Fault
from redactor.model import Identity
from redactor.policy import Policy, Shaping, Tag, Treatment, TreatmentInput, read_treatment
from redactor.yamlfile import Document, Form, Texts, in_order, meant, wrong
from redactor.yamlfile import parse as parse_yaml

SEES = "sees"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of a case: the treatment of a tag (None: seen as it is), and where the line is."""

    tag: str
    treatment: Treatment | None
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """A requester, by login and groups or by policy roles, and what he is to get.

    `identity`: what the token said with which he logged in; `on_behalf_of`: the end user for whom the login asks.
    """

    name: str
    login: str
    groups: frozenset[str]
    given: frozenset[str] | None
    roles: frozenset[str] | None
    expected: tuple[Expectation, ...]
    shaping: tuple[tuple[str, Shaping, tuple[int, int]], ...]
    may_ddl: bool | None
    place: tuple[int, int]
    identity: Identity | None = None
    on_behalf_of: Identity | None = None


def _read_expected(value: object) -> Treatment | None:
    if value == SEES:
        return None
    try:
        return read_treatment(value)
    except ValueError as e:
        if isinstance(value, str) and meant(value, [SEES]).startswith("did you"):
            raise wrong(f"`{value}` is not a treatment", f"did you mean `{SEES}`?") from e
        raise


ExpectedField = Annotated[Any, PlainValidator(_read_expected, json_schema_input_type=Literal["sees"] | TreatmentInput)]


class PersonForm(Form):
    issuer: str = Field(description="who signed the token: a provider's name in the configuration")
    subject: str = Field(default="somebody", description="whom the token names")
    claims: dict[str, Texts] = Field(default={}, description="what it says: a dotted path into it, and its values")

    @property
    def identity(self) -> Identity:
        """The person."""
        said = frozenset((path, value) for path, values in self.claims.items() for value in values)
        return Identity(self.issuer, self.subject, said)


class CaseForm(Form):
    name: str = Field(default="", description="what the case shows, for people")
    login: str | None = Field(default=None, description="a database login")
    groups: Texts = Field(default=[], description="the database roles that the login is a member of")
    token: PersonForm | None = Field(default=None, description="the token with which the login logs in")
    end_user: PersonForm | None = Field(default=None, description="for whom a login asks that speaks for others")
    as_roles: Texts | None = Field(default=None, description="instead of a login: these policy roles")
    roles: Texts | None = Field(default=None, description="the policy roles that the login must turn out to have")
    gets: dict[Tag, ExpectedField] = Field(default={}, description="tag: sees, mask, refuse, filter, {mask: year}, ...")
    when_shaping_rows: dict[Tag, Literal["refuse", "mask"]] = Field(default={}, description="tag: refuse or mask")
    may_ddl: bool | None = Field(default=None, description="whether CREATE, ALTER and DROP are allowed")


class CasesForm(Form):
    """A policy's tests."""

    cases: list[CaseForm] = Field(description="each a requester and what he gets", min_length=1)


def parse(text: str, file: str) -> tuple[Case, ...]:
    """The cases in a file's text. Raises ConfigurationError with every fault."""
    document = parse_yaml(text, file)
    form, faults = document.check(CasesForm)
    if form is None:
        raise ConfigurationError(in_order(faults))
    faults = list(_pointless(document, form))
    if faults:
        raise ConfigurationError(in_order(faults))
    return tuple(_case(document, i, c) for i, c in enumerate(form.cases))


def _pointless(document: Document, form: CasesForm) -> Iterator[Fault]:
    for i, c in enumerate(form.cases):
        at = ("cases", i)
        if not c.gets and not c.when_shaping_rows and c.roles is None and c.may_ddl is None:
            yield document.fault(at, "the case expects nothing", "say what is got under `gets`")
        if (c.login is None) == (c.as_roles is None):
            yield document.fault(at, "the case names nobody", "give either `login` or `as_roles`")
        elif c.login is None and (c.token is not None or c.end_user is not None):
            yield document.fault(at, "the case has a person and no login", "say which `login` asks")


def _case(document: Document, index: int, form: CaseForm) -> Case:
    at = ("cases", index)
    expected = tuple(Expectation(tag, t, document.place((*at, "gets", tag), key=True)) for tag, t in form.gets.items())
    shaping = tuple(
        (tag, Shaping(s), document.place((*at, "when_shaping_rows", tag), key=True))
        for tag, s in form.when_shaping_rows.items()
    )
    name = form.name or form.login or " and ".join(form.as_roles or ()) or "nobody in particular"
    given = None if form.as_roles is None else frozenset(form.as_roles)
    roles = None if form.roles is None else frozenset(form.roles)
    place = document.place(at)
    identity, behalf = (p.identity if p is not None else None for p in (form.token, form.end_user))
    groups = frozenset(form.groups)
    return Case(name, form.login or "", groups, given, roles, expected, shaping, form.may_ddl, place, identity, behalf)


def count(cases: tuple[Case, ...]) -> int:
    """How many things the cases expect."""
    return sum(len(c.expected) + len(c.shaping) + (c.roles is not None) + (c.may_ddl is not None) for c in cases)


def unmet(policy: Policy, cases: tuple[Case, ...], file: str) -> list[Fault]:
    """Every expectation that the policy does not meet, with what it does instead."""
    return [f for case in cases for f in _unmet(policy, case, file)]


def _unmet(policy: Policy, case: Case, file: str) -> Iterator[Fault]:
    unknown = sorted((case.given or frozenset()) - set(policy.roles))
    if unknown:
        yield Fault(file, *case.place, f"{case.name}: there is no role `{unknown[0]}`", meant(unknown[0], policy.roles))
        return
    issuer = case.on_behalf_of.issuer if case.on_behalf_of is not None else None
    if issuer is not None and issuer not in policy.speaks_for(case.login):
        what = f"{case.name}: {case.login} does not speak for the end users of {issuer}"
        yield Fault(file, *case.place, what, "list both under `speaks_for`")
        return
    roles = case.given
    if roles is None:
        roles = policy.roles_of(case.login, case.groups, case.identity, case.on_behalf_of)
    if case.roles is not None and case.roles != roles:
        what = f"{case.name}: has the roles {_names(roles)}, not {_names(case.roles)}"
        yield Fault(file, *case.place, what)
    for e in case.expected:
        ruling = policy.ruling((e.tag,), roles)
        got = ruling.treatment if ruling else None
        if got != e.treatment:
            by = " by " + ", ".join(h.rule for h in ruling.hits) if ruling else ""
            what = f"{case.name}: of {e.tag} gets `{spelled(got)}`{by}, not `{spelled(e.treatment)}`"
            yield Fault(file, *e.place, what)
    for tag, shaping, place in case.shaping:
        ruling = policy.ruling((tag,), roles)
        shaped = ruling.when_shaping.value if ruling else SEES
        if shaped != shaping.value:
            yield Fault(file, *place, f"{case.name}: {tag} where it shapes rows: `{shaped}`, not `{shaping.value}`")
    if case.may_ddl is not None and policy.may_ddl(roles) != case.may_ddl:
        yield Fault(
            file, *case.place, f"{case.name}: {'may' if not case.may_ddl else 'may not'} create, alter and drop"
        )


def spelled(treatment: Treatment | None) -> str:
    """A treatment in a word or two."""
    return SEES if treatment is None else str(treatment)


def _names(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles)) or "none"
