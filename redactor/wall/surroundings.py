"""What stands round the wall: roles above grants, ways to the server past the proxy, copies that leave, server logs.

Knows a server's facts and what limits hide. Pure: the facts are gathered by `reading`. Invariant: a fact that could
not be read makes an UNKNOWN finding, never an OK.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from redactor.model import RelationName
from redactor.sql.quote import identifier
from redactor.wall.findings import Finding, fail, listed, ok, unknown, warn
from redactor.wall.grants import PUBLIC, reach, revoke
from redactor.wall.limits import Limits

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

POWERS: Mapping[str, str] = {
    "pg_read_server_files": "reads the database's files, values and all",
    "pg_write_server_files": "writes the server's files, its configuration included",
    "pg_execute_server_program": "runs programs as the server's own user",
    "pg_create_subscription": "makes the server connect to others",
}
"""Predefined roles by which grants can be got round (PostgreSQL docs, 21.5 Predefined Roles)."""

WATCHERS: Mapping[str, str] = {
    "pg_monitor": "sees the text of other people's statements, literals included",
    "pg_read_all_stats": "sees the text of other people's statements, literals included",
}
_CONNECTING = frozenset({"dblink", "postgres_fdw"})


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role's attributes. `admin_of`: roles that it can make anybody, itself included, a member of."""

    name: str
    superuser: bool = False
    login: bool = False
    replication: bool = False
    bypass_rls: bool = False
    createrole: bool = False
    admin_of: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """One table of a publication; `columns` None: all of them (before 15 there is no other)."""

    name: str
    everything: bool
    schema: str
    relation: str
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HbaLine:
    """A line of pg_hba.conf as the server reads it."""

    number: int
    type: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str = ""
    netmask: str = ""
    method: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """What was read. None: it may not be read by this login. `clock`: seconds since the epoch, the server's."""

    database: str
    login: str
    client: str | None
    owner: str
    version: int
    clock: float
    settings: Mapping[str, str]
    roles: tuple[RoleFacts, ...] = ()
    publications: tuple[Publication, ...] | None = ()
    slots: tuple[tuple[str, str, bool], ...] | None = ()
    hba: tuple[HbaLine, ...] | None = ()
    foreign_servers: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    extensions: frozenset[str] = frozenset()
    languages: tuple[tuple[str, bool], ...] = ()
    default_grants: tuple[tuple[str, str, str], ...] = ()


def judge(server: Server, limits: Limits, proxies: Iterable[str], now: float) -> Iterator[Finding]:
    """All findings about a server. `proxies`: addresses that the proxy connects from; `now`: this machine's clock."""
    yield from _roles(server, limits)
    yield from _ways_in(server, tuple(proxies))
    yield from _copies(server, limits)
    yield from _outward(server, limits)
    yield from _logs(server)
    yield from _defaults(server, limits)
    if abs(server.clock - now) > 60:
        yield warn(
            "clock",
            f"the server's clock and this machine's differ by {abs(server.clock - now):.0f} s",
            "An auditor compares the log's times with the server's.",
            "Let both follow the same time service.",
        )
    else:
        yield ok("clock", "the server's clock agrees with this machine's")


# ------------------------------------------------------------------ roles above grants


