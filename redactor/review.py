"""The reviewed catalog file: what people have decided about each relation, column and function of one database.

Knows names and tags as the file gives them. Must not know what exists upstream, nor what follows from a tag.
Invariants: what the file does not mention, or mentions only as a proposal, carries the tag `unreviewed`; writing
proposals into the text keeps every decision and comment that a person made.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from redactor.errors import ConfigurationError, Fault
from redactor.model import ColumnName, RelationName
from redactor.signature import Malformed, canonical, split_name
from redactor.tags import PATTERN, UNREVIEWED, is_tag
from redactor.yamlfile import Document, Form, in_order, nothing_is_empty, wrong
from redactor.yamlfile import parse as parse_yaml

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A relation of the file. `tags`: its very rows reveal. `columns`: name to tags; `proposed`: those of them that
    nobody has confirmed, which carry `unreviewed` beside the proposed tags. `notes`: what people wrote beside them."""

    tags: frozenset[str] = _NONE
    columns: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    proposed: frozenset[str] = _NONE
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person vouches for: whether a function is safe for everyone to call, and why."""

    safe: bool
    because: str = ""


@dataclass(frozen=True)
class Review:
    """One catalog file. `functions` by canonical signature (`public.open_requests(integer)`)."""

    database: str
    relations: Mapping[RelationName, Reviewed]
    functions: Mapping[str, Declared]

    def relation_tags(self, relation: RelationName) -> frozenset[str]:
        """The tags of a relation as a whole; of one that is not in the file: `unreviewed`."""
        found = self.relations.get(relation)
        return found.tags if found else frozenset((UNREVIEWED,))

    def column_tags(self, relation: RelationName, column: str) -> frozenset[str]:
        """The tags of a column itself, its relation's left out; of one that is not in the file: `unreviewed`."""
        found = self.relations.get(relation)
        tags = found.columns.get(column) if found else None
        return frozenset((UNREVIEWED,)) if tags is None else tags

    def declared(self, signature: str) -> Declared | None:
        """What is declared of a function, in any spelling of its signature: schema, name and input types."""
        try:
            return self.functions.get(canonical(signature))
        except Malformed:
            return None

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) of what it says: equal for equal reviews, in any process."""
        total = hashlib.sha256()
        for name in sorted(self.relations, key=_spelled):
            r = self.relations[name]
            relation = (str(name), sorted(r.tags), sorted((c, sorted(t)) for c, t in r.columns.items()))
            total.update(repr(relation).encode())
        for signature, d in sorted(self.functions.items(), key=itemgetter(0)):
            total.update(repr((signature, d.safe)).encode())
        return total.hexdigest()

    def tags(self) -> frozenset[str]:
        """Every tag that the file uses."""
        out: set[str] = set()
        for r in self.relations.values():
            out |= r.tags
            out.update(*r.columns.values())
        return frozenset(out)


def _spelled(name: RelationName) -> str:
    # as text they are compared a good deal faster; nothing else runs in this process meanwhile
    return f"{name.schema}\0{name.name}"


# ------------------------------------------------------------------ the file


def _tags(value: object) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if given is None:
        return []
    if not isinstance(given, list):
        raise wrong("`tags` should be one tag or a list of tags", "such as [document.a_number]")
    for tag in given:
        if not isinstance(tag, str) or not is_tag(tag):
            raise wrong(f"`{tag}` is not a tag: lower-case words joined by dots", "such as `document.a_number`")
    return given


def _relation_name(text: str) -> str:
    try:
        parts = split_name(text)
    except Malformed as e:
        raise wrong(f"`{text}` is not a relation's name: {e}", "such as `public.residents`") from None
    if len(parts) != 2:
        raise wrong(f"`{text}` is not a schema and a name", f"did you mean `public.{text}`?" if len(parts) == 1 else "")
    return text


def _signature(text: str) -> str:
    try:
        canonical(text)
    except Malformed as e:
        raise wrong(f"`{text}` is not a function's signature: {e}", "such as `public.open_requests(integer)`") from None
    return text


TagText = Annotated[str, Field(pattern=PATTERN)]
TagList = Annotated[list[str], BeforeValidator(_tags, json_schema_input_type=TagText | list[TagText] | None)]


class ProposedForm(Form):
    """What a scan suggests; a person accepts by moving `tags` up and deleting the rest."""

    tags: TagList = Field(default=[], description="what the scan would tag it with; none: it would leave it untagged")
    confidence: float = Field(default=0.0, description="0 to 1", ge=0, le=1, strict=False)
    evidence: str | list[str] = Field(default="", description="why, in words; never a value")


class ColumnForm(Form):
    tags: TagList = Field(default=[], description="why it is protected; none: it is not")
    note: str = Field(default="", description="for readers; no effect")
    proposed: ProposedForm | None = Field(default=None, description="not confirmed yet: hidden until it is")


OptionalColumn = Annotated[ColumnForm, BeforeValidator(nothing_is_empty, json_schema_input_type=ColumnForm | None)]


class RelationForm(Form):
    tags: TagList = Field(default=[], description="its very rows reveal")
    note: str = Field(default="", description="for readers; no effect")
    proposed: ProposedForm | None = Field(default=None, description="not confirmed yet: hidden as a whole until it is")
    columns: Annotated[
        dict[str, OptionalColumn],
        BeforeValidator(nothing_is_empty, json_schema_input_type=dict[str, OptionalColumn] | None),
    ] = Field(default={}, description="every column that has been reviewed, by the name that the database has stored")


class FunctionForm(Form):
    safe: bool = Field(description="true: anyone may call it, whatever it reads; false: as protected as what it reads")
    because: str = Field(default="", description="why, and who says so")


RelationKey = Annotated[str, AfterValidator(_relation_name)]
FunctionKey = Annotated[str, AfterValidator(_signature)]
OptionalRelation = Annotated[
    RelationForm, BeforeValidator(nothing_is_empty, json_schema_input_type=RelationForm | None)
]


class ReviewForm(Form):
    """A reviewed catalog file: what is upstream and not here is quarantined."""

    database: str = Field(default="", description="the database's name in redactor.yaml")
    relations: Annotated[
        dict[RelationKey, OptionalRelation],
        BeforeValidator(nothing_is_empty, json_schema_input_type=dict[RelationKey, OptionalRelation] | None),
    ] = Field(default={}, description="by schema and name: public.residents")
    functions: Annotated[
        dict[FunctionKey, FunctionForm],
        BeforeValidator(nothing_is_empty, json_schema_input_type=dict[FunctionKey, FunctionForm] | None),
    ] = Field(default={}, description="by schema, name and input types: public.open_requests(integer)")


def parse(text: str, file: str) -> Review:
    """What a catalog file says. Raises ConfigurationError with every fault; `file` is its name for people."""
    document = parse_yaml(text, file)
    form, faults = document.check(ReviewForm)
    faults.extend(_twice(document))
    if form is None or faults:
        raise ConfigurationError(in_order(faults))
    relations = {_name(key): _reviewed(r) for key, r in form.relations.items()}
    functions = {canonical(key): Declared(f.safe, " ".join(f.because.split())) for key, f in form.functions.items()}
    return Review(form.database, MappingProxyType(relations), MappingProxyType(functions))


def _name(key: str) -> RelationName:
    schema, name = split_name(key)
    return RelationName(schema, name)


def _reviewed(form: RelationForm) -> Reviewed:
    columns: dict[str, frozenset[str]] = {}
    proposed = set()
    for name, column in form.columns.items():
        tags = frozenset(column.tags)
        if column.proposed is not None:
            proposed.add(name)
            tags |= {*column.proposed.tags, UNREVIEWED}
        columns[name] = tags
    own = frozenset(form.tags)
    if form.proposed is not None:
        own |= {*form.proposed.tags, UNREVIEWED}
    notes = [("", form.note), *((name, column.note) for name, column in form.columns.items())]
    said = tuple(f"{name}: {note}" for name, note in sorted(notes) if note)
    return Reviewed(own, MappingProxyType(columns), frozenset(proposed), said)


def _twice(document: Document) -> list[Fault]:
    """Two spellings of one name. The same spelling twice is YAML's own fault."""
    faults = []
    value = document.value if isinstance(document.value, dict) else {}
    for section, spell in (("relations", split_name), ("functions", canonical)):
        seen: dict[object, str] = {}
        mapping = value.get(section)
        for key in mapping if isinstance(mapping, dict) else ():
            try:
                name = spell(key)
            except Malformed:
                continue
            if name in seen:
                faults.append(document.fault((section, key), f"`{key}` is `{seen[name]}` again", "keep one", key=True))
            seen.setdefault(name, key)
    return faults


