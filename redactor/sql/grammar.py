"""PostgreSQL's own grammar (libpg_query 18), with bounds around it.

Knows how to turn text into parse trees, tokens and shapes. Must not know what any of it means. Invariant: no text
reaches the C library that could overrun its stack, and what cannot be read becomes an exception, never a partial tree.

Trees are plain dicts and lists as libpg_query's JSON gives them: a node is `{"SelectStmt": {...}}`, zero and false
fields are absent, `location` is a byte offset into the UTF-8 text.
"""

from __future__ import annotations

import ctypes
import gc
import json
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import orjson
from postgast.native import lib
from postgast.pg_query_pb2 import ScanResult

from redactor.errors import RedactorError, TooMuch
from redactor.sql import tokens

Node = dict[str, Any]

STATEMENT_BYTES = 4 * 1024 * 1024
"""Longest text that is read. The parser holds the event loop while it works."""

_INLINE_BYTES = 16 * 1024
"""Up to here no text can be nested deeply enough to overrun an 8 MiB stack (measured: 40,000 levels fit)."""

_RUN = re.compile(rb"[-~!@#^&|`?+*/%<>=]{64,}")
_RUNS = 100_000_000
_SHORT = 8 * 1024
"""The scanner reads a run of operator characters again for each that it takes off it: 100,000 in a row take minutes."""

_STACK_BASE = 64 * 1024 * 1024
_STACK_PER_BYTE = 192
_DEPTH = 15_000
_DECODE_STACK = 256 * 1024 * 1024
"""Decoding stops at _DEPTH levels, however long the tree is."""

_lock = threading.Lock()
_T = TypeVar("_T")


class SyntaxProblem(RedactorError):
    """What PostgreSQL's grammar says of a text that is not SQL. `position` counts characters from 1; 0: unknown."""

    sqlstate = "42601"

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text. `node` has one key, its kind; `start` and `end` are byte offsets, blanks included."""

    node: Node
    start: int
    end: int

    @property
    def kind(self) -> str:
        """The libpg_query node name, such as SelectStmt."""
        return next(iter(self.node), "Empty")


class Token(NamedTuple):
    """A token; `start` and `end` are byte offsets. `kind` is the grammar's name for it, such as IDENT or ASCII_40."""

    kind: int
    start: int
    end: int


def parse(source: bytes) -> tuple[Statement, ...]:
    """The statements of a text in UTF-8. An empty text, or one of comments only, has none.

    Raises SyntaxProblem (42601) for what the grammar rejects and TooMuch (54001, 54000) for what is beyond the bounds.
    """
    if len(source) > STATEMENT_BYTES:
        raise TooMuch(f"statement of {len(source)} bytes is longer than the {STATEMENT_BYTES} that can be checked")
    if len(source) > _SHORT and sum((m.end() - m.start()) ** 2 for m in _RUN.finditer(source)) > _RUNS:
        raise TooMuch("statement has runs of operator characters that are too long to be checked")
    if len(source) <= _INLINE_BYTES:
        return _parse(source)
    return _roomy(source, _parse)


def _tree(source: bytes) -> bytes:
    """The parse tree as JSON."""
    result = lib.pg_query_parse(source)
    try:
        if result.error:
            error = result.error.contents
            raise SyntaxProblem(error.message.decode("utf-8", "replace"), error.cursorpos)
        return bytes(result.parse_tree)
    finally:
        lib.pg_query_free_parse_result(result)


def _parse(source: bytes) -> tuple[Statement, ...]:
    data = _tree(source)
    collecting = gc.isenabled()
    gc.disable()  # a tree of a million nodes would be walked again and again while it grows
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        tree = _decode_deep(data)
    finally:
        if collecting:
            gc.enable()
    statements = tree.get("stmts", ())
    out = []
    for s in statements:
        start = s.get("stmt_location", 0)
        length = s.get("stmt_len", 0)
        out.append(Statement(s["stmt"], start, start + length if length else len(source)))
    return tuple(out)


_KIND = re.compile(rb'\{"stmt":\{"([A-Za-z]+)"')


def is_still(source: bytes, kinds: Sequence[str]) -> bool:
    """Whether a text has statements of those kinds. For a text that was rewritten; raises as `parse` does."""
    # within a string of the tree quotes have a backslash before them, so this is only where a statement begins
    if len(source) <= _INLINE_BYTES:
        tree = _tree(source)
        begun = [b'{"stmt":{"%s":' % k.encode() for k in kinds]
        if tree.count(b'{"stmt":{"') == len(begun):
            if len(begun) == 1 and begun[0] in tree:
                return True
            return [k.decode() for k in _KIND.findall(tree)] == list(kinds)
    return [s.kind for s in parse(source)] == list(kinds)


def _decode_deep(data: bytes) -> Any:
    """orjson stops at 1,024 levels, which is a chain of 400 operators; the standard library's decoder goes on."""
    if threading.current_thread() is threading.main_thread() or threading.stack_size() == 0:
        return _roomy(data, _decode_deep_here, _DECODE_STACK)
    return _decode_deep_here(data)


def _decode_deep_here(data: bytes) -> Any:
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(_DEPTH)
        return json.loads(data)
    except RecursionError:
        raise TooMuch("statement is nested too deeply to be checked") from None
    finally:
        sys.setrecursionlimit(before)


