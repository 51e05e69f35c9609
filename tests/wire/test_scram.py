"""SCRAM on both sides: the RFC's own exchange, another implementation, and everything that must not pass."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramClient, ScramMechanism

from redactor.wire.pg import scram
from redactor.wire.pg.scram import Client, Keys, Malformed, Server, Wrong, read_verifier, verifier_of

# RFC 7677, section 3
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_NONCE, SERVER_NONCE = "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
SALT_OF_NOBODY = b"0123456789abcdef"


def server(password: str = "pencil", mechanism: str = scram.PLAIN, binding: bytes | None = None) -> Server:
    return Server(verifier_of(password, SALT), mechanism, binding, SERVER_NONCE, SALT_OF_NOBODY)


def test_the_exchange_of_rfc_7677() -> None:
    s = server()
    first = s.first(b"n,,n=user,r=" + CLIENT_NONCE.encode())
    assert first == b"r=%s%s,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096" % (CLIENT_NONCE.encode(), SERVER_NONCE.encode())
    answer, keys = s.final(CLIENT_FINAL)
    assert answer == SERVER_FINAL
    assert keys == Keys.of("pencil", SALT, 4096)


@pytest.mark.parametrize("password", ["pencil", "sésame", "a b", "\u2168 \u00ad", "x" * 200, "\u0007"])
@pytest.mark.parametrize("binding", [None, b"the hash of a certificate"])
def test_against_itself_and_onwards_with_the_recovered_key(password: str, binding: bytes | None) -> None:
    mechanism = scram.PLAIN if binding is None else scram.PLUS
    proof: Keys | str = password
    for _ in range(2):
        s = server(password, mechanism, binding)
        c = Client(proof, CLIENT_NONCE, binding)
        assert c.mechanism == mechanism
        answer, proof = s.final(c.final(s.first(c.first())))
        c.verify(answer)
    with pytest.raises(Wrong):
        c.verify(b"v=" + b64encode(bytes(32)))


@pytest.mark.parametrize("binding", [None, ("tls-server-end-point", b"hash")])
def test_against_another_implementation(binding: tuple[str, bytes] | None) -> None:
    mechanism = scram.PLUS if binding else scram.PLAIN
    c = ScramClient([mechanism], "user", "pencil", channel_binding=binding)
    s = server("pencil", mechanism, binding[1] if binding else None)
    c.set_server_first(s.first(c.get_client_first().encode()).decode())
    answer, _ = s.final(c.get_client_final().encode())
    c.set_server_final(answer.decode())

    authority = ScramMechanism(mechanism).make_server(
        lambda name: ScramMechanism(mechanism).make_auth_info("pencil", iteration_count=5000),
        channel_binding=binding,
    )
    ours = Client("pencil", CLIENT_NONCE, binding[1] if binding else None)
    authority.set_client_first(ours.first().decode())
    authority.set_client_final(ours.final(authority.get_server_first().encode()).decode())
    ours.verify(authority.get_server_final().encode())


def test_a_wrong_password() -> None:
    s, c = server(), Client("pencils", CLIENT_NONCE, None)
    with pytest.raises(Wrong, match="password"):
        s.final(c.final(s.first(c.first())))


def test_who_does_not_exist_is_answered_like_who_does() -> None:
    """The same messages, up to the end; and not even a client whose proof is made for the pretended keys gets in."""
    s = Server(None, scram.PLAIN, None, SERVER_NONCE, SALT_OF_NOBODY)
    c = Client("pencil", CLIENT_NONCE, None)
    first = s.first(c.first())
    assert first.endswith(b"s=" + b64encode(SALT_OF_NOBODY) + b",i=4096")
    with pytest.raises(Wrong, match="no verifier"):
        s.final(c.final(first))


def test_a_replayed_message_is_for_another_nonce() -> None:
    s = Server(verifier_of("pencil", SALT), scram.PLAIN, None, "another", SALT_OF_NOBODY)
    s.first(b"n,,n=user,r=" + CLIENT_NONCE.encode())
    with pytest.raises(Wrong, match="nonce"):
        s.final(CLIENT_FINAL)


def test_a_downgrade_is_noticed() -> None:
    """A client that could bind the channel says so; that it was not offered is then somebody else's doing."""
    c = Client("pencil", CLIENT_NONCE, None, could_bind=True)
    with pytest.raises(Wrong, match="was not told"):
        server(binding=b"hash").first(c.first())
    server(binding=None).first(c.first())


