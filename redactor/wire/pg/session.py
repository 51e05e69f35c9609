"""A client's session, from its first byte to its last: bytes in, ordered effects out.

Knows which part of the protocol the session is in and hands the bytes to it (`login`, then `requests` and
`replies`). Knows no socket and no clock: the time, the session's id and what is known of databases come as arguments.
Keeps the last line of "fail closed": whatever goes wrong inside, the client gets an error, both connections are
closed, and nothing more is forwarded.
"""

from __future__ import annotations

from collections.abc import Callable

from redactor.effects import Close, Effect, ToClient
from redactor.errors import LogUnavailable, ProtocolViolation, RedactorError
from redactor.model import Identity, Problem, Requester
from redactor.wire.pg import messages, orders
from redactor.wire.pg.admission import Channel, Fatal
from redactor.wire.pg.login import Login, fatal_effects
from redactor.wire.pg.passage import Passage
from redactor.wire.pg.place import Limits, Place
from redactor.wire.pg.replies import Replies
from redactor.wire.pg.requests import Requests
from redactor.wire.pg.scram import Secret


class Session:
    """One client and its one server.

    `id`: at most 16 ASCII letters and digits; decisions are named `<id>-<n>`. `places`: the database of a name, or
    None. `address`: the client's, for the log. `tls`: whether the shell can begin TLS with the client.
    Every method returns effects to be performed in their order; none raises. `now` is seconds since the epoch, UTC.
    The first `ToServer` says that it is time to connect to `place`.
    """

    __slots__ = ("_client_gone", "_closed", "_login", "_replies", "_requests", "passage", "ready")

    def __init__(
        self,
        id: str,
        places: Callable[[str], Place | None],
        address: str = "",
        tls: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._login = Login(id, places, address, tls, limits or Limits())
        self._requests: Requests | None = None
        self._replies: Replies | None = None
        self._closed = False
        self._client_gone = False
        self.ready = False
        self.passage: Passage | None = None
        """The short way of most bytes, once logged in: what it takes need not be given to the methods below."""

    # -------------------------------------------------------------- what the shell may ask

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def place(self) -> Place | None:
        """The database that the client asked for, once it has and is let begin."""
        return self._login.place

    @property
    def login(self) -> str:
        """The login that the client has asked for; empty before that."""
        return self._login.login

    @property
    def cancel(self) -> bytes | None:
        """The key (process id and secret, as on the wire) in a cancel request, when the session is nothing else."""
        return self._login.cancel

    @property
    def backend_key(self) -> bytes | None:
        """The key by which this session can be cancelled, as the server gave it."""
        return self._login.backend_key

    @property
    def requester(self) -> Requester | None:
        """Who asks, once logged in."""
        conversation = self._login.conversation
        return None if conversation is None else conversation.requester

    @property
    def holding(self) -> int:
        """Client bytes that have come and have not gone."""
        return self._login.holding + (self._requests.holding if self._requests else 0)

    @property
    def idle(self) -> bool:
        """Whether the client has nothing to wait for."""
        conversation = self._login.conversation
        return conversation is not None and not conversation.queue and not self.holding

    @property
    def wants_client(self) -> bool:
        """Whether more client bytes are of use now; if not, the shell should stop reading them."""
        conversation = self._login.conversation
        if conversation is None or self._requests is None:
            return self._login.holding < 256 << 10
        return not conversation.blocked or conversation.copying or self._requests.holding < conversation.limits.held

    # -------------------------------------------------------------- what has happened

    def client_data(self, data: bytes, now: float) -> list[Effect]:
        """Bytes have come from the client."""
        out: list[Effect] = []
        if self._closed:
            return out
        if self.passage is not None:
            self.passage.long_way()
        try:
            if self._requests is not None:
                self._requests.feed(data, now, out)
            else:
                self._login.client(data, now, out)
                self._note_close(out)
        except Exception as error:
            self._fail(error, out)
        return out

    def server_data(self, data: bytes, now: float) -> list[Effect]:
        """Bytes have come from the server."""
        out: list[Effect] = []
        if self._closed:
            return out
        if self.passage is not None:
            self.passage.long_way()
        try:
            if self._replies is None:
                data = self._login.server(data, now, out)
                self._note_close(out)
                conversation = self._login.conversation
                if conversation is None:
                    return out
                self.ready = True
                self._requests, self._replies = Requests(conversation), Replies(conversation)
                self.passage = Passage(conversation, self._requests, self._replies)
                early = self._login.rest
                if early:
                    self._requests.feed(early, now, out)
                if not data:
                    return out
            self._replies.feed(data, now, out)
            if self._replies.ended:
                self._shut()
                return out
            if self._requests is not None and (self._requests.waiting or self._client_gone or self._blocked()):
                self._go_on(now, out)
        except Exception as error:
            self._fail(error, out)
        return out

    def refreshed(self, now: float) -> list[Effect]:
        """The `Refresh` that was asked for has been performed: the newest snapshot is published."""
        out: list[Effect] = []
        conversation = self._login.conversation
        if self._closed or conversation is None:
            return out
        if self.passage is not None:
            self.passage.long_way()
        try:
            conversation.refreshing = False
            conversation.renew()
            conversation.release()
            if conversation.looking and self._replies is not None:
                conversation.looking = False
                self._replies.feed(b"", now, out)
                if self._replies.ended:
                    self._shut()
                    return out
            self._go_on(now, out)
        except Exception as error:
            self._fail(error, out)
        return out

    def spent(self, problem: Problem | None, now: float) -> list[Effect]:
        """The answer to a `Spend`: None: the rows are counted; else why they may not be shown."""
        out: list[Effect] = []
        conversation, replies = self._login.conversation, self._replies
        if self._closed or conversation is None or replies is None:
            return out
        if self.passage is not None:
            self.passage.long_way()
        try:
            orders.spent(replies, conversation, problem, now, out)
            replies.feed(b"", now, out)
            self._go_on(now, out)
        except Exception as error:
            self._fail(error, out)
        return out

    def tls_started(self, channel: Channel | None = None) -> list[Effect]:
        """TLS with the client has begun: by a `StartTLS`, or before the first byte (direct negotiation)."""
        self._login.tls_started(channel)
        return []

    def server_secure(self, binding: bytes | None) -> list[Effect]:
        """The connection to the server is under TLS; `binding`: its certificate's tls-server-end-point (RFC 5929)."""
        self._login.server_secure(binding)
        return []

    def secret_found(self, secret: Secret | None) -> list[Effect]:
        """The answer to a `FindSecret`; None: nothing is known of that login."""
        return self._answered(lambda out: self._login.secret_found(secret, out))

    def token_checked(self, answer: Identity | str, proof: str | None = None) -> list[Effect]:
        """The answer to a `CheckToken`: whom it names, or why nobody. `proof`: the login's password, where kept."""
        return self._answered(lambda out: self._login.token_checked(answer, proof, out))

    def _answered(self, tell: Callable[[list[Effect]], None]) -> list[Effect]:
        out: list[Effect] = []
        if self._closed:
            return out
        try:
            tell(out)
        except Exception as error:
            self._fail(error, out)
        return out

    def client_ended(self, now: float) -> list[Effect]:
        """The client will say no more, and still listens: what it has asked is answered before the session ends.

        The server would read to the end of what was sent, answer it and go; so it is told to.
        """
        conversation, requests = self._login.conversation, self._requests
        if conversation is None or requests is None or conversation.copying or requests.left:
            return self.client_closed()
        if requests.waiting and not conversation.blocked:
            return self.client_closed()  # in the middle of a message
        if not conversation.queue and not requests.waiting:
            return self.client_closed()
        return self.client_data(messages.TERMINATE, now)

    def client_closed(self) -> list[Effect]:
        """The client's connection has ended."""
        if self._closed:
            return []
        conversation = self._login.conversation
        if self._requests is not None and self._requests.holding and conversation is not None and conversation.blocked:
            # it may have sent all it had to say and left: the server would have done all of it
            self._client_gone = True
            return []
        self._shut()
        return [Close("the client has gone")]

    def server_closed(self) -> list[Effect]:
        """The server's connection has ended."""
        conversation = self._login.conversation
        goodbye = self._requests is not None and self._requests.ended
        if goodbye or (conversation is not None and conversation.fatal):
            # the client has asked for it, or the server has said why
            return self._end(None, "the server ended the session")
        return self._end(Problem("08006", "the connection to the database was lost"), "the server has gone")

    def upstream_failed(self, problem: Problem) -> list[Effect]:
        """The server could not be reached."""
        return self._end(problem, problem.message)

    def log_failed(self, error: LogUnavailable) -> list[Effect]:
        """A `Record` could not be made durable; what followed it has not been sent to the server, nor will it be."""
        self._closed = False
        return self._end(Problem(error.sqlstate, error.public), "the log cannot be written")

    def expire(self) -> list[Effect]:
        """The client has done nothing for too long."""
        return self._end(Problem("57P05", "terminating connection due to idle-session timeout"), "idle for too long")

    def shutdown(self) -> list[Effect]:
        """The proxy is being stopped."""
        problem = Problem("57P01", "terminating connection due to administrator command")
        return self._end(problem, "the proxy is being stopped")

    # -------------------------------------------------------------- inside

    def _shut(self) -> None:
        self._closed = True
        if self.passage is not None:
            self.passage.close()

    def _blocked(self) -> bool:
        conversation = self._login.conversation
        return conversation is not None and conversation.blocked

    def _go_on(self, now: float, out: list[Effect]) -> None:
        conversation, requests = self._login.conversation, self._requests
        if conversation is None or requests is None:
            return
        if conversation.blocked:
            conversation.release()
        if requests.waiting:
            requests.resume(now, out)
        if self._client_gone and not self._closed and not (conversation.blocked and requests.holding):
            self._shut()
            out.append(Close("the client has gone"))

    def _note_close(self, out: list[Effect]) -> None:
        if out and isinstance(out[-1], Close):
            self._shut()

    def _end(self, problem: Problem | None, reason: str) -> list[Effect]:
        if self._closed:
            return []
        self._shut()
        out: list[Effect] = []
        between = self._replies is None or self._replies.between_messages
        if problem is not None and between and not self._login.encrypting:
            out.append(ToClient(messages.problem_message(problem, "FATAL")))
        out.append(Close(reason))
        return out

    def _fail(self, error: Exception, out: list[Effect]) -> None:
        match error:
            case Fatal():
                self._shut()
                out.extend(fatal_effects(error))
            case ProtocolViolation():
                # unencrypted bytes where TLS was to begin: the client cannot be in doubt that it is refused
                self._login.tls_started()
                out.extend(self._end(Problem(error.sqlstate, error.public), error.public))
            case RedactorError():
                out.extend(self._end(Problem(error.sqlstate, error.public), error.public))
            case _:
                where = f"{type(error).__name__} inside the session"
                out.extend(self._end(Problem("XX000", "internal error of the proxy"), where))