# ------------------------------------------------------------------ proposals


@dataclass(frozen=True, slots=True)
class Addition:
    """Something to put into a catalog file: a relation (`column` None) or a column, with tags.

    `proposed`: to be confirmed by a person, with the confidence (0 to 1) and the evidence in words. Without it the
    entry is written as decided: for a file that a person is about to review as a whole, or a test.
    """

    relation: RelationName
    column: str | None = None
    tags: tuple[str, ...] = ()
    proposed: bool = True
    confidence: float = 0.0
    evidence: str = ""

    @property
    def name(self) -> ColumnName | RelationName:
        """What is added, qualified."""
        return self.relation if self.column is None else ColumnName(*self.relation, self.column)


def propose(text: str, additions: Iterable[Addition], database: str = "") -> str:
    """The text with the additions put in; every comment, order and decision of a person stays.

    An entry without `proposed` is a person's and is never touched; one with it is brought up to date. `text` may be
    empty. Raises ConfigurationError where the text is not a catalog file to begin with.
    """
    yaml, root = _opened(text)
    if database and not root.get("database"):
        root.insert(0, "database", database)
    relations = _there(root, "relations")
    keys = {_name(str(key)): key for key in relations}
    for addition in additions:
        relation = _there(relations, keys.setdefault(addition.relation, _key(addition.relation)))
        if addition.column is None:
            if addition.tags and "tags" not in relation:
                ((field_name, value),) = _entry(addition).items()
                relation.pop(field_name, None)
                relation.insert(0, field_name, value)
            continue
        columns = _there(relation, "columns")
        if addition.column in columns and not _is_proposal(columns[addition.column]):
            continue
        columns[addition.column] = _entry(addition)
    return _written(yaml, root)


