"""Witnessing: `redactor audit witness`, on another machine, and `cosign`, which takes its signatures back.

Knows the witness's key file and its port. Must not need the log's store or configuration for `witness`. Invariant: a
witness's private key is made where it is used, mode 0600, and never leaves its file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from redactor.audit.verifier import PublicKey, Unverifiable
from redactor.audit.witness import Cosigner, Refused, WitnessKey, cosigned
from redactor.cli.audit.options import DEFAULT, Config, Directory, Store, bytes_of, key_of, reader_of, text_of
from redactor.errors import ConfigurationError, Fault, RedactorError
from redactor.store import ledger
from redactor.store.files import keep
from redactor.store.keys import read_public
from redactor.store.witness import Witness, server


def witness(
    log: Annotated[list[Path], typer.Option("--log", help="A log.pub of a log to witness; may be given again.")],
    name: Annotated[str, typer.Option("--name", help="What the witness is called, such as auditor.example/witness.")],
    request: Annotated[
        Path | None, typer.Argument(help="A request (from `audit prove --from`) to answer; default: serve HTTP.")
    ] = None,
    state: Annotated[Path, typer.Option("--state", help="Directory of its key and what it has cosigned.")] = Path(
        "witness"
    ),
    listen: Annotated[str, typer.Option("--listen", help="host:port for POST /add-checkpoint.")] = "127.0.0.1:6480",
) -> None:
    """Cosign a log's checkpoints, each only if it is proved to continue the last one. To be run by somebody else."""
    try:
        cosigner = _cosigner(state, name)
        logs = {}
        for path in log:
            keys: list[PublicKey] = read_public(text_of(path))
            logs[keys[0].name] = keys
        judge = Witness(state, cosigner, logs)
        keep(state / "witness.pub", f"{cosigner.public}\n".encode(), 0o644)
        if request is not None:
            with bytes_of(request) as file:
                sys.stdout.write(judge.add_checkpoint(file.read()))
            return
        host, _, port = listen.rpartition(":")
        serving = server(judge, host.strip("[]"), int(port))
    except (Unverifiable, ValueError) as e:
        raise RedactorError(f"the witness cannot begin: {e}") from None
    except Refused as e:
        raise RedactorError(f"not cosigned: {e.body.strip()}") from None
    except OSError as e:
        raise RedactorError(f"the witness cannot begin: {e.strerror or e}") from None
    typer.echo(f"{cosigner.public}", err=True)
    typer.echo(f"witnessing {', '.join(logs)} on {host}:{serving.server_port}", err=True)
    with serving:
        serving.serve_forever()


def _cosigner(state: Path, name: str) -> Cosigner:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = load_pem_private_key(keep(state / "witness.key", made, 0o600), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{state / 'witness.key'} is not an Ed25519 private key")
    return Cosigner(name, key.private_bytes_raw())


def cosign(
    lines: Annotated[Path, typer.Argument(help="The witness's signature lines.")],
    size: Annotated[int, typer.Option("--size", help="Of the checkpoint that was cosigned.")],
    witness: Annotated[str, typer.Option("--witness", help="The witness's public key, or the file that holds it.")],
    config: Config = DEFAULT,
    store: Store = None,
    directory: Directory = None,
) -> None:
    """Add a witness's signature to the checkpoint in the store, so that exports carry it."""
    try:
        key = WitnessKey.read(key_of(witness))
    except Unverifiable as e:
        raise RedactorError(str(e)) from None
    with reader_of(config, store, directory) as reader:
        notes = dict(reader.checkpoints())
        if size not in notes:
            raise ConfigurationError([Fault("--size", 0, 0, f"there is no checkpoint of {size} entries", "")])
        for line in text_of(lines).splitlines(keepends=True):
            if cosigned(notes[size].partition("\n\n")[0] + "\n\n" + line, key) is not None:
                break
        else:
            raise RedactorError(f"{lines} has no signature of {key.name} on the checkpoint of {size} entries")
        reader.database.call(lambda c: ledger.cosign(c, size, line), write=True)
    typer.echo(f"the checkpoint of {size} entries is cosigned by {key.name}")
