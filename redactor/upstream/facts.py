"""Rows of pg_catalog to values of the catalog.

Knows what PostgreSQL's letters, bits and arrays mean (docs, chapter 52); pure: asks for nothing. Equal strings are
kept once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from redactor.catalog import (
    Constraint,
    Function,
    Index,
    Operator,
    RewriteRule,
    Role,
    RowPolicy,
    Statistics,
    Trigger,
    Type,
)
from redactor.upstream import queries

Row: TypeAlias = Mapping[str, Any]
Reads: TypeAlias = frozenset[tuple[int, int]]

_RULE_EVENTS = {"1": "select", "2": "update", "3": "insert", "4": "delete"}
_TRIGGER_EVENTS = ((4, "insert"), (8, "delete"), (16, "update"), (32, "truncate"))
_WHEN = re.compile(r" WHEN \((.*)\) EXECUTE (?:FUNCTION|PROCEDURE) ", re.DOTALL)
_WORD = re.compile(r'"(?:[^"]|"")+"|[^\W\d]\w*')


class Strings(dict[str, str]):
    """Each string once."""

    def __missing__(self, key: str) -> str:
        self[key] = key
        return key


def grouped(rows: Iterable[Row], key: str, value: str) -> dict[int, tuple[Any, ...]]:
    found = defaultdict(list)
    for r in rows:
        found[r[key]].append(r[value])
    return {k: tuple(v) for k, v in found.items()}


def reads_by(rows: Iterable[Row], key: str) -> dict[int, Reads]:
    found: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for r in rows:
        found[r[key]].add((r["source"], r["number"]))
    return {k: frozenset(v) for k, v in found.items()}


def _pairs(settings: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """`name=value` items, names in lower case."""
    pairs = (s.partition("=") for s in settings or ())
    return tuple((name.lower(), value) for name, _, value in pairs)


def roles_from(rows: list[Row], memberships: list[Row], settings: list[Row], database: int) -> dict[str, Role]:
    """Roles with what they are members of, however indirectly, and the settings that their sessions start with."""
    names = {r["oid"]: r["name"] for r in rows}
    direct: defaultdict[int, set[int]] = defaultdict(set)
    for m in memberships:
        direct[m["member"]].add(m["role"])
    configured = {(s["database"], s["role"]): dict(_pairs(s["settings"])) for s in settings}

    def all_of(oid: int) -> frozenset[str]:
        seen: set[int] = set()
        todo = list(direct.get(oid, ()))
        while todo:
            if (role := todo.pop()) not in seen:
                seen.add(role)
                todo.extend(direct.get(role, ()))
        return frozenset(names[s] for s in seen if s in names and s != oid)

    def settings_of(oid: int) -> tuple[tuple[str, str], ...]:
        # later ones win; the order is process_settings' (PostgreSQL docs, ALTER ROLE, Notes)
        merged: dict[str, str] = {}
        for place in ((0, 0), (database, 0), (0, oid), (database, oid)):
            merged |= configured.get(place, {})
        return tuple(sorted(merged.items()))

    return {
        r["name"]: Role(
            r["name"],
            superuser=r["superuser"],
            replication=r["replication"],
            bypass_rls=r["bypass"],
            can_login=r["login"],
            member_of=all_of(r["oid"]),
            settings=settings_of(r["oid"]),
        )
        for r in rows
    }


class Facts:
    """Rows to values, with the names that all of them need."""

    def __init__(
        self,
        one: Strings,
        schemas: dict[int, str],
        roles: dict[int, str],
        member: dict[tuple[str, int], str],
        columns: dict[int, dict[int, str]],
    ) -> None:
        self.one, self.schemas, self.roles, self.member, self.columns = one, schemas, roles, member, columns

    def named(self, relation: int, numbers: Sequence[int] | None) -> tuple[str, ...]:
        """Columns' names by number. 0 (an expression) and system columns have none here."""
        names = self.columns.get(relation, {})
        return tuple(names[n] for n in numbers or () if n in names)

    def constraints(self, rows: Iterable[Row]) -> dict[int, tuple[Constraint, ...]]:
        found = defaultdict(list)
        for r in rows:
            foreign = r["foreign"] if r["kind"] == "f" else 0
            found[r["relation"]].append(
                Constraint(
                    name=self.one[r["name"]],
                    kind=self.one[r["kind"]],
                    columns=self.named(r["relation"], r["columns"]),
                    definition=self.one[r["definition"] or ""],
                    foreign=foreign or None,
                    foreign_columns=self.named(foreign, r["foreign_columns"]) if foreign else (),
                    on_delete=self.one[r["on_delete"]] if foreign else "",
                    on_update=self.one[r["on_update"]] if foreign else "",
                )
            )
        return {k: tuple(v) for k, v in found.items()}

    def indexes(self, rows: Iterable[Row]) -> dict[int, tuple[Index, ...]]:
        found = defaultdict(list)
        for r in rows:
            found[r["relation"]].append(
                Index(
                    name=self.one[r["name"]],
                    oid=r["oid"],
                    unique=r["unique"],
                    columns=self.named(r["relation"], r["columns"]),
                    expressions=r["expressions"],
                    predicate=r["predicate"],
                    constraint=r["constraint"],
                    included=self.named(r["relation"], r["included"]),
                    nulls_equal=r["nulls_equal"],
                )
            )
        return {k: tuple(v) for k, v in found.items()}

    def triggers(self, rows: Iterable[Row]) -> dict[int, tuple[Trigger, ...]]:
        found = defaultdict(list)
        for r in rows:
            bits = r["type"]  # TRIGGER_TYPE_*: 1 row, 2 before, 4/8/16/32 events, 64 instead of
            when = _WHEN.search(r["definition"] or "")
            found[r["relation"]].append(
                Trigger(
                    name=self.one[r["name"]],
                    function=r["function"],
                    events=frozenset(event for bit, event in _TRIGGER_EVENTS if bits & bit),
                    timing="instead of" if bits & 64 else "before" if bits & 2 else "after",
                    row=bool(bits & 1),
                    columns=self.named(r["relation"], r["columns"]),
                    # a condition that could not be cut out is kept whole: never as if there were none
                    condition=when[1] if when else r["definition"],
                    # each argument ends with a zero byte
                    arguments=tuple(a.decode(errors="replace") for a in r["arguments"].split(b"\0")[:-1]),
                )
            )
        return {k: tuple(v) for k, v in found.items()}

    def policies(self, rows: list[Row]) -> dict[int, tuple[RowPolicy, ...]]:
        found = defaultdict(list)
        for r in rows:
            everyone = 0 in r["roles"]
            found[r["relation"]].append(
                RowPolicy(
                    name=self.one[r["name"]],
                    command=self.one[r["command"]],
                    permissive=r["permissive"],
                    using=r["using"],
                    check=r["check"],
                    roles=() if everyone else tuple(sorted(self.roles[o] for o in r["roles"] if o in self.roles)),
                )
            )
        return {k: tuple(v) for k, v in found.items()}

    def rules(self, rows: list[Row]) -> dict[int, tuple[RewriteRule, ...]]:
        found = defaultdict(list)
        for r in rows:
            rule = RewriteRule(self.one[r["name"]], _RULE_EVENTS[r["event"]], r["instead"], r["definition"] or "")
            found[r["relation"]].append(rule)
        return {k: tuple(v) for k, v in found.items()}

    def statistics(self, rows: list[Row]) -> dict[int, tuple[Statistics, ...]]:
        found = defaultdict(list)
        for r in rows:
            columns = self.named(r["relation"], r["columns"])
            found[r["relation"]].append(Statistics(self.one[r["name"]], columns, r["definition"] or ""))
        return {k: tuple(v) for k, v in found.items()}

    def partition_keys(self, rows: list[Row], inside: list[Row]) -> dict[int, tuple[str | None, tuple[str, ...]]]:
        """A partitioned table's key, and its columns, those inside expressions too."""
        depended = grouped(inside, "relation", "number")
        found: dict[int, tuple[str | None, tuple[str, ...]]] = {}
        for r in rows:
            oid, expressions = r["relation"], r["expressions"]
            columns = dict.fromkeys(self.named(oid, r["columns"]))
            if expressions is not None:
                # pg_depend says which; a word that is a column's name counts too, so that nothing is missed
                words = {w[1:-1].replace('""', '"') if w[0] == '"' else w for w in _WORD.findall(expressions)}
                known = self.columns.get(oid, {})
                columns |= dict.fromkeys(self.named(oid, depended.get(oid, ())))
                columns |= dict.fromkeys(name for name in known.values() if name in words)
            found[oid] = (r["definition"], tuple(columns))
        return found

    def functions(self, rows: list[Row], aggregates: list[Row], reads: dict[int, Reads]) -> dict[int, Function]:
        parts = {r["function"]: tuple(dict.fromkeys(p for p in r["parts"] if p)) for r in aggregates}
        found: dict[int, Function] = {}
        for r in rows:
            oid, atomic = r["oid"], r["atomic_body"]
            arguments = tuple(r["arguments"])
            found[oid] = Function(
                oid=oid,
                schema=self.schemas[r["schema"]],
                name=self.one[r["name"]],
                kind=self.one[r["kind"]],
                language=self.one[r["language"]],
                arguments=arguments,
                argument_names=tuple(self.one[n] for n in r["argument_names"] or ()),
                argument_modes=self.one["".join(r["argument_modes"] or ())],
                signature=r["signature"],
                returns=r["returns"],
                returns_set=r["returns_set"],
                volatility=self.one[r["volatility"]],
                body=self.one[(r["source"] if atomic is None else atomic) or ""],
                atomic=atomic is not None,
                security_definer=r["security_definer"],
                settings=_pairs(r["settings"]),
                extension=self.member.get(("pg_proc", oid)),
                defaults=r["defaults"],
                variadic=r["variadic"],
                parts=parts.get(oid, ()),
                reads=reads.get(oid, frozenset()),
                all_arguments=tuple(r["all_arguments"] or arguments),
                default_expressions=r["default_expressions"],
                strict=r["strict"],
            )
        return found

    def operators(self, rows: list[Row]) -> tuple[Operator, ...]:
        return tuple(
            Operator(
                oid=r["oid"],
                schema=self.schemas[r["schema"]],
                name=self.one[r["name"]],
                left=r["left"],
                right=r["right"],
                function=r["function"],
                extension=self.member.get(("pg_operator", r["oid"])),
            )
            for r in rows
        )

    def types(
        self,
        rows: Iterable[Row],
        ranges: list[Row],
        checks: dict[int, tuple[str, ...]],
        labels: dict[int, tuple[str, ...]],
    ) -> dict[int, Type]:
        over = {r["range"]: r["subtype"] for r in ranges} | {
            r["multirange"]: r["range"] for r in ranges if r["multirange"]
        }
        support = {r["range"]: tuple(f for f in r["functions"] if f >= queries.FIRST) for r in ranges}
        found: dict[int, Type] = {}
        for r in rows:
            oid = r["oid"]
            found[oid] = Type(
                oid=oid,
                schema=self.schemas[r["schema"]],
                name=self.one[r["name"]],
                kind=self.one[r["kind"]],
                base=r["base"] or (r["element"] if r["array"] else over.get(oid, 0)),
                checks=checks.get(oid, ()),
                labels=labels.get(oid, ()),
                relation=r["relation"],
                extension=self.member.get(("pg_type", oid)),
                array=r["array"],
                default=r["expression"],
                functions=tuple(dict.fromkeys((*r["functions"], *support.get(oid, ())))),
            )
        return found
