"""How people come to the console, as the configuration says it: by which URL, and by whose login.

Knows the form of `console:` in redactor.yaml. Must not know the rest of that file, nor open a connection. Invariants: a
console that others than this machine reach is reached by https; what is sent to a provider is sent by https.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator

from redactor.yamlfile import Form, Texts

RoleName = Literal["auditor", "steward", "operator", "counsel"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Login by an identity provider (OpenID Connect Core 1.0, 3.1). `provider`: its name under `identity`.

    `authorize`, `token`: its endpoints. `claim`: the path in its tokens under which the values of `roles` stand.
    """

    provider: str
    authorize: str
    token: str
    client: str
    secret: str | None = field(repr=False)
    claim: str
    roles: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reception:
    """`url`: how browsers reach the console, without a path; None: by the address that it listens on."""

    url: str | None = None
    sign_in: SignIn | None = None


def _anything(value: object) -> object:
    return value


AddressText = Annotated[object, PlainValidator(_anything, json_schema_input_type=str | int)]


class SignInForm(Form):
    provider: str = Field(description="its name under identity; the client's id has to be in its audience")
    authorize: str = Field(description="its authorization endpoint, https")
    token: str = Field(description="its token endpoint, https")
    client: str = Field(description="the client's id there", min_length=1)
    secret: str | None = Field(default=None, description="the client's secret, best as ${CONSOLE_SECRET}; none: public")
    claim: str = Field(default="groups", description="what its tokens have to say it under")
    roles: dict[RoleName, Texts] = Field(description="the console's role to the claim's values", min_length=1)


class ConsoleForm(Form):
    listen: AddressText = Field(description="host:port")
    url: str | None = Field(default=None, description="how browsers reach it, such as https://console.city.example")
    login: SignInForm | None = Field(default=None, description="login by a provider, besides local accounts")


def _short(value: object) -> object:
    return {"listen": value} if isinstance(value, str | int) else value


ConsoleText = Annotated[
    ConsoleForm | None, BeforeValidator(_short, json_schema_input_type=str | int | ConsoleForm | None)
]

Complain = Callable[[tuple[str | int, ...], str, str], None]
Expand = Callable[[tuple[str | int, ...], str], str | None]


def receive(
    form: ConsoleForm, host: str, providers: Mapping[str, object], complain: Complain, expand: Expand
) -> Reception:
    """What the form says; what is wrong with it goes to `complain`. `host`: what the console listens on."""
    at: tuple[str | int, ...] = ("console",)
    url = form.url.rstrip("/") if form.url is not None else None
    parts = urlsplit(url or "")
    if url is not None and (parts.scheme not in ("https", "http") or not parts.hostname or parts.path or parts.query):
        complain((*at, "url"), f"`{url}` is not a URL without a path", "such as https://console.city.example")
    if (url is None or parts.scheme != "https") and host not in ("127.0.0.1", "::1", "localhost"):
        what = "passwords would cross the network in clear"
        complain(at, what, "listen on 127.0.0.1, or put TLS before it and say so: {listen: ..., url: https://...}")
    given = form.login
    if given is None:
        return Reception(url)
    if given.provider not in providers:
        complain((*at, "login", "provider"), f"`{given.provider}` is no provider of tokens", "define it under identity")
    for name, endpoint in (("authorize", given.authorize), ("token", given.token)):
        there = urlsplit(endpoint)
        near = there.scheme == "http" and there.hostname in ("127.0.0.1", "::1", "localhost")
        if not (near or (there.scheme == "https" and there.hostname)):
            complain((*at, "login", name), f"`{endpoint}` is not an https URL", "https://...")
    secret = None if given.secret is None else expand((*at, "login", "secret"), given.secret)
    roles: dict[str, frozenset[str]] = {role: frozenset(values) for role, values in given.roles.items()}
    sign_in = SignIn(
        given.provider, given.authorize, given.token, given.client, secret, given.claim, MappingProxyType(roles)
    )
    return Reception(url, sign_in)
