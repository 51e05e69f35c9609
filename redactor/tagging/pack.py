"""The domain pack: what reveals, as data. Tags with their reasons, names, contexts, negatives, value dictionaries.

Knows the files' form and checks it; holds no knowledge of its own. A data steward adds to it in YAML; a local pack
(`--pack DIR`) is laid over the shipped one, file by file, key by key. Invariant: a pack that loads is consistent:
every label, tag and context that is named exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from redactor.errors import ConfigurationError, Fault
from redactor.tagging.labels import LABELS, Label
from redactor.tagging.likeness import Likes
from redactor.tagging.likeness import load as load_likes
from redactor.tagging.names import first_words, words_in
from redactor.tagging.reader import Reader
from redactor.tagging.reader import load as load_reader
from redactor.tagging.words import Vocabulary, singular

WHO: Final = ("person", "unknown", "organisation", "nobody")
SHIPPED: Final = Path(__file__).parent / "pack"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NameSpec(_Model):
    """One way to write it. `words`: see `names.Pattern`. `in`, `not_in`: contexts; `types`: families of types.

    `who` overrides how much the score counts by whom the column is about.
    """

    words: str
    score: float = Field(gt=0, le=1)
    inside: tuple[str, ...] = Field(default=(), alias="in")
    outside: tuple[str, ...] = Field(default=(), alias="not_in")
    types: tuple[str, ...] = ()
    not_types: tuple[str, ...] = ()
    who: dict[str, float] | None = None
    comment: bool = True


class TagSpec(_Model):
    """A tag: what it means, why it reveals, the law, how it is treated, and the names it goes by."""

    label: Label
    means: str
    because: str
    statute: tuple[str, ...] = ()
    treatment: dict[str, str] = {}
    names: tuple[NameSpec, ...] = ()


class NegativeSpec(_Model):
    """Names that look like something and are not: what of a score is left (`factor`), for which labels or tags.

    `key`: it says no more than that the column is a key, which may yet be a code for the trait.
    """

    words: str
    factor: float = Field(ge=0, le=1)
    applies: tuple[str, ...] = Field(default=(), alias="for")
    inside: tuple[str, ...] = Field(default=(), alias="in")
    outside: tuple[str, ...] = Field(default=(), alias="not_in")
    types: tuple[str, ...] = ()
    not_types: tuple[str, ...] = ()
    because: str = ""
    key: bool = False


class ContextSpec(_Model):
    """A kind of table. `heads`: last words of its name; `words`: anywhere in it; `columns`: patterns of columns.

    `need`: how many of the patterns must be there to say so by columns alone; with a name that agrees, none need.
    `share`: the part of the columns that the patterns must cover (half of it where the name says so). `also`: patterns
    of which one must be among them; `never`: patterns of which none may be there. `not_with`: contexts that rule it
    out; `person:columns` does so only where the columns, not just the name, speak for it. `by_source`: whether a word
    of the source's name, or of the table's comment, is enough.
    """

    heads: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    need: int = 0
    share: float = 0
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    who: str | None = None
    by_source: bool = True
    means: str = ""


class ValueSpec(_Model):
    """What values look like: all of the conditions given must hold for a value to fit.

    `pattern`: a regular expression for a whole value; `check`: a rule by name (`checks.CHECKS`); `words`: a dictionary
    that has it, lower case and without accents. `upper`: only values that are written in capitals (or digits).
    Of the sampled values that are not blank, the share `least` must fit, and `kinds` different ones. `signs`: at least
    `sign_kinds` different values must be in this dictionary too. `unless`: dictionaries that, where as many values are
    in one of them, explain the values better. `inside`: look for the pattern anywhere in longer text.
    `alone`: enough without a name that agrees. `spread`: how many different beginnings (two characters) they must have,
    as numbers that are given out in turn do not.
    """

    tag: str
    means: str
    pattern: str | None = None
    check: str | None = None
    words: str | None = None
    upper: bool = False
    inside: bool = False
    least: float = Field(default=0.7, gt=0, le=1)
    kinds: int = Field(default=1, ge=1)
    signs: str | None = None
    sign_kinds: int = 1
    unless: tuple[str, ...] = ()
    score: float = Field(default=0.9, gt=0, le=1)
    alone: bool = True
    families: tuple[str, ...] = ()
    spread: int = 0


@dataclass(frozen=True)
class Pack:
    """A loaded pack. `weights`: label, or tag, to who to factor. `labels`: another system's label to a tag or root.
    `reader`: the second reader, if there is one; `likes`: labelled columns that it names as evidence."""

    tags: dict[str, TagSpec]
    contexts: dict[str, ContextSpec]
    negatives: tuple[NegativeSpec, ...]
    values: dict[str, ValueSpec]
    dictionaries: dict[str, frozenset[str]]
    weights: dict[str, dict[str, float]]
    threshold: float
    vocabulary: Vocabulary
    labels: dict[str, str]
    reader: Reader | None = None
    likes: Likes = field(default_factory=load_likes)
    _names: list[tuple[str, NameSpec]] = field(default_factory=list, init=False, repr=False, compare=False)
    _by_word: dict[str, list[int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _always: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for tag, spec in self.tags.items():
            for name in spec.names:
                first, at = first_words(name.words), len(self._names)
                self._names.append((tag, name))
                if first is None:
                    self._always.append(at)
                for word in first or ():
                    self._by_word.setdefault(word, []).append(at)

    def names_for(self, words: Sequence[str]) -> dict[str, list[NameSpec]]:
        """By tag the names that may fit these words: all others cannot."""
        out: dict[str, list[NameSpec]] = {}
        found = {at for w in words for at in self._by_word.get(w, ())}
        if found or words:
            found.update(self._always)
        for at in sorted(found):
            tag, name = self._names[at]
            out.setdefault(tag, []).append(name)
        return out


def load(local: Path | None = None) -> Pack:
    """The shipped pack, with a directory of local additions over it.

    Raises ConfigurationError with every fault found.
    """
    return _load(local.resolve() if local else None)


@lru_cache(maxsize=8)
def _load(local: Path | None) -> Pack:
    faults: list[Fault] = []
    raw = deepcopy(_shipped())
    if local is not None:
        _lay(local, raw, faults)
    if faults:
        raise ConfigurationError(faults)
    return _build(raw, str(local or SHIPPED))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    faults: list[Fault] = []
    raw: dict[str, Any] = {}
    _lay(SHIPPED, raw, faults)
    if faults:
        raise ConfigurationError(faults)
    return raw


def _lay(folder: Path, over: dict[str, Any], faults: list[Fault]) -> None:
    files = sorted(folder.glob("*.yaml"))
    if not files:
        faults.append(Fault(str(folder), 0, 0, "no pack here", "a directory with *.yaml files"))
    for file in files:
        _merge(over, _read(file, faults), file, faults)


def _read(file: Path, faults: list[Fault]) -> dict[str, Any]:
    try:
        read = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        faults.append(Fault(str(file), line, column, getattr(error, "problem", None) or "not YAML"))
        return {}
    if not isinstance(read, dict):
        faults.append(Fault(str(file), 0, 0, "must be a mapping"))
        return {}
    return read


_SECTIONS = ("tags", "contexts", "negatives", "values", "dictionaries", "weights", "threshold", "words", "labels")


def _merge(into: dict[str, Any], more: dict[str, Any], file: Path, faults: list[Fault]) -> None:
    for section, content in more.items():
        if section not in _SECTIONS:
            faults.append(Fault(str(file), 0, 0, f"unknown section {section!r}", "one of " + ", ".join(_SECTIONS)))
        elif isinstance(content, list):
            into[section] = [*into.get(section, []), *content]
        elif isinstance(content, dict):
            known = into.setdefault(section, {})
            for key, value in content.items():
                known[key] = _over(known[key], value) if key in known else value
        else:
            into[section] = content


def _over(old: Any, new: Any) -> Any:
    # lists grow, mappings merge, anything else is replaced
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{k: _over(old[k], v) if k in old else v for k, v in new.items()}}
    return new


def _build(raw: dict[str, Any], where: str) -> Pack:
    faults: list[Fault] = []

    def each(section: str, model: type[Any]) -> dict[str, Any]:
        out = {}
        for key, content in raw.get(section, {}).items():
            try:
                out[str(key)] = model.model_validate(content)
            except ValidationError as error:
                faults.extend(_faults(error, where, f"{section}.{key}"))
        return out

    tags: dict[str, TagSpec] = each("tags", TagSpec)
    contexts: dict[str, ContextSpec] = each("contexts", ContextSpec)
    values: dict[str, ValueSpec] = each("values", ValueSpec)
    negatives: list[NegativeSpec] = []
    for at, content in enumerate(raw.get("negatives", [])):
        try:
            negatives.append(NegativeSpec.model_validate(content))
        except ValidationError as error:
            faults.extend(_faults(error, where, f"negatives[{at}]"))
    dictionaries = {
        str(k): frozenset(w.strip().lower() for line in v for w in str(line).split(";") if w.strip())
        for k, v in raw.get("dictionaries", {}).items()
    }
    for tag, spec in tags.items():
        for name in spec.names:
            faults.extend(_unknown(where, f"tags.{tag}: {name.words!r}", (*name.inside, *name.outside), contexts))
    for n in negatives:
        faults.extend(_unknown(where, f"negatives: {n.words!r}", (*n.inside, *n.outside), contexts))
        known = (*LABELS, *tags)
        faults.extend(
            Fault(where, 0, 0, f"negatives: {n.words!r} is for {name!r}, which is neither a label nor a tag")
            for name in n.applies
            if name not in known
        )
    faults.extend(Fault(where, 0, 0, f"values.{k}: no tag {v.tag!r}") for k, v in values.items() if v.tag not in tags)
    faults.extend(
        Fault(where, 0, 0, f"values.{k}: no dictionary {name!r}")
        for k, v in values.items()
        for name in (v.words, v.signs, *v.unless)
        if name is not None and name not in dictionaries
    )
    vocabulary = _vocabulary(raw.get("words", {}), tags.values(), negatives, contexts.values())
    plain = _Plain(vocabulary, where, faults)
    for tag, spec in tags.items():
        names = tuple(n.model_copy(update={"words": plain.pattern(n.words, f"tags.{tag}")}) for n in spec.names)
        tags[tag] = spec.model_copy(update={"names": names})
    for key, context in contexts.items():
        contexts[key] = context.model_copy(
            update={
                "heads": tuple(plain.word(w, f"contexts.{key}") for w in context.heads),
                "words": tuple(plain.word(w, f"contexts.{key}") for w in context.words),
                "qualifiers": tuple(plain.word(w, f"contexts.{key}") for w in context.qualifiers),
                "columns": tuple(plain.pattern(w, f"contexts.{key}") for w in context.columns),
                "also": tuple(plain.pattern(w, f"contexts.{key}") for w in context.also),
                "never": tuple(plain.pattern(w, f"contexts.{key}") for w in context.never),
            }
        )
    denials = tuple(n.model_copy(update={"words": plain.pattern(n.words, "negatives")}) for n in negatives)
    if faults:
        raise ConfigurationError(faults)
    return Pack(
        tags,
        contexts,
        denials,
        values,
        dictionaries,
        {str(k): {str(w): float(f) for w, f in v.items()} for k, v in raw.get("weights", {}).items()},
        float(raw.get("threshold", 0.5)),
        vocabulary,
        {str(k).lower(): str(v) for k, v in raw.get("labels", {}).items()},
        load_reader(),
    )


@dataclass(frozen=True, slots=True)
class _Plain:
    """Writes a pack's patterns in the plain words that identifiers are read into, so that `lang` there is `language`
    here; a word that stands for several cannot be one term of a pattern, and is a fault."""

    vocabulary: Vocabulary
    where: str
    faults: list[Fault]

    def word(self, word: str, what: str) -> str:
        if word.endswith("*"):
            return word
        read = self.vocabulary.words(word)
        if len(read) != 1:
            said = "nothing" if not read else repr(" ".join(read))
            self.faults.append(Fault(self.where, 0, 0, f"{what}: {word!r} is read as {said}", "use one plain word"))
            return word
        return read[0]

    def pattern(self, text: str, what: str) -> str:
        terms = []
        for term in text.split():
            mark = term[: len(term) - len(term.lstrip("=+-"))]
            options = [w for w in term[len(mark) :].split("|") if w]
            terms.append(term if term == "/" else mark + "|".join(self.word(w, what) for w in options))
        return " ".join(terms)


def _unknown(where: str, what: str, named: Sequence[str], contexts: dict[str, ContextSpec]) -> list[Fault]:
    return [Fault(where, 0, 0, f"{what}: no context {name!r}") for name in named if name not in contexts]


def _faults(error: ValidationError, where: str, what: str) -> list[Fault]:
    return [Fault(where, 0, 0, ".".join([what, *(str(p) for p in e["loc"])]) + ": " + e["msg"]) for e in error.errors()]


def _plain_words(meaning: object) -> tuple[str, ...]:
    # in the singular, as patterns are read: else `years us` would mean what no pattern can say
    return tuple(singular(w) for w in str(meaning).split())


def _vocabulary(
    raw: dict[str, Any],
    tags: Iterable[TagSpec],
    negatives: Iterable[NegativeSpec],
    contexts: Iterable[ContextSpec],
) -> Vocabulary:
    means = {str(k): _plain_words(v) for k, v in raw.get("means", {}).items()}
    joined = {str(k): _plain_words(v) for k, v in raw.get("compounds", {}).items()}
    means |= {k: v for k, v in joined.items() if " " not in k}
    compounds = {k: v for k, v in joined.items() if " " in k}
    known = {w for line in raw.get("known", []) for w in str(line).split()}
    known.update(means)
    known.update(w for meaning in (*means.values(), *compounds.values()) for w in meaning)
    patterns = [n.words for t in tags for n in t.names] + [n.words for n in negatives]
    for c in contexts:
        patterns.extend((*c.heads, *c.words, *c.columns, *c.also, *c.never, *c.qualifiers))
    for p in patterns:
        known.update(singular(w) for w in words_in(p))
    unsplit = {str(w) for w in raw.get("not_in_runs", [])}
    return Vocabulary(
        means,
        compounds,
        frozenset(w for line in raw.get("prefixes", []) for w in str(line).split()),
        frozenset(w for w in known if len(w) > 1),
        frozenset(w for line in raw.get("idle", []) for w in str(line).split()),
        frozenset(w for w in known if len(w) > 1 and w not in unsplit),
        frozenset(str(w) for w in raw.get("run_ends", [])),
        tuple(str(w) for w in raw.get("strong_ends", [])),
    )
