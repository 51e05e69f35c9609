"""Rows under a disclosure order on the wire: none leaves before it is counted, wherever the bytes are cut."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redactor.context import Context
from redactor.decision import Decision, Redact
from redactor.effects import Close, Effect, Record, Spend, ToClient, ToServer
from redactor.model import Footprint, Grant, Problem, Requester, RuleHit
from redactor.wire.pg import Limits, Place, Session
from tests.wire.judges import WordJudge
from tests.wire.playbook import (
    WELCOME,
    client_message,
    merged,
    server_message,
    startup,
    written_to_client,
    written_to_server,
)

GRANT = Grant("o-1", "clerk", "case", 0.0, 100.0, 3, "d")
OVER = Problem("42501", "more rows than are left")


class OrderJudge(WordJudge):
    """Texts with `open` in them read under the order; all else is as ever."""

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        if "open" in text:
            rules = (RuleHit("order o-1", "case"),)
            return Redact(text.replace("open", "opened"), Footprint(), rules, ((),), "shape", GRANT)
        return super().decide(requester, context, text)

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        return super().begin(requester, parameters, search_path)


class Wire:
    """A session, and what it did, told in order. `limit`: rows that may still be shown."""

    def __init__(self, left: int = 3, limits: Limits | None = None) -> None:
        judge = OrderJudge()
        place = Place("city", "up", lambda: judge, lambda login: frozenset(), grants=lambda login: (GRANT,))
        self.session = Session("s", {"city": place}.get, "10.0.0.1", False, limits)
        self.session.client_data(startup(), 1.0)
        self.session.server_data(WELCOME, 1.0)
        self.left = left
        self.spent: list[int] = []
        self.effects: list[Effect] = []

    def client(self, *messages: str, cuts: tuple[int, ...] = ()) -> Wire:
        return self._feed(b"".join(map(client_message, messages)), cuts, self.session.client_data)

    def server(self, *messages: str, cuts: tuple[int, ...] = ()) -> Wire:
        return self._feed(b"".join(map(server_message, messages)), cuts, self.session.server_data)

    def _feed(self, data: bytes, cuts: tuple[int, ...], feed: object) -> Wire:
        turn = 0
        while data:
            size = cuts[turn % len(cuts)] if cuts else len(data)
            turn += 1
            self._perform(feed(data[:size], 1.0))  # type: ignore[operator]
            data = data[size:]
        return self

    def _perform(self, effects: list[Effect]) -> None:
        for e in effects:
            self.effects.append(e)
            if isinstance(e, Spend):
                assert e is effects[-1], "nothing may follow what has to be waited for"
                good = e.rows <= self.left
                self.left -= e.rows if good else 0
                self.spent.append(e.rows)
                self._perform(self.session.spent(None if good else OVER, 1.0))

    @property
    def told(self) -> list[str]:
        """All effects, those to one side that follow on one another as one."""
        lines = []
        for e in merged([x for x in self.effects if not isinstance(x, Record)]):
            match e:
                case ToServer(data):
                    lines.append("> " + written_to_server(bytes(data)))
                case ToClient(data):
                    lines.append("< " + written_to_client(bytes(data)))
                case Spend(_, _, rows):
                    lines.append(f"spend {rows}")
                case Close(reason):
                    lines.append(f"close {reason}")
        return lines


ROWS = ("T 0.0", "D one", "D two", "C SELECT 2", "Z I")


def mark_in(told: str) -> str:
    """The name that a failing statement asks for, as it was sent; empty where none was."""
    return told.rpartition('SELECT "')[2].partition('"')[0] if 'SELECT "' in told else ""


def test_a_query_is_counted_before_its_rows_leave() -> None:
    w = Wire().client("Q open").server(*ROWS)
    assert w.told == ["> Q opened", "< T 0.0", "spend 2", "< D one | D two | C SELECT 2 | Z I"]


def test_too_many_rows_and_none_leaves() -> None:
    w = Wire(left=1).client("Q open").server(*ROWS).client("Q 1").server("C SELECT 1", "Z I")
    said = "E 42501 more rows than are left"
    assert w.told == ["> Q opened", "< T 0.0", "spend 2", f"< {said} | Z I", "> Q 1", "< C SELECT 1 | Z I"]


def test_nothing_else_is_sent_meanwhile() -> None:
    w = Wire().client("Q open", "Q SELECT 1")
    assert w.told == ["> Q opened"]
    w.server(*ROWS)
    assert w.told[-2:] == ["< D one | D two | C SELECT 2 | Z I", "> Q SELECT 1"]


def test_the_extended_protocol() -> None:
    w = Wire().client("P : open", "B", "D P:", "E", "S")
    assert w.told == ["> P : opened | B | D P: | E | H"]
    w.server("1", "2", "T 0.0", "D one", "C SELECT 1")
    assert w.told[1:] == ["< 1 | 2 | T 0.0", "spend 1", "< D one | C SELECT 1", "> S"]
    w.server("Z I")
    assert w.told[-1] == "< Z I"


def test_in_the_extended_protocol_the_server_skips_too() -> None:
    w = Wire(left=0).client("P : open", "B", "E", "P : SELECT 1", "B", "E", "S").server("1", "2", "D one", "C SELECT 1")
    assert w.told[1:3] == ["< 1 | 2", "spend 1"]
    w.server(f'E 42703 column "{mark_in(w.told[3])}" does not exist')
    assert w.told[-2:] == ["< E 42501 more rows than are left", "> S"]
    w.server("Z I").client("Q 1").server("C SELECT 1", "Z I")
    assert w.told[-3:] == ["< Z I", "> Q 1", "< C SELECT 1 | Z I"]


def test_a_portal_in_parts_is_counted_in_parts() -> None:
    w = Wire().client("P : open", "B", "E", "E", "S").server("1", "2", "D one", "D two", "s")
    assert w.told[-2:] == ["< D one | D two | s", "> E | H"]
    w.server("D three", "C SELECT 1")
    assert w.spent == [2, 1]
    assert w.told[-2:] == ["< D three | C SELECT 1", "> S"]


def test_what_was_asked_before_is_answered_as_ever() -> None:
    w = Wire().client("Q SELECT 1", "Q open", "Q SELECT 2")
    assert w.told == ["> Q SELECT 1 | Q opened"]
    w.server("T 0.0", "D first", "C SELECT 1", "Z I", "T 0.0", "D one", "N careful", "C SELECT 1", "Z I")
    first = "< T 0.0 | D first | C SELECT 1 | Z I | T 0.0 | N careful"
    assert w.told[1:] == [first, "spend 1", "< D one | C SELECT 1 | Z I", "> Q SELECT 2"]


def test_an_error_on_the_way_lets_no_row_out() -> None:
    w = Wire().client("Q open").server("T 0.0", "D one", "E 57014 cancelled", "Z I")
    assert w.told == ["> Q opened", "< T 0.0", "< E 57014 cancelled | Z I"] or w.told == [
        "> Q opened",
        "< T 0.0 | E 57014 cancelled | Z I",
    ]
    assert w.spent == []
    w.client("Q open").server(*ROWS)
    assert w.spent == [2]


def test_what_can_be_no_answer_ends_the_session() -> None:
    w = Wire().client("Q open").server("T 0.0", "d copied")
    assert w.told[-1].startswith("close")
    assert "copied" not in "".join(w.told[:-1])


def test_rows_beyond_the_cap_are_not_even_kept() -> None:
    w = Wire(left=3).client("Q open").server("T 0.0", *(["D x"] * 1000), "C SELECT 1000", "Z I")
    assert w.spent == []
    assert w.told[-1].startswith("< T 0.0 | E 42501 the answer has more than 3 rows")


def test_rows_beyond_the_bytes_neither() -> None:
    w = Wire(limits=Limits(reply=100)).client("Q open").server("T 0.0", "D " + "x" * 60, "D " + "x" * 60, "C x", "Z I")
    assert w.spent == []
    assert "or 100 bytes" in w.told[-1]
    v = Wire(limits=Limits(reply=100)).client("Q open").server("T 0.0", "D " + "x" * 200)
    assert v.told[-1].startswith("close")
    assert v.spent == []


def test_the_count_that_cannot_be_made_durable_ends_it() -> None:
    from redactor.errors import LogUnavailable

    w = Wire()
    w._perform(w.session.client_data(client_message("Q open"), 1.0))
    data = b"".join(map(server_message, ROWS))
    assert isinstance(w.session.server_data(data, 1.0)[-1], Spend)
    effects = w.session.log_failed(LogUnavailable("no room"))
    assert isinstance(effects[-1], Close)
    assert w.session.spent(None, 1.0) == []


def test_what_comes_while_it_is_counted_waits() -> None:
    w = Wire()
    w._perform(w.session.client_data(client_message("Q open"), 1.0))
    first = w.session.server_data(b"".join(map(server_message, ROWS[:-1])), 1.0)
    assert isinstance(first[-1], Spend)
    assert w.session.server_data(server_message("Z I"), 1.0) == []
    assert w.session.client_data(client_message("Q SELECT 1"), 1.0) == []
    after = merged(w.session.spent(None, 1.0))
    assert isinstance(after[0], ToClient)
    assert written_to_client(bytes(after[0].data)) == "D one | D two | C SELECT 2 | Z I"
    assert isinstance(after[1], ToServer)


_STORIES = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(_STORIES, st.lists(st.integers(1, 30), min_size=1, max_size=4), st.booleans())
def test_where_the_bytes_are_cut_does_not_matter(counts: list[int], cuts: list[int], extended: bool) -> None:
    def run(sizes: tuple[int, ...]) -> Wire:
        w = Wire(left=8)
        for n in counts:
            rows = [f"D row{i}" for i in range(n)]
            if extended:
                w.client("P : open", "B", "E", "S", cuts=sizes)
                w.server("1", "2", *rows, f"C SELECT {n}", cuts=sizes)
                if mark_in(w.told[-1]):
                    w.server(f'E 42703 column "{mark_in(w.told[-1])}" does not exist', cuts=sizes)
                w.server("Z I", cuts=sizes)
            else:
                w.client("Q open", cuts=sizes).server("T 0.0", *rows, f"C SELECT {n}", "Z I", cuts=sizes)
        return w

    whole, cut = run(()), run(tuple(cuts))
    assert whole.told == cut.told
    assert whole.spent == cut.spent == [n for n in counts if n <= 3]
    shown = "".join(t for t in whole.told if t.startswith("<")).count("D row")
    assert shown == 8 - whole.left


@pytest.mark.parametrize("now", [100.0, 1000.0])
def test_time_over_between_two_statements(now: float) -> None:
    w = Wire()
    w.client("Q open").server(*ROWS)
    context = w.session._login.conversation.context  # type: ignore[union-attr]
    assert context.offered == (GRANT,)
    w._perform(w.session.client_data(client_message("Q SELECT 1"), now))
    context = w.session._login.conversation.context  # type: ignore[union-attr]
    assert context.offered == ()
