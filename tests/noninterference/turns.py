# ruff: noqa: E501
"""Sequences in which how a statement is run is turned: by the planner's settings, by locks, by cursors that go back, by
errors in between, by COPY, by what PostgreSQL 16 to 18 brought.

Pure, as grammar.py; knows no server. A server that does not know something says so on either side.
"""

from __future__ import annotations

from tests.noninterference.grammar import KINDS, LEAST, Node, Scope
from tests.noninterference.sequences import Wider

SHARE = 0.2
"""Of what is composed, how much is of this kind."""
SWITCHES = (
    "enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin",
    "enable_nestloop", "enable_sort", "enable_hashagg", "enable_material", "enable_memoize", "enable_incremental_sort",
    "enable_partition_pruning", "enable_partitionwise_join", "enable_partitionwise_aggregate", "enable_tidscan", "enable_group_by_reordering",
    "enable_distinct_reordering", "enable_self_join_elimination", "enable_presorted_aggregate", "geqo", "jit", "row_security",
)  # fmt: skip
FIGURES = {
    "work_mem": ("'64kB'", "'1MB'"),
    "random_page_cost": ("0", "1", "1000"),
    "seq_page_cost": ("0", "1000"),
    "cpu_tuple_cost": ("0", "10"),
    "join_collapse_limit": ("1",),
    "from_collapse_limit": ("1",),
    "geqo_threshold": ("2",),
    "geqo_seed": ("0.3", "0.9"),
    "cursor_tuple_fraction": ("0", "1"),
    "hash_mem_multiplier": ("1", "1000"),
    "plan_cache_mode": ("force_custom_plan", "force_generic_plan"),
    "constraint_exclusion": ("on", "off"),
    "default_statistics_target": ("1",),
    "extra_float_digits": ("-15",),
    "bytea_output": ("escape",),
    "intervalstyle": ("iso_8601",),
    "datestyle": ("'German'", "'SQL, DMY'"),
    "xmloption": ("document",),
    "client_min_messages": ("debug1", "log", "error"),
    "check_function_bodies": ("off",),
    "default_transaction_read_only": ("on",),
    "transform_null_equals": ("on",),
    "gin_fuzzy_search_limit": ("1",),
}


