"""The store's tables, as SQLAlchemy Core sees them.

Knows names and types only; the migrations make them. Must not hold queries. Invariant: whatever stands in a column of
`entries` besides the leaf stands in the leaf too (and verification compares them), so that an index never says what
the log does not.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("journal", String(32), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("at", String(27), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("login", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("leaf", Text, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    UniqueConstraint("journal", "number", name="entries_once"),
    Index("entries_at", "at"),
    Index("entries_login", "login"),
    Index("entries_decision", "decision"),
)

subtrees = Table(
    "subtrees",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("at", String(27), nullable=False),
)

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("public_key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
)
"""One row (id 1): the tree's size and its frontier's hashes in a row. Whoever appends locks it first."""

console_people = Table(
    "console_people",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("roles", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("made", String(27), nullable=False),
)
"""`roles`: names with spaces between. `password`: an Argon2 hash. `totp`: base32, or empty. `step`: the newest that was
used of RFC 6238's time steps, so that no code serves twice."""

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("roles", Text, nullable=False),
    Column("how", String(32), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Index("console_sessions_person", "person"),
)
"""`digest`: SHA-256 (hex) of what the cookie holds. `how`: password, or the provider's name. Times: seconds since 1970
(UTC)."""

console_tokens = Table(
    "console_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("label", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Index("console_tokens_person", "person"),
)
"""Tokens with which programs ask as a person; `digest` as for sessions."""

orders = Table(
    "orders",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("database", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
    Index("orders_state", "state"),
)
"""Disclosure orders. `record`: the whole as JSON (`redactor.orders.form`), ids of people included until it is closed;
the other columns say the same again, to be found by. `received`: seconds since 1970 (UTC)."""

order_uses = Table(
    "order_uses",
    metadata,
    Column("order", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
)
"""Rows that were counted against an order, in order. `at`: microseconds since 1970 (UTC)."""

order_notices = Table(
    "order_notices",
    metadata,
    Column("order", String(32), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("seen_by", Text, nullable=False),
)
"""Whom an order that one person approved is told to, by role. `seen_by`: empty until one of them has seen it."""
