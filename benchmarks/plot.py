"""A plot of what a query costs each proxy, as SVG: bars side by side, their figures written on them."""

from __future__ import annotations

from html import escape

_COLOURS = {"direct": "#9aa5b1", "pgbouncer": "#d99a2b", "redactor": "#2b6cb0"}
_WIDTH, _BAR, _GAP, _LEFT = 760, 18, 14, 190


def bars(rows: list[dict[str, object]]) -> str:
    """pgbench's rows: processor time of the proxy for a query, then transactions a second."""
    parts: list[str] = []
    at = 40
    for column, title in (
        ("proxy CPU us", "processor time of the proxy for a query, microseconds (less is better)"),
        ("tps", "queries a second, 8 clients (more is better)"),
    ):
        parts.append(_text(10, at, title, 15))
        at += 18
        most = max(_number(r[column]) for r in rows) or 1.0
        for case in dict.fromkeys((r["mode"], r["statement"]) for r in rows):
            mine = [r for r in rows if (r["mode"], r["statement"]) == case and _number(r[column])]
            parts.append(_text(10, at + 14, f"{case[0]}, {case[1]}", 13))
            for row in mine:
                long = _number(row[column]) / most * (_WIDTH - _LEFT - 190)
                fill = _COLOURS.get(str(row["way"]), "#555555")
                bar = f'x="{_LEFT}" y="{at}" width="{long:.0f}" height="{_BAR - 4}" fill="{fill}"'
                parts.append(f"<rect {bar}/>")
                parts.append(_text(_LEFT + long + 6, at + 12, f"{row['way']}: {row[column]:,}", 12))
                at += _BAR
            at += _GAP
        at += 20
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {at}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{at}" fill="white"/>', *parts, "</svg>", ""])


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(x: float, y: float, text: str, size: int) -> str:
    return f'<text x="{x:.0f}" y="{y}" font-size="{size}">{escape(text)}</text>'
