"""Server to client, once logged in: what was asked is matched with what is answered.

Knows the server's messages (PostgreSQL docs, 54.2 and 54.7). Passes them as they are, but for three: the error of a
refused statement, the replies to what the session asked on its own account, and a row description that names what the
requester must not receive. Keeps: transitions are applied exactly when the server says that their statement took
effect; a reply that answers nothing ends the session. Rows and COPY data are never looked into and never held.
"""

from __future__ import annotations

from dataclasses import replace

from redactor.decision import Refuse
from redactor.effects import Close, Effect, Outdate, Record, Refresh, ToClient
from redactor.errors import ProtocolViolation
from redactor.model import Footprint, Problem, RelationName, Requester
from redactor.transitions import Answer, Begin, SetEncoding, SetPath, Transition
from redactor.wire.pg import encodings, messages, orders
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.framing import HEADER, LARGEST, Pending, past_alike, read_head, slice_of
from redactor.wire.pg.owed import BIND, DESCRIBE, EXECUTE, QUERY, SYNC, Expected, moved_position

_Q, _P, _B, _D, _E, _C, _S, _F = b"QPBDECSF"
_ROW, _COPY = b"Dd"
_COMPLETE, _READY, _ERROR, _NOTICE, _NOTIFICATION, _STATUS = b"CZENAS"
_DESCRIPTION, _NO_DATA, _PARAMETERS, _PARSED, _BOUND, _CLOSED = b"Tnt123"
_IDLE = ord("I")
_EMPTY, _SUSPENDED, _COPY_IN, _COPY_OUT, _COPY_DONE, _RESULT = b"IsGHcV"

_ANSWERS = {
    # reply: the requests that it may answer, and whether it is the last of their replies
    _PARSED: (frozenset((_P,)), True),
    _BOUND: (frozenset((_B,)), True),
    _CLOSED: (frozenset((_C,)), True),
    _PARAMETERS: (frozenset((_D,)), False),
    _NO_DATA: (frozenset((_D,)), True),
    _DESCRIPTION: (frozenset((_D, _Q)), True),
    _COMPLETE: (frozenset((_Q, _E)), True),
    _EMPTY: (frozenset((_Q, _E)), True),
    _SUSPENDED: (frozenset((_E,)), True),
    _COPY_IN: (frozenset((_Q, _E)), False),
    _COPY_OUT: (frozenset((_Q, _E)), False),
    _COPY_DONE: (frozenset((_Q, _E)), False),
    _RESULT: (frozenset((_F,)), False),
    _READY: (frozenset((_Q, _S, _F)), True),
}
_AT_ANY_TIME = frozenset((_ERROR, _NOTICE, _NOTIFICATION, _STATUS))
_STREAMED = frozenset((_ROW, _COPY, _NOTICE, _NOTIFICATION, _RESULT))
"""What passes unread, so that its beginning may leave before its end has come."""
_LONG_ERROR = 1 << 20

_TRIPPED = Problem(
    "42501",
    "the result would have had a protected column in it",
    "The connection was closed before any row was sent.",
)


def _retold(done: tuple[Transition, ...], tag: bytes) -> bytes | None:
    """The tag of a write that was sent as a query: as many rows as it gave are those that it changed."""
    for t in done:
        if isinstance(t, Answer) and tag.startswith(b"SELECT "):
            return t.word.encode() + tag[6:]
    return None


