"""The pages' words in other languages: English sentences are the keys, files in this directory have the rest.

Knows JSON files named by language (`es.json`; `es.NAME.json` for a part of the pages). Must not know pages. Invariant:
a sentence without a translation is shown in English, never left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español"}


@cache
def translations(language: str) -> Mapping[str, str]:
    """English to that language; empty for English itself."""
    found: dict[str, str] = {}
    if language in LANGUAGES and language != "en":
        for file in files(__name__).iterdir():
            if file.name.startswith(f"{language}.") and file.name.endswith(".json"):
                found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def say(language: str, text: str, **values: object) -> str:
    """The sentence in that language, with `{name}`s filled in."""
    said = translations(language).get(text, text)
    return said.format(**values) if values else said


def preferred(accept: str) -> str:
    """The first language of an Accept-Language header (RFC 9110, 12.5.4) that the pages have; else English."""
    wanted = []
    for i, part in enumerate(accept.split(",")[:20]):
        tag, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, i, tag.partition("-")[0].lower()))
    return next((tag for _, _, tag in sorted(wanted) if tag in LANGUAGES), "en")
