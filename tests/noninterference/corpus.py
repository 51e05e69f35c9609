"""The probes as they stand in the .jsonl files: one JSON object a line, only ever appended to.

A probe is asked of a database, and what comes back is compared. Its fields:

- `id`, `family`: its name, and what it belongs to;
- `tier`: `value` shows a protected value, `bit` answers a question about one, `side` tells by a constraint, trigger,
  statistic, size or order, `robust` must only break nothing; harmless ones have none;
- `steps`: in order, each a text (a simple query) or an object (see `STEPS`);
- `as`: who asks, `desk` unless said;
- `wrap`: in a transaction that is rolled back, each step under a savepoint;
- `needs`: what the server must have: `18` (that major version or a later one), `<17` (one before), or an extension;
- `start`: parameters of the start-up message;
- `error`: of a harmless one: it is meant to fail; `note`: why it is there;
- `open`: it is known to leak through the proxy too, and why; the tests report it and do not fail.

In texts `{{db}}` is the database's name, `{{server}}` the way to the server as dblink would be told, and
`{{secret:homeland.7}}` a protected value of the side, for the steps of those who may know it,
`"{{oid:local_person}}"` the number of a type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ATTACKS = HERE / "attacks.jsonl"
HARMLESS = HERE / "harmless.jsonl"
TIERS = ("value", "bit", "side", "robust")
STEPS = {
    "sql": "a simple query; `copy`: the data of its COPY FROM STDIN",
    "ask": "Parse, Bind, Describe, Execute, Sync; `params`, `types`, `results` (formats), `limit`",
    "parse": "Parse and Describe under `name`; `types`",
    "run": "Bind, Describe and Execute of a named statement; `params`, `results`",
    "frames": "messages written out (client.encode), and [read, kinds], [pause, seconds], [read_for, seconds],"
    " [log_in], [half_close], [byte]; `login`: false for a bare connection",
    "pause": "seconds to wait; what comes meanwhile is seen",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """One line of a corpus."""

    id: str
    family: str
    steps: tuple[Any, ...]
    tier: str = ""
    as_: str = "desk"
    wrap: bool = False
    needs: tuple[str, ...] = ()
    start: dict[str, str] = field(default_factory=dict)
    error: bool = False
    note: str = ""
    open: str = ""

    @property
    def waits(self) -> bool:
        """Whether it must only break nothing, and waits for an answer that may not come: such ones touch nothing."""
        frames = [f for s in self.steps if isinstance(s, dict) for f in s.get("frames", ())]
        return self.tier == "robust" and any(f[0] in ("read_for", "pause") for f in frames)

    def runs_on(self, major: int, extensions: Iterable[str]) -> bool:
        """Whether a server has what the probe needs."""
        for n in self.needs:
            if n.isdigit():
                if major < int(n):
                    return False
            elif n.startswith("<"):
                if major >= int(n[1:]):
                    return False
            elif n not in extensions:
                return False
        return True


def read(path: Path, only: str | None = None) -> Iterator[Probe]:
    """The probes of a file, in order; `only`: a regular expression on `family/id`."""
    seen: set[str] = set()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        raw = json.loads(line)
        raw["as_"] = raw.pop("as", "desk")
        raw["steps"], raw["needs"] = tuple(raw["steps"]), tuple(raw.get("needs", ()))
        probe = Probe(**raw)
        if probe.id in seen:
            raise ValueError(f"{path.name}:{number}: there is a probe {probe.id} already")
        for step in probe.steps:
            if isinstance(step, dict) and len(STEPS.keys() & step.keys()) != 1:
                raise ValueError(f"{path.name}:{number}: a step is one of {', '.join(STEPS)}: {step}")
        seen.add(probe.id)
        if only is None or re.search(only, f"{probe.family}/{probe.id}"):
            yield probe
