# ruff: noqa: E501
"""Statements made at random over the city's own objects, as trees that can be made smaller.

Pure: the same generator gives the same statements. Knows PostgreSQL's syntax, the names and kinds of columns, and of each
whether it may decide which rows there are: a kind that begins with ~ is of one that may not, and stands where values are
only shown, but in one statement of ten, which is composed of anything. Knows nothing of a server or of the proxy. A
`Node` of a kind may stand wherever one of that kind stood: that is what makes shrinking easy, and why every kind has a
least form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

LEAST = {
    "text": "'x'",
    "int": "1",
    "bool": "true",
    "date": "date '2024-01-01'",
    "json": "'{}'::jsonb",
    "row": "NULL",
    "clause": "",
    "item": "1",
}
"""The smallest form of each kind; statements have none."""


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a statement. `parts` are texts and pieces, in order; `free`: a literal, any other of its kind will do."""

    kind: str
    parts: tuple[str | Node, ...]
    free: bool = False

    def __str__(self) -> str:
        return "".join(str(p) for p in self.parts)

    def smaller(self) -> Iterator[Node]:
        """This piece with one thing simpler somewhere, largest cuts first."""
        least = LEAST.get(self.kind)
        if least is not None and str(self) != least:
            yield Node(self.kind, (least,))
        for inner in self.within():
            if inner.kind == self.kind and inner is not self:
                yield inner
        for i, p in enumerate(self.parts):
            if isinstance(p, Node):
                for s in p.smaller():
                    yield Node(self.kind, (*self.parts[:i], s, *self.parts[i + 1 :]))

    def filled(self, choose: Callable[[str], str]) -> Node:
        """This piece with all its literals chosen anew, by their kinds."""
        if self.free:
            return Node(self.kind, (choose(self.kind),), True)
        if not any(isinstance(p, Node) for p in self.parts):
            return self
        return Node(self.kind, tuple(p.filled(choose) if isinstance(p, Node) else p for p in self.parts))

    def within(self) -> Iterator[Node]:
        """All pieces, this one included."""
        yield self
        for p in self.parts:
            if isinstance(p, Node):
                yield from p.within()


CASTS = {"text": "::text", "int": "::int", "date": "::date", "json": "::jsonb"}
"""Of the kinds that have values besides true and false: what makes a parameter one."""


def written(kind: str, value: str) -> str:
    """A literal."""
    match kind:
        case "int":
            return value
        case "date":
            return f"date '{value}'"
        case _:
            return f"'{value}'{CASTS[kind]}"


def parametrised(statement: Node) -> tuple[Node, list[str]]:
    """A statement with parameters in the places of its literals, and their kinds."""
    kinds: list[str] = []

    def choose(kind: str) -> str:
        kinds.append(kind)
        return f"${len(kinds)}{CASTS[kind]}"

    return statement.filled(choose), kinds


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view: its qualified name and the kind of each column. `closed`: it may not be read at all."""

    name: str
    columns: Mapping[str, str]
    writable: bool
    closed: bool = False


Scope: TypeAlias = Sequence[tuple[str, Mapping[str, str]]]
"""What a FROM clause offers: aliases and their columns' kinds."""

KINDS = ("text", "int", "bool", "date", "json")
WORDS = ("QZM", "QZA", "none", "citizen", "Ash", "open", "undoc", "local", "x", "", "%n%", "QZ%", "C", "U", "Harbor")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 -"
FUNCTIONS = {
    "text": (
        ("lower", "text"), ("upper", "text"), ("md5", "text"), ("reverse", "text"), ("standing_of", "int"), ("homeland_of", "int"),
        ("person_label", "int"), ("to_hex", "int"), ("badge", "row"), ("quote_ident", "text"), ("initcap", "text"), ("nested", "int"),
        ("jsonb_pretty", "json"), ("concat", "text"), ("digest_of", "row"), ("origin_key", "int"), ("btrim", "text"), ("greet", "int"),
    ),
    "int": (
        ("length", "text"), ("ascii", "text"), ("abs", "int"), ("open_tickets", "int"), ("ward_of", "int"), ("hashtext", "text"),
        ("num_nulls", "date"), ("pg_column_size", "row"), ("num_nonnulls", "text"), ("octet_length", "text"),
    ),
    "bool": (("is_local", "int"), ("isfinite", "date"), ("starts_with", "text,text")),
    "date": (("to_date", "text,text"), ("make_date", "int,int,int")),
    "json": (("to_jsonb", "row"), ("to_jsonb", "text"), ("jsonb_build_array", "text"), ("jsonb_strip_nulls", "json"), ("row_to_json", "row")),
}  # fmt: skip


