"""`redactor policy simulate`: what another policy, or another catalog file, would do to recorded statements.

Knows the log, files of statements and how to ask two judges. Must not decide anything, nor run a statement. Invariant:
a statement counts as judged only where the files in force give the verdict that was recorded; the others are counted
and named as such, since a shape without its literals may be read otherwise than the text was.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from redactor import policy as policies
from redactor import review as reviews
from redactor.cli.audit.looking import opened, plain
from redactor.cli.audit.options import COLOURS, InDatabase, Login, Since, Until, reader_of, selection_of, text_of
from redactor.cli.explain import Explained, ask
from redactor.decision import Verdict, verdict_of
from redactor.errors import ConfigurationError, Fault, RedactorError
from redactor.judge import Judge
from redactor.model import Requester
from redactor.policy import Policy
from redactor.store.keys import private_key
from redactor.yamlfile import read

SYNTAX_ERROR = "42601"

SHOWN = 40
"""Changes that are listed for people; for programs all are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement that somebody sent. `groups` None: those that the login has now. `verdict` empty: not recorded.

    `person`: on whose behalf, which a judge cannot be asked about later. `whole`: the text itself and not its shape.
    """

    database: str
    login: str
    groups: frozenset[str] | None
    text: str
    verdict: str = ""
    person: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a statement by one set of files. `hidden`: the protected columns that it names, by the rules;
    `understood`: whether it could be read at all."""

    verdict: str
    hidden: tuple[str, ...]
    rules: tuple[str, ...]
    roles: tuple[str, ...]
    understood: bool = True

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict,
            "hidden": list(self.hidden),
            "rules": list(self.rules),
            "roles": list(self.roles),
        }


@dataclass(frozen=True, slots=True)
class Changed:
    """A statement whose outcome would be another one. `times`: how often it is recorded."""

    asked: Asked
    times: int
    before: Outcome
    after: Outcome


def simulate(
    file: Annotated[Path | None, typer.Argument(help="The other policy; none: the one that is configured.")] = None,
    catalog: Annotated[
        list[str] | None, typer.Option("--catalog", help="Another catalog file: DATABASE=FILE; repeatable.")
    ] = None,
    statements: Annotated[
        Path | None,
        typer.Option("--statements", help="JSON lines {database, user, sql} to judge, instead of the log."),
    ] = None,
    since: Since = None,
    until: Until = None,
    login: Login = None,
    database: InDatabase = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The auditor's private key (PEM): judges the full texts.")
    ] = None,
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")] = Path("redactor.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs: each change, one JSON object a line.")] = False,
) -> None:
    """What another policy or catalog file would do to recorded statements. Nothing is run."""
    if file is None and not catalog:
        raise typer.BadParameter("name the other policy file, or another catalog file with --catalog DATABASE=FILE")
    if statements is not None:
        asked = Counter(_in_file(statements))
    else:
        asked = Counter()
        with reader_of(config, None, None) as reader:
            private = None if key is None else private_key(key)
            for entry in reader.walk(selection_of(since, until, login, database, None, None, None)):
                if entry.value.get("kind") == "decision":
                    text = None if private is None else opened(reader.directory, private, entry).get("text")
                    asked[_recorded(entry.value, text)] += 1
    if not asked:
        raise RedactorError("there is nothing recorded to judge: see `redactor audit list`, or give --statements FILE")
    chosen = dict(_chosen(catalog or []))
    changed, unlike = asyncio.run(_compare(config, file, chosen, asked))
    if as_json:
        for c in changed:
            typer.echo(json.dumps(to_json(c), ensure_ascii=False))
        return
    show(Console(highlight=False), asked, changed, unlike)


# ------------------------------------------------------------------ what was asked


