"""Who may see what, and what becomes of the rest: roles, and rules from tags to treatments, each with its reason.

Knows tags, logins and groups; must not know relations, statements or files. Invariants: a requester sees something
only where *every* rule that covers any of its tags approves one of his roles; the order of rules never matters; adding
a rule never shows more; a tag that no rule covers, and whatever nobody has reviewed, is hidden.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, assert_never

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, with_config
from typing_extensions import TypedDict

from redactor.errors import ConfigurationError, Fault
from redactor.model import Identity, RuleHit
from redactor.tags import PATTERN, UNREVIEWED, covers, is_tag
from redactor.treatment import (
    FilterRows,
    Mask,
    MaskKind,
    RefuseRead,
    Shaping,
    Treatment,
    strictest,
    strictest_shaping,
)
from redactor.yamlfile import Document, Form, Texts, in_order, meant, nothing_is_empty, wrong
from redactor.yamlfile import parse as parse_yaml

__all__ = [
    "NO_RULE",
    "QUARANTINE",
    "UNREVIEWED",
    "Ddl",
    "FilterRows",
    "Mask",
    "MaskKind",
    "Policy",
    "PolicyForm",
    "PolicyRole",
    "Recording",
    "RefuseRead",
    "Rule",
    "Ruling",
    "Shaping",
    "Speaker",
    "TokenClaim",
    "Treatment",
    "parse",
    "strictest",
]

QUARANTINE = "quarantine"
"""The id of the rule for what nobody has reviewed."""

NO_RULE = "no-rule"
"""The id under which a tag that no rule of the policy covers is hidden from everybody."""

_NOT_REVIEWED = "not yet reviewed: a data steward must add it to the catalog file"


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """What a token of that issuer has to say: any of `values` under `claim` (a dotted path into the token)."""

    issuer: str
    claim: str
    values: frozenset[str]

    def holds(self, identity: Identity) -> bool:
        """Whether the identity's token said so, and still counts."""
        return (
            not identity.void
            and identity.issuer == self.issuer
            and any(path == self.claim and value in self.values for path, value in identity.claims)
        )


