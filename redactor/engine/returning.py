"""The order of RETURNING, where hidden values decide in which order a write meets its rows: put in order by the key.

Knows one statement's tree, tokens and relations. No ORDER BY can be put into UPDATE, DELETE and MERGE, so such a write
becomes a WITH query whose rows are sorted by the target's key: `WITH w AS (UPDATE t SET ... RETURNING a, t.id) SELECT a
FROM w ORDER BY id`. Invariants: the write itself, what it returns and under which names stay the same; a write that can
give one row only, or gives none, is left as it is. INSERT gives its rows as its query does, and needs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redactor.catalog import Relation
from redactor.engine.clauses import pinned
from redactor.engine.hiding import key_of
from redactor.engine.ordering import Place
from redactor.engine.refusal import of_kind
from redactor.engine.text import Text
from redactor.engine.writing import joined, refuse_merged
from redactor.sql.grammar import Node
from redactor.sql.labels import label, walk
from redactor.sql.quote import identifier
from redactor.sql.survey import RelationRef, Survey

if TYPE_CHECKING:
    from redactor.engine.reading import Reading

_WORDS = {"UpdateStmt": "update", "DeleteStmt": "delete", "MergeStmt": "merge"}


def settle(reading: Reading, node: Node, found: Survey, places: dict[int, Place]) -> str | None:
    """Sorts what writes return. Gives the command's name where the statement itself became a query; None: it did not.

    Adds to `places` the references to WITH queries that were sorted, so that what reads them is sorted, too.
    """
    refs = {id(r.node): r for r in found.relations}
    word = None
    count = 0
    kind = next(iter(node))
    if kind in _WORDS and _matters(reading, kind, node[kind], refs):
        count += 1
        _sort(reading, kind, node[kind], refs[id(node[kind]["relation"])], count)
        word = _WORDS[kind].upper()
    for _, cte in (w for w in walk(node) if w[0] == "CommonTableExpr"):
        inner = next(iter(cte["ctequery"]))
        if inner in _WORDS:
            statement = cte["ctequery"][inner]
            readers = [n for k, n in walk(node) if k == "RangeVar" and _reads(n, cte["ctename"], refs)]
            if readers and _matters(reading, inner, statement, refs):
                count += 1
                _sort(reading, inner, statement, refs[id(statement["relation"])], count, cte)
                for n in readers:
                    places[id(n)] = _place(n, cte["ctename"])
    return word


def _reads(node: Node, name: str, refs: dict[int, RelationRef]) -> bool:
    return node.get("relname") == name and "schemaname" not in node and id(node) not in refs


def _place(node: Node, name: str) -> Place:
    alias = node.get("alias", {}).get("aliasname", name)
    return Place(alias, (f"{identifier(alias)}::pg_catalog.text",), True, True)


def _matters(reading: Reading, kind: str, statement: Node, refs: dict[int, RelationRef]) -> bool:
    """Whether a write returns rows, more than one, in an order that shows how hidden values lie."""
    if not statement.get("returningClause", {}).get("exprs") or "CurrentOfExpr" in statement.get("whereClause", {}):
        return False
    ref = refs[id(statement["relation"])]
    relation = reading.resolve(ref)
    if relation is not None and kind != "MergeStmt":
        primary = reading.world.shield(relation).primary
        if primary and pinned(statement.get("whereClause", {}), ref.alias, primary):
            return False
    return any(reading.lies(refs[id(n)]) for n in _relations(statement) if id(n) in refs)


def _relations(statement: Node) -> list[Node]:
    return [statement["relation"], *(n for k, n in walk(statement) if k == "RangeVar")]


def _sort(reading: Reading, kind: str, statement: Node, ref: RelationRef, number: int, cte: Node | None = None) -> None:
    text = reading.text
    relation = reading.resolve(ref)
    keys = _keys(reading, kind, statement, ref, relation)
    names = _outputs(reading, kind, statement, ref, relation)
    held = identifier(f"returned rows {number}")
    columns = [f"c{i + 1}" for i in range(len(names))]
    order = [f"k{i + 1}" for i in range(len(keys))]
    head = f"{held} ({', '.join([*columns, *order])}) AS "
    shown = ", ".join(f"{c} AS {identifier(n)}" for c, n in zip(columns, names, strict=True))
    query = f"SELECT {shown} FROM {held} ORDER BY {', '.join(order)}"
    target = text.at(ref.at)
    end = _end(text, target)
    at = text.tokens[end - 1].end
    if cte is None:
        first = _keyword(text, target, _WORDS[kind])
        begun = text.tokens[first].start
        # a WITH clause of its own goes on
        joined = text.tokens[first - 1].end if "withClause" in statement else begun
        text.put(joined, joined, f", {head}(" if "withClause" in statement else f"WITH {head}(")
        text.put(at, at, f", {', '.join(keys)}) {query}")
        return
    name = text.at(cte["location"])
    last = name
    while text.word(last + 1) != "as":
        last = text.closing(last + 1) if text.word(last + 1) == "(" else last + 1
    start, stop = text.tokens[name].start, text.tokens[last].end
    text.put(start, text.tokens[last + 1].end, head.rstrip())
    text.put(at, at, f", {', '.join(keys)}), {text.written(start, stop)} AS ({query} OFFSET 0")


def _keyword(text: Text, target: int, word: str) -> int:
    """The token that begins a write, before its target's name."""
    i = target - 1
    while text.word(i) != word:
        if text.word(i) not in ("only", "(", "from", "into"):
            raise ValueError("a write without its keyword")
        i -= 1
    return i


