"""The console as a process beside the proxy's: started with it, started again when it ends, ended with it.

Knows one command line. Must not import the console: the proxy's process carries none of it. Invariant: what becomes of
the console never reaches the proxy but as a line in the operator's log.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from redactor.cli import oplog

CHILD = "REDACTOR_CONSOLE_CHILD"
"""Set in the environment of a console that is to end with the process that started it."""

AGAIN_SECONDS = 5.0


async def attend(path: Path) -> None:
    """Keep the console of that configuration running; until cancelled."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "redactor", "console", "serve", "-c", str(path)),
            stdin=asyncio.subprocess.DEVNULL,
            env=dict(os.environ, **{CHILD: "1"}),
        )
        try:
            code = await process.wait()
            oplog.logger().error("the console has ended; it is started again", code=code, seconds=AGAIN_SECONDS)
        finally:
            if process.returncode is None:
                await _finish(process)
        await asyncio.sleep(AGAIN_SECONDS)


async def _finish(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()
