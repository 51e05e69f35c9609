"""What an entry says in clear, what it says to the auditor only, and how it is spelled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.audit import entry as entries
from redactor.audit import sealing, verifier
from redactor.audit.entry import FIELDS, Closed, canonical, close, place
from redactor.audit.sealing import CannotOpen, Seal, key_name, open_sealed
from redactor.model import Problem, Requester
from tests.audit.samples import AUDITOR_PRIVATE, auditor, sample

KEY = b"k" * 32

texts = st.text(max_size=40) | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Ll"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def seal() -> Seal:
    return Seal(auditor(), b"o" * 32)


def test_the_fields_are_those_published() -> None:
    made = close(sample(0), KEY, seal(), "name")
    _, value = place(made.body, "ab" * 16, 3, 4)
    assert set(value) == set(FIELDS)
    assert (value["journal"], value["number"], value["sequence"]) == ("ab" * 16, 3, 4)
    published = (Path(__file__).parents[2] / "docs/log.md").read_text()
    assert [name for name in FIELDS if f"`{name}`" not in published] == []
    assert value["at"] == "2026-05-28T20:26:40.250000Z"
    assert value["columns"] == [{"column": "public.residents.alien_number", "use": "predicate"}]
    assert value["groups"] == ["all", "staff"]
    assert value["sqlstate"] == "42501"


@given(texts, texts, texts)
def test_what_a_client_writes_is_in_the_sealed_part_only(text: str, application: str, message: str) -> None:
    secret = "Zx9-canary-"
    asked = replace(
        sample(0),
        text=secret + text,
        requester=replace(sample(0).requester, application=secret + application),
        problem=Problem("42501", secret + message, secret, secret),
    )
    made = close(asked, KEY, seal(), "name")
    assert secret.encode() not in made.body
    assert secret.encode() not in made.sealed
    opened = json.loads(open_sealed(AUDITOR_PRIVATE, made.sealed, asked.decision))
    assert opened["text"] == entries.clean(secret + text)
    assert opened["application"] == entries.clean(secret + application)
    assert opened["problem"]["message"] == entries.clean(secret + message)
    assert json.loads(made.body)["sealed"]["sha256"] == hashlib.sha256(made.sealed).hexdigest()


def test_equal_texts_have_equal_digests_under_one_key_only() -> None:
    def digest(text: str, key: bytes) -> str:
        return str(json.loads(close(sample(0, text), key, seal(), "n").body)["digest"])

    assert digest("SELECT 1", KEY) == digest("SELECT 1", KEY)
    assert digest("SELECT 1", KEY) != digest("SELECT 2", KEY)
    assert digest("SELECT 1", KEY) != digest("SELECT 1", b"j" * 32)
    assert digest("SELECT 1", KEY) != hashlib.sha256(b"SELECT 1").hexdigest()


def test_a_long_text_is_cut_where_it_is_sealed_but_not_where_it_is_counted() -> None:
    long = "x" * (entries.TEXT_LIMIT + 10)
    made = close(sample(0, long), KEY, seal(), "n")
    value = json.loads(made.body)
    assert value["sealed"]["cut"] is True
    assert value["sealed"]["bytes"] == len(long)
    assert len(json.loads(open_sealed(AUDITOR_PRIVATE, made.sealed, "0123abcd-0"))["text"]) == entries.TEXT_LIMIT
    other = json.loads(close(sample(0, long + "y"), KEY, seal(), "n").body)
    assert other["digest"] != value["digest"]


@given(values)
def test_both_spellings_of_json_are_one(value: object) -> None:
    assert canonical({"v": value}) == verifier.canonical({"v": value})


@given(texts, texts)
def test_any_names_make_an_entry(login: str, shape: str) -> None:
    asked = replace(sample(0), requester=Requester(login, "city"), shape=shape, problem=None)
    leaf, value = place(close(asked, KEY, seal(), "n").body, "ab" * 16, 0, 0)
    assert verifier.canonical(json.loads(leaf)) == leaf
    assert value["sqlstate"] == ""


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_record_comes_apart_again(body: bytes, sealed: bytes) -> None:
    assert Closed.unpack(Closed(body, sealed).pack()) == Closed(body, sealed)


@pytest.mark.parametrize("record", [b"", b"\0\0", b"\0\0\0\5abcd"])
def test_a_short_record_is_none(record: bytes) -> None:
    with pytest.raises(ValueError):
        Closed.unpack(record)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))
def test_times_sort_as_they_are_spelled(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC).timestamp()
    spelled = entries.time_text(at)
    assert len(spelled) == 27
    assert abs(datetime.fromisoformat(spelled).timestamp() - at) < 1e-4
    assert entries.time_text(at + 1) > spelled


# ------------------------------------------------------------------ sealing


def test_one_seal_serves_many_texts_each_with_a_nonce_of_its_own() -> None:
    one = seal()
    sealed = [one.close(b"the same", "d") for _ in range(5)]
    assert len(set(sealed)) == 5
    assert [open_sealed(AUDITOR_PRIVATE, s, "d") for s in sealed] == [b"the same"] * 5
    assert len(sealed[0]) == len(b"the same") + 61


def test_only_the_auditor_opens_and_only_what_was_sealed() -> None:
    sealed = seal().close(b"secret", "d")
    with pytest.raises(CannotOpen):
        open_sealed(b"\x07" * 32, sealed, "d")
    with pytest.raises(CannotOpen):
        open_sealed(AUDITOR_PRIVATE, sealed, "another decision")
    for at in range(len(sealed)):
        with pytest.raises(CannotOpen):
            open_sealed(AUDITOR_PRIVATE, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "d")
        with pytest.raises(CannotOpen):
            open_sealed(AUDITOR_PRIVATE, sealed[:at], "d")


def test_keys_have_names() -> None:
    assert key_name(auditor()) == hashlib.sha256(auditor()).hexdigest()[:16]
    assert sealing.key_name(b"x" * 32) != key_name(auditor())


def test_a_seal_that_has_taken_a_step_opens_nothing_of_before() -> None:
    one = seal()
    sealed = []
    for number in range(sealing.STEPS):
        if number in (0, 1, 5, sealing.STEPS - 1):
            sealed += [one.close(b"%d" % number, "d"), one.close(b"%d again" % number, "d")]
        kept = [getattr(one, name) for name in Seal.__slots__]
        one.step()
        assert all(getattr(one, n) is not old for n, old in zip(Seal.__slots__, kept, strict=True) if n in SECRET)
    assert one.used_up
    with pytest.raises(ValueError):
        one.close(b"more", "d")
    expected = [b"0", b"0 again", b"1", b"1 again", b"5", b"5 again", b"1023", b"1023 again"]
    assert [open_sealed(AUDITOR_PRIVATE, s, "d") for s in sealed] == expected
    assert len({s[33:45] for s in sealed}) == len(sealed)
    late = sealed[0][:33] + sealing.STEPS.to_bytes(4, "big") + sealed[0][37:]
    with pytest.raises(CannotOpen):
        open_sealed(AUDITOR_PRIVATE, late, "d")


SECRET = ("_link", "_cipher")


def test_what_the_first_version_sealed_is_still_opened() -> None:
    # made by the release before: the one-time key is 32 bytes "o", the text "of before", the decision "d"
    sealed = bytes.fromhex(VERSION_1)
    assert open_sealed(AUDITOR_PRIVATE, sealed, "d") == b"of before"


VERSION_1 = (
    "01742562a1209c1a3694cf632449c658f54b085363c509a9d834a6914f78301719000000000000000000000000c4cf894368"
    "f80a4adc61adba25f7b89936720a15cda2717850"
)


@given(st.lists(st.tuples(texts, texts, st.booleans()), min_size=1, max_size=6))
def test_parts_that_were_spelled_before_make_the_same_entry(parts: list[tuple[str, str, bool]]) -> None:
    outlines = entries.Outlines(most=2)
    for number, (text, name, refused) in enumerate(parts):
        asked = sample(number, text)
        asked = replace(
            asked, requester=Requester(name, "city"), shape=name, problem=asked.problem if refused else None
        )
        for at in (0.0, 0.1234567, 3600.0):
            again = replace(asked, at=asked.at + at, decision=f"{name}-{at}")
            made = close(again, KEY, seal(), "n", outlines)
            assert made == close(again, KEY, seal(), "n")
            assert verifier.canonical(json.loads(made.body)) == made.body


@given(
    texts,
    texts,
    st.sets(texts | st.sampled_from(["kind", ',"kind":"decision",', '"shape":', ',"on_behalf_of":']), max_size=3),
)
def test_a_place_is_spelled_as_the_whole_would_be(login: str, shape: str, groups: set[str]) -> None:
    asked = replace(sample(0), requester=Requester(login, "city", frozenset(groups), on_behalf_of=None), shape=shape)
    leaf, value = place(close(asked, KEY, seal(), "n").body, "ab" * 16, 7, 8)
    assert leaf == canonical(value)
    assert (value["journal"], value["number"], value["sequence"]) == ("ab" * 16, 7, 8)
