"""End users named in a client's texts: their tokens are taken out, checked, and stand for somebody from there on.

Knows that a text may name an end user, and asks the `Judge` where; must not know SQL or tokens. Keeps: a token that
a text gives goes neither to the server nor into the log, whatever becomes of the text; what stands in its place names
nobody by itself, since it counts only together with the identity that was checked for this very text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType

from redactor.context import Context
from redactor.decision import Refuse
from redactor.judge import TokenPlace
from redactor.model import Identity, Problem, Requester, RuleHit
from redactor.wire.pg.conversation import Conversation

_MENTION = re.compile(r"redactor.{0,3}identity", re.I | re.S)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_TAKEN = "a-token"
_CHECKED = "checked"
"""Stands in a comment, so that a text is the same for all its end users."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A text without its tokens, and whom they name. `comment`: for this text only, else by SET.

    `problem`: why it may not be asked; `voids`: and why the session's identity counts no longer, since it was to
    become another.
    """

    text: str
    identity: Identity | None = None
    comment: bool = False
    stands: str = ""
    problem: Problem | None = None
    voids: str = ""

    def context(self, context: Context) -> Context:
        """The session's context, as this text is decided in it."""
        if self.identity is None:
            return context
        if self.comment:
            return context.asking_for(self.identity)
        return replace(context, presented=MappingProxyType({self.stands: self.identity}))

    def requester(self, requester: Requester) -> Requester:
        """Who asks, by this text."""
        return replace(requester, on_behalf_of=self.identity) if self.comment else requester

    def late(self, now: float) -> Refuse | None:
        """Why the text may not be asked any longer."""
        if self.identity is None or now < self.identity.expires:
            return None
        return refused(_problem("the token has expired"))


def mentioned(text: str) -> bool:
    """Whether a text may name an end user: worth asking the judge."""
    # looking for the plain word first takes a tenth of the time
    return "redactor" in text.lower() and _MENTION.search(text) is not None


def hear(c: Conversation, text: str, now: float) -> Heard:
    """The text with its tokens taken out and checked."""
    places = c.judge.tokens(text)
    if places is None:
        # it cannot be read; what may be a token does not travel on
        return Heard(_TOKEN.sub(_TAKEN, text))
    if not places:
        return Heard(text)
    given = {p.value for p in places if p.end > p.start}
    comment = all(p.comment for p in places)
    clean = _without(text, places, _TAKEN)
    lasting = any(p.whole and not p.comment for p in places)
    if any(p.end <= p.start for p in places):
        why = "an end user is named by a constant only: SET redactor.identity = '...'"
        return Heard(clean, problem=_problem(why), voids=why if lasting else "")
    issuers = c.judge.speaks_for(c.requester)
    if not issuers or c.place.identify is None:
        why = f'the login "{c.requester.login}" may not ask on behalf of others'
        return Heard(clean, problem=Problem("42501", why, "", "The policy says who may, under speaks_for."))
    if len(given) != 1 or any(p.comment != comment for p in places):
        why = "a text names one end user, in one way"
        return Heard(clean, problem=_problem(why), voids=why if lasting else "")
    found = c.place.identify(given.pop(), issuers, now)
    if isinstance(found, str):
        return Heard(clean, problem=_problem(found), voids=found if lasting else "")
    stands = str(found)
    return Heard(_without(text, places, _CHECKED if comment else stands), found, comment, stands)


def _problem(why: str) -> Problem:
    return Problem(
        "28000", f"the identity of the end user is not accepted: {why}", "", "Get a new token and try again."
    )


def _without(text: str, places: tuple[TokenPlace, ...], instead: str) -> str:
    """The text with what it gives as a token replaced: in a comment what is between the quotes, else the literal."""
    literal = "'" + instead.replace("'", "''") + "'"
    at = 0
    parts = []
    for p in places:
        if p.end > p.start:
            parts += [text[at : p.start], instead if p.comment else literal]
            at = p.end
    return "".join((*parts, text[at:]))


def refused(problem: Problem) -> Refuse:
    """The decision on a text whose end user is not accepted."""
    return Refuse(Refuse.failing(), problem, rules=(RuleHit("end-user", problem.message),))
