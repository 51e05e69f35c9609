"""The house rules that no linter knows: docstrings, file sizes, what the docs may claim."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "redactor").rglob("*.py"))
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_source_file_says_what_it_knows(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no module docstring"
    assert len(docstring) > 40, "the module docstring says nothing"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_source_file_is_two_rooms(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


def test_no_vague_names() -> None:
    vague = re.compile(r"^\s*class \w*(Manager|Helper|Utils?)\b", re.M)
    assert [name_of(p) for p in SOURCES if vague.search(p.read_text())] == []


def test_no_copyleft_driver_in_the_product() -> None:
    """psycopg is LGPL: the tests may use it, what ships may not."""
    importing = re.compile(r"^\s*(import|from)\s+psycopg\b", re.M)
    assert [name_of(p) for p in SOURCES if importing.search(p.read_text())] == []
    assert "psycopg" not in (ROOT / "requirements.lock").read_text()


def test_locks_name_no_index_and_hash_all() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^\S+==.*?(?=^\S|\Z)", text, re.M | re.S)
        assert len(pinned) > 20
        assert all("--hash=sha256:" in p for p in pinned)


def test_the_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("make test")


def _commands_in_documents() -> set[tuple[str, ...]]:
    """Command lines (`redactor audit list ...`) in code blocks and code spans: the command, its options."""
    found = set()
    for path in DOCUMENTS:
        text = path.read_text()
        code = re.findall(r"```.*?```|`[^`\n]+`", text, re.S)
        for block in code:
            for line in re.findall(r"(?:^|[`\s/])redactor ([a-z]+[^`\n#|]*)", block):
                words = line.split()
                found.add(tuple(words))
    return found


def test_commands_in_the_documents_exist() -> None:
    import typer

    from redactor.cli import build

    top = typer.main.get_command(build())
    wrong = []
    for words in sorted(_commands_in_documents()):
        command, rest = top, list(words)
        while rest and hasattr(command, "commands"):
            if rest[0] not in command.commands:
                break
            command = command.commands[rest.pop(0)]
        if command is top:
            wrong.append(" ".join(words))
            continue
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        options = [w.split("=")[0].strip("[]") for w in rest if w.strip("[").startswith("-")]
        wrong += [" ".join(words) for o in options if o not in known]
    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", re.sub(r"```.*?```", "", path.read_text(), flags=re.S))
    local = [t for t in targets if "://" not in t]
    assert [t for t in local if not (path.parent / t).exists()] == []


def test_help_lists_every_command() -> None:
    from redactor.cli import available

    shown = subprocess.run([sys.executable, "-m", "redactor", "--help"], capture_output=True, text=True, check=True)
    for command in available():
        assert command in shown.stdout
