"""What of a session changes a statement's meaning: its search_path, its encoding, what it made itself.

A `Context` is a value. `after(transition)` gives the next; the wire session applies a statement's transitions when
the server says that the statement took effect, and `ended()` when it says that a transaction is over. Settings and
objects follow PostgreSQL's rules: SET is undone by ROLLBACK, SET LOCAL by either end, prepared statements by none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import assert_never

from redactor.model import Grant, Identity
from redactor.transitions import (
    Answer,
    Begin,
    Deallocate,
    Declare,
    Drop,
    DropTemps,
    Finish,
    Make,
    Open,
    Own,
    Prepare,
    Release,
    ResetAll,
    RollbackTo,
    Savepoint,
    SchemaChanged,
    SetEncoding,
    SetIdentity,
    SetOrder,
    SetPath,
    SetRole,
    Transition,
)

_NOTHING: Mapping[str, Prepare] = MappingProxyType({})
_NONE: Mapping[str, None] = MappingProxyType({"identity": None, "order": None})
_NOBODY: Mapping[str, Identity] = MappingProxyType({})

_UNSEEN: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType({})

_CURSORS = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """The part that transactions undo. `identity` is the end user on whose behalf the session asks; `order`: the
    disclosure order under which it acts; `role`: the one that SET ROLE has put in the login's place, if any."""

    path: tuple[str, ...]
    encoding: str
    owns: frozenset[Own] = frozenset()
    dropped: frozenset[tuple[str, str]] = frozenset()
    identity: Identity | None = None
    order: Grant | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class _Level:
    """A transaction or savepoint: what to go back to. `kept` is what a commit keeps (SET, but not SET LOCAL)."""

    name: str
    before: Settings


