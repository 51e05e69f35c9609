"""The console's people, their sessions and their programs' tokens, as the store keeps them.

Knows the tables. Must not know what a role may do, nor how a password or a code is checked. Invariant: of what opens a
session or serves as a token only its SHA-256 is kept, so that a copy of the store opens nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from redactor.store.database import Database
from redactor.store.tables import console_people as people
from redactor.store.tables import console_sessions as sessions
from redactor.store.tables import console_tokens as tokens


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the console. `roles`: their names. `password`: an Argon2 hash; `totp`: base32, or empty.

    `step`: the newest time step whose code was used. `made`: RFC 3339, UTC.
    """

    name: str
    roles: frozenset[str]
    password: str = field(default="", repr=False)
    totp: str = field(default="", repr=False)
    step: int = 0
    disabled: bool = False
    made: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in. `how`: `password`, or the provider's name. Times: seconds since 1970, UTC."""

    digest: str
    person: str
    roles: frozenset[str]
    how: str
    csrf: str = field(repr=False)
    made: int
    seen: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token with which a program asks as a person, until `ends` (seconds since 1970, UTC)."""

    digest: str
    person: str
    label: str
    made: int
    ends: int


def digest_of(secret: str) -> str:
    """By what a session's or a token's secret is found."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Accounts:
    """Blocking: call it from a thread. LogUnavailable where the store is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -------------------------------------------------------------- people

    def all(self) -> list[Account]:
        """Everybody, by name."""
        return self._database.call(lambda c: [_account(r) for r in c.execute(select(people).order_by(people.c.name))])

    def find(self, name: str) -> Account | None:
        """The person of that name."""
        row = self._database.call(lambda c: c.execute(select(people).where(people.c.name == name)).first())
        return None if row is None else _account(row)

    def add(self, account: Account) -> bool:
        """Add a person; False where the name is taken."""

        def work(c: Connection) -> bool:
            if c.execute(select(people.c.name).where(people.c.name == account.name)).first() is not None:
                return False
            c.execute(insert(people).values(**_row(account)))
            return True

        return self._database.call(work, write=True)

    def change(self, account: Account) -> None:
        """Replace what is kept of a person, and end their sessions and tokens."""

        def work(c: Connection) -> None:
            c.execute(update(people).where(people.c.name == account.name).values(**_row(account)))
            c.execute(delete(sessions).where(sessions.c.person == account.name))
            c.execute(delete(tokens).where(tokens.c.person == account.name))

        self._database.call(work, write=True)

    def disable(self, name: str) -> bool:
        """Let a person in no more, and end what is open; False where there is no such person."""
        found = self.find(name)
        if found is not None:
            self.change(replace(found, disabled=True))
        return found is not None

    def use_step(self, name: str, step: int) -> bool:
        """Note that the code of a time step was used; False where it, or a later one, was already."""

        def work(c: Connection) -> bool:
            newer = (people.c.name == name) & (people.c.step < step)
            return c.execute(update(people).where(newer).values(step=step)).rowcount == 1

        return self._database.call(work, write=True)

    # -------------------------------------------------------------- sessions

    def begin(self, session: Session, older: int) -> None:
        """Keep a session; those begun before `older` (seconds since 1970) are forgotten."""

        def work(c: Connection) -> None:
            c.execute(delete(sessions).where(sessions.c.made < older))
            values = {name: getattr(session, name) for name in ("digest", "person", "how", "csrf", "made", "seen")}
            c.execute(insert(sessions).values(roles=" ".join(sorted(session.roles)), **values))

        self._database.call(work, write=True)

    def session(self, digest: str) -> Session | None:
        """The session of that digest, unless its person has been disabled."""
        query = select(sessions, people.c.disabled).outerjoin(people, people.c.name == sessions.c.person)
        row = self._database.call(lambda c: c.execute(query.where(sessions.c.digest == digest)).first())
        if row is None or row.disabled:
            return None
        return Session(row.digest, row.person, frozenset(row.roles.split()), row.how, row.csrf, row.made, row.seen)

    def touch(self, digest: str, now: int) -> None:
        """Note that a session was used."""
        self._database.call(
            lambda c: c.execute(update(sessions).where(sessions.c.digest == digest).values(seen=now)), write=True
        )

    def end(self, digest: str) -> None:
        """End a session."""
        self._database.call(lambda c: c.execute(delete(sessions).where(sessions.c.digest == digest)), write=True)

    # -------------------------------------------------------------- tokens

    def issue(self, token: Token) -> None:
        """Keep a token."""
        values = {name: getattr(token, name) for name in ("digest", "person", "label", "made", "ends")}
        self._database.call(lambda c: c.execute(insert(tokens).values(**values)), write=True)

    def token(self, digest: str) -> tuple[Token, Account] | None:
        """The token of that digest with its person, unless that one has been disabled."""

        def work(c: Connection) -> tuple[Token, Account] | None:
            row = c.execute(select(tokens).where(tokens.c.digest == digest)).first()
            whose = c.execute(select(people).where(people.c.name == row.person)).first() if row else None
            return None if row is None or whose is None or whose.disabled else (_token(row), _account(whose))

        return self._database.call(work)

    def tokens_of(self, person: str) -> list[Token]:
        """A person's tokens, the newest first."""
        query = select(tokens).where(tokens.c.person == person).order_by(tokens.c.made.desc(), tokens.c.digest)
        return self._database.call(lambda c: [_token(r) for r in c.execute(query)])

    def withdraw(self, person: str, digest: str) -> None:
        """End a token of that person."""
        which = (tokens.c.person == person) & (tokens.c.digest == digest)
        self._database.call(lambda c: c.execute(delete(tokens).where(which)), write=True)


def _account(row: Any) -> Account:
    roles = frozenset(row.roles.split())
    return Account(row.name, roles, row.password, row.totp, int(row.step), bool(row.disabled), row.made)


def _row(account: Account) -> dict[str, object]:
    values = {name: getattr(account, name) for name in ("name", "password", "totp", "step", "disabled", "made")}
    return {**values, "roles": " ".join(sorted(account.roles))}


def _token(row: Any) -> Token:
    return Token(row.digest, row.person, row.label, int(row.made), int(row.ends))