class Replies:
    """The server's messages. `feed` takes bytes as they come."""

    __slots__ = ("_c", "ended", "left", "pending")

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.pending = Pending()
        self.left = 0
        self.ended = False

    @property
    def between_messages(self) -> bool:
        """Whether the client has been sent whole messages only, so that one more could follow."""
        return self.left == 0

    def feed(self, data: bytes, now: float, out: list[Effect]) -> None:
        """Effects of server bytes, appended to `out`. Raises `ProtocolViolation`; what came before it is in `out`."""
        if self.left:
            size = len(data)
            if size <= self.left:
                self.left -= size
                out.append(ToClient(data))
                return
            whole: bytes | None = data
            at = self.left
            self.left = 0
        else:
            whole = data if self.pending.empty else self.pending.joined(data)
            at = 0
        if whole is not None and (self._c.keeping or self._c.spending or self._c.looking):
            if at:
                out.append(ToClient(whole[:at]))
            self._walk_kept(whole[at:], now, out)
        elif whole is not None:
            self._walk(whole, at, now, out)

    def _walk_kept(self, data: bytes, now: float, out: list[Effect]) -> None:
        """While rows wait to be counted, or for a newer snapshot: message by message."""
        at, enough = (0, 0) if self._c.looking else orders.walk(self, self._c, data, now, out)
        if self._c.keeping or self._c.spending or self._c.looking:
            self.pending.keep(memoryview(data)[at:], enough)
        elif at < len(data):
            self._walk(data[at:], 0, now, out)

    def complete(self, head: Expected, message: bytes) -> None:
        """A CommandComplete or PortalSuspended that had been kept."""
        if message[0] == _COMPLETE:
            self._complete(head, message[HEADER:-1])
        else:
            self._pop()

    def _walk(self, data: bytes, at: int, now: float, out: list[Effect]) -> None:
        c = self._c
        queue = c.queue
        end = len(data)
        start = 0
        enough = 0
        try:
            while end - at >= HEADER:
                kind, length = read_head(data, at)
                stop = at + 1 + length
                if kind == _ROW or kind == _COPY:  # noqa: SIM109  (a tuple would be built for every row)
                    if not 4 <= length <= LARGEST or not queue or (queue[0].kind != _Q and queue[0].kind != _E):
                        raise ProtocolViolation("the server sent data that nobody asked for")
                    if stop > end:
                        self.left = stop - end
                        at = end
                        break
                    at = past_alike(data, stop, end, kind)
                    continue
                if queue and length >= 4 and stop <= end:
                    # the ways of nearly all messages, without a call
                    head = queue[0]
                    if kind == _COMPLETE:
                        if head is EXECUTE:
                            queue.popleft()
                            at = stop
                            continue
                        if head is QUERY:
                            at = stop
                            continue
                    elif kind == _READY:
                        if (head is QUERY or head is SYNC) and length == 5 and not c.schema_changed:
                            idle = data[at + HEADER] == _IDLE
                            if not c.unsettled and idle is not bool(c.context.levels):
                                queue.popleft()
                                c.copying = False
                                if idle and not queue and c.portals:
                                    c.portals.clear()
                                at = stop
                                continue
                    elif kind == _BOUND:
                        if head is BIND:
                            queue.popleft()
                            at = stop
                            continue
                    elif (
                        kind == _DESCRIPTION
                        and (head is QUERY or head is DESCRIBE)
                        and (c.exempt or data[at + HEADER : stop] in c.shapes)
                    ):
                        if head is DESCRIBE:
                            queue.popleft()
                        at = stop
                        continue
                if not 4 <= length <= LARGEST:
                    raise ProtocolViolation("the server sent a message of an impossible length")
                if stop > end:
                    if kind in _STREAMED or (kind == _ERROR and length > _LONG_ERROR):
                        if kind == _ERROR:
                            self._error(data[at:end], whole=False)
                        else:
                            self.look(kind, data, at, stop, now)
                        self.left = stop - end
                        at = end
                        break
                    if length > c.limits.reply:
                        raise ProtocolViolation("the server sent a message that is too long to be looked at")
                    enough = stop - at
                    break
                instead = self.look(kind, data, at, stop, now)
                if instead is not None:
                    if at > start:
                        out.append(ToClient(slice_of(data, start, at)))
                    out.extend(instead)
                    if c.looking:
                        self.pending.keep(memoryview(data)[at:], 0)
                        return
                    start = stop
                    if kind == _READY:
                        start = at
                at = stop
                if self.ended:
                    return
        except ProtocolViolation:
            if at > start:
                out.append(ToClient(slice_of(data, start, at)))
            raise
        if at > start:
            out.append(ToClient(slice_of(data, start, at)))
        if at < end:
            self.pending.keep(memoryview(data)[at:], enough)

    def look(self, kind: int, data: bytes, at: int, stop: int, now: float) -> list[Effect] | None:
        """What becomes of one message: None: it passes; or effects in its place (before it, for ReadyForQuery)."""
        c = self._c
        if kind in _AT_ANY_TIME:
            if kind == _ERROR:
                return self._error(data[at:stop])
            if kind == _STATUS:
                self._status(*messages.setting(data[at + HEADER : stop]))
            return None
        answers = _ANSWERS.get(kind)
        if answers is None or not c.queue or c.queue[0].kind not in answers[0]:
            raise ProtocolViolation("the server sent a message that answers nothing")
        head = c.queue[0]
        if kind == _READY:
            return self._ready(head, data[at + HEADER : stop])
        if kind == _COMPLETE:
            retold = self._complete(head, data[at + HEADER : stop - 1])
            if retold is not None:
                return [ToClient(messages.complete(retold))]
        elif kind == _EMPTY:
            self._complete(head, b"")
        elif kind == _DESCRIPTION:
            if not c.exempt:
                harmless = self._harmless(data[at + HEADER : stop], head.whose)
                if harmless is None:
                    # nothing behind it leaves before it is looked at again, by a snapshot that is read now
                    c.looking = c.refreshing = c.blocked = True
                    return [Refresh()]
                if not harmless:
                    return self._trip(now)
            if head.kind == _D:
                self._pop()
            told = head.origins[head.at] if head.at < len(head.origins) else ()
            if told and not head.silent:
                # only now that it has been judged as the server gave it
                body = messages.with_origins(data[at + HEADER : stop], told)
                return None if body is None else [ToClient(body)]
        elif kind == _COPY_IN:
            self._copy_in(head)
        elif kind == _PARSED:
            if head.refusal is not None:
                raise ProtocolViolation("the server took a statement that must fail")
            self._pop()
            if head.statement is not None:
                c.confirm(head.statement)
        elif kind == _CLOSED:
            self._pop()
            if head.name is not None:
                c.confirmed.pop(head.name, None)
        elif answers[1]:
            self._pop()
        return [] if head.silent else None

    def _pop(self) -> None:
        c = self._c
        if c.queue.popleft() is c.stall:
            c.stall = None

    # -------------------------------------------------------------- statements take effect, or do not

    def _complete(self, head: Expected, tag: bytes) -> bytes | None:
        """A statement is done. What its tag is to the client, where it is another than the server's."""
        c = self._c
        done: tuple[Transition, ...] = ()
        if head.kind == _Q:
            if head is QUERY:
                return None
            if head.at < len(head.transitions):
                done = head.transitions[head.at]
            head.at += 1
        else:
            self._pop()
            if head.statement is not None:
                done = head.statement.transitions
        c.apply(done, tag)
        return _retold(done, tag)

    def _copy_in(self, head: Expected) -> None:
        """COPY FROM STDIN begins: Syncs that are on their way already, right behind the Execute, are thrown away."""
        c = self._c
        c.copying = True
        while head.kind == _E and len(c.queue) > 1 and c.queue[1].kind == _S:
            if c.queue[1] is c.stall:
                c.stall = None
            del c.queue[1]

    def _ready(self, head: Expected, status: bytes) -> list[Effect] | None:
        c = self._c
        if head.refusal is not None and not head.failed:
            raise ProtocolViolation("the server took a statement that must fail")
        self._pop()
        c.copying = False
        idle = status == b"I"
        if idle:
            if c.context.levels or c.unsettled:
                c.move(c.context.ended(False))
            if not c.queue:
                c.portals.clear()
            if c.schema_changed:
                others_only = c.exempt and not c.roles_changed
                c.schema_changed = c.roles_changed = False
                if others_only:
                    # whatever the newer snapshot says, nothing is hidden from this session
                    return [Outdate()]
                c.refreshing = c.blocked = True
                return [Refresh()]
        elif not c.context.levels:
            # a transaction block that no decision foretold
            c.move(c.context.after(Begin()))
        return None

    def _error(self, message: bytes, whole: bool = True) -> list[Effect] | None:
        c = self._c
        if b"\0VFATAL\0" in message or b"\0VPANIC\0" in message:
            c.fatal = True
            return None
        scrubbed = self._scrubbed(message) if whole and not c.exempt else None
        if scrubbed is not None:
            message = scrubbed
        passed: list[Effect] | None = None if scrubbed is None else [ToClient(scrubbed)]
        if not c.queue:
            return passed
        head = c.queue[0]
        if head.kind in (_Q, _F):
            if head.refusal is not None:
                head.failed = True
            c.failed()
        elif head.kind == _S:
            c.failed()
        else:
            c.lost()
        refusal = head.refusal
        if refusal is not None:
            if refusal.mark is None or refusal.mark in message:
                return [ToClient(messages.problem_message(refusal.problem, "ERROR", c.codec or "utf-8"))]
            return passed
        if head.texts is not None and whole:
            fields = messages.error_fields(message[HEADER:])
            position = fields.get(ord("P"), b"")
            if position.isdigit():
                moved = moved_position(int(position), *head.texts)
                if moved != int(position):
                    return [ToClient(messages.with_position(message[HEADER:], moved))]
        return passed

    def _scrubbed(self, message: bytes) -> bytes | None:
        """The error without what shows a row, or a row's partition, that the requester may not see; None: as it is."""
        if b"\0t" not in message and b"\0D" not in message:
            return None
        fields = messages.error_fields(message[HEADER:])
        state, detail = fields.get(ord("C"), b"").decode("ascii", "replace"), fields.get(ord("D"), b"")
        if not state.startswith(("23", "44")):
            return None
        c = self._c
        codec = c.codec or "utf-8"
        schema, table = (fields.get(ord(k), b"").decode(codec, "replace") for k in "st")
        whose = (c.queue[0].whose if c.queue else None) or c.requester
        instead = c.judge.named(whose, RelationName(schema, table))
        if instead is not None:
            names = (table.encode(codec), instead.schema.encode(codec), instead.name.encode(codec))
            return messages.of_relation(message[HEADER:], *names)
        if b"\0D" not in message:
            return None
        if not c.judge.tells(whose, state, RelationName(schema, table), detail.decode(codec, "replace")):
            return None
        return messages.without_detail(message[HEADER:])

    # -------------------------------------------------------------- what the server says of itself

    def _status(self, name: str, value: str) -> None:
        c = self._c
        if name == "client_encoding":
            if not encodings.same(value, c.context.encoding):
                c.move(c.context.after(SetEncoding(value)))
        elif name == "search_path":
            path = messages.split_path(value)
            if path is None and not c.exempt:
                raise ProtocolViolation("the server reports a search_path that cannot be read")
            if path is not None and path != c.context.path:
                c.move(c.context.after(SetPath(path)))
        elif name == "standard_conforming_strings" and value != "on" and not c.exempt:
            raise ProtocolViolation("standard_conforming_strings must stay on")

    # -------------------------------------------------------------- the tripwire

    def _harmless(self, body: bytes, whose: Requester | None) -> bool | None:
        """Whether the requester may receive such rows; None: the snapshot is older than something in them."""
        c = self._c
        if whose is None and body in c.shapes:
            return True
        origins = [(relation, n) for relation, n in messages.origins(body) if relation]
        if self._forbids(origins, whose):
            return False
        if body != c.vouched and self._is_new(origins):
            c.vouched = body
            return None
        c.vouched = None
        if whose is None and len(body) <= c.limits.shapes // 4:
            c.shapes_size += len(body) + 100
            if c.shapes_size > c.limits.shapes:
                c.shapes.clear()
                c.shapes_size = len(body) + 100
            c.shapes.add(body)
        return True

    def _is_new(self, origins: list[tuple[int, int]]) -> bool:
        """Whether one of the columns was made after the snapshot, by somebody else.

        What this session made in the transaction that is open, and its temporary tables, no snapshot ever knows. What
        a snapshot that is read later does not know either is such a thing too: the statement's locks keep the rest.
        """
        c = self._c
        if c.schema_changed:
            return False
        own = any(o.temporary for o in c.context.now.owns)
        knows = c.judge.knows
        return any(not knows(relation, n) and not (own and not knows(relation, 0)) for relation, n in origins)

    def _forbids(self, origins: list[tuple[int, int]], whose: Requester | None) -> bool:
        """Whether columns are among those that the requester must not receive; what the session made is its own."""
        c = self._c
        forbidden = c.forbidden if whose is None else c.judge.forbidden(whose)
        hits = {relation for relation, n in origins if (relation, n) in forbidden}
        made = (c.judge.made_by(whose or c.requester, relation) for relation in hits)
        return any(name is None or c.context.own(name.schema, name.name) is None for name in made)

    def _trip(self, now: float) -> list[Effect]:
        c = self._c
        self.ended = True
        id = c.next_id()
        head = c.queue[0]
        text = head.texts[0] if head.texts else (head.statement.text if head.statement else "")
        refused = Refuse("", _TRIPPED, Footprint())
        entry = c.record(now, id, refused, text, _TRIPPED, head.whose).entry
        return [
            Record(replace(entry, outcome="tripwire")),
            ToClient(messages.problem_message(_TRIPPED, "FATAL", c.codec or "utf-8")),
            Close(f"tripwire: a row description named a protected column, decision {id}"),
        ]
