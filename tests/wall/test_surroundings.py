"""What stands round the wall, each check with a server's facts that make it speak, and with facts that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from redactor import policy, review
from redactor.catalog import Catalog, Column, Relation, Role
from redactor.engine import Engine
from redactor.wall import surroundings
from redactor.wall.findings import Finding, State
from redactor.wall.limits import Limits
from redactor.wall.surroundings import HbaLine, Publication, RoleFacts, Server
from tests.wall.standing import CATALOG, POLICY

PROXY = "10.1.2.3"
NOW = 1_700_000_000.0
SAFE = Server(
    "small", "redactor", PROXY, "owner_nobody", 180000, NOW,
    {"listen_addresses": "10.0.0.5", "ssl": "on", "log_statement": "none"},
    hba=(HbaLine(1, "hostssl", ("all",), ("all",), PROXY, "255.255.255.255", "scram-sha-256"),),
)  # fmt: skip


def limits(**roles: Role) -> Limits:
    people = Relation(
        1, "city", "people", "r", "owner_nobody",
        (Column("person_id", 1, "integer", 23), Column("status", 2, "text", 25)),
    )  # fmt: skip
    known = {n: Role(n) for n in ("clerk", "counsel")} | roles
    catalog = Catalog("small", 180000, "UTF8", {1: people}, {}, roles=known, schemas=frozenset({"city"}))
    return Limits(Engine(catalog, policy.parse(POLICY, "p.yaml"), review.parse(CATALOG, "c.yaml")))


def speak(server: Server, about: Limits | None = None) -> Iterator[Finding]:
    return (f for f in surroundings.judge(server, about or limits(), [PROXY], NOW) if f.state is not State.OK)


def test_a_server_with_nothing_round_it_is_silent() -> None:
    assert list(speak(SAFE)) == []


CLERK = RoleFacts("clerk", login=True)

LOUD = [
    ("superusers", State.WARN, replace(SAFE, roles=(RoleFacts("root", True, True, settings=("log_statement=all",)),))),
    ("unlogged superusers", State.WARN, replace(SAFE, roles=(RoleFacts("root", True, True),))),
    ("replication logins", State.FAIL, replace(SAFE, roles=(replace(CLERK, replication=True),))),
    ("BYPASSRLS", State.WARN, replace(SAFE, roles=(replace(CLERK, bypass_rls=True),))),
    ("CREATEROLE", State.WARN, replace(SAFE, roles=(replace(CLERK, createrole=True),))),
    ("CREATEROLE", State.FAIL, replace(SAFE, version=150000, roles=(replace(CLERK, createrole=True),))),
    ("becoming another", State.FAIL, replace(SAFE, roles=(replace(CLERK, admin_of=("benefits",)),))),
    ("clock", State.WARN, replace(SAFE, clock=NOW + 300)),
    ("ways past the proxy", State.UNKNOWN, replace(SAFE, hba=None)),
    ("listen address", State.WARN, replace(SAFE, settings={**SAFE.settings, "listen_addresses": "*"})),
    ("publications", State.UNKNOWN, replace(SAFE, publications=None)),
    ("publications", State.FAIL, replace(SAFE, publications=(Publication("p", False, "city", "people"),))),
    ("publications", State.FAIL, replace(SAFE, publications=(Publication("p", False, "city", "people", ("status",)),))),
    ("publications", State.WARN, replace(SAFE, publications=(Publication("p", True, "city", "wards"),))),
    ("replication slots", State.WARN, replace(SAFE, slots=(("s", "pgoutput", True),))),
    ("foreign servers", State.WARN, replace(SAFE, foreign_servers=(("self", "postgres_fdw", ("",)),))),
    ("connecting extensions", State.WARN, replace(SAFE, extensions=frozenset({"dblink"}))),
    ("untrusted languages", State.WARN, replace(SAFE, languages=(("plpython3u", True),))),
    ("default privileges", State.WARN, replace(SAFE, default_grants=(("owner_nobody", "city", ""),))),
    ("TLS upstream", State.WARN, replace(SAFE, settings={**SAFE.settings, "ssl": "off"})),
    *(
        ("values in the server's log", State.WARN, replace(SAFE, settings={**SAFE.settings, name: value}))
        for name, value in (
            ("log_statement", "mod"),
            ("log_min_duration_statement", "0"),
            ("auto_explain.log_min_duration", "100"),
            ("log_transaction_sample_rate", "0.5"),
            ("pgaudit.log", "all"),
        )
    ),
]


@pytest.mark.parametrize(("check", "state", "server"), LOUD)
def test_each_thing_that_leads_round_is_said(check: str, state: State, server: Server) -> None:
    (told,) = [f for f in speak(server) if f.check == check]
    assert told.state is state
    assert told.why
    assert told.do


QUIET = [
    replace(SAFE, publications=(Publication("p", False, "city", "people", ("person_id",)),)),
    replace(SAFE, default_grants=(("owner_nobody", "city", "counsel"),)),
    replace(SAFE, settings={**SAFE.settings, "log_min_duration_statement": "-1", "log_transaction_sample_rate": "0"}),
    replace(SAFE, roles=(RoleFacts("counsel", login=True, createrole=True),)),
    replace(SAFE, roles=(RoleFacts("clerk", login=False, createrole=True),)),
]


@pytest.mark.parametrize("server", QUIET)
def test_what_is_harmless_is_not_said(server: Server) -> None:
    assert [f for f in speak(server) if f.check not in ("superusers", "unlogged superusers")] == []


def test_who_can_become_somebody_else() -> None:
    about = limits(clerk=Role("clerk", member_of=frozenset({"counsel", "root"})), root=Role("root", superuser=True))
    told = [f.what for f in speak(replace(SAFE, roles=(CLERK,)), about)]
    assert told == [
        "clerk can become counsel, who is approved",
        "clerk can SET ROLE to the superuser root",
    ]


@pytest.mark.parametrize("power", ["pg_read_server_files", "pg_execute_server_program", "pg_monitor"])
def test_powers_above_grants(power: str) -> None:
    about = limits(clerk=Role("clerk", member_of=frozenset({power})), **{power: Role(power, can_login=False)})
    (told,) = speak(replace(SAFE, roles=(CLERK,)), about)
    assert power in told.what
    assert told.state is (State.WARN if power == "pg_monitor" else State.FAIL)


def line(address: str, mask: str = "", method: str = "scram-sha-256", **more: object) -> HbaLine:
    made = HbaLine(2, "host", ("all",), ("all",), address, mask, method)
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([line("0.0.0.0", "0.0.0.0")], State.FAIL),
        ([line("all")], State.FAIL),
        ([line("samenet")], State.FAIL),
        ([line("10.1.2.0", "255.255.255.0")], State.FAIL),
        ([line("desk.city.example")], State.FAIL),
        ([line("::", "::")], State.FAIL),
        ([line("10.9.9.9", "255.255.255.255", "trust")], State.FAIL),
        ([line("127.0.0.1", "255.255.255.255")], State.WARN),
        ([line("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")], State.WARN),
        ([line("fe80::", "ffff::")], State.FAIL),
        ([line("", type="local", method="peer")], State.WARN),
        ([line("", error="unknown method")], State.WARN),
        ([line(PROXY, "255.255.255.255")], None),
        ([line("0.0.0.0", "0.0.0.0", databases=("other",))], None),
        ([line("0.0.0.0", "0.0.0.0", databases=("replication",))], None),
        ([line("all", method="reject"), line("0.0.0.0", "0.0.0.0")], None),
        ([line("10.0.0.0", "255.0.0.0", "reject"), line("10.9.0.0", "255.255.0.0")], None),
        ([line("10.0.0.0", "255.0.0.0", "reject", users=("clerk",)), line("10.9.0.0", "255.255.0.0")], State.FAIL),
        ([line("10.9.0.0", "255.255.0.0"), line("all", method="reject")], State.FAIL),
    ],
)
def test_lines_of_pg_hba(lines: list[HbaLine], state: State | None) -> None:
    told = [f.state for f in speak(replace(SAFE, hba=tuple(lines)))]
    assert told == ([] if state is None else [state])
