"""The published JSON Schemas of the files that people write: `python -m redactor.cli.schemas [DIRECTORY]`.

Knows the forms; a test keeps `schemas/*.schema.json` the same as what this writes. Editors that speak YAML with JSON
Schema (the `# yaml-language-server: $schema=...` comment) then complete keys and mark mistakes while typing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from redactor.cli.files import KnownTagsForm
from redactor.config import ConfigForm
from redactor.expectations import CasesForm
from redactor.orders.form import DemandForm
from redactor.policy import PolicyForm
from redactor.review import ReviewForm
from redactor.yamlfile import Form

_FORMS: dict[str, tuple[type[Form], str]] = {
    "config": (ConfigForm, "redactor.yaml"),
    "policy": (PolicyForm, "A policy, such as policies/sacramento.yaml"),
    "policy-test": (CasesForm, "The tests beside a policy, such as policies/sacramento.test.yaml"),
    "catalog": (ReviewForm, "A reviewed catalog file, such as schemas/city.yaml"),
    "order": (DemandForm, "A demand for data, as redactor orders receive and POST /api/orders take it"),
    "tags": (KnownTagsForm, "The tags in use and what they mean: policies/tags.yaml"),
}


def documents() -> dict[str, str]:
    """File name to text, for every published schema."""
    out = {}
    for name, (form, title) in _FORMS.items():
        schema = _untitled(form.model_json_schema(by_alias=True, mode="validation"))
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
        out[f"{name}.schema.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return out


def _untitled(schema: Any, names: bool = False) -> Any:
    """Without the titles that pydantic makes up of names; `names`: the keys here are names of a file's own."""
    if isinstance(schema, list):
        return [_untitled(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if names or k != "title"}
    return {k: v if k == "default" else _untitled(v, k in ("properties", "$defs")) for k, v in kept.items()}


def write(directory: Path) -> None:
    """Write them all."""
    for name, text in documents().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
