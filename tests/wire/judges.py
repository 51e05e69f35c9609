"""A judge for tests of the wire: decides by words that stand in the text, and knows a few statements' transitions.

`-- refuse` refuses; `secret_a` is redacted to `secret_b`; `-- record` is allowed and recorded. What a table `thing` is
hangs on search_path: with `hidden` in it, texts that name `thing` are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from redactor.context import Context
from redactor.decision import Allow, Decision, Redact, Refuse
from redactor.engine import behalf
from redactor.judge import TokenPlace
from redactor.model import Footprint, Problem, RelationName, Requester, RuleHit
from redactor.transitions import (
    Begin,
    Deallocate,
    Finish,
    Make,
    Own,
    Prepare,
    ResetAll,
    RollbackTo,
    Savepoint,
    SchemaChanged,
    SetEncoding,
    SetPath,
    Transition,
)
from redactor.wire.pg import messages

RULE = RuleHit("a-rule", "because it is a test")


def transitions_of(statement: str) -> tuple[Transition, ...]:
    s = " ".join(statement.split()).rstrip(";").lower()
    if s in ("begin", "start transaction"):
        return (Begin(),)
    if s in ("commit", "end"):
        return (Finish(True),)
    if s == "rollback":
        return (Finish(False),)
    if m := re.fullmatch(r"savepoint (\w+)", s):
        return (Savepoint(m[1]),)
    if m := re.fullmatch(r"rollback to (\w+)", s):
        return (RollbackTo(m[1]),)
    if m := re.fullmatch(r"set (local )?search_path (?:to|=) (.+)", s):
        return (SetPath(tuple(p.strip(" '\"") for p in m[2].split(",")), bool(m[1])),)
    if m := re.fullmatch(r"set client_encoding (?:to|=) '?(\w+)'?", s):
        return (SetEncoding(m[1].upper()),)
    if m := re.fullmatch(r"create temp table (\w+).*", s):
        return (Make(Own("pg_temp", m[1], "r")),)
    if s.startswith(("create ", "alter ", "drop ")):
        return (SchemaChanged(),)
    if s == "discard all":
        return (ResetAll(), Deallocate(None))
    if m := re.match(r"prepare (\w+)(?: \(.*?\))? as (.+)", s):
        return (Prepare(m[1], m[2], m[2]),)
    if m := re.fullmatch(r"deallocate (\w+)", s):
        return (Deallocate(None if m[1] == "all" else m[1]),)
    return ()


@dataclass
class WordJudge:
    """See the module. `texts` collects what was asked, in order; `exempts`: the logins that may see all."""

    name: str = "one"
    exempts: frozenset[str] = frozenset({"root"})
    speakers: frozenset[str] = frozenset()
    tripping: frozenset[tuple[int, int]] = frozenset()
    news: frozenset[tuple[int, int]] = frozenset()
    refused: str = "-- refuse"
    redacted: tuple[str, str] = ("secret_a", "secret_b")
    texts: list[str] = field(default_factory=list)
    paths: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def snapshot(self) -> str:
        return self.name

    def begin(self, requester: Requester, parameters: Mapping[str, str], search_path: str | None) -> Context | Problem:
        if "-c" in parameters.get("options", "") and "evil" in parameters["options"]:
            return Problem("42501", "that option is refused")
        path = messages.split_path(search_path) if search_path is not None else ("$user", "public")
        return Context.start(requester.login, path or (), parameters.get("client_encoding", "UTF8"))

    def decide(self, requester: Requester, context: Context, text: str) -> Decision:
        self.texts.append(text)
        self.paths.append(context.path)
        statements = [s for s in text.split(";") if s.strip()]
        done = []
        for i, s in enumerate(statements):
            if self.exempt(requester):
                pass
            elif self.refused in s or ("hidden" in context.path and re.search(r"\bthing\b", s)):
                problem = Problem("42501", "that is refused", "The reason.", "Do without.")
                sent = ";".join([*statements[:i], Refuse.failing()]).replace(*self.redacted)
                return Refuse(sent, problem, Footprint(), (RULE,), tuple(done), "shape")
            done.append(transitions_of(s))
            for t in done[-1]:
                context = context.after(t)
        old, new = self.redacted
        if old in text and not self.exempt(requester):
            return Redact(text.replace(old, new), Footprint(), (RULE,), tuple(done), "shape")
        return Allow(Footprint(), tuple(done), (), "shape", recorded="-- record" in text)

    def tokens(self, text: str) -> tuple[TokenPlace, ...] | None:
        return behalf.places(text)

    def named(self, requester: Requester, relation: RelationName) -> RelationName | None:
        return None

    def takes(self, requester: Requester, context: Context, types: tuple[int, ...]) -> Refuse | None:
        return None

    def speaks_for(self, requester: Requester) -> frozenset[str]:
        return frozenset({"city"}) if requester.login in self.speakers else frozenset()

    def exempt(self, requester: Requester) -> bool:
        return requester.login in self.exempts

    def forbidden(self, requester: Requester) -> frozenset[tuple[int, int]]:
        return self.tripping

    def knows(self, relation: int, number: int) -> bool:
        return (relation, number) not in self.news

    def made_by(self, requester: Requester, relation: int) -> RelationName | None:
        return None

    def tells(self, requester: Requester, sqlstate: str, relation: RelationName, detail: str) -> bool:
        return sqlstate == "23502" and relation.name == "secrets"
