"""Signing a log's tree head: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519; and introducing the next key.

Knows keys as bytes. Must not know where they are kept. Invariant: a note made here is what `verifier.read_checkpoint`
(or `verifier.follow`) accepts with the signer's public key; a signature is deterministic, so that signing twice gives
the same bytes. What introduces a key can never be taken for a checkpoint: no log's name has a space in it.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from redactor.audit.verifier import INTRODUCTION, PublicKey


class Signer:
    """A log's signing key. `origin` names the log: unique, without spaces and plus signs, such as a host name."""

    __slots__ = ("_key", "public")

    def __init__(self, origin: str, private: bytes) -> None:
        """`private`: the 32 bytes of RFC 8032. ValueError where they, or the name, cannot be used."""
        require_name(origin)
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = PublicKey(origin, self._key.public_key().public_bytes_raw())

    @property
    def origin(self) -> str:
        return self.public.name

    def sign(self, size: int, root: bytes) -> str:
        """The signed note that says that this log has `size` entries and that root."""
        return self._note(f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n")

    def introduce(self, size: int, new: PublicKey) -> str:
        """The signed note that says that `new` signs this log's checkpoints of more than `size` entries."""
        return self._note(f"{INTRODUCTION}\n{size}\n{new}\n")

    def _note(self, text: str) -> str:
        return f"{text}\n{signature_line(self.origin, self.public.id + self._key.sign(text.encode()))}"


def signature_line(name: str, signature: bytes) -> str:
    """A line of a signed note; `signature` begins with the key's id."""
    return f"— {name} {base64.b64encode(signature).decode()}\n"


def require_name(name: str) -> None:
    """ValueError unless a log, or a witness, can be named like that."""
    if not name or "+" in name or any(c.isspace() for c in name):
        raise ValueError(f"{name!r} cannot name a log or a witness: no spaces, no plus signs")


def check(public: bytes, message: bytes, signature: bytes) -> bool:
    """As `verifier.ed25519`, by a compiled library: for those who verify many."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
