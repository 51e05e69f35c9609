"""Signing a log's tree head: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519.

Knows keys as bytes. Must not know where they are kept. Invariant: a note made here is what `verifier.read_checkpoint`
accepts with the signer's public key; a signature is deterministic, so that signing twice gives the same bytes.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from redactor.audit.verifier import Checkpoint, PublicKey, key_id


class Signer:
    """A log's signing key. `origin` names the log: unique, without spaces and plus signs, such as a host name."""

    __slots__ = ("_key", "public")

    def __init__(self, origin: str, private: bytes) -> None:
        """`private`: the 32 bytes of RFC 8032. ValueError where they, or the name, cannot be used."""
        if not origin or "+" in origin or origin != origin.strip() or any(c.isspace() for c in origin):
            raise ValueError(f"{origin!r} cannot name a log: no spaces, no plus signs")
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = PublicKey(origin, self._key.public_key().public_bytes_raw())

    @property
    def origin(self) -> str:
        return self.public.name

    def sign(self, size: int, root: bytes) -> str:
        """The signed note that says that this log has `size` entries and that root."""
        text = Checkpoint(self.origin, size, root).text
        signature = key_id(self.origin, self.public.public) + self._key.sign(text.encode())
        return f"{text}\n— {self.origin} {base64.b64encode(signature).decode()}\n"


def check(public: bytes, message: bytes, signature: bytes) -> bool:
    """As `verifier.ed25519`, by a compiled library: for those who verify many."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
