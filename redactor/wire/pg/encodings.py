"""Client encodings in which a statement's text can be read without doubt.

Knows PostgreSQL's names and aliases for them (PostgreSQL docs, 23.3.1) and Python's codecs. Only supersets of ASCII
in which no byte of another character can be mistaken for a quote or a backslash: UTF-8 and the single-byte sets.
SJIS, BIG5, GBK, UHC, JOHAB and GB18030 are not, and are not here.
"""

from __future__ import annotations

_CODECS = {
    "utf8": "utf-8",
    "unicode": "utf-8",
    # no conversion: what a UTF-8 database would take; anything else cannot be read with certainty
    "sqlascii": "utf-8",
    "koi8": "koi8-r",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "win866": "cp866",
    "alt": "cp866",
    "win874": "cp874",
    "win": "cp1251",
    "tcvn": "cp1258",
    "tcvn5712": "cp1258",
    "vscii": "cp1258",
    "abc": "cp1258",
    "iso88595": "iso8859-5",
    "iso88596": "iso8859-6",
    "iso88597": "iso8859-7",
    "iso88598": "iso8859-8",
}
# PostgreSQL's LATINn are ISO 8859-1..4, -9, -10, -13..16
for _n, _part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), 1):
    _CODECS[f"latin{_n}"] = f"iso8859-{_part}"
    _CODECS[f"iso8859{_part}"] = f"iso8859-{_part}"
for _page in range(1250, 1259):
    _CODECS[f"win{_page}"] = _CODECS[f"windows{_page}"] = f"cp{_page}"


def codec_of(encoding: str) -> str | None:
    """Python's codec for PostgreSQL's encoding name (as SHOW client_encoding or a client writes it), or None."""
    return _CODECS.get("".join(c for c in encoding.lower() if c.isalnum()))


def same(one: str, other: str) -> bool:
    """Whether two names mean the same encoding, as far as reading a text goes."""
    if one == other:
        return True
    codec = codec_of(one)
    return codec is not None and codec == codec_of(other)
