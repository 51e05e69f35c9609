"""Entries as OpenTelemetry log records, in OTLP's JSON encoding (opentelemetry-proto, logs/v1; OTLP/HTTP, JSON).

Knows the data model and the semantic conventions' names for databases, clients and users. Must not know HTTP.
Invariant: a line is one ExportLogsServiceRequest, which is also a line of an OTLP JSON file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redactor.audit.formats.form import PRODUCT, VERSION, Leaf, micros, title
from redactor.audit.verifier import canonical

_SEVERITIES = {"allowed": (9, "INFO"), "redacted": (10, "INFO2"), "refused": (13, "WARN")}


def event(leaf: Leaf) -> str:
    """One entry, as a request of its own."""
    return _request([leaf]).decode()


def bundle(leaves: Sequence[Leaf]) -> bytes:
    """Several entries as one request, on one line."""
    return _request(leaves) + b"\n"


def _request(leaves: Sequence[Leaf]) -> bytes:
    scope = {"name": "redactor.audit", "version": VERSION}
    records = [_record(leaf) for leaf in leaves]
    resource = {"attributes": [_attribute("service.name", PRODUCT), _attribute("service.version", VERSION)]}
    return canonical({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records, "scope": scope}]}]})


def _record(leaf: Leaf) -> dict[str, Any]:
    number, text = _SEVERITIES.get(str(leaf.get("verdict", "")), (9, "INFO"))
    if leaf.get("outcome") == "tripwire":
        number, text = 17, "ERROR"
    named = {
        "client.address": leaf.get("address"),
        "db.namespace": leaf.get("database"),
        "db.query.text": leaf.get("shape"),
        "db.response.status_code": leaf.get("sqlstate"),
        "db.system.name": "postgresql",
        "redactor.because": leaf.get("because"),
        "redactor.columns": [f"{c['column']} ({c['use']})" for c in leaf.get("columns", ())],
        "redactor.decision": leaf.get("decision"),
        "redactor.digest": leaf.get("digest"),
        "redactor.journal": leaf.get("journal"),
        "redactor.outcome": leaf.get("outcome"),
        "redactor.rules": list(dict.fromkeys(r["rule"] for r in leaf.get("rules", ()))),
        "redactor.sequence": leaf["sequence"],
        "redactor.snapshot": leaf.get("snapshot"),
        "redactor.verdict": leaf.get("verdict"),
        "user.name": leaf.get("login"),
        "user.roles": leaf.get("groups"),
    }
    at = str(micros(leaf) * 1000)
    return {
        "attributes": [_attribute(k, v) for k, v in named.items() if v not in (None, "", [])],
        "body": {"stringValue": title(leaf)},
        "eventName": f"redactor.{leaf.get('kind', 'entry')}",
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "timeUnixNano": at,
    }


def _attribute(key: str, value: object) -> dict[str, Any]:
    return {"key": key, "value": _value(value)}


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(v) for v in value]}}
    return {"stringValue": str(value)}
