"""Secrets in a file as PgBouncer's auth_file."""

from __future__ import annotations

from redactor.proxy.verifiers import parse

VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_lines() -> None:
    text = f'''\
; a comment
"anna" "{VERIFIER}"
"o""brien" "pass ""word"" x" and more
  "spaces"   "in front"
"old" "md5{"0a" * 16}"
"broken" "SCRAM-SHA-256$4096:x$y:z"
"empty" ""
nonsense
"half
'''
    found = parse(text)
    assert set(found) == {"anna", 'o"brien', "spaces"}
    assert found["anna"].verifier is not None
    assert found["anna"].password is None
    assert found['o"brien'].password == 'pass "word" x'
    assert "pass" not in repr(found)
    assert found["spaces"].verifier is None
