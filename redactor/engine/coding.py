"""CREATE FUNCTION and CREATE TRIGGER by who may alter and drop: code that others will run with rights of their own.

Knows SQL and PL/pgSQL bodies through `sql.plpgsql`. Invariants: every statement of a body is a query that could be sent
by itself as it is, over relations that its maker sees whole; it has no effect but its result, so that nothing of what
it is given by others comes back to its maker; its name is new, so that nothing calls it that was not written for it, or
what it replaces was as harmless; the names in it mean the same in every session.
"""

from __future__ import annotations

import re

from redactor.catalog import Function, Relation, Trigger
from redactor.engine.blocks import may_name, telling_names
from redactor.engine.reading import Reading, reads
from redactor.engine.refusal import of_gap, of_kind, of_reading
from redactor.engine.text import Text
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.signature import Malformed, canonical
from redactor.sql import grammar, plpgsql
from redactor.sql.builtins import Kind, steady
from redactor.sql.grammar import Node, Statement
from redactor.sql.labels import walk
from redactor.sql.survey import RelationRef, Role, survey
from redactor.transitions import SchemaChanged

_ASK = "Ask an approved owner to run it."
_OPTIONS = frozenset({"language", "as", "volatility", "strict", "parallel", "cost", "rows", "security"})
_EVENTS = {4: "insert", 8: "delete", 16: "update"}
"""pg_trigger's bits of tgtype; TRUNCATE, and INSTEAD OF in `timing`, are not among them."""
_BEFORE = 2


