"""Checkpoints published and entries forwarded, to servers that are real enough to refuse what is wrong."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from redactor.audit.checkpoint import Signer
from redactor.audit.verifier import split_notes
from redactor.audit.witness import Cosigner, cosigned
from redactor.errors import ConfigurationError
from redactor.store import Log, Reader, keys
from redactor.store.outlets import OtherHistory, Undelivered, courier, forwarder, publisher
from redactor.store.outlets.http import Credentials, sign_v4
from redactor.store.witness import Witness, server
from tests.audit.samples import SIGNER
from tests.audit.test_formats import RFC5424
from tests.certificates import self_signed
from tests.servers import Server, free_port
from tests.store.fakes import (
    WHO,
    Bucket,
    Collector,
    collector,
    object_store,
    serving,
    syslog_server,
)
from tests.store.opened import append, opened, until, url

NOTES = [(n, SIGNER.sign(n, bytes([n]) * 32)) for n in (3, 5, 9)]
FORGED = [(5, SIGNER.sign(5, b"f" * 32))]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(courier, "RETRY_SECONDS", 0.05)


def never(old: int, new: int) -> list[bytes]:
    raise AssertionError("no proof is asked for here")


def check_place(made: Callable[[], object], there: Callable[[], list[str]]) -> None:
    """What every place keeps: all notes, in order, once; nothing written over; another history refused."""
    place = made()
    assert place.publish(NOTES[:2]) == []  # type: ignore[attr-defined]
    assert place.publish(NOTES) == []  # type: ignore[attr-defined]
    assert made().publish(NOTES) == []  # type: ignore[attr-defined]
    assert there() == [n for _, n in NOTES]
    with pytest.raises(OtherHistory):
        place.publish(FORGED)  # type: ignore[attr-defined]
    assert there() == [n for _, n in NOTES]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.txt"
    check_place(lambda: publisher(f"file://{path}", tmp_path, never), lambda: split_notes(path.read_text()))
    with pytest.raises(Undelivered):
        publisher(f"file://{tmp_path}/absent/x", tmp_path, never).publish(NOTES)


def test_an_object_store(tmp_path: Path) -> None:
    bucket = Bucket()
    with object_store(bucket) as port:
        address = f"s3://{WHO.key}:{WHO.secret.replace('/', '%2F')}@archive/city log?endpoint=http://127.0.0.1:{port}"
        check_place(
            lambda: publisher(address, tmp_path, never), lambda: [b.decode() for _, b in sorted(bucket.objects.items())]
        )
        assert sorted(bucket.objects)[0] == "/archive/city%20log/city.example/log/00000000000000000003.txt"
        with pytest.raises(Undelivered):
            publisher(address.replace("wJalr", "xxxxx"), tmp_path, never).publish(NOTES)
        assert bucket.refused == 1
        bucket.down = True
        with pytest.raises(Undelivered):
            publisher(address, tmp_path, never).publish(NOTES)


def test_signature_version_4_known_answers() -> None:
    """Amazon S3 API Reference, Signature Calculations for the Authorization Header: GET Object and PUT Object."""
    who = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    host = {"host": "examplebucket.s3.amazonaws.com"}
    got = sign_v4("GET", "/test.txt", host | {"range": "bytes=0-9"}, b"", who, "20130524T000000Z")
    assert got["authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    put = host | {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    got = sign_v4("PUT", "/test%24file.text", put, b"Welcome to Amazon S3.", who, "20130524T000000Z")
    assert got["authorization"].endswith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


def test_a_git_repository(tmp_path: Path) -> None:
    repository = tmp_path / "there.git"
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)

    def there() -> list[str]:
        command = ["git", "--git-dir", str(repository), "show", "witnessed:city.example_log.txt"]
        return split_notes(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    check_place(lambda: publisher(f"git+file://{repository}?branch=witnessed", tmp_path, never), there)
    count = ["git", "--git-dir", str(repository), "rev-list", "--count", "witnessed"]
    assert subprocess.run(count, capture_output=True, text=True, check=True).stdout.strip() == "2"
    shutil.rmtree(repository)
    with pytest.raises(Undelivered):
        publisher(f"git+file://{repository}?branch=witnessed", tmp_path, never).publish(NOTES)


def test_a_second_database(tmp_path: Path) -> None:
    def there() -> list[str]:
        database = sqlite3.connect(tmp_path / "second.db")
        found = [n for (n,) in database.execute("SELECT note FROM redactor_checkpoints ORDER BY size")]
        database.close()
        return found

    check_place(lambda: publisher(f"sqlite:///{tmp_path}/second.db", tmp_path, never), there)


def test_a_second_database_that_is_postgresql(postgres18: Server, tmp_path: Path) -> None:
    place = publisher(postgres18.dsn(), tmp_path, never)
    place.publish(NOTES)
    place.publish(NOTES)
    with pytest.raises(OtherHistory):
        place.publish(FORGED)
    with pytest.raises(Undelivered):
        publisher("postgresql://nobody@127.0.0.1:1/x", tmp_path, never).publish(NOTES)


def certificate(directory: Path) -> Path:
    return self_signed(directory / "server.pem", "127.0.0.1", "127.0.0.1").certificate


def test_syslog_over_tls(tmp_path: Path) -> None:
    messages: list[str] = []
    ca = certificate(tmp_path)
    with syslog_server(messages, ca) as port:
        publisher(f"syslog+tls://127.0.0.1:{port}?ca={ca}", tmp_path, never).publish(NOTES)
        with pytest.raises(Undelivered):
            publisher(f"syslog+tls://127.0.0.1:{port}", tmp_path, never).publish(NOTES)
    assert len(messages) == 3
    for text, (_, note) in zip(messages, NOTES, strict=True):
        m = RFC5424.fullmatch(text)
        assert m
        assert m["text"].replace("\\n", "\n") == note


async def test_a_syslog_server_that_goes_away_is_gone_on_with(tmp_path: Path) -> None:
    """Three times away and back, entries all the while: each arrives once, in order, and none of them waited for it."""
    ca, port = certificate(tmp_path), free_port()
    messages: list[str] = []
    async with opened(tmp_path, forward=[f"syslog+tls://127.0.0.1:{port}?ca={ca}&format=json"]) as log:
        for turn in range(3):
            await append(log, range(turn * 20, turn * 20 + 10))
            await log.flush()
            await until(lambda: log.health().outlets[0].problem)
            assert log.health().ok
            with syslog_server(messages, ca, port):
                await append(log, range(turn * 20 + 10, turn * 20 + 20))
                await log.flush()
                await until(lambda turn=turn: log.health().outlets[0].at == turn * 20 + 20)  # type: ignore[misc]
    found = [RFC5424.fullmatch(m) for m in messages]
    assert [json.loads(m["text"])["sequence"] for m in found if m] == list(range(60))


def test_syslog_over_udp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(5)
        publisher(f"syslog+udp://127.0.0.1:{s.getsockname()[1]}", tmp_path, never).publish(NOTES[:1])
        assert RFC5424.fullmatch(s.recv(65536).decode())


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("publish", "ftp://x/y", "cannot be published by `ftp`"),
        ("publish", "file://relative/x", "absolute"),
        ("publish", "s3://a:b@bucket/x", "`endpoint` is missing"),
        ("publish", "s3://bucket/x?endpoint=http://h", "no credentials"),
        ("publish", "s3://a:b@bucket/x?endpoint=h", "not http"),
        ("publish", "file:///x?colour=red", "`colour` is not known"),
        ("publish", "witness+https://h/x", "`key` is missing"),
        ("publish", "witness+https://h/x?key=a+b+c", "damaged"),
        ("publish", "syslog+tls://", "no host"),
        ("publish", "http://[", "not a URL"),
        ("forward", "s3://x", "cannot be forwarded"),
        ("forward", "file:///x?format=xml", "no format `xml`"),
        ("forward", "https://u:secretpassword@h/x?token=secretpassword", "`token` is not known"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(kind: str, given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        publisher(given, tmp_path, never) if kind == "publish" else forwarder(given)
    assert said in str(wrong.value)
    assert "secretpassword" not in str(wrong.value)


# ------------------------------------------------------------------ the log carries them


async def test_all_of_it_reaches_every_outlet_once(tmp_path: Path) -> None:
    got, messages, ca = Collector(), list[str](), certificate(tmp_path)
    with collector(got) as http, syslog_server(messages, ca) as port:
        outlets = {
            "publish": [f"file://{tmp_path}/published.txt", f"sqlite:///{tmp_path}/second.db"],
            "forward": [
                f"http://127.0.0.1:{http}/v1/logs?bearer=s3cret",
                f"syslog+tls://127.0.0.1:{port}?ca={ca}&format=cef",
                f"file://{tmp_path}/ocsf.jsonl?format=ocsf",
                f"file://{tmp_path}/all.csv?format=csv",
            ],
        }
        for start in (0, 20):
            async with opened(tmp_path / "log", **outlets) as log:
                await append(log, range(start, start + 20))
                await log.flush()
                await until(lambda end=start + 20: all(d.at == end for d in log.health().outlets))
                assert {d.problem for d in log.health().outlets} == {""}
    assert (tmp_path / "published.txt").read_text() == (tmp_path / "log/checkpoints.txt").read_text()
    requests = [json_format.Parse(body, ExportLogsServiceRequest()) for _, _, body in got.got]
    records = [r for q in requests for r in q.resource_logs[0].scope_logs[0].log_records]
    assert len(records) == 40
    assert {(p, h["authorization"], h["content-type"]) for p, h, _ in got.got} == {
        ("/v1/logs", "Bearer s3cret", "application/json")
    }
    assert len(messages) == 40
    assert all(RFC5424.fullmatch(m) and "CEF:0|redactor" in m for m in messages)
    ocsf = [json.loads(line) for line in (tmp_path / "ocsf.jsonl").read_text().splitlines()]
    assert [e["metadata"]["sequence"] for e in ocsf] == list(range(40))
    assert (tmp_path / "all.csv").read_text().count("\n") == 41


async def test_an_outlet_that_is_down_is_tried_again_and_delays_nobody(tmp_path: Path) -> None:
    got = Collector(status=503)
    with collector(got) as http:
        async with opened(tmp_path, forward=[f"http://127.0.0.1:{http}/x?format=json"]) as log:
            await append(log, range(10))
            await log.flush()
            await until(lambda: log.health().outlets[0].problem)
            assert log.health().ok
            got.status = 200
            await until(lambda: log.health().outlets[0].at == 10 and not log.health().outlets[0].problem)
    assert [json.loads(x)["sequence"] for _, _, b in got.got for x in b.splitlines()] == list(range(10))


async def test_what_was_not_delivered_is_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "later/out.jsonl"
    (tmp_path / "later").write_text("in the way")
    async with opened(tmp_path / "log", forward=[f"file://{path}"]) as log:
        await append(log, range(3))
    (tmp_path / "later").unlink()
    async with opened(tmp_path / "log", forward=[f"file://{path}"]) as log:
        await append(log, range(3, 5))
    assert [json.loads(x)["sequence"] for x in path.read_text().splitlines()] == list(range(5))


async def test_two_processes_forward_once(tmp_path: Path) -> None:
    forward = [f"file://{tmp_path}/out.jsonl"]
    async with opened(tmp_path, forward=forward) as one, opened(tmp_path, forward=forward) as two:
        for i in range(0, 40, 4):
            await append(one, range(i, i + 2))
            await append(two, range(i + 2, i + 4))
    found = [json.loads(x)["sequence"] for x in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found == list(range(40))


async def test_a_bad_url_keeps_the_log_from_opening(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        await Log.open(url(tmp_path), publish=["ftp://x"])
    async with opened(tmp_path):
        pass


# ------------------------------------------------------------------ the witness


async def test_a_witness_cosigns_what_only_grows(tmp_path: Path) -> None:
    cosigner = Cosigner("witness.example/w1", b"w" * 32)
    pair = keys.prepare(tmp_path / "log", origin="city.example/log")
    logs = {pair.first.name: [pair.first]}
    witness = Witness(tmp_path / "witness", cosigner, logs)
    with serving(server(witness, "127.0.0.1", 0)) as running:
        publish = [f"witness+http://127.0.0.1:{running.server_port}?key={cosigner.public}"]
        for start in range(0, 30, 10):
            async with opened(tmp_path / "log", publish=publish) as log:
                await append(log, range(start, start + 10))
                await log.flush()
                await until(lambda end=start + 10: log.health().outlets[0].at == end)
        with Reader(url(tmp_path / "log")) as reader:
            assert [cosigned(n, cosigner.public) is not None for _, n in reader.checkpoints()] == [True] * 3
            assert reader.verify(str(pair.first)).ok
            head: list[bytes] = []
            reader.export(head.append, witnessed=True)
        assert cosigned(json.loads(head[0])["checkpoint"], cosigner.public)
        note = witness.checkpoint(pair.first.name)
        assert note is not None
        assert note.startswith("city.example/log\n30\n")
        # Somebody with the log's key tells another history: the witness has seen the first one.
        forged = Signer(pair.first.name, pair.signer._key.private_bytes_raw())
        bad = publisher(publish[0], tmp_path, nothing)
        with pytest.raises(Undelivered) as refused:
            bad.publish([(30, forged.sign(30, b"f" * 32))])
        assert "422" in str(refused.value)
        with pytest.raises(Undelivered) as refused:
            bad.publish([(20, forged.sign(20, b"f" * 32))])
        assert "has seen 30 entries" in str(refused.value)
        stranger = Cosigner("witness.example/w1", b"x" * 32).public
        with pytest.raises(Undelivered) as refused:
            publisher(f"witness+http://127.0.0.1:{running.server_port}?key={stranger}", tmp_path, nothing).publish(
                [(30, note)]
            )
        assert "not signed with its key" in str(refused.value)


def nothing(old: int, new: int) -> list[bytes]:
    return []
