"""Where messages end: found one by one, or many together, it is the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from redactor.wire.pg.framing import HEADER, frame, past_alike, read_head

ROW = ord("D")


def one_by_one(data: bytes, at: int, end: int) -> int:
    while end - at >= HEADER:
        kind, length = read_head(data, at)
        if kind != ROW or length < 4 or at + 1 + length > end:
            break
        at += 1 + length
    return at


# bodies that look like headers themselves, so that a wrong step would go on for a while
bodies = st.sampled_from([b"", b"D\0\0\0\x09", b"D\0\0\0\x09D\0\0\0\x04", b"x" * 7, bytes(300), b"D" * 260])
runs = st.lists(st.tuples(bodies, st.integers(1, 150)), max_size=6)
strangers = st.sampled_from([b"", frame(b"C", b"SELECT 1\0"), b"D\0\0\0\3", b"D\0\0\1", b"D\x7f\xff\xff\xff", b"Z"])


@settings(max_examples=300, deadline=None)
@given(runs, strangers, runs, st.integers(0, 400), st.integers(0, 5))
def test_messages_that_are_alike_are_passed_as_one_by_one(
    before: list[tuple[bytes, int]], stranger: bytes, behind: list[tuple[bytes, int]], cut: int, start: int
) -> None:
    data = b"?" * start + b"".join(frame(b"D", body) * n for body, n in before) + stranger
    data += b"".join(frame(b"D", body) * n for body, n in behind)
    for end in (len(data), max(start, len(data) - cut)):
        assert past_alike(data, start, end, ROW) == one_by_one(data, start, end)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 40), st.integers(0, 2**32), st.integers(1, 255))
def test_one_header_that_differs_is_found(rows: int, size: int, where: int, change: int) -> None:
    data = bytearray(frame(b"D", bytes(size)) * rows)
    step = size + HEADER
    at = where % rows * step + where % HEADER
    data[at] ^= change
    spoilt = bytes(data)
    assert past_alike(spoilt, 0, len(spoilt), ROW) == one_by_one(spoilt, 0, len(spoilt))
