"""Entries in ArcSight's Common Event Format, version 0.

Knows the format's escapes, its extension dictionary's keys and their lengths (Micro Focus Security ArcSight, Common
Event Format, version 25). Must not know the transport. Invariant: a header field holds no bare `|`, an extension's
value no bare `=`, neither a line's end; a value never exceeds the dictionary's length.
"""

from __future__ import annotations

import ipaddress

from redactor.audit.formats.form import PRODUCT, VERSION, Leaf, columns, micros, rules, title

LENGTHS = {
    "act": 63,
    "c6a2": 45,
    "c6a2Label": 1023,
    "cat": 1023,
    "cn1Label": 1023,
    "cs1": 4000,
    "cs1Label": 1023,
    "cs2": 4000,
    "cs2Label": 1023,
    "cs3": 4000,
    "cs3Label": 1023,
    "cs4": 4000,
    "cs4Label": 1023,
    "cs5": 4000,
    "cs5Label": 1023,
    "cs6": 4000,
    "cs6Label": 1023,
    "externalId": 40,
    "msg": 1023,
    "outcome": 63,
    "reason": 1023,
    "shost": 1023,
    "suser": 1023,
}
_SEVERITIES = {"allowed": 2, "redacted": 4, "refused": 6}


def event(leaf: Leaf) -> str:
    """One event, as one line."""
    verdict, kind = str(leaf.get("verdict", "")), str(leaf.get("kind", ""))
    severity = 9 if leaf.get("outcome") == "tripwire" else _SEVERITIES.get(verdict, 3)
    header = ["CEF:0", PRODUCT, PRODUCT, VERSION, verdict or kind, title(leaf), str(severity)]
    fields = [
        ("rt", str(micros(leaf) // 1000)),
        ("cat", kind),
        ("cn1", str(leaf["sequence"])),
        ("cn1Label", "sequence"),
    ]
    fields += [
        ("act", verdict),
        ("outcome", str(leaf.get("outcome", ""))),
        ("suser", str(leaf.get("login", ""))),
        ("externalId", str(leaf.get("decision", ""))),
        ("reason", str(leaf.get("sqlstate", "") or leaf.get("because", ""))),
        ("msg", str(leaf.get("shape", ""))),
    ]
    fields += _source(str(leaf.get("address", "")))
    custom = {
        "cs1": ("rules", rules(leaf)),
        "cs2": ("columns", columns(leaf)),
        "cs3": ("database", str(leaf.get("database", ""))),
        "cs4": ("digest", str(leaf.get("digest", ""))),
        "cs5": ("groups", ", ".join(leaf.get("groups", ()))),
        "cs6": ("snapshot", str(leaf.get("snapshot", ""))),
    }
    for key, (label, value) in custom.items():
        fields += [(key, value), (f"{key}Label", label)] if value else []
    extension = " ".join(f"{k}={_value(v[: LENGTHS.get(k, 1023)])}" for k, v in fields if v)
    return "|".join(_header(h) for h in header) + "|" + extension


def _source(address: str) -> list[tuple[str, str]]:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return [("shost", address)]
    if ip.version == 4:
        return [("src", str(ip))]
    return [("c6a2", str(ip)), ("c6a2Label", "Source IPv6 Address")]


def _header(text: str) -> str:
    return " ".join(text.splitlines()).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("=", "\\=")
    return "\\n".join(text.splitlines())
