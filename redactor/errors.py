"""One tree of errors. Each says what a stranger may read and, apart from it, what only the operator may.

`public` goes to clients; `private` goes to the operator's log. Neither ever holds a value from a protected column.
SQLSTATEs are those of PostgreSQL (docs, appendix A).
"""

from __future__ import annotations

from dataclasses import dataclass

IMITATED = "unknown-name"
"""The rule of a refusal that is the very error which PostgreSQL gives: nothing is added to it."""


class RedactorError(Exception):
    """Anything that redactor itself has to say. `sqlstate` is the class that a client is given."""

    sqlstate = "XX000"

    def __init__(self, public: str, private: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.private = private


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where (line, column from 1; 0: the whole file), what, and what would be right."""

    file: str
    line: int
    column: int
    what: str
    instead: str = ""

    def __str__(self) -> str:
        where = self.file + (f":{self.line}" if self.line else "") + (f":{self.column}" if self.column else "")
        return f"{where}: {self.what}" + (f" ({self.instead})" if self.instead else "")


class ConfigurationError(RedactorError):
    """A configuration, policy or catalog file that cannot be used: every fault found in it, in order."""

    sqlstate = "F0000"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(f) for f in faults))
        self.faults = faults


class UpstreamError(RedactorError):
    """The database cannot be reached, or does not answer as a PostgreSQL server would."""

    sqlstate = "08001"


class ProtocolViolation(RedactorError):
    """Bytes that the wire protocol does not allow here."""

    sqlstate = "08P01"


class TooMuch(RedactorError):
    """A text beyond the bounds that are safe to hand to a parser."""

    sqlstate = "54001"


class LogUnavailable(RedactorError):
    """An entry could not be made durable: what must be logged cannot be served."""

    sqlstate = "58030"


class InternalError(RedactorError):
    """A bug. The session that met it is closed; nothing more of it is forwarded."""

    sqlstate = "XX000"
