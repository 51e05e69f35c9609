"""Reads files of labelled columns (the made-up schemas beside it, the real ones in `fixtures`) into the rows that the
classifier and its report take. A label `x`: nobody can say."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def rows(file: str) -> list[dict[str, str]]:
    """The labelled columns of a file of made-up schemas, in order."""
    out: list[dict[str, str]] = []
    source = table = ""
    for line in (HERE / file).read_text("utf-8").splitlines():
        text, _, comment = line.partition(" -- ")
        match text.split():
            case [] | ["#", *_]:
                continue
            case ["=", *words]:
                source = " ".join(words)
            case [name] if name.endswith(":"):
                table = name[:-1]
            case [column, *type_, label]:
                row = {"source": source, "table": table, "column": column, "type": " ".join(type_)}
                out.append({**row, "comment": comment.strip(), "label": label})
            case _:
                raise ValueError(f"{file}: {line!r}")
    return out


if __name__ == "__main__":
    import json
    import sys

    for file in sys.argv[1:]:
        for row in rows(file):
            print(json.dumps(row))
