"""Reading one statement: what it names is resolved, judged and, where it must be, hidden.

Knows a world, a context and the statement's tree; changes only its own `Text`. Raises `Refused`. Every function,
operator, type and relation that the statement names passes through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from redactor.catalog import Function, Relation
from redactor.context import Context
from redactor.decision import NOWHERE, Decision, Origin
from redactor.engine import arranging, behalf, calling, describing, hiding, opening, rows, sensitivity, writing
from redactor.engine.constants import boolean, constant, only_settings, picked_setting
from redactor.engine.refusal import Refused, imitation, of_gap, of_kind, of_reading, of_use
from redactor.engine.text import Text
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.model import ColumnName, ColumnUse, Grant, RelationName, RuleHit, Use
from redactor.protection import Shield
from redactor.sql import grammar
from redactor.sql.builtins import Effect, Kind, Verdict
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.lineage import Lineage
from redactor.sql.names import split_identifiers
from redactor.sql.origins import Origins
from redactor.sql.quote import identifier
from redactor.sql.scopes import CLEAN, Output, Scope
from redactor.sql.survey import LATER, FunctionRef, RelationRef, Role, Survey, exposes, survey
from redactor.transitions import Answer, Own, SetEncoding, SetPath, Transition

_JSON = frozenset({"json", "jsonb"})
"""to_json and its kin use a cast to these, if there is one."""

_TO_TEXT = frozenset({"quote_literal", "quote_nullable", "format"})
"""Built-ins, besides ||, that are made in SQL and cast what they are given to text."""

_LATER_VERSIONS = {name: version for version, name in LATER.values() if name}


class Reading:
    """One statement being read."""

    def __init__(self, world: World, context: Context, text: Text) -> None:
        self.world = world
        self.context = context
        self.text = text
        self.names = world.names(context)
        self.relations: dict[RelationName, None] = {}
        self.functions: dict[str, None] = {}
        self.used: list[ColumnUse] = []
        self.hits: dict[str, RuleHit] = {}
        self.transitions: list[Transition] = []
        self.may_ddl = False
        self.rewrites = False
        """Whether a function's name may be written with its schema."""
        self.speaks = False
        self.grant: Grant | None = None
        self.sized_own: list[str] = []
        self.kind = ""
        """Of which kind the statement is once it has been rewritten, where that is another."""
        self.again: Callable[[str], Decision] = _never
        self._bindings: dict[int, tuple[Relation | None, Own | None]] = {}
        self._shields: dict[int, Shield] = {}
        self._scattered: list[tuple[RelationRef, Shield]] = []
        self.origins: tuple[Origin, ...] = ()

    @property
    def masks_people(self) -> bool:
        """Whether a relation that hides something and is not PostgreSQL's own is among what was read."""
        return any(not s.open and s.relation.schema != "pg_catalog" for s in self._shields.values())

    # -------------------------------------------------------------- queries

    def query(
        self,
        node: Node,
        also: frozenset[str] = frozenset(),
        alone: bool = True,
        output: bool = True,
        ordered: bool = True,
        lasting: bool = False,
        whole: bool = False,
    ) -> None:
        """Judges a query or a data-modifying statement. `whole`: it is the whole statement.

        `alone`: it is the whole statement, so that set_config in it surely happens. `output`: what it gives reaches
        the requester. `ordered`: the order of its rows comes out, and must not be that in which hidden values lie.
        `lasting`: values of its outputs' types will be there for statements to come.
        """
        found = survey(node, also)
        if found.unknown:
            raise of_gap(", ".join(sorted(found.unknown)))
        self.rewrites = not lasting
        self.mentions(found, node, alone, lasting)
        hidden = self._reads(found)
        if ordered and output:
            hidden = sensitivity.order(self, node, found, hidden)
        opening.check(self, node, found, hidden)
        writes = [r for r in found.relations if r.role in writing.EVENTS]
        for ref in writes:
            self._target(ref)
        lineage = Lineage(self._columns_of, own=self._is_own, keys=self._key_of)
        outputs: tuple[Output, ...] = ()
        guarded = [r for r in writes if id(r.node) in self._shields and self._shields[id(r.node)].covers]
        if hidden or guarded:
            outputs = lineage.query(node, None, {})
            self._judge_uses(lineage, outputs, output)
        starless = not any(c.star for c in found.columns)
        if hidden and not starless and hiding.SYSTEM_COLUMNS & found.names:
            starless = rows.expand_stars(self.text, found, self._from_of)
        for ref, shield in hidden:
            hiding.hide(self.text, ref, shield, found, starless, self.world.written)
        if hidden:
            hiding.complete_groups(self.text, found.groups, hidden)
            rows.keep_types(self.text, hidden, found, self._rows_of)
        if writes:
            writing.judge(self, node, found)
        if ordered and output and arranging.arrange(self, node, found, hidden, bool(writes)) and whole:
            self.kind = "SelectStmt"
        if output and (hidden or guarded):
            self.origins = Origins(self._facts_of, *describing.of(self.world.catalog)).of(node)

    def lies(self, ref: RelationRef) -> bool:
        """Whether the rows of a relation lie where hidden values have them lie."""
        relation, own = self._bindings.get(id(ref.node), (None, None))
        return self.world.sized(relation) if relation is not None else own is not None and own.sized

    def _facts_of(self, node: Node) -> tuple[int, tuple[tuple[str, Origin], ...] | None]:
        """The origins' view of a relation: its oid, and its columns with their numbers."""
        relation, own = self._bindings.get(id(node), (None, None))
        if relation is not None:
            return relation.oid, self.world.origins(relation)
        # the session's own carries its origin itself
        columns = own.columns if own is not None else None
        return 0, None if columns is None else tuple((c, NOWHERE) for c in columns)

    def output_names(self, node: Node) -> tuple[str, ...] | None:
        """The names of a judged query's outputs, None where one is not known."""
        lineage = Lineage(self._columns_of)
        names = tuple(n for n, _ in lineage.query(node, None, {}))
        return None if "?column?" in names else names

    def _reads(self, found: Survey) -> list[tuple[RelationRef, Shield]]:
        """Resolves what is read; gives those that must be hidden."""
        hidden: list[tuple[RelationRef, Shield]] = []
        for ref in found.relations:
            if ref.role in writing.EVENTS:
                continue
            shield = self.read(ref)
            if shield is None or shield.open:
                continue
            columns = shield.names
            must = shield.ordered or bool(shield.where) or shield.closed is not None
            if must or exposes(found, ref, columns, shield.hidden):
                hidden.append((ref, shield))
            elif shield.scattered:
                self._scattered.append((ref, shield))
            if shield.covers and "ctid" in found.names and shield.relation.schema != "pg_catalog":
                raise of_kind(
                    f"ctid of {shield.relation.qualified}",
                    "where a row lies depends on the length of protected columns",
                    "Use the primary key.",
                )
            if shield.ordered and "tableoid" in found.names:
                raise of_kind(
                    f"tableoid of {shield.relation.qualified}", "which partition a row is in is what is protected"
                )
            if ref.sampled and (ref, shield) not in hidden and shield.covers:
                hiding.check_sample(self.text, ref, shield.relation)
        return [(hiding.told_apart(ref, shield, found), shield) for ref, shield in hidden]

    def read(self, ref: RelationRef) -> Shield | None:
        """Resolves one relation; refuses what is closed or unknown. None: the session's own."""
        relation = self.resolve(ref)
        if relation is None:
            return None
        shield = self.world.shield(relation)
        self._shields[id(ref.node)] = shield
        hiding.refuse_closed(shield, read=True)
        return shield

    def resolve(self, ref: RelationRef, located: bool = True) -> Relation | None:
        """What a relation's name means. None: the session's own. Refuses unknown ones as PostgreSQL does.

        `located`: PostgreSQL says where in the text the name stands (in queries, not in utility commands).
        """
        known = self._bindings.get(id(ref.node))
        if known is not None:
            return known[0]
        if ref.catalog is not None and ref.catalog != self.world.catalog.database:
            whole = f"{ref.catalog}.{ref.schema}.{ref.name}"
            at = self.text.position(ref.at) if located else 0
            raise imitation("0A000", f'cross-database references are not implemented: "{whole}"', at)
        found = self.names.relation(ref.schema, ref.name)
        if found is None:
            raise self.unknown_relation(ref, located)
        self._bindings[id(ref.node)] = (found.relation, found.own)
        if found.relation is not None:
            self.relations[found.relation.qualified] = None
            if self.world.has_protected_namesake(found.relation.qualified):
                hiding.qualify(self.text, ref, found.relation.schema)
        elif found.own is not None:
            behalf.guard(self.context, found.own)
            if found.own.sized:
                self.sized_own.append(found.own.name)
            name = RelationName(found.own.schema, found.own.name)
            self.relations[name] = None
            if self.world.has_protected_namesake(name):
                # it may be gone: dropped at the end of its transaction, or with it
                hiding.qualify(self.text, ref, found.own.schema)
        return found.relation

    def unknown_relation(self, ref: RelationRef, located: bool) -> Exception:
        """PostgreSQL's own error for a relation, or a schema, that does not exist."""
        at = self.text.position(ref.at) if located else 0
        if ref.schema is not None and not located and ref.schema not in self.world.catalog.schemas:
            return imitation("3F000", f'schema "{ref.schema}" does not exist')
        name = f"{ref.schema}.{ref.name}" if ref.schema else ref.name
        return imitation("42P01", f'relation "{name}" does not exist', at)

    def own(self, ref: RelationRef) -> Own | None:
        """The session's own object that a resolved relation is."""
        known = self._bindings.get(id(ref.node))
        return known[1] if known else None

    def sized(self) -> bool:
        """Whether hidden values decide how much room anything takes that the statement reads."""
        catalog = self.world.catalog
        found = (catalog.relation(n) for n in self.relations)
        return bool(self.sized_own) or any(r is not None and self.world.sized(r) for r in found)

    def _target(self, ref: RelationRef) -> None:
        relation = self.resolve(ref)
        if relation is not None:
            shield = self.world.shield(relation)
            self._shields[id(ref.node)] = shield
            hiding.refuse_closed(shield)

    def _columns_of(self, node: Node) -> tuple[Output, ...] | None:
        """The lineage's view of a relation: hidden columns carry their own name, the others nothing."""
        known = self._bindings.get(id(node))
        if known is None:
            found = self.names.relation(node.get("schemaname"), node.get("relname", ""))
            known = (found.relation, found.own) if found else (None, None)
        relation, own = known
        if relation is None:
            return tuple((c, CLEAN) for c in own.columns) if own is not None and own.columns is not None else None
        return self.world.outputs(relation)

    def _key_of(self, node: Node) -> tuple[str, ...]:
        """The primary key of a table, if none of it is hidden and no table inherits from it (keys end there)."""
        relation = self._bindings.get(id(node), (None, None))[0]
        if relation is None or relation.kind not in "rp":
            return ()
        if relation.kind == "r" and self.world.derivation.children(relation):
            return ()
        return self.world.shield(relation).primary

    def sources(self, items: list[Node], statement: Node) -> dict[str, tuple[str, ...] | None]:
        """What FROM items give names to: alias to column names in order, None where these are not known."""
        lineage = Lineage(self._columns_of)
        scope = Scope([])
        ctes = lineage.with_clause(statement.get("withClause"), None, {})
        for item in items:
            lineage.from_item(item, scope, ctes)
        return {s.alias: None if s.columns is None else tuple(n for n, _ in s.columns) for s in scope.sources}

    def _from_of(self, select: Node) -> dict[str, tuple[str, ...] | None]:
        """What a SELECT's own FROM gives names to."""
        return self.sources(select.get("fromClause", []), select)

    def _rows_of(self, select: Node) -> dict[str, tuple[str, ...] | None]:
        """The same, with the columns of functions where they are known; for what is shown, not for what is hidden."""
        return describing.completed(self.world.catalog, select, self._from_of(select))

    def _is_own(self, node: Node) -> bool:
        known = self._bindings.get(id(node))
        return known is not None and known[0] is None

    def cover(self, column: ColumnName) -> Any:
        """The cover of a hidden column."""
        relation = self.world.catalog.relation(column.of)
        return self.world.shield(relation).covers[column.name] if relation is not None else None

    def _judge_uses(self, lineage: Lineage, outputs: tuple[Output, ...], output: bool) -> None:
        """Refuses hidden columns that shape rows, or that may not be read at all; notes the others."""
        if output:
            for _, taint in outputs:
                lineage.use(taint, Use.OUTPUT)
        noted: list[tuple[ColumnUse, Iterable[RuleHit]]] = []
        try:
            self._judge_each(lineage, noted)
        finally:
            self.note(noted)

    def _judge_each(self, lineage: Lineage, noted: list[tuple[ColumnUse, Iterable[RuleHit]]]) -> None:
        for use in lineage.column_uses():
            cover = self.cover(use.column)
            noted.append((use, cover.hits))
            if use.use is Use.INSERT:
                # what it would tell all the same is looked for in writing.py
                if not cover.inserts or not self._is_table(use.column.of):
                    raise of_use(use.column, Use.WRITE, cover.hits, cover.source)
                continue
            if (use.use.shapes_rows and cover.refuses_shaping) or cover.expression is None or use.use is Use.WRITE:
                raise of_use(use.column, use.use, cover.hits, cover.source)

    def _is_table(self, name: RelationName) -> bool:
        relation = self.world.catalog.relation(name)
        return relation is not None and relation.kind in "rp"

    def note(self, uses: Iterable[tuple[ColumnUse, Iterable[RuleHit]]]) -> None:
        """Remembers, for the log, hidden columns that the statement uses, each with the rules that hide it."""
        found: dict[str, tuple[str, dict[ColumnName, None]]] = {}
        for use, hits in uses:
            self.used.append(use)
            for h in hits:
                if h.rule not in found:
                    known = self.hits.get(h.rule)
                    found[h.rule] = h.because, dict.fromkeys(known.columns if known else ())
                found[h.rule][1][use.column] = None
        for rule, (because, columns) in found.items():
            self.hits[rule] = RuleHit(rule, because, tuple(columns))

    def adopt(self, decision: Decision) -> None:
        """Takes over what a prepared statement's decision found."""
        self.used += decision.footprint.columns
        self.origins = next(iter(getattr(decision, "origins", ())), ())
        for name in decision.footprint.relations:
            self.relations[name] = None
        for h in decision.rules:
            self.hits[h.rule] = h
        # what is executed answers as it was prepared
        self.transitions += [t for one in getattr(decision, "transitions", ()) for t in one if isinstance(t, Answer)]

    # -------------------------------------------------------------- functions, operators, types

    def mentions(self, found: Survey, node: Node, alone: bool = False, lasting: bool = False) -> None:
        """Judges every function, operator and type. `lasting`: what is made of the types can be cast later on."""
        for f in found.functions:
            self._function(f, found, node, alone)
        for schema, name in found.operators:
            for o in self.names.operators(schema, name):
                why = self.world.clearance.hidden(self.world.derivation.operator(o))
                if why:
                    raise of_reading(f"operator {o.schema}.{o.name}", reads(why), self.world.clearance.hits(why))
        self._types(found, lasting)
        for name in found.attributes:
            # r.full_card is full_card(r) where r has no such column
            for method in self.names.functions(None, name):
                if len(method.arguments) == 1 and self._takes_row(method):
                    self._user_function(method)

    def _types(self, found: Survey, lasting: bool = False) -> None:
        # a type's name called like a function is a cast
        called = [(f.schema, f.name) for f in found.functions if f.arguments == 1]
        mentioned = [t for schema, name in (*found.types, *called) for t in self.names.types(schema, name)]
        words = {name for _, name in found.types} | {f.name for f in found.functions}
        if words & _TO_TEXT or any(name == "||" for _, name in found.operators):
            words |= {"text"}
        for t in mentioned:
            why = self.world.type(t)
            if why:
                raise of_reading(f"type {t.schema}.{t.name}", reads(why), self.world.clearance.hits(why))
            for c in self.world.derivation.casts_of(t):
                target = self.world.catalog.types.get(c.target)
                # an explicit cast happens where the statement names its target; the others may happen anywhere
                named = target is None or target.name in words or target.name in _JSON
                if c.context == "e" and not named and not lasting:
                    continue
                why = self.world.clearance.hidden(self.world.derivation.cast(c))
                if why:
                    raise of_reading(f"a cast of {t.schema}.{t.name}", reads(why), self.world.clearance.hits(why))

    def _takes_row(self, f: Function) -> bool:
        t = self.world.catalog.types.get(f.arguments[0])
        return t is None or t.kind in ("c", "p") or t.relation != 0

    def _function(self, ref: FunctionRef, found: Survey, node: Node, alone: bool) -> None:
        if ref.name.startswith("\x00"):
            name = ref.name[1:]
            if self.world.catalog.version < _LATER_VERSIONS.get(name, 170000):
                for f in self.names.functions(None, name):
                    self._user_function(f)
            return
        self.functions[f"{ref.schema}.{ref.name}" if ref.schema else ref.name] = None
        fitting = [f for f in self.names.functions(ref.schema, ref.name) if self._fits(f, ref)]
        if fitting and not calling.means_builtin(self, ref, fitting, found):
            for f in fitting:
                self._user_function(f)
        if self.names.builtin(ref.schema, ref.name):
            count = ref.arguments if ref.arguments >= 0 else None
            verdict = self.world.builtins.judge(ref.name, self.world.catalog.version, count)
            self._builtin(ref, verdict, found, node, alone)

    @staticmethod
    def _fits(f: Function, ref: FunctionRef) -> bool:
        if ref.arguments < 0 or f.variadic or ref.named or f.kind == "a":
            return True
        inputs = len(f.arguments)
        extra = len(f.all_arguments) if f.kind == "p" and f.all_arguments else inputs
        return inputs - f.defaults <= ref.arguments <= max(inputs, extra)

    def _user_function(self, f: Function) -> None:
        why = self.world.function(f)
        if why:
            raise of_reading(
                f"function {f.signature}",
                reads(why),
                self.world.clearance.hits(why),
                "If it tells nothing of them, a data steward can declare it safe in the catalog file.",
            )

    def _builtin(self, ref: FunctionRef, verdict: Verdict, found: Survey, node: Node, alone: bool) -> None:
        match verdict.kind:
            case Kind.HARMLESS | Kind.CATALOG:
                return
            case Kind.FIGURE:
                self._figure(ref, verdict)
            case Kind.SEQUENCE:
                self._sequence(ref, verdict)
            case Kind.SETTING:
                self._setting(ref, node, alone)
            case Kind.TYPE:
                self._type_named(ref, verdict)
            case Kind.STORAGE:
                if any(r.role is Role.READ and self._is_shielded(r) for r in found.relations):
                    raise of_kind(f"function {ref.name}", verdict.because)
            case Kind.SQL | Kind.SERVER | Kind.UNKNOWN:
                raise of_kind(f"function {ref.name}", verdict.because)

    def _is_shielded(self, ref: RelationRef) -> bool:
        found = self.names.relation(ref.schema, ref.name)
        return found is not None and found.relation is not None and not self.world.shield(found.relation).open

    def _call_span(self, ref: FunctionRef) -> tuple[int, int, list[Node]]:
        first = self.text.at(ref.at)
        opening = self.text.name_end(first)
        closing = self.text.closing(opening)
        return self.text.tokens[first].start, self.text.tokens[closing].end, ref.node.get("args", [])

    def _argument_text(self, ref: FunctionRef, number: int) -> str:
        """The source of an argument, counted from 1, as written."""
        i = self.text.name_end(self.text.at(ref.at)) + 1
        depth, at = 0, 1
        start = i
        while i < len(self.text.tokens):
            w = self.text.word(i)
            if depth == 0 and w in (",", ")"):
                if at == number:
                    break
                at += 1
                start = i + 1
            depth += (w in ("(", "[")) - (w in (")", "]"))
            i += 1
        return self.text.written(self.text.tokens[start].start, self.text.tokens[i - 1].end)

    def _guard(self, ref: FunctionRef, number: int, oids: tuple[int, ...]) -> None:
        """Makes the call give NULL for protected relations, whatever its argument turns out to be."""
        start, end, args = self._call_span(ref)
        if number:
            if any(kind in ("SubLink", "JsonArrayQueryConstructor") for kind, _ in walk(args)):
                # the argument is written twice, and what is hidden in a query would be hidden in one of them
                raise of_kind(f"function {ref.name} of a query", "its argument must be seen", "Name the relation.")
            argument = self._argument_text(ref, number)
            listed = ",".join(map(str, oids))
            condition = f"({argument})::pg_catalog.regclass::pg_catalog.oid = ANY ('{{{listed}}}'::pg_catalog.oid[])"
        else:
            condition = "true"
        self.text.put(start, start, f"(CASE WHEN {condition} THEN NULL ELSE ")
        self.text.put(end, end, " END)")

    def _figure(self, ref: FunctionRef, verdict: Verdict) -> None:
        oids = self.world.figures
        if oids:
            self._guard(ref, verdict.argument, oids)

    def _sequence(self, ref: FunctionRef, verdict: Verdict) -> None:
        oids = self.world.sequences
        if not oids or not verdict.argument:
            return
        args = ref.node.get("args", [])
        name = constant(args[verdict.argument - 1]) if len(args) >= verdict.argument else None
        if name is None:
            self._guard(ref, verdict.argument, oids)
            return
        parts = split_identifiers(name, ".")
        found = self.names.relation(parts[-2] if len(parts) > 1 else None, parts[-1]) if parts else None
        # one of the session's own may be gone with its table, and the name another's
        for relation in (found.relation, *found.others) if found is not None else ():
            if relation is not None and relation.oid in oids:
                closed = self.world.shield(relation).closed
                raise of_reading(
                    f"sequence {relation.qualified}", closed.why if closed else "", closed.hits if closed else ()
                )

    def _type_named(self, ref: FunctionRef, verdict: Verdict) -> None:
        args = ref.node.get("args", [])
        name = constant(args[verdict.argument - 1]) if len(args) >= verdict.argument else None
        if name is None:
            raise of_kind(f"function {ref.name}", verdict.because, "Give the type's name as a constant.")
        try:
            (named,) = grammar.parse(f"SELECT NULL::{name}".encode())
            (target,) = named.node["SelectStmt"]["targetList"]
            (cast,) = (target["ResTarget"]["val"]["TypeCast"],)
        except (RedactorError, ValueError, KeyError):
            raise of_kind(f"function {ref.name}", "its type is not the name of one") from None
        if set(named.node["SelectStmt"]) - {"targetList", "limitOption", "op"} or "A_Const" not in cast["arg"]:
            raise of_kind(f"function {ref.name}", "its type is not the name of one")
        self._types(survey(named.node))

    def _setting(self, ref: FunctionRef, node: Node, alone: bool) -> None:
        if ref.name != "set_config":
            return
        args = ref.node.get("args", [])
        name = constant(args[0]) if len(args) == 3 else None
        if name is None and len(args) == 3:
            name = picked_setting(args[0], node)
        if name is None:
            raise of_kind("set_config", "which setting it changes is not in the text", "Name the setting, or use SET.")
        value = constant(args[1])
        local = boolean(args[2])
        if name.lower() == behalf.SETTING:
            if value is None or local is None or not alone or not only_settings(node):
                raise of_kind("set_config of this", "it names an end user", "Use it with a constant, by itself.")
            problem = behalf.change(self, value, local)
            if problem is not None:
                raise Refused(problem)
            return
        verdict = self.world.builtins.setting(name)
        match verdict.effect:
            case Effect.HARMLESS:
                return
            case Effect.VALUES:
                if value is not None and verdict.allows(value):
                    return
            case Effect.PATH | Effect.ENCODING:
                if value is not None and local is not None and alone and only_settings(node):
                    if verdict.effect is Effect.PATH:
                        self.transitions.append(SetPath(tuple(split_identifiers(value, ",")), local))
                    else:
                        self.transitions.append(SetEncoding(value, local))
                    return
            case Effect.ROLE:
                from redactor.engine.settings import role_of  # it reads statements by this module

                role = None if value is None else role_of(name.lower(), value, self.context.login)
                if role is not None and role.role in (None, self.context.user) and self.context.now.role is None:
                    return
                if role is not None and local is not None and alone and only_settings(node):
                    self.transitions.append(replace(role, local=local))
                    return
            case Effect.REFUSED | Effect.UNKNOWN:
                pass
        raise of_kind(f"set_config of {name}", verdict.because, "Use SET with a constant, in a statement of its own.")


def _never(text: str) -> Decision:
    raise AssertionError("a reading without an engine has nothing to ask")


def reads(columns: Iterable[ColumnName]) -> str:
    """Why something may not be used: the first three things that it reads."""
    first = list(columns)[:3]
    known = [f"rows of {c.of}" if c.name == "*" else str(c) for c in first if c.schema]
    unknown = [f"what it reads cannot be told ({c.relation} {c.name})" for c in first if not c.schema]
    if known:
        unknown.insert(0, "it reads " + " and ".join([", ".join(known[:-1]), known[-1]] if known[1:] else known))
    return ", ".join(unknown)


__all__ = ["Reading", "constant", "identifier", "split_identifiers"]
