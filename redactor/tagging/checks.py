"""Rules that a regular expression cannot say: check digits and number ranges.

Knows the rules of single formats, each a pure function of one value, and nothing of columns. A rule answers only for
values of its form; anything else does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_MRZ_WEIGHTS = (7, 3, 1)
_CURP_ALPHABET = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def mrz_digit(text: str) -> str:
    """The check digit of a machine-readable zone's field (ICAO 9303-3, 4.9): weights 7, 3, 1, modulo 10."""
    total = 0
    for at, c in enumerate(text):
        value = 0 if c == "<" else int(c) if c.isdigit() else ord(c) - 55
        total += value * _MRZ_WEIGHTS[at % 3]
    return str(total % 10)


def _mrz_line(line: str) -> bool:
    """The second line of a passport (TD3) or visa or ID card (TD2), or the first two of three (TD1)."""
    if len(line) in (36, 44) and re.fullmatch(r"[A-Z0-9<]{9}\d[A-Z<]{3}\d{6}\d[MFX<]\d{6}\d[A-Z0-9<]+", line):
        return all(mrz_digit(line[a:b]) == line[b] for a, b in ((0, 9), (13, 19), (21, 27)))
    if len(line) == 30 and re.fullmatch(r"\d{6}\d[MFX<]\d{6}\d[A-Z<]{3}[A-Z0-9<]{11}\d", line):
        return mrz_digit(line[0:6]) == line[6] and mrz_digit(line[8:14]) == line[14]
    if len(line) == 30 and re.fullmatch(r"[ACI][A-Z0-9<][A-Z<]{3}[A-Z0-9<]{9}[\d<][A-Z0-9<]{15}", line):
        return line[14] in (mrz_digit(line[5:14]), "<")
    return False


def mrz(value: str) -> bool:
    """A machine-readable zone: whole, or its second line alone, with or without line breaks. Check digits count."""
    text = re.sub(r"[\s|]+", "", value.upper())
    if len(text) == 88 and text[0] in "PV":
        return _mrz_line(text[44:])
    if len(text) == 72 and text[0] in "PVACI":
        return _mrz_line(text[36:])
    if len(text) == 90 and text[0] in "ACI":
        return _mrz_line(text[30:60])
    if len(text) in (36, 44) and text[0] in "PV" and re.fullmatch(r"[PV][A-Z<][A-Z<]{3}[A-Z<]+<[A-Z<]*", text):
        return True
    return _mrz_line(text)


def itin(value: str) -> bool:
    """An ITIN: begins with 9, group 50-65, 70-88, 90-92 or 94-99 (IRS)."""
    m = re.fullmatch(r"9\d\d([- ]?)(\d\d)\1\d{4}", value.strip())
    if m is None:
        return False
    group = int(m.group(2))
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def ssn(value: str) -> bool:
    """A social security number that the SSA can have issued: no area 000, 666, 9xx, no group 00, no serial 0000."""
    return re.fullmatch(r"(?!000|666|9)\d{3}([- ]?)(?!00)\d\d\1(?!0000)\d{4}", value.strip()) is not None


def ssn_dashed(value: str) -> bool:
    """A social security number or ITIN written with its hyphens or blanks."""
    text = value.strip()
    return len(text) == 11 and (ssn(text) or itin(text))


def curp(value: str) -> bool:
    """A Mexican CURP, with its check digit."""
    text = value.strip().upper()
    if not re.fullmatch(r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-ZÑ]{3}[A-Z0-9]\d", text):
        return False
    total = sum(_CURP_ALPHABET.index(c) * (18 - at) for at, c in enumerate(text[:17]))
    return str((10 - total % 10) % 10) == text[17]


def vin(value: str) -> bool:
    """A vehicle identification number with its check digit (49 CFR 565.15)."""
    text = value.strip().upper()
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", text):
        return False
    total = sum((int(c) if c.isdigit() else _VIN_VALUES[c]) * w for c, w in zip(text, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == text[8]


def receipt(value: str) -> bool:
    """A USCIS receipt number: an office's three letters, then fiscal year, day and sequence, ten digits in all."""
    m = re.fullmatch(
        r"(EAC|WAC|LIN|SRC|MSC|NBC|YSC|IOE|VSC|CSC|NSC|TSC)[- ]?(\d{2})[- ]?(\d{3})[- ]?\d{5}", value.upper()
    )
    return m is not None


def luhn(value: str) -> bool:
    """Digits whose last is right by Luhn's rule (payment cards, IMEI)."""
    digits = [int(c) for c in value if c.isdigit()]
    if len(digits) < 12:
        return False
    doubled = [d if at % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for at, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "mrz": mrz,
    "itin": itin,
    "ssn": ssn,
    "ssn_dashed": ssn_dashed,
    "curp": curp,
    "vin": vin,
    "receipt": receipt,
    "luhn": luhn,
}
"""The rules that a pack's `check` may name."""