def _open(columns: Mapping[str, str]) -> bool:
    """Whether all columns may decide which rows there are."""
    return not any(k.startswith("~") for k in columns.values())


class Composer:
    """Composes statements. `depth` bounds how far subqueries nest; `shut`: functions that may not be called."""

    def __init__(self, random: Random, relations: Sequence[Relation], shut: Set[str] = frozenset()) -> None:
        self.random, self.everything, self.shut = random, relations, shut
        self.read = [r for r in relations if not r.closed]
        self.names = 0
        self.free = False
        self.shown = False
        self.top = False

    @property
    def relations(self) -> Sequence[Relation]:
        return self.everything if self.free else self.read

    def shaping(self, make: Callable[[], Node]) -> Node:
        """What `make` composes where values decide which rows there are."""
        before, self.shown = self.shown, False
        try:
            return make()
        finally:
            self.shown = before

    def pick(self, *choices: tuple[float, Callable[[], Node]]) -> Node:
        total = self.random.random() * sum(w for w, _ in choices)
        for weight, make in choices:
            total -= weight
            if total <= 0:
                return make()
        return choices[-1][1]()

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def alias(self) -> str:
        self.names += 1
        return self.random.choice((f"a{self.names}", f"t{self.names}", f"r{self.names}"))

    # -------------------------------------------------------------- statements

    def statements(self) -> list[Node]:
        """One thing to try: usually a statement, sometimes a short sequence that ends in one that shows something."""
        self.names = 0
        self.free, self.shown, self.top = self.chance(0.1), False, True
        kind = self.random.random()
        if kind < 0.62:
            return [self.select(2)]
        if kind < 0.78:
            return [self.write()]
        if kind < 0.80:
            return [self.write(), self.select(2)]
        if kind < 0.84:
            return [Node("top", ("COPY (", self.select(2), ") TO STDOUT"))]
        if kind < 0.88:
            options = self.random.choice(("", "(COSTS OFF) ", "(VERBOSE, COSTS OFF) ", "(FORMAT json) "))
            return [Node("top", (f"EXPLAIN {options}", self.select(2)))]
        if kind < 0.91:
            return [
                Node("top", ("DECLARE c CURSOR FOR ", self.select(2))),
                Node("top", (self.random.choice(("FETCH 5 FROM c", "FETCH ALL FROM c", "MOVE ALL IN c")),)),
            ]
        if kind < 0.94:
            return [Node("top", ("PREPARE p AS ", self.select(2))), Node("top", ("EXECUTE p",))]
        if kind < 0.97:
            name = self.random.choice(("tmp", "persons", "wards", "dockets"))
            return [
                Node("top", (f"CREATE TEMP TABLE {name} AS ", self.select(1))),
                Node("top", (f"SELECT * FROM {name}",)),
                self.select(1),
            ]
        path = self.random.choice(("court", "court, public", "health", "transit, court, public", "public"))
        return [Node("top", (f"SET LOCAL search_path = {path}",)), self.select(2)]

    def select(self, depth: int, wanted: Sequence[str] = (), outer: Scope = ()) -> Node:
        """A SELECT; `wanted`: the kinds of its columns, if they matter."""
        top, self.top, self.shown = self.top, False, False
        source, scope = self.source(depth, outer)
        seen = [*scope, *outer]
        parts: list[str | Node] = []
        if depth > 1 and not wanted and self.chance(0.1):
            name = self.random.choice(("c", "persons", "wards", "v_standing"))
            inner = self.select(depth - 1)
            materialized = self.random.choice(("", "MATERIALIZED ", "NOT MATERIALIZED "))
            parts += [f"WITH {name} AS {materialized}(", inner, ") "]
            if self.chance(0.5):
                return Node("select", (*parts, f"SELECT * FROM {name} LIMIT 30"))
        parts.append("SELECT ")
        if self.chance(0.22):
            return self._grouped(parts, source, seen, wanted, depth)
        union = not wanted and self.chance(0.08)
        if union:
            wanted = self._some_kinds()
        distinct = not wanted and self.chance(0.12)
        if distinct:
            parts.append(Node("clause", (self.random.choice(("DISTINCT ", f"DISTINCT ON ({self.any(seen, 0)}) ")),)))
        self.shown = top and not union and not distinct
        whole = scope[0][0] if self.shown else next((a for a, cs in scope if _open(cs)), "")
        if not wanted and whole and self.chance(0.12):
            star = ("*",) if self.shown or all(_open(cs) for _, cs in scope) else ()
            parts.append(Node("item", (self.random.choice((*star, f"{whole}.*", whole)),)))
        else:
            parts += self._listed([self._item(k, seen, depth) for k in (wanted or self._some_kinds())])
        self.shown = False
        parts += [" FROM ", source]
        if self.chance(0.6):
            parts.append(Node("clause", (" WHERE ", self.bool(seen, depth))))
        if union:
            parts.append(self._union(depth, wanted))
        if self.chance(0.35) and not any(
            isinstance(p, Node) and str(p).startswith((" UNION", "DISTINCT")) for p in parts
        ):
            order = self.any(seen, depth - 1)
            parts.append(Node("clause", (" ORDER BY ", order, self.random.choice(("", " DESC", " NULLS FIRST")))))
        limit = "1" if wanted and depth < 2 else str(self.random.choice((3, 20, 50)))
        parts.append(f" LIMIT {limit}")
        return Node("select", tuple(parts))

    def _union(self, depth: int, kinds: Sequence[str]) -> Node:
        how = self.random.choice(("UNION ALL", "UNION", "EXCEPT", "INTERSECT"))
        return Node("clause", (f" {how} (", self.select(depth - 1, kinds), ")"))

    def _grouped(self, parts: list[str | Node], source: Node, seen: Scope, wanted: Sequence[str], depth: int) -> Node:
        keys = [] if wanted else [self.any(seen, depth - 1) for _ in range(self.random.choice((0, 1, 1, 2)))]
        items = [Node("item", (k,)) for k in keys]
        items += [
            Node("item", (self.aggregate(k, seen, depth),)) for k in (wanted or ("int", "text")[: 1 + self.chance(0.3)])
        ]
        parts += [*self._listed(items), " FROM ", source]
        if self.chance(0.4):
            parts.append(Node("clause", (" WHERE ", self.bool(seen, depth - 1))))
        if keys:
            listed = ", ".join(str(i + 1) for i in range(len(keys)))
            parts.append(" GROUP BY " + (listed if self.chance(0.85) else f"ROLLUP ({', '.join(map(str, keys))})"))
        if self.chance(0.25):
            parts.append(Node("clause", (" HAVING ", self.aggregate("int", seen, 0), f" > {self.number()}")))
        if keys and self.chance(0.5):
            parts.append(" ORDER BY 1")
        return Node("select", (*parts, " LIMIT 50"))

    def aggregate(self, kind: str, seen: Scope, depth: int) -> Node:
        """An aggregate of that kind."""
        only: tuple[str | Node, ...] = (" FILTER (WHERE ", self.bool(seen, depth - 1), ")") if self.chance(0.2) else ()
        if kind == "int":
            if self.chance(0.5):
                return Node("int", ("count(*)", *only))
            f = self.random.choice(("sum", "max", "min", "count", "bit_xor"))
            return Node("int", (f"({f}(", self.expression("int", seen, depth - 1), ")", *only, ")::int"))
        if kind == "bool":
            return Node("bool", (self.random.choice(("bool_or(", "bool_and(")), self.bool(seen, depth - 1), ")", *only))
        if kind == "text":
            if self.chance(0.15):
                return Node("text", ("(array_agg(", self.expression("text", seen, 0), ")", *only, ")::text"))
            if self.chance(0.3):
                by = self.any(seen, 0)
                return Node(
                    "text", ("string_agg(", self.expression("text", seen, depth - 1), ", ',' ORDER BY ", by, ")", *only)
                )
            return Node(
                "text", (self.random.choice(("max(", "min(")), self.expression("text", seen, depth - 1), ")", *only)
            )
        if kind == "json":
            return Node("json", ("jsonb_agg(", self.any(seen, 0), ")", *only))
        return Node(
            "date", (self.random.choice(("max(", "min(")), self.expression("date", seen, depth - 1), ")", *only)
        )

    def write(self) -> Node:
        """An UPDATE, DELETE, INSERT or MERGE."""
        target = self.random.choice([r for r in self.relations if r.writable])
        name = self.alias()
        scope: Scope = [(name, target.columns)]
        column, kind = self.random.choice([(c, k) for c, k in target.columns.items() if k in KINDS])
        returning = Node("clause", (" RETURNING ", self.any(scope, 1))) if self.chance(0.6) else Node("clause", ("",))
        where = Node("clause", (" WHERE ", self.bool(scope, 2)))
        match self.random.choice(("update", "update", "update from", "delete", "insert", "merge", "using")):
            case "update":
                value = self.expression(kind, scope, 2)
                return Node("write", (f"UPDATE {target.name} {name} SET {column} = ", value, where, returning))
            case "update from":
                source, more = self.source(1, ())
                both = [*scope, *more]
                value, condition = self.expression(kind, both, 1), self.bool(both, 1)
                return Node(
                    "write",
                    (
                        f"UPDATE {target.name} {name} SET {column} = ",
                        value,
                        " FROM ",
                        source,
                        " WHERE ",
                        condition,
                        returning,
                    ),
                )
            case "delete":
                return Node("write", (f"DELETE FROM {target.name} {name}", where, returning))
            case "using":
                source, more = self.source(1, ())
                condition = self.bool([*scope, *more], 1)
                return Node(
                    "write", (f"DELETE FROM {target.name} {name} USING ", source, " WHERE ", condition, returning)
                )
            case "insert":
                chosen = [(c, k) for c, k in target.columns.items() if k in KINDS][: self.random.choice((1, 2, 3, 9))]
                rows = self.select(1, [k for _, k in chosen])
                columns = ", ".join(c for c, _ in chosen)
                conflict = self.random.choice(("", "", " ON CONFLICT DO NOTHING"))
                return Node("write", (f"INSERT INTO {target.name} AS {name} ({columns}) ", rows, conflict, returning))
            case _:
                source, more = self.source(1, ())
                both = [*scope, *more]
                does = self.random.choice(
                    ("DELETE", "DO NOTHING", f"UPDATE SET {column} = {self.expression(kind, both, 0)}")
                )
                when = Node("clause", (" AND ", self.bool(both, 1)))
                return Node(
                    "write",
                    (f"MERGE INTO {target.name} {name} USING ", source, " ON ", self.bool(both, 1), " WHEN MATCHED", when, f" THEN {does}"),
                )  # fmt: skip

    # -------------------------------------------------------------- FROM

    def source(self, depth: int, outer: Scope) -> tuple[Node, Scope]:
        """A FROM clause and what it offers."""
        node, scope = self._one(depth, outer)
        while self.chance(0.28) and len(scope) < 3:
            other, more = self._one(depth - 1, [*scope, *outer])
            both = [*scope, *more]
            shared = [
                c for c, k in scope[0][1].items() if c in more[0][1] and (self.free or k[0] + more[0][1][c][0] != "~~")
            ]
            how = self.random.choice(
                ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "NATURAL JOIN", ",")
            )
            if how == "NATURAL JOIN" and not (self.free or all(_open(cs) for _, cs in both)):
                how = "JOIN"
            lateral = str(other).startswith("LATERAL")
            if how in (",", "CROSS JOIN") or (lateral and how in ("RIGHT JOIN", "FULL JOIN", "NATURAL JOIN")):
                node = Node("from", (node, " CROSS JOIN ", other))
            elif how == "NATURAL JOIN":
                node = Node("from", (node, " NATURAL JOIN ", other))
            elif shared and self.chance(0.5):
                node = Node("from", (node, f" {how} ", other, f" USING ({self.random.choice(shared)})"))
            else:
                a, b = self._pair(scope, more)
                extra = Node("clause", (" AND ", self.bool(both, 0))) if how != "FULL JOIN" else ""
                node = Node("from", (node, f" {how} ", other, f" ON {a} = {b}", extra))
            scope = both
        return node, scope

    def _pair(self, scope: Scope, more: Scope) -> tuple[str, str]:
        for kind in self.random.sample(KINDS[:4], 4):
            left = [f"{a}.{c}" for a, cs in scope for c, k in cs.items() if k == kind]
            right = [f"{a}.{c}" for a, cs in more for c, k in cs.items() if k == kind]
            if left and right:
                cast = "::text" if kind == "text" else ""
                return self.random.choice(left) + cast, self.random.choice(right) + cast
        return "1", "1"

    def _one(self, depth: int, outer: Scope) -> tuple[Node, Scope]:
        name = self.alias()
        if depth > 0 and self.chance(0.2):
            kinds = self._some_kinds()
            lateral = bool(outer) and self.chance(0.5)
            inner = self.select(depth - 1, kinds, outer if lateral else ())
            columns = {f"c{i}": k for i, k in enumerate(kinds)}
            return Node("from", ("LATERAL (" if lateral else "(", inner, f") {name}({', '.join(columns)})")), [
                (name, columns)
            ]
        if self.chance(0.05):
            values = ", ".join(f"('{w}')" for w in self.random.sample(WORDS, 3))
            return Node("from", (f"(VALUES {values}) {name}(v)",)), [(name, {"v": "text"})]
        relation = self.random.choice(self.relations)
        if self.chance(0.06):
            name = self.random.choice(list(relation.columns))  # an alias that is a column's name
        only = "ONLY " if relation.writable and self.chance(0.05) else ""
        sample = " TABLESAMPLE BERNOULLI (60) REPEATABLE (7)" if relation.writable and self.chance(0.03) else ""
        if self.chance(0.05) and not sample:
            columns = {f"x{i}": k for i, k in enumerate(relation.columns.values())}
            return Node("from", (f"{only}{relation.name} AS {name}({', '.join(columns)})",)), [(name, columns)]
        return Node("from", (f"{only}{relation.name} AS {name}{sample}",)), [(name, relation.columns)]

    # -------------------------------------------------------------- expressions

    def _some_kinds(self) -> list[str]:
        return [self.random.choice(KINDS) for _ in range(self.random.choice((1, 1, 2, 3)))]

    def _item(self, kind: str, seen: Scope, depth: int) -> Node:
        if self.chance(0.08):
            over = self.random.choice(("ORDER BY ", "PARTITION BY "))
            by = self.shaping(lambda: self.any(seen, 0))
            f = self.random.choice(("count(*)", "rank()", "row_number()", "dense_rank()"))
            if kind == "int":
                return Node("item", (f"{f} OVER ({over}", by, ")"))
        return Node("item", (self.expression(kind, seen, depth),))

    @staticmethod
    def _listed(items: Sequence[Node]) -> list[str | Node]:
        out: list[str | Node] = []
        for i, item in enumerate(items):
            out += [", ", item] if i else [item]
        return out

    def number(self) -> int:
        return self.random.choice((0, 1, 2, 3, 5, 7, 8, 20, 100, 500, 1915, 4500, 5000, 9000))

    def any(self, seen: Scope, depth: int) -> Node:
        """An expression of any kind."""
        return self.expression(self.random.choice(KINDS), seen, depth)

    def column(self, kind: str, seen: Scope) -> Node | None:
        """A reference to a column of that kind, in one of the ways there are."""
        kinds = (kind, f"~{kind}") if self.shown or self.free else (kind,)
        found = [(a, c) for a, cs in seen for c, k in cs.items() if k in kinds]
        if not found:
            return None
        a, c = self.random.choice(found)
        form = self.random.choices(("{a}.{c}", "{c}", "({a}).{c}", '"{a}"."{c}"', "{c}({a})"), (80, 8, 4, 4, 4))[0]
        return Node(kind, (form.format(a=a, c=c) + ("::text" if kind == "text" else ""),))

    def expression(self, kind: str, seen: Scope, depth: int) -> Node:
        """An expression of that kind over what is in sight."""
        found = self.column(kind, seen)
        if found is not None and self.chance(0.5 if depth > 0 else 0.8):
            return found
        if depth <= 0:
            return found if found is not None and self.chance(0.7) else self.literal(kind)
        if kind == "bool":
            return self.bool(seen, depth)
        return self.pick(
            (3, lambda: self.call(kind, seen, depth)),
            (2, lambda: self.special(kind, seen, depth)),
            (1, lambda: Node(kind, ("CASE WHEN ", self.shaping(lambda: self.bool(seen, depth - 1)), " THEN ", self.expression(kind, seen, depth - 1),
                                    " ELSE ", self.expression(kind, seen, depth - 1), " END"))),
            (1, lambda: Node(kind, ("coalesce(", self.expression(kind, seen, depth - 1), ", ", self.literal(kind), ")"))),
            (1.2, lambda: Node(kind, ("(", self.shaping(lambda: self.select(depth - 1, [kind], seen)), ")"))),
            (0.6, lambda: Node(kind, ("nullif(", self.expression(kind, seen, depth - 1), ", ", self.literal(kind), ")"))),
        )  # fmt: skip

    def literal(self, kind: str) -> Node:
        if kind == "bool":
            return Node(kind, (self.random.choice(("true", "false", "NULL::boolean")),))
        return Node(kind, (written(kind, self.value(kind)),), True)

    def value(self, kind: str) -> str:
        """A value of a kind, but bool, as text."""
        match kind:
            case "int":
                return str(self.number())
            case "date":
                return f"{self.random.choice((1915, 1990, 2023, 2081, 2085))}-0{self.random.randint(1, 9)}-15"
            case "json":
                return f'{{"homeland": "{self.random.choice(WORDS)}"}}'
            case _:
                return self.random.choice(WORDS)

    def another(self, kind: str) -> str:
        """A value from a wider choice than a composed statement's first one."""
        match kind:
            case "int":
                return str(
                    self.random.choice((self.number(), self.random.randrange(40), self.random.randrange(10_000)))
                )
            case "date":
                return (
                    f"{self.random.randint(1910, 2090)}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"
                )
            case "text" if self.chance(0.6):
                word = "".join(self.random.choice(LETTERS) for _ in range(self.random.choice((1, 1, 2, 3))))
                return self.random.choice((word, f"{word}%", f"%{word}%", f"QZ{word.upper()}%"))
            case _:
                return self.value(kind)

    def call(self, kind: str, seen: Scope, depth: int) -> Node:
        """A function of that kind."""
        if kind not in FUNCTIONS:
            return self.literal(kind)
        f, takes = self.random.choice([f for f in FUNCTIONS[kind] if self.free or f[0] not in self.shut])
        arguments: list[str | Node] = []
        for i, k in enumerate(takes.split(",")):
            node = self.row(seen) if k == "row" else self.expression(k, seen, depth - 1)
            arguments += [", ", node] if i else [node]
        return Node(kind, (f"{f}(", *arguments, ")" + ("::jsonb" if kind == "json" else "")))

    def row(self, seen: Scope) -> Node:
        """A whole row."""
        rows = [a for a, cs in seen if self.shown or self.free or _open(cs)]
        if not rows:
            return Node("row", ("ROW(1, 2)",))
        a = self.random.choice(rows)
        return Node("row", (self.random.choice((a, f"{a}.*", f"ROW({a}.*)", f"({a})")),))

    def special(self, kind: str, seen: Scope, depth: int) -> Node:
        """What only that kind has: operators, casts, accessors."""
        inner = depth - 1
        match kind:
            case "text":
                return self.pick(
                    (2, lambda: Node("text", ("(", self.expression("text", seen, inner), " || ", self.expression("text", seen, inner), ")"))),
                    (2, lambda: Node("text", ("(", self.any(seen, inner), ")::text"))),
                    (1, lambda: Node("text", ("(", self.row(seen), ")::text"))),
                    (1, lambda: Node("text", ("(", self.expression("json", seen, inner), " ->> 'homeland')"))),
                    (1, lambda: Node("text", ("substr(", self.expression("text", seen, inner), f", {self.random.randint(1, 4)}, 3)"))),
                )  # fmt: skip
            case "int":
                operator = self.random.choice(("+", "-", "%", "/", "&"))
                return self.pick(
                    (2, lambda: Node("int", ("(", self.expression("int", seen, inner), f" {operator} ", self.expression("int", seen, inner), ")"))),
                    (1, lambda: Node("int", ("(", self.bool(seen, inner), ")::int"))),
                    (1, lambda: Node("int", ("extract(year FROM ", self.expression("date", seen, inner), ")::int"))),
                    (0.4, lambda: Node("int", ("(", self.expression("text", seen, inner), ")::int"))),
                )  # fmt: skip
            case "date":
                return Node("date", ("(", self.expression("date", seen, inner), f" + {self.number()})"))
            case _:
                return Node("json", ("jsonb_build_object('k', ", self.any(seen, inner), ")"))

    def bool(self, seen: Scope, depth: int) -> Node:
        """A condition."""
        if depth <= 0:
            found = self.column("bool", seen)
            if found is not None and self.chance(0.4):
                return found
            kind = self.random.choice(("text", "int", "date"))
            operator = self.random.choice(("=", "<", ">", "<>", "IS DISTINCT FROM"))
            return Node("bool", ("(", self.expression(kind, seen, 0), f" {operator} ", self.literal(kind), ")"))
        inner = depth - 1
        kind = self.random.choice(KINDS)
        return self.pick(
            (3, lambda: Node("bool", ("(", self.expression(kind, seen, inner), self.random.choice((" = ", " < ", " >= ", " <> ")),
                                      self.expression(kind, seen, inner), ")"))),
            (1, lambda: Node("bool", ("(", self.expression(kind, seen, inner), self.random.choice((" IS NULL)", " IS NOT NULL)"))))),
            (1, lambda: Node("bool", ("(", self.bool(seen, inner), self.random.choice((" AND ", " OR ")), self.bool(seen, inner), ")"))),
            (0.6, lambda: Node("bool", ("NOT ", self.bool(seen, inner)))),
            (1, lambda: Node("bool", ("(", self.expression("text", seen, inner), " LIKE ", self.literal("text"), ")"))),
            (1, lambda: Node("bool", ("(", self.expression(kind, seen, inner), " IN (", self.select(inner, [kind], seen), "))"))),
            (1, lambda: Node("bool", ("EXISTS (", self.select(inner, ["int"], seen), ")"))),
            (0.4 if self.free else 0, lambda: Node("bool", ("(", self.expression("int", seen, inner), " =?= ", self.literal("text"), ")"))),
            (0.5, lambda: Node("bool", ("(", self.row(seen), " IS NOT NULL)"))),
            (0.4, lambda: Node("bool", ("(", self.expression("json", seen, inner), " @> ", self.literal("json"), ")"))),
            (0.5, lambda: Node("bool", ("((", self.expression("int", seen, inner), ", ", self.expression("text", seen, inner), ") < (",
                                        self.literal("int"), ", ", self.literal("text"), "))"))),
        )  # fmt: skip
