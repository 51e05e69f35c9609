"""The vocabulary: who asks, what a statement touches, which rule spoke, what a client is told.

Knows nothing but the standard library. Everything here is immutable: a value made once is safe to share between
sessions, caches and logs. Beside it stand `transitions`, `decision`, `effects` and `judge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class RelationName(NamedTuple):
    """A relation, qualified: `public.residents`."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class ColumnName(NamedTuple):
    """A column, qualified: `public.residents.alien_number`."""

    schema: str
    relation: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.relation}.{self.name}"

    @property
    def of(self) -> RelationName:
        """The relation that has the column."""
        return RelationName(self.schema, self.relation)


class Use(Enum):
    """How a statement uses a column. All but OUTPUT, WHOLE_ROW and INSERT (a value of one's own in a new row) shape
    which rows come back, or how many."""

    OUTPUT = "output"
    WHOLE_ROW = "whole row"
    PREDICATE = "predicate"
    JOIN = "join"
    ORDER = "order"
    GROUP = "group"
    DISTINCT = "distinct"
    SET_OPERATION = "set operation"
    AGGREGATE = "aggregate"
    LIMIT = "limit"
    WRITE = "write"
    INSERT = "insert"

    @property
    def shapes_rows(self) -> bool:
        """Whether this use lets the column decide which rows there are, and in what order."""
        return self not in (Use.OUTPUT, Use.WHOLE_ROW, Use.INSERT)


@dataclass(frozen=True, slots=True, order=True)
class ColumnUse:
    """A column and one way in which a statement uses it."""

    column: ColumnName
    use: Use = field(compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as a signed token named them: checked, and without the token itself.

    `issuer` is the provider's name in the configuration; `claims` are (path, value) of what the token says in text;
    `expires` is in seconds since the epoch, UTC. `void`: why it counts no longer; empty while it does.
    """

    issuer: str
    subject: str
    claims: frozenset[tuple[str, str]] = frozenset()
    expires: float = float("inf")
    void: str = ""

    def __str__(self) -> str:
        return f"{self.issuer}/{self.subject}"


@dataclass(frozen=True, slots=True)
class Opening:
    """Columns of one relation that a disclosure order opens, in the rows whose `key` is one of `keys` (as text).

    `dated`: only rows with that column's time from `since` on and before `until` (RFC 3339); each may be empty.
    """

    relation: RelationName
    columns: frozenset[str]
    key: str
    keys: frozenset[str]
    dated: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an approved disclosure order opens, to which login, from when to when (seconds since the epoch, UTC).

    `digest` is of the openings, and stands for them in comparisons. `cap`: the most rows. `void`: why it counts no
    longer; empty while it does.
    """

    id: str
    login: str
    case: str
    begins: float
    ends: float
    cap: int
    digest: str
    openings: tuple[Opening, ...] = field(default=(), compare=False, repr=False)
    void: str = ""

    @property
    def hit(self) -> RuleHit:
        """How decisions under the order name it."""
        return RuleHit(f"order {self.id}", f"disclosure order, case {self.case}")


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks. `application` is what the client says of itself; it decides nothing, nor does `address`.

    `login` and `groups` are vouched for by the database. `identity`: who logged in with a token.
    `on_behalf_of`: the end user for whom a login asks that the policy lets speak for others.
    """

    login: str
    database: str
    groups: frozenset[str] = frozenset()
    address: str = ""
    application: str = ""
    authentication: str = ""
    identity: Identity | None = None
    on_behalf_of: Identity | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a statement touches. `kinds` are libpg_query node names (`SelectStmt`), in the order of the text."""

    kinds: tuple[str, ...] = ()
    relations: tuple[RelationName, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that took part in a decision. `because` is its reason as the policy gives it."""

    rule: str
    because: str
    columns: tuple[ColumnName, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What a client is told, field for field (PostgreSQL docs, 54.8 Error and Notice Message Fields).

    `position` counts characters of the client's text from 1; 0 is none.
    """

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    position: int = 0