@dataclass(frozen=True, slots=True)
class Decided:
    """A person's decision on a relation (`column` None) or a column: those tags, or none."""

    relation: RelationName
    column: str | None
    tags: tuple[str, ...]


def settle(text: str, decided: Iterable[Decided]) -> str:
    """The text with those relations and columns decided.

    What was proposed of them goes; notes, comments and everything else stay. A relation that is not there yet is put in
    with no columns, so that its columns still wait. Raises ConfigurationError where the outcome is no catalog file.
    """
    yaml, root = _opened(text)
    relations = _there(root, "relations")
    keys = {_name(str(key)): key for key in relations}
    for one in decided:
        entry = _there(relations, keys.setdefault(one.relation, _key(one.relation)))
        if one.column is not None:
            columns = _there(entry, "columns")
            if columns.get(one.column) is None:
                columns[one.column] = _flow({})
            entry = columns[one.column]
        _decide(entry, one.tags)
    out = _written(yaml, root)
    parse(out, "catalog")
    return out


def _decide(entry: Any, tags: Iterable[str]) -> None:
    entry.pop("proposed", None)
    decided = list(dict.fromkeys(tags))
    if decided and "tags" in entry:
        entry["tags"] = _flow(decided)
    elif decided:
        entry.insert(0, "tags", _flow(decided))
    else:
        entry.pop("tags", None)


def _opened(text: str) -> tuple[YAML, Any]:
    parse(text, "catalog")
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    root: Any = yaml.load(text)
    return yaml, CommentedMap() if root is None else root


def _there(mapping: Any, key: str) -> Any:
    """The mapping that stands there in another one; an empty one where there is nothing yet."""
    if mapping.get(key) is None:
        mapping[key] = CommentedMap()
    return mapping[key]


def _written(yaml: YAML, root: Any) -> str:
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _is_proposal(entry: object) -> bool:
    return isinstance(entry, Mapping) and "proposed" in entry and not entry.get("tags")


def _entry(addition: Addition) -> Any:
    if not addition.proposed:
        return _flow({"tags": list(addition.tags)} if addition.tags else {})
    proposed: dict[str, object] = {}
    if addition.tags:
        proposed["tags"] = list(addition.tags)
    proposed["confidence"] = round(addition.confidence, 2)
    if addition.evidence:
        proposed["evidence"] = addition.evidence
    return _flow({"proposed": proposed})


def _flow(value: Any) -> Any:
    """The value on one line, as a person would write it."""
    if isinstance(value, dict):
        out = CommentedMap((k, _flow(v)) for k, v in value.items())
        out.fa.set_flow_style()
        return out
    if isinstance(value, list):
        seq = CommentedSeq(_flow(v) for v in value)
        seq.fa.set_flow_style()
        return seq
    return value


def _key(name: RelationName) -> str:
    def quoted(part: str) -> str:
        return '"' + part.replace('"', '""') + '"' if "." in part or '"' in part or not part else part

    return f"{quoted(name.schema)}.{quoted(name.name)}"
