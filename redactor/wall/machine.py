"""The machine that redactor runs on: keys, certificates, the store, the log's directory.

Knows files and their modes; opens the store to see that it answers, and changes nothing in it. Never shows what
a key file holds.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from redactor.config import Config
from redactor.errors import RedactorError
from redactor.store.database import Database
from redactor.wall.findings import Finding, fail, ok, unknown, warn

SOON_DAYS = 30
_READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


def judge(config: Config, now: datetime) -> Iterator[Finding]:
    """All findings about the machine. `now` has a time zone."""
    yield from _keys(config)
    yield from private_files(config)
    yield from _certificate(config, now)
    yield from _store(config)
    yield from _secrets(config)


def _keys(config: Config) -> Iterator[Finding]:
    directory = config.log.directory
    keys = directory / "keys"
    if not directory.exists():
        yield warn(
            "log",
            f"there is no log in {directory} yet",
            "Nothing has been recorded.",
            "Start redactor serve once; hand log.pub to the auditor.",
        )
        return
    if (keys / "auditor.key").exists():
        yield fail(
            "auditor's key",
            f"the auditor's private key lies on this machine ({keys / 'auditor.key'})",
            "Whoever runs this machine can read the full text of every recorded statement.",
            "Hand it to the auditor, keep no copy, and remove the file.",
        )
    else:
        yield ok("auditor's key", "the auditor's private key is not here")
    for path in (directory, keys):
        if path.exists() and path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield fail(
                "log keys",
                f"others may write in {path}",
                "They could put keys of their own in place.",
                f"chmod go-w {path}",
            )


def private_files(config: Config) -> Iterator[Finding]:
    """Of each file that nobody but redactor's own user may read, whether that is so."""
    keys = config.log.directory / "keys"
    for path in (keys / "log.key", keys / "digest.key", *sorted((keys / "months").glob("*.json"))):
        yield from _private(path, "log keys")
    if config.tls is not None:
        yield from _private(config.tls.key, "certificate")
    for database in config.databases.values():
        if database.upstream.key is not None:
            yield from _private(database.upstream.key, "certificate")
    if config.logins.verifiers is not None:
        yield from _private(config.logins.verifiers, "verifiers")


def _private(path: Path, check: str) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as e:
        yield unknown(check, f"{path} cannot be looked at ({e.strerror})", "Run doctor as redactor's own user.")
        return
    if mode & _READABLE_BY_OTHERS:
        yield fail(
            check,
            f"{path} can be read by other users (mode {stat.S_IMODE(mode):o})",
            "Who has it can pass for redactor.",
            f"chmod 600 {path}",
        )
    else:
        yield ok(check, f"{path.name} is readable by its owner alone")


def _certificate(config: Config, now: datetime) -> Iterator[Finding]:
    if config.tls is None:
        if config.listen.host not in ("127.0.0.1", "::1", "localhost"):
            yield warn(
                "TLS with clients",
                f"redactor listens on {config.listen} without TLS",
                "Passwords and what approved people read can be read on the way.",
                "tls: {certificate: ..., key: ...} in redactor.yaml",
            )
        return
    try:
        certificate = x509.load_pem_x509_certificates(config.tls.certificate.read_bytes())[0]
    except (OSError, ValueError):
        yield fail(
            "certificate",
            f"{config.tls.certificate} is no certificate that can be read",
            "redactor does not start with it.",
            "Put a PEM file there.",
        )
    else:
        left = (certificate.not_valid_after_utc - now).days
        if left < 0 or certificate.not_valid_before_utc > now:
            yield fail("certificate", "the certificate is not valid now", "Clients that verify it stop.", "Renew it.")
        elif left < SOON_DAYS:
            yield warn(
                "certificate", f"the certificate ends in {left} days", "Clients that verify it stop.", "Renew it."
            )
        else:
            yield ok("certificate", f"the certificate is valid for {left} more days")


def _store(config: Config) -> Iterator[Finding]:
    if config.store.startswith("sqlite"):
        path = Path(config.store.removeprefix("sqlite:///"))
        if not path.exists():
            yield warn(
                "store", f"there is no store at {path} yet", "Nothing has been recorded.", "Start redactor serve once."
            )
            return
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            yield warn(
                "store",
                f"{path} can be read by other users of this machine",
                "It tells who asked what, without the literals.",
                f"chmod 600 {path}",
            )
    try:
        store = Database(config.store)
        try:
            store.require()
        finally:
            store.close()
    except RedactorError as e:
        why = "What must be logged and cannot be is not served."
        yield fail("store", e.public, why, "redactor audit verify says what is wrong with it.")
    else:
        yield ok("store", "the store answers")


def _secrets(config: Config) -> Iterator[Finding]:
    try:
        written = config.file.read_text(encoding="utf-8")
        mode = config.file.stat().st_mode
    except (OSError, UnicodeDecodeError):
        return
    secrets = [d.upstream.password for d in config.databases.values() if d.upstream.password]
    secrets += [config.mask_key] if config.mask_key else []
    if any(s in written for s in secrets) and mode & _READABLE_BY_OTHERS:
        yield fail(
            "secrets",
            f"{config.file} holds a password or a key and can be read by other users",
            "They could log in as redactor, or undo hash masks.",
            f"chmod 600 {config.file}, or write ${{NAME}} and set the variable.",
        )


def utc(seconds: float) -> datetime:
    """Seconds since the epoch as a time with its zone."""
    return datetime.fromtimestamp(seconds, UTC)
