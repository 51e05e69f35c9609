"""The judgement: for every column of a table a label, a tag, a confidence, and the evidence in words.

Adds up what names, comments, lists of labels, foreign keys and sampled values say, weighs it by whom the column is
about, and takes away what the pack's negatives explain. Never quotes a value. Invariant: a suggestion is a pure
function of the facts and the pack, and every suggestion has evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from redactor.tagging.facts import ColumnFacts, Profile, TableFacts, tables_of
from redactor.tagging.labels import CORE, CORE_IN_ORDER, LABELS, Label
from redactor.tagging.names import pattern, spelled
from redactor.tagging.pack import NameSpec, Pack
from redactor.tagging.reader import Reader
from redactor.tagging.tables import Reading, Said, read
from redactor.tagging.traits import of_itself, traits_of
from redactor.tagging.values import profile

_NEAR = 0.08
"""Scores this close count as equal: then the label that is first in the order of precedence wins."""

_COMMENT = 0.9
"""What a comment's words count, against the same words in a name."""

_COMMENT_WORDS = 14

_BRIEF = 6
"""A comment of more words than this tells a story: that it mentions a name or a hearing says little of the column."""

_MENTIONED = 0.55
"""What such a comment's words count for `trace` and `free_text`."""

_HINT = 0.2
"""What a name must say at least before a weak detector's values count."""

_RARE = 0.05
"""The share of missing values from which on the absence is mentioned."""

_ROWS = 0.75
"""What a table's name must say at least for its very rows to be proposed."""

_REFERRED = 0.95
"""What the name of the table that a foreign key leads to counts, against the same words in the column's name."""

_PAIRED = 0.6
"""How sure it makes that a column stands where a document's number is missing."""

_SENTENCE = 9
"""A name of more words than this is a question of a survey, and mentions things that the column does not hold."""

_RECURS = 3
"""In this many tables of a source a column's name is that of a key, or of a stamp."""

_AT_MOST = 0.9
"""How sure the second reader alone can be."""

_DOUBTED = 0.5
"""What negatives must leave of a score for the second reader to be believed."""

_CERTAIN, _EXPLAINED = 0.35, 0.2
"""From this core share on only negatives that leave less than so much count, and not that the column is a key: it may
be a code for the trait."""

_LEAST = {"unknown": 0.2, "organisation": 0.5, "nobody": 1.1}
"""The share that the second reader needs where the column is not, or not surely, about a person; half of it in a table
where people's papers stand."""

_AFAR = 0.3
"""The share that the second reader needs to call a column direct where neither table nor source is about immigration:
below it, hardly any was one in systems that it had not seen."""

_DENIED = 0.4
"""The share of all but `none` below which the second reader speaks against what a name says, but for the core."""

_SURELY = 0.95
"""What a name says so surely is not doubted: a steward's own name that must hold has such a score."""

_ALONE = 0.95
"""The share of `none` above which a column's own name speaks against what its neighbours suggest."""

_OF_OTHERS = "reads like columns of other systems that are "

_PAPERS = frozenset({"immigration", "identity", "papers"})

_KINDS: Mapping[Label, str] = {
    "direct": "status",
    "documentary": "document.identity",
    "origin": "origin",
    "programme": "programme",
    "proxy": "proxy.other",
    "trace": "trace.other",
    "free_text": "free_text",
}
"""The tag for a label where nothing says which of its tags it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is suggested for a column. `confidence` is how sure it is that the column is protected, 0 to 1; below the
    pack's threshold the label is `none` and `tag` names the nearest one, or is empty."""

    table: str
    column: str
    label: Label
    tag: str
    confidence: float
    evidence: tuple[str, ...]


@dataclass(slots=True)
class _Case:
    """The case for one tag: its strongest score and what speaks for it."""

    score: float = 0.0
    evidence: list[str] = field(default_factory=list)

    def add(self, score: float, why: str) -> None:
        """Independent evidence adds up without ever reaching certainty; weak evidence is not mentioned."""
        low, high = sorted((self.score, score))
        self.score = min(0.995, high + (1 - high) * low * 0.3)
        if why not in self.evidence:
            self.evidence.append(why)


def judge(table: TableFacts, pack: Pack, recurring: frozenset[str] = frozenset()) -> list[Finding]:
    """A finding for each column of the table, in order. `recurring`: columns that stand in many tables of the source,
    as keys do."""
    reading = read(table, pack)
    made = [
        _finding(table, fact, said, reading, pack, fact.name in recurring)
        for fact, said in zip(table.columns, reading.columns, strict=True)
    ]
    if pack.reader is not None:
        made = _read_again(table, reading, made, pack, pack.reader)
    return [_paired(f, fact, made, pack) for f, fact in zip(made, table.columns, strict=True)]


