"""The wheel holds all that it needs: built, put alone into a directory, and used from somewhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_serve import STATUS, Installation, counter

__all__ = ["counter"]

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content. Its dependencies are those of the tests."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(place), str(ROOT)]
    # what is compiled is no matter here (tests/test_compiled.py)
    subprocess.run(build, check=True, capture_output=True, env={**os.environ, "REDACTOR_COMPILE": "0"})
    (wheel,) = place.glob("*.whl")
    target = [*pip, "install", "--no-deps", "--no-index", "--target", str(place / "site"), str(wheel)]
    subprocess.run(target, check=True, capture_output=True)
    return place / "site"


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    def run(*arguments: str, code: int = 0, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_it_is_the_wheel_that_is_tried(run: Run, installed: Path) -> None:
    assert run("-c", "import redactor; print(redactor.__file__)").stdout.startswith(str(installed))
    assert "scan" in run("-m", "redactor", "--help").stdout


def test_init_writes_what_check_accepts(run: Run, tmp_path: Path) -> None:
    said = run("-m", "redactor", "init", "city hall", "--upstream", "postgresql://x:${UNSET_HERE}@h/d").stdout
    assert "redactor scan city" in said
    place = tmp_path / "city hall"
    names = {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()}
    shipped = {f"policies/{p.name}" for p in (ROOT / "policies").glob("*.yaml")}
    assert names == {"redactor.yaml"} | shipped | {
        f"schemas/{p.name}" for p in (ROOT / "schemas").glob("*.schema.json")
    }
    (place / "schemas/city.yaml").write_text("database: city\nrelations: {}\n")
    (place / "redactor.yaml").write_text((place / "redactor.yaml").read_text().replace("${UNSET_HERE}", "x"))
    assert "ok" in run("-m", "redactor", "check", "--offline", "-c", "city hall/redactor.yaml").stdout
    again = run("-m", "redactor", "init", "city hall").stdout
    assert "left as it is: city hall/redactor.yaml" in again
    assert "written" not in again
    run("-m", "redactor", "policy", "test", "-c", "city hall/redactor.yaml")


def test_init_says_what_cannot_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Not a directory" in run("-m", "redactor", "init", "file/x", code=1).stderr
    assert "not a postgresql:// URL" in run("-m", "redactor", "init", "y", "--upstream", "mysql://x", code=1).stderr
    assert not (tmp_path / "y").exists()


def test_the_wheel_serves(installed: Path, counter: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    counter.serve()
    with counter.connect("ordinary") as connection:
        assert connection.execute(STATUS).fetchone() == ("Ana", None)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1 FROM people WHERE status = 'visa'")


@pytest.mark.slow
def test_the_wheel_gives_the_demo(run: Run) -> None:
    assert "That was the tour" in run("-m", "redactor", "demo", "--once", timeout=300).stdout
