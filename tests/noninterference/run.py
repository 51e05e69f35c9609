"""The runner: `python -m tests.noninterference.run` (see docs/noninterference.md).

Attacks, through the proxy:          run --a DSN --b DSN --admin DSN
Attacks, to show that each is real:  run --bare --admin DSN        (--control: A against a second A, none may differ)
Harmless work:                       run --harmless --a DSN --admin DSN

`--admin` is a superuser's DSN on the server that has the cities (`--build` makes them), or `--embed 18` (13
to 17: where `make servers` has fetched them) to start one for the time of the run. DSNs to a and b name no user.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from psycopg.conninfo import make_conninfo

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests import servers
from tests.noninterference import city, corpus, judge
from tests.noninterference.play import Target


def options() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--a", help="DSN of city_a through the proxy")
    p.add_argument("--b", help="DSN of city_b through the proxy")
    p.add_argument("--admin", help="superuser's DSN straight to the server")
    p.add_argument("--embed", type=int, help="start that major version for the run, and build the cities")
    p.add_argument("--build", action="store_true", help="build the cities first")
    p.add_argument("--bare", action="store_true", help="straight at the databases: every probe must leak")
    p.add_argument("--control", action="store_true", help="with --bare: A against a second A: none may differ")
    p.add_argument("--harmless", action="store_true", help="harmless work: through the proxy as directly")
    p.add_argument("--corpus", type=Path, help="another file of probes")
    p.add_argument("--only", help="a regular expression on family/id")
    p.add_argument("--tier", help="tiers, with commas")
    p.add_argument("--timeout", type=float, default=10)
    p.add_argument("--json", type=Path, help="write every finding there, with what was seen")
    p.add_argument("--after-restore", help="a shell command run after databases were put back")
    p.add_argument("-v", "--verbose", action="store_true")
    return p.parse_args()


def main() -> int:
    o = options()
    with ExitStack() as stack:
        if o.embed:
            binaries = servers.found(o.embed)
            if binaries is None:
                print(f"no PostgreSQL {o.embed} here: `make servers` fetches 13 to 17", file=sys.stderr)
                return 2
            o.admin, o.build = stack.enter_context(servers.cluster(binaries)).dsn(), True
        if not o.admin:
            print("--admin or --embed is needed", file=sys.stderr)
            return 2
        pair = city.build(o.admin) if o.build else city.found(o.admin)
        return run(o, pair)


def target(dsn: str | None, pair: city.Pair, name: str) -> Target:
    through = make_conninfo(dsn, user=None) if dsn else make_conninfo(pair.server, dbname=name)
    return Target(through, pair.at(name), "b" if name == "city_b" else "a", city.newest(pair, name))


def run(o: argparse.Namespace, pair: city.Pair) -> int:
    file = o.corpus or (corpus.HARMLESS if o.harmless else corpus.ATTACKS)
    probes = [p for p in corpus.read(file, o.only) if p.runs_on(pair.major, pair.offers)]
    if o.tier:
        probes = [p for p in probes if p.tier in o.tier.split(",")]
    names = ("city_a", "city_c") if o.harmless or o.control else ("city_a", "city_b")
    after = (lambda: _shell(o.after_restore)) if o.after_restore else None
    keeper = judge.Keeper(pair, names, after, strict=o.bare and not o.control)
    first, second = target(o.a, pair, names[0]), target(None if o.harmless or o.bare else o.b, pair, names[1])
    if o.bare:
        first = target(None, pair, names[0])
    begun, findings = time.monotonic(), []
    for probe in probes:
        if o.harmless:
            f = judge.harmless(probe, second, first, keeper, o.timeout)
        else:
            f = judge.attack(probe, first, second, keeper, o.timeout, searched=not o.control)
        findings.append(f)
        if o.verbose:
            print(f"{f.verdict:<8} {probe.family}/{probe.id}  {f.why[:200]}", flush=True)
    for line in judge.lines(findings):
        print(line)
    if o.bare and not o.control:
        wrong = [f for f in findings if f.verdict != "LEAK" and f.probe.tier != "robust"]
        told = "does not leak"
    else:
        wrong, told = [f for f in findings if f.bad], ""
    for f in wrong:
        known = f" (known: {f.probe.open})" if f.probe.open else ""
        print(f"{told or f.verdict}: {f.probe.family}/{f.probe.id}  {f.why[:300]}{known}")
    print(
        f"PostgreSQL {pair.major}: {len(findings)} probes, {len(wrong)} wrong, {keeper.restored} restores,"
        f" {time.monotonic() - begun:.1f} s"
    )
    if o.json:
        o.json.write_text(
            json.dumps(
                [{"id": f.probe.id, "verdict": f.verdict, "why": f.why, "a": f.a, "b": f.b} for f in findings], indent=1
            )
        )
    return 1 if wrong else 0


def _shell(command: str) -> None:
    if os.system(command):
        raise RuntimeError(f"failed: {command}")


if __name__ == "__main__":
    sys.exit(main())
