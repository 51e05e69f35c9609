"""Tokens that name somebody, and all the ways in which one does not."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from redactor.identity import Providers, TokenRefused, keys, tokens
from redactor.identity.keys import KeysUnavailable
from redactor.model import Identity
from tests.identity.issuer import AUDIENCE, ISSUER, Issuer

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


def check(issuer: Issuer, token: str, now: float = NOW, **changes: object) -> Identity:
    return tokens.check(token, issuer.provider(**changes), keys.read(issuer.file), now)


def made(issuer: Issuer, **changes: object) -> str:
    return issuer.token(**({"iat": int(NOW), "exp": int(NOW) + 60} | changes))


def test_whom_a_token_names_and_what_it_says(issuer: Issuer) -> None:
    token = made(issuer, groups=["benefits", "dogs"], realm_access={"roles": ["clerk"]}, level=3, admin=True, no=None)
    found = check(issuer, token)
    assert (found.issuer, found.subject, found.void) == ("city", "anna", "")
    assert found.expires == NOW + 60 + 30
    assert found.claims >= {
        ("groups", "benefits"),
        ("groups", "dogs"),
        ("realm_access.roles", "clerk"),
        ("level", "3"),
        ("admin", "true"),
        ("aud", AUDIENCE),
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://elsewhere"}, "another issuer"),
        ({"iss": None}, "does not say its"),
        ({"aud": "somebody-else"}, "another audience"),
        ({"aud": ["a", "b"]}, "another audience"),
        ({"aud": None}, "does not say its"),
        ({"exp": None}, "does not say its"),
        ({"exp": "soon"}, "exp"),
        ({"exp": int(NOW) - 31}, "expired"),
        ({"nbf": int(NOW) + 31}, "not valid yet"),
        ({"iat": int(NOW) + 31}, "not valid yet"),
        ({"sub": None}, "name anybody"),
        ({"sub": ""}, "name anybody"),
        ({"sub": 7}, "should be"),
    ],
)
def test_claims_that_are_not_right(issuer: Issuer, changes: dict[str, object], why: str) -> None:
    with pytest.raises(TokenRefused, match=why):
        check(issuer, made(issuer, **changes))


@pytest.mark.parametrize("changes", [{"exp": int(NOW) - 29}, {"nbf": int(NOW) + 29}, {"iat": int(NOW) + 29}])
def test_clocks_may_differ_a_little(issuer: Issuer, changes: dict[str, int]) -> None:
    token = made(issuer, **changes)
    assert check(issuer, token).subject == "anna"
    with pytest.raises(TokenRefused):
        check(issuer, token, leeway=5)


def test_an_unsigned_token(issuer: Issuer) -> None:
    _, claims, _ = made(issuer).split(".")
    for algorithm in ("none", "None", "nOnE"):
        head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "key-0"}).encode()).rstrip(b"=").decode()
        for signature in ("", "AAAA"):
            with pytest.raises(TokenRefused):
                check(issuer, f"{head}.{claims}.{signature}")


def test_a_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    """The old trick: the token is signed with HMAC, and the secret is the public key itself."""
    public = issuer.keys[-1].as_pem(private=False)
    header = {"alg": "HS256", "kid": issuer.keys[-1].kid}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(NOW) + 60}
    said = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
    forged = f"{said}.{_text(hmac.digest(public, said.encode(), 'sha256'))}"
    with pytest.raises(TokenRefused, match="not accepted"):
        check(issuer, forged)


def test_another_key_under_the_same_name(issuer: Issuer) -> None:
    stranger = ECKey.generate_key("P-256", {"kid": issuer.keys[-1].kid})
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(NOW) + 60}
    forged = jwt.encode({"alg": "ES256", "kid": issuer.keys[-1].kid}, claims, stranger, algorithms=["ES256"])
    with pytest.raises(TokenRefused, match="signature is wrong"):
        check(issuer, forged)
    embedded = {"alg": "ES256", "kid": issuer.keys[-1].kid, "jwk": stranger.as_dict(private=False)}
    with pytest.raises(TokenRefused):
        check(issuer, jwt.encode(embedded, claims, stranger, algorithms=["ES256"]))


def test_an_algorithm_that_is_not_on_the_list(issuer: Issuer) -> None:
    with pytest.raises(TokenRefused, match="not accepted"):
        check(issuer, made(issuer), algorithms=("RS256",))


@pytest.mark.parametrize("kind", ["id+jwt", "secevent+jwt"])
def test_a_token_of_another_kind(issuer: Issuer, kind: str) -> None:
    with pytest.raises(TokenRefused, match="kind"):
        check(issuer, made(issuer, header={"typ": kind}))
    check(issuer, made(issuer, header={"typ": "at+jwt"}))


@given(st.text(max_size=200))
def test_any_text(issuer: Issuer, text: str) -> None:
    with pytest.raises(TokenRefused):
        check(issuer, text)


@given(st.integers(0, 10**6), st.sampled_from("AZaz09-_.=é"))
def test_any_changed_letter(issuer: Issuer, at: int, letter: str) -> None:
    token = made(issuer)
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    try:
        found = check(issuer, changed)
    except TokenRefused:
        return
    # the last letter of each part has bits that do not count
    parts = zip(token.split("."), changed.split("."), strict=True)
    assert found == check(issuer, token)
    assert all(_bytes(a) == _bytes(b) for a, b in parts)


def _text(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_without_end(issuer: Issuer) -> None:
    with pytest.raises(TokenRefused, match="longer"):
        check(issuer, "a" * 20_000)
    with pytest.raises(TokenRefused, match="too much"):
        check(issuer, made(issuer, groups=[str(i) for i in range(600)]))


def test_names_are_harmless_where_they_are_shown(issuer: Issuer) -> None:
    assert check(issuer, made(issuer, subject="o'brien\n--\0")).subject == "o?brien?--?"


# ------------------------------------------------------------------ keys


def test_keys_are_public_and_for_signatures(tmp_path: Path) -> None:
    private = RSAKey.generate_key(2048, {"kid": "r", "use": "sig"})
    document = {"keys": [private.as_dict(private=True), {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}, {"kty": "new"}]}
    found = keys.understood(json.dumps(document).encode(), "here")
    assert [k.kid for k in found] == ["r"]
    assert not any(k.is_private for k in found)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}', b'{"keys": 7}', b"\xff"]
)
def test_documents_that_have_no_keys(content: bytes) -> None:
    with pytest.raises(KeysUnavailable, match="here"):
        keys.understood(content, "here")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable, match=r"jwks\.json"):
        keys.read(tmp_path / "jwks.json")


async def test_a_new_key_is_found_when_a_token_names_it(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    providers = Providers({"city": issuer.provider()})
    with pytest.raises(TokenRefused, match="not available"):
        providers.identify(issuer.token(), frozenset({"city"}), NOW)
    await providers.refresh()
    ring = providers._rings["city"]
    first = issuer.token(iat=int(NOW), exp=int(NOW) + 60)
    assert providers.identify(first, frozenset({"city"}), NOW).subject == "anna"

    issuer.turn(keep=1)
    second = issuer.token("ben", iat=int(NOW), exp=int(NOW) + 60)
    with pytest.raises(TokenRefused, match="no such key"):
        await providers.check("city", second, NOW)  # it has been asked a moment ago
    ring.asked -= 60
    assert (await providers.check("city", second, NOW)).subject == "ben"
    with pytest.raises(TokenRefused):
        providers.identify(first, frozenset({"city"}), NOW)  # its key is withdrawn, and what was remembered with it


async def test_keys_that_cannot_be_read_leave_the_old_ones(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    told: list[str] = []
    providers = Providers({"city": issuer.provider()}, lambda event, more: told.append(more["why"]))
    await providers.refresh()
    issuer.file.write_text("{")
    await providers.refresh()
    assert len(told) == 1
    token = issuer.token(iat=int(NOW), exp=int(NOW) + 60)
    assert providers.identify(token, frozenset({"city"}), NOW).subject == "anna"
    with pytest.raises(TokenRefused, match="expired"):
        providers.identify(token, frozenset({"city"}), NOW + 100)  # remembered, but not for ever
    with pytest.raises(TokenRefused, match="no provider"):
        providers.identify(token, frozenset({"elsewhere"}), NOW)
