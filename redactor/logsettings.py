"""How the log is kept, as redactor.yaml says under `log`: where, signed how often, sent where, texts kept how long.

Knows that part of the file's form. Must not know the store, nor what a URL's options mean: the log itself reads those.
Invariant: a period that cannot be read is a fault, never a default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from redactor.yamlfile import Form, wrong

_SYSLOG = ("syslog+tls", "syslog+tcp", "syslog+udp")
OUTLETS = {
    "publish": (
        *("file", "s3", "git+ssh", "git+https", "git+http", "git+file", "postgresql", "sqlite"),
        *("witness+https", "witness+http", *_SYSLOG),
    ),
    "forward": ("file", "https", "http", *_SYSLOG),
}
"""What `log: publish` and `log: forward` may begin with; the log itself reads the rest."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long texts are kept, in seconds, and why no longer: the reason becomes part of the log."""

    seconds: int
    because: str


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`directory` holds journal, keys, checkpoints. `checkpoint_every`: entries. `auditor_key`: PEM, X25519 public.

    `publish`, `forward`: URLs, with credentials, of where checkpoints and entries go besides (docs/log.md).
    """

    directory: Path
    checkpoint_every: int = 1000
    auditor_key: Path | None = None
    publish: tuple[str, ...] = field(default=(), repr=False)
    forward: tuple[str, ...] = field(default=(), repr=False)
    retention: Retention | None = None


# ------------------------------------------------------------------ the file


def _period(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,4}[dwy]", text):
        raise wrong(f"`{text}` is not a period", "days, weeks or years: 90d, 26w, 3y")
    return text


class RetentionForm(Form):
    keep: Annotated[str, AfterValidator(_period)] = Field(description="how long full texts are kept: 90d, 26w, 3y")
    because: str = Field(description="the rule that says so; it becomes part of the log", min_length=1)


class LogForm(Form):
    directory: str | None = Field(default=None, description="for journal and keys; default: beside the store")
    checkpoint_every: int = Field(default=1000, ge=1, description="entries from one signed checkpoint to the next")
    auditor_key: str | None = Field(default=None, description="PEM file: the auditor's X25519 public key")
    publish: list[str] = Field(default=[], description="URLs that checkpoints are sent to: file, s3, git+ssh ...")
    forward: list[str] = Field(default=[], description="URLs that entries are sent to: file, syslog+tls, https")
    retention: RetentionForm | None = Field(default=None, description="when full texts are destroyed; none: never")


def retention_of(form: LogForm) -> Retention | None:
    """What the file says of retention; None: texts are kept for ever."""
    if form.retention is None:
        return None
    days = {"d": 1, "w": 7, "y": 365}[form.retention.keep[-1]]
    return Retention(int(form.retention.keep[:-1]) * days * 86400, form.retention.because)
