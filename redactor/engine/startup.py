"""What a session may bring along when it begins: start-up parameters, `options`, its first search_path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from redactor.context import Context
from redactor.engine.behalf import SETTING
from redactor.engine.settings import encoding_is_readable, path_of, role_of
from redactor.model import Problem, Requester
from redactor.sql.builtins import Effect
from redactor.transitions import SetRole

if TYPE_CHECKING:
    from redactor.engine import Engine

_PROTOCOL = frozenset({"user", "database"})


def begin(
    engine: Engine, requester: Requester, parameters: Mapping[str, str], search_path: str | None
) -> Context | Problem:
    """The context in which a session starts, or why it may not."""
    exempt = engine.exempt(requester)
    path: tuple[str, ...] | None = None
    encoding = "UTF8"
    given: dict[str, str] = {}
    taken: SetRole | None = None
    for name, value in parameters.items():
        lower = name.lower()
        if lower in _PROTOCOL or lower.startswith("_pq_."):
            continue
        if lower == "replication":
            if value.lower() not in ("off", "false", "no", "0") and not exempt:
                return _problem("replication connections carry every column")
            continue
        if lower == "options":
            found = _options(value)
            if found is None and not exempt:
                return _problem("start-up options other than -c name=value are not understood")
            given.update(found or {})
            continue
        given[lower] = value
    if SETTING in given:
        return _problem(f"{SETTING} names an end user once the session has begun: SET it then")
    for name, value in given.items():
        verdict = engine.builtins.setting(name)
        match verdict.effect:
            case Effect.HARMLESS | Effect.UNKNOWN:
                pass
            case Effect.PATH:
                path = path_of(value)
            case Effect.ENCODING:
                encoding = value
                if not exempt and not encoding_is_readable(value):
                    return _problem(f"client_encoding {value}: text in it cannot be checked")
            case Effect.VALUES if verdict.allows(value) or exempt:
                pass
            case Effect.ROLE if role_of(name, value, requester.login) is not None:
                taken = role_of(name, value, requester.login)
            case _ if exempt:
                pass
            case _:
                return _problem(f"setting {name}: {verdict.because}")
    known = engine.catalog.roles.get(requester.login)
    defaults = dict(known.settings) if known is not None else {}
    if search_path is not None:
        path = path_of(search_path)
    if path is None:
        path = path_of(defaults["search_path"]) if "search_path" in defaults else ("$user", "public")
    if taken is None and "role" in defaults:
        taken = role_of("role", defaults["role"], requester.login)
    return Context.start(requester.login, path, encoding, None if taken is None else taken.role)


def _problem(why: str) -> Problem:
    return Problem("42501", f"this connection is not permitted: {why}", "", "Leave it out of the connection string.")


def _options(text: str) -> dict[str, str] | None:
    """`-c a=b --c=d` as settings; None if there is anything else in it (PostgreSQL docs, 33.1.2, options)."""
    words: list[str] = []
    word = ""
    i = 0
    while i < len(text):
        ch = text[i]
        if ch == "\\" and i + 1 < len(text):
            word += text[i + 1]
            i += 2
            continue
        if ch.isspace():
            if word:
                words.append(word)
            word = ""
        else:
            word += ch
        i += 1
    if word:
        words.append(word)
    out: dict[str, str] = {}
    i = 0
    while i < len(words):
        w = words[i]
        if w == "-c" and i + 1 < len(words):
            setting = words[i + 1]
            i += 2
        elif w.startswith(("-c", "--")):
            setting = w[2:]
            i += 1
        else:
            return None
        name, found, value = setting.partition("=")
        if not found:
            return None
        out[name.strip().lower().replace("-", "_")] = value
    return out
