"""Other systems' labels, in and out: OpenMetadata and DataHub tags as JSON, PostgreSQL security labels.

Knows their forms and which of their labels the pack takes for a tag of ours. Names tables by their last two parts,
since services, databases and environments are called otherwise elsewhere. Invariant: what is written out and read back
in gives the same tags of the same columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from redactor.errors import ConfigurationError, Fault
from redactor.model import ColumnName, RelationName
from redactor.tagging.pack import Pack

Format = Literal["openmetadata", "datahub", "seclabel"]

_CLASSIFICATION = "Redactor."
_DECLARED = "redactor:"
_DATAHUB_TAG = "urn:li:tag:"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A column and what another system says of it. `tag`: ours, or empty where the pack knows none for `label`."""

    column: ColumnName
    tag: str
    label: str
    system: str


def read(document: object, file: str, pack: Pack) -> list[Labelled]:
    """The labels in a JSON document: a list of OpenMetadata tables, or of DataHub change proposals, or one of them.

    Raises ConfigurationError where it is neither.
    """
    items = document if isinstance(document, list) else [document]
    out: list[Labelled] = []
    for at, item in enumerate(items):
        if isinstance(item, dict) and "fullyQualifiedName" in item:
            out += _openmetadata(item, pack)
        elif isinstance(item, dict) and "entityUrn" in item:
            out += _datahub(item, pack)
        else:
            what = "an OpenMetadata table (fullyQualifiedName) or a DataHub proposal (entityUrn)"
            raise ConfigurationError([Fault(file, 0, 0, f"item {at + 1} is not known", what)])
    return out


def read_security_labels(rows: Iterable[tuple[str, str, str, str, str]], pack: Pack) -> list[Labelled]:
    """What `pg_seclabels` says of columns: rows of schema, relation, column, provider, label.

    A label is one of ours (`status`, `redactor:status`), one that the pack knows (`pii.ssn`), or a rule by which
    PostgreSQL Anonymizer masks the column: that says that somebody thought it personal, not why.
    """
    out = []
    for schema, relation, column, provider, label in rows:
        bare = label.strip()
        out.append(
            Labelled(ColumnName(schema, relation, column), _ours(bare, pack), bare, f"security label of {provider}")
        )
    return out


def _ours(label: str, pack: Pack) -> str:
    """Our tag for another system's label: its own name, after `Redactor.` or `redactor:`, or what the pack's `labels`
    says."""
    bare = label[len(_CLASSIFICATION) :] if label.lower().startswith(_CLASSIFICATION.lower()) else label
    bare = bare.removeprefix(_DECLARED).strip()
    return bare if bare in pack.tags else pack.labels.get(label.lower(), "")


def _openmetadata(table: Mapping[str, Any], pack: Pack) -> Iterable[Labelled]:
    relation = _relation(str(table["fullyQualifiedName"]))
    for column in table.get("columns") or ():
        for tag in column.get("tags") or ():
            label = str(tag.get("tagFQN", ""))
            yield Labelled(ColumnName(*relation, str(column["name"])), _ours(label, pack), label, "OpenMetadata")


def _datahub(proposal: Mapping[str, Any], pack: Pack) -> Iterable[Labelled]:
    found = re.search(r"urn:li:dataset:\([^,]*,([^,]+),", str(proposal["entityUrn"]))
    aspect = proposal.get("aspect") or {}
    body = aspect.get("json", aspect)
    if found is None:
        return
    relation = _relation(found.group(1))
    for column in body.get("editableSchemaFieldInfo") or ():
        for tag in (column.get("globalTags") or {}).get("tags") or ():
            label = str(tag.get("tag", "")).removeprefix(_DATAHUB_TAG)
            yield Labelled(ColumnName(*relation, str(column["fieldPath"])), _ours(label, pack), label, "DataHub")


def _relation(name: str) -> RelationName:
    parts = [p.strip('"') for p in re.findall(r'"[^"]+"|[^.]+', name)]
    return RelationName(parts[-2] if len(parts) > 1 else "public", parts[-1])


def write(tags: Mapping[ColumnName, Iterable[str]], to: Format, database: str) -> object:
    """The tags in another system's form: JSON values, or for `seclabel` SQL text.

    The security labels are rules of PostgreSQL Anonymizer that hide the whole value.
    """
    by_table: dict[RelationName, dict[str, list[str]]] = {}
    for column, given in sorted(tags.items()):
        by_table.setdefault(column.of, {})[column.name] = sorted(given)
    match to:
        case "openmetadata":
            return [
                {
                    "fullyQualifiedName": f"redactor.{database}.{relation}",
                    "columns": [
                        {"name": c, "tags": [{"tagFQN": _CLASSIFICATION + t, "labelType": "Manual"} for t in given]}
                        for c, given in columns.items()
                    ],
                }
                for relation, columns in by_table.items()
            ]
        case "datahub":
            return [
                {
                    "entityType": "dataset",
                    "entityUrn": f"urn:li:dataset:(urn:li:dataPlatform:postgres,{database}.{relation},PROD)",
                    "changeType": "UPSERT",
                    "aspectName": "editableSchemaMetadata",
                    "aspect": {
                        "json": {
                            "editableSchemaFieldInfo": [
                                {
                                    "fieldPath": c,
                                    "globalTags": {
                                        "tags": [{"tag": f"{_DATAHUB_TAG}{_CLASSIFICATION}{t}"} for t in given]
                                    },
                                }
                                for c, given in columns.items()
                            ]
                        }
                    },
                }
                for relation, columns in by_table.items()
            ]
        case "seclabel":
            lines = [
                f"SECURITY LABEL FOR anon ON COLUMN {_quoted(r.schema)}.{_quoted(r.name)}.{_quoted(c)}"
                f" IS 'MASKED WITH VALUE NULL'; -- {', '.join(given)}"
                for r, columns in by_table.items()
                for c, given in columns.items()
            ]
            return "\n".join(lines)
        case _:
            assert_never(to)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
