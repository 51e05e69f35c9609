"""Connections to a database server: TCP or Unix socket, TLS as the configuration asks (libpq's sslmode).

Knows addresses and certificates; knows no session. Keeps: when TLS is required, not a byte of a session leaves
without it; what a stranger is told of a failure names no address.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from redactor.config import Upstream
from redactor.errors import UpstreamError

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_CANCEL_CODE = b"\x04\xd2\x16\x2e"
_VERIFIED = ("verify-ca", "verify-full")
_DEMANDED = ("require", *_VERIFIED)


class _Asking(asyncio.Protocol):
    """Waits for the one byte that answers an SSLRequest."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[bytes] = loop.create_future()

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("connection closed"))


def tls_context(upstream: Upstream) -> ssl.SSLContext:
    """The client side of TLS to that server. Raises OSError when a certificate cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = upstream.sslmode == "verify-full"
    if upstream.sslmode in _VERIFIED:
        if upstream.root_certificate is not None:
            context.load_verify_locations(cafile=upstream.root_certificate)
        else:
            context.load_default_certs()
    else:
        context.verify_mode = ssl.CERT_NONE
    if upstream.certificate is not None:
        # without this, OpenSSL would ask for the password of an encrypted key at the terminal, and wait
        context.load_cert_chain(upstream.certificate, upstream.key, password="")
    return context


async def connect(upstream: Upstream, name: str, protocol: asyncio.Protocol, patience: float) -> asyncio.Transport:
    """A connection to the server, handed to `protocol`. `name`: the database, as clients know it. `patience`: seconds.

    Raises `UpstreamError`, with a text for the client and another for the operator.
    """
    try:
        async with asyncio.timeout(patience):
            return await _connect(upstream, protocol)
    except TimeoutError as error:
        raise _failure(upstream, name, "timed out") from error
    except socket.gaierror as error:
        raise _failure(upstream, name, "its host name cannot be resolved", str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise _failure(upstream, name, "its certificate cannot be verified", str(error)) from error
    except ssl.SSLError as error:
        raise _failure(upstream, name, "TLS could not be agreed on", str(error)) from error
    except ConnectionRefusedError as error:
        raise _failure(upstream, name, "connection refused", str(error)) from error
    except OSError as error:
        said = error.strerror.lower() if error.strerror else "connection failed"
        raise _failure(upstream, name, said, str(error)) from error


def _failure(upstream: Upstream, name: str, said: str, more: str = "") -> UpstreamError:
    where = f"{upstream.host}:{upstream.port}"
    return UpstreamError(
        f'could not connect to the database "{name}" (upstream): {said}', f"{where}: {said} {more}".strip()
    )


async def _connect(upstream: Upstream, protocol: asyncio.Protocol) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if upstream.host.startswith("/"):
        path = f"{upstream.host}/.s.PGSQL.{upstream.port}"
        local, _ = await loop.create_unix_connection(lambda: protocol, path)
        return local
    if upstream.sslmode in ("disable", "allow"):
        return await _tcp(loop, upstream, lambda: protocol)
    asking = _Asking(loop)
    transport = await _tcp(loop, upstream, lambda: asking)
    done = False
    try:
        transport.write(_SSL_REQUEST)
        answer = await asking.answer
        if answer == b"S":
            host = upstream.host if ssl.HAS_SNI else None
            secure = await loop.start_tls(transport, protocol, tls_context(upstream), server_hostname=host)
            if secure is None:
                raise ConnectionResetError("connection closed")
            done = True
            protocol.connection_made(secure)
            return secure
        if answer != b"N":
            # an error message, or bytes that somebody put behind the answer
            raise OSError(0, "it does not answer as a PostgreSQL server")
        if upstream.sslmode in _DEMANDED:
            raise OSError(0, "it does not offer TLS")
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        done = True
        return transport
    finally:
        if not done:
            transport.abort()


async def _tcp(
    loop: asyncio.AbstractEventLoop, upstream: Upstream, factory: Callable[[], asyncio.Protocol]
) -> asyncio.Transport:
    transport, _ = await loop.create_connection(factory, upstream.host, upstream.port)
    tune(transport)
    return transport


def tune(transport: asyncio.BaseTransport) -> None:
    """No waiting for more to send, and a dead peer is noticed."""
    sock: Any = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def cancel(upstream: Upstream, name: str, key: bytes, patience: float) -> None:
    """Asks the server to cancel what the session of that key is doing; returns when the server has seen to it."""
    loop = asyncio.get_running_loop()
    asking = _Asking(loop)
    transport = await connect(upstream, name, asking, patience)
    try:
        transport.write((len(key) + 8).to_bytes(4, "big") + _CANCEL_CODE + key)
        async with asyncio.timeout(patience):
            await asking.answer
    except (OSError, TimeoutError):
        # the server answers nothing and closes; that is the end of it
        pass
    finally:
        transport.abort()
