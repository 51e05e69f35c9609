"""End users behind an application's login: whose roles count, for how long, and where their tokens never go."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from redactor import policy, review
from redactor.decision import Verdict
from redactor.engine import Engine
from redactor.identity import Providers
from redactor.wire.pg.framing import frame
from tests import servers
from tests.fixtures.town import read
from tests.identity.issuer import Issuer
from tests.proxy.running import Running, running

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, status text);
INSERT INTO people VALUES (1, 'Ana', 'visa'), (2, 'Ben', 'citizen');
GRANT SELECT, INSERT, UPDATE ON people TO app, other_app, staff;
"""
REVIEW = "database: office\nrelations: {public.people: {columns: {id: {}, name: {}, status: {tags: [status]}}}}\n"
POLICY = """
name: office
roles:
  benefits:
    users: [staff, app, other_app]
    tokens: [{issuer: city, claim: groups, values: [benefits]}]
rules:
  - {id: need-to-know, tags: [status], approved: [benefits], otherwise: mask, because: a test}
speaks_for:
  - {users: [app], issuer: city}
  - {users: [other_app], issuer: city, keeps_own_roles: true}
"""
READ = "SELECT status FROM people WHERE id = 1"
VISA, HIDDEN = ("visa",), (None,)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def office(postgres18: servers.Server) -> Engine:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("DROP DATABASE IF EXISTS office WITH (FORCE)")
        c.execute("CREATE DATABASE office")
        for login in ("app", "other_app", "staff"):
            c.execute(f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        c.execute("ALTER SYSTEM SET log_statement TO 'all'")
        c.execute("SELECT pg_reload_conf()")
    with psycopg.connect(postgres18.dsn("office"), autocommit=True) as c:
        c.execute(SCHEMA)
        c.execute("GRANT CREATE, TEMPORARY ON DATABASE office TO app")
    return Engine(read(postgres18, "office"), policy.parse(POLICY, "policy.yaml"), review.parse(REVIEW, "office.yaml"))


@pytest.fixture(scope="module")
def clock() -> list[float]:
    """What is added to the time."""
    return [0.0]


@pytest.fixture(scope="module")
def served(postgres18: servers.Server, office: Engine, issuer: Issuer, clock: list[float]) -> Iterator[Running]:
    from redactor.config import Upstream

    there = Upstream("127.0.0.1", postgres18.port, "postgres", "office")
    providers = Providers({"city": issuer.provider()})
    with running(
        postgres18, office, upstream=there, providers=providers, clock=lambda: time.time() + clock[0]
    ) as found:
        yield found


@pytest.fixture
def proxy(served: Running, clock: list[float]) -> Running:
    served.log.entries.clear()
    clock[0] = 0.0
    return served


def connect(proxy: Running, user: str = "app", **more: Any) -> psycopg.Connection:
    return psycopg.connect(proxy.dsn(user=user), autocommit=True, **more)


@pytest.fixture
def app(proxy: Running) -> Iterator[psycopg.Connection]:
    with connect(proxy) as c:
        yield c


@pytest.fixture(scope="module")
def approved(issuer: Issuer) -> str:
    return issuer.token("anna", groups=["benefits"])


@pytest.fixture(scope="module")
def ordinary(issuer: Issuer) -> str:
    return issuer.token("ben", groups=["parks"])


def sees(c: psycopg.Connection, prepare: bool | None = None) -> Any:
    return c.execute(READ, prepare=prepare).fetchone()


def speak(c: psycopg.Connection, token: str, local: str = "") -> None:
    c.execute(f"SET {local} redactor.identity = '{token}'")


# ------------------------------------------------------------------ whose roles


def test_who_speaks_for_others_has_no_roles_of_its_own(proxy: Running, app: psycopg.Connection) -> None:
    assert sees(app) == HIDDEN
    with connect(proxy, "staff") as c:
        assert sees(c) == VISA
    with connect(proxy, "other_app") as c:
        assert sees(c) == VISA


@pytest.mark.parametrize("user", ["app", "other_app"])
def test_roles_follow_the_end_user(proxy: Running, user: str, approved: str, ordinary: str) -> None:
    with connect(proxy, user) as c:
        for token, seen in ((ordinary, HIDDEN), (approved, VISA), (ordinary, HIDDEN), (approved, VISA)):
            speak(c, token)
            assert sees(c) == sees(c, prepare=True) == seen
        c.execute("RESET redactor.identity")
        assert sees(c) == (HIDDEN if user == "app" else VISA)


@pytest.mark.parametrize(
    "way",
    [
        "SET redactor.identity = '{}'",
        "SET SESSION redactor.identity TO '{}'",
        "SELECT set_config('redactor.identity', '{}', false)",
        "set Redactor.IDENTITY = E'{}'",
        "SET redactor.identity = $x${}$x$",
        "/* a */ SET redactor.identity = '{}' -- b",
    ],
)
def test_ways_to_name_one(proxy: Running, way: str, approved: str) -> None:
    for prepare in (False, True):
        with connect(proxy) as c:
            c.execute(way.format(approved), prepare=prepare)
            assert sees(c) == VISA
            assert c.execute("SHOW redactor.identity").fetchone() == ("city/anna",)


def test_in_one_text_with_what_is_asked(app: psycopg.Connection, approved: str) -> None:
    c = app.execute(f"SET LOCAL redactor.identity = '{approved}'; {READ}; RESET redactor.identity; {READ}")
    seen = []
    while True:
        if c.description:
            seen.append(c.fetchone())
        if not c.nextset():
            break
    assert seen == [VISA, HIDDEN]


def test_a_comment_is_for_its_text_only(proxy: Running, app: psycopg.Connection, approved: str, ordinary: str) -> None:
    for prepare in (False, True):
        text = f"{READ} /*action='show',redactor_identity='{approved}'*/"
        assert app.execute(text, prepare=prepare).fetchone() == VISA
        assert app.execute(text, prepare=prepare).fetchone() == VISA
        assert sees(app) == HIDDEN
    speak(app, approved)
    assert app.execute(f"{READ} /*redactor_identity='{ordinary}'*/").fetchone() == HIDDEN
    assert sees(app) == VISA


def test_what_looks_like_one_and_is_data(proxy: Running, app: psycopg.Connection, approved: str) -> None:
    speak(app, approved)
    for text in (
        f"SELECT '/*redactor_identity=''{approved}''*/'",
        f"SELECT 'SET redactor.identity = ''{approved}'''",
        f"SELECT $$/*redactor_identity='{approved}'*/$$",
    ):
        row = app.execute(text).fetchone()
        assert row is not None
        assert approved in row[0]
        assert sees(app) == VISA


def test_only_who_may_speaks_for_others(proxy: Running, approved: str) -> None:
    with connect(proxy, "staff") as c:
        for text in (f"SET redactor.identity = '{approved}'", f"{READ} /*redactor_identity='{approved}'*/"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not ask on behalf of others"):
                c.execute(text)
        assert sees(c) == VISA
    assert not any(approved in repr(e) for e in proxy.log.entries)


# ------------------------------------------------------------------ for how long


def test_transactions_and_savepoints(app: psycopg.Connection, approved: str, ordinary: str) -> None:
    app.execute("BEGIN")
    speak(app, approved, "LOCAL")
    assert sees(app) == VISA
    app.execute("COMMIT")
    assert sees(app) == HIDDEN

    app.execute("BEGIN")
    speak(app, approved)
    assert sees(app) == VISA
    app.execute("ROLLBACK")
    assert sees(app) == HIDDEN

    app.execute("BEGIN")
    speak(app, approved)
    app.execute("COMMIT")
    assert sees(app) == VISA

    app.execute("BEGIN")
    app.execute("SAVEPOINT s")
    speak(app, ordinary)
    assert sees(app) == HIDDEN
    app.execute("ROLLBACK TO s")
    assert sees(app) == VISA
    speak(app, ordinary, "LOCAL")
    assert sees(app) == HIDDEN
    with pytest.raises(psycopg.errors.DivisionByZero):
        app.execute("SELECT 1 / 0")
    app.execute("ROLLBACK")
    assert sees(app) == VISA


@pytest.mark.parametrize(
    "end",
    [
        "RESET redactor.identity",
        "RESET ALL",
        "DISCARD ALL",
        "SET redactor.identity TO DEFAULT",
        "SET redactor.identity = ''",
    ],
)
@pytest.mark.parametrize("prepare", [False, True])
def test_what_ends_it(app: psycopg.Connection, approved: str, end: str, prepare: bool) -> None:
    speak(app, approved)
    assert sees(app) == VISA
    app.execute(end, prepare=prepare and end != "DISCARD ALL")
    assert sees(app) == HIDDEN


def test_local_outside_a_transaction_has_no_effect(app: psycopg.Connection, approved: str) -> None:
    speak(app, approved, "LOCAL")
    assert sees(app) == HIDDEN


def test_a_pipeline(app: psycopg.Connection, approved: str, ordinary: str) -> None:
    with app.pipeline():
        seen = []
        for token in (approved, ordinary, approved):
            speak(app, token)
            seen.append(app.execute(READ))
        assert [c.fetchone() for c in seen] == [VISA, HIDDEN, VISA]


def test_a_pipeline_in_which_one_is_refused(app: psycopg.Connection, approved: str, issuer: Issuer) -> None:
    """What was asked before is answered as it was asked; what comes behind is not."""
    speak(app, approved)
    first = app.cursor()
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), app.pipeline() as p:  # noqa: PT012
        first.execute(READ)
        p.sync()
        speak(app, issuer.token("ben", aud="x"))
        p.sync()
    assert first.fetchone() == VISA
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="no longer counts"):
        sees(app)


