"""`redactor orders`: disclosure orders, from the desk to the ledger.

Knows which commands there are: those that change something are in `acting`, those that only look in `telling`. Must
not know how orders are kept. Invariant: whoever changes something has proved who they are, by their console account.
"""

from __future__ import annotations

import typer

from redactor.cli.orders import acting, telling

app = typer.Typer(
    no_args_is_help=True,
    help="Disclosure orders: judicial warrants and subpoenas, checked, approved by two, opened for one login.",
)

app.command("form")(telling.blank_form)
app.command("check")(telling.check)
app.command("receive")(acting.receive)
app.command("answer")(acting.answer)
app.command("people")(acting.people)
app.command("approve")(acting.approve)
app.command("refuse")(acting.refuse)
app.command("revoke")(acting.revoke)
app.command("review")(acting.review)
app.command("close")(acting.close)
app.command("list")(telling.list_orders)
app.command("show")(telling.show)
app.command("report")(telling.report_of)
app.command("ledger")(telling.ledger)
