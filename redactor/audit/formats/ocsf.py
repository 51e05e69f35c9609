"""Entries as events of the Open Cybersecurity Schema Framework 1.2.0: Datastore Activity, profile Security Control.

Knows that schema's classes and enumerations (https://schema.ocsf.io/1.2.0/classes/datastore_activity). Must not invent
attributes: what has no place there stands in `unmapped`. Invariant: every event is valid against the published schema;
what is about the log itself (retention, a new key) is a Base Event.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from redactor.audit.formats.form import PRODUCT, VERSION, Leaf, columns, micros, title
from redactor.audit.verifier import canonical

SCHEMA = "1.2.0"
_ACTIVITIES = {
    "SELECT": (4, "Query"),
    "WITH": (4, "Query"),
    "TABLE": (4, "Query"),
    "VALUES": (4, "Query"),
    "INSERT": (6, "Create"),
    "UPDATE": (2, "Update"),
    "MERGE": (2, "Update"),
    "DELETE": (7, "Delete"),
    "TRUNCATE": (7, "Delete"),
}
_SEVERITIES = {"allowed": (1, "Informational"), "redacted": (2, "Low"), "refused": (3, "Medium")}


def event(leaf: Leaf) -> str:
    """One event as a line of JSON."""
    value = _decision(leaf) if leaf.get("kind") == "decision" else _about_the_log(leaf)
    return canonical(value).decode()


def _decision(leaf: Leaf) -> dict[str, Any]:
    m = re.match(r"\s*([A-Za-z]+)", str(leaf["shape"]))
    word = m.group(1).upper() if m else ""
    activity, name = _ACTIVITIES.get(word, (99, word.capitalize()) if word else (0, "Unknown"))
    refused = leaf["verdict"] == "refused"
    severity = (4, "High") if leaf["outcome"] == "tripwire" else _SEVERITIES[leaf["verdict"]]
    user: dict[str, Any] = {"name": leaf["login"], "type_id": 0}
    if leaf["groups"]:
        user["groups"] = [{"name": g} for g in leaf["groups"]]
    value: dict[str, Any] = {
        "action": "Denied" if refused else "Allowed",
        "action_id": 2 if refused else 1,
        "activity_id": activity,
        "activity_name": name,
        "actor": {"user": user},
        "category_name": "Application Activity",
        "category_uid": 6,
        "class_name": "Datastore Activity",
        "class_uid": 6005,
        "database": {"name": leaf["database"], "type": "Relational", "type_id": 1},
        "message": title(leaf),
        "metadata": _metadata(leaf),
        "query_info": {"query_string": leaf["shape"], "uid": leaf["decision"]},
        "severity": severity[1],
        "severity_id": severity[0],
        "src_endpoint": _endpoint(str(leaf["address"])),
        "status": "Failure" if refused else "Success",
        "status_id": 2 if refused else 1,
        "time": micros(leaf) // 1000,
        "type_id": 1,
        "type_name": f"Datastore Activity: {name}",
        "type_uid": 600500 + activity,
        "unmapped": {
            "columns": columns(leaf),
            "digest": leaf["digest"],
            "journal": leaf["journal"],
            "outcome": leaf["outcome"],
            "sequence": leaf["sequence"],
            "snapshot": leaf["snapshot"],
            "verdict": leaf["verdict"],
        },
    }
    if leaf["verdict"] == "redacted":
        value |= {"disposition": "Redacted", "disposition_id": 99}
    else:
        value |= {"disposition": "Blocked" if refused else "Allowed", "disposition_id": 2 if refused else 1}
    if leaf["sqlstate"]:
        value["status_code"] = leaf["sqlstate"]
    if leaf["rules"]:
        decision = "denied" if refused else leaf["verdict"]
        value["authorizations"] = [
            {"decision": decision, "policy": {"desc": r["because"], "name": r["rule"], "uid": r["rule"]}}
            for r in leaf["rules"]
        ]
    return value


def _about_the_log(leaf: Leaf) -> dict[str, Any]:
    return {
        "activity_id": 99,
        "activity_name": str(leaf.get("kind")),
        "category_name": "Uncategorized",
        "category_uid": 0,
        "class_name": "Base Event",
        "class_uid": 0,
        "message": title(leaf),
        "metadata": _metadata(leaf),
        "severity": "Informational",
        "severity_id": 1,
        "time": micros(leaf) // 1000,
        "type_name": "Base Event: Other",
        "type_uid": 99,
        "unmapped": {"entry": canonical(leaf).decode()},
    }


def _metadata(leaf: Leaf) -> dict[str, Any]:
    value: dict[str, Any] = {
        "log_name": "redactor audit log",
        "original_time": leaf["at"],
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": VERSION},
        "sequence": leaf["sequence"],
        "uid": f"{leaf['journal']}-{leaf['number']}",
        "version": SCHEMA,
    }
    if leaf.get("kind") == "decision":
        value["profiles"] = ["security_control"]
        value["correlation_uid"] = leaf["decision"]
    return value


def _endpoint(address: str) -> dict[str, Any]:
    try:
        return {"ip": str(ipaddress.ip_address(address.partition("%")[0]))}
    except ValueError:
        return {"name": address or "local socket"}