def _roomy(argument: bytes, work: Callable[[bytes], _T], size: int = 0) -> _T:
    """Runs work in a thread whose stack cannot be overrun by an argument of that length."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work(argument))
        except BaseException as e:
            failed.append(e)

    with _lock:
        size = size or _STACK_BASE + _STACK_PER_BYTE * len(argument)
        before = threading.stack_size((size + 0xFFFF) & ~0xFFFF)
        try:
            thread = threading.Thread(target=run, name="redactor-parse")
            thread.start()
        except RuntimeError:
            raise TooMuch("statement needs more memory to be checked than there is") from None
        finally:
            threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def scan(source: bytes) -> tuple[Token, ...]:
    """The tokens of a text that has been parsed, comments included."""
    return tuple(Token(*_spans(t)) for t in ScanResult.FromString(_scanned(source)).tokens)


def _scanned(source: bytes) -> bytes:
    result = lib.pg_query_scan(source)
    try:
        if result.error:
            error = result.error.contents
            raise SyntaxProblem(error.message.decode("utf-8", "replace"), error.cursorpos)
        return ctypes.string_at(result.pbuf.data, result.pbuf.len)
    finally:
        lib.pg_query_free_scan_result(result)


_spans = attrgetter("token", "start", "end")


def spans(source: bytes) -> tokens.Columns:
    """The tokens of a text that has been parsed, without its comments: their kinds, starts and ends."""
    return tokens.read(_scanned(source))


def shape(source: bytes) -> str:
    """The text with its literals replaced by $1, $2 ...; a text that cannot be read has no shape but its length."""
    if len(source) > _INLINE_BYTES:
        return f"<{len(source)} bytes>"
    result = lib.pg_query_normalize(source)
    try:
        if result.error:
            return f"<{len(source)} bytes, not read>"
        text: str = result.normalized_query.decode("utf-8", "replace")
    finally:
        lib.pg_query_free_normalize_result(result)
    return _hide_leftovers(text)


# normalize leaves literals alone where the grammar wants a constant (SET, utility options, typmods in some places), and
# comments; a shape may hold neither. The server's own lexer says what is one: which quotes a backslash escapes, how
# deep comments are nested, which strings go on in the next line
_LITERALS = frozenset({260, 261, 262, 263, 264, 266})  # FCONST, SCONST, USCONST, BCONST, XCONST, ICONST
_UNCLEAR = ("'", "--", "/*")
_TAG = re.compile(r"\$(?![0-9])")
"""What only the scanner tells apart: in a text that has none of these, literals are numbers outside of names."""
# its first character is looked for alone, which is fast
_NUMBER = re.compile(
    r"""["0-9.](?: (?<=")[^"]*" | (?<=[0-9.])(?<![\w$].)
      (?: (?<=0)(?: [xX][0-9a-fA-F_]+ | [oO][0-7_]+ | [bB][01_]+ )
        | (?: (?<=[0-9])[0-9_]*(?:\.[0-9_]*)? | (?<=\.)[0-9][0-9_]* ) (?:[eE][+-]?[0-9][0-9_]*)? ) )
    """,
    re.X,
)


def _hide_leftovers(text: str) -> str:
    if not text.isascii() or any(u in text for u in _UNCLEAR) or _TAG.search(text) is not None:
        return _rescanned(text)
    return " ".join(_NUMBER.sub(_hidden, text).split())


def _hidden(found: re.Match[str]) -> str:
    return found[0] if found[0][0] == '"' else "?"


def _rescanned(text: str) -> str:
    source = text.encode()
    try:
        kinds, starts, ends = spans(source)
    except SyntaxProblem:
        return f"<{len(source)} bytes, not read>"
    kept: list[bytes] = []
    end = 0
    if "--" not in text and "/*" not in text:
        # between its tokens there are blanks, which come to one
        for kind, start, stop in zip(kinds, starts, ends, strict=True):
            if kind in _LITERALS:
                kept += (source[end:start], b"?")
                end = stop
        return " ".join(b"".join((*kept, source[end:])).decode().split())
    for kind, start, stop in zip(kinds, starts, ends, strict=True):
        if start > end and kept:
            kept.append(b" ")
        kept.append(b"?" if kind in _LITERALS else source[start:stop])
        end = stop
    return " ".join(b"".join(kept).decode().split())


def plpgsql(source: bytes) -> list[Node]:
    """The statements of a PL/pgSQL function, given as CREATE FUNCTION text."""
    result = lib.pg_query_parse_plpgsql(source)
    try:
        if result.error:
            error = result.error.contents
            raise SyntaxProblem(error.message.decode("utf-8", "replace"), error.cursorpos)
        data = result.plpgsql_funcs
    finally:
        lib.pg_query_free_plpgsql_parse_result(result)
    try:
        # variables that exist in every trigger are written with a brace too many
        tree: list[Node] = orjson.loads(re.sub(rb"(?<=[\[,])\{\}\}(?=[,\]])", b"{}", data))
    except orjson.JSONDecodeError:
        raise SyntaxProblem("a PL/pgSQL body that cannot be read", 0) from None
    return tree