def _read_again(table: TableFacts, reading: Reading, made: list[Finding], pack: Pack, reader: Reader) -> list[Finding]:
    """The findings, with those of the second reader where the names said nothing."""
    out = []
    each = traits_of(table, reading, [f.label for f in made], pack.vocabulary)
    for f, fact, said, traits in zip(made, table.columns, reading.columns, each, strict=True):
        # where values were looked at, a name that says nothing to anyone is left to them
        left_to_values = fact.profile is not None and pack.vocabulary.opaque(fact.name)
        # `f10`: there is nothing to be read
        left_to_values |= not fact.comment and all(len(w) == 1 for w in said.words)
        if f.label == "none" and not fact.key and not left_to_values:
            f = _seen_by(reader, f, traits, said, reading, pack)
        elif f.label not in CORE and f.label != "none" and _by_name_alone(f, fact):
            f = _doubted_by(reader, f, traits, pack)
        out.append(f)
    return out


def _by_name_alone(finding: Finding, fact: ColumnFacts) -> bool:
    return finding.confidence < _SURELY and fact.profile is None and not fact.labels and not fact.refers


def _doubted_by(reader: Reader, finding: Finding, traits: tuple[str, ...], pack: Pack) -> Finding:
    """The finding, taken back where columns that read like it are hardly ever protected."""
    if 1 - reader.shares(traits)["none"] >= _DENIED:
        return finding
    sure = round(min(finding.confidence, 0.9 * pack.threshold), 3)
    why = "against: columns of other systems that read like it are nearly all not protected"
    return replace(finding, label="none", confidence=sure, evidence=(*finding.evidence, why))


def _with_papers(reading: Reading) -> bool:
    return any(c in reading.contexts and not (c == "immigration" and "by_source" in reading.contexts) for c in _PAPERS)


def _seen_by(
    reader: Reader, finding: Finding, traits: tuple[str, ...], said: Said, reading: Reading, pack: Pack
) -> Finding:
    shares = reader.shares(traits)
    surely = _LEAST.get(said.who, 0) * (0.5 if _with_papers(reading) else 1)
    share = core = sum(shares[label] for label in CORE)
    least = max(reader.core, surely)
    if "immigration" not in reading.contexts and max(CORE_IN_ORDER, key=lambda one: shares[one]) == "direct":
        surely = max(surely, _AFAR)
        least = max(least, surely)
    among: Iterable[Label] = CORE_IN_ORDER
    if share < least:
        share, least, among = 1 - shares["none"], max(reader.other, surely), LABELS[:-1]
    if share < least or reader.shares(of_itself(traits))["none"] > _ALONE:
        return finding
    label = max(among, key=lambda one: shares[one])
    known = finding.tag if finding.tag and pack.tags[finding.tag].label == label else ""
    tag = known or _KINDS.get(label, "")
    if tag not in pack.tags:
        return finding
    of_label = [tag, *(t for t, spec in pack.tags.items() if spec.label == label)]
    sure = core >= _CERTAIN
    left = min(_taken_away(t, label, said.words, said, reading, pack, keys=not sure)[0] for t in of_label)
    if left < (_EXPLAINED if sure else _DOUBTED):
        return finding
    confidence = round(pack.threshold + (_AT_MOST - pack.threshold) * (share - least) / (1 - least), 3)
    like = pack.likes.nearest(said.words, label)
    why = f"reads like {like.name!r} of {like.system}, which is {label}" if like is not None else _OF_OTHERS + label
    if reasons := reader.reasons(traits, label):
        why += f": {reasons}"
    return replace(finding, label=label, tag=tag, confidence=confidence, evidence=(why,))


def _paired(finding: Finding, fact: ColumnFacts, others: Sequence[Finding], pack: Pack) -> Finding:
    """A column that stands where a document's number is missing stands for it: an ITIN where there is no SSN."""
    for other in others:
        if other.column in fact.instead_of and other.label == "documentary":
            why = f"values: there where {other.column} ({other.tag}) is missing, and missing where it is there"
            if finding.label == "documentary":
                return replace(finding, evidence=(*finding.evidence, why))
            if finding.label in ("none", "trace") and "document.identity" in pack.tags:
                sure = round(max(_PAIRED, finding.confidence if finding.label != "none" else 0), 3)
                return replace(
                    finding,
                    label="documentary",
                    tag="document.identity",
                    confidence=sure,
                    evidence=(*finding.evidence, why),
                )
    return finding


def suggest(tables: Iterable[TableFacts], pack: Pack) -> Iterator[Finding]:
    """The findings for all columns of all tables, table by table."""
    tables = list(tables)
    often: dict[str, Counter[str]] = {}
    for table in tables:
        often.setdefault(table.source, Counter()).update({c.name for c in table.columns})
    for table in tables:
        yield from judge(table, pack, frozenset(c for c, n in often[table.source].items() if n >= _RECURS))


