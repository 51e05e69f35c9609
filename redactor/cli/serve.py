"""`redactor serve`: the proxy in the foreground, until a signal ends it.

Knows signals and exit codes; `redactor.cli.service` knows the parts. Invariant: it ends with 0 only after a clean
shutdown, and with 1 and a message where it could not begin.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

SWITCH_SECONDS = 0.001


def serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path("redactor.yaml"),
    wait: Annotated[
        bool, typer.Option("--wait", help="While a database cannot be reached, go on trying instead of giving up.")
    ] = False,
) -> None:
    """Run the proxy. SIGHUP reads policy and catalogs anew; SIGTERM and SIGINT end it."""
    import uvloop

    from redactor.cli import oplog

    oplog.configure()
    # the log's threads may not keep the event loop waiting for longer than this when it has something to do
    sys.setswitchinterval(SWITCH_SECONDS)
    uvloop.run(_serve(config, wait))


async def _serve(path: Path, wait: bool) -> None:
    from redactor.cli import oplog
    from redactor.cli.judging import usable
    from redactor.cli.seat import Seat
    from redactor.cli.service import running
    from redactor.cli.workers import count_of, supervise

    log, loop = oplog.logger(), asyncio.get_running_loop()
    ending, reloading = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    seat = Seat.taken(ending.set)
    installation = usable(path)

    count = count_of(installation.config)
    known = {} if seat is None else {"worker": seat.number}

    async def work() -> None:
        if seat is None and count > 1:
            await supervise(installation.config, wait, reloading)
            return
        async with running(installation, wait=wait, seat=seat) as service:
            if seat is None:
                log.info("listening", address=str(installation.config.listen), port=service.proxy.port)
            while True:
                await reloading.wait()
                reloading.clear()
                await service.reload(path)

    working = asyncio.create_task(work(), name="service")
    ended = asyncio.create_task(ending.wait(), name="ended")
    await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not working.done():
        log.info("stopping", **known)
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    if seat is None:
        log.info("stopped")
    else:
        seat.close()
