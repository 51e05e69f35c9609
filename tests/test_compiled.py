"""A compiled wheel does what plain Python does: the core's own tests, run against it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.noninterference import city, corpus, through
from tests.servers import Server, free_port

ROOT = Path(__file__).parents[1]
_TESTED = ("tests/engine", "tests/sql", "tests/wire", "tests/proxy")


def listed() -> list[str]:
    names: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["redactor"]["compiled"]
    return names


def test_what_is_compiled_is_there_and_in_order() -> None:
    names = listed()
    assert names == sorted(set(names))
    assert [n for n in names if not (ROOT / "redactor" / n).is_file()] == []


def _decisions(tree: Path, configuration: Path) -> list[str]:
    """What the redactor in a directory decides of the corpora, a line each; first whether it is compiled."""
    files = [corpus.ATTACKS, corpus.HARMLESS, ROOT / "benchmarks" / "reference.sql"]
    command = [sys.executable, "-P", ROOT / "tests" / "verdicts.py", configuration, "city_a", "desk", *files]
    # sets are written in the order of their hashes
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=configuration.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


def _decide_alike(tree: Path, server: Server, place: Path) -> None:
    configuration = through.configure(city.built(server.dsn()), place, free_port())
    how, *plain = _decisions(ROOT, configuration)
    compiled = _decisions(tree, configuration)
    assert (how, compiled[0]) == ('"plain"', '"compiled"')
    assert len(plain) > 5000
    assert [(a, b) for a, b in zip(plain, compiled[1:], strict=True) if a != b] == []


def test_compiled_decides_as_plain(postgres18: Server, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("compiling", ROOT / "tools" / "compiling.py")
    assert spec is not None
    assert spec.loader is not None
    compiling = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compiling)
    if not compiling.made():
        pytest.skip("build/compiled is not of this source (make compiled)")
    _decide_alike(compiling.COPY, postgres18, tmp_path)


@pytest.mark.slow
def test_the_core_compiled(postgres18: Server, tmp_path: Path) -> None:
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
    _decide_alike(tree, postgres18, tmp_path)
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
