"""What a trigger copies into other tables: from the rows that fire it, and from what it reads besides.

Knows a PL/pgSQL body's tree. Must not know what is protected. Follows values through the function's own variables and
records, in the order of the text, into INSERT and UPDATE; conditions are not followed, and what is not static, nor what
a function does that the body calls, is not seen: this finds the tables of changes that people keep, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redactor.catalog import Function, Relation
from redactor.errors import RedactorError
from redactor.sql.grammar import Node
from redactor.sql.labels import walk
from redactor.sql.plpgsql import Reader, nodes, parsed, tree
from redactor.sql.scopes import CLEAN, Output, Scope, Source, Taint, join


@dataclass(frozen=True, slots=True)
class Copy:
    """What one statement writes: into the target (a RangeVar's node), values in the order of `columns`, or, where none
    are written, of the target's own."""

    target: Node
    columns: tuple[str, ...]
    values: tuple[Taint, ...]


def copies(f: Function, relation: Relation, derivation: Reader) -> list[Copy]:
    """What a trigger function of a relation writes into tables."""
    found = _Following(relation, derivation)
    try:
        function = tree(f).get("PLpgSQL_function", {})
        found.follow(function)
    except (RedactorError, KeyError, IndexError, TypeError, ValueError):
        # what was found is true
        pass
    return found.copies


class _Following:
    """One body on its way. `held`: what its variables hold; `rows`: its records, by name."""

    def __init__(self, relation: Relation, derivation: Reader) -> None:
        self.derivation = derivation
        columns = tuple(derivation.columns(relation).items())
        self.rows: dict[str, tuple[Output, ...]] = {"new": columns, "old": columns}
        self.held: dict[str, Taint] = {}
        self.copies: list[Copy] = []

    def follow(self, function: Node) -> None:
        """All statements, in the order of the text."""
        datums: list[Node] = function.get("datums", [])
        self.held = {d["PLpgSQL_var"]["refname"]: CLEAN for d in datums if "PLpgSQL_var" in d}
        for kind, node in nodes(function.get("action", {})):
            if kind == "PLpgSQL_stmt_assign":
                number = node.get("varno", 0)
                name = datums[number].get("PLpgSQL_var", {}).get("refname") if number < len(datums) else None
                if name is not None:
                    self._hold(name, join(t for _, t in self._outputs(parsed(node["expr"]["PLpgSQL_expr"]))))
            elif kind == "PLpgSQL_stmt_execsql":
                statement = parsed(node["sqlstmt"]["PLpgSQL_expr"])
                if node.get("into"):
                    self._into(node.get("target", {}), statement)
                for name, inner in walk(statement):
                    if name == "InsertStmt":
                        self._insert(inner)
                    elif name == "UpdateStmt":
                        self._update(inner)
            elif kind == "PLpgSQL_stmt_fors":
                self._into(node.get("var", {}), parsed(node["query"]["PLpgSQL_expr"]))

    def _scope(self) -> Scope:
        # a bare name is a variable's, never a column's of NEW
        rows = Scope([Source(name, columns) for name, columns in self.rows.items()])
        return Scope([Source("", tuple(self.held.items()))], rows)

    def _outputs(self, statement: Node) -> tuple[Output, ...]:
        if next(iter(statement), "") != "SelectStmt":
            return ()
        return self.derivation.outputs(statement, self._scope())

    def _hold(self, name: str, taint: Taint) -> None:
        self.held[name] = self.held.get(name, CLEAN) | taint

    def _into(self, target: Node, statement: Node) -> None:
        outputs = self._outputs(statement)
        record = target.get("PLpgSQL_rec", {}).get("refname")
        if record is not None:
            self.rows[record] = outputs
            return
        for field, (_, taint) in zip(target.get("PLpgSQL_row", {}).get("fields", ()), outputs, strict=False):
            self._hold(field["name"], taint)

    def _value(self, value: Node, *sources: Node) -> Taint:
        select = {"targetList": [{"ResTarget": {"val": value}}], "fromClause": list(sources), "op": "SETOP_NONE"}
        return join(t for _, t in self.derivation.outputs({"SelectStmt": select}, self._scope()))

    def _insert(self, statement: Node) -> None:
        names = tuple(c["ResTarget"]["name"] for c in statement.get("cols", ()))
        select = statement.get("selectStmt", {}).get("SelectStmt")
        if select is None:
            return
        if "valuesLists" in select:
            for row in select["valuesLists"]:
                values: list[Taint] = []
                for item in row["List"]["items"]:
                    starred = self._starred(item)
                    values += [self._value(item)] if starred is None else [t for _, t in starred]
                self.copies.append(Copy(statement["relation"], names, tuple(values)))
            return
        if "targetList" in select:
            # NEW.* is as many columns as the table has
            select = {**select, "targetList": [t for item in select["targetList"] for t in self._spelled(item)]}
        outputs = self.derivation.outputs({"SelectStmt": select}, self._scope())
        self.copies.append(Copy(statement["relation"], names, tuple(t for _, t in outputs)))

    def _starred(self, value: Node) -> tuple[Output, ...] | None:
        """The columns of `NEW.*` or `(NEW).*`; None for anything else."""
        inner: Any = value.get("A_Indirection")
        if inner is not None:
            star = any("A_Star" in i for i in inner.get("indirection", ()))
            fields = list(inner.get("arg", {}).get("ColumnRef", {}).get("fields", ())) if star else []
        else:
            given: list[Node] = list(value.get("ColumnRef", {}).get("fields", ()))
            fields = given[:-1] if given and "A_Star" in given[-1] else []
        return self.rows.get(fields[0].get("String", {}).get("sval", "")) if len(fields) == 1 else None

    def _spelled(self, target: Node) -> list[Node]:
        value = target["ResTarget"]["val"]
        starred = self._starred(value)
        if starred is None:
            return [target]
        reference = value.get("A_Indirection", {}).get("arg", value)["ColumnRef"]
        row = reference["fields"][0]
        return [
            {"ResTarget": {"val": {"ColumnRef": {**reference, "fields": [row, {"String": {"sval": name}}]}}}}
            for name, _ in starred
        ]

    def _update(self, statement: Node) -> None:
        sources = [{"RangeVar": statement["relation"]}, *statement.get("fromClause", ())]
        for item in (t["ResTarget"] for t in statement.get("targetList", ())):
            if "val" in item:
                value = item["val"].get("MultiAssignRef", {}).get("source", item["val"])
                taint = self._value(value, *sources)
                self.copies.append(Copy(statement["relation"], (item["name"],), (taint,)))
