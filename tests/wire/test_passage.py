"""The short way and the long way are one: same bytes, effects and state, whatever comes and however it is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redactor.context import Context
from redactor.decision import Decision, Redact
from redactor.effects import Effect, Record, ToClient, ToServer
from redactor.model import Requester
from redactor.wire.pg import Limits, Session
from redactor.wire.pg.conversation import Conversation
from tests.wire.judges import WordJudge
from tests.wire.playbook import Desk, client_message, merged, server_message
from tests.wire.test_properties import rounds, sides, steps, whole_run

Feed = Callable[[Desk, str, bytes], list[Effect]]


def long(desk: Desk, who: str, data: bytes) -> list[Effect]:
    session = desk.session
    if who == "refreshed":
        return session.refreshed(1.0)
    return (session.client_data if who == "client" else session.server_data)(data, 1.0)


def short(desk: Desk, who: str, data: bytes) -> list[Effect]:
    passage = desk.session.passage
    if passage is not None and who == "client" and passage.client(data):
        return [ToServer(data)] if passage.due is None else [passage.record(1.0), ToServer(data)]
    if passage is not None and who == "server":
        passed = passage.server(data)
        if passed is not None:
            return [ToClient(passed)]
    return long(desk, who, data)


def state(session: Session) -> object:
    """All that a later message's fate hangs on."""
    c: Conversation | None = session._login.conversation
    if c is None:
        return session.closed
    owed = [
        (e.kind, e.silent, e.at, e.name, e.transitions, e.refusal, e.statement and e.statement.name) for e in c.queue
    ]
    names = sorted(c.ahead), sorted(c.confirmed), {n: s and s.name for n, s in c.portals.items()}
    marks = c.epoch, c.blocked, c.copying, c.skipping, c.schema_changed, c.unsettled, c.context, sorted(c.plans)
    return session.closed, session.holding, owed, names, marks


def both(deliveries: list[tuple[str, bytes]], make: Callable[[], Desk] = lambda: Desk().log_in()) -> None:
    """Delivered to two sessions, which must not come apart."""
    one, other = make(), make()
    for who, data in deliveries:
        assert merged(long(one, who, data)) == merged(short(other, who, data))
        assert state(one.session) == state(other.session)


def cut(deliveries: list[tuple[str, bytes]], sizes: list[int]) -> list[tuple[str, bytes]]:
    found, turn = [], 0
    for who, data in deliveries:
        if not data:
            found.append((who, data))
        while data:
            size = sizes[turn % len(sizes)]
            turn += 1
            found.append((who, data[:size]))
            data = data[size:]
    return found


def sent(*written: str) -> bytes:
    return b"".join(client_message(m) for m in written)


def answered(*written: str) -> bytes:
    return b"".join(server_message(m) for m in written)


BATCH = sent("B a", "D P:", "E", "S")
BARE = sent("B a", "E", "S")
UNNAMED = sent("P : SELECT 2", "B ", "D P:", "E", "S")
HIDDEN = sent("B h", "D P:", "E", "S")
HIDDEN_BARE = sent("B h", "E", "S")
QUERY = sent("Q SELECT 1")
ROWS = answered("2", "T 0.0", "D one", "D two", "C SELECT 2", "Z I")
KNOWN = [
    ("client", sent("P h: SELECT secret_a", "S")),
    ("server", answered("1", "Z I")),
    ("client", HIDDEN),
    ("server", ROWS),
    ("client", sent("P a: SELECT 1", "S")),
    ("server", answered("1", "Z I")),
    ("client", BATCH),
    ("server", ROWS),
    ("client", QUERY),
    ("server", answered("T 0.0", "D one", "C SELECT 1", "Z I")),
    ("client", UNNAMED),
    ("server", answered("1", "2", "T 0.0", "D one", "C SELECT 1", "Z I")),
    ("client", QUERY),
    ("server", answered("T 0.0", "D one", "C SELECT 1", "Z I")),
]


def known() -> Desk:
    """A session that has prepared `a` and knows both the batch and the query."""
    desk = Desk().log_in()
    for who, data in KNOWN:
        long(desk, who, data)
    return desk


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (BATCH, ROWS),
        (BATCH, answered("2", "n", "C INSERT 0 1", "Z I")),
        (BARE, answered("2", "D one", "C SELECT 1", "Z I")),
        (BARE, answered("2", "C UPDATE 3", "Z I")),
        (UNNAMED, answered("1", "2", "T 0.0", "D one", "C SELECT 1", "Z I")),
        (UNNAMED, answered("1", "2", "n", "C UPDATE 1", "Z I")),
        (QUERY, answered("T 0.0", "C SELECT 0", "Z I")),
        (QUERY, answered("C UPDATE 1", "Z I")),
        (HIDDEN, ROWS),
        (HIDDEN_BARE, answered("2", "D one", "C SELECT 1", "Z I")),
    ],
)
def test_the_common_batches_and_their_answers_take_the_short_way(said: bytes, reply: bytes) -> None:
    passage = known().session.passage
    assert passage is not None
    assert passage.client(said)
    assert passage.client(said)
    assert passage.server(reply)
    assert passage.server(reply)
    assert not passage.server(reply)


