"""LISTEN: what code of the database announces on a channel, to whoever listens, of what others write.

Knows the triggers, functions and rules of a catalog, and what each of them reads; must not know who will write what.
Invariant: on a channel that passes, no trigger, function or rule announces anything that is hidden from who listens,
as far as its text can be read; where it cannot, or does not say which channel it is, no channel passes. What an
approved login announces by itself is its own doing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from redactor.catalog import Function, Relation, Trigger
from redactor.derivation import rows_of
from redactor.engine.constants import constant
from redactor.engine.reading import Reading, reads
from redactor.engine.refusal import of_reading
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.model import ColumnName
from redactor.sql import grammar, plpgsql
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk

Channels = dict[str, tuple[str, tuple[ColumnName, ...]]]
"""What must not be heard: by the channel's name (empty: any), what announces it, and what that reads that is hidden."""

_WORD = re.compile(r"[a-z0-9_]+")
_ANY = frozenset({""})
_HINT = "If what it announces tells nothing of them, a data steward can declare the function safe in the catalog file."


def listen(reading: Reading, node: Node, statement: Statement) -> None:
    """LISTEN. Raises `Refused`."""
    del statement
    told = channels(reading.world)
    found = told.get(node["conditionname"]) or told.get("")
    if found is not None:
        what, why = found
        hits = reading.world.clearance.hits(why)
        raise of_reading(f"channel {node['conditionname']}", f"{what} announces there, and {reads(why)}", hits, _HINT)


def channels(world: World) -> Channels:
    """The channels on which something hidden is announced; worked out once for a world."""
    if world.announced is None:
        world.announced = _find(world)
    return world.announced


def _find(world: World) -> Channels:
    catalog = world.catalog
    found: Channels = {}
    for r in catalog.relations.values():
        for rule in r.rules:
            if "notify" in rule.definition.lower() and not world.shield(r).open:
                hidden = world.clearance.hidden((*world.derivation.rows(r), *_columns(world, r)))
                found.setdefault("", (f"rule {rule.name} of {r.qualified}", hidden))
    announcing = _announcing(world)
    if not announcing:
        return found
    fired: dict[int, list[tuple[Relation, Trigger]]] = {}
    for r in catalog.relations.values():
        for t in r.triggers:
            fired.setdefault(t.function, []).append((r, t))
    for f in catalog.functions.values():
        if f.oid not in announcing or world.derivation.declares_safe(f):
            continue
        uses: list[tuple[Relation | None, Trigger | None]] = [*fired.get(f.oid, ())] or [(None, None)]
        for relation, trigger in uses:
            why = _hidden(world, f, relation, trigger)
            if why:
                for name in _names(announcing[f.oid], relation, trigger):
                    found.setdefault(name, (f"function {f.signature}", why))
    return found


def _columns(world: World, relation: Relation) -> Iterator[ColumnName]:
    for taint in world.derivation.columns(relation).values():
        yield from taint


def _hidden(world: World, f: Function, relation: Relation | None, trigger: Trigger | None) -> tuple[ColumnName, ...]:
    """What a function reads that is hidden; as a trigger, of rows that others write, too."""
    clearance, derivation = world.clearance, world.derivation
    if relation is None or trigger is None:
        return clearance.hidden(derivation.function(f))
    shield = world.shield(relation)
    if shield.closed is not None:
        return clearance.hidden(derivation.rows(relation)) or (rows_of(relation.qualified),)
    # a new row, too, is another's
    told = derivation.trigger(relation, replace(trigger, events=frozenset({"update"})))
    why = clearance.hidden(told.told | frozenset(c for taint, _ in told.flows for c in taint))
    if shield.open and not any(c.schema for c in why) and _is_about_open(world, f):
        # a write to another table, of which nothing but this is known, is none that could be heard
        return ()
    return why


def _is_about_open(world: World, f: Function) -> bool:
    """Whether a body has nothing in it that could be the name of something hidden, or of what reads it."""
    words = set(_WORD.findall(f.body.lower()))
    if f.language not in ("plpgsql", "sql") or "execute" in words:
        return False
    relations = (r for r in world.catalog.relations.values() if r.name.lower() in words)
    functions = (g for g in world.catalog.functions.values() if g.name.lower() in words and g.oid != f.oid)
    return all(world.shield(r).open for r in relations) and not any(world.function(g) for g in functions)


# ------------------------------------------------------------------ which channels


def _announcing(world: World) -> dict[int, frozenset[str]]:
    """The functions that announce something, themselves or by others that they name: by oid, on which channels."""
    functions = world.catalog.functions.values()
    found = {f.oid: named for f in functions if (named := _own(f))}
    if not found:
        return {}
    words = {f.oid: set(_WORD.findall(f.body.lower())) for f in functions}
    called = {f.name.lower(): found[f.oid] for f in functions if f.oid in found}
    waiting = dict(called)
    while waiting:
        name, named = waiting.popitem()
        for f in functions:
            if name in words[f.oid] and not named <= found.get(f.oid, frozenset()):
                found[f.oid] = found.get(f.oid, frozenset()) | named
                waiting[f.name.lower()] = found[f.oid]
    return found


def _own(f: Function) -> frozenset[str]:
    """The channels that a body names: `$0` is the trigger's first argument, `$table` its table."""
    if f.extension is not None:
        return _ANY if f.extension == "tcn" else frozenset()
    if "notify" not in f.body.lower():
        return frozenset()
    if f.language not in ("plpgsql", "sql"):
        return _ANY
    try:
        texts = plpgsql.texts(f) if f.language == "plpgsql" else [f.body]
        if texts is None:
            return _ANY
        found: set[str] = set()
        for text in texts:
            for s in grammar.parse(text.encode("utf-8", "surrogatepass")):
                found |= set(_channels(s.node))
    except RedactorError:
        return _ANY
    return frozenset(found)


def _channels(node: Node) -> Iterator[str]:
    for kind, inner in walk(node):
        if kind == "NotifyStmt":
            yield inner["conditionname"]
        elif kind == "FuncCall" and inner["funcname"][-1]["String"]["sval"] == "pg_notify":
            yield _channel(next(iter(inner.get("args", ())), {}))


def _channel(argument: Node) -> str:
    """A channel's name; empty where it is computed."""
    while "TypeCast" in argument:
        argument = argument["TypeCast"]["arg"]
    named = constant(argument)
    if named is not None:
        # such a name of a channel would be taken for a sign: it is none of the commonest
        return "" if named.startswith("$") else named
    fields = argument.get("ColumnRef", {}).get("fields", ())
    if [x.get("String", {}).get("sval") for x in fields] == ["tg_table_name"]:
        return "$table"
    indirection = argument.get("A_Indirection", {})
    fields = indirection.get("arg", {}).get("ColumnRef", {}).get("fields", ())
    at = [
        i.get("A_Indices", {}).get("uidx", {}).get("A_Const", {}).get("ival")
        for i in indirection.get("indirection", ())
    ]
    if [x.get("String", {}).get("sval") for x in fields] == ["tg_argv"] and len(at) == 1 and at[0] is not None:
        return f"${at[0].get('ival', 0)}"
    return ""


def _names(channels: frozenset[str], relation: Relation | None, trigger: Trigger | None) -> Iterator[str]:
    """What the channels are called where a trigger fires."""
    for name in channels:
        if not name.startswith("$"):
            yield name
        elif relation is None or trigger is None:
            yield ""
        elif name == "$table":
            yield relation.name
        else:
            at = int(name[1:])
            yield trigger.arguments[at] if at < len(trigger.arguments) else ""
