"""redactor.yaml, read once: where to listen, which databases stand behind it, which files say what is protected.

Knows paths, addresses and URLs. Must not know what the policy or the catalog files say, open a connection, or look at
the environment by itself (it is an argument). Invariants: every path of a `Config` is absolute, taken from the
configuration file's own directory; no password appears in a repr, a fault or an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import AfterValidator, Field

from redactor.errors import ConfigurationError, Fault
from redactor.limits import Limits, LimitsForm, Workers
from redactor.logsettings import OUTLETS, LogForm, LogSettings, retention_of
from redactor.reception import AddressText, ConsoleText, Reception, receive
from redactor.yamlfile import Document, Form, Texts, in_order, meant, parse, read, wrong

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's sslmode values (PostgreSQL docs, 32.19 SSL Support), weakest first."""

_TLS_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_STORES = ("sqlite", "postgresql", "postgresql+asyncpg")
_DEFAULT_PORT = 6432


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. `host` may be a name, an IPv4 or IPv6 address, or `*` for all; port 0: any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A database server. `host`: of a Unix socket, its directory. `user` and `password` are redactor's own login.

    `certificate` and `key`: what is shown to the server, also for the logins that the proxy has checked itself.
    `url` is the whole again, password included, for a database driver.
    """

    host: str
    port: int
    user: str
    database: str
    sslmode: str = "prefer"
    root_certificate: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    password: str | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Database:
    """A database under the name that clients connect to."""

    name: str
    upstream: Upstream
    catalog: Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificate chain and the private key (PEM) that clients are shown; who signs theirs, if they may have one.

    `demanded`: who has none, or one that `client_ca` has not signed, is turned away.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    demanded: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """Who signs tokens, and what in them is believed. `issuer` and `audience` are the claims iss and aud.

    `keys`: the JWKS, a file or an https URL, read again every `refresh` seconds. `leeway`: seconds that clocks may
    differ. `subject`: the claim by which the log names a person; `login`: the one that names database logins.
    """

    name: str
    issuer: str
    audience: tuple[str, ...]
    keys: Path | str
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway: int = 30
    refresh: int = 300
    subject: str = "sub"
    login: str | None = None


class LoginMethod(Enum):
    """How a login proves itself: to the server (relay), or to the proxy."""

    RELAY = "relay"
    SCRAM = "scram"
    CERTIFICATE = "certificate"
    OAUTH = "oauth"
    TOKEN = "token"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class LoginRule:
    """The method for some logins and databases (None: all). The first rule that fits holds.

    `provider`: for OAUTH and TOKEN. `certificate`: a client certificate is needed besides. `names`: of a
    certificate, to the logins that it may have; who is not there has the login of that very name.
    """

    method: LoginMethod
    users: frozenset[str] | None = None
    databases: frozenset[str] | None = None
    provider: str = ""
    certificate: bool = False
    names: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def fits(self, login: str, database: str) -> bool:
        """Whether the rule is about that login to that database."""
        return (self.users is None or login in self.users) and (self.databases is None or database in self.databases)


RELAYED = LoginRule(LoginMethod.RELAY)

VERIFIER_QUERY = (
    "SELECT rolname, rolpassword FROM pg_catalog.pg_authid"
    " WHERE rolname = $1 AND rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now())"
)
"""What is asked for a login's SCRAM verifier, unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class Logins:
    """How clients log in. `verifiers`: a file as PgBouncer's auth_file; `query`: asked of the login's database."""

    rules: tuple[LoginRule, ...] = ()
    verifiers: Path | None = None
    query: str | None = None

    def rule(self, login: str, database: str) -> LoginRule:
        """The rule for a login to a database. With no rules: SCRAM where verifiers can be had, else relayed."""
        for rule in self.rules:
            if rule.fits(login, database):
                return rule
        if self.rules:
            return LoginRule(LoginMethod.REJECT)
        return LoginRule(LoginMethod.SCRAM) if self.verifiers is not None or self.query is not None else RELAYED


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `store`: a SQLAlchemy URL. `workers` 0: one for each processor."""

    file: Path
    listen: Address
    databases: Mapping[str, Database]
    policy: Path
    store: str = field(repr=False)
    log: LogSettings
    console: Address | None = None
    tls: TlsFiles | None = None
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    mask_key: str | None = field(default=None, repr=False)
    logins: Logins = Logins()
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    metrics: Address | None = None
    reception: Reception = field(default_factory=Reception)


# ------------------------------------------------------------------ the file


class DatabaseForm(Form):
    upstream: str = Field(description="postgresql://login@host:port/database; redactor's own login, for the catalog")
    catalog: str | None = Field(default=None, description="its reviewed catalog file; default: schemas/NAME.yaml")


class TlsForm(Form):
    certificate: str = Field(description="PEM file with the certificate chain")
    key: str = Field(description="PEM file with the private key")
    client_ca: str | None = Field(default=None, description="PEM file: who signs clients' certificates")
    client_certificates: Literal["optional", "required"] = Field(
        default="optional", description="with client_ca: whether a client has to show one"
    )


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a public key only: with a shared secret, who can check a token could make one (RFC 8725, 2.1)."""


