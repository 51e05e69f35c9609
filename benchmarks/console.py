"""The console's pages on a long log: how long the server works on each, with a million entries behind it.

    python -m benchmarks.console [--entries 1000000] [--directory /where/the/store/is]

Writes benchmarks/results/console.json. The entries are made up, but sealed, hashed and signed as real ones are; they
go into the store as the log's drain puts them there. Times are of the application's answer, without a network.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import described, quantile
from redactor.audit import entry as entries
from redactor.audit.sealing import Seal, key_name
from redactor.console.register import Filter, Register, TooMany
from redactor.decision import Entry, Verdict
from redactor.model import ColumnName, ColumnUse, Problem, Requester, RuleHit, Use
from redactor.store import Reader, keys, ledger, published
from redactor.store.database import Database

RESULTS = Path(__file__).parent / "results"
BATCH = 2000
DAYS = 90


def made_up(i: int, count: int, begun: float, chance: random.Random) -> Entry:
    """One of `count` decisions spread over DAYS from `begun` on: some people ask much, most little."""
    login = f"clerk{int(chance.paretovariate(1.1)) % 400:03}"
    rule = f"rule-{chance.choice('aabbbccccddddde')}"
    column = ColumnName("public", f"table{chance.randrange(40)}", f"column{chance.randrange(12)}")
    verdict = chance.choices((Verdict.REFUSED, Verdict.REDACTED, Verdict.ALLOWED), (25, 70, 5))[0]
    shape = f"SELECT a, b FROM {column.relation} WHERE c{int(chance.paretovariate(0.8)) % 3000} = $1"
    at = begun + i * DAYS * 86400 / count
    return Entry(
        at=at,
        decision=f"{chance.getrandbits(32):08x}-{i:x}-1",
        verdict=verdict,
        requester=Requester(login, chance.choice(("city", "police")), frozenset({"staff"}), f"10.0.{i % 7}.{i % 97}"),
        rules=(RuleHit(rule, "Gov. Code 7284.6", (column,)),),
        columns=(ColumnUse(column, Use.PREDICATE),),
        shape=shape,
        text=shape.replace("$1", f"'{i}'"),
        snapshot="5a" * 16,
        outcome="refused" if verdict is Verdict.REFUSED else "sent",
        problem=Problem("42501", "no") if verdict is Verdict.REFUSED else None,
    )


def fill(directory: Path, count: int, begun: float = 1_780_000_000.0) -> None:
    """A signed log of so many entries in a new store in `directory`."""
    made = keys.prepare(directory)
    database = Database(f"sqlite:///{directory}/redactor.db", create=True)
    database.migrate()
    database.call(lambda c: ledger.begin(c, made.first, made.signer, None), write=True)
    chance, digest = random.Random(1), b"k" * 32
    for start in range(0, count, BATCH):
        seal = Seal(made.auditor, secrets.token_bytes(32))
        batch = [made_up(i, count, begun, chance) for i in range(start, min(start + BATCH, count))]
        records = [
            (start + n, entries.close(e, digest, seal, key_name(made.auditor)).pack()) for n, e in enumerate(batch)
        ]
        database.call(lambda c, r=records: ledger.append(c, "ab" * 16, r), write=True)  # type: ignore[misc]
    database.call(lambda c: ledger.sign(c, made.signer, begun + DAYS * 86400, None), write=True)
    database.close()
    with Reader(f"sqlite:///{directory}/redactor.db") as reader:
        published.append(directory / published.NAME, reader.checkpoints())


def queries(last: int, begun: float) -> dict[str, Callable[[Register], object]]:
    """What pages ask of the register, by what a person would call it."""
    common, rare = "clerk001", "clerk377"
    end = int(begun) + DAYS * 86400
    day = Filter(verdict="refused", since=end - 86400)
    both = Filter(verdict="refused", who=common, rule="rule-d")
    odd = Filter(who=common, rule="rule-e", column="column7", database="police")
    return {
        "first page, refused": lambda r: r.find(Filter(verdict="refused"), 50),
        "first page, all": lambda r: r.find(Filter(), 50),
        "page in the middle": lambda r: r.find(Filter(verdict="refused"), 50, before=last // 2),
        "oldest page": lambda r: r.find(Filter(verdict="refused"), 50, after=-1),
        "one person, frequent": lambda r: r.find(Filter(verdict="refused", who=common), 50),
        "one person, rare": lambda r: r.find(Filter(who=rare), 50),
        "nobody of that name": lambda r: r.find(Filter(who="nobody"), 50),
        "person and rule": lambda r: r.find(both, 50),
        "four filters": lambda r: r.find(odd, 50),
        "column by its last part": lambda r: r.find(Filter(column="column7"), 50),
        "the last day": lambda r: r.find(day, 50),
        "chart, all": lambda r: r.chart(Filter(), 86400),
        "chart, one person": lambda r: r.chart(Filter(who=common), 86400),
        "chart, person and rule": lambda r: r.chart(both, 86400),
        "chart, the last day": lambda r: r.chart(day, 3600),
        "shapes, refused": lambda r: r.groups(Filter(verdict="refused")),
        "shapes, one person": lambda r: r.groups(Filter(verdict="refused", who=common)),
        "shapes, the last day": lambda r: r.groups(day),
    }


def main() -> None:
    """Fill, enter, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, default=None, help="a store filled before is used again")
    options = parser.parse_args()
    place = options.directory or Path(tempfile.mkdtemp(prefix="redactor-console-"))
    begun = 1_780_000_000.0
    if not (place / "redactor.db").exists():
        place.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        fill(place, options.entries, begun)
        print(f"filled in {time.perf_counter() - start:.0f} s")
    store = Database(f"sqlite:///{place}/redactor.db")
    store.migrate()
    store.close()
    register = Register(place / "console" / "register.db")
    with Reader(f"sqlite:///{place}/redactor.db") as reader:
        start = time.perf_counter()
        count = register.follow(reader)
        took = time.perf_counter() - start
        size = reader.size()
    entered = round(count / took) if count else None
    results: dict[str, object] = {}
    for name, ask in queries(size, begun).items():
        waits = []
        for _ in range(7):
            start = time.perf_counter()
            try:
                ask(register)
            except TooMany:
                waits = []  # more than the register's patience: a page says so
                break
            waits.append(time.perf_counter() - start)
        results[name] = round(1000 * quantile(sorted(waits), 0.5), 1) if waits else None
        print(f"{name:28} {results[name]} ms", flush=True)
    bytes_of = sum(p.stat().st_size for p in (place / "console").iterdir())
    print({"entries": size, "entered a second": entered, "register MB": bytes_of // 1_000_000})
    RESULTS.mkdir(exist_ok=True)
    written = {
        "machine": described(),
        "entries": size,
        "entered_a_second": entered,
        "register_bytes": bytes_of,
        "median_ms": results,
    }
    (RESULTS / "console.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
