"""Sealing a text so that only the auditor reads it: X25519, HKDF-SHA256, AES-256-GCM.

Texts are sealed to a month's key; the month's private key is sealed to the auditor (`wrap`) and then forgotten. Who
destroys the wrapped key has destroyed the month's texts, in every copy of them.

Knows public keys and, while sealing, a one-time private key that is an argument. Must not know the auditor's private
key. Invariant: once a `Seal` is forgotten, or has taken a step, nothing in this process opens what it had closed.

A sealed text is: 1 byte version, 32 bytes one-time X25519 public key, 12 bytes nonce, ciphertext, tag. Associated data
is the decision's id. Version 1: the AES key is HKDF-SHA256 of the shared secret, salt: the one-time and the receiver's
public keys, info: INFO. Version 2: that gives (with INFO_2) the first link of a chain; the nonce is 4 bytes step and 8
bytes number; the AES key of a step is HMAC-SHA256(link, "key"), the next step's link HMAC-SHA256(link, "next"). A seal
takes a step after each commit and forgets the link before, so that one key agreement serves many commits and what is
sealed already is as closed as if its seal were gone.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

INFO = b"redactor sealed text 1"
INFO_2 = b"redactor sealed text 2"
STEPS = 1024
"""How many steps a seal takes at most; who opens a text goes as many."""

_VERSIONS = (b"\x01", b"\x02")


class CannotOpen(Exception):
    """The sealed text is damaged, or is sealed to another key."""


def key_name(public: bytes) -> str:
    """How entries name the key that they are sealed to: 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def _derived(shared: bytes, once: bytes, to: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, once + to, info).derive(shared)


def _next(link: bytes) -> bytes:
    return hmac.digest(link, b"next", "sha256")


def _cipher(link: bytes) -> AESGCM:
    return AESGCM(hmac.digest(link, b"key", "sha256"))


def wrap(auditor: bytes, once: bytes, month: str, private: bytes) -> bytes:
    """A month's private key for the auditor. `once`: as for `Seal`."""
    return Seal(auditor, once).close(private, f"month {month}")


def unwrap(auditor: bytes, month: str, wrapped: bytes) -> bytes:
    """A month's private key, with the auditor's private key. CannotOpen where it is another's, or damaged."""
    return open_sealed(auditor, wrapped, f"month {month}")


class Seal:
    """Seals texts to one public key with one one-time key. `used_up`: another one must be made."""

    __slots__ = ("_begin", "_cipher", "_count", "_link", "_step", "used_up")

    def __init__(self, to: bytes, once: bytes) -> None:
        """`to`: an X25519 public key; `once`: 32 random bytes, never used before and then forgotten."""
        private = X25519PrivateKey.from_private_bytes(once)
        public = private.public_key().public_bytes_raw()
        self._begin = _VERSIONS[1] + public
        self._link = _derived(private.exchange(X25519PublicKey.from_public_bytes(to)), public, to, INFO_2)
        self._cipher = _cipher(self._link)
        self._step = self._count = 0
        self.used_up = False

    def close(self, text: bytes, decision: str) -> bytes:
        """The sealed text, 61 bytes longer than the text."""
        if self.used_up:
            raise ValueError("a seal that is used up")
        nonce = (self._step << 64 | self._count).to_bytes(12, "big")
        self._count += 1
        return self._begin + nonce + self._cipher.encrypt(nonce, text, decision.encode())

    def step(self) -> None:
        """From here on nothing in this seal opens what it has closed."""
        self._step += 1
        self._count = 0
        self.used_up = self._step >= STEPS
        self._link = _next(self._link)
        self._cipher = _cipher(self._link)


def open_sealed(private: bytes, sealed: bytes, decision: str) -> bytes:
    """The text, with the private key (32 bytes) that it is sealed to. CannotOpen where it is another's, or damaged."""
    if sealed[:1] not in _VERSIONS or len(sealed) < 61:
        raise CannotOpen("not a sealed text of a version that is known here")
    once, nonce, ciphertext = sealed[1:33], sealed[33:45], sealed[45:]
    steps = int.from_bytes(nonce[:4], "big") if sealed[:1] == _VERSIONS[1] else 0
    if steps >= STEPS:
        raise CannotOpen("sealed to another key, or changed since")
    key = X25519PrivateKey.from_private_bytes(private)
    to = key.public_key().public_bytes_raw()
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(once))
        if sealed[:1] == _VERSIONS[0]:
            cipher = AESGCM(_derived(shared, once, to, INFO))
        else:
            link = _derived(shared, once, to, INFO_2)
            for _ in range(steps):
                link = _next(link)
            cipher = _cipher(link)
        return cipher.decrypt(nonce, ciphertext, decision.encode())
    except (InvalidTag, ValueError):
        raise CannotOpen("sealed to another key, or changed since") from None
