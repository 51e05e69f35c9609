"""The files of one installation, read together: configuration, policy, catalogs; and what is odd about them.

Knows which file refers to which. Must not print. Invariant: a fault in one file does not keep the others' from being
found, unless it is what says where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from redactor import config, policy, review
from redactor.config import Config
from redactor.errors import ConfigurationError, Fault
from redactor.policy import MaskKind, Policy, Tag
from redactor.review import Review
from redactor.tags import UNREVIEWED
from redactor.treatment import Mask
from redactor.yamlfile import Form, in_order, meant, parse, read


class KnownTagForm(Form):
    means: str = Field(description="what it says about a person")
    level: int = Field(default=3, ge=0, le=5, description="how much one value tells; 5: it determines")


class KnownTagsForm(Form):
    """The tags in use and what they mean: `tags.yaml` beside a policy."""

    tags: dict[Tag, KnownTagForm] = Field(description="by name")


@dataclass(slots=True)
class Installation:
    """What was found. `faults` keep redactor from starting; `notes` are worth a look. Paths in both are absolute."""

    config: Config
    policy: Policy | None = None
    reviews: dict[str, Review] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)


def load(path: Path, environment: Mapping[str, str]) -> Installation:
    """All the files that a configuration names. Raises ConfigurationError only for the configuration itself."""
    found = Installation(config.load(path, environment))
    try:
        found.policy = policy.parse(read(found.config.policy), str(found.config.policy))
    except ConfigurationError as e:
        found.faults += e.faults
    try:
        found.tags = known_tags(found.config.policy)
    except ConfigurationError as e:
        found.faults += e.faults
    for name, database in found.config.databases.items():
        if not database.catalog.exists():
            what = "there is no such file: everything in the database is hidden until it is reviewed"
            found.faults.append(Fault(str(database.catalog), 0, 0, what, f"write it with: redactor scan {name}"))
            continue
        try:
            found.reviews[name] = review.parse(read(database.catalog), str(database.catalog))
        except ConfigurationError as e:
            found.faults += e.faults
    found.faults += _missing_files(found.config)
    if found.policy is not None:
        found.faults += _secrets(found)
        found.faults += _strange_issuers(found.policy, found.config)
        found.notes += _policy_notes(found.policy, found.config.policy)
        for name, r in found.reviews.items():
            file = found.config.databases[name].catalog
            found.faults += _other_database(name, r, file)
            found.notes += _catalog_notes(name, r, file, found.policy, found.tags)
    found.faults = in_order(found.faults)
    found.notes = in_order(found.notes)
    return found


def known_tags(policy_file: Path) -> Mapping[str, str]:
    """Tag to meaning, from `tags.yaml` beside the policy; empty where there is none. Raises ConfigurationError."""
    path = policy_file.with_name("tags.yaml")
    if not path.exists():
        return {}
    form, faults = parse(read(path), str(path)).check(KnownTagsForm)
    if form is None:
        raise ConfigurationError(in_order(faults))
    return {tag: t.means for tag, t in form.tags.items()}


def _missing_files(c: Config) -> Iterator[Fault]:
    wanted = [("tls: certificate", c.tls.certificate), ("tls: key", c.tls.key)] if c.tls else []
    if c.tls is not None and c.tls.client_ca is not None:
        wanted.append(("tls: client_ca", c.tls.client_ca))
    if c.logins.verifiers is not None:
        wanted.append(("login: verifiers", c.logins.verifiers))
    wanted += [(f"identity: {p.name}: jwks", p.keys) for p in c.providers.values() if isinstance(p.keys, Path)]
    for d in c.databases.values():
        wanted += [
            (f"databases: {d.name}: {option}", p)
            for option, p in (("sslcert", d.upstream.certificate), ("sslkey", d.upstream.key))
            if p is not None
        ]
    if c.log.auditor_key is not None:
        wanted.append(("log: auditor_key", c.log.auditor_key))
    wanted += [
        (f"databases: {d.name}: sslrootcert", p) for d in c.databases.values() if (p := d.upstream.root_certificate)
    ]
    for key, path in wanted:
        if not path.is_file():
            yield Fault(str(c.file), 0, 0, f"{key}: there is no file {path}", "check the path")


def _secrets(found: Installation) -> Iterator[Fault]:
    assert found.policy is not None
    if found.config.mask_key is None:
        hashing = [
            r.id for r in found.policy.rules if isinstance(r.otherwise, Mask) and r.otherwise.kind is MaskKind.HASH
        ]
        if hashing:
            what = f"the policy's rule `{hashing[0]}` masks by hash, and there is no `mask_key`"
            yield Fault(str(found.config.file), 0, 0, what, "mask_key: ${REDACTOR_MASK_KEY}")


def _strange_issuers(p: Policy, c: Config) -> Iterator[Fault]:
    named = {t.issuer for r in p.roles.values() for t in r.tokens} | {i for s in p.speakers for i in s.issuers}
    for issuer in sorted(named - set(c.providers)):
        what = f"the issuer `{issuer}` is not under identity in {c.file.name}"
        yield Fault(str(c.policy), 0, 0, what, meant(issuer, c.providers) if c.providers else "define it there")


def _other_database(name: str, r: Review, file: Path) -> Iterator[Fault]:
    if r.database and r.database != name:
        line, column = parse(read(file), str(file)).place(("database",))
        yield Fault(
            str(file), line, column, f"is about the database `{r.database}`", f"redactor.yaml calls it `{name}`"
        )


def _policy_notes(p: Policy, file: Path) -> Iterator[Fault]:
    document = parse(read(file), str(file))
    if not p.rules:
        yield Fault(str(file), 0, 0, "has no rules: whatever carries a tag is hidden from everybody")
    for i, rule in enumerate(p.rules):
        if not rule.because:
            yield document.fault(("rules", i), f"the rule `{rule.id}` gives no reason", "because: ...")
    for name, role in p.roles.items():
        if not role.users and not role.groups and not role.tokens:
            yield document.fault(
                ("roles", name), f"nobody can have the role `{name}`", "list users or groups", key=True
            )


def _catalog_notes(name: str, r: Review, file: Path, p: Policy, known: Mapping[str, str]) -> Iterator[Fault]:
    strange = {t for t in r.tags() if not p.rules_for(t)}
    told = sum(len(x.proposed) for x in r.relations.values())
    rows = sum(UNREVIEWED in x.tags for x in r.relations.values())
    if told or rows:
        of = [f"{told} columns"] if told else []
        of += [f"the rows of {rows} relations"] if rows else []
        what = f"{' and '.join(of)} have proposals, and are hidden until a person confirms them"
        yield Fault(str(file), 0, 0, what, f"redactor review {name}")
    unsafe = [s for s, d in r.functions.items() if d.safe and not d.because]
    document = parse(read(file), str(file)) if strange or unsafe else None
    if document is None or not isinstance(document.value, dict):
        return
    for key, relation in (document.value.get("relations") or {}).items():
        places: list[tuple[tuple[str, ...], Any]] = [(("relations", key, "tags"), relation)]
        columns = (relation or {}).get("columns") or {}
        places += [(("relations", key, "columns", c, "tags"), v) for c, v in columns.items()]
        for at, holder in places:
            tags = (holder or {}).get("tags") or []
            for tag in [tags] if isinstance(tags, str) else tags:
                if tag in strange:
                    what = f"no rule of the policy covers the tag `{tag}`: what carries it is hidden from everybody"
                    yield document.fault(at, what, meant(tag, known) if known else "write a rule for it")
    for key, declared in (document.value.get("functions") or {}).items():
        if declared.get("safe") and not declared.get("because"):
            yield document.fault(
                ("functions", key), f"`{key}` is declared safe without a reason", "because: ...", key=True
            )