def _roles(server: Server, limits: Limits) -> Iterator[Finding]:
    catalog = limits.catalog
    superusers = [r.name for r in server.roles if r.superuser and r.login]
    if superusers:
        yield warn(
            "superusers",
            f"superusers who can log in: {listed(superusers)}",
            "No grant binds a superuser, and what one does past the proxy is in no log of ours.",
            "Keep one, for emergencies, that no application knows; NOLOGIN for the others. Log its sessions:"
            " ALTER ROLE ... SET log_statement = 'all', to a log that only auditors read.",
        )
    unlogged = [
        r.name
        for r in server.roles
        if r.superuser
        and r.login
        and server.settings.get("log_statement") != "all"
        and not any(s.lower() in ("log_statement=all", "pgaudit.log=all") for s in r.settings)
    ]
    if unlogged:
        yield warn(
            "unlogged superusers",
            f"statements of {listed(unlogged)} are logged nowhere when they come past the proxy",
            "Nobody would ever know what was read.",
            " ".join(f"ALTER ROLE {identifier(n)} SET log_statement = 'all';" for n in unlogged),
        )
    bound = [r for r in server.roles if r.login and not r.superuser and not limits.approved(r.name)]
    for r in bound:
        if r.replication:
            yield fail(
                "replication logins",
                f"{r.name} has REPLICATION",
                "It can copy the whole server, or follow every change of it, past every grant.",
                f"ALTER ROLE {identifier(r.name)} NOREPLICATION; or admit it from the standby's address alone in"
                " pg_hba.conf.",
            )
        if r.bypass_rls:
            yield warn(
                "BYPASSRLS",
                f"{r.name} has BYPASSRLS",
                "Row policies do not bind it.",
                f"ALTER ROLE {identifier(r.name)} NOBYPASSRLS;",
            )
        if r.createrole:
            older = server.version < 160000
            yield (fail if older else warn)(
                "CREATEROLE",
                f"{r.name} has CREATEROLE",
                "Before PostgreSQL 16 it can make itself a member of any approved role."
                if older
                else "It can make logins, which the policy may then take for approved ones by their names.",
                f"ALTER ROLE {identifier(r.name)} NOCREATEROLE;",
            )
        mine = reach(catalog, r.name)
        for power, why in POWERS.items():
            if power in mine:
                yield fail(
                    "powers",
                    f"{r.name} is a member of {power}",
                    f"It {why}.",
                    revoke(catalog, [r.name], power),
                )
        for watcher, why in WATCHERS.items():
            if watcher in mine and r.name != server.login:
                ends = revoke(catalog, [r.name], watcher)
                yield warn("watchers", f"{r.name} is a member of {watcher}", f"It {why}.", ends)
        for role in mine:
            other = catalog.roles.get(role)
            if role in (PUBLIC, r.name) or other is None:
                continue
            if other.superuser:
                yield fail(
                    "becoming another",
                    f"{r.name} can SET ROLE to the superuser {role}",
                    "It is a superuser whenever it likes.",
                    revoke(catalog, [r.name], role),
                )
            elif other.can_login and limits.approved(role):
                yield fail(
                    "becoming another",
                    f"{r.name} can become {role}, who is approved",
                    "The policy approves the login, and the database lets another have its rights.",
                    revoke(catalog, [r.name], role),
                )
        above = [a for a in r.admin_of if a not in mine or _approves(a, limits)]
        if above:
            yield fail(
                "becoming another",
                f"{r.name} has ADMIN OPTION on {listed(above)}",
                "It can make itself a member of them.",
                " ".join(f"REVOKE ADMIN OPTION FOR {identifier(a)} FROM {identifier(r.name)};" for a in above),
            )


def _approves(role: str, limits: Limits) -> bool:
    policy = limits.engine.policy
    return any(role in r.groups or role in r.users for r in policy.roles.values())


# ------------------------------------------------------------------ ways past the proxy


def _ways_in(server: Server, proxies: tuple[str, ...]) -> Iterator[Finding]:
    addresses, login = server.settings.get("listen_addresses", ""), identifier(server.login)
    allowed = [n for p in proxies if (n := _network(p, "")) is not None]
    if server.hba is None:
        yield unknown(
            "ways past the proxy",
            "pg_hba_file_rules may not be read by this login",
            f"Look again as a superuser (--as), or, as one: GRANT SELECT ON pg_hba_file_rules TO {login};"
            f" GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {login};",
        )
    else:
        yield from _hba(server, allowed)
    if addresses in ("*", "0.0.0.0", "::") or "*" in addresses:
        yield warn(
            "listen address",
            f"the server listens on every address (listen_addresses = {addresses})",
            "Only pg_hba.conf and the firewall keep others out.",
            "listen_addresses = the one address that the proxy connects to.",
        )
    elif addresses:
        yield ok("listen address", f"the server listens on {addresses}")


