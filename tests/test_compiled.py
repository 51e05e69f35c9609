"""A compiled wheel does what plain Python does: the core's own tests, run against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_TESTED = ("tests/engine", "tests/sql", "tests/wire", "tests/proxy")


def listed() -> list[str]:
    names: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["redactor"]["compiled"]
    return names


def test_what_is_compiled_is_there_and_in_order() -> None:
    names = listed()
    assert names == sorted(set(names))
    assert [n for n in names if not (ROOT / "redactor" / n).is_file()] == []


@pytest.mark.slow
def test_the_core_compiled(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-deps", "--no-index"]
    environment = {**os.environ, "REDACTOR_COMPILE": "1", "PYTHONPATH": ""}
    command = [*pip, "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert not wheel.name.endswith("-any.whl")
    tree = tmp_path / "tree"
    zipfile.ZipFile(wheel).extractall(tree)
    made = {str(p.relative_to(tree)).partition(".")[0] for p in tree.rglob("redactor/**/*.so")}
    assert made == {f"redactor/{n.removesuffix('.py')}" for n in listed()}
    for name in ("tests", "policies", "schemas", "docs", "benchmarks", "pyproject.toml"):
        (tree / name).symlink_to(ROOT / name)
    environment["PYTHONPATH"] = str(tree)
    told = subprocess.run(
        [sys.executable, "-m", "redactor", "--version"], cwd=tree, env=environment, capture_output=True
    )
    assert f"({len(made)} modules compiled)" in told.stdout.decode()
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *_TESTED]
    done = subprocess.run(tests, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
