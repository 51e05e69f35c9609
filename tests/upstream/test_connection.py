"""redactor's own connection: reached, or a plain reason why not, without the password."""

from __future__ import annotations

import asyncio
import socket

import pytest

from redactor.errors import UpstreamError
from redactor.upstream import connect, fingerprint, read_catalog
from redactor.upstream.connection import where
from tests.servers import Server, free_port


async def refusal(url: str, within: float = 5.0) -> UpstreamError:
    with pytest.raises(UpstreamError) as error:
        await connect(url, within=within)
    assert error.value.sqlstate == "08001"
    assert "hunter2" not in error.value.public + error.value.private
    return error.value


async def test_connect(postgres: Server) -> None:
    connection = await connect(postgres.dsn(password="hunter2"))
    try:
        assert await connection.fetchval("SELECT current_setting('search_path')") in ("", '""')
        assert await connection.fetchval("SELECT current_setting('application_name')") == "redactor"
        assert await connection.fetchval("SELECT current_setting('statement_timeout')") == "1min"
    finally:
        await connection.close()


async def test_nobody_listens() -> None:
    port = free_port()
    error = await refusal(f"postgresql://redactor:hunter2@127.0.0.1:{port}/city")
    assert error.public == f"127.0.0.1:{port}/city cannot be reached"


async def test_no_such_host() -> None:
    error = await refusal("postgresql://redactor:hunter2@nowhere.invalid/city")
    assert error.public == "nowhere.invalid:5432/city cannot be reached"


async def test_no_such_database(postgres18: Server) -> None:
    error = await refusal(postgres18.dsn("atlantis", password="hunter2"))
    assert error.public.endswith("there is no such database")
    assert error.private.startswith("3D000")


async def test_no_such_login(postgres18: Server) -> None:
    error = await refusal(postgres18.dsn(user="nobody_here", password="hunter2"))
    assert error.public.endswith("refuses that login or its password")


async def test_tls_that_is_asked_for_and_not_there(postgres18: Server) -> None:
    error = await refusal(postgres18.dsn(password="hunter2") + "?sslmode=require")
    assert "127.0.0.1" in error.public


async def test_a_server_that_never_answers() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        error = await refusal(f"postgresql://redactor:hunter2@127.0.0.1:{port}/city?sslmode=disable", within=0.3)
        assert error.public.endswith("does not answer within 0.3 s")


async def test_something_that_is_no_postgresql() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for mode in ("disable", "require", "prefer"):
            await refusal(f"postgresql://redactor:hunter2@127.0.0.1:{port}/city?sslmode={mode}", within=2)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://redactor:hunter2@localhost/city",
        "postgresql://redactor:hunter2@localhost:port/city",
        "postgresql://redactor:hunter2@[::1/city",
        "postgresql://redactor:hunter2@localhost/city?sslmode=perhaps",
    ],
)
async def test_urls_that_cannot_be_used(url: str) -> None:
    await refusal(url, within=2)


def test_where_says_no_secrets() -> None:
    assert where("postgresql://redactor:hunter2@db.example.org/city?sslmode=require") == "db.example.org:5432/city"
    assert where("postgresql://redactor:hunter2@db:6000/") == "db:6000/"


async def test_a_connection_that_is_lost(postgres18: Server) -> None:
    connection = await connect(postgres18.dsn())
    other = await connect(postgres18.dsn())
    try:
        await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        with pytest.raises(UpstreamError):
            await fingerprint(connection)
        with pytest.raises(UpstreamError):
            await read_catalog(connection, "city")
    finally:
        await other.close()
        await connection.close()