def _hba(server: Server, allowed: list[_Network]) -> Iterator[Finding]:
    open_lines = False
    rejected: list[_Network] = []
    for line in server.hba or ():
        if line.error:
            yield warn(
                "ways past the proxy",
                f"pg_hba.conf line {line.number} cannot be read by the server",
                "What it meant to keep out may come in by a later line.",
                "Correct it and reload.",
            )
            continue
        if "replication" in line.databases and not {"all", server.database} & set(line.databases):
            continue
        if not {"all", server.database, "sameuser", "samerole", "samegroup"} & set(line.databases) and not any(
            d.startswith(("+", "/")) for d in line.databases
        ):
            continue
        if line.type == "local":
            yield warn(
                "ways past the proxy",
                f"pg_hba.conf line {line.number}: users of the server's own machine may connect by its socket"
                f" ({line.method})",
                "Who can log in to the machine goes past the proxy.",
                "Nobody but administrators should have a login there; method peer for them alone.",
            )
            continue
        network = _network(line.address, line.netmask)
        everyone = line.address in ("all", "samehost", "samenet") or network is None
        if line.method == "reject":
            if not everyone and network is not None and set(line.users) == {"all"}:
                rejected.append(network)
            elif line.address == "all" and set(line.users) == {"all"}:
                break
            continue
        if network is not None and any(_within(network, r) for r in rejected):
            continue
        if not everyone and network is not None and any(_within(network, a) for a in allowed):
            continue
        trusting = " without a password" if line.method == "trust" else ""
        open_lines = True
        loopback = line.address == "samehost" or (network is not None and network.is_loopback)
        what = f"pg_hba.conf line {line.number} lets {listed(line.users)} in from {line.address}{trusting}"
        if loopback:
            own = "127.0.0.1" if line.address == "samehost" else line.address
            yield warn(
                "ways past the proxy",
                what,
                "Whoever can run a program on the server's machine goes past the proxy.",
                f"Where the proxy connects by that address: --proxy {own}. Otherwise remove the line.",
            )
        else:
            yield fail(
                "ways past the proxy",
                what,
                "From there anybody with a login reads the database without the proxy, and without its log.",
                "Let the line name the proxy's address alone, and have the firewall say the same.",
            )
    if not open_lines:
        yield ok("ways past the proxy", "pg_hba.conf admits nobody over the network but the proxy's addresses")


def _network(address: str, netmask: str) -> _Network | None:
    try:
        bits = int(ipaddress.ip_address(netmask)).bit_count() if netmask else None
        return ipaddress.ip_network(address if bits is None else f"{address}/{bits}", strict=False)
    except ValueError:
        return None