def create_function(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE FUNCTION. Raises `Refused`."""
    del statement
    if not reading.may_ddl:
        raise of_kind("CREATE FUNCTION", "what its code will read cannot be told from here", _ASK)
    made = _made(reading, node)
    replaced = _replaced(reading, node, made) if node.get("replace") else None
    if replaced is None:
        _judge_name(reading, made.name)
    _judge_body(reading, made)
    reading.transitions.append(SchemaChanged())


def _made(reading: Reading, node: Node) -> Function:
    """The function as it is written."""
    options = {o["DefElem"]["defname"]: o["DefElem"].get("arg", {}) for o in node.get("options", ())}
    odd = sorted(options.keys() - _OPTIONS)
    if node.get("is_procedure") or "sql_body" in node or odd:
        what = "CREATE PROCEDURE" if node.get("is_procedure") else "CREATE FUNCTION"
        raise of_kind(what, "only functions of plain options, with a body in a string, can be judged", _ASK)
    if options.get("security", {}).get("Boolean", {}).get("boolval"):
        raise of_kind("SECURITY DEFINER", "it would lend its maker's rights to everybody", "Leave it out.")
    if reading.context.identity is not None or reading.speaks:
        raise of_kind("CREATE FUNCTION on behalf of others", "who made it could not be told", _ASK)
    words = [p["String"]["sval"] for p in node["funcname"]]
    if len(words) > 1 and words[-2].startswith("pg_"):
        raise of_kind(f"CREATE FUNCTION in {words[-2]}", "it is not among the schemas that can be judged", _ASK)
    parameters: list[Node] = [p["FunctionParameter"] for p in node.get("parameters", ())]
    types = [p["argType"] for p in parameters] + ([node["returnType"]] if "returnType" in node else [])
    for t in types:
        if t.get("pct_type"):
            raise of_kind("%TYPE", "a type must be named here", "Name the type.")
        trigger = t["names"][-1]["String"]["sval"] == "trigger"
        if not trigger:
            reading.mentions(survey({"TypeName": t}), {}, lasting=True)
    for p in parameters:
        if any(kind in ("FuncCall", "ColumnRef", "SubLink") for kind, _ in walk({"default": p.get("defexpr", {})})):
            raise of_kind("a default that is computed", "what it reads cannot be told from here", "Give a constant.")
    language = options.get("language", {}).get("String", {}).get("sval", "").lower()
    texts = [i["String"]["sval"] for i in options.get("as", {}).get("List", {}).get("items", ())]
    if language not in ("sql", "plpgsql") or len(texts) != 1:
        raise of_kind(f"CREATE FUNCTION in {language or 'no language'}", "what its code does cannot be told", _ASK)
    names = tuple(p.get("name", "") for p in parameters)
    return Function(0, "", words[-1], "f", language, (), names, "", words[-1], 0, False, "v", texts[0])


def _replaced(reading: Reading, node: Node, made: Function) -> Function | None:
    """The function that OR REPLACE puts another in the place of; None: there is none of that name.

    It must be the only one of its name, such as could have been created by the same rules, and nothing but statements,
    and tables that hide nothing, may use it: what is handed to it else it could fail over.
    """
    world = reading.world
    named = world.catalog.functions_named(made.name)
    if not named:
        return None
    what = f"CREATE OR REPLACE FUNCTION {made.name}"
    words = [p["String"]["sval"] for p in node["funcname"]]
    schema = words[-2] if len(words) > 1 else reading.names.schema_of_new() or "public"
    outputs = ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")
    inputs = (p["FunctionParameter"] for p in node.get("parameters", ()))
    types = ", ".join(_spelled(p["argType"]) for p in inputs if p.get("mode") not in outputs)
    try:
        same = canonical(f"{_quoted(schema)}.{_quoted(made.name)}({types})") == canonical(named[0].signature)
    except Malformed:
        same = False
    if len(named) > 1 or not same:
        raise of_kind(what, "there is another of that name, or which it is cannot be told", "Choose another name.")
    (before,) = named
    odd = before.security_definer or before.extension is not None or before.settings or before.atomic
    if before.kind != "f" or odd:
        raise of_kind(what, "what is there is more than a plain function", _ASK)
    _judge_body(reading, before)
    user = _user_of(world, before)
    if user is not None:
        raise of_kind(what, f"{user} uses it, and may hand it what is hidden", _ASK)
    return before


def _user_of(world: World, f: Function) -> str | None:
    """What besides statements, and tables that hide nothing, may call a function."""
    catalog = world.catalog
    mentioned = re.compile(rf"(?i)(?<![a-z0-9_]){re.escape(f.name)}(?![a-z0-9_])")
    for r in catalog.relations.values():
        # every definition of a relation is in its text
        used = any(t.function == f.oid for t in r.triggers) or mentioned.search(repr(r))
        if used and not all(world.shield(m).open for m in world.derivation.family(r)):
            return str(r.qualified)
    for other in catalog.functions.values():
        if other.oid != f.oid and (f.oid in other.parts or mentioned.search(other.body)):
            return other.signature
    for t in catalog.types.values():
        if f.oid in t.functions or any(mentioned.search(check) for check in t.checks):
            return f"type {t.name}"
    if any(o.function == f.oid for o in catalog.operators) or any(c.function == f.oid for c in catalog.casts):
        return "an operator or a cast"
    return None


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def _spelled(type_name: Node) -> str:
    words = [_quoted(n["String"]["sval"]) for n in type_name["names"]]
    return ".".join(words) + ("[]" if "arrayBounds" in type_name else "")


def _judge_name(reading: Reading, name: str) -> None:
    """A name that anything calls already, by overloading or since it was there before, is not a new one's."""
    catalog = reading.world.catalog
    if name in catalog.builtin_functions or catalog.functions_named(name) or catalog.types_named(name):
        raise of_kind(f"a function {name}", "there is one of that name, and others may call it", "Choose another name.")
    for f in catalog.functions.values():
        if re.search(rf"(?i)(?<![a-z0-9_]){re.escape(name)}(?![a-z0-9_])", f.body):
            raise of_kind(f"a function {name}", f"{f.signature} may call it", "Choose another name.")


def _judge_body(reading: Reading, f: Function) -> None:
    """Every statement and expression in a body."""
    telling = telling_names(reading.world)
    if telling is None or may_name(f.body, telling):
        raise of_kind(f"the body of {f.name}", "a type or cast that it may use reads protected data", _ASK)
    try:
        texts = plpgsql.texts(f) if f.language == "plpgsql" else _statements(f.body)
    except RedactorError:
        raise of_gap(f"the body of {f.name}") from None
    if texts is None:
        why = "dynamic SQL, transaction control and what an error's details say cannot be judged from here"
        raise of_kind(f"the body of {f.name}", why, _ASK)
    for text in texts:
        _judge_query(reading, f, text)


def _statements(body: str) -> list[str]:
    source = body.encode("utf-8", "surrogatepass")
    return [source[s.start : s.end].decode() for s in grammar.parse(source)]


def _judge_query(reading: Reading, f: Function, text: str) -> None:
    source = text.encode("utf-8", "surrogatepass")
    (inner,) = grammar.parse(source)
    if inner.kind != "SelectStmt" or any(k.endswith("Stmt") and k != "SelectStmt" for k, _ in walk(inner.node)):
        raise of_kind(f"the body of {f.name}", "it does more than give a result", _ASK)
    if any("intoClause" in n for k, n in walk(inner.node) if k == "SelectStmt"):
        raise of_kind(f"the body of {f.name}", "it makes a table", _ASK)
    found = survey(inner.node)
    own = Reading(reading.world, reading.context, Text(source))
    for ref in found.relations:
        if ref.schema in ("pg_catalog", "information_schema"):
            raise of_kind(
                f"{ref.schema}.{ref.name} in a function", "it shows what the session of its caller does", _ASK
            )
        if ref.schema is None or ref.schema.startswith("pg_temp"):
            why = f"what {ref.name} means depends on who calls it"
            raise of_kind(f"the body of {f.name}", why, "Write the schema before the table's name.")
        relation = own.resolve(ref, located=False)
        if relation is not None and not reading.world.shield(relation).open:
            raise of_kind(f"{relation.qualified} in a function", "it has protected columns or rows", _ASK)
    for call in found.functions:
        _judge_call(reading, call.schema, call.name, call.arguments)
    if found.operators:
        for o in reading.world.catalog.operators:
            named = any(o.name == name for _, name in found.operators)
            if named and reading.world.clearance.hidden(reading.world.derivation.operator(o)):
                raise of_kind(f"operator {o.name} in a function", "one of that name reads protected data", _ASK)
            behind = reading.world.catalog.functions.get(o.function)
            if named and behind is not None and behind.volatility == "v":
                raise of_kind(f"operator {o.name} in a function", "one of that name is volatile", _ASK)
    own.query(inner.node, alone=False)
    if own.text.edited or own.transitions:
        raise of_kind(f"the body of {f.name}", "a statement in it would have to be rewritten", _ASK)
    reading.relations |= own.relations
    reading.functions |= own.functions
    reading.hits |= own.hits


def _judge_call(reading: Reading, schema: str | None, name: str, count: int) -> None:
    """A call in a body, whatever search_path it is made under."""
    world = reading.world
    others = [o for o in world.catalog.functions_named(name) if schema in (None, o.schema)]
    for o in others:
        why = world.function(o)
        if why:
            raise of_reading(f"function {o.signature}", reads(why), world.clearance.hits(why))
        if o.volatility == "v":
            raise of_kind(f"{o.signature} in a function", "it is volatile: it may do more than give a result", _ASK)
    builtin = schema in (None, "pg_catalog") and name in world.catalog.builtin_functions
    if builtin:
        verdict = world.builtins.judge(name, world.catalog.version, count if count >= 0 else None)
        builtin = verdict.kind is Kind.HARMLESS and name in steady()
        others = others if builtin else []
    if not builtin and not others:
        raise of_kind(f"{name} in a function", "it is not among what surely gives a result and does nothing else", _ASK)


# ------------------------------------------------------------------ triggers


def create_trigger(reading: Reading, node: Node, statement: Statement) -> None:
    """CREATE TRIGGER on a table that hides nothing, of a function that is known. Raises `Refused`."""
    del statement
    if not reading.may_ddl:
        raise of_kind("CREATE TRIGGER", "what its code will read cannot be told from here", _ASK)
    relation = _table(reading, node["relation"])
    words = [p["String"]["sval"] for p in node["funcname"]]
    named = [f for f in reading.world.catalog.functions_named(words[-1]) if not f.arguments]
    named = [f for f in named if len(words) == 1 or f.schema == words[-2]]
    if len(named) != 1 or named[0].language != "plpgsql":
        why = f"which function {words[-1]} is, and what it does, is not known"
        raise of_kind("CREATE TRIGGER", why, "Create the function first, in a transaction of its own.")
    (function,) = named
    events = frozenset(word for bit, word in _EVENTS.items() if node.get("events", 0) & bit)
    odd = any(key in node for key in ("constrrel", "transitionRels", "replace")) or node.get("isconstraint")
    if odd or node.get("events", 0) & ~sum(_EVENTS) or node.get("timing", 0) not in (0, _BEFORE) or not events:
        raise of_kind("this CREATE TRIGGER", "only plain BEFORE and AFTER triggers can be judged from here", _ASK)
    if "whenClause" in node:
        reading.mentions(survey({"when": node["whenClause"]}), {}, lasting=True)
    if not reading.world.derivation.declares_safe(function):
        _judge_body(reading, function)
    trigger = Trigger(node["trigname"], function.oid, events, "before", bool(node.get("row")))
    told = reading.world.derivation.trigger(relation, trigger)
    why_not = reading.world.clearance.hidden(told.told | frozenset(c for taint, _ in told.flows for c in taint))
    if why_not:
        hits = reading.world.clearance.hits(why_not)
        raise of_reading(f"function {function.signature}", reads(why_not), hits)
    reading.transitions.append(SchemaChanged())


def _table(reading: Reading, node: Node) -> Relation:
    """The trigger's table, which is in the catalog and hides nothing, nor does any that it is a part of."""
    ref = RelationRef(node, node.get("catalogname"), node.get("schemaname"), node["relname"], Role.OTHER, 0)
    found = reading.names.relation(ref.schema, ref.name)
    if found is not None and found.own is not None and not found.own.temporary:
        raise of_kind("CREATE TRIGGER", "the table is not known yet", "Do it in a session of its own.")
    relation = reading.resolve(ref, located=False)
    if relation is None or relation.kind not in "rp":
        raise of_kind("CREATE TRIGGER", "it is not on a table that is known", _ASK)
    for r in reading.world.derivation.family(relation):
        if not reading.world.shield(r).open:
            raise of_kind(f"CREATE TRIGGER on {r.qualified}", "its code is handed rows that hide something", _ASK)
    return relation
