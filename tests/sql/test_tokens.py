"""The scanner's answer is read as protobuf's own decoder reads it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redactor.sql import grammar, tokens

_WORDS = ("SELECT", "a", '"Ü b"', "'it''s'", "$1", "1e5", "42", "-- c\n", "/* x */", "<>", "::", "(", ")", "日本", "\n")

_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.one_of(
    st.lists(st.sampled_from(_WORDS), max_size=40).map(" ".join),
    st.integers(0, 2000).map(lambda n: "SELECT " + "a1, " * n + "'x'"),
)


@given(texts)
@_unhurried
def test_tokens_are_those_of_the_message(text: str) -> None:
    buffer = grammar._scanned(text.encode())
    assert tokens.walked(buffer) == tokens.decoded(buffer) == tokens.read(buffer)


@given(texts, st.data())
@_unhurried
def test_what_is_no_answer_of_a_scanner_is_not_read(text: str, data: st.DataObject) -> None:
    buffer = grammar._scanned(text.encode())
    cut = buffer[: data.draw(st.integers(0, len(buffer)))]
    try:
        found = tokens.walked(cut)
    except (ValueError, IndexError):
        found = None
    # a cut between two tokens leaves an answer
    assert found is None or found == tokens.decoded(cut)
    with pytest.raises((ValueError, IndexError)):
        tokens.walked(buffer + b"\x1a\x01x")
