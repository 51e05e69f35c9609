"""The commands that only look: form, check, list, show, report, ledger.

Knows how orders look to a person and to a program. Must not change anything. Invariant: nothing that somebody entered
reaches a terminal as anything but text; ids of people are not printed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from redactor.cli.orders.place import DEFAULT, AsJson, ConfigFile, Id, reading
from redactor.engine.opening import rights
from redactor.errors import ConfigurationError, Fault, RedactorError
from redactor.orders import form
from redactor.orders import ledger as book
from redactor.orders.checks import Result, examine
from redactor.orders.life import NotAllowed, receive, standing
from redactor.orders.order import Order, State
from redactor.orders.report import describe
from redactor.yamlfile import parse, read

_COLOURS = {Result.PASSED: "green", Result.FAILED: "red", Result.OPEN: "yellow", Result.WAIVED: "yellow"}


Scan = Annotated[
    Path | None, typer.Option("--scan", help="The scanned document: its SHA-256 is computed here; it goes nowhere.")
]


def entered(file: Path, scan: Path | None = None) -> form.DemandForm:
    """The demand in a file, with the digest of its scan. Raises ConfigurationError with every fault."""
    document = parse(read(file), str(file))
    filled = form.parse(document)
    if scan is None:
        return filled
    try:
        with scan.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as e:
        raise ConfigurationError([Fault(str(scan), 0, 0, f"cannot be read: {e.strerror}")]) from None
    if filled.document_sha256.lower() not in ("", digest):
        raise ConfigurationError([document.fault(("document_sha256",), "is of another document than the scan", digest)])
    return filled.model_copy(update={"document_sha256": digest})


def blank_form() -> None:
    """Print an empty demand, to be filled in."""
    typer.echo(form.blank(), nl=False)


def check(file: Annotated[Path, typer.Argument(help="The demand (YAML).")], scan: Scan = None) -> None:
    """Walk through a demand's checks without entering it. Exit code 1 where one has not passed."""
    now = time.time()
    order = receive("o-unentered", form.fill(entered(file, scan), "you", now))
    print_order(order)
    if order.state is not State.IN_REVIEW:
        raise typer.Exit(1)


def print_order(order: Order) -> None:
    """An order's checks and what it came to."""
    console, now = Console(highlight=False), time.time()
    console.print(_plain(f"{order.id}: {order.demand.paper.instrument.value}"))
    if order.state is not State.CLOSED and order.demand.scope is not None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("check", "", "question", ""):
            table.add_column(heading)
        for f in examine(order.demand, now):
            if f.result is not Result.NOT_NEEDED:
                table.add_row(f.check, _plain(f.result.value, _COLOURS[f.result]), _plain(f.question), _plain(f.why))
        console.print(table)
    console.print(_plain(f"state: {standing(order, now).value}" + (f" ({order.because})" if order.because else "")))


