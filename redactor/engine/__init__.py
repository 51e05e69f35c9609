"""The decision: what is to become of a statement, for a requester, in a context, under one snapshot.

Knows a snapshot (catalog, review, policy) and nothing else; has no clock, no socket, no file. `Engine` is the `Judge`
that sessions ask. Invariants: the same question gets the same answer as long as the snapshot stands; a question that
cannot be answered is refused; what was decided is remembered within bounds.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import replace

from redactor.catalog import Catalog, digest
from redactor.context import Context
from redactor.decision import Allow, Decision, Refuse
from redactor.derivation import Derivation
from redactor.engine import behalf, startup, variants
from redactor.engine.deciding import Deciding
from redactor.engine.memory import Memory, Shelf
from redactor.engine.reading import reads
from redactor.engine.refusal import imitation, of_kind, of_reading
from redactor.engine.text import Text
from redactor.engine.variants import Template
from redactor.engine.world import World
from redactor.errors import RedactorError
from redactor.judge import TokenPlace
from redactor.model import Footprint, Grant, Problem, RelationName, Requester
from redactor.policy import Policy, Recording
from redactor.protection import Clearance
from redactor.review import Review
from redactor.sql import builtins, folding, grammar
from redactor.sql.grammar import Statement, SyntaxProblem
from redactor.tally import Pace
from redactor.transitions import SchemaChanged, Transition

REMEMBERED_BYTES = 32 * 1024 * 1024
"""How much the decisions that are remembered may weigh, all requesters together."""

_LARGEST_REMEMBERED = 64 * 1024

_ORDERS_REMEMBERED = 32

_HARMLESS_KINDS = frozenset(
    {
        *("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TransactionStmt", "VariableSetStmt"),
        *("VariableShowStmt", "FetchStmt", "ClosePortalStmt", "DeclareCursorStmt", "PrepareStmt", "ExecuteStmt"),
        *("DeallocateStmt", "CopyStmt", "ExplainStmt", "ListenStmt", "NotifyStmt", "UnlistenStmt", "LockStmt"),
        *("DiscardStmt", "ConstraintsSetStmt", "CheckPointStmt", "VacuumStmt"),
    }
)
"""What leaves definitions as they are; after anything else by an exempt requester the catalog is read again."""

_OBJECT_KINDS = frozenset(
    {
        *("CreateStmt", "CreateTableAsStmt", "AlterTableStmt", "IndexStmt", "ReindexStmt", "DropStmt", "TruncateStmt"),
        *("ViewStmt", "RefreshMatViewStmt", "CreateSeqStmt", "AlterSeqStmt", "CreateStatsStmt", "CommentStmt"),
        *("CreateFunctionStmt", "CompositeTypeStmt", "CreateEnumStmt", "AlterEnumStmt", "CreateRangeStmt"),
        *("CreateDomainStmt", "AlterDomainStmt", "CreateTrigStmt", "RuleStmt", "CreatePolicyStmt", "SelectStmt"),
    }
)
"""What defines objects and runs nothing that could change who belongs to which role."""

_OF_CURSORS = re.compile(r"\s*(fetch|declare)\b", re.IGNORECASE)

_FIRST_OF_USERS = 16384
"""Oids below are PostgreSQL's own (FirstNormalObjectId)."""


