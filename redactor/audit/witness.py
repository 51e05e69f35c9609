"""Witnessing: somebody else, on another machine, says when they saw a checkpoint, and that it continues the last one.

Knows C2SP tlog-cosignature (cosignature/v1, Ed25519) and the request of tlog-witness (add-checkpoint). Must not know
HTTP, files or the clock: what was cosigned last, and the time, are arguments. Invariant: `consider` accepts only a
checkpoint that the log has signed and that is proved to begin with what was cosigned before.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redactor.audit.checkpoint import check, require_name, signature_line
from redactor.audit.tree import consistent
from redactor.audit.verifier import Checkpoint, PublicKey, Unverifiable, read_checkpoint

_KIND = b"\x04"
PROOF_LIMIT = 63


class WitnessKey(NamedTuple):
    """A witness's public key. As text: `name+<id in hex>+<base64 of 0x04 and 32 bytes>` (tlog-cosignature)."""

    name: str
    public: bytes

    @staticmethod
    def read(text: str) -> WitnessKey:
        """The key from its text; Unverifiable where it is none."""
        name, _, rest = text.strip().partition("+")
        try:
            key = WitnessKey(name, base64.b64decode(rest.partition("+")[2], validate=True)[1:])
        except ValueError:
            key = WitnessKey(name, b"")
        if len(key.public) != 32 or str(key) != text.strip():
            raise Unverifiable("this is not a witness's public key (name+12345678+base64), or it is damaged")
        return key

    @property
    def id(self) -> bytes:
        """What a signature line names the key by: 4 bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + _KIND + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_KIND + self.public).decode()}"


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


class Cosigner:
    """A witness's signing key."""

    __slots__ = ("_key", "public")

    def __init__(self, name: str, private: bytes) -> None:
        """`private`: 32 bytes (RFC 8032). ValueError where they, or the name, cannot be used."""
        require_name(name)
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = WitnessKey(name, self._key.public_key().public_bytes_raw())

    def cosign(self, note: str, at: int) -> str:
        """The signature line to be added to the note. `at`: seconds since the epoch."""
        text = note.partition("\n\n")[0] + "\n"
        signature = self.public.id + at.to_bytes(8, "big") + self._key.sign(_message(text, at))
        return signature_line(self.public.name, signature)


def cosigned(note: str, witness: WitnessKey) -> int | None:
    """When the witness cosigned the note (seconds since the epoch); None where it has not."""
    text, _, signatures = note.partition("\n\n")
    for line in signatures.split("\n")[:-1]:
        name, _, encoded = line.removeprefix("— ").rpartition(" ")
        if name != witness.name:
            continue
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError:
            continue
        at = int.from_bytes(data[4:12], "big")
        if data[:4] == witness.id and check(witness.public, _message(f"{text}\n", at), data[12:]):
            return at
    return None


def request(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of an add-checkpoint request."""
    lines = [f"old {old}\n", *(base64.b64encode(h).decode() + "\n" for h in proof), "\n", note]
    return "".join(lines).encode()


class Refused(Exception):
    """Why a witness does not cosign; `status` and `body` are the answer's (tlog-witness, add-checkpoint)."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def consider(
    body: bytes, logs: Mapping[str, Sequence[PublicKey]], latest: Mapping[str, Checkpoint]
) -> tuple[Checkpoint, str]:
    """The checkpoint to be cosigned, and its note; Refused says why it is not to be.

    `logs`: the keys of each log that is witnessed, by its origin; `latest`: what was cosigned last, by origin.
    """
    old, proof, note = _parse(body)
    origin = note.partition("\n")[0]
    if origin not in logs:
        raise Refused(404, "this witness does not know that log\n")
    try:
        checkpoint = read_checkpoint(note, logs[origin], check)
    except Unverifiable as e:
        raise Refused(403, f"{e}\n") from None
    if old > checkpoint.size:
        raise Refused(400, "the old size is larger than the checkpoint's\n")
    before = latest.get(origin) or Checkpoint(origin, 0, hashlib.sha256(b"").digest())
    if old != before.size:
        raise Refused(409, f"{before.size}\n")
    if not consistent(old, checkpoint.size, before.root, checkpoint.root, proof):
        raise Refused(422, "the checkpoint is not proved to continue what was cosigned before\n")
    return checkpoint, note


def _parse(body: bytes) -> tuple[int, list[bytes], str]:
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        number = first.removeprefix("old ")
        if not gap or first == number or str(int(number)) != number or int(number) < 0 or len(lines) > PROOF_LIMIT:
            raise ValueError
        proof = [base64.b64decode(line, validate=True) for line in lines]
        if any(len(h) != 32 for h in proof):
            raise ValueError
    except ValueError:
        raise Refused(400, "not a request of tlog-witness: old size, proof, empty line, checkpoint\n") from None
    return int(number), proof, note
