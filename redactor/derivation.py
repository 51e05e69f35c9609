"""What everything in a catalog derives from, whoever asks: views, functions, generated columns, defaults, policies.

Knows one catalog and what people declared safe; must not know policies, requesters or tags. Nothing here is tagged:
each answer is a taint, the set of columns that something derives from. Three stand-ins complete it:
`(schema, relation, *)` are a relation's very rows, `("", what, name)` something that cannot be read (a function in
another language, dynamic SQL), which nobody but an exempt requester may touch.

Computed once for a catalog, on demand and remembered; cycles (a view on a function on the view) end in the stand-in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from redactor.catalog import UNREAD, Cast, Catalog, Column, Constraint, Function, Operator, Relation, Trigger, Type
from redactor.errors import RedactorError
from redactor.model import ColumnName, RelationName
from redactor.review import Review
from redactor.signature import Malformed, split_name
from redactor.sql import grammar
from redactor.sql.copies import copies
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.lineage import Lineage
from redactor.sql.names import sequences_in
from redactor.sql.plpgsql import TriggerReads, reads, trigger_reads
from redactor.sql.scopes import CLEAN, Output, Scope, Source, Taint, join
from redactor.sql.survey import survey

ROWS = "*"
_DERIVED = ("v", "m")
_LOCKED = "of what somebody has locked just now (try again)"
_STORED = ("r", "p", "f", "m")


def rows_of(relation: RelationName) -> ColumnName:
    """The stand-in for a relation's very rows."""
    return ColumnName(relation.schema, relation.name, ROWS)


def opaque(what: str, name: str) -> Taint:
    """The taint of what cannot be read. `what`: function, trigger, expression ..."""
    return frozenset((ColumnName("", what, name),))


Harmless = Callable[[str | None, str], bool]
"""Whether a function of PostgreSQL's own (None) or of an extension is on the reviewed list: (extension, name)."""


