"""Logins that the proxy checks itself: with SCRAM, a client certificate, or a signed token.

Knows the authentication messages of both sides (PostgreSQL docs, 54.2.1, 54.3) and the rule that holds for a login;
finds out nothing itself: verifiers and tokens are asked of the shell by effects. Keeps: nobody is `admitted` before
the proof; no password or token passes in clear but over TLS or within one machine; how a login failed is told to the
operator, and to the client only as far as PostgreSQL would tell.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import assert_never

from redactor.config import LoginMethod, LoginRule, Provider
from redactor.decision import Entry
from redactor.effects import CheckToken, Effect, FindSecret, ToClient
from redactor.errors import ProtocolViolation
from redactor.model import Identity, Problem
from redactor.wire.pg import oauth, scram
from redactor.wire.pg.framing import HEADER, frame, u32


class Fatal(Exception):
    """The session cannot begin; `entry`: what is to be remembered of that; `private`: what the operator is told."""

    def __init__(self, problem: Problem, entry: Entry | None = None, private: str = "") -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.entry = entry
        self.private = private


@dataclass(frozen=True, slots=True)
class Channel:
    """The client's TLS connection: the hash of what it was shown (RFC 5929), and whom its own certificate names.

    `binding` None: the certificate's signature has no hash that could be used.
    """

    binding: bytes | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entrance:
    """How clients get into a database. `rule`: for a login. `nonce`: 18 or more printable characters, never twice.

    `pretence`: a secret of this process, from which logins that do not exist get their salts.
    """

    rule: Callable[[str], LoginRule]
    nonce: Callable[[], str]
    pretence: bytes = field(repr=False)
    providers: Mapping[str, Provider] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who has proved to be that login, how, and what the proxy can prove it to the server with."""

    how: str
    proof: scram.Keys | str | None = field(default=None, repr=False)
    identity: Identity | None = None


_FAILED = {
    LoginMethod.SCRAM: ("28P01", "password authentication failed for user"),
    LoginMethod.CERTIFICATE: ("28000", "certificate authentication failed for user"),
    LoginMethod.OAUTH: ("28000", "OAuth bearer authentication failed for user"),
    LoginMethod.TOKEN: ("28P01", "token authentication failed for user"),
    LoginMethod.REJECT: ("28000", "the proxy's rules reject connections of user"),
    LoginMethod.RELAY: ("28000", "certificate authentication failed for user"),
}


