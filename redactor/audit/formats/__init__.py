"""Entries in other systems' words: CSV, OCSF, CEF, syslog, OpenTelemetry logs.

Knows an entry's leaf (`audit.entry.FIELDS`) and how each format spells it. Must not know where the result goes, nor
what is sealed: all of this is made from what stands in clear. Invariant: one event is one line; no character that a
client chose (a login, a shape) can end a field, a line or an event.
"""

from __future__ import annotations

from redactor.audit.formats import cef, csv, ocsf, otlp, syslog
from redactor.audit.formats.form import Format, Leaf, lines
from redactor.audit.verifier import canonical


def _json(leaf: Leaf) -> str:
    return canonical(leaf).decode()


FORMATS: dict[str, Format] = {
    "csv": Format("csv", csv.event, lines(csv.event), "text/csv; header=present", csv.HEAD),
    "ocsf": Format("ocsf", ocsf.event, lines(ocsf.event), "application/x-ndjson"),
    "cef": Format("cef", cef.event, lines(cef.event), "text/plain; charset=utf-8"),
    "syslog": Format("syslog", syslog.cef_message, lines(syslog.cef_message), "text/plain; charset=utf-8"),
    "otlp": Format("otlp", otlp.event, otlp.bundle, "application/json"),
}
"""What `redactor audit export --format` knows besides the verifiable export."""

JSON = Format("json", _json, lines(_json), "application/x-ndjson")
"""The leaves as they are: for forwarding."""

__all__ = ["FORMATS", "JSON", "Format", "Leaf"]
