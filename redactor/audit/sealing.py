"""Sealing a text so that only the auditor reads it: X25519, HKDF-SHA256, AES-256-GCM.

Texts are sealed to a month's key; the month's private key is sealed to the auditor (`wrap`) and then forgotten. Who
destroys the wrapped key has destroyed the month's texts, in every copy of them.

Knows public keys and, while sealing, a one-time private key that is an argument. Must not know the auditor's private
key. Invariant: once a `Seal` is forgotten, nothing that stays in this process opens what it made.

A sealed text is: 1 byte version (1), 32 bytes one-time X25519 public key, 12 bytes nonce, ciphertext and tag. The AES
key is HKDF-SHA256 of the shared secret, salt: the one-time and the receiver's public keys, info: INFO. Associated data
is the decision's id. One seal may serve several texts (those of one commit): their nonces count up.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

INFO = b"redactor sealed text 1"
VERSION = b"\x01"


class CannotOpen(Exception):
    """The sealed text is damaged, or is sealed to another key."""


def key_name(public: bytes) -> str:
    """How entries name the key that they are sealed to: 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def _cipher(shared: bytes, once: bytes, to: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, once + to, INFO).derive(shared))


def wrap(auditor: bytes, once: bytes, month: str, private: bytes) -> bytes:
    """A month's private key for the auditor. `once`: as for `Seal`."""
    return Seal(auditor, once).close(private, f"month {month}")


def unwrap(auditor: bytes, month: str, wrapped: bytes) -> bytes:
    """A month's private key, with the auditor's private key. CannotOpen where it is another's, or damaged."""
    return open_sealed(auditor, wrapped, f"month {month}")


class Seal:
    """Seals texts to one public key with one one-time key."""

    __slots__ = ("_cipher", "_count", "_once")

    def __init__(self, to: bytes, once: bytes) -> None:
        """`to`: an X25519 public key; `once`: 32 random bytes, never used before and then forgotten."""
        private = X25519PrivateKey.from_private_bytes(once)
        self._once = private.public_key().public_bytes_raw()
        self._cipher = _cipher(private.exchange(X25519PublicKey.from_public_bytes(to)), self._once, to)
        self._count = 0

    def close(self, text: bytes, decision: str) -> bytes:
        """The sealed text, 61 bytes longer than the text."""
        nonce = self._count.to_bytes(12, "big")
        self._count += 1
        return VERSION + self._once + nonce + self._cipher.encrypt(nonce, text, decision.encode())


def open_sealed(private: bytes, sealed: bytes, decision: str) -> bytes:
    """The text, with the private key (32 bytes) that it is sealed to. CannotOpen where it is another's, or damaged."""
    if sealed[:1] != VERSION or len(sealed) < 61:
        raise CannotOpen("not a sealed text of a version that is known here")
    once, nonce, ciphertext = sealed[1:33], sealed[33:45], sealed[45:]
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(once))
        return _cipher(shared, once, key.public_key().public_bytes_raw()).decrypt(nonce, ciphertext, decision.encode())
    except (InvalidTag, ValueError):
        raise CannotOpen("sealed to another key, or changed since") from None
