"""Large YAML files of the plainest kind, read fast: by libyaml, event by event, into plain values.

Knows mappings, lists and scalars, and nothing of what they are about. Must not guess: tags, anchors, block scalars,
tabs, a key given twice, a key that is no text, marks of a document's end, whatever libyaml rejects, and a PyYAML that
was built without libyaml all raise `NotPlain`, and the thorough parser (`yamlfile`) reads the text instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml  # type: ignore[import-untyped]

_STRANGE = re.compile("[\t\ud800-\udfff]")
"""Half a character; and tabs, of which libyaml takes more than the thorough parser does."""


_BLOCKS = ("|", ">")


class NotPlain(Exception):
    """The text is for the thorough parser."""


def read(text: str, deepest: int, scalar: Callable[[str], object]) -> object:
    """The value of a text. `scalar` says what one without quotes stands for; `deepest`: levels of nesting."""
    if not yaml.__with_libyaml__ or _STRANGE.search(text) is not None:
        raise NotPlain
    loader = yaml.CBaseLoader(text)
    try:
        return _document(loader.get_event, deepest, scalar)
    except yaml.YAMLError:
        raise NotPlain from None
    finally:
        loader.dispose()


def _document(event: Callable[[], Any], deepest: int, scalar: Callable[[str], object]) -> object:
    event()  # the stream begins
    kind = type(event())
    if kind is yaml.StreamEndEvent:
        return None
    value: object = None
    stack: list[Any] = []
    key: str | None = None
    keys: list[str | None] = []
    while True:
        e = event()
        kind = type(e)
        if kind is yaml.ScalarEvent:
            if e.tag is not None or e.anchor is not None or e.style in _BLOCKS:
                raise NotPlain
            here = stack[-1] if stack else None
            if type(here) is dict and key is None:
                key = e.value
                if key in here:
                    raise NotPlain
                continue
            plain = e.style in (None, "")
            if plain and e.value.lstrip("+-").startswith("."):
                # which of these are numbers, parsers do not agree on
                raise NotPlain
            value = scalar(e.value) if plain else e.value
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if e.tag is not None or e.anchor is not None or len(stack) >= deepest:
                raise NotPlain
            if stack and type(stack[-1]) is dict and key is None:
                raise NotPlain
            stack.append({} if kind is yaml.MappingStartEvent else [])
            keys.append(key)
            key = None
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            value = stack.pop()
            key = keys.pop()
        elif kind is yaml.DocumentEndEvent:
            if e.explicit or type(event()) is not yaml.StreamEndEvent:
                raise NotPlain
            return value
        else:
            raise NotPlain
        if stack:
            here = stack[-1]
            if type(here) is dict:
                assert key is not None
                here[key] = value
                key = None
            else:
                here.append(value)