def _in_file(file: Path) -> Iterator[Asked]:
    for n, line in enumerate(text_of(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            groups = value.get("groups")
            given = None if groups is None else frozenset(map(str, groups))
            yield Asked(str(value["database"]), str(value["user"]), given, str(value["sql"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            what = "is not a JSON object with database, user and sql"
            raise ConfigurationError([Fault(str(file), n, 0, what)]) from None


def _recorded(value: Mapping[str, Any], text: str | None) -> Asked:
    return Asked(
        value["database"],
        value["login"],
        frozenset(value["groups"]),
        value["shape"] if text is None else text,
        value["verdict"],
        value["on_behalf_of"],
        text is not None,
    )


def _chosen(given: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for one in given:
        name, found, path = one.partition("=")
        if not found:
            raise typer.BadParameter(f"--catalog {one}: say DATABASE=FILE")
        yield name, Path(path)


# ------------------------------------------------------------------ two judges


async def _compare(
    config: Path, other: Path | None, catalogs: Mapping[str, Path], asked: Mapping[Asked, int]
) -> tuple[list[Changed], Counter[str]]:
    """What would change, the most frequent first, and why others were not judged."""
    from redactor.cli.judging import usable
    from redactor.cli.publishing import onlooker

    installation = usable(config)
    known = installation.config.databases
    if wrong := sorted(catalogs.keys() - known.keys()):
        raise RedactorError(f"{config} has no database `{wrong[0]}` (it has {', '.join(known)})")
    policy = installation.policy if other is None else policies.parse(read(other), str(other))
    changed: list[Changed] = []
    unlike: Counter[str] = Counter()
    for name in sorted({a.database for a in asked}):
        if name not in known:
            unlike[f"the database {name} is not in the configuration"] += sum(
                n for a, n in asked.items() if a.database == name
            )
            continue
        review = installation.reviews[name]
        another = reviews.parse(read(catalogs[name]), str(catalogs[name])) if name in catalogs else review
        place = onlooker(installation, name)
        try:
            await place.refresh()
            mine = {
                (replace(a, groups=place.groups_of(a.login)) if a.groups is None else a): n
                for a, n in asked.items()
                if a.database == name
            }
            now = place.current()
            await place.replace(policy, another)
        finally:
            await place.close()
        for a, times in _progress(mine, name):
            before = _outcome(now, installation.policy, a)
            if why := _not_judged(a, before):
                unlike[why] += times
                continue
            after = _outcome(place.current(), policy, a)
            if (before.verdict, before.hidden) != (after.verdict, after.hidden):
                changed.append(Changed(a, times, before, after))
    return sorted(changed, key=lambda c: -c.times), unlike


def _progress(mine: Mapping[Asked, int], name: str) -> Iterator[tuple[Asked, int]]:
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(mine.items(), description=f"judging {name}")


def _outcome(judge: Judge, policy: Policy, asked: Asked) -> Outcome:
    groups = asked.groups or frozenset()
    requester = Requester(asked.login, asked.database, groups)
    e: Explained = ask(judge, requester, tuple(sorted(policy.roles_of(asked.login, groups))), asked.text)
    hidden = sorted({str(c) for r in e.rules for c in r.columns})
    rules = tuple(dict.fromkeys(r.rule for r in e.rules))
    understood = e.problem is None or e.problem.sqlstate != SYNTAX_ERROR
    verdict = verdict_of(e.decision)
    if verdict is Verdict.REDACTED and not rules:
        verdict = Verdict.ALLOWED  # only given an order: nothing is hidden, nothing is logged
    return Outcome(verdict.value, tuple(hidden), rules, e.roles, understood)


def _not_judged(asked: Asked, before: Outcome) -> str:
    """Why comparing would say nothing; empty where it does."""
    if asked.person:
        return "roles came from a person's token, which the log does not keep"
    if not before.understood and not asked.whole:
        return "the shape cannot be read without its literals (--key judges the text)"
    if not asked.verdict or asked.verdict == before.verdict:
        return ""
    if asked.whole:
        return "the files in force, or the database's tables, have changed since"
    return "the shape alone does not give what the text gave (--key judges the text), or the files have changed since"


# ------------------------------------------------------------------ how it is shown


def to_json(c: Changed) -> dict[str, Any]:
    """For programs: who, what, how often, and both outcomes."""
    about = {"database": c.asked.database, "user": c.asked.login, "groups": sorted(c.asked.groups or ())}
    statement = {"statement": c.asked.text, "times": c.times}
    return about | statement | {"before": c.before.to_json(), "after": c.after.to_json()}


def show(console: Console, asked: Mapping[Asked, int], changed: list[Changed], unlike: Counter[str]) -> None:
    """For people: what would change, the most frequent first; whom it would show more; what was not judged."""
    total, logins = sum(asked.values()), len({a.login for a in asked})
    console.print(f"{_count(total, 'statement')} of {_count(logins, 'login')}, {len(asked)} different")
    for c in changed[:SHOWN]:
        who = Text.assemble(plain(c.asked.login, "bold"), f" on {c.asked.database}, {_count(c.times, 'time')}: ")
        verdicts = Text.assemble(
            (c.before.verdict, COLOURS[c.before.verdict]), " -> ", (c.after.verdict, COLOURS[c.after.verdict])
        )
        console.print(who + verdicts)
        console.print(Text("    ") + plain(" ".join(c.asked.text.split())[:300], "dim"))
        for sign, columns, style in (
            ("shown", set(c.before.hidden) - set(c.after.hidden), "red"),
            ("hidden", set(c.after.hidden) - set(c.before.hidden), "green"),
        ):
            if columns:
                console.print(Text(f"    now {sign}: ", style=style) + Text(", ".join(sorted(columns))))
        rules = [r for r in c.after.rules if r not in c.before.rules]
        if rules:
            console.print(Text(f"    by {', '.join(rules)}", style="dim"))
    if len(changed) > SHOWN:
        console.print(f"and {len(changed) - SHOWN} more (--json lists all)")
    kinds = Counter[str]()
    for c in changed:
        kinds[f"{c.before.verdict} -> {c.after.verdict}"] += c.times
    judged = total - sum(unlike.values())
    said = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()) or "nothing would change"
    console.print(Text(f"of {judged} judged: {said}", style="bold"))
    seeing = sorted({c.asked.login for c in changed if set(c.before.hidden) - set(c.after.hidden)})
    if seeing:
        console.print(Text(f"would see what is hidden from them now: {', '.join(seeing)}", style="red"))
    for why, n in unlike.most_common():
        console.print(f"{n} not judged: {why}")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
