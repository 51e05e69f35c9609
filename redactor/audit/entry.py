"""What an entry of the log is, to the byte: from `decision.Entry` to the leaf of the tree.

Knows the fields and which of them stand in clear. Must not know files or databases; keys and numbers are arguments.
Invariant: whatever a client writes freely (the text with its literals, application_name, and an error's words, which
may quote the text) is in the sealed part only; in clear stand names that the database or the policy vouches for, and
the shape, which has no literals. A leaf is canonical JSON without floats, so that any language spells it alike.

An entry is made in two steps. `close` gives what the journal holds: the body, still without its place, and the
sealed text. `place` adds which journal it came from, its number there, and its sequence in the log: that is the leaf.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from typing import Any

import orjson

from redactor.audit.sealing import Seal
from redactor.decision import Entry
from redactor.model import ColumnUse, Problem, Requester, RuleHit

VERSION = 1
TEXT_LIMIT = 1 << 20
SHAPE_LIMIT = 1 << 16

FIELDS: dict[str, str] = {
    "address": "where the requester connected from",
    "at": "time, UTC, microseconds (RFC 3339)",
    "authentication": "how the requester was authenticated, by the database or the proxy",
    "columns": "protected and other columns used: [{column, use}]",
    "database": "the database's name",
    "decision": "the decision's id, as the client was told",
    "digest": "HMAC-SHA256 of the full text under a key of the proxy (hex): equal statements have equal digests",
    "groups": "the requester's database roles",
    "journal": "the journal that held the entry first (hex)",
    "kind": "decision; or retention, key, deed, order (which have fields of their own: at, because, months, through; "
    "introduction; by, roles, deed, about; step, state, order ...)",
    "login": "who asked",
    "number": "the entry's number in that journal, from 0",
    "on_behalf_of": "the person whom a token named, as provider/subject: the end user, or who logged in; or empty",
    "outcome": "sent, refused, tripwire, ...",
    "rules": "the policy's rules that took part: [{because, columns, rule}]",
    "sealed": "what the auditor can open: {bytes, cut, sha256, to}; sha256 is of the sealed text, bytes of the text, "
    "to: the month's key",
    "sequence": "the entry's place in the log, from 0",
    "shape": "the statement without its literals",
    "snapshot": "the digest of catalog and policy that decided",
    "sqlstate": "the SQLSTATE that the client was given, or empty",
    "verdict": "allowed, redacted or refused",
    "v": "the version of this list",
}
"""The leaf's fields of kind `decision`, and what they mean (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """An entry as the journal holds it. `body`: canonical JSON; `sealed`: the text for the auditor, may be empty."""

    body: bytes
    sealed: bytes

    def pack(self) -> bytes:
        """One record for the journal."""
        return len(self.body).to_bytes(4, "big") + self.body + self.sealed

    @staticmethod
    def unpack(record: bytes) -> Closed:
        """The inverse of `pack`; ValueError where it is none."""
        n = int.from_bytes(record[:4], "big")
        if len(record) < 4 + n:
            raise ValueError("a record of the journal is shorter than it says")
        return Closed(record[4 : 4 + n], record[4 + n :])


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value that is hashed: UTF-8, keys sorted, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def clean(text: str) -> str:
    """The text with what UTF-8 cannot hold (lone surrogates) replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def time_text(at: float) -> str:
    """Seconds since the epoch as RFC 3339, always with six digits of microseconds."""
    second = floor(at)
    fraction = round((at - second) * 1_000_000)
    if fraction == 1_000_000:
        second, fraction = second + 1, 0
    return f"{_second_text(second)}.{fraction:06}Z"


@lru_cache(maxsize=8)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def month(at: float) -> str:
    """The month (UTC) under whose key an entry of that time is sealed: `2026-11`."""
    return time_text(at)[:7]


@dataclass(frozen=True, slots=True)
class _Common:
    """The spelled parts of an entry between those that are its own: time, decision, digest, sealed."""

    alike: tuple[object, ...]
    address: bytes
    database: bytes
    groups: bytes
    shape: bytes


@dataclass(frozen=True, slots=True)
class _Secret:
    """What is sealed of an entry, and what is said of it in clear."""

    alike: tuple[object, ...]
    text: bytes
    digest: bytes
    about: bytes


class Outlines:
    """What was spelled for entries before, to be used again where an entry has the same parts (the same objects).

    A session that executes a statement again and again makes entries that differ in time, decision and sealed text
    only. Bounded by `most` of each kind.
    """

    __slots__ = ("_arounds", "_common", "_most", "_secrets")

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._common: dict[tuple[object, ...], _Common] = {}
        self._secrets: dict[tuple[int, ...], _Secret] = {}
        self._arounds: dict[tuple[int, int], tuple[object, bytes]] = {}

    def common(self, entry: Entry) -> _Common:
        """Fields that do not change from one execution to the next."""
        requester, rules, columns, shape, snapshot = parts = (
            entry.requester,
            entry.rules,
            entry.columns,
            entry.shape,
            entry.snapshot,
        )
        sqlstate = entry.problem.sqlstate if entry.problem else ""
        key = id(requester), id(rules), id(columns), id(shape), id(snapshot), entry.outcome, entry.verdict, sqlstate
        known = self._common.get(key)
        if known is not None:
            return known
        if len(self._common) >= self._most:
            self._common.clear()
        made = _Common(
            parts,  # kept, so that no other object can come to have one of these ids
            _fields({"address": clean(requester.address)}),
            _fields(
                {
                    "authentication": clean(requester.authentication),
                    "columns": [_column(c) for c in columns],
                    "database": clean(requester.database),
                }
            ),
            _fields(
                {
                    "groups": sorted(clean(g) for g in requester.groups),
                    "kind": "decision",
                    "login": clean(requester.login),
                    "on_behalf_of": _person(requester),
                    "outcome": clean(entry.outcome),
                    "rules": [_rule(r) for r in rules],
                }
            ),
            _fields(
                {
                    "shape": clean(shape[:SHAPE_LIMIT]),
                    "snapshot": clean(snapshot),
                    "sqlstate": sqlstate,
                    "v": VERSION,
                    "verdict": entry.verdict.value,
                }
            ),
        )
        self._common[key] = made
        return made

    def _around(self, requester: Requester, problem: Problem | None) -> bytes:
        """What is sealed with a text, before it."""
        key = id(requester), id(problem)
        known = self._arounds.get(key)
        if known is None:
            if len(self._arounds) >= self._most:
                self._arounds.clear()
            spelled = _fields({"application": clean(requester.application), "problem": _problem(problem)})
            self._arounds[key] = known = (requester, problem), spelled
        return known[1]

    def secret(self, entry: Entry, digest_key: bytes) -> _Secret:
        """What is to be sealed. Texts over TEXT_LIMIT are cut in it, and never kept."""
        key = id(entry.text), id(entry.problem), id(entry.requester), id(digest_key)
        known = self._secrets.get(key)
        if known is not None:
            return known
        text = clean(entry.text)
        whole = text.encode()
        cut = len(text) > TEXT_LIMIT
        text = text[:TEXT_LIMIT] if cut else text
        made = _Secret(
            (entry.text, entry.problem, entry.requester, digest_key),
            b"{%b,%b}" % (self._around(entry.requester, entry.problem), _fields({"text": text})),
            hmac.digest(digest_key, whole, "sha256").hex().encode(),
            _fields({"bytes": len(whole), "cut": cut}),
        )
        if len(whole) <= _REPEATED and entry.problem is None:
            if len(self._secrets) >= self._most:
                self._secrets.clear()
            self._secrets[key] = made
        return made


_REPEATED = 4096
"""Bytes of a text up to which what is sealed of it is kept, to be sealed again."""


def _fields(value: dict[str, object]) -> bytes:
    """Some of an object's fields as canonical JSON spells them, without the braces."""
    return canonical(value)[1:-1]