def judge_each(rows: Sequence[Mapping[str, Any]], pack: Pack) -> Iterator[tuple[Mapping[str, Any], Finding]]:
    """Rows of a file of columns, each with its finding, in their order; a table's columns are judged together."""
    tables = list(tables_of(rows))
    each = suggest(tables, pack)
    found = {(t.source, t.name, c.name): next(each) for t in tables for c in t.columns}
    for row in rows:
        yield row, found[str(row.get("source") or ""), str(row.get("table") or ""), str(row["column"])]


def judge_rows(table: TableFacts, pack: Pack) -> Finding | None:
    """What the very rows of a table reveal: a programme that its name says, where it is about people. Else None."""
    reading = read(table, pack)
    whom = [pack.contexts[c].who for c in reading.contexts]
    if "nobody" in whom or "organisation" in whom or "person" not in whom:
        return None
    words = reading.name_words
    best, tag = 0.0, ""
    for key, spec in pack.tags.items():
        if spec.label == "programme":
            for name in spec.names:
                if name.score > best and pattern(name.words).fits(words, frozenset(words)) and not name.types:
                    best, tag = name.score, key
    if best < _ROWS:
        return None
    why = f"name: {table.name!r} is a table about people in {pack.tags[tag].means}"
    return Finding(table.name, "", "programme", tag, best, (why,))


def follow_keys(
    tables: Sequence[TableFacts], names: Sequence[str], findings: Sequence[Sequence[Finding]]
) -> list[list[Finding]]:
    """The findings, with those of a column that others refer to handed on to these: a foreign key holds its values.

    `names` are the tables' names as `refers` gives them.
    """
    known = {
        (name, f.column): f for name, found in zip(names, findings, strict=True) for f in found if f.label != "none"
    }
    out = []
    for table, found in zip(tables, findings, strict=True):
        row = []
        for fact, f in zip(table.columns, found, strict=True):
            other = known.get(fact.refers) if fact.refers else None
            if other is not None and other.confidence > f.confidence:
                why = f"refers to {other.table}.{other.column}, which is {other.tag}"
                f = Finding(f.table, f.column, other.label, other.tag, other.confidence, (*f.evidence, why))
            row.append(f)
        out.append(row)
    return out


def _finding(table: TableFacts, fact: ColumnFacts, said: Said, reading: Reading, pack: Pack, recurs: bool) -> Finding:
    for tag in fact.declared:
        if tag in pack.tags:
            return Finding(table.name, fact.name, pack.tags[tag].label, tag, 1.0, (f"declared: redactor:{tag}",))
    if recurs:
        reading = replace(reading, contexts={**reading.contexts, "recurring": "the same column is in many tables"})
    if len(said.words) > _SENTENCE:
        reading = replace(reading, contexts={**reading.contexts, "sentence": "its length"})
    cases = _cases(fact, said, reading, pack)
    best_tag, best = "", _Case()
    for tag, case in cases.items():
        if case.score > best.score + _NEAR or (
            case.score > best.score - _NEAR and _rank(pack.tags[tag].label, best_tag, pack, case.score > best.score)
        ):
            best_tag, best = tag, case
    if not best_tag:
        return Finding(table.name, fact.name, "none", "", 0.02, ())
    confidence = round(best.score, 3)
    label: Label = pack.tags[best_tag].label if confidence >= pack.threshold else "none"
    return Finding(table.name, fact.name, label, best_tag, confidence, tuple(best.evidence))


def _rank(label: Label, other: str, pack: Pack, higher: bool) -> bool:
    if not other:
        return True
    mine, its = LABELS.index(label), LABELS.index(pack.tags[other].label)
    return mine < its or (mine == its and higher)


def _cases(fact: ColumnFacts, said: Said, reading: Reading, pack: Pack) -> dict[str, _Case]:
    cases: dict[str, _Case] = {}
    comment = _comment_words(fact, pack)
    led = _referred_words(fact, pack)
    named, told, handed = pack.names_for(said.words), pack.names_for(comment), pack.names_for(led)
    for tag, spec in pack.tags.items():
        if tag not in named and tag not in told and tag not in handed:
            continue
        case = _Case()
        name, best = _best(named.get(tag, []), said.words, said.weighty, said, reading, spec.label, tag, pack)
        if name is not None:
            why = f"name: {fact.name!r} says {spelled(name.words, said.words)!r}" + _where(name, said, reading)
            case.add(best, why)
        in_comments = [n for n in told.get(tag, []) if n.comment and not n.words.startswith("=")]
        name, score = _best(in_comments, comment, frozenset(comment), said, reading, spec.label, tag, pack)
        if name is not None:
            told_at_length = len(comment) > _BRIEF and spec.label in ("trace", "free_text")
            worth = _MENTIONED if told_at_length else _COMMENT
            case.add(worth * score, f"comment says {spelled(name.words, comment)!r}")
        name, score = _best(handed.get(tag, []), led, frozenset(led), said, reading, spec.label, tag, pack)
        if name is not None and fact.refers is not None and _REFERRED * score > best:
            case.add(_REFERRED * score, f"refers to {fact.refers[0]}")
        if case.score:
            cases[tag] = case
    if fact.labels:
        _add_values(cases, profile(fact.labels, pack), "list of labels", said, pack)
    if fact.profile is not None:
        _add_values(cases, fact.profile, "values", said, pack)
    for tag, case in cases.items():
        factor, whys = _taken_away(tag, pack.tags[tag].label, said.words, said, reading, pack)
        case.score *= factor
        case.evidence.extend(whys)
    return cases


