"""The vocabulary: what a requester asks, what a statement touches, what was decided, what is remembered.

Knows nothing but the standard library (`Context` is named in a type only). Everything here is immutable: a value made
once is safe to share between sessions, caches and logs. The sum types (`Decision`, `Effect`, `Transition`) are closed:
match them exhaustively and end with `assert_never`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from redactor.context import Context


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


# ------------------------------------------------------------------ what a statement does to its session


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
class SchemaChanged:
    """Something that others can see was made, altered or dropped: a new snapshot is needed. `roles`: who belongs to
    which role may have changed, too."""

    roles: bool = True


_Setting: TypeAlias = SetPath | SetEncoding | SetRole | SetIdentity | SetOrder | ResetAll
_Block: TypeAlias = Begin | Finish | Savepoint | Release | RollbackTo
_Object: TypeAlias = Make | Drop | DropTemps | Prepare | Deallocate | Declare | SchemaChanged
Transition: TypeAlias = _Setting | _Block | _Object


# ------------------------------------------------------------------ what was decided

Origin: TypeAlias = tuple[int, int]
"""The (relation oid, attnum) of a column in RowDescription; attnum 0 is a whole row."""

NOWHERE: Origin = (0, 0)
"""The origin of what is no table's column."""

MARK = "redactor: refused, decision "
"""What a refused statement is replaced by asks for a column of this name and the decision's id: there is none."""

_ID = "\x00"


