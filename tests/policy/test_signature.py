"""Function signatures in every spelling are one; two functions never are."""

from __future__ import annotations

import pytest

from redactor.signature import Malformed, canonical, split_name


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("public.open_requests(integer)", "public.open_requests(integer)"),
        ("public.open_requests(int)", "public.open_requests(integer)"),
        (" public.open_requests ( INT4 ) ", "public.open_requests(integer)"),
        ("public.open_requests(pg_catalog.int4)", "public.open_requests(integer)"),
        ("public.open_requests(resident int)", "public.open_requests(integer)"),
        ("public.open_requests(IN resident integer, OUT n bigint)", "public.open_requests(integer)"),
        ("public.tidy_request()", "public.tidy_request()"),
        ("library.return_loan(integer,integer)", "library.return_loan(integer, integer)"),
        ("public.fmt_money(numeric(10, 2))", "public.fmt_money(numeric)"),
        ("public.f(varchar(20), time)", "public.f(character varying, time without time zone)"),
        ("public.f(timestamptz)", "public.f(timestamp with time zone)"),
        ("public.f(float8, x double  precision)", "public.f(double precision, double precision)"),
        ("public.f(int[], text [], integer ARRAY, int[3][3])", "public.f(integer[], text[], integer[], integer[])"),
        ("public.f(VARIADIC text[])", "public.f(text[])"),
        ("public.f(at timestamp without time zone)", "public.f(timestamp without time zone)"),
        ("public.f(public.mood, city.grade)", "public.f(mood, city.grade)"),
        ('public.f("Mood", "public"."Mood")', 'public.f("Mood", "Mood")'),
        ('"Public".f(int)', "Public.f(integer)"),
        ('public."f.g"(int)', 'public."f.g"(integer)'),
        ('public.f("char", char)', 'public.f("char", character)'),
    ],
)  # fmt: skip
def test_spellings(written: str, expected: str) -> None:
    assert canonical(written) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("public.f(integer)", "public.f(bigint)"),
        ("public.f(integer)", "public.f()"),
        ("public.f(integer)", "library.f(integer)"),
        ("public.f(integer)", "public.F(integer)"),
        ("public.f(integer)", "public.f(integer[])"),
        ("public.f(text)", "public.f(public.text)"),
        ("public.f(integer)", 'public.f(public."integer")'),
        ("public.f(mood)", "public.f(city.mood)"),
        ("public.f(char)", 'public.f("char")'),
        ("public.f(mood)", 'public.f("Mood")'),
    ],
)
def test_different_functions_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "text",
    ["", "f(int)", "public.f", "a.b.c(int)", "public.f(int", "public.f(int,)", "public.f(x y z)", "public.f(a b; c)",
     "public.f(.x)", "public.f(int = 1)", 'public."f(int)', "public. f(int)"],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        canonical(text)


def test_names() -> None:
    assert split_name("public.residents") == ("public", "residents")
    assert split_name('"my.schema"."a ""b"""') == ("my.schema", 'a "b"')
    assert split_name("public.MixedCase") == ("public", "MixedCase")
