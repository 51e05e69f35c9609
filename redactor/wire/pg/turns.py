"""What is to be done about one message of the client, where that is not plain from its bytes.

Knows the client's messages (PostgreSQL docs, 54.2 and 54.7), and asks the `Judge` about every text. Must not know how
bytes come, nor send any: what it says is done by `requests`, in the order of the messages. Invariant: a text of which
nothing was asked is never said to pass; a `Record` stands before the message that it is about; what the server then
owes has been noted when a message is said to pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.effects import Effect, ToServer
from redactor.errors import ProtocolViolation
from redactor.model import Problem, Requester
from redactor.wire.pg import behalf, messages, orders
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.framing import HEADER
from redactor.wire.pg.owed import BIND, CALL, CLOSE, DESCRIBE, EXECUTE, QUERY, SYNC, Expected, Prepared, origins_of
from redactor.wire.pg.refusals import (
    FUNCTION_CALL,
    NOT_AGAIN,
    OF_ANOTHER,
    UNSENDABLE,
    Refusal,
    refusal_of,
    too_long,
    unreadable,
)
from redactor.wire.pg.weight import Weight, heaviest

_Q, _P, _B, _D, _E, _C, _S, _F, _X, _c, _f = b"QPBDECSFXcf"


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do about one message that does not just pass: effects before it, whether it goes, bytes behind it."""

    before: Sequence[Effect] = ()
    passes: bool = False
    after: bytes = b""


DROPPED = Turn()
AGAIN = Turn()
"""Told by identity: the message must be looked at again, once what is owed has come."""
FLUSHED = Turn(passes=True, after=messages.FLUSH)