@pytest.mark.parametrize(
    ("text", "short_way"),
    [
        ("SELECT 9", True),
        ("select 9", True),
        ("SELECT 9 -- record", False),
        ("SELECT 9 -- refuse", False),
        ("SELECT secret_a", False),
        ("SET search_path TO hidden", False),
        ("SELECT 9; BEGIN", False),
        ("CREATE TABLE t (n int)", False),
        ("SELECT 9 /*redactor_identity='a.b.c'*/", False),
        ("SELECT " + "9" * 5000, False),
    ],
)
def test_a_query_that_is_allowed_and_nothing_else_takes_it_at_first_sight(text: str, short_way: bool) -> None:
    desk = known()
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(sent(f"Q {text}")) is short_way


def test_in_a_transaction_they_do_too() -> None:
    desk = known()
    desk.session.client_data(sent("Q BEGIN"), 1.0)
    desk.session.server_data(answered("C BEGIN", "Z T"), 1.0)
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(BATCH)
    assert not passage.server(ROWS), "a transaction that ended by itself is looked at"
    assert passage.server(ROWS[:-1] + b"T")


def test_each_execution_of_what_is_rewritten_is_recorded_and_told_as_on_the_long_way() -> None:
    """The first by the entry of its Parse. What the client is told of its columns is what the long way tells it."""

    class Telling(WordJudge):
        def decide(self, requester: Requester, context: Context, text: str) -> Decision:
            decision = super().decide(requester, context, text)
            return replace(decision, origins=(((5, 2), (5, 3)),)) if isinstance(decision, Redact) else decision

    described = answered("2", "T 5.2,0.0", "D one", "C SELECT 1", "Z I")
    story = [
        ("client", sent("P h: SELECT secret_a", "S")),
        ("server", answered("1", "Z I")),
        *[("client", HIDDEN), ("server", described)] * 4,
        *[("client", HIDDEN_BARE), ("server", answered("2", "D one", "C SELECT 1", "Z I"))] * 2,
    ]
    both(story, lambda: Desk(Telling()).log_in())
    desk = Desk(Telling()).log_in()
    effects = [e for who, data in story for e in short(desk, who, data)]
    records = [e.entry for e in effects if isinstance(e, Record)]
    assert [e.text for e in records] == ["SELECT secret_a"] * 6
    assert len({e.decision for e in records}) == 6
    told = b"".join(bytes(e.data) for e in effects if isinstance(e, ToClient))
    assert told.count(answered("T 5.2,5.3")) == 4
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(HIDDEN)
    assert passage.due is not None


def test_a_newer_snapshot_closes_the_short_way_until_it_has_been_asked() -> None:
    desk = known()
    passage = desk.session.passage
    assert passage is not None
    desk.judge = WordJudge("two", refused="SELECT 1")
    assert not passage.client(BATCH)
    assert not passage.client(QUERY)
    sent_on = desk.session.client_data(QUERY, 1.0)
    assert not any(b"SELECT 1" in bytes(e.data) for e in sent_on if isinstance(e, ToServer))
    assert not passage.client(QUERY)
    assert not passage.client(BATCH), "what was prepared under the older one is judged again"


@pytest.mark.parametrize("edition", [True, False])
def test_what_is_remembered_holds_only_until_something_changes(edition: bool) -> None:
    desk = Desk(edition=edition).log_in()
    for who, data in KNOWN:
        long(desk, who, data)
    passage = desk.session.passage
    assert passage is not None
    for _ in range(3):
        assert passage.client(BATCH)
        assert passage.server(ROWS) is ROWS
    other = ROWS.replace(b"one", b"two")
    assert passage.client(BATCH)
    assert passage.server(other) is other
    assert passage.client(BATCH)
    assert passage.server(ROWS.replace(b"D\0\0\0\x0d", b"D\0\0\0\x0e")) is None, "a row that does not end where it says"
    desk.session.server_data(ROWS, 1.0)
    desk.session.client_data(sent("C S:a", "S"), 1.0)
    desk.session.server_data(answered("3", "Z I"), 1.0)
    assert not passage.client(BATCH), "the statement has gone"
    desk = known()
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(BATCH)
    assert passage.server(ROWS)
    desk.settled = False
    assert not passage.client(BATCH)
    desk.settled = True
    assert passage.client(BATCH)


def test_a_statement_that_may_not_be_there_takes_the_long_way() -> None:
    """A second Parse of the unnamed statement is on its way: an error before it would leave the first."""
    desk = known()
    passage = desk.session.passage
    assert passage is not None
    for text in ("SELECT 1", "SELECT 2"):
        desk.session.client_data(sent(f"P : {text}", "S"), 1.0)
    assert not passage.client(sent("B ", "E", "S"))
    desk.session.server_data(answered("1", "Z I", "1", "Z I"), 1.0)
    assert passage.client(sent("B ", "E", "S"))


