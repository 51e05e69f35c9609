"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both sides, as values: who knows a password, without it being sent.

Knows RFC 5802, RFC 7677, RFC 5929 (tls-server-end-point) and PostgreSQL's use of them (docs, 54.3.1): user names in
the exchange do not count, there is no authorization identity. Nonces are arguments. Keeps: an exchange is for one
nonce, one channel binding and one verifier; every comparison of secrets takes the same time whatever differs.

A server that has seen a right proof knows the client's key (`Server.final`), and with it can log in elsewhere where
the same verifier is kept (`Client`), without ever having known the password.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac, sha256

from scramp.core import saslprep  # type: ignore[import-untyped]

PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
BINDING = b"tls-server-end-point"
ITERATIONS = 4096
"""PostgreSQL's default, and what a login that does not exist is answered with."""
_MOST_ITERATIONS = 250_000
_LONGEST_NONCE = 256


class Malformed(Exception):
    """A message that is none of SCRAM's, or not the one that is due."""


class Wrong(Exception):
    """The other side does not prove what it claims. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps of a password (pg_authid.rolpassword, RFC 5803)."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secret:
    """What is known of a login: its verifier, and its password where that is kept in clear."""

    verifier: Verifier | None
    password: str | None = field(default=None, repr=False)


def read_verifier(text: str) -> Verifier | None:
    """`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; None: the text is something else."""
    scheme, _, rest = text.partition("$")
    head, _, keys = rest.partition("$")
    count, _, salt = head.partition(":")
    stored, _, server = keys.partition(":")
    if scheme != PLAIN or not count.isascii() or not count.isdigit() or not 0 < int(count) <= 10**9:
        return None
    try:
        found = Verifier(_decoded(salt.encode()), int(count), _decoded(stored.encode()), _decoded(server.encode()))
    except (Malformed, UnicodeEncodeError):
        return None
    right = found.salt and len(found.stored_key) == len(found.server_key) == 32
    return found if right else None


def verifier_of(password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
    """The verifier of a password."""
    keys = Keys.of(password, salt, iterations)
    return Verifier(salt, iterations, sha256(keys.client).digest(), keys.server)


@dataclass(frozen=True, slots=True)
class Keys:
    """What proves a login to a server that keeps a verifier with that salt and count."""

    salt: bytes
    iterations: int
    client: bytes = field(repr=False)
    server: bytes = field(repr=False)

    @staticmethod
    def of(password: str, salt: bytes, iterations: int) -> Keys:
        """The keys of a password."""
        salted = pbkdf2_hmac("sha256", _prepared(password).encode(), salt, iterations)
        return Keys(salt, iterations, _mac(salted, b"Client Key"), _mac(salted, b"Server Key"))


def _prepared(password: str) -> str:
    """The password as RFC 4013 has it; as it is where that does not allow it, which is what PostgreSQL does."""
    try:
        prepared: str = saslprep(password)
    except Exception:
        return password
    return prepared


# ------------------------------------------------------------------ as the server


class Server:
    """One exchange with a client. `verifier` None: there is no such login, and nothing will tell the client so.

    `mechanism`: what the client chose; `binding`: the hash of the certificate that it was shown, where -PLUS was
    offered; `nonce`: printable ASCII without a comma; `pretended`: the salt for who does not exist.
    """

    def __init__(
        self, verifier: Verifier | None, mechanism: str, binding: bytes | None, nonce: str, pretended: bytes
    ) -> None:
        self._exists = verifier is not None
        self._verifier = verifier or Verifier(pretended, ITERATIONS, bytes(32), bytes(32))
        self._mechanism = mechanism
        self._binding = binding
        self._nonce = nonce
        self._header = self._bare = self._sent = b""

    def first(self, message: bytes) -> bytes:
        """The answer to the client's first message. Raises Malformed, Wrong."""
        flag, comma, rest = message.partition(b",")
        authorization, comma_2, bare = rest.partition(b",")
        if not comma or not comma_2:
            raise Malformed("the header is cut off")
        if self._mechanism == PLUS:
            if flag != b"p=" + BINDING:
                raise Malformed("channel binding was chosen, and is not in the message")
        elif flag.startswith(b"p"):
            raise Malformed("channel binding was not chosen, and is in the message")
        elif flag == b"y" and self._binding is not None:
            # it believes that we cannot: somebody between us has taken the offer away
            raise Wrong("the client was not told of channel binding")
        elif flag not in (b"n", b"y"):
            raise Malformed("the header's flag is unknown")
        if authorization:
            raise Malformed("an authorization identity is not supported")
        parts = bare.split(b",")
        if len(parts) < 2 or not parts[0].startswith(b"n=") or not parts[1].startswith(b"r="):
            raise Malformed("the first message has no name and nonce")
        theirs = parts[1][2:]
        if not 0 < len(theirs) <= _LONGEST_NONCE or any(not 0x21 <= b <= 0x7E for b in theirs):
            raise Malformed("the nonce is not printable")
        self._header, self._bare = flag + b"," + authorization + b",", bare
        self._full = theirs + self._nonce.encode()
        v = self._verifier
        self._sent = b"r=" + self._full + b",s=" + b64encode(v.salt) + b",i=" + str(v.iterations).encode()
        return self._sent

    def final(self, message: bytes) -> tuple[bytes, Keys]:
        """The answer to the client's last message, and the keys of which it has proved to have one.

        Raises Malformed, Wrong.
        """
        without, mark, proof = message.rpartition(b",p=")
        parts = without.split(b",")
        if not mark or len(parts) < 2 or not parts[0].startswith(b"c=") or not parts[1].startswith(b"r="):
            raise Malformed("the last message has not all its parts")
        bound = self._header + (self._binding or b"" if self._mechanism == PLUS else b"")
        if not hmac.compare_digest(_decoded(parts[0][2:]), bound):
            raise Wrong("channel binding does not fit")
        if not hmac.compare_digest(parts[1][2:], self._full):
            raise Wrong("the nonce is not the one of this exchange")
        given = _decoded(proof)
        if len(given) != 32:
            raise Malformed("the proof has a wrong length")
        v = self._verifier
        said = self._bare + b"," + self._sent + b"," + without
        client_key = _xor(given, _mac(v.stored_key, said))
        right = hmac.compare_digest(sha256(client_key).digest(), v.stored_key)
        if not (right and self._exists):
            raise Wrong("the password is wrong" if self._exists else "there is no verifier for it")
        answer = b"v=" + b64encode(_mac(v.server_key, said))
        return answer, Keys(v.salt, v.iterations, client_key, v.server_key)


# ------------------------------------------------------------------ as the client


class Client:
    """One exchange with a server, by keys recovered from another exchange, or by a password.

    `binding`: the hash of the server's certificate, to choose -PLUS; None with `could_bind`: TLS is there and the
    server has not offered it.
    """

    def __init__(self, proof: Keys | str, nonce: str, binding: bytes | None, could_bind: bool = False) -> None:
        self._proof = proof
        self._binding = binding
        flag = b"p=" + BINDING if binding is not None else b"y" if could_bind else b"n"
        self._header = flag + b",,"
        self._bare = b"n=*,r=" + nonce.encode()  # RFC 5802 wants a name; PostgreSQL takes that of the start-up message
        self._nonce = nonce.encode()
        self._expected = b""

    @property
    def mechanism(self) -> str:
        return PLAIN if self._binding is None else PLUS

    def first(self) -> bytes:
        """The client's first message."""
        return self._header + self._bare

    def final(self, message: bytes) -> bytes:
        """The client's last message, as answer to the server's first. Raises Malformed, Wrong."""
        parts = message.split(b",")
        if len(parts) < 3 or [p[:2] for p in parts[:3]] != [b"r=", b"s=", b"i="]:
            raise Malformed("the server's first message has not all its parts")
        nonce, salt, count = parts[0][2:], _decoded(parts[1][2:]), parts[2][2:]
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise Wrong("the server does not repeat the nonce")
        if not count.isdigit() or not 0 < int(count) <= _MOST_ITERATIONS:
            raise Malformed("the server's count of iterations is out of bounds")
        keys = self._keys(salt, int(count))
        without = b"c=" + b64encode(self._header + (self._binding or b"")) + b",r=" + nonce
        said = self._bare + b"," + message + b"," + without
        signature = _mac(sha256(keys.client).digest(), said)
        self._expected = b"v=" + b64encode(_mac(keys.server, said))
        return without + b",p=" + b64encode(_xor(keys.client, signature))

    def _keys(self, salt: bytes, iterations: int) -> Keys:
        if isinstance(self._proof, str):
            return Keys.of(self._proof, salt, iterations)
        if (salt, iterations) != (self._proof.salt, self._proof.iterations):
            raise Wrong("the verifier that the proxy has is not the one of the database")
        return self._proof

    def verify(self, message: bytes) -> None:
        """Whether the server knows the verifier too. Raises Wrong."""
        if not self._expected or not hmac.compare_digest(message, self._expected):
            raise Wrong("the server does not prove that it knows the login")


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("that is not base64") from None
