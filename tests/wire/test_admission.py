"""Logins that the proxy checks itself, without a network: what is private, who is told what, any bytes at all."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.config import LoginMethod, LoginRule, Provider
from redactor.effects import CheckToken, Close, FindSecret, ToClient, ToServer
from redactor.model import Identity
from redactor.wire.pg import Channel, Entrance, Place, Secret, Session, oauth, scram
from redactor.wire.pg.framing import frame, u32
from tests.wire.judges import WordJudge
from tests.wire.playbook import WELCOME, startup

SALT = b"0123456789abcdef"
VERIFIER = scram.verifier_of("pencil", SALT)
PROVIDER = Provider("city", "https://issuer.test/", ("redactor",), "https://issuer.test/jwks", login="logins")
SECURE = Channel(b"the hash", frozenset())


def session(
    rule: LoginRule, address: str = "10.0.0.1", channel: Channel | None = None, login: bytes = b"clerk"
) -> tuple[Session, list[Any]]:
    """A session that has sent its start-up message, and the effects of that."""
    judge = WordJudge()
    entrance = Entrance(lambda login: rule, lambda: "servernonce", b"secret", {"city": PROVIDER})
    place = Place("city", "city_upstream", lambda: judge, lambda login: frozenset(), entrance)
    s = Session("s", {"city": place}.get, address, True)
    if channel is not None:
        s.tls_started(channel)
    body = b"user\0" + login + b"\0database\0city\0\0"
    return s, s.client_data(startup(body), 0.0)


def sent(effects: list[Any]) -> bytes:
    return b"".join(bytes(e.data) for e in effects if isinstance(e, ToClient))


def first(mechanism: bytes, message: bytes) -> bytes:
    return frame(b"p", mechanism + b"\0" + u32.pack(len(message)) + message)


SCRAM = LoginRule(LoginMethod.SCRAM)
TOKEN = LoginRule(LoginMethod.TOKEN, provider="city")
OAUTH = LoginRule(LoginMethod.OAUTH, provider="city")


@pytest.mark.parametrize("rule", [TOKEN, OAUTH])
@pytest.mark.parametrize(
    ("address", "private"), [("10.0.0.1", False), ("127.0.0.1", True), ("::1", True), ("local", True)]
)
def test_tokens_in_clear_stay_within_the_machine(rule: LoginRule, address: str, private: bool) -> None:
    s, effects = session(rule, address)
    assert s.closed is not private
    assert (b"over TLS only" in sent(effects)) is not private
    s, effects = session(rule, address, SECURE)
    assert not s.closed


def test_nothing_is_said_to_the_server_before_the_proof() -> None:
    s, effects = session(SCRAM, channel=SECURE)
    assert effects == [FindSecret("clerk")]
    effects = s.secret_found(Secret(VERIFIER))
    assert sent(effects) == frame(b"R", u32.pack(10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    c = scram.Client("pencil", "clientnonce", b"the hash")
    effects = s.client_data(first(b"SCRAM-SHA-256-PLUS", c.first()), 0.0)
    answer = sent(effects)
    assert not any(isinstance(e, ToServer) for e in effects)
    effects = s.client_data(frame(b"p", c.final(answer[9:])), 0.0)
    c.verify(sent(effects)[9:])
    (opening,) = [e for e in effects if isinstance(e, ToServer)]
    assert b"city_upstream" in opening.data
    s.server_data(WELCOME, 0.0)
    assert s.ready
    assert s.requester is not None
    assert s.requester.authentication == "scram-sha-256-plus"


def test_the_proxys_own_exchange_with_the_server() -> None:
    s, _ = session(SCRAM)
    s.secret_found(Secret(VERIFIER))
    c = scram.Client("pencil", "clientnonce", None)
    answer = sent(s.client_data(first(b"SCRAM-SHA-256", c.first()), 0.0))
    s.client_data(frame(b"p", c.final(answer[9:])), 0.0)
    s.server_secure(b"server hash")
    server = scram.Server(VERIFIER, scram.PLUS, b"server hash", "another", SALT)
    (e,) = s.server_data(frame(b"R", u32.pack(10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), 0.0)
    name, _, rest = bytes(e.data)[5:].partition(b"\0")
    assert name == b"SCRAM-SHA-256-PLUS"
    (e,) = s.server_data(frame(b"R", u32.pack(11) + server.first(rest[4:])), 0.0)
    final, _ = server.final(bytes(e.data)[5:])
    assert s.server_data(frame(b"R", u32.pack(12) + final), 0.0) == []
    s.server_data(WELCOME, 0.0)
    assert s.ready


def test_a_server_that_does_not_know_the_login_is_left() -> None:
    s, _ = session(SCRAM)
    s.secret_found(Secret(VERIFIER))
    c = scram.Client("pencil", "clientnonce", None)
    answer = sent(s.client_data(first(b"SCRAM-SHA-256", c.first()), 0.0))
    s.client_data(frame(b"p", c.final(answer[9:])), 0.0)
    server = scram.Server(VERIFIER, scram.PLAIN, None, "another", SALT)
    (e,) = s.server_data(frame(b"R", u32.pack(10) + b"SCRAM-SHA-256\0\0"), 0.0)
    (e,) = s.server_data(frame(b"R", u32.pack(11) + server.first(bytes(e.data)[5 + 14 + 4 :])), 0.0)
    effects = s.server_data(frame(b"R", u32.pack(12) + b"v=AAAA"), 0.0)
    assert s.closed
    assert b"the proxy cannot log in" in sent(effects)
    assert any(isinstance(e, Close) and "does not prove" in e.reason for e in effects)


@pytest.mark.parametrize("code", [3, 5, 7, 9, 11, 12])
def test_requests_that_cannot_be_answered(code: int) -> None:
    s, _ = session(LoginRule(LoginMethod.CERTIFICATE, certificate=True), channel=Channel(None, frozenset({"clerk"})))
    effects = s.server_data(frame(b"R", u32.pack(code) + b"\0\0\0\0"), 0.0)
    assert s.closed
    assert b"the proxy cannot log in" in sent(effects)


@pytest.mark.parametrize("rule", [TOKEN, OAUTH])
def test_a_token_waits_for_its_answer(rule: LoginRule) -> None:
    s, _ = session(rule, channel=SECURE)
    bearer = first(b"OAUTHBEARER", b"n,,\x01auth=Bearer a.b.c\x01\x01")
    effects = s.client_data(bearer if rule is OAUTH else frame(b"p", b"a.b.c\0"), 0.0)
    assert effects == [CheckToken("city", "a.b.c")]
    assert "a.b.c" not in repr(effects)
    # what comes meanwhile waits, or is an offence
    assert s.client_data(frame(b"Q", b"SELECT 1\0"), 0.0) == []
    (opening,) = s.token_checked(Identity("city", "anna", frozenset({("logins", "clerk")})))
    assert isinstance(opening, ToServer)


def test_a_token_of_another_login() -> None:
    s, _ = session(TOKEN, channel=SECURE)
    s.client_data(frame(b"p", b"a.b.c\0"), 0.0)
    effects = s.token_checked(Identity("city", "anna", frozenset({("logins", "boss"), ("sub", "clerk")})))
    assert s.closed
    assert b"does not name this login" in sent(effects)


def test_an_answer_that_nobody_waits_for() -> None:
    s, _ = session(LoginRule(LoginMethod.RELAY))
    assert s.token_checked(Identity("city", "anna")) == []
    assert s.secret_found(None) == []


SESSIONS = st.sampled_from([(SCRAM, SECURE), (SCRAM, None), (OAUTH, SECURE), (TOKEN, SECURE)])


@given(SESSIONS, st.lists(st.binary(max_size=80), max_size=5), st.booleans())
def test_any_bytes_never_get_in(kind: tuple[LoginRule, Channel | None], messages: list[bytes], framed: bool) -> None:
    rule, channel = kind
    s, effects = session(rule, channel=channel)
    effects = list(effects) + s.secret_found(Secret(VERIFIER))
    for m in messages:
        effects += s.client_data(frame(b"p", m) if framed else m, 0.0)
    assert not any(isinstance(e, ToServer) for e in effects)
    assert not s.ready


@given(st.sampled_from([scram.PLAIN, scram.PLUS]), st.integers(0, 400), st.integers(1, 255))
def test_any_changed_byte_never_gets_in(mechanism: str, at: int, by: int) -> None:
    s, _ = session(SCRAM, channel=SECURE)
    s.secret_found(Secret(VERIFIER))
    c = scram.Client("pencil", "clientnonce", b"the hash" if mechanism == scram.PLUS else None)
    opening = first(mechanism.encode(), c.first())
    changed = bytearray(opening)
    if at < len(opening):
        changed[at] ^= by
    effects = s.client_data(bytes(changed), 0.0)
    answer = sent(effects)
    if s.closed or not answer.startswith(b"R"):
        return
    try:
        final = frame(b"p", c.final(answer[9:]))
    except (scram.Malformed, scram.Wrong):
        return
    place = at - len(opening)
    if 0 <= place < len(final):
        final = final[:place] + bytes((final[place] ^ by,)) + final[place + 1 :]
    effects = s.client_data(final, 0.0)
    untouched = place >= len(final)
    assert any(isinstance(e, ToServer) for e in effects) is untouched


def test_bearer_messages() -> None:
    assert oauth.token_of(b"n,,\x01auth=Bearer abc.def\x01\x01") == "abc.def"
    assert oauth.token_of(b"y,,\x01host=x\x01auth=bearer   abc\x01\x01") == "abc"
    assert oauth.token_of(b"n,,\x01auth=\x01\x01") == ""
    for message in (
        b"",
        b"\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
        b"p=tls-unique,,\x01auth=Bearer abc\x01\x01",
        b"n,a=boss,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01host=x\x01\x01",
        b"n,,\x01=x\x01\x01",
        b"n,\x01auth=Bearer abc\x01\x01",
    ):
        with pytest.raises(oauth.Malformed):
            oauth.token_of(message)


def test_a_login_that_does_not_exist_has_the_same_salt_every_time() -> None:
    salts = set()
    for login in (b"clerk", b"clerk", b"other"):
        s, _ = session(SCRAM, login=login)
        s.secret_found(None)
        answer = sent(s.client_data(first(b"SCRAM-SHA-256", b"n,,n=,r=abc"), 0.0))
        salts.add(answer[9:].split(b",")[1])
    assert len(salts) == 2


def test_the_mechanism_that_was_offered_upstream_and_lost_on_the_way() -> None:
    """Relayed: a client that could bind the channel would be refused by the server for a reason that nobody finds."""
    s, _ = session(LoginRule(LoginMethod.RELAY), channel=SECURE)
    s.server_data(frame(b"R", u32.pack(10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), 0.0)
    effects = s.client_data(first(b"SCRAM-SHA-256", b"y,,n=,r=abc"), 0.0)
    assert s.closed
    assert b"verifier_query" in sent(effects)


def test_direct_tls_is_not_begun_again() -> None:
    rule = LoginRule(LoginMethod.RELAY)
    judge = WordJudge()
    entrance = Entrance(lambda login: rule, lambda: "n", b"")
    place = Place("city", "c", lambda: judge, lambda login: frozenset(), entrance)
    s = Session("s", {"city": place}.get, "10.0.0.1", True)
    s.tls_started(SECURE)
    effects = s.client_data(struct.pack(">II", 8, 80877103), 0.0)
    assert s.closed
    assert b"unsupported frontend protocol" in sent(effects)
