"""Messages, read and written (PostgreSQL docs, 54.7 and 54.8).

Knows what is in a message's body; keeps no state. Reading raises `ProtocolViolation` on a body that is not what its
kind promises; nothing here guesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct, unpack_from

from redactor.decision import Origin
from redactor.errors import ProtocolViolation
from redactor.model import Problem
from redactor.wire.pg.framing import frame, u16, u32

RESERVED = b"redactor: refused"
"""The name of a prepared statement that is never made: what is parsed under it always fails."""

UNKNOWN = b"redactor: no such statement"
"""The name of a prepared statement that nobody makes: what asks for it gets PostgreSQL's own error."""

FLUSH = frame(b"H")
SYNC = frame(b"S")
TERMINATE = frame(b"X")

_column = Struct(">IhIhiH")
_origin = Struct(">Ih")


# ------------------------------------------------------------------ to the server


def complete(tag: bytes) -> bytes:
    """A CommandComplete."""
    return frame(b"C", tag + b"\0")


def query(text: bytes) -> bytes:
    """A Query message. `text` has no zero byte in it."""
    return frame(b"Q", text + b"\0")


def parse(name: bytes, text: bytes, types: bytes = b"\0\0") -> bytes:
    """A Parse message; `types` is the count and the OIDs of its parameters, as they stood in the client's."""
    return frame(b"P", name + b"\0" + text + b"\0" + types)


def close_statement(name: bytes) -> bytes:
    return frame(b"C", b"S" + name + b"\0")


def describe_statement(name: bytes) -> bytes:
    return frame(b"D", b"S" + name + b"\0")


# ------------------------------------------------------------------ from the client


def query_text(body: bytes) -> bytes:
    """The text of a Query message's body."""
    if body.find(b"\0") != len(body) - 1:
        raise ProtocolViolation("invalid message format: a query ends with its only zero byte")
    return body[:-1]


def parse_parts(body: bytes) -> tuple[bytes, bytes, bytes]:
    """(name, text, parameter types) of a Parse message's body; the types as they are on the wire."""
    name_end = body.find(b"\0")
    text_end = body.find(b"\0", name_end + 1)
    if name_end < 0 or text_end < 0:
        raise ProtocolViolation("invalid message format: Parse without its two strings")
    types = body[text_end + 1 :]
    if len(types) < 2 or len(types) != 2 + 4 * u16.unpack_from(types)[0]:
        raise ProtocolViolation("invalid message format: Parse with a wrong number of parameter types")
    return body[:name_end], body[name_end + 1 : text_end], types


def oids(types: bytes) -> tuple[int, ...]:
    """The parameter types of a Parse message, as `parse_parts` gives them."""
    return unpack_from(f"!{u16.unpack_from(types)[0]}I", types, 2)


def named(body: bytes) -> tuple[int, bytes]:
    """(S or P, name) of a Describe or Close message's body."""
    if len(body) < 2 or body[0] not in b"SP" or body.find(b"\0") != len(body) - 1:
        raise ProtocolViolation("invalid message format: neither a statement nor a portal is named")
    return body[0], body[1:-1]


# ------------------------------------------------------------------ to the client


@lru_cache(maxsize=64)
def problem_message(problem: Problem, severity: str = "ERROR", codec: str = "utf-8") -> bytes:
    """An ErrorResponse with the fields S, V, C, M, and D, H, P where the problem has them."""
    fields = [
        ("S", severity),
        ("V", severity),
        ("C", problem.sqlstate),
        ("M", problem.message),
        ("D", problem.detail),
        ("H", problem.hint),
        ("P", str(problem.position) if problem.position else ""),
    ]
    body = b"".join(
        k.encode() + v.replace("\0", "").encode(codec, "replace") + b"\0" for k, v in fields if v or k == "M"
    )
    return frame(b"E", body + b"\0")


def negotiate(minor: int, options: list[bytes]) -> bytes:
    """A NegotiateProtocolVersion: the newest version offered is 3.`minor`, and these options are not known."""
    return frame(b"v", u32.pack(3 << 16 | minor) + u32.pack(len(options)) + b"".join(o + b"\0" for o in options))


# ------------------------------------------------------------------ from the server


def error_fields(body: bytes) -> dict[int, bytes]:
    """The fields of an ErrorResponse or NoticeResponse, by their one-letter codes."""
    fields: dict[int, bytes] = {}
    at = 0
    while at < len(body) and body[at]:
        end = body.find(b"\0", at + 1)
        if end < 0:
            raise ProtocolViolation("the server sent an error without an end")
        fields[body[at]] = body[at + 1 : end]
        at = end + 1
    return fields