def _add_values(cases: dict[str, _Case], rates: Profile, of: str, said: Said, pack: Pack) -> None:
    """What the detectors found speaks for their tags, weighed by whom the column is about. No value is repeated."""
    for seen in rates.seen:
        spec = pack.values[seen.detector]
        known = cases.get(spec.tag)
        if not spec.alone and (known is None or known.score < _HINT):
            continue
        label = pack.tags[spec.tag].label
        weights = pack.weights.get(spec.tag) or pack.weights.get(label, {})
        case = cases.setdefault(spec.tag, _Case())
        case.add(spec.score * weights.get(said.who, 1.0), f"{of}: {seen.share:.0%} are {spec.means}")
        present = rates.present / rates.sampled
        if label == "documentary" and of == "values" and 1 - present > _RARE:
            case.evidence.append(
                f"values: there in {present:.0%} of the rows, and that one is missing says something too"
            )


def _comment_words(fact: ColumnFacts, pack: Pack) -> tuple[str, ...]:
    if not fact.comment:
        return ()
    return tuple(w for w in pack.vocabulary.words(fact.comment) if w not in pack.vocabulary.idle)[:_COMMENT_WORDS]


def _referred_words(fact: ColumnFacts, pack: Pack) -> tuple[str, ...]:
    """The words of the list of codes that the column refers to: `countries`, `language`."""
    if fact.refers is None:
        return ()
    words = pack.vocabulary.words(fact.refers[0].rsplit(".", 1)[-1])
    return words if words and words[-1] in pack.contexts["lookup"].heads else ()


def _best(
    names: Sequence[NameSpec],
    words: tuple[str, ...],
    weighty: frozenset[str],
    said: Said,
    reading: Reading,
    label: Label,
    tag: str,
    pack: Pack,
) -> tuple[NameSpec | None, float]:
    """The name of the tag that the words fit best, with its score, weighed by whom the column is about."""
    best: tuple[NameSpec | None, float] = (None, 0.0)
    for name in names:
        weights = name.who or pack.weights.get(tag) or pack.weights.get(label, {})
        score = name.score * weights.get(said.who, 1.0)
        if (
            score > best[1]
            and pattern(name.words).fits(words, weighty)
            and _placed(name.inside, name.outside, name.types, name.not_types, said, reading)
        ):
            best = (name, score)
    return best


def _placed(
    inside: tuple[str, ...],
    outside: tuple[str, ...],
    types: tuple[str, ...],
    not_types: tuple[str, ...],
    said: Said,
    reading: Reading,
    strict: bool = False,
) -> bool:
    """Whether a line of the pack holds here. An unknown type passes for any, unless `strict`."""
    if inside and not any(c in reading.contexts for c in inside):
        return False
    if any(c in reading.contexts for c in outside):
        return False
    if types and said.family not in types and (said.family or strict):
        return False
    return not (not_types and said.family in not_types)


def _taken_away(
    tag: str, label: Label, words: tuple[str, ...], said: Said, reading: Reading, pack: Pack, keys: bool = True
) -> tuple[float, list[str]]:
    """What the negatives leave of a score, and why; `keys`: also those that say no more than that it is a key."""
    factor, whys = 1.0, []
    for n in pack.negatives:
        if n.key and not keys:
            continue
        if n.applies and tag not in n.applies and label not in n.applies and tag.split(".")[0] not in n.applies:
            continue
        if pattern(n.words).fits(words, said.weighty) and _placed(
            n.inside, n.outside, n.types, n.not_types, said, reading, strict=True
        ):
            factor *= n.factor
            whys.append("against: " + (n.because or f"says {spelled(n.words, words)!r}"))
    return factor, whys


def _where(name: NameSpec, said: Said, reading: Reading) -> str:
    for context in name.inside:
        if context in reading.contexts:
            about = context.replace("_", " ").removeprefix("of ")
            return f", in a table about {about} ({reading.contexts[context]})"
    return f", about a {said.who}" if said.who in ("person", "organisation") else ""
