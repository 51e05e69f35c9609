"""Which queries of a statement read something whose rows lie where hidden values have them lie.

Knows a statement's tree, which of its relations are of that kind, and which names WITH clauses give; nothing of order.
Invariant: a query counts when anything that it names does, at whatever depth and through however many WITH queries; one
walk over the tree finds it for all of them.
"""

from __future__ import annotations

from collections.abc import Collection

from redactor.sql.grammar import Node

_READ = ("fromClause", "whereClause")
_LEAVES = frozenset(("ColumnRef", "A_Const", "TypeName", "typeName", "String", "funcname", "name", "alias", "Alias"))
"""What names no relation, neither by itself nor by anything in it."""


class Reach:
    """What the queries of one statement read. `relations`: the ids of its relations' nodes; `sized`: of those
    among them that it is about."""

    def __init__(self, node: Node, relations: Collection[int], sized: Collection[int]) -> None:
        self.queries: dict[str, list[Node]] = {}
        """The queries of all WITH clauses, by their names."""
        self.references: list[Node] = []
        """The nodes, in a FROM clause, that name a WITH query which reads any of it."""
        self._parents: list[int] = [-1]
        self._reading: dict[int, int] = {}
        self._marked: set[int] = set()
        named: list[tuple[Node, int]] = []
        bodies: list[tuple[str, int]] = []
        self._walk(node, named, bodies)
        unknown = []
        for relation, part in named:
            if id(relation) in sized:
                self._mark(part)
            elif id(relation) not in relations and "schemaname" not in relation:
                unknown.append((relation, part))
        found: set[str] = set()
        while bodies and (more := {name for name, part in bodies if part in self._marked} - found):
            found |= more
            for relation, part in unknown:
                if relation["relname"] in more:
                    self.references.append(relation)
                    self._mark(part)

    def reads(self, select: Node) -> bool:
        """Whether a query's FROM clause or condition, or anything in a set operation, reads any of it."""
        part = self._reading.get(id(select))
        # what the walk did not come by is taken for one that does; the whole of a query is the part before
        return part is None or (part if "larg" not in select else part - 1) in self._marked

    def _mark(self, part: int) -> None:
        while part >= 0 and part not in self._marked:
            self._marked.add(part)
            part = self._parents[part]

    def _part(self, parent: int) -> int:
        self._parents.append(parent)
        return len(self._parents) - 1

    def _walk(self, node: Node, named: list[tuple[Node, int]], bodies: list[tuple[str, int]]) -> None:
        stack: list[tuple[object, int]] = [(node, 0)]
        while stack:
            item, part = stack.pop()
            if type(item) is list:
                for child in item:
                    if type(child) is not dict or "A_Const" not in child:
                        stack.append((child, part))
            elif type(item) is dict:
                for key, inner in item.items():
                    kind = type(inner)
                    if key in _LEAVES:
                        continue
                    if kind is list:
                        stack.append((inner, part))
                    elif kind is not dict:
                        continue
                    elif key == "RangeVar":
                        named.append((inner, part))
                    elif key == "SelectStmt":
                        whole = self._part(part)
                        reading = self._reading[id(inner)] = self._part(whole)
                        for clause, value in inner.items():
                            if type(value) in (dict, list):
                                stack.append((value, reading if clause in _READ else whole))
                    elif key == "CommonTableExpr":
                        body = self._part(part)
                        self.queries.setdefault(inner["ctename"], []).append(inner["ctequery"])
                        bodies.append((inner["ctename"], body))
                        stack.append((inner, body))
                    else:
                        stack.append((inner, part))
