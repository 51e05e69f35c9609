"""Syslog messages (RFC 5424) around an event, and their framing on a stream (RFC 6587 3.4.1, RFC 5425 4.3).

Knows the header's fields and characters. Must not know sockets; the host's name and the process's number are
arguments. Invariant: a message is valid by the ABNF of RFC 5424, 6, whatever the event holds.
"""

from __future__ import annotations

from redactor.audit.formats import cef
from redactor.audit.formats.form import PRODUCT, Leaf

FACILITY = 13  # log audit (RFC 5424, 6.2.1)
_SEVERITIES = {"allowed": 6, "redacted": 5, "refused": 4}


def message(leaf: Leaf, event: str, host: str = "", process: int = 0) -> str:
    """One message, without framing. The entry's sequence is the sequenceId of the `meta` element (RFC 5424, 7.3.1)."""
    severity = 1 if leaf.get("outcome") == "tripwire" else _SEVERITIES.get(str(leaf.get("verdict", "")), 5)
    name = "".join(c for c in host if "!" <= c <= "~")[:255] or "-"
    kind = str(leaf.get("verdict") or leaf.get("kind", ""))[:32] or "-"
    meta = f'[meta sequenceId="{leaf["sequence"] % 2147483647 + 1}"]'
    head = f"<{FACILITY * 8 + severity}>1 {leaf['at']} {name} {PRODUCT} {process or '-'} {kind} {meta}"
    return f"{head} \ufeff{event}"


def note_message(at: str, note: str, host: str, process: int) -> str:
    """A checkpoint as a message: its lines are separated by `\\n` spelled out, so that a message is a line."""
    name = "".join(c for c in host if "!" <= c <= "~")[:255] or "-"
    text = note.replace("\n", "\\n")
    return f"<{FACILITY * 8 + 5}>1 {at} {name} {PRODUCT} {process or '-'} checkpoint - \ufeff{text}"


def cef_message(leaf: Leaf) -> str:
    """A CEF event as a message, for files."""
    return message(leaf, cef.event(leaf))


def framed(text: str) -> bytes:
    """A message on a stream, octets counted."""
    data = text.encode()
    return str(len(data)).encode() + b" " + data
