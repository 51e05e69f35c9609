"""What a tag is: a dotted name for why something is protected, and what it covers.

Knows the grammar of tags and nothing of where they come from or what follows from them. Invariant: `covers` is a
partial order (a tag covers itself and whatever is below it), so rules may be written at any depth.
"""

from __future__ import annotations

import re

UNREVIEWED = "unreviewed"
"""The tag of whatever exists upstream and has not been judged by a person: the policy's quarantine speaks for it."""

PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*$"
_TAG = re.compile(PATTERN)


def is_tag(text: str) -> bool:
    """Whether the text is a tag: lower-case words joined by dots, such as `document.a_number`."""
    return len(text) <= 100 and _TAG.fullmatch(text) is not None


def covers(above: str, tag: str) -> bool:
    """Whether `above` is the tag itself or stands above it: `document` covers `document.a_number`."""
    return tag == above or (tag.startswith(above) and tag[len(above)] == ".")