def test_a_token_grows_old(proxy: Running, app: psycopg.Connection, issuer: Issuer, clock: list[float]) -> None:
    token = issuer.token("anna", groups=["benefits"], exp=int(time.time()) + 50)
    speak(app, token)
    assert sees(app, prepare=True) == VISA
    assert app.execute(f"{READ} /*redactor_identity='{token}'*/", prepare=True).fetchone() == VISA
    clock[0] = 100
    for prepare in (True, False):
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="the token has expired"):
            sees(app, prepare)
    app.execute("RESET redactor.identity")
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="the token has expired"):
        app.execute(f"{READ} /*redactor_identity='{token}'*/", prepare=True)
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="the token has expired"):
        speak(app, token)
    app.execute("DISCARD ALL")
    assert sees(app) == HIDDEN
    last = proxy.log.entries[-2]
    assert last.verdict is Verdict.REFUSED


def test_one_that_grew_old_does_not_come_back_by_a_rollback(
    app: psycopg.Connection, issuer: Issuer, ordinary: str, clock: list[float]
) -> None:
    speak(app, issuer.token("anna", groups=["benefits"], exp=int(time.time()) + 50))
    app.execute("BEGIN")
    speak(app, ordinary)
    clock[0] = 100
    app.execute("ROLLBACK")
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="expired"):
        sees(app)


