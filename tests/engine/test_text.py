"""Edits to a text: what is not edited stays as it was, whatever the order in which edits are made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.engine.text import Text


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """A text and replacements of spans in it that do not overlap, in any order."""
    source = draw(st.text(alphabet="ab ü日\n", min_size=1, max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(source)), max_size=12)))
    spans = [(a, b, draw(st.text(max_size=4))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    unique = {(a, b): t for a, b, t in spans}
    return source, draw(st.permutations([(a, b, t) for (a, b), t in unique.items()]))


@given(edits())
def test_edits_render_as_they_say(made: tuple[str, list[tuple[int, int, str]]]) -> None:
    source, wanted = made
    data = source.encode()
    text = Text(data)
    for a, b, new in wanted:
        text.put(len(source[:a].encode()), len(source[:b].encode()), new)
    expected, at = "", 0
    for a, b, new in sorted(wanted, key=lambda e: (e[0], e[1])):
        expected += source[at:a] + new
        at = b
    # spaces may come between what was put and what stood there, and nothing else does
    rendered = text.render().decode()
    assert "".join(rendered.split(" ")) == "".join((expected + source[at:]).split(" "))
    assert len(rendered) <= len(expected + source[at:]) + 2 * len(wanted)
    assert text.edited is bool(wanted)
    assert text.mark() == len(wanted)


def test_insertions_stand_in_their_order() -> None:
    text = Text(b"ac")
    text.put(1, 1, "1")
    text.put(1, 1, "2")
    assert text.render() == b"a 1 2 c"


@pytest.mark.parametrize(
    ("source", "at", "new", "rendered"),
    [
        (b"ORDER BY(a)LIMIT 2", 11, ", t.b", b"ORDER BY(a), t.b LIMIT 2"),
        (b'FROM"a"ORDER BY 1', 7, " x", b'FROM"a" x ORDER BY 1'),
        (b"SELECT(a)FROM t", 9, ", b ", b"SELECT(a), b FROM t"),
        (b"(a)AND(b)", 3, "", b"(a)AND(b)"),
    ],
)
def test_words_do_not_grow_together(source: bytes, at: int, new: str, rendered: bytes) -> None:
    text = Text(source)
    text.put(at, at, new)
    assert text.render() == rendered


def test_the_same_twice_is_once() -> None:
    text = Text(b"abc")
    text.put(1, 2, "x")
    text.put(1, 2, "x")
    assert text.render() == b"a x c"


@pytest.mark.parametrize("other", [(1, 3, "y"), (1, 2, "y"), (0, 2, "y")])
def test_edits_that_overlap_are_not_rendered(other: tuple[int, int, str]) -> None:
    text = Text(b"abcd")
    text.put(1, 2, "x")
    text.put(*other)
    with pytest.raises(ValueError, match="overlap"):
        text.render()


def test_suggestions_give_way() -> None:
    text = Text(b"a.b c.d")
    text.suggest(0, 3, "A")
    text.suggest(4, 7, "C")
    text.put(4, 7, "c")
    text.put(0, 0, "<")
    assert text.render() == b"<A c"


def test_tokens_leave_comments_out() -> None:
    text = Text(b"SELECT/* a */1 -- b\n, 'x' /* /* */ */")
    assert [text.word(i) for i in range(5)] == ["select", "1", ",", "'x'", ""]
    assert text.word(-1) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", 1),
        ("a.b.c x", 5),
        ('"a b" . "c"', 3),
        ("a.* x", 3),
        ("U&\"a\" UESCAPE '!' . b", 5),
        ("U&\"a\" UESCAPE '!' uescape", 3),
    ],
)
def test_names_end_where_they_end(name: str, words: int) -> None:
    assert Text(name.encode()).name_end(0) == words


def test_positions_count_characters() -> None:
    text = Text("SELECT 'ü日', x".encode())
    assert text.position(text.tokens[3].start) == "SELECT 'ü日', x".index("x") + 1


def test_a_parenthesis_closes() -> None:
    text = Text(b"f(a, (b), ')') c")
    assert text.word(text.closing(1) + 1) == "c"
