"""Names and signatures as people write them: `public.f(int)` and `public.f(integer)` are one function.

Knows PostgreSQL's spellings of types (docs, 8 Data Types, table 8.1) and how names are quoted. Must not know what
exists. Invariant: `canonical` gives two texts the same result only where they can mean only the same function.
"""

from __future__ import annotations

import re

_ALIASES = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "serial": "integer",
    "bigserial": "bigint",
    "bool": "boolean",
    "float": "double precision",
    "float8": "double precision",
    "float4": "real",
    "decimal": "numeric",
    "dec": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "char": "character",
    "bpchar": "character",
    "varbit": "bit varying",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
}

_NAMES = """
    text name bytea json jsonb xml uuid date interval money oid regclass regtype regproc regprocedure regrole
    regnamespace regoper regoperator regconfig regdictionary regcollation inet cidr macaddr macaddr8 point line lseg
    box path polygon circle bit tsvector tsquery xid xid8 cid tid pg_lsn pg_snapshot txid_snapshot jsonpath record
    void trigger event_trigger any anyelement anyarray anynonarray anyenum anyrange anymultirange anycompatible
    anycompatiblearray anycompatiblenonarray anycompatiblerange anycompatiblemultirange cstring internal unknown
    refcursor language_handler fdw_handler int4range int8range numrange tsrange tstzrange daterange int4multirange
    int8multirange nummultirange tsmultirange tstzmultirange datemultirange aclitem int2vector oidvector
"""

_BUILTIN = frozenset(_ALIASES.values()) | frozenset(_NAMES.split())

_MODES = ("in", "inout", "variadic")
_TOKEN = re.compile(r'\s+|"(?:[^"]|"")+"|[^\W\d][\w$]*|\[\s*\d*\s*\]|\(\s*\d+\s*(?:,\s*-?\d+\s*)?\)|[.]', re.UNICODE)


class Malformed(ValueError):
    """Not a name, or not a signature; the text says why."""


def split_name(text: str) -> tuple[str, ...]:
    """The parts of a dotted name, as stored: `public.residents`; quotes only where a part holds a dot or a quote."""
    parts, rest = [], text
    while True:
        if rest.startswith('"'):
            m = re.match(r'"((?:[^"]|"")+)"', rest)
            if not m:
                raise Malformed("a quote is not closed")
            parts.append(m.group(1).replace('""', '"'))
            rest = rest[m.end() :]
        else:
            part = rest.split(".", 1)[0]
            if not part or part != part.strip() or '"' in part:
                raise Malformed("a part is empty, or holds a blank at its edge or a quote")
            parts.append(part)
            rest = rest[len(part) :]
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            raise Malformed("something follows a quoted part")
        rest = rest[1:]


def canonical(signature: str) -> str:
    """One spelling for a function's schema, name and input types: `public.open_requests(integer)`.

    Accepts other names for PostgreSQL's types, type modifiers, argument names and modes (OUT arguments do not count),
    DEFAULTs not. Raises Malformed.
    """
    m = re.fullmatch(r"\s*(.+?)\s*\((.*)\)\s*", signature, re.DOTALL)
    if not m:
        raise Malformed("the types in parentheses are missing")
    name = split_name(m.group(1))
    if len(name) != 2:
        raise Malformed("the schema is missing" if len(name) == 1 else "too many dots")
    types = [t for a in _arguments(m.group(2)) if (t := _type_of(a)) is not None]
    return (
        ".".join('"' + p.replace('"', '""') + '"' if re.search(r'[."()]', p) else p for p in name)
        + f"({', '.join(types)})"
    )


def _arguments(text: str) -> list[str]:
    if not text.strip():
        return []
    out, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif not quoted:
            depth += (c in "([") - (c in ")]")
            if c == "," and depth == 0:
                out.append(text[start:i])
                start = i + 1
    return [*out, text[start:]]


def _type_of(argument: str) -> str | None:
    """The canonical type of one argument, or None for an OUT argument."""
    words = _words(argument)
    if len(words) > 1 and words[0] == "out":
        return None
    if len(words) > 1 and words[0] in _MODES:
        words = words[1:]
    if not words:
        raise Malformed("a type is missing")
    array = ""
    while words and (words[-1].startswith("[") or words[-1] == "array"):
        array = "[]"
        words = words[:-1]
    spelled = " ".join(words)
    if len(words) > 1 and not _known(spelled):
        # `argument_name type`: only a type of several words has blanks of its own
        spelled = " ".join(words[1:])
        if len(words) > 2 and not _known(spelled):
            raise Malformed(f"`{argument.strip()}` is not a type")
    return _plain(spelled) + array


def _words(argument: str) -> list[str]:
    """Names joined with their dots, blanks and type modifiers dropped; unquoted ones folded as PostgreSQL does."""
    out: list[str] = []
    glue, at = False, 0
    for token in _TOKEN.finditer(argument):
        if token.start() != at:
            break
        at = token.end()
        t = token.group()
        if t.isspace() or t.startswith("("):
            continue
        if t == ".":
            if not out or glue:
                raise Malformed(f"`{argument.strip()}` is not a type")
            out[-1] += "."
            glue = True
            continue
        if t.startswith('"'):
            plain = t[1:-1].replace('""', '"')
            t = plain if re.fullmatch(r"[a-z_][a-z0-9_$]*", plain) and plain not in _ALIASES else t
        elif not t.startswith("["):
            t = t.lower()
        if glue:
            out[-1] += t
            glue = False
        else:
            out.append(t)
    if at != len(argument) or glue:
        raise Malformed(f"`{argument.strip()}` is not a type")
    return out


def _known(spelled: str) -> bool:
    return spelled in _BUILTIN or spelled in _ALIASES


def _plain(spelled: str) -> str:
    if spelled.startswith("pg_catalog."):
        bare = spelled.removeprefix("pg_catalog.")
        # pg_catalog."char" is a type of its own
        return _ALIASES.get(bare, bare)
    if spelled.startswith("public."):
        bare = spelled.removeprefix("public.")
        return spelled if _known(bare) else bare
    return _ALIASES.get(spelled, spelled)
