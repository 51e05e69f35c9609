"""The keys of a log, as files beside the store: made at the first start, read at every other.

Knows the directory, its file names and modes. Must not know what the keys are used for. Invariant: a key file is
whole or not there (written aside, synced, linked into place), is never written over, and a private one is mode 0600.

    log.pub           what verifies the log; give it to the auditor at once. Its first line is the log's first key,
                      below which stand the notes that introduce later ones
    keys/log.key      Ed25519, signs checkpoints; stays with the proxy
    keys/log.key.next the one that is to follow, while the key is being changed
    keys/months/      the months' keys (`store.months`)
    keys/digest.key   keys the digests of full texts; stays with the proxy
    keys/auditor.pub  X25519, what texts are sealed to
    keys/auditor.key  its private half, only where redactor had to make the pair itself: to be taken off the machine
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from redactor.audit.checkpoint import Signer, check
from redactor.audit.verifier import PublicKey, Unverifiable, follow, split_notes
from redactor.errors import ConfigurationError, Fault, LogUnavailable
from redactor.store.files import keep, replace, sync_directory

PUBLIC = "log.pub"
NEXT = "log.key.next"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a log works with. `first`: the log's first public key, from which the signer's follows.

    `auditor`: the X25519 public key; `left`: where its private half still lies, or None.
    """

    signer: Signer
    first: PublicKey
    digest: bytes
    auditor: bytes
    left: Path | None

    def __repr__(self) -> str:
        return f"Keys({self.signer.origin})"


def prepare(place: Path, *, origin: str | None = None, auditor: Path | None = None) -> Keys:
    """The keys in a log's directory, made where they are missing.

    `origin`: the log's name, fixed when it is first made (else one is made up). `auditor`: a file with the auditor's
    X25519 public key (PEM), which then takes the place of auditor.pub. LogUnavailable where files cannot be read or
    written, ConfigurationError where they do not hold what they should.
    """
    directory, public = place / "keys", place / PUBLIC
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        signing: Ed25519PrivateKey = _private(directory / "log.key", Ed25519PrivateKey)
        name = origin or f"redactor.invalid/{secrets.token_hex(8)}"
        try:
            made = Signer(name, signing.private_bytes_raw())
        except ValueError as e:
            raise ConfigurationError([Fault("log", 0, 0, str(e), "redactor.example.gov/log")]) from None
        text = keep(public, f"{made.public}\n".encode(), 0o644).decode()
        try:
            chain = read_public(text)
            signer = Signer(chain[0].name, signing.private_bytes_raw())
        except (Unverifiable, ValueError) as e:
            raise _broken(public, "the log's public key", str(e)) from None
        if signer.public.public not in [k.public for k in chain]:
            raise _broken(public, "the public key of keys/log.key", "restore the pair from a copy")
        digest = keep(directory / "digest.key", secrets.token_hex(32).encode() + b"\n", 0o600)
        return Keys(signer, chain[0], _hex(directory / "digest.key", digest), *_auditor(directory, auditor))
    except OSError as e:
        raise LogUnavailable(
            f"the log's keys cannot be used: {e.filename or directory}: {e.strerror}", str(e)
        ) from None


def read_public(text: str) -> list[PublicKey]:
    """The log's keys, oldest first, from the text of a log.pub. Unverifiable says what is wrong with it."""
    first, _, notes = text.partition("\n")
    return follow(PublicKey.read(first), split_notes(notes.lstrip("\n")), check)


def propose(place: Path, origin: str) -> Signer:
    """A new signing key, as keys/log.key.next: to be used once the store has taken it."""
    path = place / "keys" / NEXT
    path.unlink(missing_ok=True)
    key: Ed25519PrivateKey = _private(path, Ed25519PrivateKey)
    return Signer(origin, key.private_bytes_raw())


def proposed(place: Path, origin: str) -> Signer | None:
    """The key that `propose` made, if it is still there."""
    path = place / "keys" / NEXT
    try:
        key: Ed25519PrivateKey = _load(path, path.read_bytes(), Ed25519PrivateKey)
    except FileNotFoundError:
        return None
    return Signer(origin, key.private_bytes_raw())


def settle(place: Path, notes: Sequence[str], new: bytes | None) -> None:
    """Write log.pub anew with the notes that introduce keys; and where keys/log.key.next is `new`, put it in place.

    Any number of processes may do this at the same time. OSError where it fails.
    """
    public, directory = place / PUBLIC, place / "keys"
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        text = public.read_text().partition("\n")[0] + "\n" + "".join(f"\n{note}" for note in notes)
        if public.read_text() != text:
            replace(public, text.encode(), 0o644)
        following = proposed(place, "redactor.invalid")
        if new is not None and following is not None and following.public.public == new:
            os.replace(directory / NEXT, directory / "log.key")
            sync_directory(directory)
    finally:
        os.close(fd)


def _auditor(directory: Path, given: Path | None) -> tuple[bytes, Path | None]:
    private = directory / "auditor.key"
    if given is not None:
        return public_key(given), private if private.exists() else None
    public = directory / "auditor.pub"
    if not public.exists():
        pair: X25519PrivateKey = _private(private, X25519PrivateKey)
        pem = pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        keep(public, pem, 0o644)
    return public_key(public), private if private.exists() else None


def public_key(path: Path) -> bytes:
    """An X25519 public key from its PEM file."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise _broken(path, "there", "openssl genpkey -algorithm x25519; openssl pkey -pubout") from None
    except ValueError:
        key = None
    if not isinstance(key, X25519PublicKey):
        raise _broken(path, "an X25519 public key in PEM", "openssl genpkey -algorithm x25519; openssl pkey -pubout")
    return key.public_bytes_raw()


def private_key(path: Path) -> bytes:
    """The auditor's X25519 private key from its PEM file."""
    try:
        key: X25519PrivateKey = _load(path, path.read_bytes(), X25519PrivateKey)
    except OSError as e:
        raise _broken(path, f"readable ({e.strerror})", "the auditor's private key") from None
    return key.private_bytes_raw()


def _private(path: Path, kind: Any) -> Any:
    if path.exists():
        return _load(path, path.read_bytes(), kind)
    pem = kind.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _load(path, keep(path, pem, 0o600), kind)


def _load(path: Path, pem: bytes, kind: Any) -> Any:
    try:
        key: object = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, kind):
        raise _broken(path, f"an unencrypted {kind.__name__.removesuffix('PrivateKey')} private key in PEM", "")
    return key


def _hex(path: Path, data: bytes) -> bytes:
    try:
        key = bytes.fromhex(data.decode())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise _broken(path, "64 hex digits", "restore it from a copy")
    return key


def _broken(path: Path, what: str, instead: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(path), 0, 0, f"this is not {what}", instead)])