def _end(text: Text, first: int) -> int:
    """The token behind the statement in which a token stands, at the level of its parentheses."""
    i, count = first, len(text.words)
    # ONLY (t)
    while i < count and text.word(i) != "returning":
        i = text.closing(i) + 1 if text.word(i) == "(" else i + 1
    while i < count and text.word(i) not in (")", ";"):
        i = text.closing(i) + 1 if text.word(i) == "(" else i + 1
    return i


def _keys(reading: Reading, kind: str, statement: Node, ref: RelationRef, relation: Relation | None) -> list[str]:
    """What tells the returned rows apart."""
    alias = identifier(ref.alias)
    if relation is None:
        # the session's own: there is nothing in it but what it was given
        return [f"{alias}::pg_catalog.text"]
    shield = reading.world.shield(relation)
    if shield.ordered and not shield.primary and joined(kind, statement):
        raise of_kind(f"RETURNING of {relation.qualified}", f"{_WHY}, and it has no key to sort by", "Leave it out.")
    return [f"{alias}.{k}" for k in key_of(shield)] or ["true"]


_WHY = "the order of its rows shows how hidden values lie"


def _outputs(reading: Reading, kind: str, statement: Node, ref: RelationRef, relation: Relation | None) -> list[str]:
    """The names of what is returned, in order. Stars that nobody has written out yet are written out."""
    known = reading.own(ref)
    own = (known.columns if known else None) if relation is None else tuple(c.name for c in relation.columns)
    covered = relation is not None and bool(reading.world.shield(relation).covers)
    clause = statement["returningClause"]
    targets = {ref.alias, "old", "new", *(o["ReturningOption"]["value"] for o in clause.get("options", ()))}
    items = joined(kind, statement)
    others = reading.sources(items, statement)
    names: list[str] = []
    for item in clause["exprs"]:
        value = item["ResTarget"]["val"]
        fields = value.get("ColumnRef", {}).get("fields", ())
        if any("A_Star" in p for p in value.get("A_Indirection", {}).get("indirection", ())):
            raise of_kind("RETURNING of a row's columns", _WHY, "List the columns.")
        if not fields or "A_Star" not in fields[-1]:
            names.append(item["ResTarget"].get("name") or label(value))
            continue
        qualifier = fields[-2]["String"]["sval"] if len(fields) > 1 else None
        if qualifier is None:
            refuse_merged(items)
        mine = [(qualifier or ref.alias, own)] if qualifier is None or qualifier in targets else []
        more = [(a, c) for a, c in others.items() if qualifier is None or (a == qualifier and not mine)]
        listed = more + mine if kind == "MergeStmt" else mine + more
        parts: list[str] = []
        for alias, columns in listed:
            if columns is None:
                raise of_kind("RETURNING *", f"the columns of {alias} are not known", "List the columns.")
            names += columns
            parts += [f"{identifier(alias)}.{identifier(c)}" for c in columns]
        if not (covered and mine):
            first = reading.text.at(item["ResTarget"]["location"])
            last = reading.text.name_end(first) - 1 if qualifier is not None else first
            reading.text.put(reading.text.tokens[first].start, reading.text.tokens[last].end, ", ".join(parts))
    return names
