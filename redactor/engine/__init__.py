"""The decision: what is to become of a statement, for a requester, in a context, under one snapshot.

Knows a snapshot (catalog, review, policy) and nothing else; has no clock, no socket, no file. `Engine` is the `Judge`
that sessions ask. Invariants: the same question gets the same answer as long as the snapshot stands; a question that
cannot be answered is refused; what was decided is remembered within bounds.
"""

from __future__ import annotations

import gc
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from redactor.catalog import Catalog, digest
from redactor.context import Context
from redactor.derivation import Derivation
from redactor.engine import behalf, opening, startup
from redactor.engine.reading import Reading
from redactor.engine.refusal import Refused, imitation, of_gap
from redactor.engine.statements import judge
from redactor.engine.text import Text
from redactor.engine.world import World
from redactor.errors import RedactorError, TooMuch
from redactor.model import (
    Allow,
    Decision,
    Declare,
    Footprint,
    Grant,
    Make,
    Problem,
    Redact,
    Refuse,
    RelationName,
    Requester,
    RuleHit,
    SchemaChanged,
    SetIdentity,
    SetOrder,
    TokenPlace,
    Transition,
)
from redactor.policy import Policy, Recording
from redactor.protection import Clearance
from redactor.review import Review
from redactor.sql import builtins, grammar
from redactor.sql.grammar import Statement, SyntaxProblem
from redactor.tally import Pace

REMEMBERED_BYTES = 32 * 1024 * 1024
"""How much text the decisions that are remembered may hold, all requesters together."""

_LARGEST_REMEMBERED = 64 * 1024
_LARGE = 256 * 1024

_ORDERS_REMEMBERED = 32

_CONTEXTUAL = frozenset({"ExecuteStmt", "CreateTableAsStmt", "ExplainStmt"})
"""Kinds whose meaning also hangs on what the session has prepared."""

_HARMLESS_KINDS = frozenset(
    {
        *("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TransactionStmt", "VariableSetStmt"),
        *("VariableShowStmt", "FetchStmt", "ClosePortalStmt", "DeclareCursorStmt", "PrepareStmt", "ExecuteStmt"),
        *("DeallocateStmt", "CopyStmt", "ExplainStmt", "ListenStmt", "NotifyStmt", "UnlistenStmt", "LockStmt"),
        *("DiscardStmt", "ConstraintsSetStmt", "CheckPointStmt", "VacuumStmt"),
    }
)
"""What leaves definitions as they are; after anything else by an exempt requester the catalog is read again."""


