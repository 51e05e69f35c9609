# ruff: noqa: E501
"""What who may alter the schema sends: new and altered objects, and then a look at them, all in one transaction.

Pure, as grammar.py; knows no server.
"""

from __future__ import annotations

from tests.noninterference.grammar import KINDS, Node, Relation, Scope
from tests.noninterference.turns import Turned

BUILT = 0.6
"""Of what is composed, how much is of this kind."""


class Built(Turned):
    """What who may alter the schema can do besides: new and altered objects, and then a look at them."""

    def statements(self) -> list[Node]:
        if not self.chance(BUILT):
            return super().statements()
        self.names = 0
        self.free, self.shown, self.top = self.chance(0.1), False, True
        return [*self.pick((2, self._own_table), (2, self._own_view), (4, self._altered), (2, self._indexed), (2, self._own_function), (2, self._triggered),
                             (1, self._own_rule), (1, self._own_domain), (1, self._joined_in)), *([self.select(1)] if self.chance(0.4) else [])]  # fmt: skip

    def _scope(self, r: Relation) -> Scope:
        return [(r.name.split(".")[-1], dict(r.columns))]

    def _own_table(self) -> list[Node]:
        r = self.random.choice(self.relations)
        made: tuple[str | Node, ...] = self.random.choice(
            ((f"CREATE TABLE own (LIKE {r.name} {self.one_of('INCLUDING ALL', 'INCLUDING DEFAULTS', 'INCLUDING GENERATED', '')})",), ("CREATE TABLE own AS ", self.select(1)),
             (f"CREATE TABLE own () INHERITS ({r.name})",), (f"CREATE TABLE own OF {r.name}",))
        )  # fmt: skip
        columns = [(c, k) for c, k in r.columns.items() if k in KINDS][:2] or [("nothing", "int")]
        return [
            Node("top", made),
            Node(
                "top",
                (f"INSERT INTO own ({', '.join(c for c, _ in columns)}) ", self.select(1, [k for _, k in columns])),
            ),
            Node(
                "top",
                (self.one_of("SELECT * FROM own LIMIT 9", "SELECT count(*) FROM own", "SELECT own FROM own LIMIT 9"),),
            ),
        ]

    def _own_view(self) -> list[Node]:
        how = self.one_of(
            "VIEW own_v",
            "MATERIALIZED VIEW own_v",
            "VIEW own_v WITH (security_invoker)",
            "VIEW own_v WITH (security_barrier)",
            "RECURSIVE VIEW own_v (a)",
        )
        look = self.one_of(
            "SELECT * FROM own_v LIMIT 20",
            "SELECT count(*) FROM own_v",
            "SELECT v::text FROM own_v v LIMIT 9",
            "SELECT pg_get_viewdef('own_v')",
        )
        return [
            Node("top", (f"CREATE {how} AS ", self.select(1, ["text", "int"] if self.chance(0.5) else ()))),
            Node("top", (look,)),
        ]

    def _altered(self) -> list[Node]:
        r = self._plain()
        scope = self._scope(r)
        column, kind = self.random.choice(list(r.columns.items()))
        kind = kind.lstrip("~")
        other = self.random.choice(list(r.columns))
        changed: tuple[str | Node, ...] = self.random.choice(
            (
                ("ADD COLUMN more text DEFAULT (", self.literal("text"), ")"),
                ("ADD COLUMN more text GENERATED ALWAYS AS (", self.expression("text", scope, 1), ") STORED"),
                ("ADD COLUMN more bigint GENERATED ALWAYS AS IDENTITY",),
                ("ADD CHECK (", self.bool(scope, 1), f"){self.one_of('', ' NOT VALID')}"),
                (f"ALTER COLUMN {column} TYPE text USING ", self.expression("text", scope, 1)),
                (f"ALTER COLUMN {column} SET DEFAULT ", self.literal(kind if kind in KINDS else "text")),
                (f"ALTER COLUMN {column} SET NOT NULL",),
                (f"ALTER COLUMN {column} DROP NOT NULL",),
                (f"DROP COLUMN {column}{self.one_of('', ' CASCADE')}",),
                (f"RENAME {column} TO renamed",),
                (f"RENAME {column} TO {other}",),
                (f"ADD UNIQUE ({column})",),
                (f"ADD UNIQUE ({column}, {other})",),
                (f"ADD EXCLUDE ({column} WITH =)",),
                (f"ADD FOREIGN KEY ({column}) REFERENCES {self.random.choice(self.relations).name}",),
                ("RENAME TO renamed",),
                ("SET SCHEMA court",),
                (f"ALTER COLUMN {column} SET STATISTICS 0",),
                ("DISABLE TRIGGER USER",),
                ("ENABLE ROW LEVEL SECURITY",),
                (f"CLUSTER ON {other}",),
            )
        )
        look: tuple[str | Node, ...] = self.random.choice(
            ((f"SELECT * FROM {r.name} LIMIT 20",), (f"SELECT count({other}) FROM {r.name}",), (f"SELECT {other} FROM {r.name} WHERE ", self.bool(scope, 0), " LIMIT 9"), ("SELECT renamed FROM renamed LIMIT 9",), (f"SELECT renamed FROM {r.name} LIMIT 9",))
        )  # fmt: skip
        return [Node("top", (f"ALTER TABLE {r.name} ", *changed)), Node("top", look)]

    def _indexed(self) -> list[Node]:
        r = self._plain()
        scope = self._scope(r)
        where = Node("clause", (" WHERE ", self.bool(scope, 1))) if self.chance(0.4) else ""
        made: tuple[str | Node, ...] = self.random.choice(
            ((f"CREATE {self.one_of('', 'UNIQUE ')}INDEX own_i ON {r.name} ((", self.any(scope, 1), "))", where), (f"CREATE STATISTICS own_s ON {', '.join(list(r.columns)[:2])} FROM {r.name}",),
             (f"CREATE INDEX own_i ON {r.name} USING {self.one_of('hash', 'brin', 'gin', 'gist')} ({self.random.choice(list(r.columns))})",))
        )  # fmt: skip
        return [Node("top", made), self.select(1) if self.chance(0.5) else self.write()]

    def _own_function(self) -> list[Node]:
        kind = self.random.choice(("text", "int"))
        inner = self.select(1, [kind])
        language, body = self.random.choice((("sql", f"{inner}"), ("plpgsql", f"BEGIN RETURN ({inner}); END")))
        safe = self.one_of(
            "", " STABLE", " IMMUTABLE", " SECURITY DEFINER", " SECURITY DEFINER SET search_path = public"
        )
        made = f"CREATE FUNCTION own_f() RETURNS {kind} LANGUAGE {language}{safe} AS $do${body}$do$"
        return [
            Node("top", (made,)),
            Node(
                "top",
                (
                    self.one_of(
                        "SELECT own_f()",
                        "SELECT 1 WHERE own_f() IS NULL",
                        "SELECT ward_id FROM wards WHERE own_f() IS NOT NULL LIMIT 3",
                    ),
                ),
            ),
        ]

    def _triggered(self) -> list[Node]:
        r = self._plain()
        column = self.random.choice(list(r.columns))
        body = self.one_of(
            f"BEGIN RAISE NOTICE '%', NEW.{column}; RETURN NEW; END", "BEGIN RAISE NOTICE '%', OLD; RETURN NEW; END", f"BEGIN IF NEW.{column} IS NULL THEN RETURN NULL; END IF; RETURN NEW; END",
            "BEGIN RETURN NULL; END", f"BEGIN NEW.{column} := NULL; RETURN NEW; END",
        )  # fmt: skip
        when = self.one_of("BEFORE UPDATE", "AFTER INSERT OR UPDATE", "BEFORE INSERT", f"BEFORE UPDATE OF {column}")
        only = Node("clause", (" WHEN (", self.bool([("NEW", dict(r.columns))], 0), ")")) if self.chance(0.3) else ""
        return [
            Node("top", (f"CREATE FUNCTION own_t() RETURNS trigger LANGUAGE plpgsql AS $do${body}$do$",)),
            Node("top", (f"CREATE TRIGGER own {when} ON {r.name} FOR EACH ROW", only, " EXECUTE FUNCTION own_t()")),
            Node("top", (f"UPDATE {r.name} SET {column} = {column} WHERE ", self.bool(self._scope(r), 0))),
        ]

    def _own_rule(self) -> list[Node]:
        r = self._plain()
        inner = self.select(1, ["text"])
        made: tuple[str | Node, ...] = self.random.choice(
            ((f"CREATE RULE own AS ON UPDATE TO {r.name} DO ALSO ", inner), (f"CREATE RULE own AS ON INSERT TO {r.name} DO INSTEAD NOTHING",),
             (f"CREATE POLICY own ON {r.name} USING (", self.bool(self._scope(r), 1), ")"))
        )  # fmt: skip
        return [Node("top", made), Node("top", (f"ALTER TABLE {r.name} ENABLE ROW LEVEL SECURITY",)), self.write()]

    def _own_domain(self) -> list[Node]:
        kind = self.random.choice(("text", "int"))
        return [
            Node(
                "top",
                (
                    f"CREATE DOMAIN own_d AS {kind} CHECK (",
                    self.literal("bool"),
                    self.one_of(")", " OR VALUE IS NOT NULL)"),
                ),
            ),
            Node("top", ("SELECT (", self.select(1, [kind]), ")::own_d")),
        ]

    def _joined_in(self) -> list[Node]:
        r = self._plain()
        how = self.one_of(
            f"ALTER TABLE own INHERIT {r.name}",
            f"ALTER TABLE {r.name} ATTACH PARTITION own DEFAULT",
            f"ALTER TABLE {r.name} INHERIT own",
        )
        return [
            Node("top", (f"CREATE TABLE own (LIKE {r.name})",)),
            Node("top", (how,)),
            Node("top", (f"SELECT * FROM {r.name} LIMIT 20",)),
        ]
