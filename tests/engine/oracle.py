"""The oracle: what a statement gives in the town must be what its original gives where hidden values are their masks.

Knows both databases. It compares names, types, typmods and rows, or the SQLSTATE, and leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.pq import ExecStatus

from tests.fixtures.town import Town

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave. `columns`: (name, type oid, typmod)."""

    sqlstate: str
    columns: tuple[tuple[str, int, int], ...] = ()
    rows: tuple[Row, ...] = ()
    tag: str = ""
    message: str = ""


class Oracle:
    """A connection to each database."""

    def __init__(self, town: Town, login: str = "clerk") -> None:
        self.town = town
        self._real = psycopg.connect(town.server.dsn("town", login), autocommit=True)
        self._hidden = psycopg.connect(town.server.dsn("town_hidden", login), autocommit=True)

    def close(self) -> None:
        self._real.close()
        self._hidden.close()

    def real(self, text: str, path: str) -> Answer:
        return _answer(self._real, text, path)

    def hidden(self, text: str, path: str) -> Answer:
        return _answer(self._hidden, text, path)


def _answer(connection: psycopg.Connection, text: str, path: str) -> Answer:
    pg = connection.pgconn
    pg.exec_(b"BEGIN; SET LOCAL jit = off; SET LOCAL statement_timeout = '10s'")
    try:
        pg.exec_(f"SET LOCAL search_path = {path}".encode())
        pg.send_query(text.encode())
        answer = Answer("")
        while (result := pg.get_result()) is not None:
            match result.status:
                case ExecStatus.COPY_OUT:
                    rows = []
                    while (piece := pg.get_copy_data(0))[0] > 0:
                        rows.append((bytes(piece[1]).decode(),))
                    answer = Answer("", (), tuple(rows))
                case ExecStatus.COPY_IN:
                    pg.put_copy_end(b"not here")
                case ExecStatus.FATAL_ERROR:
                    code = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b""
                    return Answer(code.decode(), message=result.get_error_message())
                case ExecStatus.TUPLES_OK:
                    answer = Answer(
                        "",
                        tuple(
                            ((result.fname(i) or b"").decode(), result.ftype(i), result.fmod(i))
                            for i in range(result.nfields)
                        ),
                        tuple(
                            tuple(
                                None if (v := result.get_value(i, j)) is None else v.decode()
                                for j in range(result.nfields)
                            )
                            for i in range(result.ntuples)
                        ),
                        (result.command_status or b"").decode(),
                    )
                case _:
                    answer = answer if answer.columns else Answer("", tag=(result.command_status or b"").decode())
        return answer
    finally:
        while pg.get_result() is not None:
            pass
        pg.exec_(b"ROLLBACK")
        pg.exec_(b"DEALLOCATE ALL")


def difference(real: Answer, hidden: Answer, ordered: bool) -> str:
    """What tells two answers apart; empty: nothing."""
    if real.sqlstate != hidden.sqlstate:
        return (
            f"SQLSTATE {real.sqlstate or 'none'} instead of {hidden.sqlstate or 'none'}: {real.message}{hidden.message}"
        )
    if real.columns != hidden.columns:
        return f"columns {real.columns} instead of {hidden.columns}"
    if real.tag != hidden.tag:
        return f"tag {real.tag} instead of {hidden.tag}"
    mine, theirs = list(real.rows), list(hidden.rows)
    if not ordered:
        mine.sort(key=repr)
        theirs.sort(key=repr)
    if mine != theirs:
        odd = [(a, b) for a, b in zip(mine, theirs, strict=False) if a != b][:2]
        return f"{len(mine)} rows instead of {len(theirs)}, such as {odd}"
    return ""
