# ruff: noqa: E501
"""What grammar.py composes, and besides it sequences in which one statement prepares what another shows.

Savepoints, cursors that are written through, writes in WITH, MERGE with RETURNING, blocks, encodings, whole tables,
rows under other types, window frames and grouping sets. Pure, as grammar.py; knows no server.
"""

from __future__ import annotations

from tests.noninterference.grammar import Composer, Node, Relation

SHARE = 0.16
"""Of what is composed, how much is of this kind."""


class Wider(Composer):
    """Composes all that there is."""

    def statements(self) -> list[Node]:
        if not self.chance(SHARE):
            return super().statements()
        self.names = 0
        self.free, self.shown, self.top = self.chance(0.1), False, True
        return self.pick(
            (2, self._saved),
            (2, self._through_a_cursor),
            (2, self._written_in_with),
            (1, self._merged),
            (2, self._block),
            (1, self._encoded),
            (1, self._whole),
            (1.5, self._as_rows),
            (1.5, self._framed),
            (1, self._sets),
            (1, self._scrolled),
        )

    def _plain(self) -> Relation:
        return self.random.choice([r for r in self.relations if r.writable])

    def _open(self, r: Relation) -> list[str]:
        """The columns that may decide which rows there are; all, where anything goes."""
        return [c for c, k in r.columns.items() if self.free or not k.startswith("~")] or ["1"]

    def _saved(self) -> list[Node]:
        back = self.random.choice(("ROLLBACK TO s", "RELEASE s"))
        return [Node("top", ("SAVEPOINT s",)), self.write(), Node("top", (back,)), self.write(), self.select(1)]

    def _through_a_cursor(self) -> list[Node]:
        r = self._plain()
        order = f" ORDER BY {self.random.choice(self._open(r))}" if self.chance(0.5) else ""
        lock = self.random.choice((" FOR UPDATE", "", " FOR NO KEY UPDATE")) if not order else ""
        column = self.random.choice(self._open(r))
        then = self.random.choice((f"DELETE FROM {r.name}", f"UPDATE {r.name} SET {column} = {column}"))
        shown = self.random.choice(("", f" RETURNING {self.random.choice(list(r.columns))}", " RETURNING *"))
        where = Node("clause", (" WHERE ", self.bool([(r.name.split(".")[-1], dict(r.columns))], 1)))
        return [
            Node("top", (f"DECLARE c CURSOR FOR SELECT {column} FROM {r.name}", where, order + lock)),
            Node("top", (f"FETCH {self.random.choice((1, 3, 7))} FROM c",)),
            Node("top", (f"{then} WHERE CURRENT OF c{shown}",)),
        ]

    def _written_in_with(self) -> list[Node]:
        written = self.write()
        tail = self.random.choice(("SELECT count(*) FROM w", "SELECT * FROM w LIMIT 9", "SELECT 1"))
        if " RETURNING " not in str(written):
            tail = "SELECT 1"
        return [Node("top", ("WITH w AS (", written, f") {tail}"))]

    def _merged(self) -> list[Node]:
        target = self._plain()
        name = self.alias()
        source, more = self.source(1, ())
        both = [(name, dict(target.columns)), *more]
        returning = Node("clause", (" RETURNING merge_action(), ", self.any(both, 1))) if self.chance(0.5) else ""
        does = self.random.choice(("MATCHED THEN DELETE", "MATCHED THEN DO NOTHING", "NOT MATCHED THEN DO NOTHING"))
        merge = (
            f"MERGE INTO {target.name} {name} USING ",
            source,
            " ON ",
            self.bool(both, 1),
            f" WHEN {does}",
            returning,
        )
        return [Node("top", merge)]

    def _block(self) -> list[Node]:
        inner = self.select(1, ["int"])
        written = self.write()
        body: tuple[str | Node, ...] = self.random.choice(
            (
                ("PERFORM 1 FROM (", inner, ") q;"),
                ("IF EXISTS (", inner, ") THEN RAISE NOTICE 'there'; END IF;"),
                ("IF (", inner, ") > 3 THEN RAISE EXCEPTION 'more'; END IF;"),
                (written, "; IF FOUND THEN RAISE NOTICE 'found'; END IF;"),
            )
        )
        if " RETURNING " in str(written) and written in body:
            body = ("PERFORM 1 FROM (", inner, ") q;")
        return [Node("top", ("DO $do$ BEGIN ", *body, " END $do$"))]

    def _encoded(self) -> list[Node]:
        name = self.random.choice(("LATIN1", "SQL_ASCII", "EUC_JP", "UTF8", "WIN1252"))
        return [Node("top", (f"SET LOCAL client_encoding = '{name}'",)), self.select(1)]

    def _whole(self) -> list[Node]:
        r = self.random.choice(self.relations)
        columns = self.random.sample(list(r.columns), min(len(r.columns), self.random.randint(1, 3)))
        some = ", ".join(columns)
        return [
            Node("top", (self.random.choice((f"TABLE {r.name}", f"COPY {r.name} ({some}) TO STDOUT", f"SELECT {r.name.split('.')[-1]} FROM ONLY {r.name} LIMIT 9")),))
        ]  # fmt: skip

    def _as_rows(self) -> list[Node]:
        r = self.random.choice(self.relations)
        a = self.alias()
        column = self.random.choice(list(r.columns))
        what = self.random.choice(
            (f"({a}).{column}", f"{column}({a})", f"{a}::text", f"({a}::{r.name}).{column}", f"row_to_json({a})", f"ROW({a}.*)::{r.name}",
             f"jsonb_populate_record(NULL::{r.name}, to_jsonb({a}))", f"to_jsonb({a}) -> '{column}'", f"{a} IS NULL", f"{a} = {a}", f"hashtext({a}::text)")
        )  # fmt: skip
        scope = [(a, dict(r.columns))]
        where = Node("clause", (" WHERE ", self.bool(scope, 1)))
        return [Node("select", (f"SELECT {what} FROM {r.name} {a}", where, " LIMIT 20"))]

    def _framed(self) -> list[Node]:
        source, scope = self.source(1, ())
        by, order = self.shaping(lambda: self.any(scope, 0)), self.shaping(lambda: self.any(scope, 0))
        frame = self.random.choice(
            ("", " ROWS 2 PRECEDING", " RANGE UNBOUNDED PRECEDING", " GROUPS CURRENT ROW", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES")
        )  # fmt: skip
        f = self.random.choice(("lag", "lead", "first_value", "last_value", "count", "array_agg", "min"))
        over = ("(PARTITION BY ", by, " ORDER BY ", order, f"{frame})")
        return [Node("select", (f"SELECT {f}(", self.any(scope, 1), ") OVER ", *over, " FROM ", source, " LIMIT 30"))]

    def _sets(self) -> list[Node]:
        source, scope = self.source(1, ())
        keys = [self.shaping(lambda: self.any(scope, 0)) for _ in range(2)]
        how = self.random.choice(("GROUPING SETS ((1), (2), ())", "CUBE (1, 2)", "1, ROLLUP (2)"))
        order = self.random.choice(("", " ORDER BY 1, 2"))
        return [Node("select", ("SELECT ", keys[0], ", ", keys[1], ", ", self.aggregate("int", scope, 1), " FROM ", source, f" GROUP BY {how}{order} LIMIT 50"))]  # fmt: skip

    def _scrolled(self) -> list[Node]:
        steps = (
            "FETCH LAST FROM c",
            "FETCH PRIOR FROM c",
            "MOVE ALL FROM c",
            "FETCH ABSOLUTE 2 FROM c",
            "FETCH RELATIVE 0 FROM c",
        )
        return [
            Node("top", ("DECLARE c SCROLL CURSOR FOR ", self.select(1))),
            *(Node("top", (s,)) for s in self.random.sample(steps, 2)),
        ]