@dataclass(frozen=True, slots=True)
class PolicyRole:
    """Who has a role: database logins, members of database roles, people of whom a token says so.

    `may_ddl`: may create, alter and drop.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    may_ddl: bool = False
    tokens: tuple[TokenClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class Speaker:
    """Logins that may ask on behalf of the end users of some issuers, each named by a token.

    `keeps_own_roles`: while no end user is named they have the roles of their own login; else none.
    """

    users: frozenset[str]
    issuers: frozenset[str]
    keeps_own_roles: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What is covered by any of `tags` is for the roles in `approved`; `otherwise` is what everybody else gets."""

    id: str
    tags: tuple[str, ...]
    approved: frozenset[str]
    otherwise: Treatment
    when_shaping: Shaping
    because: str
    inserts: bool = True
    """Whether everybody else may give it a value in a new row."""

    def covers(self, tag: str) -> bool:
        """Whether the rule speaks about the tag."""
        return any(covers(above, tag) for above in self.tags)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Why and how something is hidden: the rules that do not approve the requester, by id."""

    treatment: Treatment
    when_shaping: Shaping
    hits: tuple[RuleHit, ...]
    inserts: bool = False


class Recording(Enum):
    """Which allowed statements the log keeps, beside all that were rewritten or refused."""

    NONE = "none"
    PROTECTED = "protected"
    ALL = "all"


class Ddl(Enum):
    """CREATE, ALTER and DROP by ordinary requesters: refused, or let through with derived protection."""

    REFUSE = "refuse"
    DERIVE = "derive"


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy. `quarantined` is the rule for what nobody has reviewed; `digest` is SHA-256 in hex over all that
    can change a decision or a logged reason, and so the same however the file orders or comments it."""

    name: str
    roles: Mapping[str, PolicyRole]
    rules: tuple[Rule, ...]
    quarantined: Rule
    record: Recording = Recording.NONE
    ddl: Ddl = Ddl.REFUSE
    digest: str = ""
    speakers: tuple[Speaker, ...] = ()

    def roles_of(
        self,
        login: str,
        groups: Iterable[str] = (),
        identity: Identity | None = None,
        on_behalf_of: Identity | None = None,
    ) -> frozenset[str]:
        """The policy roles of a login that is a member of those database roles; empty: an ordinary requester.

        `identity`: who logged in with a token; `on_behalf_of`: the end user for whom the login asks, whose roles, and
        no others, then count.
        """
        speaking = [s for s in self.speakers if login in s.users]
        if on_behalf_of is not None:
            allowed = any(on_behalf_of.issuer in s.issuers for s in speaking)
            return self.roles_by_token(on_behalf_of) if allowed else frozenset()
        if speaking and not any(s.keeps_own_roles for s in speaking):
            return frozenset()
        member = frozenset(groups)
        own = frozenset(name for name, r in self.roles.items() if login in r.users or not member.isdisjoint(r.groups))
        return own if identity is None else own | self.roles_by_token(identity)

    def roles_by_token(self, identity: Identity) -> frozenset[str]:
        """The policy roles of a person, by what their token says."""
        return frozenset(name for name, r in self.roles.items() if any(t.holds(identity) for t in r.tokens))

    def speaks_for(self, login: str) -> frozenset[str]:
        """The issuers of the end users on whose behalf a login may ask; empty: it may not."""
        return frozenset(i for s in self.speakers if login in s.users for i in s.issuers)

    def ruling(self, tags: Iterable[str], roles: frozenset[str]) -> Ruling | None:
        """How what carries those tags is hidden from those roles; None: they may see it."""
        against: dict[str, Rule] = {}
        for tag in tags:
            speaking = self.rules_for(tag) or (self._no_rule(tag),)
            against.update({r.id: r for r in speaking if roles.isdisjoint(r.approved)})
        if not against:
            return None
        rules = [against[i] for i in sorted(against)]
        return Ruling(
            strictest(r.otherwise for r in rules),
            strictest_shaping(r.when_shaping for r in rules),
            tuple(RuleHit(r.id, r.because) for r in rules),
            all(r.inserts for r in rules),
        )

    def quarantine(self) -> Ruling:
        """How what nobody has reviewed is hidden from an ordinary requester (others: `ruling({UNREVIEWED}, roles)`)."""
        found = self.ruling((UNREVIEWED,), frozenset())
        assert found is not None  # no rule approves those who have no role
        return found

    def rules_for(self, tag: str) -> tuple[Rule, ...]:
        """The rules that speak about a tag."""
        found = tuple(r for r in self.rules if r.covers(tag))
        return (*found, self.quarantined) if tag == UNREVIEWED else found

    def who_can_see(self, tags: Iterable[str]) -> frozenset[str]:
        """The roles that may see, each by itself, what carries those tags."""
        carried = frozenset(tags)
        return frozenset(name for name in self.roles if self.ruling(carried, frozenset((name,))) is None)

    def may_ddl(self, roles: frozenset[str]) -> bool:
        """Whether requesters with those roles may create, alter and drop."""
        return self.ddl is Ddl.DERIVE or any(self.roles[name].may_ddl for name in roles if name in self.roles)

    def records(self, touches_protected: bool) -> bool:
        """Whether an allowed statement is to be logged. `touches_protected`: it uses something that carries a tag."""
        match self.record:
            case Recording.NONE:
                return False
            case Recording.PROTECTED:
                return touches_protected
            case Recording.ALL:
                return True
            case _:
                assert_never(self.record)

    def _no_rule(self, tag: str) -> Rule:
        because = f"the policy has no rule for the tag `{tag}`: until it has, nobody sees what carries it"
        # one id for each tag, so that several such tags in one ruling are all named
        return Rule(f"{NO_RULE}:{tag}", (tag,), frozenset(), Mask(), Shaping.REFUSE, because, False)


# ------------------------------------------------------------------ the file


def _identifier(what: str, pattern: str, example: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f"`{text}` is not {what}", f"such as `{example}`")
        return text

    return AfterValidator(check)


def _tag(text: str) -> str:
    if not is_tag(text):
        proper = re.sub(r"[^a-z0-9_.]+", "_", text.strip().lower()).strip("._")
        raise wrong(
            f"`{text}` is not a tag: lower-case words joined by dots",
            f"did you mean `{proper}`?" if is_tag(proper) else "such as `document.a_number`",
        )
    return text