@dataclass(frozen=True, slots=True)
class Context:
    """`path`: search_path as set, unresolved (`"$user"` stands as `$user`). `key()` is what a decision hangs on.

    `presented`: whom the tokens of the text that is being decided name, by what stands in their place there.
    `cursors`: (name, for whom it was declared), of a login that speaks for others. `offered`: the disclosure orders
    that are in force for the login.
    """

    login: str
    initial: Settings
    now: Settings
    kept: Settings
    settled: Settings
    levels: tuple[_Level, ...] = ()
    prepared: Mapping[str, Prepare] = field(default_factory=lambda: _NOTHING)
    presented: Mapping[str, Identity] = field(default_factory=lambda: _NOBODY)
    cursors: frozenset[tuple[str, str]] = frozenset()
    offered: tuple[Grant, ...] = ()
    shown: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=lambda: _UNSEEN)
    """Where the outputs of cursors come from (see `Open`). Not in `key()`: it is for drivers, and decides nothing."""

    @staticmethod
    def start(
        login: str, path: tuple[str, ...] = ("$user", "public"), encoding: str = "UTF8", role: str | None = None
    ) -> Context:
        """The context of a session that has just logged in."""
        s = Settings(path, encoding, role=role)
        return Context(login, s, s, s, s)

    @property
    def path(self) -> tuple[str, ...]:
        return self.now.path

    @property
    def encoding(self) -> str:
        return self.now.encoding

    @property
    def user(self) -> str:
        """Whom the server takes for the current user: it decides what `$user` in search_path means."""
        return self.login if self.now.role is None else self.now.role

    @property
    def identity(self) -> Identity | None:
        return self.now.identity

    @property
    def in_transaction(self) -> bool:
        return bool(self.levels)

    def key(self) -> tuple[str, Settings, frozenset[tuple[str, str]], tuple[Grant, ...]]:
        """Two contexts with the same key give every statement the same meaning (EXECUTE of a prepared one aside)."""
        return self.login, self.now, self.cursors, self.offered

    @property
    def behalf(self) -> str:
        """For whom is being asked, as a name; empty: for the login itself."""
        return "" if self.now.identity is None else str(self.now.identity)

    def asking_for(self, identity: Identity) -> Context:
        """The context of one text that names the end user itself."""
        return replace(self, now=replace(self.now, identity=identity))

    def voided(self, why: str, any_identity: bool = False) -> Context:
        """The context once the identity in force, wherever a rollback could bring it back, counts no longer.

        `any_identity`: nor does any other, and the login itself may not go on as if it had named none.
        """
        gone = self.now.identity

        def void(s: Settings) -> Settings:
            if any_identity:
                return replace(s, identity=replace(s.identity or Identity("", ""), void=why))
            if s.identity is None or gone is None or replace(s.identity, void=gone.void) != gone:
                return s
            return replace(s, identity=replace(s.identity, void=why))

        levels = tuple(_Level(level.name, void(level.before)) for level in self.levels)
        return replace(self, now=void(self.now), kept=void(self.kept), settled=void(self.settled), levels=levels)

    def offering(self, offered: tuple[Grant, ...], why: str) -> Context:
        """The context once these orders are in force: another, wherever a rollback could bring it back, is void."""

        def check(s: Settings) -> Settings:
            if s.order is None or s.order.void or s.order in offered:
                return s
            return replace(s, order=replace(s.order, void=why))

        levels = tuple(_Level(level.name, check(level.before)) for level in self.levels)
        now, kept, settled = check(self.now), check(self.kept), check(self.settled)
        return replace(self, now=now, kept=kept, settled=settled, levels=levels, offered=offered)

    def own(self, schema: str, name: str) -> Own | None:
        """What the session made itself under that name, newest kind first, or None."""
        return next((o for o in self.now.owns if o.schema == schema and o.name == name), None)

    def ended(self, in_transaction: bool) -> Context:
        """Aligned with ReadyForQuery: outside a transaction block, what was implicit has been committed."""
        if in_transaction:
            return self
        return replace(self, levels=(), now=self.kept, settled=self.kept)

    def failed(self) -> Context:
        """After an ErrorResponse: outside a transaction block all since the last ReadyForQuery is undone."""
        return self if self.levels else replace(self, now=self.settled, kept=self.settled)

    def _put(self, local: bool, **changes: object) -> Context:
        now = replace(self.now, **changes)  # type: ignore[arg-type]
        if local:
            return replace(self, now=now)
        return replace(self, now=now, kept=replace(self.kept, **changes))  # type: ignore[arg-type]

    def after(self, transition: Transition) -> Context:
        """The context once the statement that carries the transition has taken effect."""
        match transition:
            case SetPath(path, local):
                return self._put(local, path=self.initial.path if path is None else path)
            case SetEncoding(encoding, local):
                return self._put(local, encoding=self.initial.encoding if encoding is None else encoding)
            case SetRole(role, local, reset):
                return self._put(local, role=self.initial.role if reset else role)
            case SetIdentity(identity, local):
                return self._put(local, identity=identity)
            case SetOrder(grant, local):
                return self._put(local, order=grant)
            case ResetAll():
                return self._put(False, path=self.initial.path, encoding=self.initial.encoding, **_NONE)
            case Begin():
                return self if self.levels else replace(self, levels=(_Level("", self.settled),))
            case Finish(commit, chain):
                back = self.levels[0].before if self.levels else self.settled
                s = self.kept if commit else back
                return replace(self, now=s, kept=s, settled=s, levels=(_Level("", s),) if chain and self.levels else ())
            case Savepoint(name):
                return replace(self, levels=(*self.levels, _Level(name, self.kept), _Level(name, self.now)))
            case Release(name):
                at = self._find(name)
                return self if at is None else replace(self, levels=self.levels[:at])
            case RollbackTo(name):
                at = self._find(name)
                if at is None:
                    return self
                kept, now = self.levels[at].before, self.levels[at + 1].before
                return replace(self, kept=kept, now=now, levels=self.levels[: at + 2])
            case Make(own):
                gone = self.now.dropped - {(own.schema, own.name)}
                return self._put(False, owns=self.now.owns | {own}, dropped=gone)
            case Drop(schema, name):
                left = frozenset(
                    o for o in self.now.owns if not (o.name == name and (schema is None or o.schema == schema))
                )
                dropped = self.now.dropped | ({(schema, name)} if schema is not None else set())
                return self._put(False, owns=left, dropped=dropped)
            case DropTemps():
                return self._put(False, owns=frozenset(o for o in self.now.owns if not o.temporary))
            case Prepare(name):
                return replace(self, prepared=MappingProxyType({**self.prepared, name: transition}))
            case Deallocate(None):
                return replace(self, prepared=_NOTHING)
            case Deallocate(name):
                left_over = {k: v for k, v in self.prepared.items() if k != name}
                return replace(self, prepared=MappingProxyType(left_over))
            case Declare(name, behalf):
                others = frozenset(c for c in self.cursors if c[0] != name)
                return replace(self, cursors=others | {(name, behalf)})
            case Open(name, origins):
                newest = {k: v for k, v in self.shown.items() if k != name}
                if len(newest) >= _CURSORS:
                    del newest[next(iter(newest))]
                return replace(self, shown=MappingProxyType({**newest, name: origins} if origins else newest))
            case SchemaChanged() | Answer():
                return self
            case _:
                assert_never(transition)

    def _find(self, name: str) -> int | None:
        # each savepoint is two levels, (kept, now); the newest of a name wins
        for i in range(len(self.levels) - 2, 0, -2):
            if self.levels[i].name == name:
                return i
        return None
