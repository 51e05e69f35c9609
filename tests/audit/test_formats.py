"""Every format against its published schema, with entries whose every free field is hostile."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import jsonschema
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from redactor.audit import entry as entries
from redactor.audit.formats import FORMATS, JSON, Leaf
from redactor.audit.formats.cef import LENGTHS
from redactor.audit.formats.syslog import framed, message, note_message
from tests.audit.samples import closed

OCSF = jsonschema.Draft202012Validator(json.loads((Path(__file__).parent / "schemas/ocsf-1.2.0.json").read_text()))
HOSTILE = '=1+1|a=b\\ "quo\'ted"\r\nCEF:0|x\u2028é\x00\x1b[2J'


def leaf(**changes: object) -> Leaf:
    return entries.place(closed(0).body, "ab" * 16, 0, 17)[1] | changes


LEAVES = [
    leaf(),
    leaf(verdict="redacted", outcome="sent", sqlstate="", shape="UPDATE t SET a = $1"),
    leaf(verdict="allowed", outcome="sent", sqlstate="", rules=[], columns=[], groups=[], address=""),
    leaf(outcome="tripwire", address="2001:db8::1", shape=""),
    leaf(shape="VACUUM", address="fe80::1%eth0"),
    leaf(login=HOSTILE, shape=HOSTILE * 300, database=HOSTILE, decision=HOSTILE, outcome=HOSTILE, groups=[HOSTILE]),
    entries.place(entries.retention(1.5, 7, HOSTILE, ["2026-01"]).body, "ab" * 16, 0, 18)[1],
    entries.place(entries.introduction(1.5, "redactor log key 1\n0\nx\n\ny\n").body, "ab" * 16, 0, 19)[1],
]
free = st.text(max_size=200)
anything = st.builds(leaf, login=free, shape=free, database=free, address=free, outcome=free, sqlstate=free)


def one_line(text: str) -> str:
    assert "\n" not in text
    return text


@pytest.mark.parametrize("form", [*FORMATS.values(), JSON], ids=lambda f: f.name)
def test_a_bundle_is_its_events(form: object) -> None:
    assert form.name in ("json", *FORMATS)  # type: ignore[attr-defined]
    whole = form.bundle(LEAVES).decode()  # type: ignore[attr-defined]
    if form.name != "otlp":  # type: ignore[attr-defined]
        assert whole == "".join(form.event(e) + "\n" for e in LEAVES)  # type: ignore[attr-defined]
    assert "A000000000" not in whole, "the literal is in the sealed part only"


def check_ocsf(e: Leaf) -> None:
    value = json.loads(one_line(FORMATS["ocsf"].event(e)))
    OCSF.validate(value)
    assert value["type_uid"] == value["class_uid"] * 100 + value["activity_id"]


@pytest.mark.parametrize("e", LEAVES)
def test_ocsf_is_valid_by_the_published_schema(e: Leaf) -> None:
    check_ocsf(e)


@given(anything)
def test_ocsf_of_anything(e: Leaf) -> None:
    check_ocsf(e)


def test_the_ocsf_schema_refuses_what_is_not_in_it() -> None:
    value = json.loads(FORMATS["ocsf"].event(LEAVES[0]))
    for broken in (value | {"bogus": 1}, value | {"activity_id": 77}, {**value, "actor": {}}, {**value, "time": "now"}):
        assert not OCSF.is_valid(broken)
    del value["src_endpoint"]
    assert not OCSF.is_valid(value)


def test_ocsf_says_what_was_done() -> None:
    value = json.loads(FORMATS["ocsf"].event(LEAVES[0]))
    assert (value["class_uid"], value["activity_name"], value["action"], value["disposition"]) == (
        6005,
        "Query",
        "Denied",
        "Blocked",
    )
    assert value["time"] == 1_780_000_000_250
    assert json.loads(FORMATS["ocsf"].event(LEAVES[1]))["activity_name"] == "Update"
    assert json.loads(FORMATS["ocsf"].event(LEAVES[1]))["disposition"] == "Redacted"


# ------------------------------------------------------------------ OpenTelemetry: parsed by the published protobuf


def check_otlp(text: str | bytes, count: int) -> ExportLogsServiceRequest:
    request = json_format.Parse(text, ExportLogsServiceRequest())  # unknown fields are errors
    assert len(request.resource_logs[0].scope_logs[0].log_records) == count
    return request


def test_otlp_is_what_the_published_protobuf_says() -> None:
    request = check_otlp(FORMATS["otlp"].bundle(LEAVES), len(LEAVES))
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    assert record.time_unix_nano == 1_780_000_000_250_000_000
    assert record.severity_number == 13
    found = {a.key: a.value for a in record.attributes}
    assert found["db.namespace"].string_value == "city"
    assert found["redactor.sequence"].int_value == 17
    assert [v.string_value for v in found["user.roles"].array_value.values] == ["all", "staff"]


@given(anything)
def test_otlp_of_anything(e: Leaf) -> None:
    check_otlp(one_line(FORMATS["otlp"].event(e)), 1)


# ------------------------------------------------------------------ CEF, read as its specification says


def read_cef(text: str) -> tuple[list[str], dict[str, str]]:
    """Header fields and extension, unescaped; AssertionError where the text is no CEF."""
    assert text.startswith("CEF:0|")
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    pieces = re.match(r"((?:[^|\\]|\\[|\\])*\|){7}", text)
    assert pieces, "seven header fields, in which only | and \\ are escaped"
    assert len(parts) == 8
    extension = text[pieces.end() :]
    fields = {}
    found = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=((?:[^=\\]|\\[=\\nr])*?)(?=$| [A-Za-z0-9]+=)", extension))
    assert "".join(m.group(0) for m in found) == extension, extension
    for m in found:
        value = re.sub(r"\\(.)", lambda x: {"n": "\n", "r": "\r"}.get(x.group(1), x.group(1)), m.group(2))
        assert m.group(1) not in fields
        fields[m.group(1)] = value
    header = [re.sub(r"\\(.)", r"\1", h) for h in text[: pieces.end() - 1].split("|")[:3]]
    return header, fields


NUMBERS = {"rt", "cn1"}


def check_cef(e: Leaf) -> dict[str, str]:
    header, fields = read_cef(one_line(FORMATS["cef"].event(e)))
    assert header[:3] == ["CEF:0", "redactor", "redactor"]
    for key, value in fields.items():
        assert key in LENGTHS or key in NUMBERS or key == "src"
        assert key not in NUMBERS or re.fullmatch(r"\d+", value)
        assert len(value) <= LENGTHS.get(key, 20), key
    return fields


@pytest.mark.parametrize("e", LEAVES)
def test_cef_is_read_back(e: Leaf) -> None:
    check_cef(e)


def test_cef_keeps_what_was_said() -> None:
    fields = check_cef(LEAVES[0])
    assert fields["suser"] == "clerk"
    assert fields["src"] == "10.0.0.7"
    assert fields["cs1"] == "status-need-to-know"
    assert fields["msg"] == "SELECT count(*) FROM residents WHERE alien_number = $1"
    assert check_cef(LEAVES[3])["c6a2"] == "2001:db8::1"
    assert check_cef(leaf(login="a=b\\c|d"))["suser"] == "a=b\\c|d"


@given(anything)
def test_cef_of_anything(e: Leaf) -> None:
    text = one_line(FORMATS["cef"].event(e))
    assert re.match(r"CEF:0(?:\|(?:[^|\\\r\n]|\\[|\\])*){6}\|(?:[A-Za-z0-9]+=(?:[^=\\\r\n]|\\[=\\n])*(?: |$))*$", text)


# ------------------------------------------------------------------ syslog

RFC5424 = re.compile(  # RFC 5424, 6
    r"<(?P<pri>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) "
    r"(?P<process>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    r'(?P<data>-|(?:\[[!-~]{1,32}(?: [!-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\])+) \ufeff(?P<text>[^\n]*)'
)


@pytest.mark.parametrize("e", LEAVES)
def test_syslog_is_valid_by_the_abnf(e: Leaf) -> None:
    for text in (FORMATS["syslog"].event(e), message(e, "x", "host é .example\n", 7)):
        m = RFC5424.fullmatch(text)
        assert m, text
        assert int(m["pri"]) // 8 == 13
        assert re.fullmatch(r'\[meta sequenceId="[1-9]\d*"\]', m["data"])
    assert RFC5424.fullmatch(note_message("2026-01-01T00:00:00.000001Z", "a\nb\n\n— c d\n", "", 0))


def test_octets_are_counted() -> None:
    assert framed("é") == b"2 \xc3\xa9"


# ------------------------------------------------------------------ CSV


def check_csv(leaves: list[Leaf]) -> list[dict[str, str]]:
    text = (FORMATS["csv"].head + FORMATS["csv"].bundle(leaves)).decode()
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    assert {len(r) for r in rows} == {17}
    assert len(rows) == len(leaves) + 1
    assert all(not cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_csv_is_read_back() -> None:
    rows = check_csv(LEAVES)
    assert rows[0]["login"] == "clerk"
    assert rows[0]["columns"] == "public.residents.alien_number (predicate)"
    assert rows[5]["login"].startswith("'=1+1|a=b")


@given(st.lists(anything, min_size=1, max_size=3))
def test_csv_of_anything(leaves: list[Leaf]) -> None:
    check_csv(leaves)