def _within(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


# ------------------------------------------------------------------ copies that leave


def _protected(limits: Limits) -> dict[RelationName, frozenset[str]]:
    """Every relation that hides something from a login that no role approves, with the columns that it hides."""
    nobody = limits.engine.world(frozenset()).clearance
    found = {}
    for r in limits.catalog.relations.values():
        if r.kind in "rpf" and r.schema not in ("pg_catalog", "information_schema"):
            shield = nobody.shield(r)
            if shield.closed is not None:
                found[r.qualified] = frozenset(c.name for c in r.columns)
            elif shield.covers:
                found[r.qualified] = shield.hidden
    return found


def _copies(server: Server, limits: Limits) -> Iterator[Finding]:
    if server.publications is None:
        yield unknown("publications", "publications cannot be read", "Look again with another login (--as).")
    else:
        protected = _protected(limits)
        carrying: dict[str, list[str]] = {}
        for p in server.publications:
            hidden = protected.get(RelationName(p.schema, p.relation), frozenset())
            sent = hidden if p.columns is None else hidden & set(p.columns)
            if sent:
                carrying.setdefault(p.name, []).append(f"{p.schema}.{p.relation} ({listed(sorted(sent), 4)})")
        for name, tables in carrying.items():
            yield fail(
                "publications",
                f"publication {name} carries {listed(tables, 4)}",
                "Whoever subscribes has a copy of what is protected, in a database that redactor does not guard.",
                f"DROP PUBLICATION {identifier(name)}; or publish the open columns alone (PostgreSQL 15), or guard the"
                " copy too.",
            )
        everything = sorted({p.name for p in server.publications if p.everything})
        for name in everything:
            if name not in carrying:
                yield warn(
                    "publications",
                    f"publication {name} is FOR ALL TABLES",
                    "It carries every table that is ever made.",
                    "Publish the tables by name.",
                )
        if not carrying and not everything:
            yield ok("publications", "no publication carries a protected column")
    for slot, plugin, logical in server.slots or ():
        yield warn(
            "replication slots",
            f"{'logical' if logical else 'physical'} replication slot {slot}" + (f" ({plugin})" if plugin else ""),
            "Its reader gets every change of the database, protected columns included.",
            "Know who reads it; pg_drop_replication_slot where nobody should.",
        )


def _outward(server: Server, limits: Limits) -> Iterator[Finding]:
    for name, wrapper, users in server.foreign_servers:
        ordinary = [u or "PUBLIC" for u in users if u == PUBLIC or not limits.approved(u)]
        yield warn(
            "foreign servers",
            f"foreign server {name} ({wrapper}), usable by {listed(ordinary) or 'its owner alone'}",
            "If it leads back to this database, or to another with the same people in it, it leads past the wall.",
            "User mappings to logins that see no more than their users; USAGE for nobody else.",
        )
    connecting = sorted(_CONNECTING & server.extensions)
    if connecting:
        yield warn(
            "connecting extensions",
            f"installed: {listed(connecting)}",
            "From inside the database one can connect to it again, past the proxy and its address in pg_hba.conf.",
            "DROP EXTENSION where it is not used; REVOKE EXECUTE ON its functions FROM PUBLIC.",
        )
    for language, used in server.languages:
        yield warn(
            "untrusted languages",
            f"language {language} is installed" + (" and functions are written in it" if used else ""),
            "Its functions run as the server's own user: they can read the database's files.",
            f"DROP EXTENSION {language}; or review each of its functions, and who may call it.",
        )


# ------------------------------------------------------------------ values in server logs


def _logs(server: Server) -> Iterator[Finding]:
    s = server.settings
    writing = []
    if s.get("log_statement", "none") != "none":
        writing.append(f"log_statement = {s['log_statement']}")
    for name in ("log_min_duration_statement", "log_min_duration_sample", "auto_explain.log_min_duration"):
        if s.get(name, "-1") != "-1":
            writing.append(f"{name} = {s[name]}")
    if s.get("log_transaction_sample_rate", "0") not in ("0", "0.0"):
        writing.append(f"log_transaction_sample_rate = {s['log_transaction_sample_rate']}")
    if s.get("pgaudit.log", "none") not in ("none", ""):
        writing.append(f"pgaudit.log = {s['pgaudit.log']}")
    if writing:
        yield warn(
            "values in the server's log",
            listed(writing),
            "Whole statements, approved people's INSERTs with their values among them, stand in a plain file.",
            "Turn them off, set log_parameter_max_length = 0, or guard that file as the database itself.",
        )
    else:
        yield ok("values in the server's log", "the server's log gets no statements but failing ones")
    if s.get("ssl") == "off" and server.client not in (None, "127.0.0.1", "::1"):
        yield warn(
            "TLS upstream",
            "the server has no TLS, and the proxy is another machine",
            "What approved people read can be read on the way.",
            "ssl = on, and sslmode=verify-full in the upstream's URL.",
        )


def _defaults(server: Server, limits: Limits) -> Iterator[Finding]:
    for maker, schema, grantee in server.default_grants:
        if grantee != PUBLIC and limits.approved(grantee):
            continue
        where = f" in schema {schema}" if schema else ""
        yield warn(
            "default privileges",
            f"tables that {maker} makes{where} are granted to {grantee or 'PUBLIC'} for SELECT at once",
            "A new table is hidden by the proxy until it is reviewed; the database shows it from the start.",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(maker)}"
            f"{' IN SCHEMA ' + identifier(schema) if schema else ''} REVOKE SELECT ON TABLES FROM"
            f" {identifier(grantee) if grantee else 'PUBLIC'}; and run redactor harden after each new table.",
        )
