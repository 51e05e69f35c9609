"""A flame graph of collapsed stacks, as SVG without scripts: each frame as wide as the time that was spent in it.

    py-spy record -p PID -d 10 -f raw -o stacks.txt
    python -m benchmarks.flame stacks.txt docs/hot-path.svg [--from Runner.run]

`--from`: only what that frame called, where it stands first in a stack. Functions are merged, whatever their lines.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

_WIDTH, _ROW, _LETTER, _LEAST = 1100, 17, 6.2, 0.4
_COLOURS = {"redactor": "#9cc3e6", "uvloop": "#f3c98b", "asyncio": "#f3c98b", "": "#d8d8d8"}


@dataclass
class Frame:
    """Samples in a function, and in what it called."""

    name: str
    samples: int = 0
    called: dict[str, Frame] = field(default_factory=dict)

    def depth(self) -> int:
        return 1 + max((f.depth() for f in self.called.values()), default=0)


def read(text: str, begin: str) -> Frame:
    """The tree of collapsed stacks: lines `frame;frame;frame count`."""
    root = Frame("all")
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [re.sub(r":\d+\)", ")", f) for f in stack.split(";")]
        if begin:
            at = next((i for i, f in enumerate(frames) if f.startswith(begin)), None)
            if at is None:
                continue
            frames = frames[at:]
        here = root
        here.samples += int(count)
        for name in frames:
            here = here.called.setdefault(name, Frame(name))
            here.samples += int(count)
    return root


def draw(root: Frame) -> str:
    """The tree, its root at the bottom."""
    height = (root.depth() + 1) * _ROW
    parts: list[str] = []

    def one(frame: Frame, x: float, level: int) -> None:
        wide = frame.samples / root.samples * _WIDTH
        if wide < _LEAST:
            return
        y = height - (level + 1) * _ROW
        colour = next(c for k, c in _COLOURS.items() if k in frame.name)
        share = f"{frame.name}: {frame.samples / root.samples:.1%}"
        shown = frame.name[: max(0, int((wide - 4) / _LETTER))] if wide > 25 else ""
        box = f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{_ROW - 1}" fill="{colour}"/>'
        text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(shown)}</text>' if shown else ""
        parts.append(f"<g><title>{escape(share)}</title>{box}{text}</g>")
        for called in sorted(frame.called.values(), key=lambda f: f.name):
            one(called, x, level + 1)
            x += called.samples / root.samples * _WIDTH

    one(root, 0.0, 0)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
    head += ' font-family="monospace" font-size="10">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def hottest(root: Frame, most: int = 12) -> list[tuple[str, float]]:
    """Where the time itself goes: functions, and their share without what they called."""
    found: Counter[str] = Counter()

    def one(frame: Frame) -> None:
        found[frame.name] += frame.samples - sum(f.samples for f in frame.called.values())
        for called in frame.called.values():
            one(called)

    one(root)
    return [(name, n / root.samples) for name, n in found.most_common(most)]


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("stacks", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--from", dest="begin", default="")
    options = parser.parse_args()
    root = read(options.stacks.read_text(), options.begin)
    options.target.write_text(draw(root))
    for name, share in hottest(root):
        print(f"{share:6.1%}  {name}")


if __name__ == "__main__":
    main()
