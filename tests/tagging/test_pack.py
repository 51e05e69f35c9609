"""The domain pack: what is shipped is whole, and a steward's additions and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from redactor.errors import ConfigurationError
from redactor.tagging.facts import ColumnFacts, TableFacts
from redactor.tagging.judge import judge
from redactor.tagging.labels import LABELS
from redactor.tagging.pack import WHO, load
from redactor.tags import is_tag

POLICIES = Path(__file__).parents[2] / "policies"


def test_every_tag_says_what_why_and_how() -> None:
    pack = load()
    for tag, spec in pack.tags.items():
        assert is_tag(tag)
        assert spec.means
        assert spec.because
        assert spec.treatment, tag
        assert spec.label in LABELS


def test_every_tag_is_known_to_the_shipped_policy() -> None:
    known = YAML(typ="safe", pure=True).load((POLICIES / "tags.yaml").read_text("utf-8"))["tags"]
    assert load().tags.keys() - known.keys() == set()


def test_weights_name_whom_a_column_is_about() -> None:
    pack = load()
    for key, weights in pack.weights.items():
        assert key in (*LABELS, *pack.tags)
        assert set(weights) == set(WHO), key


def test_a_steward_adds_to_it_without_python(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text(
        "words:\n  means: {zorp: citizenship}\n"
        "tags:\n  programme.welcome:\n    label: programme\n    means: the welcome centre\n"
        "    because: newcomers go there\n"
        "    names:\n      - {words: welcome centre, score: 0.9}\n"
        "  status:\n    names:\n      - {words: purple folder, score: 0.8}\n"
        "negatives:\n  - {words: purple folder colour, factor: 0.1, because: stationery}\n"
    )
    pack = load(tmp_path)
    names = ("welcome_centre_visit", "purple_folder", "purple_folder_colour", "zorp_status", "us_citizen")
    found = judge(TableFacts("clients", tuple(ColumnFacts(n) for n in names)), pack)
    assert [f.tag for f in found] == ["programme.welcome", "status", "status", "status", "status"]
    assert [f.label for f in found] == ["programme", "direct", "none", "direct", "direct"]
    assert load() is not pack


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tags: {x: {label: nothing, means: m, because: b}}", "tags.x.label"),
        ("tags: {x: {label: trace, because: b}}", "tags.x.means: Field required"),
        ("tags: {x: {label: trace, means: m, because: b, nams: []}}", "nams"),
        ("tags: {status: {names: [{words: a b, score: 2}]}}", "score"),
        ("tags: {status: {names: [{words: a b, score: 0.5, in: [nowhere]}]}}", "no context 'nowhere'"),
        ("tags: {status: {names: [{words: firstname, score: 0.5}]}}", "'firstname' is read as 'first name'"),
        ("negatives: [{words: a, factor: 0.5, for: [nobody]}]", "neither a label nor a tag"),
        ("values: {x: {tag: nothing, means: m}}", "values.x: no tag 'nothing'"),
        ("values: {x: {tag: status, means: m, words: nowhere}}", "no dictionary 'nowhere'"),
        ("colours: {}", "unknown section 'colours'"),
        ("a: [", "local.yaml:1"),
        ("- 1", "must be a mapping"),
    ],
)
def test_mistakes_are_all_said(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "local.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    assert fault in str(caught.value)


def test_an_empty_directory_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no pack here"):
        load(tmp_path)
