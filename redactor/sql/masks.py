"""The SQL text of a mask: an expression of the column's own type that stands where the column stood.

Knows masks and PostgreSQL's types. Invariant: every expression is total (it has a value for every input, and cannot
fail on some values and not on others), a mask that does not depend on the value does not read the column, and no
search_path or temporary table changes which types and functions it is made of.
"""

from __future__ import annotations

import re
from typing import assert_never

from redactor.sql.quote import identifier, literal
from redactor.treatment import Mask, MaskKind

_TEXT = re.compile(r"(character varying|character|pg_catalog\.(text|varchar|bpchar|name)|text|name)(\(\d+\))?\Z")
_INTEGER = {"smallint": 2, "integer": 4, "bigint": 8}
_DATES = re.compile(r"((pg_catalog\.)?date|timestamp(\(\d\))? with(out)? time zone)\Z")
_SIMPLE = {
    "boolean": re.compile(r"true|false"),
    "smallint": re.compile(r"-?\d{1,4}"),
    "integer": re.compile(r"-?\d{1,9}"),
    "bigint": re.compile(r"-?\d{1,18}"),
    "pg_catalog.date": re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"),
    "double precision": re.compile(r"-?\d{1,9}(\.\d{1,9})?"),
    "numeric": re.compile(r"-?\d{1,9}(\.\d{1,9})?"),
    "pg_catalog.uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}


def expression(mask: Mask, column: str, type_name: str, key: str = "") -> str:
    """The mask of a column of that type, `type_name` being what NULL is cast to. `key`: of the hash masks."""
    null = f"NULL::{type_name}"
    value = identifier(column)
    text = _TEXT.match(type_name) is not None
    match mask.kind:
        case MaskKind.NULL:
            return null
        case MaskKind.CONSTANT:
            constant = str(mask.argument)
            fits = text or ((p := _SIMPLE.get(type_name)) is not None and p.fullmatch(constant) is not None)
            return f"{literal(constant)}::{type_name}" if fits else null
        case MaskKind.PARTIAL:
            if not text:
                return null
            n = int(mask.argument or 4)
            inner = f"{value}::pg_catalog.text"
            kept = f"CASE WHEN pg_catalog.length({inner}) > {2 * n} THEN pg_catalog.right({inner}, {n}) ELSE '' END"
            return f"('********' || {kept})::{type_name}"
        case MaskKind.YEAR | MaskKind.MONTH:
            if _DATES.match(type_name) is None:
                return null
            # in UTC, so that the answer does not depend on the session
            zoned = type_name.endswith("with time zone")
            cut = f"{value}, 'UTC'" if zoned else f"{value}::timestamp"
            cut = f"pg_catalog.date_trunc('{mask.kind.value}', {cut})::{type_name}"
            # outside these years a cast or a truncation can overflow
            within = f"{value} >= '0001-01-02'::{type_name} AND {value} < '9999-01-01'::{type_name}"
            return f"CASE WHEN {within} THEN {cut} ELSE {null} END"
        case MaskKind.BUCKET:
            width = int(mask.argument or 10)
            if type_name in _INTEGER:
                # toward zero, so that no value leaves its type's range
                return f"(({value} / {width}) * {width})::{type_name}"
            return null
        case MaskKind.HASH:
            if not text or not key:
                return null
            mixed = literal(f"{key}:{mask.argument}:")
            mixed = f"pg_catalog.convert_to({mixed} || {value}::pg_catalog.text, 'UTF8')"
            return f"pg_catalog.left(pg_catalog.encode(pg_catalog.sha256({mixed}), 'hex'), 16)::{type_name}"
        case _:
            assert_never(mask.kind)
