"""Clients in other languages: their programs are built once a machine, into the user's cache, from what is pinned here.

Knows npm, go, cargo, Maven and where they put things; a test is skipped, by name, where one of them is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "redactor-clients"


def need(*programs: str) -> None:
    """Skips the test where a program is not installed."""
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


def built(language: str, *commands: list[str]) -> Path:
    """A copy of the folder of that name in the cache, with the commands run in it; anew when the folder changes."""
    source = HERE / language
    digest = hashlib.sha256()
    for file in sorted(p for p in source.rglob("*") if p.is_file()):
        digest.update(file.relative_to(source).as_posix().encode() + b"\0" + file.read_bytes())
    cache = CACHE
    at = cache / f"{language}-{digest.hexdigest()[:16]}"
    if not (at / ".built").exists():
        shutil.copytree(source, at, dirs_exist_ok=True)
        environment = {**os.environ, "CARGO_TARGET_DIR": str(CACHE / "cargo")}  # its libraries are slow to compile
        for command in commands:
            done = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, timeout=1500)
            if done.returncode:
                pytest.skip(f"{command[0]} could not build it here: {(done.stderr or done.stdout).strip()[-300:]}")
        (at / ".built").touch()
    return at