_KINDS = {k.value: k for k in MaskKind}
_BARE: Mapping[str, Treatment] = MappingProxyType({"mask": Mask(), "refuse": RefuseRead(), "filter": FilterRows()})
_DEFAULT: Mapping[MaskKind, int | str] = MappingProxyType(
    {MaskKind.CONSTANT: "***", MaskKind.PARTIAL: 4, MaskKind.HASH: ""}
)
_HOW = "mask, refuse, filter, or {mask: year}, {mask: {partial: 4}}, {mask: {bucket: 10}}, ..."


def read_treatment(value: object) -> Treatment:
    """The treatment that `otherwise` spells."""
    match value:
        case Mask() | RefuseRead() | FilterRows():
            return value
        case str() if value in _BARE:
            return _BARE[value]
        case str() if value in _KINDS:
            raise wrong(f"`{value}` is a kind of mask", f"write {{mask: {value}}}")
        case str():
            raise wrong(f"`{value}` is not a treatment", meant(value, _BARE))
        case {"mask": None, **more} if not more:
            return Mask()
        case {"mask": str() as kind, **more} if not more:
            return _mask(kind, None)
        case {"mask": dict() as inner, **more} if not more and len(inner) == 1:
            ((kind, argument),) = inner.items()
            return _mask(str(kind), argument)
        case _:
            raise wrong("this is not a treatment", _HOW)