def _column(used: ColumnUse) -> dict[str, object]:
    return {"column": clean(str(used.column)), "use": used.use.value}


def close(entry: Entry, digest_key: bytes, seal: Seal, to: str, outlines: Outlines | None = None) -> Closed:
    """Seal an entry. `to`: the name of the key that `seal` seals to (`sealing.key_name`).

    Texts over TEXT_LIMIT characters are cut in the sealed part (`cut` says so); the digest is always of the whole.
    """
    known = outlines if outlines is not None else Outlines(1)
    common, secret, decision = known.common(entry), known.secret(entry, digest_key), clean(entry.decision)
    sealed = seal.close(secret.text, decision)
    body = b'{%b,"at":"%b",%b,"decision":%b,"digest":"%b",%b,"sealed":{%b,"sha256":"%b","to":%b},%b}' % (
        common.address,
        time_text(entry.at).encode(),
        common.database,
        canonical(decision),
        secret.digest,
        common.groups,
        secret.about,
        hashlib.sha256(sealed).hexdigest().encode(),
        canonical(to),
        common.shape,
    )
    return Closed(body, sealed)


def retention(at: float, through: int, because: str, months: Sequence[str] = ()) -> Closed:
    """The entry that says that the sealed texts of entries 0 to `through`, and keys of those months, are going."""
    body = {
        "at": time_text(at),
        "because": clean(because),
        "kind": "retention",
        "months": sorted(months),
        "through": through,
        "v": VERSION,
    }
    return Closed(canonical(body), b"")