_FIRST_OWN = 16384
"""The first oid that is not PostgreSQL's own (FirstNormalObjectId in access/transam.h)."""


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

        lists = self._builtins

        def harmless(extension: str | None, name: str) -> bool:
            if extension is not None:
                return lists.judge_extension(extension, name).harmless
            return lists.judge(name, version).harmless

        self._derivation = Derivation(catalog, review, harmless)
        self._worlds: dict[frozenset[str], World] = {}
        self._opened: OrderedDict[tuple[frozenset[str], Grant], World] = OrderedDict()
        self._forbidden: dict[frozenset[str], frozenset[tuple[int, int]]] = {}
        self._numbers: dict[int, frozenset[int]] = {}
        self._memory = Memory(REMEMBERED_BYTES)
        text = f"{policy.digest} {digest(catalog)} {review.digest}"
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

    def prepare(self, before: Engine) -> None:
        """Finds out, ahead of the first question, what goes through the whole catalog, for whom `before` was asked."""
        for roles in list(before._worlds):
            self.world(roles).prepare()
        for roles in list(before._forbidden):
            self._forbidden[roles] = self.world(roles).clearance.forbidden()

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

    def knows(self, relation: int, number: int) -> bool:
        """Whether the catalog has that column of that relation; what PostgreSQL brings is always known."""
        if relation < _FIRST_OF_USERS:
            return True
        numbers = self._numbers.get(relation)
        if numbers is None:
            found = self._catalog.relations.get(relation)
            if found is None:
                return False
            self._numbers[relation] = numbers = frozenset(c.number for c in found.columns)
        return number <= 0 or number in numbers

    def made_by(self, requester: Requester, relation: int) -> RelationName | None:
        """The name of a relation that belongs to the requester's login and that nobody has reviewed; else None."""
        found = self._catalog.relations.get(relation)
        if found is None or found.owner != requester.login or found.qualified in self._review.relations:
            return None
        return found.qualified

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

    def named(self, requester: Requester, relation: RelationName) -> RelationName | None:
        """What an error names instead of a partition, where which partition a row is in is hidden."""
        found = self._catalog.relation(relation)
        if found is None or not found.partition:
            return None
        world = self.world(self.roles_of(requester))
        above = [r for r in self._derivation.family(found) if r.partition_key is not None and not r.partition]
        return next((r.qualified for r in above if world.shield(r).ordered), None)

    def takes(self, requester: Requester, context: Context, types: tuple[int, ...]) -> Refuse | None:
        """Why parameters of these types may not be given, if so."""
        own = [t for t in types if t >= _FIRST_OWN]
        if not own or self.exempt(requester):
            return None
        world = self.world_under(self.roles_of(requester), context.now.order)
        for oid in own:
            known = self._catalog.types.get(oid)
            if known is None and not context.now.owns:
                # of a session that makes nothing it is another's, too new to be known
                refused = of_kind(f"a parameter of type {oid}", "the type is not known", "Try again in some seconds.")
            elif known is not None and (why := world.value(known)):
                refused = of_reading(f"type {known.schema}.{known.name}", reads(why), world.clearance.hits(why))
            else:
                continue
            return Refuse(Refuse.failing(), refused.problem, Footprint(), refused.hits, (), "<parameters>")
        return None

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        """The context in which a session starts, or why it may not."""
        return startup.begin(self, requester, parameters, search_path)

    @property
    def builtins(self) -> builtins.Builtins:
        return self._builtins

    # -------------------------------------------------------------- the decision

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        """What is to become of a text in that context."""
        shelf = self._memory.shelf(requester, context, self._meaning)
        # what a cursor's rows are said to come from is not remembered
        anew = bool(context.shown) and _OF_CURSORS.match(text) is not None
        known = None if anew else shelf.get(text)
        if known is not None:
            self._pace.remembered[type(known)] += 1  # type: ignore[index]  # a text leads to a decision,
            return known  # type: ignore[return-value]  # pieces lead to a template
        parts: list[str] = []
        if len(text) <= variants.LONGEST and not anew:
            parts = variants.split(text)
            if len(parts) > 1:
                template = shelf.get(tuple(parts[::2]))
                if type(template) is Template:
                    answer = template.answer(parts[1::2])
                    if answer is not None:
                        self._pace.remembered[type(answer)] += 1
                        return answer
        pace = self._pace
        begun = pace.clock() if pace.clock else 0.0
        identity = context.identity
        if identity is not requester.on_behalf_of:
            requester = replace(requester, on_behalf_of=identity)
        world = self.world_under(self.roles_of(requester), context.now.order)
        source = text.encode("utf-8", "surrogatepass")
        decision, contextual = self._decide(requester, world, context, source)
        pace.made[type(decision)] += 1
        if pace.clock:
            pace.took.add(pace.clock() - begun)
        if not contextual and len(text) <= _LARGEST_REMEMBERED:
            self._memory.put(shelf, text, decision)
            if len(parts) > 1 and variants.KINDS.issuperset(decision.footprint.kinds):
                self._learn(shelf, parts, decision, requester, world, context)
        return decision

    def _meaning(self, requester: Requester, context: Context) -> Hashable:
        """All besides the text that a decision hangs on."""
        identity = context.identity
        if identity is not requester.on_behalf_of:
            requester = replace(requester, on_behalf_of=identity)
        meaning: tuple[object, ...] = context.key()
        if identity is not None and not context.now.owns and not context.cursors:
            # the decision hangs on the end user's roles and standing, not on who it is
            meaning = (context.login, replace(context.now, identity=None), context.offered)
        return self.roles_of(requester), meaning, identity is not None and identity.void

    def _learn(
        self, shelf: Shelf, parts: list[str], decision: Decision, requester: Requester, world: World, context: Context
    ) -> None:
        """Remembers what a statement's shape alone decides. A shape that comes once is only noted."""
        pieces = tuple(parts[::2])
        template = shelf.get(pieces)
        if type(template) is not Template:
            self._memory.put(shelf, pieces, Template())
            return
        if template.barren:
            return
        template.barren = True
        try:
            watch = variants.Watch(parts)
        except RedactorError:
            return
        again, contextual = self._judged(requester, world, context, watch.text, watch.statements)
        if contextual or again != decision:
            return
        template.barren = False
        self._memory.grow(shelf, pieces, template, watch.learn(template, again))

    def _exempted(self, source: bytes, statements: tuple[Statement, ...]) -> Decision:
        """Nothing is hidden: the text goes through, and only DDL in it matters."""
        transitions: list[tuple[Transition, ...]] = []
        for s in statements:
            into = s.kind == "SelectStmt" and "intoClause" in s.node["SelectStmt"]
            changes = into or s.kind not in _HARMLESS_KINDS
            transitions.append((SchemaChanged(roles=s.kind not in _OBJECT_KINDS),) if changes else ())
        recorded = self._policy.record is not Recording.NONE
        shape = grammar.shape(source) if recorded else ""
        return Allow(Footprint(tuple(s.kind for s in statements)), tuple(transitions), (), shape, recorded)

    def _decide(self, requester: Requester, world: World, context: Context, source: bytes) -> tuple[Decision, bool]:
        # what is read and made here has no cycles; the collector would go through it, and through all that is
        # remembered, for nothing
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._read(requester, world, context, source)
        finally:
            if collecting:
                gc.enable()

    def _read(self, requester: Requester, world: World, context: Context, source: bytes) -> tuple[Decision, bool]:
        folded = folding.fold(source) if folding.SHORTEST < len(source) <= grammar.STATEMENT_BYTES else None
        if folded is not None:
            try:
                statements = grammar.parse(folded.source)
            except RedactorError:
                statements = ()
            reached: set[int] = set()
            if folding.holds(folded, statements, reached):
                text = Text(folded.source, folded.cuts)
                found = self._judged(requester, world, context, text, statements)
                # what is put back is as it was written, and so must the comparisons be that stand for it
                if not reached and not any(c.since is not None and text.touched(c.since, c.at) for c in folded.cuts):
                    return found
        try:
            statements = grammar.parse(source)
        except RedactorError as e:
            if self._is_exempt(requester, world):
                return Allow(
                    Footprint(), ((SchemaChanged(),),), (), "<not read>", self._policy.record is Recording.ALL
                ), False
            return _unreadable(source, e), False
        return self._judged(requester, world, context, Text(source), statements)

    def _judged(
        self, requester: Requester, world: World, context: Context, text: Text, statements: tuple[Statement, ...]
    ) -> tuple[Decision, bool]:
        if self._is_exempt(requester, world):
            return self._exempted(text.source, statements), False
        return Deciding(self, requester, world, context, text, statements).run()

    def _is_exempt(self, requester: Requester, world: World) -> bool:
        return world.clearance.exempt and not self.speaks_for(requester)

    def again(self, requester: Requester, world: World, context: Context, text: str) -> Decision:
        """What a prepared text means now."""
        source = text.encode("utf-8", "surrogatepass")
        statements: tuple[Statement, ...]
        try:
            statements = grammar.parse(source)
        except RedactorError as e:
            return _unreadable(source, e)
        return Deciding(self, requester, world, context, Text(source), statements).run()[0]