class ProviderForm(Form):
    issuer: str = Field(description="the claim iss of its tokens, such as https://login.city.example", min_length=1)
    audience: Texts = Field(description="one of these has to be in the claim aud", min_length=1)
    jwks: str = Field(description="its public keys: a JWKS file, or an https URL")
    algorithms: list[Algorithm] = Field(
        default=["RS256", "ES256"], description="signatures that are accepted", min_length=1
    )
    leeway: int = Field(default=30, ge=0, le=600, description="seconds that clocks may differ")
    refresh: int = Field(default=300, ge=5, description="seconds after which the keys are read again")
    subject: str = Field(default="sub", description="the claim by which the log names a person")
    login: str | None = Field(default=None, description="the claim that names the database logins of a person")


class LoginRuleForm(Form):
    users: Texts = Field(default=[], description="database logins; none: all")
    databases: Texts = Field(default=[], description="as clients name them; none: all")
    method: Literal["relay", "scram", "certificate", "oauth", "token", "reject"] = Field(
        description="who checks it and how; token: a JWT as password, oauth: OAUTHBEARER"
    )
    provider: str | None = Field(default=None, description="for token and oauth: a name under identity")
    client_certificate: bool = Field(default=False, description="a certificate of that login is needed besides")
    names: dict[str, Texts] = Field(default={}, description="a certificate's name to the logins that it may have")


class LoginForm(Form):
    verifiers: str | None = Field(default=None, description='a file of lines "login" "SCRAM-SHA-256$..."')
    verifier_query: bool | str = Field(
        default=False, description="true: verifiers from pg_authid, by redactor's own login; or a query with $1"
    )
    rules: list[LoginRuleForm] = Field(default=[], description="the first that fits holds; none fits: rejected")


def _provider_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        raise wrong(f"`{name}` is not a provider's name", "letters and digits, such as city")
    return name


ProviderName = Annotated[str, AfterValidator(_provider_name)]


class ConfigForm(Form):
    """A configuration file."""

    listen: AddressText = Field(default=f"127.0.0.1:{_DEFAULT_PORT}", description="host:port for PostgreSQL clients")
    databases: dict[str, DatabaseForm] = Field(description="by the name that clients connect to", min_length=1)
    policy: str = Field(description="the policy file, such as policies/sacramento.yaml")
    store: str = Field(default="sqlite:///var/redactor.db", description="sqlite:///path or postgresql://...")
    console: ConsoleText = Field(
        default=None, description="host:port of the auditors' pages, or more; none: no console"
    )
    metrics: AddressText = Field(default=None, description="host:port of the figures for monitoring; none: no figures")
    tls: TlsForm | None = Field(default=None, description="what clients are shown; none: no TLS with clients")
    login: LoginForm = Field(default=LoginForm(), description="how clients log in", json_schema_extra={"default": {}})
    identity: dict[ProviderName, ProviderForm] = Field(default={}, description="who signs tokens, by a short name")
    log: LogForm = Field(default=LogForm(), description="the tamper-evident log", json_schema_extra={"default": {}})
    limits: LimitsForm = Field(
        default=LimitsForm(), description="how much is taken on", json_schema_extra={"default": {}}
    )
    workers: Workers = Field(default=1, description="processes, 1 to 256; auto: one for each processor")
    mask_key: str | None = Field(default=None, description="secret for hash masks, best as ${REDACTOR_MASK_KEY}")


