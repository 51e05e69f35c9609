"""Identifiers read into plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.tagging.names import pattern, spelled, words_in
from redactor.tagging.pack import load
from redactor.tagging.words import plain, singular

VOCABULARY = load().vocabulary


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("date_of_birth", "birth date"),
        ("dateofbirth", "birth date"),
        ("EMP_dtBirth", "employee date birth"),
        ("fechaNacimiento", "date birth"),
        ("año_de_ingreso", "year de entry"),
        ("strCitizenship", "citizenship"),
        ("CountryOfCitizenshipID", "country of citizenship identifier"),
        ("US_CITIZEN_IND", "us citizen indicator"),
        ("usCitizen", "us citizen"),
        ("IPAddress", "ip address"),
        ("ESLflag", "esl flag"),
        ("I94Number", "i94 number"),
        ("i_94_no", "i94 number"),
        ("a_num", "anumber"),
        ("alien_registration_nbr", "anumber number"),
        ("h1b_petition", "visaclass petition"),
        ("lname", "last name"),
        ("primer_apellido", "primer last name"),
        ("ssn4", "ssn"),
        ("ADDRESSES", "address"),
        ("species", "species"),
        ("status", "status"),
        ("cobra", "cobra"),
        ("2nd_nationality", "nd nationality"),
        ("___", ""),
        ("CTZNSHP_IND", "citizenship indicator"),
        ("IMGRTN_STUS_CD", "immigration status code"),
        ("ELGBL_PHNE_NUM", "eligibility phone number"),
        ("ethncty", "ethnicity"),
        ("pssprt_no", "passport number"),
        ("covssn", "cov ssn"),
        ("tracking_number", "tracking number"),
        ("hand_pump", "hand pump"),
        ("lost_html", "lost html"),
    ],
)
def test_identifiers(identifier: str, words: str) -> None:
    assert VOCABULARY.words(identifier) == tuple(words.split())


def test_plurals_and_accents() -> None:
    assert [singular(w) for w in ("countries", "notes", "addresses", "status", "boxes", "series")] == [
        "country",
        "note",
        "address",
        "status",
        "box",
        "series",
    ]
    assert plain("dirección año") == "direccion ano"


@given(st.text(max_size=60))
def test_any_text_can_be_read_and_always_the_same_way(text: str) -> None:
    fresh = load().vocabulary
    assert tuple(fresh._read(text)) == VOCABULARY.words(text)


@pytest.mark.parametrize(
    ("written", "words", "fits"),
    [
        ("birth country|place", "country birth", True),
        ("birth country|place", "birth date", False),
        ("birth country -code", "birth country code", False),
        ("=name", "name", True),
        ("=name", "file name", False),
        ("=state +code", "state code", True),
        ("=state +code", "state label", False),
        ("mrn / medical record", "medical record", True),
        ("depart*", "departure", True),
        ("worker -season*", "seasonal worker", False),
        ("*", "anything", True),
    ],
)
def test_patterns(written: str, words: str, fits: bool) -> None:
    said = words.split()
    assert pattern(written).fits(said, said) is fits


def test_a_pattern_is_spelled_with_the_words_that_were_found() -> None:
    assert spelled("birth country|place -code", ["place", "birth"]) == "birth place"
    assert spelled("=name +code") == "name"
    assert words_in("=a|b c* -d / +e") == {"a", "b", "d", "e"}