def with_position(body: bytes, position: int) -> bytes:
    """An ErrorResponse message with those fields, its position (field P) replaced; 0: left out."""
    fields = error_fields(body)
    if position:
        fields[ord("P")] = str(position).encode()
    else:
        fields.pop(ord("P"), None)
    return frame(b"E", b"".join(bytes((k,)) + v + b"\0" for k, v in fields.items()) + b"\0")


def without_detail(body: bytes) -> bytes:
    """An ErrorResponse message with those fields, its DETAIL (field D) left out."""
    fields = error_fields(body)
    fields.pop(ord("D"), None)
    return frame(b"E", b"".join(bytes((k,)) + v + b"\0" for k, v in fields.items()) + b"\0")


def of_relation(body: bytes, name: bytes, schema: bytes, instead: bytes) -> bytes:
    """An ErrorResponse message without DETAIL that names a relation instead of the one it named."""
    fields = error_fields(body)
    fields.pop(ord("D"), None)
    for key in b"Mtn":
        if key in fields:
            # a partition's own constraints are named after it
            fields[key] = fields[key].replace(name, instead)
    fields[ord("s")] = schema
    return frame(b"E", b"".join(bytes((k,)) + v + b"\0" for k, v in fields.items()) + b"\0")


def origins(body: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """The (relation oid, attnum) of each column of a RowDescription's body; (0, 0) for those of no relation."""
    body = bytes(body)
    at = 2
    for _ in range(u16.unpack_from(body)[0]):
        end = body.find(b"\0", at)
        if end < 0 or end + 1 + _column.size > len(body):
            raise ProtocolViolation("the server sent a row description that ends too soon")
        relation, attribute, *_rest = _column.unpack_from(body, end + 1)
        yield relation, attribute
        at = end + 1 + _column.size
    if at != len(body):
        raise ProtocolViolation("the server sent a row description that is too long")


def with_origins(body: bytes, told: Sequence[Origin]) -> bytes | None:
    """A RowDescription message of that body, in which columns of no relation come from what they are told to come from.

    None: nothing is to be told, or of more columns than there are.
    """
    if len(told) > u16.unpack_from(body)[0]:
        return None
    out = bytearray(body)
    at = 2
    changed = False
    for relation, attribute in told:
        at = out.index(b"\0", at) + 1
        if relation and out[at : at + 6] == b"\0\0\0\0\0\0":
            _origin.pack_into(out, at, relation, attribute)
            changed = True
        at += _column.size
    return frame(b"T", bytes(out)) if changed else None


def setting(body: bytes) -> tuple[str, str]:
    """(name, value) of a ParameterStatus message's body."""
    parts = body.split(b"\0")
    if len(parts) != 3 or parts[2]:
        raise ProtocolViolation("the server sent a parameter status that is none")
    return parts[0].decode("utf-8", "replace"), parts[1].decode("utf-8", "replace")


def first_value(body: bytes) -> bytes | None:
    """The first column of a DataRow's body, or None when it is NULL or there is none."""
    if len(body) < 6 or u16.unpack_from(body)[0] == 0:
        return None
    size = u32.unpack_from(body, 2)[0]
    return None if size == 0xFFFFFFFF else body[6 : 6 + size]


def split_path(value: str) -> tuple[str, ...] | None:
    """The schemas of a search_path as SHOW prints it (`"$user", public`), or None when it cannot be read.

    Unquoted names fold to lower case; a doubled quote stands for one (SplitIdentifierString's rules).
    """
    names: list[str] = []
    at = 0
    value = value.strip(" \t\n\r\f\v")
    if not value:
        return ()
    while True:
        if value.startswith('"', at):
            name = ""
            at += 1
            while True:
                end = value.find('"', at)
                if end < 0:
                    return None
                name += value[at:end]
                at = end + 1
                if not value.startswith('"', at):
                    break
                name += '"'
                at += 1
        else:
            end = at
            while end < len(value) and value[end] not in ", \t\n\r\f\v":
                end += 1
            name = "".join(c.lower() if c.isascii() else c for c in value[at:end])
            if not name:
                return None
            at = end
        names.append(name)
        while at < len(value) and value[at] in " \t\n\r\f\v":
            at += 1
        if at == len(value):
            return tuple(names)
        if value[at] != ",":
            return None
        at += 1
        while at < len(value) and value[at] in " \t\n\r\f\v":
            at += 1
