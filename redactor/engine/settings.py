"""SET, RESET and their kin: which settings a session may change, and which of them change what later text means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from redactor.engine import behalf, opening
from redactor.engine.reading import Reading, split_identifiers
from redactor.engine.refusal import Refused, of_kind
from redactor.sql.builtins import Effect
from redactor.sql.grammar import Node, Statement
from redactor.transitions import ResetAll, SetEncoding, SetPath, SetRole

READABLE_ENCODINGS = frozenset(
    {
        *("utf8", "unicode", "utf-8", "sql_ascii", "latin1", "latin2", "latin5", "latin7", "latin9", "win1250"),
        *("win1251", "win1252", "win1253", "win1254", "win1257", "iso88591", "iso885915", "koi8r"),
    }
)
"""Client encodings in which every ASCII byte is an ASCII character, and no other character has one in it."""


def change(reading: Reading, node: Node, statement: Statement) -> None:
    """SET, SET LOCAL, RESET, SET TRANSACTION."""
    del statement
    kind = node.get("kind")
    name = node.get("name", "").lower()
    local = bool(node.get("is_local"))
    match kind:
        case "VAR_RESET_ALL":
            reading.transitions.append(ResetAll())
            return
        case "VAR_SET_MULTI":
            if name == "transaction snapshot":
                raise of_kind("SET TRANSACTION SNAPSHOT", "it shows data as another session sees it")
            return
        case "VAR_SET_CURRENT":
            raise of_kind("SET FROM CURRENT", "it is for function definitions")
        case _:
            pass
    values = None if kind in ("VAR_SET_DEFAULT", "VAR_RESET") else [_text(a) for a in node.get("args", ())]
    apply(reading, name, values, local)


def apply(reading: Reading, name: str, values: list[str] | None, local: bool) -> None:
    """One setting to its values; None: to its default."""
    if name == behalf.SETTING:
        problem = behalf.change(reading, None if values is None else ",".join(values), local)
        if problem is not None:
            raise Refused(problem)
        return
    if name == opening.SETTING:
        opening.change(reading, None if values is None else ",".join(values), local)
        return
    verdict = reading.world.builtins.setting(name)
    match verdict.effect:
        case Effect.HARMLESS:
            return
        case Effect.VALUES:
            if values is None or all(verdict.allows(v) for v in values):
                return
        case Effect.PATH:
            reading.transitions.append(SetPath(None if values is None else tuple(values), local))
            return
        case Effect.ENCODING:
            if values is None or encoding_is_readable(values[0]):
                reading.transitions.append(SetEncoding(None if values is None else values[0], local))
                return
            raise of_kind(f"client_encoding {values[0]}", "text in it cannot be checked", "Use UTF8.")
        case Effect.ROLE:
            role = role_of(name, values[0] if values else None, reading.context.login)
            if role is not None:
                reading.transitions.append(replace(role, local=local))
                return
        case Effect.UNKNOWN:
            # the server knows no such setting either
            return
        case Effect.REFUSED:
            pass
    shown = name if values is None else f"{name} to this value"
    raise of_kind(f"setting {shown}", verdict.because, _INSTEAD.get(name, ""))


def role_of(setting: str, value: str | None, login: str) -> SetRole | None:
    """What setting `role` or `session_authorization` to a value means; None for the value: its default.

    Whether the login is a member of the role is the server's to say: rights are all that it gives, and decisions stay
    with the login. None where another login's rights would be taken on, or no name can be so long.
    """
    if setting != "role":
        # the session's user is the login again, and SET ROLE is taken back
        return SetRole(None) if value in (None, "default", login) else None
    if value is None:
        return SetRole(None, reset=True)
    if value == "none":
        return SetRole(None)
    return SetRole(value) if len(value.encode()) <= _LONGEST_NAME else None


_LONGEST_NAME = 63
"""Bytes of a name (NAMEDATALEN - 1); PostgreSQL cuts what is longer, and another role could be meant."""

_INSTEAD = {
    "client_min_messages": "Use notice, warning or error.",
    "role": "Name a role of at most 63 bytes.",
    "session_authorization": "Log in as that role, or SET ROLE.",
    "standard_conforming_strings": "Leave it on, and write E'...' where a backslash is to escape.",
}


def encoding_is_readable(name: str) -> bool:
    """Whether text in a client encoding can be checked."""
    # PostgreSQL reads encodings' names without regard to case and to all but letters and digits
    return _plain(name) in {_plain(e) for e in READABLE_ENCODINGS}


def _plain(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch.isalnum())


def transaction_options(reading: Reading, options: Iterable[Node]) -> None:
    """The modes of BEGIN and SET TRANSACTION say nothing of data."""


def _text(argument: Node) -> str:
    while "TypeCast" in argument:
        argument = argument["TypeCast"]["arg"]
    const = argument.get("A_Const", {})
    for key in ("sval", "ival", "fval", "boolval"):
        if key in const:
            inner = const[key]
            value = inner.get(key, "" if key == "sval" else 0)
            return str(value)
    return ""


def path_of(value: str) -> tuple[str, ...]:
    """search_path as a list, from its text."""
    return tuple(split_identifiers(value, ","))
