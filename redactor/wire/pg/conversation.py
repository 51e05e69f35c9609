"""What both directions of a session share: what was asked and is not answered yet, and what that will change.

Knows the session's context, its judge, its prepared statements and the queue of replies that the server owes. Must
not know bytes on the wire. Keeps two invariants: the context changes only when the server says that a statement took
effect, and nothing is decided while an unanswered statement could change what the decision hangs on (`blocked`).

Prepared statements are kept twice: `confirmed` is what the server has said it has, `ahead` what it will have if all
that is on its way succeeds. An error makes `ahead` anew from `confirmed` and from what is still owed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from redactor.context import Context
from redactor.decision import Allow, Decision, Entry, Verdict, verdict_of
from redactor.effects import Record
from redactor.judge import Judge
from redactor.model import Footprint, Grant, Problem, Requester
from redactor.transitions import Deallocate, Finish, Open, Prepare, SchemaChanged, Transition
from redactor.wire.pg.encodings import codec_of
from redactor.wire.pg.owed import CLOSE, PARSE, QUERY, SYNC, Expected, Prepared
from redactor.wire.pg.place import Limits, Place
from redactor.wire.pg.refusals import reference

_REFERENCES = 64
"""Of so many decisions a session remembers how they are named."""


class Conversation:
    """The state of a session that has logged in. `requests` and `replies` are its two readers and writers."""

    __slots__ = (
        "ahead",
        "blocked",
        "codec",
        "confirmed",
        "context",
        "copying",
        "decisions",
        "draining",
        "epoch",
        "exempt",
        "expiry",
        "fatal",
        "forbidden",
        "id",
        "judge",
        "keeping",
        "key",
        "limits",
        "looking",
        "names",
        "offered",
        "place",
        "plans",
        "plans_size",
        "portals",
        "queue",
        "references",
        "refreshing",
        "requester",
        "roles_changed",
        "schema_changed",
        "shapes",
        "shapes_size",
        "shown",
        "skipping",
        "spending",
        "stall",
        "turn",
        "unsettled",
        "vouched",
    )

    def __init__(
        self,
        id: str,
        place: Place,
        requester: Requester,
        judge: Judge,
        context: Context,
        limits: Limits,
        decisions: int,
    ) -> None:
        self.id = id
        self.place = place
        self.limits = limits
        self.decisions = decisions
        self.queue: deque[Expected] = deque()
        self.ahead: dict[bytes, Prepared] = {}
        self.confirmed: dict[bytes, Prepared] = {}
        self.portals: dict[bytes, Prepared | None] = {}
        """None: bound on behalf of another end user, and not to be executed any more."""
        self.expiry = math.inf
        self.plans: dict[bytes, Prepared | None] = {}
        self.plans_size = 0
        self.names: dict[str, Prepare] = {}
        self.shown: Mapping[str, Prepare] | None = None
        """The named statements, where the context's are those that this session shows it, and what they are kept in."""
        self.shapes: set[bytes] = set()
        self.shapes_size = 0
        self.stall: Expected | None = None
        self.draining = False
        self.references: dict[tuple[int, int], tuple[object, str]] = {}
        self.refreshing = False
        self.blocked = False
        self.schema_changed = self.roles_changed = False
        self.skipping = False
        self.copying = False
        self.fatal = False
        self.keeping = self.spending = False
        self.looking = False
        self.vouched: bytes | None = None
        """A row description that was looked at by a snapshot read after it came."""
        self.offered: tuple[Grant, ...] | None = None
        self.turn = math.inf
        self.epoch = 0
        self.key: object = None
        self.judge = judge
        self.requester = requester
        self._ask()
        self.move(context)

    # -------------------------------------------------------------- snapshot and context

    def renew(self) -> None:
        """Takes the newest snapshot, if it is another than the one decided by so far."""
        judge = self.place.current()
        if judge is self.judge:
            return
        self.judge = judge
        self.requester = replace(self.requester, groups=self.place.groups_of(self.requester.login))
        self._ask()
        self.forget_plans()

    def _ask(self) -> None:
        self.exempt = self.judge.exempt(self.requester)
        self.forbidden = frozenset() if self.exempt else self.judge.forbidden(self.requester)
        self.shapes.clear()
        self.shapes_size = 0

    def move(self, context: Context) -> None:
        """The context becomes that one."""
        self.context = context
        identity = context.identity
        if identity is not self.requester.on_behalf_of:
            self.requester = replace(self.requester, on_behalf_of=identity)
            self.expiry = math.inf if identity is None or identity.void else identity.expires
            self.portals = dict.fromkeys(self.portals)
            self._ask()
        key = context.key()
        if key != self.key:
            # an equal key stays the same object, so that comparing by identity is enough where it is fast
            self.key = key
            self.codec = codec_of(context.encoding)
            self.forget_plans()
        self.unsettled = not (
            (context.now is context.kept or context.now == context.kept)
            and (context.kept is context.settled or context.kept == context.settled)
        )

    def expire(self) -> None:
        """The token of the end user on whose behalf the session asks is too old."""
        self.move(self.context.voided("the token has expired"))

    def void(self, why: str) -> None:
        """Another end user was to be named, and could not: the session may not go on as if nothing had been said."""
        self.move(self.context.voided(why, any_identity=True))

    def shifting(self) -> bool:
        """Whether going back to any earlier point of the transaction would change the context."""
        context = self.context
        now = context.now
        return self.unsettled or any(level.before is not now and level.before != now for level in context.levels)

    def loose(self) -> bool:
        """Whether an error before the next ReadyForQuery would undo what decisions hang on already."""
        return self.schema_changed or (self.unsettled and not self.context.levels)

    # -------------------------------------------------------------- waiting

    def hold(self, expected: Expected) -> None:
        """Nothing more of the client is read until that has been answered."""
        self.stall = expected
        self.blocked = True

    def drain(self) -> None:
        """Nothing more of the client is read until nothing is owed."""
        self.draining = True
        self.blocked = True

    def release(self) -> None:
        """Blocked no longer, where nothing is waited for."""
        if self.draining and not self.queue:
            self.draining = False
        self.blocked = self.stall is not None or self.draining or self.refreshing

    # -------------------------------------------------------------- prepared statements

    def prepare(self, statement: Prepared) -> None:
        """A Parse has been sent whose statement, for all that is known, will be there."""
        self.ahead[statement.name] = statement
        if statement.name:
            self._show_prepared({statement.name: statement})

    def close(self, name: bytes) -> None:
        """A Close has been sent for it."""
        if self.ahead.pop(name, None) is not None and name:
            self._move_prepared(self.context.after(Deallocate(self.text_of(name))))

    def confirm(self, statement: Prepared) -> None:
        """The server has made the statement."""
        statement.settled = True
        self.confirmed[statement.name] = statement
        if statement.name not in self.ahead:
            self.prepare(statement)

    def renewed(self, old: Prepared, fresh: Prepared) -> None:
        """The same text is still sent for the statement, under a newer decision."""
        fresh.settled = old.settled
        self.ahead[fresh.name] = fresh
        if self.confirmed.get(fresh.name) is old:
            self.confirmed[fresh.name] = fresh
        for owed in self.queue:
            if owed.statement is old and owed.kind == PARSE.kind:
                owed.statement = fresh

    def apply(self, transitions: tuple[Transition, ...], tag: bytes) -> None:
        """What a statement does to its session has happened; `tag` is its CommandComplete's."""
        for t in transitions:
            match t:
                case Finish(True, chain) if tag == b"ROLLBACK":
                    # COMMIT of a transaction that had failed
                    self.move(self.context.after(Finish(False, chain)))
                case SchemaChanged(roles):
                    self.schema_changed = True
                    self.roles_changed = self.roles_changed or roles
                case Prepare(name, text, sent):
                    # nothing is known of the decision but what was sent: judged again before it is used
                    key = self.bytes_of(name)
                    made = Prepared(key, text, sent, None, Allow(Footprint()), None, self.judge)
                    made.settled = True
                    self.ahead[key] = self.confirmed[key] = made
                    self._move_prepared(self.context.after(t))
                case Deallocate(None):
                    for table in (self.ahead, self.confirmed):
                        unnamed = table.get(b"")
                        table.clear()
                        if unnamed is not None:
                            table[b""] = unnamed
                    self._move_prepared(self.context.after(t))
                case Deallocate(str() as name):
                    key = self.bytes_of(name)
                    self.ahead.pop(key, None)
                    self.confirmed.pop(key, None)
                    self._move_prepared(self.context.after(t))
                case Open():
                    self._move_prepared(self.context.after(t))
                case _:
                    self.move(self.context.after(t))

    def lost(self) -> None:
        """An ErrorResponse in the extended protocol: what the server skips will not be answered."""
        touched = False
        queue = self.queue
        head = queue[0]
        if head.kind == PARSE.kind and (head.name == b"" or (head.statement is not None and not head.statement.name)):
            # a Parse of the unnamed statement drops the one before it, even when it fails
            self.confirmed.pop(b"", None)
            touched = True
        while queue and queue[0].kind != SYNC.kind:
            gone = queue.popleft()
            if gone is self.stall:
                self.stall = None
            touched = touched or gone.kind == PARSE.kind or gone.name is not None
        self.skipping = not queue
        self.failed()
        if touched:
            self._look_ahead()

    def failed(self) -> None:
        """Outside a transaction block, an error has undone what had not been committed."""
        if self.unsettled and not self.context.levels:
            self.move(self.context.failed())
        self.copying = False

    def _look_ahead(self) -> None:
        self.ahead = dict(self.confirmed)
        for owed in self.queue:
            if owed.kind == PARSE.kind and owed.statement is not None:
                self.ahead[owed.statement.name] = owed.statement
            elif owed.kind == CLOSE.kind and owed.name is not None:
                self.ahead.pop(owed.name, None)
            elif owed.kind == QUERY.kind:
                self.ahead.pop(b"", None)
        self._move_prepared(replace(self.context, prepared=MappingProxyType({})))
        self._show_prepared({name: s for name, s in self.ahead.items() if name})

    def _show_prepared(self, statements: dict[bytes, Prepared]) -> None:
        if self.context.prepared is not self.shown:
            self.names = dict(self.context.prepared)
            self.shown = MappingProxyType(self.names)
        # as long as it is this session's own it grows in place: thousands of statements are not copied for each of them
        self.names.update((self.text_of(n), Prepare(self.text_of(n), s.text, s.sent)) for n, s in statements.items())
        self._move_prepared(replace(self.context, prepared=self.shown))

    def _move_prepared(self, context: Context) -> None:
        # the key does not cover what EXECUTE finds, so what is remembered of whole frames must go
        self.context = context
        self.forget_plans()

    def text_of(self, name: bytes) -> str:
        return name.decode(self.codec or "latin-1", "backslashreplace")

    def bytes_of(self, name: str) -> bytes:
        return name.encode(self.codec or "latin-1", "replace")

    # -------------------------------------------------------------- frames decided before

    def remember(self, frame: bytes, statement: Prepared | None) -> None:
        """That frame goes as it is, as long as neither the context's key nor the snapshot changes."""
        if len(frame) > self.limits.plans // 4:
            return
        self.plans_size += len(frame) + 200
        if self.plans_size > self.limits.plans:
            self.forget_plans()
            self.plans_size = len(frame) + 200
        self.plans[frame] = statement

    def forget_plans(self) -> None:
        self.plans.clear()
        self.plans_size = 0

    # -------------------------------------------------------------- what is remembered of decisions

    def next_id(self, decision: Decision | None = None) -> str:
        """The id of the next decision: what its requester may quote, then session and number, which make it unique.

        The first part is made of nothing but the login and what the refusal says anyway: it tells nothing else, not
        even how many others there were.
        """
        self.decisions += 1
        # statements of one shape have these in common, whatever their literals
        said = None if decision is None else (decision.footprint, decision.rules)
        key = (0, 0) if said is None else (id(said[0]), id(said[1]))
        known = self.references.get(key)
        if known is None:
            if len(self.references) >= _REFERENCES:
                self.references.clear()
            # kept with them, so that nothing else can come to have the same ids
            self.references[key] = known = said, reference(self.requester.login, "" if said is None else repr(said))
        return f"{known[1]}-{self.id}-{self.decisions}"

    def record(
        self,
        now: float,
        id: str,
        decision: Decision,
        text: str,
        problem: Problem | None = None,
        whose: Requester | None = None,
    ) -> Record:
        """The entry of a decision on a statement. `whose`: who asked, where the text named an end user itself."""
        verdict = verdict_of(decision)
        return Record(
            Entry(
                now,
                id,
                verdict,
                whose or self.requester,
                decision.rules,
                decision.footprint.columns,
                decision.shape,
                text,
                self.judge.snapshot,
                "refused" if verdict is Verdict.REFUSED else "sent",
                problem,
            )
        )