class Admission:
    """One login on its way in. `wanted`: the client is to send something; `admitted`: it is in."""

    def __init__(self, rule: LoginRule, entrance: Entrance, login: str, address: str, channel: Channel | None) -> None:
        self._rule = rule
        self._entrance = entrance
        self._login = login
        self._private = channel is not None or _within_machine(address)
        self._channel = channel
        self._mechanisms: tuple[str, ...] = ()
        self._mechanism = ""
        self._scram: scram.Server | None = None
        self._secret: scram.Secret | None = None
        self._dismissing = ""
        self.wanted = False
        self.admitted: Admitted | None = None

    def begin(self, out: list[Effect]) -> None:
        """Asks what is to be asked first. Raises Fatal."""
        rule = self._rule
        if rule.certificate:
            self._check_certificate()
        match rule.method:
            case LoginMethod.RELAY:
                pass
            case LoginMethod.REJECT:
                raise self._failed("no rule lets it in")
            case LoginMethod.CERTIFICATE:
                self.admitted = Admitted("certificate")
            case LoginMethod.SCRAM:
                out.append(FindSecret(self._login))
            case LoginMethod.OAUTH:
                self._demand_privacy()
                self._offer((oauth.MECHANISM,), out)
            case LoginMethod.TOKEN:
                self._demand_privacy()
                self.wanted = True
                out.append(ToClient(frame(b"R", u32.pack(3))))
            case _:
                assert_never(rule.method)

    def _check_certificate(self) -> None:
        names = self._channel.names if self._channel is not None else frozenset()
        if not names:
            raise self._failed("the client has shown no certificate", "connection requires a valid client certificate")
        for name in names:
            allowed = self._rule.names.get(name)
            if self._login in allowed if allowed is not None else self._login == name:
                return
        raise self._failed(f"its certificate is of {', '.join(sorted(names))[:200]}")

    def _demand_privacy(self) -> None:
        if not self._private:
            raise self._failed("without TLS", "a token is taken over TLS only", "Connect with sslmode=require.")

    def _offer(self, mechanisms: tuple[str, ...], out: list[Effect]) -> None:
        self._mechanisms = mechanisms
        self.wanted = True
        offered = b"".join(m.encode() + b"\0" for m in mechanisms)
        out.append(ToClient(frame(b"R", u32.pack(10) + offered + b"\0")))

    def _failed(self, private: str, detail: str = "", hint: str = "") -> Fatal:
        state, words = _FAILED[self._rule.method]
        return Fatal(
            Problem(state, f'{words} "{self._login}"', detail, hint), None, f"{self._rule.method.value}: {private}"
        )

    # -------------------------------------------------------------- what the client says

    def take(self, body: bytes, out: list[Effect]) -> None:
        """The body of a message that was `wanted`. Raises Fatal, ProtocolViolation."""
        self.wanted = False
        if self._rule.method is LoginMethod.TOKEN:
            token, end, rest = body.partition(b"\0")
            if not end or rest:
                raise ProtocolViolation("invalid password packet size")
            if not token:
                raise self._failed("an empty password")
            out.append(CheckToken(self._rule.provider, token.decode("utf-8", "replace")))
            return
        if self._mechanisms:
            body = self._chosen(body)
        try:
            if self._mechanism == oauth.MECHANISM:
                self._take_bearer(body, out)
            else:
                self._take_scram(body, out)
        except (scram.Malformed, oauth.Malformed) as e:
            raise ProtocolViolation(f"malformed {self._mechanism} message", str(e)) from None
        except scram.Wrong as e:
            raise self._failed(str(e)) from None

    def _chosen(self, body: bytes) -> bytes:
        """The first SASL message: which mechanism, and its own first message."""
        name, _, rest = body.partition(b"\0")
        mechanism = name.decode("ascii", "replace")
        if mechanism not in self._mechanisms:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        if len(rest) < 4 or u32.unpack_from(rest)[0] != len(rest) - 4:
            # PostgreSQL would ask again where there is no first message; its mechanisms always have one
            raise ProtocolViolation("malformed SASL initial response")
        self._mechanism, self._mechanisms = mechanism, ()
        return rest[4:]

    def _take_scram(self, body: bytes, out: list[Effect]) -> None:
        exchange = self._scram
        if exchange is None:
            secret = self._secret
            verifier = None if secret is None else secret.verifier
            binding = None if self._channel is None else self._channel.binding
            salt = hmac.digest(self._entrance.pretence, self._login.encode("utf-8", "replace"), "sha256")[:16]
            if verifier is None and secret is not None and secret.password is not None:
                verifier = scram.verifier_of(secret.password, salt)
            self._scram = scram.Server(verifier, self._mechanism, binding, self._entrance.nonce(), salt)
            out.append(ToClient(frame(b"R", u32.pack(11) + self._scram.first(body))))
            self.wanted = True
            return
        answer, keys = exchange.final(body)
        out.append(ToClient(frame(b"R", u32.pack(12) + answer)))
        password = self._secret.password if self._secret is not None else None
        self.admitted = Admitted(self._mechanism.lower(), keys if password is None else password)

    def _take_bearer(self, body: bytes, out: list[Effect]) -> None:
        if self._dismissing:
            if body != oauth.DISMISSAL:
                raise oauth.Malformed("not the answer to a failure")
            raise self._failed(self._dismissing, self._dismissing)
        token = oauth.token_of(body)
        if token:
            out.append(CheckToken(self._rule.provider, token))
        else:
            self._dismiss("no token was sent", out)

    def _dismiss(self, why: str, out: list[Effect]) -> None:
        self._dismissing = why
        self.wanted = True
        issuer = self._entrance.providers[self._rule.provider].issuer
        out.append(ToClient(frame(b"R", u32.pack(11) + oauth.failure(issuer))))

    # -------------------------------------------------------------- what the shell has found out

    def secret_found(self, secret: scram.Secret | None, out: list[Effect]) -> None:
        """The answer to FindSecret; None: there is none, which the client is not to notice."""
        self._secret = secret
        bound = self._channel is not None and self._channel.binding is not None
        self._offer((scram.PLUS, scram.PLAIN) if bound else (scram.PLAIN,), out)

    def token_checked(self, answer: Identity | str, proof: str | None, out: list[Effect]) -> None:
        """The answer to CheckToken: whom it names, or why nobody. `proof`: the login's password, if that is kept."""
        why = answer if isinstance(answer, str) else self._may_not(answer)
        if isinstance(answer, Identity) and not why:
            how = "oauthbearer" if self._rule.method is LoginMethod.OAUTH else "token"
            self.admitted = Admitted(how, proof, answer)
        elif self._rule.method is LoginMethod.OAUTH:
            self._dismiss(why, out)
        else:
            raise self._failed(why, why)

    def _may_not(self, identity: Identity) -> str:
        """Why a person may not have the login; empty: they may."""
        claim = self._entrance.providers[self._rule.provider].login
        if claim is None or (claim, self._login) in identity.claims:
            return ""
        return f"the token does not name this login under {claim}"