def test_a_row_description_that_is_not_known_takes_the_long_way_to_the_tripwire() -> None:
    desk = Desk(WordJudge(tripping=frozenset({(7, 1)}))).log_in()
    for who, data in KNOWN:
        long(desk, who, data)
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(BATCH)
    assert passage.server(ROWS)
    assert passage.client(BATCH)
    assert not passage.server(answered("2", "T 7.1", "D one", "C SELECT 1", "Z I"))


def test_a_session_that_is_over_passes_nothing() -> None:
    desk = known()
    passage = desk.session.passage
    assert passage is not None
    assert passage.client(BATCH)
    desk.session.shutdown()
    assert not passage.client(BATCH)
    assert not passage.server(ROWS)


@settings(max_examples=120, deadline=None)
@given(rounds, st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_stories_are_the_same_both_ways(story: list[list[str]], sizes: list[int]) -> None:
    run = whole_run(story)
    both(run.deliveries)
    both(cut(run.deliveries, sizes))
    other = Desk().log_in()
    assert sides([e for who, data in run.deliveries for e in short(other, who, data)]) == sides(run.effects)


common = st.sampled_from(
    [
        ["B a", "D P:", "E", "S"],
        ["B a", "E", "S"],
        ["P : SELECT 2", "B ", "D P:", "E", "S"],
        ["Q SELECT 1"],
        ["B ", "E", "S"],
        ["P : SELECT 1"],
        ["B h", "D P:", "E", "S"],
        ["B h", "E", "S"],
        ["P : SELECT secret_a"],
    ]
)
often = st.lists(st.one_of(common, common, common, steps), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(often, st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_stories_of_common_batches_are_the_same_both_ways(
    parts: list[list[str]], at_once: list[int], edition: bool
) -> None:
    story, turn = [["P a: SELECT 1", "P h: SELECT secret_a", "S"]], 0
    while parts:
        n = at_once[turn % len(at_once)]
        turn += 1
        story.append([m for part in parts[:n] for m in part])
        parts = parts[n:]
    both(whole_run(story).deliveries, lambda: Desk(edition=edition).log_in())


REPLIES = "2/T 0.0/T 7.1/D one/C SELECT 1/Z I/Z T/Z E/n/E 42601 no/s/I/1/3/A x/N x/S search_path=hidden/G/H/c/d x/V/t"
QUERIES = [sent("Q SELECT 7"), sent("Q SELECT\0 7"), sent("Q SELECT 7", "Q SELECT 8"), sent("Q INSERT 7")]
ANSWERS = {
    BATCH: ROWS,
    HIDDEN: ROWS,
    BARE: answered("2", "D one", "C SELECT 1", "Z I"),
    HIDDEN_BARE: answered("2", "D one", "C SELECT 1", "Z I"),
    QUERY: answered("T 0.0", "D one", "C SELECT 1", "Z I"),
    QUERIES[0]: answered("C INSERT 0 1", "Z I"),
}
SAID = [BATCH, BARE, HIDDEN, HIDDEN_BARE, QUERY, *QUERIES, UNNAMED, sent("B ", "E", "S"), sent("X")]
replies = st.lists(st.sampled_from(REPLIES.split("/")), max_size=7)
spoilt = st.one_of(
    st.just(lambda data: data),
    st.builds(lambda n: lambda data: data[:n], st.integers(1, 60)),
    st.builds(
        lambda at, byte: lambda data: data[: at % len(data)] + bytes((byte,)) + data[at % len(data) + 1 :],
        st.integers(0, 200),
        st.integers(0, 255),
    ),
    st.builds(lambda more: lambda data: data + more, st.sampled_from([BATCH, QUERY, ROWS, b"Z\0\0\0\x05I", b"D\0"])),
)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(SAID), spoilt, replies, spoilt, st.booleans()),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_whatever_comes_it_is_the_same_both_ways(
    parts: list[tuple[bytes, Callable[[bytes], bytes], list[str], Callable[[bytes], bytes], bool]], wired: bool
) -> None:
    """Bytes that are changed, cut short or too many, and answers in any order; also right behind what was remembered
    of the same batch and its proper answer."""
    deliveries = list(KNOWN)
    for said, spoil, reply, spoil_too, again in parts:
        proper = ANSWERS.get(said)
        if proper and again:
            deliveries += [("client", said), ("server", proper)] * 2
        deliveries.append(("client", spoil(said)))
        told = answered(*reply) or proper or ROWS
        deliveries.append(("server", spoil_too(told)))
    both(
        [d for d in deliveries if d[1]], lambda: Desk(WordJudge(tripping=frozenset({(7, 1)} if wired else ()))).log_in()
    )


def test_portals_without_end_are_not_let_through() -> None:
    """The unnamed portal is one, however often it is bound."""
    desk = Desk(limits=Limits(portals=1)).log_in()
    both([*KNOWN, ("client", BATCH * 3), ("server", ROWS * 3)], lambda: Desk(limits=Limits(portals=1)).log_in())
    assert desk.session.ready
