"""`redactor explain`: what would become of a statement, and why; the same judge as the proxy's, nothing is run.

Knows how to ask a judge and how an answer looks to a person and to a program. Must not decide anything itself.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, assert_never

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redactor.decision import Allow, Decision, Redact, Refuse, verdict_of
from redactor.errors import RedactorError
from redactor.judge import Judge
from redactor.model import Footprint, Identity, Problem, Requester, RuleHit
from redactor.transitions import SetIdentity


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision together with what it was made of."""

    requester: Requester
    roles: tuple[str, ...]
    snapshot: str
    text: str
    decision: Decision

    @property
    def footprint(self) -> Footprint:
        return self.decision.footprint

    @property
    def rules(self) -> tuple[RuleHit, ...]:
        return self.decision.rules

    @property
    def rewritten(self) -> str | None:
        """The text that would be sent, where it is not the client's own."""
        match self.decision:
            case Redact(text=text):
                return text
            case Allow() | Refuse():
                return None
            case _:
                assert_never(self.decision)

    @property
    def problem(self) -> Problem | None:
        """The error that the client would get."""
        return self.decision.problem if isinstance(self.decision, Refuse) else None


def explain(
    database: Annotated[str, typer.Argument(help="The database's name in the configuration.")],
    sql: Annotated[str, typer.Argument(help="The statement; it is not run.")],
    user: Annotated[str, typer.Option("--user", "-u", help="The database login that would send it.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path("redactor.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
    end_user: Annotated[
        str | None, typer.Option("--for", help="The end user on whose behalf the login asks: ISSUER/SUBJECT.")
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", help="The person who logged in with a token: ISSUER/SUBJECT.")
    ] = None,
    claim: Annotated[
        list[str] | None, typer.Option("--claim", help="What that person's token says: PATH=VALUE; repeatable.")
    ] = None,
) -> None:
    """What would become of a statement of that login, and why. Nothing is run."""
    if end_user is not None and token is not None:
        raise RedactorError("--for and --token are two persons; --claim could be either's: name one")
    behalf, identity = (person(p, claim or []) if p is not None else None for p in (end_user, token))
    explained = asyncio.run(_explain(config, database, user, sql, identity, behalf))
    if as_json:
        typer.echo(json.dumps(to_json(explained), indent=2, ensure_ascii=False))
    else:
        show(Console(highlight=False), explained)


def person(name: str, claims: list[str]) -> Identity:
    """A person as a token would name them: `city/anna` with `groups=benefits`. Raises RedactorError."""
    issuer, found, subject = name.partition("/")
    if not found or not issuer or not subject:
        raise RedactorError(f"`{name}` is not ISSUER/SUBJECT")
    said = []
    for c in claims:
        path, found, value = c.partition("=")
        if not found:
            raise RedactorError(f"`{c}` is not PATH=VALUE")
        said.append((path, value))
    return Identity(issuer, subject, frozenset(said))


async def _explain(
    config: Path,
    database: str,
    user: str,
    sql: str,
    identity: Identity | None = None,
    behalf: Identity | None = None,
) -> Explained:
    from redactor.cli.judging import usable
    from redactor.cli.publishing import onlooker

    installation = usable(config)
    if database not in installation.config.databases:
        known = ", ".join(installation.config.databases)
        raise RedactorError(f"{config} has no database `{database}` (it has {known})")
    published = onlooker(installation, database)
    try:
        await published.refresh()
    finally:
        await published.close()
    if behalf is not None and behalf.issuer not in installation.policy.speaks_for(user):
        raise RedactorError(f"the policy does not let {user} speak for the end users of {behalf.issuer}")
    requester = Requester(user, database, published.groups_of(user), identity=identity, on_behalf_of=behalf)
    roles = installation.policy.roles_of(user, requester.groups, identity, behalf)
    return ask(published.current(), requester, tuple(sorted(roles)), sql)


def ask(judge: Judge, requester: Requester, roles: tuple[str, ...], sql: str) -> Explained:
    """The decision on a statement that is the first of its session."""
    context = judge.begin(requester, {"user": requester.login, "database": requester.database}, None)
    if not isinstance(context, Problem) and requester.on_behalf_of is not None:
        context = context.after(SetIdentity(requester.on_behalf_of))
    if isinstance(context, Problem):
        decision: Decision = Refuse(Refuse.failing(), context)
    else:
        decision = judge.decide(requester, context, sql)
    return Explained(requester, roles, judge.snapshot, sql, decision)


def to_json(e: Explained) -> dict[str, Any]:
    """For programs: names and texts; `text` is null where the client's own goes through or nothing does."""
    problem = e.problem
    return {
        "decision": verdict_of(e.decision).value,
        "user": e.requester.login,
        "groups": sorted(e.requester.groups),
        "token": str(e.requester.identity) if e.requester.identity is not None else None,
        "for": str(e.requester.on_behalf_of) if e.requester.on_behalf_of is not None else None,
        "roles": list(e.roles),
        "database": e.requester.database,
        "rules": [{"id": r.rule, "because": r.because, "columns": [str(c) for c in r.columns]} for r in e.rules],
        "relations": [str(r) for r in e.footprint.relations],
        "columns": [{"column": str(u.column), "use": u.use.value} for u in e.footprint.columns],
        "functions": list(e.footprint.functions),
        "kinds": list(e.footprint.kinds),
        "text": e.rewritten,
        "problem": None
        if problem is None
        else {
            "sqlstate": problem.sqlstate,
            "message": problem.message,
            "detail": problem.detail,
            "hint": problem.hint,
            "position": problem.position,
        },
        "snapshot": e.snapshot,
    }


_COLOURS = {"allowed": "bold green", "redacted": "bold yellow", "refused": "bold red"}


def show(console: Console, e: Explained) -> None:
    """For people: the verdict, the reasons, the columns, and the rewritten text as a diff."""
    verdict = verdict_of(e.decision).value
    person = e.requester.on_behalf_of or e.requester.identity
    said = "" if person is None else f" for {person}" if e.requester.on_behalf_of else f" as {person}"
    who = f"{e.requester.login}{said} ({', '.join(e.roles) if e.roles else 'no role: an ordinary requester'})"
    console.print(Text(verdict, style=_COLOURS[verdict]) + Text(f"  for {who}"))
    if (problem := e.problem) is not None:
        console.print(Text(f"ERROR:  {problem.sqlstate}: {problem.message}", style="red"))
        for label, value in (("DETAIL", problem.detail), ("HINT", problem.hint)):
            if value:
                console.print(Text(f"{label}:  {value}"))
    for rule in e.rules:
        columns = ", ".join(str(c) for c in rule.columns)
        console.print(Text(f"rule {rule.rule}", style="bold") + Text(f": {rule.because}"))
        if columns:
            console.print(Text(f"     {columns}", style="dim"))
    if e.footprint.columns:
        hidden = {c for r in e.rules for c in r.columns}
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in ("column", "used as", ""):
            table.add_column(heading)
        uses: dict[str, list[str]] = {}
        for u in e.footprint.columns:
            uses.setdefault(str(u.column), []).append(u.use.value)
        marked = {str(c) for c in hidden}
        for column, used in uses.items():
            table.add_row(column, ", ".join(dict.fromkeys(used)), "protected" if column in marked else "")
        console.print(table)
    if e.rewritten is not None:
        # Without colours a diff of SQL cannot be read: then just what is sent.
        shown = difference(e.text, e.rewritten) if console.color_system else Text(e.rewritten)
        console.print(Text("sent instead:", style="bold"))
        console.print(shown, soft_wrap=True)


def difference(before: str, after: str) -> Text:
    """The second text with what is new in it marked, and what it replaces struck through before it."""
    a, b = _words(before), _words(after)
    text = Text()
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            text.append("".join(b[k:m]))
            continue
        text.append("".join(a[i:j]), style="red strike")
        text.append("".join(b[k:m]), style="green")
    return text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|.", text, re.S)