def load(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in a file. `environment` is where `${NAME}` looks (os.environ in production).

    Raises ConfigurationError with every fault: the file unreadable, broken, incomplete, or naming what is not set.
    """
    return interpret(read(path), path, environment)


def interpret(text: str, path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in a text; `path` is where it stands, for relative paths and faults."""
    document = parse(text, str(path))
    form, faults = document.check(ConfigForm)
    if form is None:
        raise ConfigurationError(in_order(faults))
    reader = _Reader(document, path.absolute().parent, environment)
    config = reader.config(form, path)
    if reader.faults or config is None:
        raise ConfigurationError(in_order(reader.faults))
    return config


class _Reader:
    """Texts of a well-formed file to addresses, URLs and paths; collects what is wrong with any of them."""

    def __init__(self, document: Document, base: Path, environment: Mapping[str, str]) -> None:
        self.document = document
        self.base = base
        self.environment = environment
        self.faults: list[Fault] = []

    def complain(self, at: tuple[str | int, ...], what: str, instead: str = "") -> None:
        self.faults.append(self.document.fault(at, what, instead))

    def config(self, form: ConfigForm, path: Path) -> Config | None:
        listen = self.address(("listen",), form.listen)
        console, reception = self.console(form)
        metrics = None if form.metrics is None else self.address(("metrics",), form.metrics)
        databases = {}
        for name, d in form.databases.items():
            if not name or len(name.encode()) > 63 or "\0" in name:
                self.complain(("databases", name), f"`{name}` is not a database's name", "1 to 63 bytes")
            upstream = self.upstream(("databases", name, "upstream"), d.upstream, name)
            if upstream is not None:
                databases[name] = Database(name, upstream, self.path(d.catalog or f"schemas/{name}.yaml"))
        store = self.store(("store",), form.store)
        tls = self.tls(form.tls) if form.tls else None
        providers = {name: self.provider(name, p) for name, p in form.identity.items()}
        logins = self.logins(form, set(databases))
        mask_key = None if form.mask_key is None else self.expanded(("mask_key",), form.mask_key)
        if mask_key is not None and len(mask_key) < 16:
            self.complain(("mask_key",), "`mask_key` is too short to keep a secret", "at least 16 characters")
        policy = self.path(form.policy)
        publish = self.outlets("publish", form.log.publish)
        forward = self.outlets("forward", form.log.forward)
        if listen is None or store is None or self.faults:
            return None
        directory = self.path(form.log.directory) if form.log.directory else self.beside(store)
        auditor_key = self.path(form.log.auditor_key) if form.log.auditor_key else None
        return Config(
            path.absolute(),
            listen,
            MappingProxyType(databases),
            policy,
            store,
            LogSettings(directory, form.log.checkpoint_every, auditor_key, publish, forward, retention_of(form.log)),
            console,
            tls,
            form.limits.limits(),
            form.workers,
            mask_key,
            logins,
            MappingProxyType(providers),
            metrics,
            reception,
        )

    def console(self, form: ConfigForm) -> tuple[Address | None, Reception]:
        address = None if form.console is None else self.address(("console",), form.console.listen)
        if form.console is None or address is None:
            return None, Reception()
        expand = self.expanded
        return address, receive(form.console, address.host, form.identity, self.complain, lambda at, t: expand(at, t))

    def tls(self, form: TlsForm) -> TlsFiles:
        demanded = form.client_certificates == "required"
        if demanded and form.client_ca is None:
            self.complain(("tls", "client_certificates"), "certificates are required of clients", "add client_ca")
        client_ca = self.path(form.client_ca) if form.client_ca else None
        return TlsFiles(self.path(form.certificate), self.path(form.key), client_ca, demanded)

    def provider(self, name: str, form: ProviderForm) -> Provider:
        keys: Path | str = self.path(form.jwks)
        if "://" in form.jwks:
            keys = form.jwks
            host = urlsplit(keys).hostname or ""
            if not keys.startswith("https://") and not (
                keys.startswith("http://") and host in ("localhost", "127.0.0.1", "::1")
            ):
                self.complain(("identity", name, "jwks"), "keys are not fetched without TLS", "https://...")
        return Provider(
            name,
            form.issuer,
            tuple(form.audience),
            keys,
            tuple(form.algorithms),
            form.leeway,
            form.refresh,
            form.subject,
            form.login,
        )

    def logins(self, form: ConfigForm, databases: set[str]) -> Logins:
        given = form.login
        query = given.verifier_query
        verifiers = self.path(given.verifiers) if given.verifiers else None
        asked = VERIFIER_QUERY if query is True else query if isinstance(query, str) and query else None
        rules = []
        for i, r in enumerate(given.rules):
            at: tuple[str | int, ...] = ("login", "rules", i)
            method = LoginMethod(r.method)
            by_token = method in (LoginMethod.OAUTH, LoginMethod.TOKEN)
            by_certificate = r.client_certificate or method is LoginMethod.CERTIFICATE
            if by_token and r.provider not in form.identity:
                known = meant(r.provider or "", form.identity) if form.identity else "define it under identity"
                self.complain(at, f"`{r.provider or ''}` is no provider of tokens", known)
            elif by_token and form.identity[r.provider or ""].login is None and not r.users:
                what = f"provider `{r.provider}` names no logins, and the rule none either"
                self.complain(at, what, "users: [...], or login: preferred_username at the provider")
            if not by_token and r.provider is not None:
                self.complain((*at, "provider"), f"the method {r.method} asks no provider", "leave it out")
            if method is LoginMethod.SCRAM and verifiers is None and asked is None:
                self.complain(at, "there are no verifiers for scram", "add login: verifiers or verifier_query")
            if by_certificate and (form.tls is None or form.tls.client_ca is None):
                self.complain(at, "no client's certificate can be checked", "add tls: client_ca")
            for name in r.databases:
                if name not in databases:
                    self.complain((*at, "databases"), f"there is no database `{name}`", meant(name, databases))
            rules.append(
                LoginRule(
                    method,
                    frozenset(r.users) or None,
                    frozenset(r.databases) or None,
                    r.provider or "",
                    by_certificate,
                    MappingProxyType({n: frozenset(v) for n, v in r.names.items()}),
                )
            )
        return Logins(tuple(rules), verifiers, asked)

    def path(self, text: str) -> Path:
        return self.base / text

    def outlets(self, key: str, given: list[str]) -> tuple[str, ...]:
        urls = [self.url(("log", key), text) for text in given]
        for url in urls:
            if url is not None and url.partition(":")[0] not in OUTLETS[key]:
                what = f"`{key}` has a URL of no kind that is known: `{url.partition(':')[0]}`"
                self.complain(("log", key), what, ", ".join(OUTLETS[key]))
        return tuple(url for url in urls if url is not None)

    def beside(self, store: str) -> Path:
        return Path(store.removeprefix("sqlite:///")).parent if store.startswith("sqlite:///") else self.base / "var"

    def address(self, at: tuple[str, ...], given: object) -> Address | None:
        text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
        m = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/@]*)):(\d{1,5})|(\d{1,5})", text)
        port = int(m.group(3) or m.group(4)) if m else -1
        if m is None or not 0 <= port <= 65535:
            self.complain(at, f"`{at[-1]}` is not an address and a port", "such as 127.0.0.1:6432 or [::1]:6432")
            return None
        if m.group(4):
            return Address("127.0.0.1", port)
        return Address(m.group(1) or m.group(2) or "*", port)

    def expanded(self, at: tuple[str | int, ...], text: str, fit: Callable[[str], str] = str) -> str | None:
        """The text with each `${NAME}` replaced; None, with a fault, where one is not set."""
        missing = [n for n in re.findall(r"\$\{(\w+)\}", text) if n not in self.environment]
        for name in dict.fromkeys(missing):
            self.complain(at, f"the environment variable {name} is not set", f"set {name}, or write the value here")
        if "${" in re.sub(r"\$\{\w+\}", "", text):
            self.complain(at, "`${` without a name and a closing brace", "such as ${CITY_PASSWORD}")
            return None
        return None if missing else re.sub(r"\$\{(\w+)\}", lambda m: fit(self.environment[m.group(1)]), text)

    def url(self, at: tuple[str, ...], text: str) -> str | None:
        """A URL with its variables filled in; what stands in for a login or a password may hold any character."""
        m = re.match(r"([A-Za-z][\w+.-]*://)([^/?#]*@)", text)
        if m is None:
            return self.expanded(at, text)
        secret = self.expanded(at, m.group(2), lambda s: quote(s, safe=""))
        rest = self.expanded(at, text[m.end() :])
        return None if secret is None or rest is None else m.group(1) + secret + rest

    def upstream(self, at: tuple[str, ...], text: str, name: str) -> Upstream | None:
        right = f"such as postgresql://redactor@127.0.0.1:5432/{name}"
        url = self.url(at, text)
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            self.complain(at, "`upstream` is not a URL that can be read", right)
            return None
        before = len(self.faults)
        if parts.scheme not in ("postgresql", "postgres"):
            self.complain(at, "`upstream` is not a postgresql:// URL", right)
            return None
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        for option in sorted(options.keys() - {"host", "port", "user", "password", "dbname", *_TLS_OPTIONS}):
            self.complain(at, f"the URL's option `{option}` is not supported", meant(option, ("host", *_TLS_OPTIONS)))
        sslmode = options.get("sslmode", "prefer")
        if sslmode not in SSL_MODES:
            self.complain(at, f"sslmode `{sslmode}` is unknown", meant(sslmode, SSL_MODES))
        user = unquote(parts.username or "") or options.get("user", "")
        if not user:
            self.complain(at, "the URL has no login", right)
        host = unquote(parts.hostname or "") or options.get("host", "")
        if not host:
            self.complain(at, "the URL has no host", right)
        if port is None and not re.fullmatch(r"\d{1,5}", options.get("port", "5432")):
            self.complain(at, "the URL's port is not a number", right)
        if "#" in url:
            self.complain(at, "the URL holds a `#`", "write %23")
        if len(self.faults) > before:
            return None
        root = options.get("sslrootcert")
        files = [o for o in ("sslrootcert", "sslcert", "sslkey") if options.get(o) not in (None, "", "system")]
        placed = urlencode(options | {o: str(self.path(options[o])) for o in files}, quote_via=quote)
        shown, key = (self.path(options[o]) if options.get(o) else None for o in ("sslcert", "sslkey"))
        if (shown is None) != (key is None):
            self.complain(at, "the URL has one of sslcert and sslkey only", "both, or neither")
            return None
        password = parts.password if parts.password is not None else options.get("password")
        return Upstream(
            host,
            port if port is not None else int(options.get("port", "5432")),
            user,
            unquote(parts.path.removeprefix("/")) or options.get("dbname", name),
            sslmode,
            self.path(root) if root and root != "system" else None,
            shown,
            key,
            unquote(password) if password is not None else None,
            f"{url.partition('?')[0]}?{placed}" if files else url,
        )

    def store(self, at: tuple[str, ...], text: str) -> str | None:
        url = self.url(at, text)
        if url is None:
            return None
        scheme = url.split(":", 1)[0]
        if scheme not in _STORES or "://" not in url:
            self.complain(at, "`store` is not a URL of a known kind", "sqlite:///var/redactor.db or postgresql://...")
            return None
        if scheme != "sqlite":
            return url
        place = url.removeprefix("sqlite://")
        if not place.startswith("/") or len(place) < 2 or place == "/:memory:":
            self.complain(
                at,
                "`store` has to be a file",
                "such as sqlite:///var/redactor.db; with four slashes, an absolute path",
            )
            return None
        # SQLAlchemy: three slashes and a relative path, or four and an absolute one
        return f"sqlite:///{self.base / place[1:]}"