def _hint(source: bytes, error: SyntaxProblem) -> str:
    """What PostgreSQL adds to a few of its grammar's errors (scan.l, parser.c, gram.y)."""
    match error.public:
        case "invalid Unicode escape":
            escape = source.decode("utf-8", "replace")[error.position - 1 : error.position + 1]
            long = escape.lower() == "\\u"
            return "Unicode escapes must be " + (r"\uXXXX or \UXXXXXXXX." if long else r"\XXXX or \+XXXXXX.")
        case "LIMIT #,# syntax is not supported":
            return "Use separate LIMIT and OFFSET clauses."
        case _:
            return ""


def _unreadable(source: bytes, error: RedactorError) -> Refuse:
    if isinstance(error, SyntaxProblem):
        refused = imitation("42601", error.public, error.position, _hint(source, error))
        # not SQL either: PostgreSQL says so before it says that a transaction has been aborted
        failing = Refuse.failing().removeprefix("SELECT ")
        return Refuse(failing, refused.problem, Footprint(), refused.hits, (), "<not read>")
    problem = Problem(error.sqlstate, error.public, "", "Send it in smaller parts.")
    return Refuse(Refuse.failing(), problem, Footprint(), (), (), f"<{len(source)} bytes>")


_cached: list[builtins.Builtins] = []


def _lists() -> builtins.Builtins:
    if not _cached:
        _cached.append(builtins.load())
    return _cached[0]


__all__ = ["Engine"]