def plain(text: object) -> str:
    """The text with nothing in it that a terminal would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda m: f"\\x{ord(m[0]):02x}", str(text))


def _plain(text: object, style: str = "") -> Text:
    return Text(plain(text), style)


def list_orders(
    config: ConfigFile = DEFAULT,
    state: Annotated[str | None, typer.Option("--state", help="Only those: active, in review, refused ...")] = None,
    as_json: AsJson = False,
) -> None:
    """List orders, the newest first; and what approvers have been told of and not seen."""
    if state is not None and state not in [s.value for s in State]:
        known = ", ".join(s.value for s in State)
        raise ConfigurationError([Fault("--state", 0, 0, f"there is no state {state!r}", known)])
    now = time.time()
    with reading(config) as desk:
        found = [o for o in desk.all() if state in (None, standing(o, now).value)]
        told = desk.told(("counsel", "steward", "operator"))
    if as_json:
        for o in found:
            typer.echo(json.dumps(describe(o, (), now, checks=False)))
        return
    console = Console(highlight=False)
    for id in told:
        console.print(
            _plain(f"EMERGENCY: {id} was approved by one person; look at it: redactor orders show {id}", "red")
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("order", "received (UTC)", "state", "instrument", "login", "until (UTC)", "rows"):
        table.add_column(heading, no_wrap=heading == "order")
    for o in found:
        scope = o.demand.scope
        cells = ("", "", "") if scope is None else (scope.login, _time(scope.ends), f"{o.used} of {scope.cap}")
        row = (o.id, _time(o.demand.received_at), standing(o, now).value, o.demand.paper.instrument.value, *cells)
        table.add_row(*map(_plain, row))
    console.print(table if found else "No orders.")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _told(config: Path, id: str) -> tuple[Order, dict[str, Any]]:
    with reading(config) as desk:
        try:
            order = desk.find(id)
        except NotAllowed as e:
            raise RedactorError(str(e)) from None
        return order, describe(order, desk.uses(id), time.time())


def show(id: Id, config: ConfigFile = DEFAULT, as_json: AsJson = False) -> None:
    """Show an order: its checks, its scope, its steps, and the rights that its login needs."""
    order, told = _told(config, id)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    print_order(order)
    _print(told, leave=("checks", "uses", "state", "because", "order", "instrument"))
    scope = order.demand.scope
    if scope is not None and order.state in (State.IN_REVIEW, State.APPROVED):
        console = Console(highlight=False)
        console.print("Where the second wall holds, its login needs, for the time:")
        for grant, revoke in rights(scope.openings, scope.login):
            console.print(_plain(f"  {grant}\n".rstrip()))
            console.print(_plain(f"  {revoke}  -- afterwards"))


def report_of(id: Id, config: ConfigFile = DEFAULT, as_json: AsJson = False) -> None:
    """The report of an order: what was opened, to whom, each use with its decision in the log. No ids of people."""
    _, told = _told(config, id)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    _print(told, leave=("checks",))


def _print(told: dict[str, Any], leave: tuple[str, ...] = ()) -> None:
    console = Console(highlight=False)
    for name, value in told.items():
        if name in leave or value in ("", [], None):
            continue
        label = name.replace("_", " ")
        if isinstance(value, list):
            console.print(_plain(f"{label}:"))
            for item in value:
                said = "  ".join(str(v) for v in item.values() if v != "") if isinstance(item, dict) else item
                console.print(_plain(f"  {said}"), soft_wrap=True)
        elif isinstance(value, dict):
            console.print(_plain(f"{label}:"))
            for key, v in value.items():
                said = ", ".join(v) if isinstance(v, list) else v
                console.print(_plain(f"  {key.replace('_', ' ')}: {said}"), soft_wrap=True)
        else:
            console.print(_plain(f"{label}: {'yes' if value is True else 'no' if value is False else value}"))


def ledger(
    period: Annotated[str, typer.Argument(help="A year (2026) or a quarter (2026-Q3), UTC.")],
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """The ledger for publication: demands received, granted and refused by kind of paper; numbers in bands of five."""
    within = book.period(period)
    if within is None:
        raise ConfigurationError([Fault("PERIOD", 0, 0, f"{period!r} is no year and no quarter", "2026 or 2026-Q3")])
    with reading(config) as desk:
        lines = book.lines(desk.all(), *within)
    if as_json:
        fields = ("what", "received", "granted", "refused", "pending", "rows")
        typer.echo(json.dumps({"period": period, "lines": [{f: getattr(x, f) for f in fields} for x in lines]}))
        return
    table = Table(
        box=None, pad_edge=False, header_style="bold", title=f"Demands for data, {period}", title_justify="left"
    )
    for heading in ("paper", "received", "granted", "refused", "pending", "rows shown"):
        table.add_column(heading, justify="left" if heading == "paper" else "right")
    for x in lines:
        table.add_row(x.what, x.received, x.granted, x.refused, x.pending, x.rows)
    Console(highlight=False).print(table)