@pytest.mark.parametrize("user", ["app", "other_app"])
def test_who_could_not_be_named_is_not_replaced_by_the_one_before(
    proxy: Running, issuer: Issuer, approved: str, user: str
) -> None:
    """An application that does not look at the error of its SET must not go on as somebody else."""
    for bad in ("nonsense", issuer.token("ben", aud="x"), issuer.token("ben", exp=1)):
        with connect(proxy, user) as c:
            speak(c, approved)
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                speak(c, bad)
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="no longer counts"):
                sees(c)
            speak(c, approved)
            assert sees(c) == VISA


# ------------------------------------------------------------------ what is left of one


def test_cursors_are_of_whom_they_were_declared_for(app: psycopg.Connection, approved: str, ordinary: str) -> None:
    speak(app, approved)
    app.execute("BEGIN")
    app.execute(f"DECLARE c CURSOR WITH HOLD FOR {READ}")
    assert app.execute("FETCH c").fetchone() == VISA
    app.execute("COMMIT")
    speak(app, ordinary)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another end user"):
        app.execute("FETCH PRIOR FROM c")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        app.execute("FETCH FROM unknown")
    app.execute("CLOSE c")


def test_what_a_comment_made_is_for_who_it_names(app: psycopg.Connection, approved: str, issuer: Issuer) -> None:
    """Neither the login itself nor another with the same roles has what was made on behalf of somebody."""
    carla = issuer.token("carla", groups=["benefits"])
    by_anna, by_carla = (f"/*redactor_identity='{t}'*/" for t in (approved, carla))
    app.execute("BEGIN")
    app.execute(f"DECLARE c SCROLL CURSOR FOR {READ} {by_anna}")
    app.execute(f"CREATE TEMP TABLE mine AS SELECT status FROM people {by_anna}")
    for text in ("FETCH FIRST FROM c", "SELECT count(*) FROM mine"):
        for comment in ("", by_carla):
            app.execute("SAVEPOINT s")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another end user"):
                app.execute(f"{text} {comment}")
            app.execute("ROLLBACK TO s")
        assert app.execute(f"{text} {by_anna}").fetchone() in (VISA, (2,))
    app.execute("ROLLBACK")