class Turns:
    """One session's messages, each looked at once, in their order; but those that `AGAIN` is said of."""

    __slots__ = ("_c",)

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def about(self, kind: int, length: int, data: bytes, at: int, stop: int, now: float) -> Turn | None:
        """What to do about one message; None: it passes. `stop` is where it ends, or where the bytes do."""
        c = self._c
        if c.skipping and kind not in (_S, _X):
            # the server throws away all until the Sync, so none of it need be decided
            return DROPPED
        if kind == _Q:
            return self._query(data[at:stop], length, now)
        if kind == _P:
            return self._parse(data[at:stop], length, now)
        if kind == _B:
            return self._bind(data, at, stop, now)
        if kind == _E:
            return self._execute(data[at:stop], now)
        if kind == _S:
            return self._sync(length)
        if kind == _D:
            which, name = messages.named(data[at + HEADER : stop])
            if which == _S:
                return self._use(name, DESCRIBE, now)
            portal = c.portals.get(name)
            if portal is None and name in c.portals:
                return self._refuse_parse(messages.RESERVED, OF_ANOTHER, "", now)
            whose, origins = (None, ()) if portal is None else (self._whose(portal), portal.origins)
            c.queue.append(Expected(_D, whose=whose, origins=origins) if whose or origins else DESCRIBE)
        elif kind == _C:
            which, name = messages.named(data[at + HEADER : stop])
            if which == _S:
                c.queue.append(Expected(_C, name=name))
                c.close(name)
            else:
                c.portals.pop(name, None)
                c.queue.append(CLOSE)
        elif kind == _F:
            return self._call(now)
        elif kind in (_c, _f):
            c.copying = False
        return None

    # -------------------------------------------------------------- the simple protocol

    def _query(self, frame: bytes, length: int, now: float) -> Turn | None:
        c = self._c
        self.forget_unnamed()
        if length > c.limits.text:
            return self._refuse_query(too_long(c.limits.text), "", now)
        text_bytes = messages.query_text(frame[HEADER:])
        text = self._decoded(text_bytes)
        if text is None:
            why, shown = unreadable(text_bytes, c.context.encoding), text_bytes.decode("ascii", "backslashreplace")
            return self._refuse_query(why, shown, now)
        heard = behalf.hear(c, text, now) if behalf.mentioned(text) else None
        if heard is not None:
            text = heard.text
            if heard.problem is not None:
                return self._unheard(heard) or self._refuse_query(behalf.refused(heard.problem), text, now)
        decision, whose = self._decide(text, heard)
        weight, told = heaviest(decision.transitions), origins_of(decision)
        plain = weight is Weight.NONE and isinstance(decision, Allow) and not decision.recorded and not c.loose()
        if plain and heard is None and not told:
            c.remember(frame, None)
            c.queue.append(QUERY)
            return None
        expected = Expected(_Q, transitions=decision.transitions, whose=whose, origins=told)
        turn: Turn | None
        match decision:
            case Allow():
                noted = [c.record(now, c.next_id(decision), decision, text, None, whose)] if decision.recorded else []
                turn = Turn(noted, passes=True) if noted else None
                if heard is not None:
                    turn = Turn([*noted, ToServer(messages.query(self._encoded(text) or b""))])
            case Redact(sent):
                encoded = self._encoded(sent)
                if encoded is None:
                    return self._refuse_query(UNSENDABLE, text, now, whose)
                expected.texts = text, sent
                # where no rule took part nothing was hidden: an order was settled, a size left out
                id = c.next_id(decision)
                noted = [c.record(now, id, decision, text, None, whose)] if decision.rules else []
                if decision.grant is not None:
                    orders.keep(c, expected, decision.grant, id, text)
                turn = Turn([*noted, ToServer(messages.query(encoded))])
            case Refuse():
                return self._refuse_query(decision, text, now, whose)
            case _:
                assert_never(decision)
        self._owe_query(expected, weight)
        return turn

    def _owe_query(self, expected: Expected, weight: Weight) -> None:
        c = self._c
        c.queue.append(expected)
        if weight is Weight.HEAVY or (weight is Weight.BACK and c.shifting()) or c.loose():
            c.hold(expected)

    def _decide(
        self, text: str, heard: behalf.Heard | None, types: bytes | None = None
    ) -> tuple[Decision, Requester | None]:
        """The decision on a text and its parameters' types, and who asked where the text itself names an end user."""
        c = self._c
        whose = c.requester if heard is None else heard.requester(c.requester)
        context = c.context if heard is None else heard.context(c.context)
        refused = c.judge.takes(whose, context, messages.oids(types)) if types and len(types) > 2 else None
        return refused or c.judge.decide(whose, context, text), whose if heard is not None and heard.comment else None

    def _whose(self, statement: Prepared) -> Requester | None:
        heard = statement.heard
        return heard.requester(self._c.requester) if heard is not None and heard.comment else None

    def _unheard(self, heard: behalf.Heard) -> Turn | None:
        """An end user was named who is not accepted. What was asked on behalf of the one before is answered first."""
        c = self._c
        if heard.voids and c.judge.speaks_for(c.requester):
            if c.queue:
                c.drain()
                return AGAIN
            c.void(heard.voids)
        return None

    def _refuse_query(self, decision: Refuse, text: str, now: float, whose: Requester | None = None) -> Turn:
        c = self._c
        id = c.next_id(decision)
        refusal = refusal_of(decision, id)
        sent = self._failing(decision, id)
        expected = Expected(_Q, transitions=decision.transitions, refusal=refusal)
        self._owe_query(expected, heaviest(decision.transitions))
        return Turn([c.record(now, id, decision, text, refusal.problem, whose), ToServer(messages.query(sent))])

    def _call(self, now: float) -> Turn | None:
        """FunctionCall: the function is named by its oid alone. A failing Query is answered by as many messages."""
        c = self._c
        if c.exempt:
            c.queue.append(CALL)
            return None
        return self._refuse_query(FUNCTION_CALL, "", now)

    def forget_unnamed(self) -> None:
        # a Query drops the unnamed statement
        c = self._c
        if b"" in c.ahead:
            del c.ahead[b""]
        c.confirmed.pop(b"", None)

    # -------------------------------------------------------------- the extended protocol

    def _parse(self, frame: bytes, length: int, now: float) -> Turn | None:
        c = self._c
        if length > c.limits.text:
            return self._refuse_parse(b"", too_long(c.limits.text), "", now)
        known = c.plans.get(frame)
        if known is not None:
            made = Prepared(known.name, known.text, known.sent, known.types, known.decision, c.key, c.judge)
            made.epoch = c.epoch
            c.queue.append(Expected(_P, statement=made))
            c.ahead[made.name] = made
            return None
        name, text_bytes, types = messages.parse_parts(frame[HEADER:])
        # PostgreSQL would refuse a second statement of that name, and keep the first
        again = bool(name) and name in c.ahead
        if again and c.queue:
            c.drain()
            return AGAIN
        text = self._decoded(text_bytes)
        if text is None:
            why, shown = unreadable(text_bytes, c.context.encoding), text_bytes.decode("ascii", "backslashreplace")
            return self._refuse_parse(name, why, shown, now)
        heard = behalf.hear(c, text, now) if behalf.mentioned(text) else None
        if heard is not None:
            text = heard.text
            if heard.problem is not None:
                return self._unheard(heard) or self._refuse_parse(name, behalf.refused(heard.problem), text, now)
        decision, whose = self._decide(text, heard, types)
        sent = text
        before: list[Effect] = []
        match decision:
            case Allow():
                if decision.recorded:
                    before.append(c.record(now, c.next_id(decision), decision, text, None, whose))
                if heard is not None:
                    before.append(ToServer(messages.parse(name, self._encoded(text) or b"", types)))
            case Redact(sent):
                encoded = self._encoded(sent)
                if encoded is None:
                    return self._refuse_parse(name, UNSENDABLE, text, now, whose)
                if decision.rules:
                    before.append(c.record(now, c.next_id(decision), decision, text, None, whose))
                before.append(ToServer(messages.parse(name, encoded, types)))
            case Refuse():
                return self._refuse_parse(name, decision, text, now, whose)
            case _:
                assert_never(decision)
        made = Prepared(name, text, sent, types, decision, c.key, c.judge, heard)
        made.epoch = c.epoch
        expected = Expected(_P, statement=made)
        if isinstance(decision, Redact):
            expected.texts = text, sent
        c.queue.append(expected)
        if again:
            c.hold(expected)
        else:
            c.prepare(made)
            if made.plain and not made.recorded:
                if not name:
                    c.remember(frame, made)
                return None
        passes = heard is None and not isinstance(decision, Redact)
        return Turn(before, passes, messages.FLUSH if again else b"")

    def _refuse_parse(
        self, name: bytes, decision: Refuse, text: str, now: float, whose: Requester | None = None
    ) -> Turn:
        c = self._c
        id = c.next_id(decision)
        refusal = refusal_of(decision, id)
        sent = self._failing(decision, id)
        if not name:
            # the server drops the unnamed statement before it reads the new one
            c.ahead.pop(b"", None)
        c.queue.append(Expected(_P, refusal=refusal, name=name))
        entry = c.record(now, id, decision, text, refusal.problem, whose)
        return Turn([entry, ToServer(messages.parse(name, sent))])

    def _bind(self, data: bytes, at: int, stop: int, now: float) -> Turn | None:
        c = self._c
        portal_end = data.find(b"\0", at + HEADER, stop)
        name_end = data.find(b"\0", portal_end + 1, stop)
        if portal_end < 0 or name_end < 0:
            raise ProtocolViolation("invalid message format: Bind without its two names")
        portal, name = data[at + HEADER : portal_end], data[portal_end + 1 : name_end]
        if len(c.portals) >= c.limits.portals and portal not in c.portals:
            if not c.queue:
                raise ProtocolViolation("too many portals are open")
            c.drain()
            return AGAIN
        turn = self._use(name, BIND, now)
        if turn is not AGAIN:
            statement = c.ahead.get(name)
            if statement is None:
                c.portals.pop(portal, None)
            else:
                c.portals[portal] = statement
        return turn

    def _execute(self, frame: bytes, now: float) -> Turn | None:
        c = self._c
        end = frame.find(b"\0", HEADER)
        if end < 0:
            raise ProtocolViolation("invalid message format: Execute without a portal")
        portal = frame[HEADER:end]
        statement = c.portals.get(portal)
        if statement is None and portal in c.portals:
            return self._refuse_parse(messages.RESERVED, OF_ANOTHER, "", now)
        if statement is None or statement.plain:
            c.queue.append(EXECUTE)
            return None
        expected = Expected(_E, statement=statement, whose=self._whose(statement))
        c.queue.append(expected)
        grant = getattr(statement.decision, "grant", None)
        if grant is not None:
            orders.keep(c, expected, grant, c.next_id(statement.decision), statement.text)
            return FLUSHED
        if statement.weight is Weight.HEAVY or (statement.weight is Weight.BACK and c.shifting()):
            c.hold(expected)
            return FLUSHED
        return None

    def _sync(self, length: int) -> Turn | None:
        c = self._c
        if length != 4:
            raise ProtocolViolation("invalid message format: Sync with a body")
        if c.copying:
            # the server takes no notice of it
            return None
        c.skipping = False
        c.epoch += 1
        if c.loose():
            expected = Expected(_S)
            c.queue.append(expected)
            c.hold(expected)
        else:
            c.queue.append(SYNC)
        return None

    def _use(self, name: bytes, kind: Expected, now: float) -> Turn | None:
        """A Bind or Describe of that statement: judged again where its decision no longer stands."""
        c = self._c
        statement = c.ahead.get(name)
        if statement is None:
            if c.exempt:
                c.queue.append(kind)
                return None
            said = f'prepared statement "{c.text_of(name)}" does not exist'
            problem = Problem("26000", said if name else "unnamed prepared statement does not exist")
            c.queue.append(Expected(kind.kind, refusal=Refusal(None, problem)))
            return Turn([ToServer(messages.describe_statement(messages.UNKNOWN))])
        if not statement.settled and statement.epoch != c.epoch and name in c.confirmed and c.queue:
            # an error on the way may leave the older statement of that name in its place
            c.drain()
            return AGAIN
        before: list[Effect] = []
        whose = self._whose(statement)
        late = statement.heard.late(now) if statement.heard is not None else None
        if late is not None:
            return self._refuse_parse(messages.RESERVED, late, statement.text, now, whose)
        if statement.judge is not c.judge or statement.key is not c.key:
            decision, _ = self._decide(statement.text, statement.heard, statement.types)
            if isinstance(decision, Refuse):
                return self._refuse_parse(messages.RESERVED, decision, statement.text, now, whose)
            sent = decision.text if isinstance(decision, Redact) else statement.text
            heard = statement.heard
            fresh = Prepared(name, statement.text, sent, statement.types, decision, c.key, c.judge, heard)
            fresh.epoch = c.epoch
            fresh.covered = False
            if sent == statement.sent:
                c.renewed(statement, fresh)
            else:
                encoded = self._encoded(sent)
                if statement.types is None or encoded is None:
                    return self._refuse_parse(messages.RESERVED, NOT_AGAIN, statement.text, now)
                if name:
                    c.queue.append(Expected(_C, silent=True, name=name))
                    before.append(ToServer(messages.close_statement(name)))
                c.queue.append(Expected(_P, silent=True, statement=fresh, texts=(statement.text, sent)))
                before.append(ToServer(messages.parse(name, encoded, statement.types)))
                c.prepare(fresh)
            statement = fresh
        if statement.recorded and kind is BIND:
            # each execution is remembered; the entry made at Parse stands for the first
            if not statement.covered:
                made = statement.decision
                before.insert(0, c.record(now, c.next_id(made), made, statement.text, None, whose))
            statement.covered = False
        if statement.sent == statement.text and whose is None and not statement.origins:
            c.queue.append(kind)
        else:
            both = statement.text, statement.sent
            c.queue.append(Expected(kind.kind, texts=both, whose=whose, origins=statement.origins))
        return Turn(before, passes=True) if before else None

    # -------------------------------------------------------------- texts

    def _decoded(self, text: bytes) -> str | None:
        c = self._c
        codec = c.codec
        if codec is None:
            if not c.exempt:
                return None
            codec = "latin-1"
        try:
            return text.decode(codec)
        except UnicodeDecodeError:
            return None

    def _encoded(self, text: str) -> bytes | None:
        try:
            encoded = text.encode(self._c.codec or "ascii")
        except UnicodeEncodeError:
            return None
        return None if b"\0" in encoded else encoded

    def _failing(self, decision: Refuse, id: str) -> bytes:
        sent = self._encoded(decision.text_for(id))
        return Refuse(Refuse.failing(), decision.problem).text_for(id).encode() if sent is None else sent
