"""A key for each month, to which that month's texts are sealed; its private half, wrapped for the auditor, in a file.

Knows the directory `keys/months`. Must not keep a month's private key in memory, nor know the auditor's. Invariant: a
month's wrapped key is on disk for good before anything is sealed to it; when its file is destroyed, no copy of that
month's texts can be opened any more, wherever it lies (crypto-shredding).

A file is JSON: {"auditor": name of the auditor's key, "month": "2026-11", "public": hex, "wrapped": base64}. Keep these
files out of the backups that hold the log: a copy of them is what would undo the shredding.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from redactor.audit import sealing
from redactor.audit.entry import canonical
from redactor.errors import LogUnavailable
from redactor.store.files import keep, sync_directory

DIRECTORY = "keys/months"


@dataclass(frozen=True, slots=True)
class MonthKey:
    """A month's key as its file has it. `name` is how entries call it (`sealed.to`)."""

    month: str
    auditor: str
    public: bytes
    wrapped: bytes
    file: Path

    @property
    def name(self) -> str:
        return sealing.key_name(self.public)


class Months:
    """The months' keys in a log's directory, wrapped for one auditor."""

    def __init__(self, place: Path, auditor: bytes) -> None:
        """`auditor`: their X25519 public key."""
        self._directory = place / DIRECTORY
        self._auditor = auditor
        self._known: dict[str, tuple[Path, bytes]] = {}

    def public(self, month: str) -> bytes:
        """The month's public key, made where there is none. OSError where its file cannot be made durable."""
        known = self._known.get(month)
        if known is not None and known[0].exists():
            return known[1]
        auditor = sealing.key_name(self._auditor)
        file = self._directory / f"{month}-{auditor}.json"
        if not file.exists():
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            private = X25519PrivateKey.generate()
            wrapped = sealing.wrap(self._auditor, secrets.token_bytes(32), month, private.private_bytes_raw())
            value = {
                "auditor": auditor,
                "month": month,
                "public": private.public_key().public_bytes_raw().hex(),
                "wrapped": base64.b64encode(wrapped).decode(),
            }
            keep(file, canonical(value) + b"\n", 0o600)
        public = _read(file).public
        self._known = {month: (file, public)}
        return public


def found(place: Path) -> Iterator[MonthKey]:
    """All months' keys in a log's directory, oldest first."""
    for file in sorted((place / DIRECTORY).glob("*.json")):
        yield _read(file)


def unwrap(place: Path, auditor: bytes, name: str) -> bytes | None:
    """The private key of that name, with the auditor's private key; None where its file is not here."""
    for key in found(place):
        if key.name == name:
            return sealing.unwrap(auditor, key.month, key.wrapped)
    return None


def shred(place: Path, before: str) -> list[str]:
    """Destroy the keys of all months before that one (`2026-11`); gives which months those were."""
    gone = [key for key in found(place) if key.month < before]
    for key in gone:
        key.file.rename(key.file.with_suffix(".gone"))
    for file in (place / DIRECTORY).glob("*.gone"):  # those of a shredding that was interrupted, too
        with file.open("r+b") as content:  # not every file system forgets what is only unlinked
            content.write(bytes(os.fstat(content.fileno()).st_size))
            content.flush()
            os.fsync(content.fileno())
        file.unlink()
    if gone:
        sync_directory(place / DIRECTORY)
    return sorted({key.month for key in gone})


def _read(file: Path) -> MonthKey:
    try:
        value = json.loads(file.read_bytes())
        public, wrapped = bytes.fromhex(value["public"]), base64.b64decode(value["wrapped"], validate=True)
        month, auditor = str(value["month"]), str(value["auditor"])
    except (ValueError, KeyError, TypeError):
        public = b""
    if len(public) != 32 or not re.fullmatch(r"\d{4}-\d\d", month):
        raise LogUnavailable(f"{file} is not a month's key: put it back from a copy, or move it away")
    return MonthKey(month, auditor, public, wrapped, file)
