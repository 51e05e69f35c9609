"""What a statement does to its session: settings, transaction blocks, names that it makes and drops.

Knows the vocabulary only. Must not apply anything: that is `context`. The sum type `Transition` is closed: match it
exhaustively and end with `assert_never`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from redactor.model import Grant, Identity


@dataclass(frozen=True, slots=True)
class Own:
    """A relation, type or function that a session made itself and that the catalog cannot know yet.

    `columns` are its names in order where they are known. `temporary` ones live in pg_temp. `maker`: the end user on
    whose behalf it was made, and who alone may read it. `sized`: a view of what takes room as its hidden values do.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[str, ...] | None = None
    temporary: bool = True
    maker: Identity | None = None
    sized: bool = False


@dataclass(frozen=True, slots=True)
class SetPath:
    """search_path becomes `path`; None: back to the session's default. `local` ends with the transaction."""

    path: tuple[str, ...] | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class SetEncoding:
    """client_encoding becomes `encoding` (PostgreSQL's name); None: back to the start-up value."""

    encoding: str | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class SetRole:
    """SET ROLE: whose rights hold, and whose schema `$user` is. None: the login's own; `reset`: as at the beginning."""

    role: str | None
    local: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True)
class SetIdentity:
    """The session asks on behalf of `identity` from here on; None: on its own again. `local`: for the transaction."""

    identity: Identity | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class SetOrder:
    """The session acts under a disclosure order from here on; None: under none. `local`: for the transaction."""

    grant: Grant | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class ResetAll:
    """RESET ALL, and the settings' part of DISCARD ALL."""


@dataclass(frozen=True, slots=True)
class Begin:
    """BEGIN, START TRANSACTION."""


@dataclass(frozen=True, slots=True)
class Finish:
    """COMMIT, END, ROLLBACK, PREPARE TRANSACTION; `chain`: AND CHAIN begins the next at once."""

    commit: bool
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Savepoint:
    name: str


@dataclass(frozen=True, slots=True)
class Release:
    name: str


@dataclass(frozen=True, slots=True)
class RollbackTo:
    name: str


@dataclass(frozen=True, slots=True)
class Make:
    """The session made something of its own."""

    own: Own


@dataclass(frozen=True, slots=True)
class Drop:
    """The session dropped something that may have been its own. `schema` None: as search_path finds it."""

    schema: str | None
    name: str


@dataclass(frozen=True, slots=True)
class DropTemps:
    """DISCARD TEMP."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """A statement prepared by PREPARE or by a Parse message: what the client wrote, and what was sent for it.

    `before`: how many characters stood before `text` in what the client wrote: PREPARE and its types.
    """

    name: str
    text: str
    sent: str
    before: int = 0


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE name; None: all."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE name CURSOR, by a login that speaks for others. `behalf`: for whom it shows rows; empty: the login."""

    name: str
    behalf: str


@dataclass(frozen=True, slots=True)
class Open:
    """DECLARE name CURSOR, some of whose outputs are masked columns. `origins`: (relation oid, attnum) of each output,
    up to the last that is known; none: nothing of a cursor of that name that was there before holds for this one."""

    name: str
    origins: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SchemaChanged:
    """Something that others can see was made, altered or dropped: a new snapshot is needed. `roles`: who belongs to
    which role may have changed, too."""

    roles: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The statement was sent as a query around a write: where CommandComplete says SELECT, it says `word` (UPDATE,
    DELETE, MERGE) to the client. Changes nothing of the session."""

    word: str


_Setting: TypeAlias = SetPath | SetEncoding | SetRole | SetIdentity | SetOrder | ResetAll
_Block: TypeAlias = Begin | Finish | Savepoint | Release | RollbackTo
_Object: TypeAlias = Make | Drop | DropTemps | Prepare | Deallocate | Declare | Open | SchemaChanged | Answer
Transition: TypeAlias = _Setting | _Block | _Object
