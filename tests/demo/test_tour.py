"""The demo as a person runs it: every claim holds, and nothing of it is left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from redactor.console import credentials
from redactor.console.people import Role
from redactor.demo.run import CONFIGURATION, _let_in
from redactor.demo.stage import Answer, ClaimFailed, Stage
from redactor.demo.tour import STEPS, change_one_byte
from redactor.store.accounts import Accounts
from redactor.store.database import Database


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for temporary files that PostgreSQL's account can reach too, where the tests run as root."""
    place = Path(tempfile.mkdtemp(prefix="redactor-tour-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def start(temporary: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "redactor", "demo", *options],
        env=dict(os.environ, TMPDIR=str(temporary)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def mentioning(text: str) -> list[str]:
    """The command lines of running processes that mention a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def test_the_tour_holds_what_it_claims(temporary: Path) -> None:
    process = start(temporary, "--once")
    printed, _ = process.communicate(timeout=180)
    assert process.returncode == 0, printed
    for number in range(1, len(STEPS) + 1):
        assert f"\n{number}. " in printed
    assert printed.count("✓") >= 20
    assert "Traceback" not in printed
    assert list(temporary.iterdir()) == []
    assert mentioning(str(temporary)) == []


def test_ended_half_way_it_leaves_nothing_behind(temporary: Path) -> None:
    process = start(temporary)
    assert process.stdout is not None
    for line in process.stdout:
        if "redactor is listening" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    assert process.wait(60) == 0, rest
    process.stdout.close()
    assert "Traceback" not in rest
    assert list(temporary.iterdir()) == []
    assert mentioning(str(temporary)) == []


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("not to be written over")
    process = start(tmp_path, "--once", "--directory", str(tmp_path))
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is not empty" in printed
    assert (tmp_path / "mine").read_text() == "not to be written over"


def stage(out: io.StringIO, width: int = 140) -> Stage:
    console = Console(file=out, width=width, highlight=False)
    return Stage(console, Path("."), ("127.0.0.1", 1), ("127.0.0.1", 1), "city")


def test_a_claim_that_does_not_hold_ends_the_tour() -> None:
    out = io.StringIO()
    stage(out).claim(True, "two is two")
    with pytest.raises(ClaimFailed, match="two is three"):
        stage(out).claim(False, "two is three")
    assert "two is three" not in out.getvalue()


def test_answers_stand_side_by_side_where_there_is_room() -> None:
    answers = [("clerk", Answer(("name",), (("Ana",),))), ("caseworker", Answer(("name",), (("Ben",),)))]
    wide, narrow = io.StringIO(), io.StringIO()
    stage(wide).side_by_side(answers)
    stage(narrow, 60).side_by_side(answers)
    assert any("Ana" in line and "Ben" in line for line in wide.getvalue().splitlines())
    assert not any("Ana" in line and "Ben" in line for line in narrow.getvalue().splitlines())


def test_long_results_are_cut_and_empty_ones_say_so() -> None:
    out = io.StringIO()
    stage(out).side_by_side([("many", Answer(("n",), tuple((n,) for n in range(2000)))), ("none", Answer(("n",)))])
    assert "... 2,000 rows" in out.getvalue()
    assert "(no rows)" in out.getvalue()


def test_one_changed_letter(tmp_path: Path) -> None:
    logins = ["clerk", "caseworker", "clerk", "clerk"]
    lines = [json.dumps({"entry": {"login": x, "sequence": n}}, separators=(",", ":")) for n, x in enumerate(logins)]
    source, target = tmp_path / "log.jsonl", tmp_path / "changed.jsonl"
    source.write_text('{"checkpoint":"..."}\n' + "\n".join(lines) + "\n")
    number = change_one_byte(source, target)
    before, after = source.read_bytes(), target.read_bytes()
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    changed = [n for n, (a, b) in enumerate(zip(before.splitlines(), after.splitlines(), strict=True)) if a != b]
    assert changed == [number + 1]


def test_a_person_of_each_role_may_log_in_to_the_console(tmp_path: Path) -> None:
    for folder in ("schemas", "policies", "var"):
        (tmp_path / folder).mkdir()
    text = CONFIGURATION.format(port=1, database="city", upstream="postgresql://redactor@127.0.0.1:1/city")
    (tmp_path / "redactor.yaml").write_text(text)
    password = _let_in(tmp_path)
    database = Database(f"sqlite:///{tmp_path}/var/redactor.db")
    try:
        people = Accounts(database).all()
        assert {r for p in people for r in p.roles} == {r.value for r in Role}
        assert all(credentials.password_holds(p.password, password) and not p.totp for p in people)
    finally:
        database.close()
