"""Masks on a real server: each has the column's type and a value for every value, however extreme."""

from __future__ import annotations

import psycopg
import pytest

from redactor.protection import plain_type
from redactor.sql.masks import expression
from redactor.treatment import Mask, MaskKind
from tests.servers import Server

EXTREMES = {
    "text": ["NULL", "''", "'x'", "repeat('ü', 100000)", "E'\\n\\t'", "'12345678'", "'123456789'", "U&'\\+01F600'"],
    "character varying(20)": ["NULL", "''", "repeat('x', 20)"],
    "character varying(3)": ["NULL", "'abc'"],
    "character(5)": ["NULL", "'ab'", "''"],
    "name": ["NULL", "repeat('x', 63)"],
    "date": ["NULL", "'-infinity'", "'infinity'", "'4713-01-01 BC'", "'5874897-12-31'", "'0001-01-01'", "'9999-12-31'"],
    "timestamp without time zone": [
        "NULL",
        "'-infinity'",
        "'infinity'",
        "'4713-11-24 BC'",
        "'294276-12-31 23:59:59.999999'",
    ],
    "timestamp with time zone": [
        "NULL",
        "'-infinity'",
        "'infinity'",
        "'4714-11-24 00:00:00+00 BC'",
        "'294276-12-31 23:59:59+00'",
    ],
    "timestamp(3) with time zone": ["NULL", "'2000-01-01'"],
    "smallint": ["NULL", "-32768", "32767", "0"],
    "integer": ["NULL", "-2147483648", "2147483647", "-1"],
    "bigint": ["NULL", "-9223372036854775808", "9223372036854775807"],
    "numeric": ["NULL", "'NaN'", "'Infinity'", "1e1000"],
    "numeric(6,2)": ["NULL", "9999.99"],
    "double precision": ["NULL", "'NaN'", "'-Infinity'", "1e308"],
    "boolean": ["NULL", "true"],
    "uuid": ["NULL", "'00000000-0000-0000-0000-000000000000'"],
    "jsonb": ["NULL", "'null'", "'{}'"],
    "json": ["NULL", "'[]'"],
    "bytea": ["NULL", "'\\x00'"],
    "inet": ["NULL", "'::1'"],
    "interval": ["NULL", "'178000000 years'"],
    "text[]": ["NULL", "'{}'", "'{a,NULL}'"],
    "integer[]": ["NULL", "'{1,2}'"],
    "xml": ["NULL"],
    "point": ["NULL", "'(1,2)'"],
    "int4range": ["NULL", "'empty'", "'[1,)'"],
    "bit varying": ["NULL", "B''", "B'101'"],
    "money": ["NULL", "1"],
    "time without time zone": ["NULL", "'24:00'"],
    '"char"': ["NULL", "'a'"],
    "oid": ["NULL", "1"],
    "tsvector": ["NULL", "'a b'"],
}
MASKS = [
    Mask(),
    Mask(MaskKind.CONSTANT, "x"),
    Mask(MaskKind.CONSTANT, "withheld ' \\ \""),
    Mask(MaskKind.CONSTANT, "7"),
    Mask(MaskKind.CONSTANT, "1999-02-28"),
    Mask(MaskKind.PARTIAL, 1),
    Mask(MaskKind.PARTIAL, 8),
    Mask(MaskKind.YEAR),
    Mask(MaskKind.MONTH),
    Mask(MaskKind.BUCKET, 2),
    Mask(MaskKind.BUCKET, 1_000_000_000),
    Mask(MaskKind.HASH, "label"),
]


@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_masks_are_total_and_keep_the_type(postgres18: Server, mask: Mask) -> None:
    wrong = []
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        for setting in ("SET search_path = ''", "SET timezone = 'Pacific/Apia'", "SET datestyle = 'German'"):
            c.execute(setting.encode())
        for type_name, values in EXTREMES.items():
            text = expression(mask, "v", plain_type(type_name), "key")
            for value in values:
                query = f"SELECT {text} AS masked, v FROM (SELECT ({value})::{plain_type(type_name)} AS v) s"
                result = c.pgconn.exec_(query.encode())
                if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
                    wrong.append((query, result.get_error_message()))
                elif (result.ftype(0), result.fmod(0)) != (result.ftype(1), result.fmod(1)):
                    wrong.append(
                        (query, f"type {result.ftype(0)} {result.fmod(0)} of {result.ftype(1)} {result.fmod(1)}")
                    )
    assert not wrong


@pytest.mark.parametrize("mask", [m for m in MASKS if not m.depends_on_value], ids=str)
def test_masks_that_do_not_depend_on_the_value_do_not_name_it(mask: Mask) -> None:
    for type_name in EXTREMES:
        assert "zzz" not in expression(mask, "zzz", plain_type(type_name), "key")


@pytest.mark.parametrize(
    ("mask", "type_name", "value", "masked"),
    [
        (Mask(MaskKind.PARTIAL, 4), "text", "'916-555-0123'", "********0123"),
        (Mask(MaskKind.PARTIAL, 4), "text", "'12345678'", "********"),
        (Mask(MaskKind.PARTIAL, 4), "text", "NULL", "********"),
        (Mask(MaskKind.YEAR), "date", "'2001-12-31'", "2001-01-01"),
        (Mask(MaskKind.MONTH), "date", "'2001-12-31'", "2001-12-01"),
        (Mask(MaskKind.YEAR), "date", "'infinity'", None),
        (Mask(MaskKind.YEAR), "text", "'2001'", None),
        (Mask(MaskKind.BUCKET, 10), "integer", "-19", "-10"),
        (Mask(MaskKind.BUCKET, 10), "integer", "19", "10"),
        (Mask(MaskKind.CONSTANT, "x"), "text", "NULL", "x"),
        (Mask(MaskKind.CONSTANT, "x"), "integer", "1", None),
        (Mask(MaskKind.CONSTANT, "7"), "integer", "1", "7"),
    ],
)
def test_masks_give(postgres18: Server, mask: Mask, type_name: str, value: str, masked: str | None) -> None:
    text = expression(mask, "v", plain_type(type_name), "key")
    with psycopg.connect(postgres18.dsn()) as c:
        row = c.execute(f"SELECT ({text})::text FROM (SELECT ({value})::{type_name} AS v) s".encode()).fetchone()
    assert row == (masked,)


def test_hashes_are_alike_for_the_like_and_differ_by_label_and_key(postgres18: Server) -> None:
    def hashed(value: str, label: str, key: str) -> str:
        text = expression(Mask(MaskKind.HASH, label), "v", "pg_catalog.text", key)
        with psycopg.connect(postgres18.dsn()) as c:
            row = c.execute(f"SELECT {text} FROM (SELECT {value}::text AS v) s".encode()).fetchone()
        assert row is not None
        return str(row[0])

    assert hashed("'a'", "l", "k") == hashed("'a'", "l", "k")
    assert len({hashed(*a) for a in (("'a'", "l", "k"), ("'b'", "l", "k"), ("'a'", "m", "k"), ("'a'", "l", "j"))}) == 4