class Turned(Wider):
    """Composes all that there is. `major`: the server's version, since what it does not know is not worth asking often."""

    major = 18

    def statements(self) -> list[Node]:
        if not self.chance(SHARE):
            return super().statements()
        self.names = 0
        self.free, self.shown, self.top = self.chance(0.1), False, True
        recent = self.major >= 17
        return self.pick(
            (4, self._planned),
            (2, self._backwards),
            (2, self._undone),
            (2, self._copied_in),
            (1, self._copied_out),
            (1, self._locked),
            (2, self._run_often),
            (2, self._recursive),
            (2, self._merged_ways),
            (2, self._from_functions),
            (2, self._within_groups),
            (1, self._tied),
            (1, self._into_conflict),
            (2 if self.major >= 18 else 0, self._old_and_new),
            (2 if recent else 0, self._as_json),
            (1, self._checked_in_block),
        )

    def one_of(self, *texts: str) -> str:
        return self.random.choice(texts)

    def setting(self) -> str:
        """A setting for the transaction."""
        if self.chance(0.7):
            return f"SET LOCAL {self.random.choice(SWITCHES)} = {self.one_of('off', 'off', 'on')}"
        name = self.random.choice(list(FIGURES))
        return f"SET LOCAL {name} = {self.random.choice(FIGURES[name])}"

    def _planned(self) -> list[Node]:
        settings = [Node("top", (self.setting(),)) for _ in range(self.random.choice((1, 2, 4)))]
        last = self.select(2) if self.chance(0.75) else self.write()
        return [*settings, last if self.chance(0.8) else Node("top", ("EXPLAIN (COSTS OFF) ", last))]

    def _backwards(self) -> list[Node]:
        scroll = self.one_of("SCROLL ", "SCROLL ", "NO SCROLL ", "", "BINARY ", "INSENSITIVE ")
        steps = (
            "FETCH BACKWARD 2 FROM c", "FETCH FORWARD 3 FROM c", "MOVE BACKWARD ALL IN c", "MOVE 4 IN c", "FETCH FIRST FROM c",
            "FETCH -1 FROM c", "FETCH ABSOLUTE -2 FROM c", "MOVE LAST FROM c", "FETCH FORWARD ALL FROM c", "FETCH 0 FROM c",
        )  # fmt: skip
        hold = self.one_of("", "", " WITH HOLD")
        return [
            Node("top", (f"DECLARE c {scroll}CURSOR{hold} FOR ", self.select(1))),
            *(Node("top", (s,)) for s in self.random.sample(steps, 3)),
            *([Node("top", ("CLOSE c",))] if hold else []),
        ]

    def _undone(self) -> list[Node]:
        wrong = self.one_of("SELECT 1 / 0", "SELECT 'x'::int", "nonsense", "SELECT nothing FROM wards")
        return [
            Node("top", ("SAVEPOINT a",)),
            self.write(),
            Node("top", ("SAVEPOINT b",)),
            self.select(1) if self.chance(0.4) else Node("top", (wrong,)),
            Node("top", (self.one_of("ROLLBACK TO b", "ROLLBACK TO a", "ROLLBACK TO SAVEPOINT b"),)),
            self.select(1),
        ]

    def _copied_in(self) -> list[Node]:
        r = self._plain()
        columns = self.random.sample(list(r.columns), min(len(r.columns), self.random.choice((1, 1, 2))))
        how = self.one_of(
            "",
            " (FORMAT csv)",
            " (FORMAT csv, HEADER)",
            " (DELIMITER '1')",
            " (NULL '1')",
            " (FREEZE)",
            " (FORMAT text, DEFAULT '1')",
        )
        only = Node("clause", (" WHERE ", self.bool([(r.name.split(".")[-1], dict(r.columns))], 0)))
        return [
            Node("top", (f"COPY {r.name} ({', '.join(columns)}) FROM STDIN{how}", only if self.chance(0.3) else "")),
            self.select(1),
        ]

    def _copied_out(self) -> list[Node]:
        how = self.one_of(
            "(FORMAT csv, HEADER)",
            "(FORMAT csv, FORCE_QUOTE *)",
            "(FORMAT binary)",
            "(NULL 'x')",
            "(DELIMITER '|')",
            "(ENCODING 'LATIN1')",
        )
        if self.chance(0.4):
            r = self.random.choice(self.relations)
            return [Node("top", (f"COPY {r.name} TO STDOUT {how}",))]
        written = self.write() if self.chance(0.5) else self.select(2)
        return [Node("top", ("COPY (", written, f") TO STDOUT {how}"))]

    def _locked(self) -> list[Node]:
        r = self._plain()
        mode = self.one_of("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
        column = self.random.choice(list(r.columns))
        a = self.alias()
        scope: Scope = [(a, dict(r.columns))]
        lock = self.one_of(
            "FOR UPDATE", "FOR SHARE", "FOR KEY SHARE SKIP LOCKED", "FOR NO KEY UPDATE NOWAIT", f"FOR UPDATE OF {a}"
        )
        where = Node("clause", (" WHERE ", self.bool(scope, 1)))
        return [
            Node("top", (f"LOCK TABLE {r.name} IN {mode} MODE NOWAIT",)),
            Node("select", (f"SELECT {column} FROM {r.name} {a}", where, f" LIMIT 7 {lock}")),
        ]

    def _run_often(self) -> list[Node]:
        runs = [
            Node(
                "top",
                (
                    self.one_of(
                        "EXECUTE p", "EXECUTE p", "EXPLAIN (COSTS OFF) EXECUTE p", "CREATE TEMP TABLE kept AS EXECUTE p"
                    ),
                ),
            )
            for _ in range(2)
        ]
        inner = self.write() if self.chance(0.4) else self.select(1)
        between = (
            Node("top", (self.setting(),))
            if self.chance(0.5)
            else Node(
                "top",
                (
                    self.one_of(
                        "SET LOCAL search_path = court, public",
                        "DISCARD PLANS",
                        "SET LOCAL search_path = health, public",
                    ),
                ),
            )
        )
        return [Node("top", ("PREPARE p AS ", inner)), runs[0], between, runs[1]]

    def _recursive(self) -> list[Node]:
        r = self.random.choice([r for r in self.relations if any(k == "int" for k in r.columns.values())])
        column = self.random.choice([c for c, k in r.columns.items() if k == "int"])
        a = self.alias()
        condition = Node("clause", (" AND ", self.bool([(a, dict(r.columns))], 0)))
        more = self.one_of("", " SEARCH BREADTH FIRST BY n SET s", " CYCLE n SET looped USING way")
        union = self.one_of("UNION", "UNION ALL")
        shown = self.one_of("count(*)", "*", "max(n)", "sum(n)")
        return [
            Node("select", (f"WITH RECURSIVE x(n) AS (SELECT 1 {union} SELECT {a}.{column} FROM x JOIN {r.name} {a} ON {a}.{column} = x.n + 1", condition, f"){more} SELECT {shown} FROM x LIMIT 30"))
        ]  # fmt: skip

    def _merged_ways(self) -> list[Node]:
        target = self._plain()
        name = self.alias()
        source, more = self.source(1, ())
        own: Scope = [(name, dict(target.columns))]
        both = [*own, *more]
        column, kind = self.random.choice(
            [(c, k) for c, k in target.columns.items() if k.lstrip("~") in KINDS] or [("1", "int")]
        )
        kind = kind.lstrip("~")
        ways: list[tuple[str | Node, ...]] = [
            (" WHEN MATCHED AND ", self.bool(both, 1), f" THEN UPDATE SET {column} = ", self.expression(kind, both, 1)),
            (" WHEN MATCHED AND ", self.bool(both, 0), " THEN DELETE"),
            (f" WHEN NOT MATCHED THEN INSERT ({column}) VALUES (", self.expression(kind, more, 1), ")"),
            (" WHEN NOT MATCHED AND ", self.bool(more, 0), " THEN INSERT DEFAULT VALUES"),
        ]
        if self.major >= 17:
            ways.append((" WHEN NOT MATCHED BY SOURCE AND ", self.bool(own, 1), " THEN DELETE"))
        parts = [p for way in self.random.sample(ways, self.random.choice((1, 2, 3))) for p in way]
        returning: tuple[str | Node, ...] = ()
        if self.major >= 18:
            returning = (
                self.one_of(
                    "", f" RETURNING merge_action(), {name}.{column}", f" RETURNING old.{column}, new.{column}"
                ),
            )
        elif self.major == 17:
            returning = (self.one_of("", f" RETURNING merge_action(), {name}.{column}"),)
        return [
            Node(
                "top",
                (f"MERGE INTO {target.name} {name} USING ", source, " ON ", self.bool(both, 1), *parts, *returning),
            )
        ]

    def _from_functions(self) -> list[Node]:
        a = self.alias()
        inner = self.shaping(lambda: self.select(1, ["int"]))
        body: tuple[str | Node, ...] = self.random.choice(
            (
                (f"generate_series(1, least(9, ({inner}))) {a}(v)",),
                (f"unnest(array({inner})) WITH ORDINALITY {a}(v, o)",),
                (f"ROWS FROM (unnest(array({inner})), generate_series(1, 3)) {a}(v, w)",),
                (f"string_to_table(({self.shaping(lambda: self.select(1, ['text']))}), 'a') {a}(v)",),
                (f"jsonb_each(({self.shaping(lambda: self.select(1, ['json']))})) {a}(v, w)",),
                (f"jsonb_array_elements(coalesce((SELECT jsonb_agg(q) FROM ({inner}) q), '[]')) {a}(v)",),
                (f"regexp_split_to_table(({self.shaping(lambda: self.select(1, ['text']))}), '') {a}(v)",),
                (f"({inner}) {a}(v)",),
            )
        )
        shown = self.one_of("*", f"{a}.v", f"count({a}.v)", f"{a}", f"row_to_json({a})")
        return [Node("select", (f"SELECT {shown} FROM ", *body, " LIMIT 20"))]

    def _within_groups(self) -> list[Node]:
        source, scope = self.source(1, ())
        kind = self.random.choice(("int", "text", "date"))
        inner = self.shaping(lambda: self.expression(kind, scope, 1))
        f = self.random.choice(
            ((f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {inner})"), (f"mode() WITHIN GROUP (ORDER BY {inner})"), (f"array_agg(DISTINCT {inner})"),
             (f"rank({LEAST[kind]}) WITHIN GROUP (ORDER BY {inner})"), (f"(array_agg({inner}))[1]"), (f"jsonb_object_agg(coalesce({inner}::text, ''), 1)"), (f"count(DISTINCT {inner})"),
             (f"array_agg({inner} ORDER BY {inner} DESC NULLS LAST)"), (f"corr(1, length(({inner})::text))"), (f"range_agg(int4range(1, 1 + length(({inner})::text)))"))
        )  # fmt: skip
        by = Node("clause", (" GROUP BY ", self.shaping(lambda: self.any(scope, 0)))) if self.chance(0.5) else ""
        return [Node("select", (f"SELECT {f} FROM ", source, by, " LIMIT 30"))]

    def _tied(self) -> list[Node]:
        source, scope = self.source(1, ())
        by = self.shaping(lambda: self.any(scope, 0))
        offset = self.one_of("", " OFFSET 2")
        return [
            Node(
                "select",
                (
                    "SELECT ",
                    self.any(scope, 1),
                    " FROM ",
                    source,
                    " ORDER BY ",
                    by,
                    f"{offset} FETCH FIRST {self.one_of('2', '5')} ROWS {self.one_of('WITH TIES', 'ONLY')}",
                ),
            )
        ]

    def _into_conflict(self) -> list[Node]:
        r = self._plain()
        name = self.alias()
        scope: Scope = [(name, dict(r.columns)), ("excluded", dict(r.columns))]
        columns = [(c, k) for c, k in r.columns.items() if k in KINDS][: self.random.choice((1, 3, 9))] or [
            ("nothing", "int")
        ]
        target = self.random.choice(list(r.columns))
        set_, kind = self.random.choice(columns)
        rows = self.select(1, [k for _, k in columns])
        does: tuple[str | Node, ...] = (
            f" ON CONFLICT ({target}) DO UPDATE SET {set_} = ",
            self.expression(kind, scope, 1),
            " WHERE ",
            self.bool(scope, 1),
        )
        return [
            Node(
                "top",
                (
                    f"INSERT INTO {r.name} AS {name} ({', '.join(c for c, _ in columns)}) ",
                    rows,
                    *does,
                    self.one_of("", f" RETURNING {name}.*"),
                ),
            )
        ]

    def _old_and_new(self) -> list[Node]:
        r = self._plain()
        a = self.alias()
        scope: Scope = [(a, dict(r.columns))]
        column, kind = self.random.choice(
            [(c, k) for c, k in r.columns.items() if k.lstrip("~") in KINDS] or [("1", "int")]
        )
        shown = self.random.choice(list(r.columns))
        returning = self.one_of(
            f"old.{shown}, new.{shown}",
            "old.*, new.*",
            "old, new",
            f"old.{shown} IS DISTINCT FROM new.{shown}",
            "to_jsonb(old) = to_jsonb(new)",
        )
        if self.chance(0.3):
            returning = f"WITH (OLD AS o, NEW AS n) o.{shown}, n.{column}"
        where = Node("clause", (" WHERE ", self.bool(scope, 1)))
        value = self.expression(kind.lstrip("~"), scope, 1)
        head: tuple[str | Node, ...] = self.random.choice(
            ((f"UPDATE {r.name} {a} SET {column} = ", value, where), (f"DELETE FROM {r.name} {a}", where), (f"INSERT INTO {r.name} AS {a} ({column}) VALUES (", self.literal(kind.lstrip("~")), ")"))
        )  # fmt: skip
        return [Node("top", (*head, f" RETURNING {returning}"))]

    def _as_json(self) -> list[Node]:
        source, scope = self.source(1, ())
        text, number = self.expression("text", scope, 1), self.expression("int", scope, 1)
        shaped = self.shaping(lambda: self.expression("json", scope, 1))
        whole: tuple[str | Node, ...] = self.random.choice(
            (
                ("SELECT JSON_OBJECT('k' : ", text, ") FROM ", source),
                ("SELECT JSON_ARRAYAGG(", text, " ORDER BY ", number, ") FROM ", source),
                ("SELECT JSON_OBJECTAGG(", number, " : ", text, ") FROM ", source),
                ("SELECT JSON_VALUE(", shaped, ", '$.k') FROM ", source),
                ("SELECT JSON_EXISTS(", shaped, ", '$.homeland') FROM ", source),
                (
                    "SELECT t.* FROM ",
                    source,
                    ", JSON_TABLE(",
                    shaped,
                    ", '$' COLUMNS (k text PATH '$.homeland', o FOR ORDINALITY)) t",
                ),
                ("SELECT JSON_QUERY(", shaped, ", '$.*' WITH WRAPPER) FROM ", source),
                ("SELECT ", text, " IS JSON FROM ", source),
            )
        )
        return [Node("select", (*whole, " LIMIT 20"))]

    def _checked_in_block(self) -> list[Node]:
        inner = self.shaping(lambda: self.select(1, ["text"]))
        body = self.one_of(
            f"FOR r IN {inner} LOOP RAISE NOTICE '%', r; END LOOP;",
            f"SELECT q INTO r FROM ({inner}) q LIMIT 1; RAISE NOTICE '%', r;",
            f"PERFORM 1 FROM ({inner}) q; GET DIAGNOSTICS n = ROW_COUNT; RAISE NOTICE '%', n;",
            f"BEGIN PERFORM length(q::text) / 0 FROM ({inner}) q; EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'some'; END;",
            f"ASSERT EXISTS ({inner}), 'none';",
        )
        return [Node("top", (f"DO $do$ DECLARE r record; n int; BEGIN {body} END $do$",))]