def test_a_portal_is_not_executed_for_another(app: psycopg.Connection, approved: str) -> None:
    """Two halves of one execution, with another end user named in between."""
    speak(app, approved)
    data = b""
    for kind, body in (
        (b"P", b"\0SELECT status FROM people\0\0\0"),
        (b"B", b"mine\0\0\0\0\0\0\0\0"),
        (b"E", b"mine\0\0\0\0\x01"),
        (b"P", b"\0RESET redactor.identity\0\0\0"),
        (b"B", b"\0\0\0\0\0\0\0\0"),
        (b"E", b"\0\0\0\0\0"),
        (b"E", b"mine\0\0\0\0\x01"),
        (b"S", b""),
    ):
        data += frame(kind, body)
    with socket.socket(fileno=os.dup(app.fileno())) as s:
        s.setblocking(True)
        s.settimeout(10)
        s.sendall(data)
        got = b""
        while not got.endswith(frame(b"Z", b"I")):
            got += s.recv(65536)
    assert got.count(b"visa") + got.count(b"citizen") == 1
    assert b"another end user" in got


def test_temporary_tables_are_of_whom_they_were_made_for(app: psycopg.Connection, approved: str, ordinary: str) -> None:
    speak(app, approved)
    app.execute("CREATE TEMP TABLE mine AS SELECT status FROM people")
    assert app.execute("SELECT status FROM mine ORDER BY 1 LIMIT 1").fetchone() == ("citizen",)
    speak(app, ordinary)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another end user"):
        app.execute("SELECT status FROM mine")
    app.execute("RESET redactor.identity")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another end user"):
        app.execute("SELECT status FROM mine")


def test_prepared_statements_are_judged_for_whom_they_are_executed(
    app: psycopg.Connection, approved: str, ordinary: str
) -> None:
    speak(app, approved)
    app.execute(f"PREPARE p AS {READ}")
    assert app.execute("EXECUTE p").fetchone() == VISA
    speak(app, ordinary)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("EXECUTE p")


# ------------------------------------------------------------------ what is refused, logged and sent


@pytest.mark.parametrize(
    "text",
    [
        "SELECT set_config('redactor.identity', '{}', name = 'x') FROM people",
        "SELECT set_config('redactor.identity', '{}' || '', false)",
        "SELECT set_config('redactor.identity', '{}', false), set_config('redactor.identity', '{}x', false)",
        "SELECT 1 /*redactor_identity='{}'*/ /*redactor_identity='{}x'*/",
        "SELECT 1 /*redactor_identity='{}'*/; SET redactor.identity = '{}'",
        "SET redactor.identity = '{}', '{}'",
    ],
)
def test_ways_that_are_not_understood(app: psycopg.Connection, approved: str, text: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        app.execute(text.replace("{}", approved))
    assert caught.value.sqlstate in ("28000", "42501")
    assert approved not in str(caught.value)
    app.execute("RESET redactor.identity")
    assert sees(app) == HIDDEN


def test_a_token_as_a_parameter_is_refused(app: psycopg.Connection, approved: str) -> None:
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="a constant"):
        app.execute("SELECT set_config('redactor.identity', %s, false)", (approved,))


def test_a_name_alone_is_nobody(app: psycopg.Connection, approved: str) -> None:
    speak(app, approved)
    app.execute("RESET redactor.identity")
    for text in (
        "SET redactor.identity = 'city/anna'",
        "SET \"redactor\".identity = 'city/anna'",
        'SET U&"\\0072edactor"."identity" = \'city/anna\'',
        'SET U&"redactor".U&"ident\\0069ty" = \'city/anna\'',
    ):
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            app.execute(text)
        app.execute("DISCARD ALL")
        assert sees(app) == HIDDEN


def test_not_by_the_start_up_message(proxy: Running, approved: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"redactor\.identity"):
        connect(proxy, options=f"-c redactor.identity={approved}")


def test_the_log_names_both_and_nobody_keeps_the_token(
    proxy: Running, postgres18: servers.Server, issuer: Issuer
) -> None:
    token = issuer.token("carla", groups=["parks"])
    with connect(proxy) as c:
        speak(c, token)
        sees(c)
        c.execute(f"{READ} /*redactor_identity='{token}'*/")
        for broken in (f"SELEC 1 /*redactor_identity='{token}'*/", f"SET redactor.identity = '{token}' x"):
            with pytest.raises(psycopg.errors.SyntaxError):
                c.execute(broken)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute("DO $$ BEGIN EXECUTE 'SELECT 1'; END $$")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            speak(c, token[:-5] + "AAAAA")
    asked = [(e.requester.login, str(e.requester.on_behalf_of)) for e in proxy.log.entries if e.requester.on_behalf_of]
    assert len(asked) >= 3
    assert set(asked) == {("app", "city/carla")}
    signature = token.rpartition(".")[2][:20]
    assert signature not in repr(proxy.log.entries)
    assert signature not in repr(proxy.reports)
    text = postgres18.log()
    assert "redactor.identity = 'city/carla'" in text
    assert "redactor_identity='checked'" in text
    assert signature not in text
    assert ".".join(token.split(".")[:2]) not in text