@dataclass(frozen=True, slots=True)
class Allow:
    """Goes through as it is. `recorded`: the policy asks that it be logged. `transitions`: one tuple a statement;
    `origins` as for `Redact`, where a prepared text was rewritten."""

    footprint: Footprint
    transitions: tuple[tuple[Transition, ...], ...] = ()
    rules: tuple[RuleHit, ...] = ()
    shape: str = ""
    recorded: bool = False
    origins: tuple[tuple[Origin, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Redact:
    """Goes through as `text`. `grant`: the disclosure order under which it reads; its rows count against that.

    `origins`: one tuple a statement: what the client is to be told where each output comes from (RowDescription),
    where the server can no longer tell since a mask stands there; empty where that is not known.
    """

    text: str
    footprint: Footprint
    rules: tuple[RuleHit, ...]
    transitions: tuple[tuple[Transition, ...], ...] = ()
    shape: str = ""
    grant: Grant | None = None
    origins: tuple[tuple[Origin, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Goes through as a statement that must fail (`text_for`), whose error then becomes `problem`.

    Of a text with several statements only the refused one is replaced, so that those before it take effect and are
    rolled back exactly as a failing statement would have had it.
    """

    text: str
    problem: Problem
    footprint: Footprint = Footprint()
    rules: tuple[RuleHit, ...] = ()
    transitions: tuple[tuple[Transition, ...], ...] = ()
    shape: str = ""

    def text_for(self, decision: str) -> str:
        """The text to send, marked with the decision's id (at most 32 ASCII letters, digits and hyphens)."""
        return self.text.replace(_ID, decision)

    @staticmethod
    def failing() -> str:
        """A statement that any PostgreSQL refuses in parse analysis, after BEGIN and in a read-only transaction."""
        return f'SELECT "{MARK}{_ID}"'


Decision: TypeAlias = Allow | Redact | Refuse


class Verdict(Enum):
    """A decision's name in the log."""

    ALLOWED = "allowed"
    REDACTED = "redacted"
    REFUSED = "refused"


def verdict_of(decision: Decision) -> Verdict:
    """The name under which the log keeps a decision."""
    match decision:
        case Allow():
            return Verdict.ALLOWED
        case Redact():
            return Verdict.REDACTED
        case Refuse():
            return Verdict.REFUSED


# ------------------------------------------------------------------ what is remembered


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log is asked to remember of a decision, before it is numbered and sealed.

    `shape` has no literals; `text` has them all and leaves the proxy only encrypted and as a keyed digest.
    `at` is seconds since the epoch, UTC. `outcome` is what is known when the entry is written (`sent`, `refused`,
    `tripwire`).
    """

    at: float
    decision: str
    verdict: Verdict
    requester: Requester
    rules: tuple[RuleHit, ...]
    columns: tuple[ColumnUse, ...]
    shape: str
    text: str
    snapshot: str
    outcome: str
    problem: Problem | None = None


# ------------------------------------------------------------------ what a session wants done


@dataclass(frozen=True, slots=True)
class ToServer:
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class ToClient:
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Answer the client's SSLRequest with S and begin TLS as its server."""


@dataclass(frozen=True, slots=True)
class Record:
    """Make the entry durable; nothing that follows in the list may be performed before it is."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Spend:
    """Count rows against a disclosure order, durably, before any of them leaves; the answer goes to `spent`.

    `decision`: the id of the decision by which they were read. `at`: when, in seconds since the epoch.
    """

    order: str
    requester: Requester
    rows: int
    decision: str
    at: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """Publish a new snapshot before anything more of this session is decided: its own DDL has just passed, or an answer
    names what the snapshot does not know."""


@dataclass(frozen=True, slots=True)
class Outdate:
    """The snapshot no longer stands: from here on nothing is decided, for anyone from whom something is hidden, in any
    process, before a newer one is published. DDL has passed of a session from which nothing is hidden."""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Publish a snapshot that knows all that an `Outdate` told of, before anything more of this session is decided."""


@dataclass(frozen=True, slots=True)
class FindSecret:
    """Find out how `login` proves itself; what is found goes to the session's `secret_found`."""

    login: str


@dataclass(frozen=True, slots=True)
class CheckToken:
    """Check a token that is to log in, with a provider's newest keys; the answer goes to `token_checked`."""

    provider: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """End both connections. `reason` is for the operator's log and holds no data."""

    reason: str


Effect: TypeAlias = (
    ToServer | ToClient | StartTLS | Record | Spend | Refresh | Outdate | CatchUp | FindSecret | CheckToken | Close
)


# ------------------------------------------------------------------ the one question


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a text gives a token: characters from 0; `start` = `end`: not as a constant.

    In a comment (`/*redactor_identity='...'*/`) the span is what stands between the quotes, and is for that text
    only; of SET and set_config it is the whole literal. `whole`: SET without LOCAL.
    """

    start: int
    end: int
    value: str = field(repr=False)
    comment: bool = False
    whole: bool = True


class Judge(Protocol):
    """What a session asks of a published snapshot. Immutable; every method is a pure function of its arguments."""

    @property
    def snapshot(self) -> str:
        """The snapshot's digest, as entries name it."""

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        """The context in which a session starts, or why it may not.

        `parameters`: the start-up message's, `options` included. `search_path`: what the server says it is once logged
        in; None while that is not known yet.
        """

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        """What is to become of a text, of one statement or several, in that context."""

    def named(self, requester: Requester, relation: RelationName) -> RelationName | None:
        """What an error names instead of a partition, where which partition a row is in is hidden."""

    def takes(self, requester: Requester, context: Context, types: tuple[int, ...]) -> Refuse | None:
        """Why parameters of these types (oids) may not be given, if so: making a value of a type may read."""

    def tokens(self, text: str) -> tuple[TokenPlace, ...] | None:
        """Where a text gives a token for an end user; None: the text cannot be read."""

    def speaks_for(self, requester: Requester) -> frozenset[str]:
        """The issuers of the end users on whose behalf the requester's login may ask."""

    def exempt(self, requester: Requester) -> bool:
        """Whether nothing in this database is hidden from the requester."""

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        """The (relation oid, attnum; 0: whole row) that no RowDescription to the requester may name."""

    def knows(self, relation: int, number: int) -> bool:
        """Whether the snapshot has that column (attnum; 0 or less: any) of that relation (oid), or PostgreSQL has."""

    def made_by(self, requester: Requester, relation: int) -> RelationName | None:
        """The name of a relation (oid) that is the requester's login's and that nobody has reviewed; else None."""

    def tells(self, requester: Requester, sqlstate: str, relation: RelationName, detail: str) -> bool:
        """Whether the DETAIL of an error about that relation (fields s, t) would show hidden values."""
