"""The fast parser of large files says what the thorough one says, faults and their places included."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redactor import plainyaml, review, yamlfile
from redactor.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
FILES = sorted(f for f in ROOT.rglob("*.yaml") if ".venv" not in f.parts)
PIECES = [
    *(
        "a: ",
        "b: ",
        "- ",
        "  ",
        "    ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'x'",
        '"y"',
        "x",
        "1",
        "1e3",
        ".5",
        "0o7",
        "010",
    ),
    *(
        "null",
        "~",
        "True",
        "yes",
        "<<",
        "&a ",
        "*a",
        "!!str ",
        "# c\n",
        "|\n",
        ">\n",
        "---\n",
        "...\n",
        "? ",
        ": ",
        "\t",
    ),
    *("'it''s'", '"\\u00e9"', '"\\ud83d"', "é", "-1", "1_000", "2020-01-01", "public.residents:\n", "tags: [status]\n"),
]


def told(text: str, large: int) -> object:
    before = yamlfile.LARGE
    yamlfile.LARGE = large
    try:
        document = yamlfile.parse(text, "file")
    except ConfigurationError as e:
        return [(f.line, f.column, f.what) for f in e.faults]
    finally:
        yamlfile.LARGE = before
    return repr(document.value), document.place(()), document.place(("a",)), document.place(("a",), key=True)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_of_this_repository(file: Path) -> None:
    text = file.read_bytes().decode("utf-8", "replace")
    assert told(text, 0) == told(text, 1 << 40)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join).filter(lambda t: t.count("&a") < 2))
def test_any_text(text: str) -> None:
    assert told(text, 0) == told(text, 1 << 40)


def test_a_large_catalog_is_read_by_the_fast_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["database: large", "relations:"]
    for n in range(3000):
        lines += [f"  public.t{n}:", "    columns:", "      id: {}", "      ssn: {tags: [document.ssn]}"]
    text = "\n".join(lines)
    assert len(text) > yamlfile.LARGE
    assert plainyaml.read(text, 9, str)
    found = review.parse(text, "catalog.yaml")
    assert len(found.relations) == 3000
    with pytest.raises(ConfigurationError) as e:
        review.parse(text + "\n  public.t7: {}", "catalog.yaml")
    assert [(f.line, f.column) for f in e.value.faults] == [(len(lines) + 1, 3)]
    with pytest.raises(ConfigurationError) as e:
        review.parse(text + "\n  public.other: {columns: {a: {tag: x}}}", "catalog.yaml")
    assert [(f.line, f.what) for f in e.value.faults] == [(len(lines) + 1, "unknown key `tag`")]