@pytest.mark.parametrize("theirs", [b"other hash", b"hash ", b""])
def test_a_channel_that_ends_elsewhere(theirs: bytes) -> None:
    s, c = server(mechanism=scram.PLUS, binding=b"hash"), Client("pencil", CLIENT_NONCE, theirs)
    with pytest.raises(Wrong, match="channel binding"):
        s.final(c.final(s.first(c.first())))


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        (scram.PLAIN, b""),
        (scram.PLAIN, b"n,,"),
        (scram.PLAIN, b"n"),
        (scram.PLAIN, b"n,a=root,n=,r=abc"),
        (scram.PLAIN, b"x,,n=,r=abc"),
        (scram.PLAIN, b"n,,m=ext,n=,r=abc"),
        (scram.PLAIN, b"n,,n=,r="),
        (scram.PLAIN, b"n,,n=,r=\xff\xff"),
        (scram.PLAIN, b"n,,n=,r=" + b"a" * 300),
        (scram.PLAIN, b"p=tls-server-end-point,,n=,r=abc"),
        (scram.PLUS, b"n,,n=,r=abc"),
        (scram.PLUS, b"y,,n=,r=abc"),
        (scram.PLUS, b"p=tls-unique,,n=,r=abc"),
    ],
)
def test_first_messages_that_are_none(mechanism: str, message: bytes) -> None:
    with pytest.raises(Malformed):
        server(mechanism=mechanism, binding=b"hash" if mechanism == scram.PLUS else None).first(message)


@given(st.binary(max_size=200))
def test_any_bytes_as_last_message(message: bytes) -> None:
    s = server()
    s.first(b"n,,n=user,r=" + CLIENT_NONCE.encode())
    with pytest.raises((Malformed, Wrong)):
        s.final(message)


@given(st.integers(0, len(CLIENT_FINAL) - 1), st.integers(1, 255))
def test_any_changed_byte_of_the_last_message(at: int, by: int) -> None:
    changed = bytes(b ^ by if i == at else b for i, b in enumerate(CLIENT_FINAL))
    s = server()
    s.first(b"n,,n=user,r=" + CLIENT_NONCE.encode())
    with pytest.raises((Malformed, Wrong)):
        s.final(changed)


@pytest.mark.parametrize(
    "message",
    [b"", b"r=abc", b"r=abcdef,s=AAAA,i=0", b"r=abcdef,s=AAAA,i=99999999", b"r=abcdef,s=!,i=4096", b"r=abc,s=AAAA,i=1"],
)
def test_a_server_that_says_nonsense(message: bytes) -> None:
    with pytest.raises((Malformed, Wrong)):
        Client("pencil", "abc", None).final(message)


def test_a_server_with_another_verifier_is_told_nothing() -> None:
    c = Client(Keys.of("pencil", SALT, 4096), "abc", None)
    with pytest.raises(Wrong, match="not the one of the database"):
        c.final(b"r=abcdef,s=AAAA,i=4096")


def test_verifiers_as_postgresql_writes_them() -> None:
    v = verifier_of("pencil", SALT)
    parts = (b64encode(p).decode() for p in (v.salt, v.stored_key, v.server_key))
    text = "SCRAM-SHA-256$4096:{}${}:{}".format(*parts)
    assert read_verifier(text) == v
    for broken in ("", "md5abc", "pencil", text[:-8], text.replace("4096", "0"), text.replace("4096", "x"), text + "é"):
        assert read_verifier(broken) is None
    assert "stored" not in repr(v)
