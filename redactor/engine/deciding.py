"""One text on its way through the engine: its statements one after the other, what they touch, what becomes of them.

Knows an engine, a world and a context; keeps nothing. Invariants: what cannot be read as expected is refused; a
rewritten text is read again before it is sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redactor.context import Context
from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine import behalf, opening
from redactor.engine.reading import Reading
from redactor.engine.refusal import Refused, of_gap
from redactor.engine.statements import judge
from redactor.engine.text import Text
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.model import Footprint, Problem, Requester, RuleHit
from redactor.sql import grammar
from redactor.sql.grammar import Statement
from redactor.transitions import Declare, Make, SetIdentity, SetOrder, Transition

if TYPE_CHECKING:
    from redactor.engine import Engine

_CONTEXTUAL = frozenset({"ExecuteStmt", "CreateTableAsStmt", "ExplainStmt"})
"""Kinds whose meaning also hangs on what the session has prepared."""

_OF_CURSORS = frozenset({"DeclareCursorStmt", "FetchStmt"})
"""Kinds that also hang on which cursors show masked columns."""


class Deciding:
    """One text on its way through."""

    def __init__(
        self,
        engine: Engine,
        requester: Requester,
        world: World,
        context: Context,
        text: Text,
        statements: tuple[Statement, ...],
    ) -> None:
        self.engine = engine
        self.requester = requester
        self.world = world
        self.context = context
        self.text = text
        self.statements = statements
        self.kinds: list[str] = []
        self.readings: list[Reading] = []
        self.transitions: list[tuple[Transition, ...]] = []

    def run(self) -> tuple[Decision, bool]:
        """The decision, and whether it also hangs on what the session has prepared. To be asked for once."""
        try:
            return self._run()
        finally:
            # each leads back here
            self.readings.clear()

    def _run(self) -> tuple[Decision, bool]:
        source = self.text.source
        contextual = any(s.kind in _CONTEXTUAL for s in self.statements)
        for s in self.statements:
            self.kinds.append(s.kind)
            reading = Reading(self.world, self.context, self.text)
            reading.speaks = bool(self.engine.speaks_for(self.requester))
            reading.may_ddl = self.engine.policy.may_ddl(self.world.clearance.roles)
            context = self.context
            reading.again = lambda text, c=context: self.engine.again(self.requester, self.world, c, text)  # type: ignore[misc]
            self.readings.append(reading)
            try:
                idle = behalf.idle(context.identity, s.kind)
                if idle is not None:
                    raise Refused(idle)
                under = opening.idle(context.now.order, s)
                if under is not None:
                    raise under
                judge(reading, s, reading.again)
                contextual |= s.kind in _OF_CURSORS and bool(context.shown)
            except Refused as e:
                return self._refuse(s, e, grammar.shape(source)), contextual
            except RedactorError as e:
                problem = Problem(e.sqlstate, e.public)
                return self._refuse(s, Refused(problem), grammar.shape(source)), contextual
            except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError, StopIteration):
                # a tree that is not as expected is one that is not understood
                gap = of_gap(s.kind.removesuffix("Stmt"))
                return self._refuse(s, gap, grammar.shape(source)), contextual
            done = tuple(behalf.stamped(t, self.context.identity) for t in reading.transitions)
            self.transitions.append(done)
            named = self.context.identity is not None
            for t in done:
                self.context = self.context.after(t)
                contextual |= isinstance(t, SetIdentity) or (named and isinstance(t, Make | Declare))
            if self.context.identity is not self.requester.on_behalf_of:
                # what follows in this text is asked on behalf of somebody else
                self.requester = replace(self.requester, on_behalf_of=self.context.identity)
                self.world = self.engine.world(self.engine.roles_of(self.requester))
            if any(isinstance(t, SetOrder) for t in done):
                # what follows in this text would be read under another order
                roles = self.world.clearance.roles
                self.world = self.engine.world_under(roles, self.context.now.order)
        grant = next((r.grant for r in self.readings if r.grant is not None), None)
        if grant is not None and len(self.statements) > 1:
            return self._refuse(self.statements[0], opening.alone(grant), grammar.shape(source)), contextual
        footprint = self._footprint()
        hits = self._hits()
        origins = tuple(r.origins for r in self.readings)
        if not self.text.edited:
            told = origins if any(origins) else ()
            recorded = self.engine.policy.records(bool(hits))
            # what is not recorded needs no shape
            shape = grammar.shape(source) if recorded else ""
            return Allow(footprint, tuple(self.transitions), hits, shape, recorded, told), contextual
        shape = grammar.shape(source)
        try:
            sent = self.text.render()
            # constants that were folded away change nothing of what is to be seen
            kinds = [r.kind or k for k, r in zip(self.kinds, self.readings, strict=True)]
            same = grammar.is_still(self.text.folded() if self.text.cuts else sent, kinds)
        except (ValueError, RedactorError):
            same = False
        if not same:
            return self._refuse(self.statements[0], of_gap("the rewritten statement"), shape), contextual
        return Redact(sent.decode(), footprint, hits, tuple(self.transitions), shape, grant, origins), contextual

    def _footprint(self) -> Footprint:
        relations = dict.fromkeys(n for r in self.readings for n in r.relations)
        columns = dict.fromkeys((u.column, u.use) for r in self.readings for u in r.used)
        uses = tuple(u for r in self.readings for u in r.used if columns.pop((u.column, u.use), 0) is None)
        functions = dict.fromkeys(f for r in self.readings for f in r.functions)
        return Footprint(tuple(self.kinds), tuple(relations), uses, tuple(functions))

    def _hits(self) -> tuple[RuleHit, ...]:
        found: dict[str, RuleHit] = {}
        for r in self.readings:
            for h in r.hits.values():
                known = found.get(h.rule)
                columns = dict.fromkeys((*(known.columns if known else ()), *h.columns))
                found[h.rule] = RuleHit(h.rule, h.because, tuple(columns))
        return tuple(found[k] for k in sorted(found))

    def _refuse(self, statement: Statement, refused: Refused, shape: str) -> Refuse:
        """The statement becomes one that must fail; those before it stay as they were decided."""
        before = self.text.render(0, statement.start) if statement.start else b""
        lead = b" " if before else b""
        text = before + lead + Refuse.failing().encode() + self.text.behind(statement.end)
        footprint = self._footprint()
        uses = dict.fromkeys((*footprint.columns, *refused.uses))
        footprint = Footprint(footprint.kinds, footprint.relations, tuple(uses), footprint.functions)
        rules = {h.rule: h for h in (*self._hits(), *refused.hits)}
        return Refuse(
            text.decode("utf-8", "replace"),
            refused.problem,
            footprint,
            tuple(rules.values()),
            tuple(self.transitions),
            shape,
        )
