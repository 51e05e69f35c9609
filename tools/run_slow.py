"""Runs the slow tests, each file in a process of its own, and says how long each took and how it ended.

python tools/run_slow.py [FILE ...]

A file that fails does not keep the next from running. What pytest said of each is in build/slow; the table is also in
build/slow/README.md, with the commit. Exit code 1 where a file failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(__file__).parent.parent
KEPT = HOME / "build" / "slow"
SLOW = [sys.executable, "-m", "pytest", "-m", "slow", "-p", "no:cacheprovider"]


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True).stdout


def files(asked: list[str]) -> list[str]:
    """The test files that hold slow tests, in order; of these, the ones below what is asked for."""
    found = {line.split("::")[0] for line in _said(*SLOW, "--collect-only", "-q", *asked).splitlines() if "::" in line}
    return sorted(found)


def run(file: str) -> tuple[bool, str]:
    """One file, whatever becomes of it: whether nothing failed, and pytest's last line."""
    kept = KEPT / (file.removesuffix(".py").replace("/", "-") + ".txt")
    # a test that takes long is no dead lock here
    command = [*SLOW, "-q", "-o", "faulthandler_timeout=0", "--durations=10", file]
    with kept.open("w") as out:
        code = subprocess.run(command, cwd=HOME, stdout=out, stderr=out).returncode
    last = [line for line in kept.read_text(errors="replace").splitlines() if line.strip()][-1:]
    return code == 0, (last or ["said nothing"])[0].strip("= ")


def main() -> int:
    KEPT.mkdir(parents=True, exist_ok=True)
    commit = _said("git", "rev-parse", "--short", "HEAD").strip()
    lines = [
        f"The slow tests, commit {commit}, {os.cpu_count()} cores",
        "",
        "| file | seconds | outcome |",
        "|---|---|---|",
    ]
    failed, begun = [], time.monotonic()
    for file in files(sys.argv[1:]):
        print(f"{file} ...", end=" ", flush=True)
        since = time.monotonic()
        fine, told = run(file)
        took = time.monotonic() - since
        if not fine:
            failed.append(file)
        print(f"{took:.0f} s (load {os.getloadavg()[0]:.0f}): {told}", flush=True)
        lines.append(f"| {file} | {took:.0f} | {told} |")
        (KEPT / "README.md").write_text("\n".join(lines) + "\n")
    print(
        f"{time.monotonic() - begun:.0f} s in all; " + ("failed: " + ", ".join(failed) if failed else "nothing failed")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
