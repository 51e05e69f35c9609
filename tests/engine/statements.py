"""Made-up SELECTs over the town's tables: joins, subqueries, CTEs, aliases, stars, aggregates, order, groups, sets.

Every statement is one that PostgreSQL takes. Which columns are hidden from a clerk is known here only to keep most
statements from being refused: columns whose rule lets a mask shape rows stand everywhere, the others are only given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    keys: tuple[str, ...]
    open: tuple[str, ...]
    shaping: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.keys, *self.open, *self.shaping, *self.given)


TABLES = (
    Table("residents", ("resident_id",), ("full_name", "district"), ("arrived",), ("alien_number", "status", "phone")),
    Table("public.residents", ("resident_id",), ("full_name", "district"), ("arrived",), ("status", "phone")),
    Table("visits", ("resident_id", "visit"), (), ("language",), ("details", "birth_year")),
    Table("permits", ("permit_id",), ("resident_id", "kind", "fee", "issued")),
    Table("districts", ("district",), ("name", "tint")),
    Table("events", (), ("event_id", "district"), (), ("status_code",)),
    Table("people", ("person_id",), ("name",), (), ("visa",)),
    Table("ONLY people", ("person_id",), ("name",), (), ("visa",)),
    Table("staff", (), ("person_id", "name", "desk"), (), ("visa",)),
    Table("resident_status", ("resident_id",), (), (), ("standing",)),
    Table("status_cards", (), ("resident_id", "full_name"), (), ("status",)),
    Table("housing.shelters", ("shelter_id",), ("address",)),
    Table('"Odd Names"."Select"', ('"From"',), ('"A Column"', '"größe"'), (), ('"Alien""No"',)),
)
WHOLE = ("row_to_json({a})", "{a}::text", "to_jsonb({a})", "count({a})", "({a}).{c}", "ROW({a}.*)::text")


@dataclass(slots=True)
class Source:
    alias: str
    table: Table
    qualified: bool = True

    def column(self, random: Random, names: tuple[str, ...]) -> str:
        return f"{self.alias}.{random.choice(names)}"


@dataclass(slots=True)
class Maker:
    """Makes statements from a seed."""

    random: Random
    count: int = 0
    used: set[str] = field(default_factory=set)

    def alias(self) -> str:
        self.count += 1
        return self.random.choice((f"t{self.count}", f'"T {self.count}"', f'U&"t\\005f{self.count}"'))

    def source(self) -> tuple[Source, str]:
        table = self.random.choice(TABLES)
        bare = table.name.removeprefix("ONLY ").split(".")[-1]
        if bare not in self.used and self.random.random() < 0.25:
            self.used.add(bare)
            return Source(bare, table), table.name
        alias = self.alias()
        return Source(alias, table), f"{table.name}{self.random.choice((' ', ' AS ', '/**/'))}{alias}"

    def statement(self) -> str:
        self.used.clear()
        match self.random.randrange(8):
            case 0:
                arms = [self.plain(), self.plain()]
                return (
                    f"SELECT to_jsonb(q)::text FROM ({arms[0]}) q UNION ALL SELECT to_jsonb(w)::text FROM ({arms[1]}) w"
                )
            case 1:
                how = self.random.choice(("", "MATERIALIZED ", "NOT MATERIALIZED "))
                return f"WITH q AS {how}({self.plain()}) SELECT * FROM q"
            case 2:
                return f"SELECT q.* FROM ({self.plain()}) AS q, generate_series(1, 2) AS g"
            case 3:
                return self.grouped()
            case _:
                return self.plain()

    def plain(self) -> str:
        sources, text = self.tables()
        items = self.targets(sources)
        where = self.where(sources)
        distinct = ""
        order = ""
        if self.random.random() < 0.15:
            items = [s.column(self.random, (*s.table.keys, *s.table.open, *s.table.shaping)) for s in sources]
            distinct = "DISTINCT "
        elif self.random.random() < 0.3:
            order = " ORDER BY " + ", ".join(
                f"{s.alias}.{c}" + self.random.choice(("", " DESC", " NULLS FIRST"))
                for s in sources
                for c in (s.table.shaping + s.table.keys)
            )
            order = order if len(order) > 10 else ""
        return f"SELECT {distinct}{', '.join(self.named(items))} FROM {text}{where}{order}"

    def named(self, items: list[str]) -> list[str]:
        """One name for each, so that the statement can stand in FROM."""
        return [i if i.endswith("*") else f"{i} AS c{n}" for n, i in enumerate(items)]

    def tables(self) -> tuple[list[Source], str]:
        first, text = self.source()
        sources = [first]
        while self.random.random() < 0.4 and len(sources) < 3:
            other, more = self.source()
            left = self.random.choice(sources)
            kind = self.random.choice(("JOIN", "LEFT JOIN", "FULL JOIN", "CROSS JOIN", ","))
            if kind == "FULL JOIN" and self.random.random() < 0.5:
                kind = "JOIN"
            if kind in ("CROSS JOIN", ","):
                text += (
                    f" {kind} {more}" if kind != "," else f" CROSS JOIN LATERAL (SELECT * FROM {more}) {other.alias}"
                )
            else:
                mine = [c for c in (*left.table.keys, *left.table.open) if c in (*other.table.keys, *other.table.open)]
                mine = [c for c in mine if c in ("resident_id", "district", "person_id")]
                if mine:
                    text += f" {kind} {more} ON {left.alias}.{mine[0]} = {other.alias}.{mine[0]}"
                else:
                    text += f" CROSS JOIN {more}"
            sources.append(other)
        return sources, text

    def targets(self, sources: list[Source]) -> list[str]:
        items = []
        stars = [s for s in sources if self.random.random() < 0.2][:1]
        items += [f"{s.alias}.*" for s in stars]
        for _ in range(self.random.randrange(1, 4)):
            s = self.random.choice(sources)
            match self.random.randrange(6):
                case 0:
                    whole = self.random.choice(WHOLE)
                    if whole.startswith("count"):
                        whole = "({a}) IS NULL"
                    items.append(whole.format(a=s.alias, c=self.random.choice(s.table.columns)))
                case 1:
                    c = s.column(self.random, s.table.columns)
                    items.append(f"coalesce({c}::text, '-') || 'x'")
                case 2 if s.table.keys:
                    key = s.table.keys[0]
                    inner = self.alias()
                    value = self.random.choice(s.table.columns)
                    items.append(
                        f"(SELECT {inner}.{value} FROM {s.table.name} {inner} WHERE {inner}.{key} = {s.alias}.{key} "
                        f"ORDER BY {', '.join(f'{inner}.{k}' for k in s.table.keys)} LIMIT 1)"
                    )
                case 3:
                    items.append(f"CASE WHEN {s.column(self.random, s.table.columns)} IS NULL THEN 1 ELSE 2 END")
                case _:
                    items.append(s.column(self.random, s.table.columns))
        return items

    def where(self, sources: list[Source]) -> str:
        parts = []
        for s in sources:
            if self.random.random() < 0.4:
                usable = (*s.table.keys, *s.table.open, *s.table.shaping)
                column = s.column(self.random, usable)
                parts.append(
                    self.random.choice(
                        (
                            f"{column} IS NOT NULL",
                            f"{column}::text > 'm'",
                            f"NOT {column}::text LIKE '%1%'",
                            f"{column} IN (SELECT {column.split('.', 1)[1]} FROM {s.table.name})",
                            f"EXISTS (SELECT FROM {s.table.name} e WHERE e.{usable[0]} = {s.alias}.{usable[0]})",
                        )
                    )
                )
        return (" WHERE " + self.random.choice((" AND ", " OR ")).join(parts)) if parts else ""

    def grouped(self) -> str:
        source, text = self.source()
        table = source.table
        if table.keys and self.random.random() < 0.6 and table.name not in ("resident_status",):
            # by the primary key, with columns that depend on it
            keys = ", ".join(f"{source.alias}.{k}" for k in table.keys)
            items = [
                keys,
                *(f"{source.alias}.{c}" for c in table.columns if self.random.random() < 0.5),
                "count(*) AS n",
            ]
            having = self.random.choice(
                ("", " HAVING count(*) > 0", f" HAVING max({source.alias}.{table.keys[0]}) IS NOT NULL")
            )
            return f"SELECT {', '.join(items)} FROM {text} GROUP BY {keys}{having}"
        usable = (*table.keys, *table.open, *table.shaping)
        by = source.column(self.random, tuple(c for c in usable if c != "address") or usable)
        given = source.column(self.random, table.columns)
        order = ", ".join(f"{source.alias}.{c}" for c in usable)
        what = self.random.choice(
            ("count(*)", f"string_agg({given}::text, ',' ORDER BY {order})", f"array_agg({given} ORDER BY {order})")
        )
        group = self.random.choice(
            (f"GROUP BY {by}", f"GROUP BY ROLLUP ({by})", "GROUP BY 1", f"GROUP BY GROUPING SETS (({by}), ())")
        )
        return f"SELECT {by} AS b, {what} AS n FROM {text} {group} ORDER BY 1, 2"
