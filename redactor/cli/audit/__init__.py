"""`redactor audit`: the log for the auditor's eyes and the operator's hands.

Knows which commands there are; each lives in a module of its own kind. Must not know how entries are stored, sealed or
proved: the commands ask `store` and `audit`. Invariant: exit code 0 of `verify` means that nothing wrong was found in
what a checkpoint covers; 1 that something was, or that it could not be looked at.
"""

from __future__ import annotations

import typer

from redactor.cli.audit import keeping, looking, proving, witnessing

app = typer.Typer(no_args_is_help=True, help="The log: what was refused and rewritten, and the proof that it is whole.")

app.command("list")(looking.list_entries)
app.command("show")(looking.show)
app.command("verify")(proving.verify)
app.command("export")(proving.export)
app.command("prove")(proving.prove)
app.command("retire")(keeping.retire)
app.command("rotate")(keeping.rotate)
app.command("witness")(witnessing.witness)
app.command("cosign")(witnessing.cosign)
