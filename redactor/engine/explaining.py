"""EXPLAIN: the plan of a statement that is itself judged, unless hidden data have a part in choosing it.

A plan is chosen by how many pages a table has, whatever the settings, and those depend on how long its hidden values
are: of such tables none is shown (docs/decisions/0030). Where hidden values all take the same room, the plan is shown
without figures. Plans of statements that touch no relation with hidden columns stay whole.
"""

from __future__ import annotations

from redactor.catalog import Relation
from redactor.engine.reading import Reading
from redactor.engine.refusal import of_kind
from redactor.model import RelationName
from redactor.sql.grammar import Node, Statement

_TELLING = frozenset({"buffers", "wal", "memory", "serialize"})


def explain(reading: Reading, node: Node, statement: Statement) -> None:
    """EXPLAIN [ANALYZE] of a query, a write, DECLARE, CREATE TABLE AS or EXECUTE."""
    query = node["query"]
    options = {o["DefElem"]["defname"].lower(): _on(o["DefElem"]) for o in node.get("options", ())}
    kind = next(iter(query))
    before = reading.text.mark()
    match kind:
        case "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            reading.query(query, alone=False, output=False)
        case "DeclareCursorStmt":
            reading.query(query[kind]["query"], alone=False, output=False)
        case "ExecuteStmt":
            from redactor.engine.statements import execute

            execute(reading, query[kind], reading.again)
        case "CreateTableAsStmt" if options.get("analyze"):
            # it is made, and kept
            from redactor.engine.definitions import create_table_as

            create_table_as(reading, query[kind], statement)
        case "CreateTableAsStmt" if "ExecuteStmt" in query[kind]["query"]:
            from redactor.engine.statements import execute

            execute(reading, query[kind]["query"]["ExecuteStmt"], reading.again)
        case "CreateTableAsStmt" if "SelectStmt" in query[kind]["query"]:
            reading.query(query[kind]["query"], alone=False, output=False)
        case _:
            raise of_kind(f"EXPLAIN of {kind.removesuffix('Stmt')}", "it is not among what may be explained")
    if not reading.may_ddl:
        _refuse_sized(reading)
    shielded = [
        n
        for n in reading.relations
        if (r := reading.world.catalog.relation(n)) is not None
        and n.schema not in ("pg_catalog", "information_schema")
        and _tells(reading, r)
    ]
    if not shielded:
        if reading.text.mark() != before and options.get("verbose"):
            raise of_kind("EXPLAIN (VERBOSE)", "it shows how the statement was rewritten", "Leave VERBOSE out.")
        return
    for name in sorted(_TELLING & {o for o, on in options.items() if on}):
        raise of_kind(f"EXPLAIN ({name.upper()})", f"its figures depend on protected data of {shielded[0]}")
    ordered = [n for n in shielded if (r := reading.world.catalog.relation(n)) and reading.world.shield(r).ordered]
    if ordered and options.get("analyze"):
        raise of_kind("EXPLAIN ANALYZE", f"it counts the rows of each partition of {ordered[0]}", "Leave ANALYZE out.")
    if options.get("verbose"):
        _judge_verbose(reading, shielded[0], options)
    _hide_figures(reading, node, statement, options)


def _refuse_sized(reading: Reading) -> None:
    """Refuses where the plan is chosen by how much room hidden values take."""
    world = reading.world
    relations = [r for n in reading.relations if (r := world.catalog.relation(n)) is not None]
    for name in reading.functions:
        # a function in SQL may be replaced by its body, whose plan is then shown
        called = [f for f in world.catalog.functions_named(name.split(".")[-1]) if f.language == "sql"]
        relations += [r for f in called for r in world.derivation.reached(f)]
    sized = next((str(r.qualified) for r in relations if world.sized(r)), None)
    if sized is None and reading.sized_own:
        sized = reading.sized_own[0]
    if sized is not None:
        raise of_kind(
            f"EXPLAIN of a statement that reads {sized}",
            "which plan is chosen hangs on how much room its protected columns take",
            "Explain it on a copy with made-up data, or ask one whose policy role has may_ddl.",
        )


def _judge_verbose(reading: Reading, shielded: RelationName, options: dict[str, bool]) -> None:
    """VERBOSE shows expressions, masks among them: what names and definitions tell, and no data."""
    if options.get("analyze"):
        raise of_kind("EXPLAIN (ANALYZE, VERBOSE)", f"it counts what each worker read of {shielded}", "Leave one out.")
    for name in reading.relations:
        relation = reading.world.catalog.relation(name)
        if relation is not None and any(c.varies for c in reading.world.shield(relation).covers.values()):
            # the key of a hash stands in the mask
            raise of_kind("EXPLAIN (VERBOSE)", f"it shows how columns of {name} are masked", "Leave VERBOSE out.")


def _tells(reading: Reading, relation: Relation) -> bool:
    world = reading.world
    if not world.shield(relation).open:
        return True
    # a view's plan is made of the relations below it
    below = [
        world.catalog.relations[o] for o, _ in relation.reads if o in world.catalog.relations and o != relation.oid
    ]
    return any(_tells(reading, r) for r in below) if relation.kind == "v" else False


def _hide_figures(reading: Reading, node: Node, statement: Statement, options: dict[str, bool]) -> None:
    """Adds COSTS OFF, and BUFFERS OFF where the server's version would show them unasked."""
    wanted = [] if options.get("costs") is False else ["COSTS OFF"]
    if options.get("analyze") and "buffers" not in options and reading.world.catalog.version >= 180000:
        wanted.append("BUFFERS OFF")
    if not wanted:
        return
    text = reading.text
    first = text.at(statement.start)
    words = [text.word(first + i) for i in range(1, 3)]
    extra = ", ".join(wanted)
    if words[0] == "(" and not words[1].startswith(("select", "with", "values", "table", "(")):
        at = text.tokens[text.closing(first + 1)].start
        if options.get("costs"):
            raise of_kind("EXPLAIN (COSTS)", "its figures depend on protected data", "Leave COSTS out.")
        text.put(at, at, f", {extra}")
    else:
        # the old spelling, EXPLAIN ANALYZE VERBOSE
        given = [w.upper() for w in words if w in ("analyze", "analyse", "verbose")]
        last = first + len(given)
        text.put(text.tokens[first].start, text.tokens[last].end, f"EXPLAIN ({', '.join([*given, extra])})")
    del node


def _on(option: Node) -> bool:
    arg = option.get("arg")
    if arg is None:
        return True
    if "String" in arg:
        return str(arg["String"].get("sval", "")).lower() not in ("off", "false", "0", "none")
    if "Boolean" in arg:
        return bool(arg["Boolean"].get("boolval"))
    return bool(arg.get("Integer", {}).get("ival", 0))
