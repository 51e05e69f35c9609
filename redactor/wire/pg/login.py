"""From the first byte to the first ReadyForQuery: who asks, for which database, and whether the server lets them in.

Knows start-up messages, encryption requests, cancel requests and the authentication exchange (PostgreSQL docs, 54.2.1,
54.2.8-10, 54.7), which it relays without looking at passwords, unless a rule says that the proxy is to check them
itself (`admission`). Keeps: the client may send nothing but what the
server has asked for; a start-up setting reaches the server only if the judge let the session begin with it; no
message of the client is forwarded before the server has said that it is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from redactor.config import RELAYED, LoginMethod
from redactor.context import Context
from redactor.decision import Entry, Verdict
from redactor.effects import Close, Effect, Record, StartTLS, ToClient, ToServer
from redactor.errors import ProtocolViolation
from redactor.judge import Judge
from redactor.model import Identity, Problem, Requester
from redactor.wire.pg import messages, scram
from redactor.wire.pg.admission import Admission, Channel, Fatal, Introduction
from redactor.wire.pg.conversation import Conversation
from redactor.wire.pg.encodings import codec_of
from redactor.wire.pg.framing import HEADER, SMALL, Pending, frame, read_head, u32
from redactor.wire.pg.place import Limits, Place
from redactor.wire.pg.refusals import quotable, reference

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
NEWEST_MINOR = 2
"""The newest minor version of protocol 3 whose messages are known here."""
_LONGEST_TOKEN = 65535
_LONGEST_CANCEL = 4 + 4 + 4 + 256
_NAME = 63
_MECHANISMS = frozenset((b"SCRAM-SHA-256", b"OAUTHBEARER"))
_AUTHENTICATIONS = {3: "password", 5: "md5"}
_FALSE = frozenset(("off", "of", "false", "fals", "fal", "fa", "f", "no", "n", "0", ""))
_SPECIAL = frozenset(("user", "database", "options", "replication"))

_BOUND = Problem(
    "28000",
    "this login cannot be relayed: client and database would each bind the password to another TLS connection",
    "The client supports channel binding, the database offers it, and the proxy stands between them.",
    "Have the proxy check passwords itself (login: verifiers or verifier_query in redactor.yaml), or connect with"
    " channel_binding=disable.",
)

_SHOW_PATH = messages.query(b"SHOW search_path")


class Login:
    """A session until it is ready; then `conversation` is there, and `rest` holds what the client sent too early.

    Attributes for the shell: `place` once it is known where to connect; `cancel`, the key of a cancel request;
    `backend_key`, by which this session can be cancelled.
    """

    def __init__(self, id: str, places: Callable[[str], Place | None], address: str, tls: bool, limits: Limits) -> None:
        self._id = id
        self._places = places
        self._address = address
        self._tls = tls
        self._limits = limits
        self._client = Pending()
        self._server = Pending()
        self._asked_tls = self._asked_gss = False
        self._waiting_for_tls = False
        self._started = False
        self._token_wanted = False
        self._mechanism_wanted = False
        self._authentication = "trust"
        self._authenticated = False
        self._minor = NEWEST_MINOR
        self._unknown_options: list[bytes] = []
        self._negotiated = False
        self._parameters: dict[str, str] = {}
        self._reported: dict[str, str] = {}
        self._requester = Requester("", "")
        self._path: str | None = None
        self._shown_ready: bytes | None = None
        self._channel: Channel | None = None
        self._server_binding: bytes | None = None
        self._server_secure = False
        self._bound_offered = False
        self._admission: Admission | None = None
        self._introduction: Introduction | None = None
        self._opening = b""
        self.place: Place | None = None
        self.cancel: bytes | None = None
        self.backend_key: bytes | None = None
        self.conversation: Conversation | None = None

    @property
    def rest(self) -> bytes:
        """What the client sent behind its login, not looked at yet."""
        return self._client.taken() or b""

    @property
    def holding(self) -> int:
        """Client bytes that wait."""
        return len(self._client)

    @property
    def encrypting(self) -> bool:
        """Whether nothing can be said to the client now, because TLS is about to begin."""
        return self._waiting_for_tls

    @property
    def login(self) -> str:
        """The login that the client has asked for; empty before that."""
        return self._requester.login

    def tls_started(self, channel: Channel | None = None) -> None:
        self._waiting_for_tls = False
        self._asked_tls = True
        self._channel = channel

    def server_secure(self, binding: bytes | None) -> None:
        """The connection to the server is under TLS; `binding`: the hash of its certificate."""
        self._server_secure, self._server_binding = True, binding

    # -------------------------------------------------------------- logins that are checked here

    def secret_found(self, secret: scram.Secret | None, out: list[Effect]) -> None:
        """The answer to FindSecret. Raises Fatal."""
        if self._admission is not None:
            self._admission.secret_found(secret, out)
            self._admit(out)

    def token_checked(self, answer: Identity | str, proof: str | None, out: list[Effect]) -> None:
        """The answer to CheckToken. Raises Fatal."""
        if self._admission is not None:
            self._admission.token_checked(answer, proof, out)
            self._admit(out)

    def _open(self, opening: bytes, out: list[Effect]) -> None:
        """The start-up message is there: it goes to the server at once, or when the login has been checked."""
        assert self.place is not None, "a start-up message names a place"
        entrance = self.place.entrance
        rule = RELAYED if entrance is None else entrance.rule(self._requester.login)
        if entrance is None or (rule.method is LoginMethod.RELAY and not rule.certificate):
            out.append(ToServer(opening))
            return
        admission = Admission(rule, entrance, self._requester.login, self._address, self._channel)
        admission.begin(out)
        if rule.method is LoginMethod.RELAY:
            out.append(ToServer(opening))
            return
        self._admission, self._opening = admission, opening
        self._admit(out)

    def _admit(self, out: list[Effect]) -> None:
        admission = self._admission
        if admission is None:
            return
        self._token_wanted = admission.wanted
        admitted = admission.admitted
        if admitted is not None and self._opening:
            self._authentication = admitted.how
            self._requester = replace(self._requester, identity=admitted.identity)
            out.append(ToServer(self._opening))
            self._opening = b""

    def _introduce(self, message: bytes) -> bytes | None:
        """What the proxy itself says to the server's request. Raises Fatal."""
        assert self._admission is not None, "only who was admitted is introduced"
        admitted, place = self._admission.admitted, self.place
        assert admitted is not None, "the server hears of nobody before"
        assert place is not None, "the server was chosen by it"
        assert place.entrance is not None, "it has admitted somebody"
        if self._introduction is None:
            self._introduction = Introduction(
                admitted,
                self._requester.login,
                place.entrance.nonce(),
                self._server_binding,
                self._server_secure,
            )
        return self._introduction.answer(message)

    # -------------------------------------------------------------- from the client

    def client(self, data: bytes, now: float, out: list[Effect]) -> None:
        """Effects of client bytes. Raises `ProtocolViolation` and `Fatal`."""
        if self._waiting_for_tls:
            raise ProtocolViolation("received unencrypted data after SSL request")
        whole = self._client.joined(data)
        while whole is not None:
            left = self._token(whole, out) if self._started else self._start(whole, now, out)
            if left is None:
                return
            whole = left

    def _start(self, data: bytes, now: float, out: list[Effect]) -> bytes | None:
        if len(data) < 8:
            if len(data) >= 4:
                self._check_length(u32.unpack_from(data)[0])
            self._client.keep(data, 8 if len(data) >= 4 else 4)
            return None
        length = u32.unpack_from(data)[0]
        self._check_length(length)
        if len(data) < length:
            self._client.keep(data, length)
            return None
        code = u32.unpack_from(data, 4)[0]
        body, rest = data[8:length], data[length:]
        if code == SSL_REQUEST and not self._asked_tls:
            self._asked_tls = True
            self._encryption("SSL", body, rest)
            if self._tls:
                self._waiting_for_tls = True
                out.append(StartTLS())
            else:
                out.append(ToClient(b"N"))
            return None
        if code == GSS_REQUEST and not self._asked_gss:
            self._asked_gss = True
            self._encryption("GSSAPI encryption", body, rest)
            out.append(ToClient(b"N"))
            return None
        if code == CANCEL_REQUEST:
            if not 12 < length <= _LONGEST_CANCEL:
                raise ProtocolViolation("invalid length of cancel request")
            self.cancel = body
            out.append(Close("a cancel request"))
            return None
        if code >> 16 != 3:
            raise Fatal(
                Problem(
                    "0A000",
                    f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: "
                    f"server supports 3.0 to 3.{NEWEST_MINOR}",
                )
            )
        opening = self._startup(code & 0xFFFF, body, now)
        self._started = True
        self._open(opening, out)
        return rest or None

    def _check_length(self, length: int) -> None:
        if not 8 <= length <= SMALL:
            raise ProtocolViolation("invalid length of startup packet")

    def _encryption(self, what: str, body: bytes, rest: bytes) -> None:
        if body:
            raise ProtocolViolation(f"invalid length of {what} request")
        if rest:
            # might have been put there by someone between us: it is thrown away with the connection
            raise ProtocolViolation(f"received unencrypted data after {what} request")

    def _startup(self, minor: int, body: bytes, now: float) -> bytes:
        """The start-up message for the server. Sets who asks and for what."""
        pairs = self._pairs(body)
        given = dict(pairs)
        user = given.get("user", "")
        if not user:
            raise Fatal(Problem("28000", "no PostgreSQL user name specified in startup packet"))
        database = given.get("database") or user
        for name in (user, database):
            # PostgreSQL cuts longer names, so that one name could be taken for another
            if len(name.encode()) > _NAME:
                raise Fatal(Problem("28000", f'the name "{name[:40]}..." is longer than {_NAME} bytes'))
        if given.get("replication", "").lower() not in _FALSE:
            raise Fatal(Problem("42501", "replication connections are refused"))
        place = self._places(database)
        if place is None:
            raise Fatal(Problem("3D000", f'database "{database}" does not exist'))
        self._parameters = {k: v for k, v in given.items() if not k.startswith("_pq_.")}
        self._requester = Requester(
            user,
            place.name,
            place.groups_of(user),
            self._address,
            given.get("application_name", ""),
            "",
        )
        self.place = place
        self._begin(place.current(), self._parameters, None, now)
        self._minor = min(minor, NEWEST_MINOR)
        self._unknown_options = [k.encode() for k, _ in pairs if k.startswith("_pq_.")]
        self._negotiated = minor <= NEWEST_MINOR and not self._unknown_options
        kept = {**self._parameters, "user": user, "database": place.upstream}
        kept.pop("replication", None)
        packed = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in kept.items()) + b"\0"
        return u32.pack(len(packed) + 8) + u32.pack(3 << 16 | self._minor) + packed

    def _pairs(self, body: bytes) -> list[tuple[str, str]]:
        if not body.endswith(b"\0") or (len(body) > 1 and not body.endswith(b"\0\0")):
            raise ProtocolViolation("invalid startup packet layout: expected terminator as last byte")
        try:
            words = body[:-1].decode().split("\0")[:-1]
        except UnicodeDecodeError:
            raise ProtocolViolation("the startup packet is not in UTF-8") from None
        if len(words) % 2:
            raise ProtocolViolation("invalid startup packet layout: a name without a value")
        pairs = []
        seen = set()
        for name, value in zip(words[::2], words[1::2], strict=True):
            # names of settings know no case, the four others do
            folded = name if name.startswith("_pq_.") else name.lower()
            if not name or folded in seen or (folded in _SPECIAL and name != folded):
                raise ProtocolViolation(f'the startup packet has "{name[:40]}" where it may not')
            seen.add(folded)
            pairs.append((folded, value))
        return pairs

    def _begin(self, judge: Judge, parameters: dict[str, str], path: str | None, now: float) -> Context:
        context = judge.begin(self._requester, parameters, path)
        if isinstance(context, Context):
            return context
        id = f"{reference(self._requester.login, 'start-up')}-{self._id}-1"
        problem = replace(context, detail=f"{context.detail} Decision {quotable(id)}.".strip())
        entry = Entry(now, id, Verdict.REFUSED, self._requester, (), (), "", "", judge.snapshot, "refused", problem)
        raise Fatal(problem, entry)

    def _token(self, data: bytes, out: list[Effect]) -> bytes | None:
        """What the client sends while the server decides: a password or SASL message, when it was asked for one."""
        if not self._token_wanted:
            if self._authenticated or not data.startswith(b"p"):
                # sent ahead by a client that expects no question: looked at when the server is ready
                self._client.keep(data, 0)
                return None
            raise ProtocolViolation("a password message that was not asked for")
        if len(data) < HEADER:
            self._client.keep(data, HEADER)
            return None
        kind, length = read_head(data, 0)
        if kind == ord("X"):
            out.append(Close("the client has said goodbye"))
            return None
        if kind != ord("p"):
            raise ProtocolViolation(f"expected password response, got message type {kind}")
        if not 4 <= length <= _LONGEST_TOKEN:
            raise ProtocolViolation("invalid password packet size")
        stop = 1 + length
        if len(data) < stop:
            self._client.keep(data, stop)
            return None
        self._token_wanted = False
        if self._admission is not None:
            self._admission.take(data[HEADER:stop], out)
            self._admit(out)
            return data[stop:] or None
        if self._mechanism_wanted:
            mechanism, _, first = data[HEADER:stop].partition(b"\0")
            if mechanism not in _MECHANISMS:
                raise Fatal(Problem("28000", "the client chose a SASL mechanism that was not offered"))
            self._authentication = mechanism.decode().lower()
            if self._bound_offered and first[4:5] == b"y":
                raise Fatal(_BOUND, None, "relayed SCRAM between two TLS connections: set login: verifiers")
            self._mechanism_wanted = False
        out.append(ToServer(data[:stop]))
        return data[stop:] or None

    # -------------------------------------------------------------- from the server

    def server(self, data: bytes, now: float, out: list[Effect]) -> bytes:
        """Effects of server bytes; returns what stands behind the ReadyForQuery. Raises as `client` does."""
        whole = self._server.joined(data)
        if whole is None:
            return b""
        at = 0
        enough = HEADER
        while len(whole) - at >= HEADER and self.conversation is None:
            kind, length = read_head(whole, at)
            if not 4 <= length <= self._limits.reply:
                raise ProtocolViolation("the server sent a message of an impossible length")
            stop = at + 1 + length
            if stop > len(whole):
                enough = stop - at
                break
            self._reply(bytes((kind,)), whole[at:stop], now, out)
            at = stop
        if self.conversation is not None:
            return whole[at:]
        if at < len(whole):
            self._server.keep(whole[at:], enough)
        if self._token_wanted:
            early = self._client.taken()
            while early is not None:
                early = self._token(early, out)
        return b""

    def _reply(self, kind: bytes, message: bytes, now: float, out: list[Effect]) -> None:
        body = message[HEADER:]
        if kind == b"v" and not self._authenticated:
            message = self._negotiation(body)
        elif not self._negotiated and kind not in b"EN":
            # the server knows what was left of the client's wishes; the client must hear of the others
            out.append(ToClient(messages.negotiate(self._minor, self._unknown_options)))
            self._negotiated = True
        if kind == b"R" and not self._authenticated:
            if len(message) < HEADER + 4:
                raise ProtocolViolation("the server sent an authentication request that ends too soon")
            if self._admission is not None and u32.unpack_from(message, HEADER)[0] != 0:
                answer = self._introduce(message)
                if answer is not None:
                    out.append(ToServer(answer))
                return
            message = self._request(message)
        elif kind == b"E":
            if self._shown_ready is not None:
                raise ProtocolViolation("the server does not say what its search_path is")
            out.append(ToClient(message))
            out.append(Close("the server refused the login"))
            return
        elif kind == b"S":
            name, value = messages.setting(body)
            self._reported[name] = value
        elif kind == b"K" and self._authenticated:
            self.backend_key = body
        elif kind == b"Z" and self._authenticated:
            self._ready(message, now, out)
            return
        elif kind in b"TDC" and self._shown_ready is not None:
            if kind == b"D":
                self._path = (messages.first_value(body) or b"").decode("utf-8", "replace")
            return
        elif kind not in (b"N", b"v"):
            raise ProtocolViolation("the server sent a message that does not belong to a login")
        out.append(ToClient(message))

    def _negotiation(self, body: bytes) -> bytes:
        """The server's NegotiateProtocolVersion, with the options that it was not told of."""
        if len(body) < 8:
            raise ProtocolViolation("the server sent a version negotiation that ends too soon")
        theirs, count = u32.unpack_from(body)[0], u32.unpack_from(body, 4)[0]
        options = body[8:].split(b"\0")[:-1]
        if len(options) != count:
            raise ProtocolViolation("the server sent a version negotiation with a wrong number of options")
        self._negotiated = True
        return messages.negotiate(min(theirs & 0xFFFF, self._minor), options + self._unknown_options)

    def _request(self, message: bytes) -> bytes:
        """An authentication request, as the client may see it."""
        code = u32.unpack_from(message, HEADER)[0]
        if code == 0:
            self._authenticated = True
            self._token_wanted = False
            self._requester = replace(self._requester, authentication=self._authentication)
        elif code in _AUTHENTICATIONS:
            self._authentication = _AUTHENTICATIONS[code]
            self._token_wanted = True
        elif code == 10:
            offered = message[HEADER + 4 :].split(b"\0")
            # channel binding is between the client and the proxy, not the server: it cannot be relayed
            left = [m for m in offered if m in _MECHANISMS]
            self._bound_offered = scram.PLUS.encode() in offered
            if not left:
                raise Fatal(Problem("28000", "the server offers no SASL mechanism that can be relayed"))
            self._token_wanted = self._mechanism_wanted = True
            return frame(b"R", u32.pack(10) + b"".join(m + b"\0" for m in left) + b"\0")
        elif code == 11:
            self._token_wanted = True
        elif code != 12:
            raise Fatal(Problem("28000", f"the server asks for authentication that cannot be relayed (method {code})"))
        return message

    def _ready(self, message: bytes, now: float, out: list[Effect]) -> None:
        if self._shown_ready is None and "search_path" not in self._reported:
            # before version 18 servers do not report it: it is asked for, and only then is the client told to go on
            self._shown_ready = message
            out.append(ToServer(_SHOW_PATH))
            return
        path = self._reported.get("search_path", self._path)
        if path is None or self.place is None:
            raise ProtocolViolation("the server does not say what its search_path is")
        parameters = dict(self._parameters)
        encoding = self._reported.get("client_encoding")
        if encoding is not None:
            parameters["client_encoding"] = encoding
        self._requester = replace(self._requester, groups=self.place.groups_of(self._requester.login))
        judge = self.place.current()
        context = self._begin(judge, parameters, path, now)
        if not judge.exempt(self._requester):
            if self._reported.get("standard_conforming_strings", "on") != "on":
                raise Fatal(Problem("42501", "standard_conforming_strings must be on"))
            if codec_of(context.encoding) is None:
                raise Fatal(Problem("0A000", f'client_encoding "{context.encoding}" is not supported', "", "Use UTF8."))
        out.append(ToClient(message))
        self.conversation = Conversation(
            self._id, self.place, self._requester, judge, context, self._limits, decisions=0
        )


def fatal_effects(fatal: Fatal) -> list[Effect]:
    """What ends a session that cannot begin."""
    effects: list[Effect] = [Record(fatal.entry)] if fatal.entry is not None else []
    reason = f"{fatal.problem.message}: {fatal.private}" if fatal.private else fatal.problem.message
    return [*effects, ToClient(messages.problem_message(fatal.problem, "FATAL")), Close(reason)]