class Introduction:
    """An admitted login's own exchange with the server. `answer` gives what to send it.

    `binding`: the hash of the server's certificate; None: no TLS, or no such hash. `secure`: there is TLS.
    """

    def __init__(self, admitted: Admitted, login: str, nonce: str, binding: bytes | None, secure: bool) -> None:
        self._admitted = admitted
        self._login = login
        self._nonce = nonce
        self._binding = binding
        self._secure = secure
        self._scram: scram.Client | None = None

    def answer(self, message: bytes) -> bytes | None:
        """What to say to an authentication request that is not AuthenticationOk. Raises Fatal."""
        code, body = u32.unpack_from(message, HEADER)[0], message[HEADER + 4 :]
        proof, exchange = self._admitted.proof, self._scram
        try:
            if code == 3 and isinstance(proof, str) and self._secure:
                return frame(b"p", proof.encode() + b"\0")
            if code == 10 and exchange is None:
                return self._begin(body.split(b"\0"))
            if code == 11 and exchange is not None:
                return frame(b"p", exchange.final(body))
            if code == 12 and exchange is not None:
                exchange.verify(body)
                return None
        except (scram.Malformed, scram.Wrong) as e:
            raise self._cannot(str(e)) from None
        raise self._cannot(f"the database asks for what the proxy does not have (method {code})")

    def _begin(self, offered: list[bytes]) -> bytes:
        proof = self._admitted.proof
        if proof is None:
            raise self._cannot(
                "the database asks for a password: let it trust the proxy's certificate (sslcert in upstream, cert in"
                " pg_hba.conf), or keep the login's password in login: verifiers"
            )
        binding = self._binding if scram.PLUS.encode() in offered else None
        if binding is None and scram.PLAIN.encode() not in offered:
            raise self._cannot("the database offers no mechanism that the proxy knows")
        self._scram = exchange = scram.Client(proof, self._nonce, binding, self._binding is not None)
        first = exchange.first()
        return frame(b"p", exchange.mechanism.encode() + b"\0" + u32.pack(len(first)) + first)

    def _cannot(self, private: str) -> Fatal:
        said = f'the proxy cannot log in to the database as "{self._login}"'
        return Fatal(Problem("28000", said, "", "The operator's log says why."), None, f"upstream: {private}")


def _within_machine(address: str) -> bool:
    if address == "local":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
