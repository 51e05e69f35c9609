"""YAML as people write it: plain values, places, and bounds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.errors import ConfigurationError, Fault
from redactor.yamlfile import in_order, meant, parse


def test_scalars_are_yaml_1_2() -> None:
    text = "a: yes\nb: 010\nc: 1:30\nd: ~\ne: 'null'\nf: 1e3\ng: true\nh: 2026-01-27\ni: -5\nj: .\nk: !!str 5\non: off"
    assert parse(text, "f").value == {
        "a": "yes",
        "b": 10,
        "c": "1:30",
        "d": None,
        "e": "null",
        "f": 1000.0,
        "g": True,
        "h": "2026-01-27",
        "i": -5,
        "j": ".",
        "k": "5",
        "on": "off",
    }


def test_keys_are_text_as_written() -> None:
    assert parse("{null: 1, 7: 2, true: 3, 1.50: 4}", "f").value == {"null": 1, "7": 2, "true": 3, "1.50": 4}


def test_aliases_are_followed() -> None:
    assert parse("a: &t [x]\nb: *t", "f").value == {"a": ["x"], "b": ["x"]}


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: {c: *a}}", "[" * 60 + "]" * 60])
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        parse(text, "f")


def test_thousands_of_brackets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        parse("[" * 100_000, "f")


def test_aliases_of_aliases_do_not_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redactor.yamlfile._MOST_NODES", 10_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigurationError) as caught:
        parse("\n".join(lines), "f")
    assert len(caught.value.faults) <= 10


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="1:2: a key must be a plain text"):
        parse("{[a]: b}", "f")


def test_places() -> None:
    document = parse("a:\n  - b: 1\n    c:\n", "f")
    assert document.place(()) == (1, 1)
    assert document.place(("a", 0, "b")) == (2, 8)
    assert document.place(("a", 0, "b"), key=True) == (2, 5)
    assert document.place(("a", 0, "c")) == (3, 5)
    assert document.place(("a", 3, "x")) == (2, 3)
    assert document.place(("nowhere",)) == (1, 1)


def test_faults_in_order() -> None:
    a, b, c = Fault("y", 9, 1, "a"), Fault("y", 2, 5, "b"), Fault("x", 1, 1, "c")
    assert in_order([a, b, c, a]) == [b, a, c]


def test_did_you_mean() -> None:
    assert meant("colums", ["columns", "tags"]) == "did you mean `columns`?"
    assert meant("zzz", ["columns", "tags"]) == "known here: columns, tags"
    assert meant("zzz", []) == ""


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="1:4: a text holds half a character"):
        parse(r'a: "\ud800"', "f")


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_a_clear_fault(text: str) -> None:
    faults: list[Fault] | None = None
    try:
        parse(text, "f")
    except ConfigurationError as e:
        faults = e.faults
    assert faults is None or (faults and all(f.file == "f" and f.what for f in faults))


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(st.characters(exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=5)
)
keys = st.text("abc", min_size=1, max_size=3)
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3), max_leaves=8)


@given(values)
def test_json_reads_as_itself(value: object) -> None:
    assert parse(json.dumps(value), "f").value == value