class Derivation:
    """Lineage of everything in one catalog."""

    def __init__(self, catalog: Catalog, review: Review, harmless: Harmless) -> None:
        self.catalog = catalog
        self._review = review
        self._harmless = harmless
        self._views: dict[int, tuple[tuple[Output, ...], Taint]] = {}
        self._functions: dict[int, Taint] = {}
        self._types: dict[int, Taint] = {}
        self._plain = frozenset(
            t.oid
            for t in catalog.types.values()
            if t.schema == "pg_catalog" and t.kind == "b" and not (t.base or t.functions or t.checks or t.relation)
        )
        """Types of whose values nothing is asked: of no parts, and PostgreSQL's own."""
        self._reached: dict[int, tuple[Relation, ...]] = {}
        self._busy: set[tuple[str, int]] = set()
        self._children: dict[int, list[Relation]] = {}
        for r in catalog.relations.values():
            for parent in r.parents:
                self._children.setdefault(parent, []).append(r)
        self._referrers: dict[int, dict[int, Relation]] = {}
        for r in catalog.relations.values():
            for key in r.constraints:
                if key.kind == "f" and key.foreign is not None:
                    self._referrers.setdefault(key.foreign, {})[r.oid] = r
        self._families: dict[int, tuple[Relation, ...]] = {}
        self._columns: dict[int, Mapping[str, Taint]] = {}
        self._rows: dict[int, Taint] = {}
        self._triggers: dict[str, list[tuple[Function, Relation]]] | None = None
        self._numbered: dict[str, list[tuple[str, Relation, Column]]] | None = None

    # -------------------------------------------------------------- relations

    def children(self, relation: Relation) -> tuple[Relation, ...]:
        """Its partitions and inheritance children, direct ones only."""
        return tuple(self._children.get(relation.oid, ()))

    def referrers(self, relation: Relation) -> tuple[Relation, ...]:
        """The relations that have a foreign key to it."""
        return tuple(self._referrers.get(relation.oid, {}).values())

    def family(self, relation: Relation) -> tuple[Relation, ...]:
        """The relation, its ancestors and its descendants: a row of one may be read through another."""
        known = self._families.get(relation.oid)
        if known is not None:
            return known
        found = {relation.oid: relation}
        up = [relation]
        while up:
            for parent in up.pop().parents:
                if parent in self.catalog.relations and parent not in found:
                    found[parent] = self.catalog.relations[parent]
                    up.append(found[parent])
        down = [relation]
        while down:
            for child in self._children.get(down.pop().oid, ()):
                if child.oid not in found:
                    found[child.oid] = child
                    down.append(child)
        self._families[relation.oid] = tuple(found.values())
        return self._families[relation.oid]

    def columns(self, relation: Relation) -> Mapping[str, Taint]:
        """Every column of a relation with what it derives from, itself included."""
        known = self._columns.get(relation.oid)
        if known is not None:
            return known
        if relation.kind in _DERIVED:
            outputs, _ = self.view(relation)
            by_position = [t for _, t in outputs]
            found = {
                c.name: (by_position[i] if i < len(by_position) else opaque("view", str(relation.qualified)))
                | {ColumnName(relation.schema, relation.name, c.name)}
                for i, c in enumerate(relation.columns)
            }
        else:
            found = self._stored(relation)
        self._columns[relation.oid] = found
        return found

    def _stored(self, relation: Relation) -> dict[str, Taint]:
        own: dict[str, Taint] = {c.name: frozenset((self._name(relation, c.name),)) for c in relation.columns}
        # a cycle of foreign keys ends in the columns' own names
        self._columns[relation.oid] = own
        found = dict(own)
        for other in self.family(relation):
            if other.oid != relation.oid:
                for c in other.columns:
                    if c.name in found:
                        found[c.name] |= {self._name(other, c.name)}
        for other in self.family(relation):
            for name, taint in self._copied(other):
                if name in found:
                    found[name] |= taint
        for key in relation.constraints:
            target = self.catalog.relations.get(key.foreign or 0) if key.kind == "f" else None
            if target is not None and target.oid != relation.oid:
                there = self.columns(target)
                for mine, theirs in zip(key.columns, key.foreign_columns, strict=False):
                    # a key's value is a value of the column that it refers to
                    found[mine] |= there.get(theirs, CLEAN)
        for c in relation.columns:
            # where a value stands beside another of its type, that one is made a value of the type
            if c.type_oid not in self._plain:
                found[c.name] |= self.types_of((c.type_oid,)) | self.conversions((c.type_oid,))
            if c.generated is not None:
                found[c.name] |= self._expression_over(c.generated, relation, found)
            elif c.default is not None:
                found[c.name] |= self._expression_over(c.default, relation, {})
        return found

    def _copied(self, relation: Relation) -> Iterator[Output]:
        """What triggers put into a relation's columns: its own into a row on its way, those of any table by writing."""
        for t in relation.triggers:
            for taint, targets in self.trigger(relation, replace(t, events=frozenset({"update"}))).flows:
                yield from ((name, taint) for name in targets)
        if self._triggers is None:
            self._triggers = {}
            for r in self.catalog.relations.values():
                for f in (self.catalog.functions.get(t.function) for t in r.triggers):
                    if f is not None and f.language == "plpgsql" and not self.declares_safe(f):
                        for word in set(_WORD.findall(f.body.lower())):
                            self._triggers.setdefault(word, []).append((f, r))
        for f, r in {(f.oid, r.oid): (f, r) for f, r in self._triggers.get(relation.name.lower(), ())}.values():
            for copy in copies(f, r, self):
                if any(c.oid == relation.oid for c in self._candidates(copy.target)):
                    names = copy.columns or tuple(c.name for c in relation.columns)
                    yield from zip(names, copy.values, strict=False)

    @staticmethod
    def _name(relation: Relation, column: str) -> ColumnName:
        return ColumnName(relation.schema, relation.name, column)

    def rows(self, relation: Relation) -> Taint:
        """What decides which rows a reader of the relation sees."""
        known = self._rows.get(relation.oid)
        if known is not None:
            return known
        self._rows[relation.oid] = frozenset((rows_of(relation.qualified),))
        taint: Taint = frozenset((rows_of(relation.qualified),))
        if relation.kind in _DERIVED:
            taint |= self.view(relation)[1]
        else:
            # reading a parent reads its children; reading a child reads a part of what the parent is
            taint |= {rows_of(r.qualified) for r in self.family(relation)}
            if relation.partition:
                # which rows a partition has is what its key says
                for parent in relation.parents:
                    above = self.catalog.relations.get(parent)
                    if above is not None:
                        columns = self.columns(above)
                        taint |= join(columns.get(c, CLEAN) for c in above.partition_columns)
            if relation.row_security:
                for policy in relation.policies:
                    for text in (policy.using, policy.check):
                        if text is not None:
                            taint |= self.expression(text, relation)
        for rule in relation.rules:
            if rule.event == "select":
                taint |= opaque("rule", rule.name)
        self._rows[relation.oid] = taint
        return taint

    def order(self, relation: Relation) -> Taint:
        """What decides in which partition, and so in which order, a reader meets the rows."""
        taint: Taint = CLEAN
        for r in self.family(relation):
            if r.partition_key is not None:
                columns = self.columns(r)
                taint |= join(columns.get(c, CLEAN) for c in r.partition_columns)
        return taint

    def places(self, relation: Relation) -> frozenset[str]:
        """The columns that decide in which partition a new row lies, of the relation's own key or of a parent's."""
        found = set(relation.partition_columns)
        if relation.partition:
            for parent in relation.parents:
                above = self.catalog.relations.get(parent)
                found |= self.places(above) if above is not None else {c.name for c in relation.columns}
        return frozenset(found)

    def view(self, relation: Relation) -> tuple[tuple[Output, ...], Taint]:
        """A view's outputs in order, and what decides its rows."""
        known = self._views.get(relation.oid)
        if known is not None:
            return known
        now = f" {_LOCKED}" if relation.definition is None else ""
        unread = opaque("view", f"{relation.qualified}{now}")
        result: tuple[tuple[Output, ...], Taint] = (tuple((c.name, unread) for c in relation.columns), unread)
        if relation.definition is not None and ("view", relation.oid) not in self._busy:
            self._busy.add(("view", relation.oid))
            try:
                result = self.query(relation.definition)
            except RedactorError:
                pass
            finally:
                self._busy.discard(("view", relation.oid))
        self._views[relation.oid] = result
        return result

    # -------------------------------------------------------------- texts

    def query(self, text: str) -> tuple[tuple[Output, ...], Taint]:
        """The outputs of a query given as text with qualified names, and what decides its rows."""
        (statement,) = grammar.parse(text.encode())
        return self._query(statement.node)

    def _query(self, node: Node) -> tuple[tuple[Output, ...], Taint]:
        lineage = self._lineage()
        outputs = lineage.query(node, None, {})
        return outputs, lineage.shaping | self._mentions(node)

    def select(self, node: Node, outer: Scope) -> Taint:
        """All that a SELECT reads whose expressions also see the names of an outer scope."""
        if any(k in _WRITES for k, _ in walk(node)):
            return opaque("statement", "a write")
        lineage = self._lineage()
        outputs = lineage.query(node, outer, {})
        return join(t for _, t in outputs) | lineage.shaping | self._mentions(node)

    def outputs(self, node: Node, outer: Scope) -> tuple[Output, ...]:
        """A SELECT's outputs, whose expressions also see the names of an outer scope."""
        return self._lineage().query(node, outer, {})

    def _lineage(self) -> Lineage:
        return Lineage(self._relation_columns, self._relation_rows, self._call)

    def _mentions(self, node: Node) -> Taint:
        """What its operators, casts and types read, wherever in the text they stand."""
        found = survey(node)
        taint: Taint = CLEAN
        if found.unknown:
            taint |= opaque("expression", ", ".join(sorted(found.unknown)))
        for schema, name in found.operators:
            for o in self.catalog.operators_named(name):
                if schema in (None, o.schema):
                    taint |= self.operator(o)
        for schema, name in found.types:
            for t in self.catalog.types_named(name):
                if schema in (None, t.schema):
                    taint |= self.type(t) | join(self.cast(c) for c in self.casts_of(t))
        if found.attributes:
            for name in found.attributes:
                for f in self.catalog.functions_named(name):
                    if len(f.arguments) == 1:
                        taint |= self.function(f)
        return taint

    def expression(self, text: str, relation: Relation | None = None) -> Taint:
        """What an expression over a relation's columns derives from."""
        return self._expression_over(text, relation, self.columns(relation) if relation is not None else {})

    def _expression_over(self, text: str, relation: Relation | None, columns: Mapping[str, Taint]) -> Taint:
        try:
            (statement,) = grammar.parse(b"SELECT " + text.encode())
        except (RedactorError, ValueError):
            return opaque("expression", _LOCKED if text == UNREAD else text[:60])
        node = statement.node
        sources = [Source(relation.name, tuple(columns.items()))] if relation is not None else []
        lineage = self._lineage()
        outputs = lineage.query(node, Scope(sources), {})
        return join(t for _, t in outputs) | lineage.shaping | self._mentions(node)

    # -------------------------------------------------------------- callbacks of the lineage

    def _candidates(self, node: Node) -> list[Relation]:
        """Every relation that a name in a stored text can mean: unqualified ones depend on the caller's path."""
        name, schema = node.get("relname", ""), node.get("schemaname")
        if schema is not None:
            found = self.catalog.relation(RelationName(schema, name))
            return [found] if found else []
        system = self.catalog.relation(RelationName("pg_catalog", name))
        if system is not None:
            return [system]
        return [r for s in sorted(self.catalog.schemas) if (r := self.catalog.relation(RelationName(s, name)))]

    def _relation_columns(self, node: Node) -> tuple[Output, ...] | None:
        candidates = self._candidates(node)
        if not candidates:
            return None
        merged: dict[str, Taint] = {}
        for r in candidates:
            for name, taint in self.columns(r).items():
                merged[name] = merged.get(name, CLEAN) | taint
        return tuple(merged.items())

    def _relation_rows(self, node: Node) -> Taint:
        candidates = self._candidates(node)
        return join(self.rows(r) for r in candidates)

    def _call(self, call: Node) -> Taint:
        words = [p["String"]["sval"] for p in call["funcname"]]
        schema, name = words[-2] if len(words) > 1 else None, words[-1]
        if schema in (None, "pg_catalog") and not self.catalog.functions_named(name):
            if name in ("current_setting", "lastval"):
                return CLEAN
            if name in ("nextval", "currval", "setval"):
                return self._sequence(call)
        return self.called(schema, name)

    def _sequence(self, call: Node) -> Taint:
        """What a call on a sequence tells of: how many rows the table has that the sequence belongs to."""
        argument: Node = next(iter(call.get("args", ())), {})
        while "TypeCast" in argument:
            argument = argument["TypeCast"]["arg"]
        text = argument.get("A_Const", {}).get("sval", {}).get("sval")
        try:
            parts = split_name(text) if isinstance(text, str) else ()
        except Malformed:
            parts = ()
        if not parts:
            return opaque("sequence", "of no fixed name")
        wanted = {"relname": parts[-1], **({"schemaname": parts[-2]} if len(parts) > 1 else {})}
        return frozenset(rows_of(r.qualified) for s in self._candidates(wanted) for r, _ in self.numbered(s))

    def numbered(self, sequence: Relation) -> tuple[tuple[Relation, Column], ...]:
        """The columns that take their numbers from a sequence: the one that it belongs to, and those whose default
        calls it by its name."""
        if self._numbered is None:
            self._numbered = {}
            for r in self.catalog.relations.values():
                for c in r.columns:
                    for schema, name in sequences_in(c.default):
                        self._numbered.setdefault(name, []).append((schema, r, c))
        named = self._numbered.get(sequence.name, ())
        found = {(r.oid, c.number): (r, c) for s, r, c in named if s in ("", sequence.schema)}
        if sequence.owned_by is not None:
            oid, number = sequence.owned_by
            owner = self.catalog.relations.get(oid)
            found |= {(oid, c.number): (owner, c) for c in owner.columns if c.number == number} if owner else {}
        return tuple(found.values())

    def called(self, schema: str | None, name: str) -> Taint:
        """What any function that the name could mean reads."""
        found = [f for f in self.catalog.functions_named(name) if schema in (None, f.schema)]
        taint = join(self.function(f) for f in found)
        builtin = schema in (None, "pg_catalog") and name in self.catalog.builtin_functions
        if builtin and not self._harmless(None, name):
            taint |= opaque("function", f"pg_catalog.{name}")
        return taint

    # -------------------------------------------------------------- functions and what is made of them

    def function(self, f: Function) -> Taint:
        """What a function reads; clean: it may be called by anyone."""
        known = self._functions.get(f.oid)
        if known is not None:
            return known
        declared = self._review.declared(f.signature)
        if declared is not None:
            taint = CLEAN if declared.safe else opaque("function", f.signature)
        elif ("function", f.oid) in self._busy:
            # a recursive call reads nothing that the function does not read anyway
            return CLEAN
        else:
            self._busy.add(("function", f.oid))
            try:
                taint = self._read(f)
            except RedactorError:
                taint = opaque("function", f.signature)
            finally:
                self._busy.discard(("function", f.oid))
        self._functions[f.oid] = taint
        return taint

    def declares_safe(self, f: Function) -> bool:
        """Whether people have declared that a function tells nothing."""
        declared = self._review.declared(f.signature)
        return declared is not None and declared.safe

    def _read(self, f: Function) -> Taint:
        if f.extension is not None:
            return CLEAN if self._harmless(f.extension, f.name) else opaque("function", f.signature)
        if f.kind == "a":
            return join(self._part(oid) for oid in f.parts)
        # an argument is made a value of its type
        taint = self.types_of((*f.arguments, *f.all_arguments)) | self.conversions((f.returns, *f.all_arguments))
        if f.default_expressions:
            taint |= self._expression_over(f.default_expressions, None, {})
        match f.language:
            case "internal" if f.body in _RANGE_CONSTRUCTORS:
                return taint
            case "internal":
                return taint | (CLEAN if self._harmless(None, f.body) else opaque("function", f.signature))
            case "sql":
                return taint | self._sql(f)
            case "plpgsql":
                return taint | reads(f, self)
            case _:
                return opaque("function", f.signature)

    def reached(self, f: Function) -> tuple[Relation, ...]:
        """The relations that a function's body reads, as far as it can be read, whatever was declared."""
        known = self._reached.get(f.oid)
        if known is None:
            # a recursive call reaches nothing that the function does not reach anyway
            self._reached[f.oid] = ()
            try:
                taint = self._read(f)
            except RedactorError:
                taint = CLEAN
            names = {c.of for c in taint if c.schema}
            found = [r for n in sorted(names) if (r := self.catalog.relation(n)) is not None]
            self._reached[f.oid] = known = tuple(found)
        return known

    def _part(self, oid: int) -> Taint:
        f = self.catalog.functions.get(oid)
        if f is not None:
            return self.function(f)
        name = self.catalog.builtin_names.get(oid, "")
        return CLEAN if self._harmless(None, name) else opaque("function", name or str(oid))

    def _sql(self, f: Function) -> Taint:
        text = f.body
        if f.atomic:
            text = _atomic(text)
        taint: Taint = CLEAN
        for statement in grammar.parse(text.encode()):
            taint |= self.statement(statement.node)
        # an argument of a row type hands in a whole row, which its caller could read anyway
        return taint

    def statement(self, node: Node) -> Taint:
        """All that a statement in a function's body reads; writes are what it may not do undeclared."""
        kind = next(iter(node), "")
        if kind not in ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"):
            return opaque("statement", kind)
        if kind != "SelectStmt" or any(k in _WRITES for k, _ in walk(node)):
            return opaque("statement", "a write")
        outputs, rows = self._query(node)
        return join(t for _, t in outputs) | rows

    def operator(self, o: Operator) -> Taint:
        """What an operator's function reads."""
        return self._part(o.function)

    def cast(self, c: Cast) -> Taint:
        """What a cast's function reads."""
        return self._part(c.function)

    def type(self, t: Type) -> Taint:
        """What making a value of the type reads: a domain's checks, a type's own functions, those of its parts."""
        known = self._types.get(t.oid)
        if known is None:
            self._types[t.oid] = known = join(self._made(p) for p in self._parts_of(t))
        return known

    def _parts_of(self, t: Type) -> tuple[Type, ...]:
        """A type, all its parts, and theirs: a type may be a part of itself."""
        parts = {t.oid: t}
        waiting = [t]
        while waiting:
            part = waiting.pop()
            row = self.catalog.relations.get(part.relation)
            inner = [part.base, *(c.type_oid for c in row.columns)] if row is not None else [part.base]
            found = [f for oid in inner if oid not in parts and (f := self.catalog.types.get(oid)) is not None]
            parts.update((f.oid, f) for f in found)
            waiting += found
        return tuple(parts.values())

    def _made(self, t: Type) -> Taint:
        taint = join(self._part(f) for f in t.functions)
        for check in t.checks:
            taint |= self._expression_over(check, None, {})
        return taint

    def types_of(self, oids: Iterable[int]) -> Taint:
        """What making values of types reads, by their oids."""
        return join(self.type(t) for oid in oids if (t := self.catalog.types.get(oid)) is not None)

    def conversions(self, oids: Iterable[int]) -> Taint:
        """What the casts from and to types, or their parts, read: a value at hand is cast without naming its type."""
        if not self.catalog.casts:
            return CLEAN
        found = [t for oid in oids if (t := self.catalog.types.get(oid)) is not None]
        # one from a user's type to text says nothing of a text at hand
        parts = {p.oid for t in found for p in self._parts_of(t) if not self._is_system_type(p.oid)}
        return join(self.cast(c) for c in self.catalog.casts if c.source in parts or c.target in parts)

    def casts_of(self, t: Type) -> tuple[Cast, ...]:
        """The casts that a statement which names the type may make: a value is made of its source type first."""
        if not self.catalog.casts:
            return ()
        parts = {t.oid} | {p.oid for p in self._parts_of(t) if not self._is_system_type(p.oid)}
        return tuple(
            c for c in self.catalog.casts if c.source in parts or (c.target in parts and self._is_system_type(c.source))
        )

    def _is_system_type(self, oid: int) -> bool:
        t = self.catalog.types.get(oid)
        return t is None or t.schema == "pg_catalog"

    def trigger(self, relation: Relation, trigger: Trigger) -> TriggerReads:
        """What a trigger tells of: what it reads, which columns of its row, and where it puts them."""
        f = self.catalog.functions.get(trigger.function)
        unread = TriggerReads(opaque("trigger", trigger.name))
        if f is None:
            name = self.catalog.builtin_names.get(trigger.function, "")
            return TriggerReads(CLEAN) if name in _HARMLESS_TRIGGERS else unread
        declared = self._review.declared(f.signature)
        if declared is not None:
            return TriggerReads(CLEAN) if declared.safe else unread
        if f.language != "plpgsql":
            return unread
        try:
            found = trigger_reads(f, relation, trigger, self)
            if trigger.condition is not None:
                columns = tuple(self.columns(relation).items())
                (statement,) = grammar.parse(b"SELECT " + trigger.condition.encode())
                rows = Scope([Source("new", columns), Source("old", columns)])
                found = TriggerReads(found.told | self.select(statement.node, rows), found.flows)
        except RedactorError:
            return unread
        return found

    def check(self, relation: Relation, constraint: Constraint) -> Taint:
        """What a CHECK's expression reads, by whatever functions."""
        text = constraint.definition.strip()
        for end in (" NOT VALID", " NO INHERIT", " NOT ENFORCED"):
            text = text.removesuffix(end)
        return self.expression(text.removeprefix("CHECK "), relation)


# made by CREATE TYPE ... AS RANGE, for that type alone
_RANGE_CONSTRUCTORS = frozenset(
    {
        *("range_constructor2", "range_constructor3", "multirange_constructor0", "multirange_constructor1"),
        "multirange_constructor2",
    }
)
# they answer nothing: one skips updates that change nothing, the others check keys (pg_constraint tells of those)
_HARMLESS_TRIGGERS = frozenset({"suppress_redundant_updates_trigger", "unique_key_recheck"})
_WRITES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


_WORD = re.compile(r"\w+")


def _atomic(body: str) -> str:
    """The statements between BEGIN ATOMIC and END, or the expression after RETURN."""
    text = body.strip()
    if text.upper().startswith("RETURN"):
        return "SELECT " + text[len("RETURN") :]
    inside = text[len("BEGIN ATOMIC") :].rstrip().rstrip(";").rstrip()
    return inside[: -len("END")] if inside.upper().endswith("END") else inside