def _mask(name: str, argument: object) -> Mask:
    kind = _KINDS.get(name)
    if kind is None:
        raise wrong(f"`{name}` is not a kind of mask", meant(name, _KINDS))
    if argument is None:
        argument = _DEFAULT.get(kind)
    match kind:
        case MaskKind.NULL | MaskKind.YEAR | MaskKind.MONTH:
            if argument is not None:
                raise wrong(f"the mask `{name}` takes no argument", f"write {{mask: {name}}}")
            return Mask(kind)
        case MaskKind.CONSTANT:
            if isinstance(argument, bool) or not isinstance(argument, str | int | float):
                raise wrong("the mask `constant` takes one value", "such as {constant: '***'}")
            if "\0" in (text := str(argument)) or len(text) > 200:
                raise wrong("the constant is too long or holds a NUL", "at most 200 characters")
            return Mask(kind, text)
        case MaskKind.PARTIAL:
            if isinstance(argument, bool) or not isinstance(argument, int) or not 1 <= argument <= 8:
                raise wrong(
                    "the mask `partial` takes how many of the last characters stay", "1 to 8, such as {partial: 4}"
                )
            return Mask(kind, argument)
        case MaskKind.BUCKET:
            if isinstance(argument, bool) or not isinstance(argument, int) or not 2 <= argument <= 10**9:
                raise wrong("the mask `bucket` needs a width", "a whole number from 2, such as {bucket: 10}")
            return Mask(kind, argument)
        case MaskKind.HASH:
            if not isinstance(argument, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", argument):
                raise wrong("the mask `hash` takes a label", "letters and digits, such as {hash: appointments}")
            return Mask(kind, argument)
        case _:
            assert_never(kind)


# What a treatment may be spelled like: for the JSON Schema alone, `read_treatment` is what reads it.
@with_config(ConfigDict(extra="forbid"))
class MaskArgument(TypedDict, total=False):
    constant: str | int | float
    partial: Annotated[int, Field(ge=1, le=8)]
    bucket: Annotated[int, Field(ge=2)]
    hash: str


@with_config(ConfigDict(extra="forbid"))
class MaskInput(TypedDict):
    mask: (
        Literal["null", "constant", "partial", "year", "month", "hash"]
        | Annotated[MaskArgument, Field(json_schema_extra={"minProperties": 1, "maxProperties": 1})]
        | None
    )


TagText = Annotated[str, Field(pattern=PATTERN)]
TreatmentInput: TypeAlias = Literal["mask", "refuse", "filter"] | MaskInput
Tag = Annotated[str, AfterValidator(_tag), WithJsonSchema({"type": "string", "pattern": PATTERN})]
RuleId = Annotated[str, _identifier("a rule's id", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "status-need-to-know")]
RoleName = Annotated[str, _identifier("a role's name", r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}", "caseworker")]
Tags = Annotated[
    list[Tag],
    BeforeValidator(lambda v: [v] if isinstance(v, str) else v, json_schema_input_type=TagText | list[TagText]),
]
TreatmentField = Annotated[Any, PlainValidator(read_treatment, json_schema_input_type=TreatmentInput)]


class TokenForm(Form):
    issuer: str = Field(description="the provider's name in redactor.yaml, under identity")
    claim: str = Field(description="what the token has to say it under, such as groups or realm_access.roles")
    values: Texts = Field(description="one of these", min_length=1)


class SpeakerForm(Form):
    users: Texts = Field(description="database logins of applications", min_length=1)
    issuer: Texts = Field(description="whose end users: providers' names in redactor.yaml", min_length=1)
    keeps_own_roles: bool = Field(default=False, description="has its login's roles while no end user is named")


class RoleForm(Form):
    users: Texts = Field(default=[], description="database logins")
    groups: Texts = Field(default=[], description="database roles; whoever is a member of one has this role")
    may_ddl: bool = Field(default=False, description="may create, alter and drop; what they make derives protection")
    tokens: list[TokenForm] = Field(default=[], description="people of whom a signed token says so")


OptionalRole = Annotated[RoleForm, BeforeValidator(nothing_is_empty, json_schema_input_type=RoleForm | None)]


class RuleForm(Form):
    id: RuleId = Field(description="a short name, unique in this policy; the log and error messages quote it")
    tags: Tags = Field(description="one tag or a list; a tag covers what is below it", min_length=1)
    approved: Texts = Field(default=[], description="the roles that see it as it is; none: nobody")
    otherwise: TreatmentField = Field(
        default=Mask(), description=f"what everybody else gets: {_HOW}", json_schema_extra={"default": "mask"}
    )
    when_shaping_rows: Literal["refuse", "mask"] = Field(
        default="refuse", description="where the column decides which rows there are: refuse, or decide by the mask"
    )
    when_inserted: Literal["allow", "refuse"] | None = Field(
        default=None,
        description="a value of one's own in a new row: allow or refuse; without it, as `otherwise`: a mask allows it",
    )
    because: str = Field(default="", description="the reason, as people and the log are told it")


class QuarantineForm(Form):
    approved: Texts = Field(default=[], description="roles that see what nobody has reviewed yet")
    otherwise: TreatmentField = Field(
        default=Mask(), description="mask or refuse", json_schema_extra={"default": "mask"}
    )
    when_shaping_rows: Literal["refuse", "mask"] = "refuse"


def _short_quarantine(value: object) -> object:
    return {"otherwise": value} if isinstance(value, str) else {} if value is None else value


class PolicyForm(Form):
    """A policy file."""

    name: str = Field(default="", description="the policy's name")
    about: str = Field(default="", description="for readers; no effect")
    roles: dict[RoleName, OptionalRole] = Field(
        default={}, description="who is who; whoever matches none is an ordinary requester"
    )
    rules: list[RuleForm] = Field(default=[], description="what is protected, from whom, how and why")
    quarantine: Annotated[
        QuarantineForm,
        BeforeValidator(
            _short_quarantine, json_schema_input_type=QuarantineForm | Literal["mask", "refuse", "filter"] | None
        ),
    ] = Field(
        default=QuarantineForm(),
        description="what exists upstream and is not in the catalog file",
        json_schema_extra={"default": {}},
    )
    record: Literal["none", "protected", "all"] = Field(
        default="none", description="which allowed statements the log keeps; rewritten and refused ones always"
    )
    ddl: Literal["refuse", "derive"] = Field(
        default="refuse", description="CREATE, ALTER and DROP by requesters whose role does not have may_ddl"
    )
    speaks_for: Annotated[
        list[SpeakerForm],
        BeforeValidator(
            lambda v: [v] if isinstance(v, dict) else v, json_schema_input_type=SpeakerForm | list[SpeakerForm]
        ),
    ] = Field(default=[], description="logins that may ask on behalf of people, each named by a signed token")


def parse(text: str, file: str) -> Policy:
    """The policy in a file's text. Raises ConfigurationError with every fault; `file` is its name for people."""
    document = parse_yaml(text, file)
    form, faults = document.check(PolicyForm)
    faults.extend(_inconsistent(document))
    if form is None or faults:
        raise ConfigurationError(in_order(faults))
    roles = {
        name: PolicyRole(
            frozenset(r.users),
            frozenset(r.groups),
            r.may_ddl,
            tuple(TokenClaim(t.issuer, t.claim, frozenset(t.values)) for t in r.tokens),
        )
        for name, r in form.roles.items()
    }
    speakers = tuple(Speaker(frozenset(s.users), frozenset(s.issuer), s.keeps_own_roles) for s in form.speaks_for)
    rules = tuple(
        Rule(
            r.id,
            tuple(dict.fromkeys(r.tags)),
            frozenset(r.approved),
            r.otherwise,
            Shaping(r.when_shaping_rows),
            " ".join(r.because.split()),
            isinstance(r.otherwise, Mask) if r.when_inserted is None else r.when_inserted == "allow",
        )
        for r in form.rules
    )
    q = form.quarantine
    quarantined = Rule(
        QUARANTINE,
        (UNREVIEWED,),
        frozenset(q.approved),
        q.otherwise,
        Shaping(q.when_shaping_rows),
        _NOT_REVIEWED,
        isinstance(q.otherwise, Mask),
    )
    recording, ddl = Recording(form.record), Ddl(form.ddl)
    return make(form.name or PurePath(file).stem, roles, rules, quarantined, recording, ddl, speakers)


def make(
    name: str,
    roles: Mapping[str, PolicyRole],
    rules: Iterable[Rule],
    quarantined: Rule | None = None,
    record: Recording = Recording.NONE,
    ddl: Ddl = Ddl.REFUSE,
    speakers: tuple[Speaker, ...] = (),
) -> Policy:
    """A policy with its digest."""
    if quarantined is None:
        quarantined = Rule(QUARANTINE, (UNREVIEWED,), frozenset(), Mask(), Shaping.REFUSE, _NOT_REVIEWED)
    kept = tuple(rules)
    content = {
        "name": name,
        "roles": {n: [sorted(r.users), sorted(r.groups), r.may_ddl] for n, r in roles.items()},
        "rules": sorted(_canonical(r) for r in (*kept, quarantined)),
        "record": record.value,
        "ddl": ddl.value,
    }
    tokens = {n: sorted([t.issuer, t.claim, sorted(t.values)] for t in r.tokens) for n, r in roles.items() if r.tokens}
    if tokens or speakers:
        content["tokens"] = tokens
        content["speakers"] = sorted([sorted(s.users), sorted(s.issuers), s.keeps_own_roles] for s in speakers)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Policy(name, MappingProxyType(dict(roles)), kept, quarantined, record, ddl, digest, speakers)


def _canonical(rule: Rule) -> list[object]:
    approved, tags = sorted(rule.approved), sorted(rule.tags)
    return [rule.id, tags, approved, repr(rule.otherwise), rule.when_shaping.value, rule.because, rule.inserts]


def _inconsistent(document: Document) -> list[Fault]:
    """What no form can see by itself: names that refer to nothing, ids given twice. Looks only at well-formed parts."""
    faults: list[Fault] = []
    value = document.value
    if not isinstance(value, dict):
        return faults
    roles = value.get("roles")
    known = set(roles) if isinstance(roles, dict) else set()
    rules = value.get("rules")
    numbered = list(enumerate(rules)) if isinstance(rules, list) else []
    seen: dict[str, int] = {}
    places: list[tuple[tuple[str | int, ...], object]] = [(("rules", i), r) for i, r in numbered]
    places.append((("quarantine",), value.get("quarantine")))
    for at, rule in places:
        if not isinstance(rule, dict):
            continue
        approved = rule.get("approved")
        for n, role in enumerate([approved] if isinstance(approved, str) else approved or ()):
            if isinstance(role, str) and role not in known:
                what = f"there is no role `{role}`"
                faults.append(document.fault((*at, "approved", n), what, meant(role, known) or "define it under roles"))
        given = rule.get("id")
        if isinstance(given, str):
            if given in seen:
                line = document.place(("rules", seen[given], "id"))[0]
                faults.append(
                    document.fault((*at, "id"), f"the rule id `{given}` is taken", f"first used in line {line}")
                )
            elif given in (QUARANTINE, NO_RULE):
                faults.append(document.fault((*at, "id"), f"the rule id `{given}` is redactor's own", "choose another"))
            else:
                seen[given] = at[1] if isinstance(at[1], int) else 0
    return faults
