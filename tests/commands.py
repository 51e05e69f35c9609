"""`redactor` in this process: what a command prints and how it ends, without the time that a new process takes.

For tests of what a command does. That a process of its own can do it, with nothing but its own imports, is for
tests/cli/test_frame.py and those that start the service.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from redactor import cli


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, with the names that subprocess gives them."""

    returncode: int
    stdout: str
    stderr: str


def redactor(*arguments: str) -> Done:
    """Runs `redactor` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with patch("sys.argv", ["redactor", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as e:
            code = e.code
    return Done(code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue())