def introduction(at: float, note: str) -> Closed:
    """The entry that holds the note with which the log's key introduces the one after it (`Signer.introduce`)."""
    return Closed(canonical({"at": time_text(at), "introduction": note, "kind": "key", "v": VERSION}), b"")


def deed(
    at: float, by: str, roles: Iterable[str], what: str, about: Mapping[str, str | int], because: str = ""
) -> Closed:
    """The entry that says what a person did at the console: `what` in a word or two, `about` what it concerned.

    It has no sealed part: nothing of a statement's literals may be put into it.
    """
    body = {
        "about": {clean(name): clean(value) if isinstance(value, str) else value for name, value in about.items()},
        "at": time_text(at),
        "because": clean(because),
        "by": clean(by),
        "deed": clean(what),
        "kind": "deed",
        "roles": sorted(clean(r) for r in roles),
        "v": VERSION,
    }
    return Closed(canonical(body), b"")


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry of another kind that has a sealed text, too: `fields` in clear, `secret` for the auditor only.

    `fields` hold `decision`, under which the text is sealed.
    """

    at: float
    fields: Mapping[str, Any]
    secret: bytes

    def close(self, digest_key: bytes, seal: Seal, to: str) -> Closed:
        """As `close` does for a decision."""
        sealed = seal.close(self.secret, str(self.fields["decision"]))
        about = {"bytes": len(self.secret), "cut": False, "sha256": hashlib.sha256(sealed).hexdigest(), "to": to}
        digest = hmac.digest(digest_key, self.secret, "sha256").hex()
        body = {**self.fields, "at": time_text(self.at), "digest": digest, "sealed": about, "v": VERSION}
        return Closed(canonical(body), sealed)


def order_step(
    at: float,
    order: str,
    step: str,
    by: str,
    roles: Iterable[str],
    about: Mapping[str, Any],
    secret: bytes = b"",
) -> Closed | Draft:
    """The entry of a step of a disclosure order. `secret`: the demand with the names and ids in it, sealed.

    In clear stand names that officials gave and counts; `about`: `login`, `database`, `decision` where it has them.
    """
    fields: dict[str, Any] = {
        "decision": order,
        **{name: clean(value) if isinstance(value, str) else value for name, value in about.items()},
        "by": clean(by),
        "kind": "order",
        "order": order,
        "roles": sorted(clean(r) for r in roles),
        "step": step,
    }
    if secret:
        return Draft(at, fields, secret)
    return Closed(canonical({**fields, "at": time_text(at), "v": VERSION}), b"")


def place(body: bytes, journal: str, number: int, sequence: int) -> tuple[bytes, dict[str, Any]]:
    """The leaf: the body with its place, as canonical JSON and as the object that it spells."""
    value: dict[str, Any] = orjson.loads(body)
    value["journal"], value["number"], value["sequence"] = journal, number, sequence
    if value["kind"] != "decision":
        return canonical(value), value
    # A decision's body is canonical already, and no key in its inner objects is one of these: in a string its quotes
    # would be escaped, and in a list no colon could follow. So the three are set in where they belong.
    at = body.find(b',"kind":"decision",')
    then = body.find(b',"on_behalf_of":', at)
    last = body.find(b',"shape":', then)
    if not 0 < at < then < last:
        return canonical(value), value
    parts = (
        body[:at],
        b',"journal":',
        canonical(journal),
        body[at:then],
        b',"number":%d' % number,
        body[then:last],
        b',"sequence":%d' % sequence,
        body[last:],
    )
    return b"".join(parts), value


def _person(requester: Requester) -> str:
    identity = requester.on_behalf_of or requester.identity
    return clean(str(identity)) if identity is not None and identity.subject else ""


def _rule(hit: RuleHit) -> dict[str, object]:
    return {"because": clean(hit.because), "columns": [clean(str(c)) for c in hit.columns], "rule": clean(hit.rule)}


def _problem(problem: Problem | None) -> dict[str, object] | None:
    if problem is None:
        return None
    return {
        "detail": clean(problem.detail),
        "hint": clean(problem.hint),
        "message": clean(problem.message),
        "position": problem.position,
        "sqlstate": problem.sqlstate,
    }