class Engine:
    """Decides under one snapshot."""

    def __init__(
        self,
        catalog: Catalog,
        policy: Policy,
        review: Review,
        lists: builtins.Builtins | None = None,
        mask_key: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._mask_key = mask_key
        self._pace = pace or Pace()
        self._catalog = catalog
        self._policy = policy
        self._review = review
        self._builtins = lists or _lists()
        version = catalog.version

        def harmless(extension: str | None, name: str) -> bool:
            if extension is not None:
                return self._builtins.judge_extension(extension, name).harmless
            return self._builtins.judge(name, version).harmless

        self._derivation = Derivation(catalog, review, harmless)
        self._worlds: dict[frozenset[str], World] = {}
        self._opened: OrderedDict[tuple[frozenset[str], Grant], World] = OrderedDict()
        self._forbidden: dict[frozenset[str], frozenset[tuple[int, int]]] = {}
        self._known: OrderedDict[tuple[object, ...], Decision] = OrderedDict()
        self._known_bytes = 0
        text = f"{policy.digest} {digest(catalog)} {_reviewed(review)}"
        self._snapshot = hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def snapshot(self) -> str:
        """The digest of catalog, policy and review together."""
        return self._snapshot

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def review(self) -> Review:
        return self._review

    @property
    def derivation(self) -> Derivation:
        return self._derivation

    # -------------------------------------------------------------- who asks

    def roles_of(self, requester: Requester) -> frozenset[str]:
        """The policy roles of a requester: by what the database or a checked token vouches for, and nothing else."""
        return self._policy.roles_of(requester.login, requester.groups, requester.identity, requester.on_behalf_of)

    def speaks_for(self, requester: Requester) -> frozenset[str]:
        """The issuers of the end users on whose behalf the requester's login may ask."""
        return self._policy.speaks_for(requester.login)

    def tokens(self, text: str) -> tuple[TokenPlace, ...] | None:
        """Where a text gives a token for an end user; None: the text cannot be read."""
        return behalf.places(text)

    def world(self, roles: frozenset[str]) -> World:
        """What requesters with those roles see."""
        known = self._worlds.get(roles)
        if known is None:
            clearance = Clearance(self._derivation, self._review, self._policy, roles, self._mask_key)
            self._worlds[roles] = known = World(self._catalog, self._derivation, clearance, self._builtins)
        return known

    def world_under(self, roles: frozenset[str], grant: Grant | None) -> World:
        """What requesters with those roles see who act under that disclosure order."""
        world = self.world(roles)
        if grant is None or grant.void:
            return world
        key = (roles, grant)
        known = self._opened.get(key)
        if known is None:
            known = World(self._catalog, self._derivation, world.clearance, self._builtins, grant)
            self._opened[key] = known
            if len(self._opened) > _ORDERS_REMEMBERED:
                self._opened.popitem(last=False)
        return known

    def exempt(self, requester: Requester) -> bool:
        """Whether nothing is hidden from the requester, whatever he says. Never so for who may speak for others."""
        return not self.speaks_for(requester) and self.world(self.roles_of(requester)).clearance.exempt

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        """What no RowDescription to the requester may name."""
        roles = self.roles_of(requester)
        known = self._forbidden.get(roles)
        if known is None:
            self._forbidden[roles] = known = self.world(roles).clearance.forbidden()
        return known

    def tells(self, requester: Requester, sqlstate: str, relation: RelationName, detail: str) -> bool:
        """Whether the DETAIL of an error would show hidden values: a whole row, or a key with a hidden column in it.

        By the SQLSTATE, since texts are translated (lc_messages).
        """
        if not sqlstate.startswith(("23", "44")):
            return False
        found = self._catalog.relation(relation)
        if found is None:
            # a view's WITH CHECK OPTION names none; a temporary table is the session's own
            return sqlstate.startswith("44")
        shield = self.world(self.roles_of(requester)).shield(found)
        if shield.open:
            return False
        whole = sqlstate in ("23502", "23514") or sqlstate.startswith("44")
        return whole or shield.closed is not None or any(name in detail for name in shield.covers)

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        """The context in which a session starts, or why it may not."""
        return startup.begin(self, requester, parameters, search_path)

    @property
    def builtins(self) -> builtins.Builtins:
        return self._builtins

    # -------------------------------------------------------------- the decision

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        """What is to become of a text in that context."""
        identity = context.identity
        if identity is not requester.on_behalf_of:
            requester = replace(requester, on_behalf_of=identity)
        roles = self.roles_of(requester)
        meaning: tuple[object, ...] = context.key()
        if identity is not None and not context.now.owns and not context.cursors:
            # the decision hangs on the end user's roles and standing, not on who it is
            meaning = (context.login, replace(context.now, identity=None), context.offered)
        key = (roles, meaning, identity is not None and identity.void, text)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            self._pace.remembered[type(known)] += 1
            return known
        pace = self._pace
        begun = pace.clock() if pace.clock else 0.0
        world = self.world_under(roles, context.now.order)
        if world.clearance.exempt and not self.speaks_for(requester):
            decision, contextual = self._exempted(text)
        else:
            decision, contextual = self._decide(requester, world, context, text)
        pace.made[type(decision)] += 1
        if pace.clock:
            pace.took.add(pace.clock() - begun)
        if not contextual and len(text) <= _LARGEST_REMEMBERED:
            self._remember(key, decision, len(text))
        return decision

    def _remember(self, key: tuple[object, ...], decision: Decision, size: int) -> None:
        self._known[key] = decision
        self._known_bytes += 2 * size + 1024
        while self._known_bytes > REMEMBERED_BYTES:
            old, _ = self._known.popitem(last=False)
            self._known_bytes -= 2 * len(str(old[3])) + 1024

    def _exempted(self, text: str) -> tuple[Decision, bool]:
        """Nothing is hidden: the text goes through, and only DDL in it matters."""
        source = text.encode("utf-8", "surrogatepass")
        shape = ""
        try:
            statements = grammar.parse(source)
        except RedactorError:
            return Allow(
                Footprint(), ((SchemaChanged(),),), (), "<not read>", self._policy.record is Recording.ALL
            ), False
        transitions: list[tuple[Transition, ...]] = []
        for s in statements:
            into = s.kind == "SelectStmt" and "intoClause" in s.node["SelectStmt"]
            transitions.append((SchemaChanged(),) if into or s.kind not in _HARMLESS_KINDS else ())
        recorded = self._policy.record is not Recording.NONE
        if recorded:
            shape = grammar.shape(source)
        return Allow(Footprint(tuple(s.kind for s in statements)), tuple(transitions), (), shape, recorded), False

    def _decide(self, requester: Requester, world: World, context: Context, text: str) -> tuple[Decision, bool]:
        source = text.encode("utf-8", "surrogatepass")
        if len(source) < _LARGE:
            return self._read(requester, world, context, source)
        # a tree of a million nodes has no cycles; the collector would go through it again and again while it grows
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._read(requester, world, context, source)
        finally:
            if collecting:
                gc.enable()

    def _read(self, requester: Requester, world: World, context: Context, source: bytes) -> tuple[Decision, bool]:
        try:
            statements = grammar.parse(source)
        except SyntaxProblem as e:
            refused = imitation("42601", e.public, e.position)
            # not SQL either: PostgreSQL says so before it says that a transaction has been aborted
            failing = Refuse.failing().removeprefix("SELECT ")
            return Refuse(failing, refused.problem, Footprint(), refused.hits, (), "<not read>"), False
        except TooMuch as e:
            problem = Problem(e.sqlstate, e.public, "", "Send it in smaller parts.")
            return Refuse(Refuse.failing(), problem, Footprint(), (), (), f"<{len(source)} bytes>"), False
        return _Deciding(self, requester, world, context, source, statements).run()

    def again(self, requester: Requester, world: World, context: Context, text: str) -> Decision:
        """What a prepared text means now."""
        return self._decide(requester, world, context, text)[0]


class _Deciding:
    """One text on its way through."""

    def __init__(
        self,
        engine: Engine,
        requester: Requester,
        world: World,
        context: Context,
        source: bytes,
        statements: tuple[Statement, ...],
    ) -> None:
        self.engine = engine
        self.requester = requester
        self.world = world
        self.context = context
        self.text = Text(source)
        self.statements = statements
        self.kinds: list[str] = []
        self.readings: list[Reading] = []
        self.transitions: list[tuple[Transition, ...]] = []

    def run(self) -> tuple[Decision, bool]:
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
        if not self.text.edited:
            recorded = self.engine.policy.records(bool(hits))
            # what is not recorded needs no shape
            shape = grammar.shape(source) if recorded else ""
            return Allow(footprint, tuple(self.transitions), hits, shape, recorded), contextual
        shape = grammar.shape(source)
        try:
            sent = self.text.render()
            again = grammar.parse(sent)
        except (ValueError, RedactorError):
            return self._refuse(self.statements[0], of_gap("the rewritten statement"), shape), contextual
        if [s.kind for s in again] != self.kinds:
            return self._refuse(self.statements[0], of_gap("the rewritten statement"), shape), contextual
        return Redact(sent.decode(), footprint, hits, tuple(self.transitions), shape, grant), contextual

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
        source = self.text.source
        before = self.text.render(0, statement.start) if statement.start else b""
        lead = b" " if before else b""
        text = before + lead + Refuse.failing().encode() + source[statement.end :]
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


_cached: list[builtins.Builtins] = []


def _lists() -> builtins.Builtins:
    if not _cached:
        _cached.append(builtins.load())
    return _cached[0]


def _reviewed(review: Review) -> str:
    """What a review says, in an order of its own, so that equal reviews give equal snapshots in any process."""
    relations = [
        (str(name), sorted(r.tags), sorted((c, sorted(t)) for c, t in r.columns.items()))
        for name, r in sorted(review.relations.items())
    ]
    functions = sorted((signature, d.safe) for signature, d in review.functions.items())
    return hashlib.sha256(repr((relations, functions)).encode()).hexdigest()


__all__ = ["Engine"]
