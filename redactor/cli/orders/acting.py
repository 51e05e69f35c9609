"""The commands that change something: receive, answer, approve, refuse, revoke, review, close.

Knows options and steps. Must not decide whether a step may be taken (`redactor.orders.life` does).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from redactor.cli.orders.place import DEFAULT, As, ConfigFile, Id, Stdin, act
from redactor.cli.orders.telling import Scan, entered, plain, print_order
from redactor.orders import form
from redactor.orders.life import Actor, Answered, Approved, Closed, Refused, Reviewed, Revoked, Step, refusal_text
from redactor.orders.order import Lane, Order, State
from redactor.store.orders import Desk

Because = Annotated[str, typer.Option("--because", help="The reason; it becomes part of the log.")]


def _take(config: Path, name: str, stdin: bool, id: str, step: Step) -> Order:
    order = act(config, name, stdin, lambda desk, actor: desk.take(id, step, actor))
    typer.echo(f"{order.id} is {order.state.value}.")
    return order


def receive(
    file: Annotated[Path, typer.Argument(help="The demand (YAML): redactor orders form prints an empty one.")],
    who: As,
    scan: Scan = None,
    config: ConfigFile = DEFAULT,
    stdin: Stdin = False,
) -> None:
    """Enter a demand. What is no court's paper is refused at once; the rest goes to review when its checks pass."""
    filled = entered(file, scan)

    def work(desk: Desk, actor: Actor) -> Order:
        import time

        demand = form.fill(filled, actor.name, time.time())
        return desk.enter(f"o-{secrets.token_hex(4)}", demand, actor.roles)

    order = act(config, who, stdin, work)
    print_order(order)
    if order.state is State.REFUSED:
        typer.echo("")
        if order.kind.lane is Lane.REFER:
            typer.echo("It is not answered here: refer it, with its number, to whom the reason names.")
        else:
            typer.echo(f"For its bearer: {refusal_text(order)}")


def answer(
    id: Id,
    check: Annotated[str, typer.Argument(help="The check, such as caller or docket.")],
    value: Annotated[str, typer.Argument(help="yes, no, or waived (counsel only, with a reason).")],
    who: As,
    because: Because = "",
    config: ConfigFile = DEFAULT,
    stdin: Stdin = False,
) -> None:
    """Answer one of an order's checks."""
    _take(config, who, stdin, id, Answered(check, value, because))


def approve(
    id: Id,
    who: As,
    role: Annotated[str, typer.Option("--role", help="As which of your roles: counsel, steward or operator.")],
    config: ConfigFile = DEFAULT,
    stdin: Stdin = False,
) -> None:
    """Approve an order. Two do, of different roles, one of them counsel; neither entered it; in an emergency one."""
    order = _take(config, who, stdin, id, Approved(role))
    if order.state is not State.APPROVED:
        typer.echo("One more approval is needed, of another role; one of the two is counsel.")
        return
    scope = order.demand.scope
    assert scope is not None, "what is approved has a scope"
    typer.echo(f"{scope.login} reads under it after: SET redactor.disclosure_order = '{order.id}'")


def refuse(id: Id, who: As, because: Because, config: ConfigFile = DEFAULT, stdin: Stdin = False) -> None:
    """Refuse a demand that is not approved yet."""
    typer.echo(f"For its bearer: {refusal_text(_take(config, who, stdin, id, Refused(because)))}")


def revoke(id: Id, who: As, because: Because, config: ConfigFile = DEFAULT, stdin: Stdin = False) -> None:
    """Take an approved order back: from now on no row is shown under it, in open sessions neither."""
    _take(config, who, stdin, id, Revoked(because))


def review(id: Id, who: As, because: Because, config: ConfigFile = DEFAULT, stdin: Stdin = False) -> None:
    """Counsel's word on an emergency that one person had approved; it is closed only after it."""
    _take(config, who, stdin, id, Reviewed(because))


def people(id: Id, who: As, config: ConfigFile = DEFAULT, stdin: Stdin = False) -> None:
    """Show the ids that an order names and the paper's words for each column. Who looks is logged."""
    order = act(config, who, stdin, lambda desk, actor: desk.people(id, actor))
    scope = order.demand.scope
    for o in () if scope is None else scope.openings:
        typer.echo(plain(f"{o.relation}.{o.key}: {', '.join(sorted(o.keys))}"))
    for column, words in () if scope is None else scope.words:
        typer.echo(plain(f"{column}: {words}"))


def close(id: Id, who: As, config: ConfigFile = DEFAULT, stdin: Stdin = False) -> None:
    """Close an order that is over: the ids of people in it are deleted here; the log has them, sealed."""

    def work(desk: Desk, actor: Actor) -> Order:
        desk.settle()
        return desk.take(id, Closed(), actor)

    typer.echo(f"{act(config, who, stdin, work).id} is closed.")
