"""The tour: six steps that show one statement coming back differently for two people, refusals, and the log.

Knows the sample city and what redactor promises; everything it prints as a fact is checked on the spot (`claim`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redactor.demo.stage import Stage

RESIDENTS = """SELECT resident_id, full_name, citizenship_status, alien_number
  FROM residents WHERE resident_id BETWEEN 3 AND 8 ORDER BY resident_id"""

BY_STATUS = """SELECT full_name, email FROM residents
 WHERE citizenship_status = 'none' ORDER BY full_name"""

ADDRESSES = """SELECT a.street, a.zip FROM addresses a JOIN residents r USING (resident_id)
 WHERE r.alien_number IS NOT NULL ORDER BY a.zip, a.street"""

REFUGEES = """SELECT r.full_name, s.agency FROM residents r
  JOIN housing.refugee_services s USING (resident_id)"""

NEWCOMERS = "SELECT full_name FROM newcomers"

POTHOLES = """SELECT d.name, count(*) AS open FROM service.requests q JOIN districts d USING (district_id)
 WHERE q.state <> 'closed' GROUP BY d.name ORDER BY open DESC, d.name"""


async def same_question_two_people(stage: Stage) -> None:
    """Step 1: what is hidden from one and shown to another."""
    stage.act(
        1,
        "One question, two people",
        "The clerk at the counter and the case worker send the same bytes. The case worker's database role "
        "(benefits_staff) is approved for status; the clerk's is not.",
    )
    stage.sql(RESIDENTS)
    clerk = await stage.ask("clerk", RESIDENTS)
    caseworker = await stage.ask("caseworker", RESIDENTS)
    direct = await stage.ask("caseworker", RESIDENTS, direct=True)
    stage.side_by_side([("clerk", clerk), ("caseworker", caseworker)])
    stage.claim(len(direct.rows) == 6 and caseworker == direct, "the case worker got what the database itself gives")
    stage.claim(
        [r[:2] for r in clerk.rows] == [r[:2] for r in direct.rows] and {r[2:] for r in clerk.rows} == {(None, None)},
        "the clerk got the same people, and nothing of their status: not even who has an A-number",
    )
    await stage.rest()
    stage.console.print("What was sent to the database instead of the clerk's statement:")
    explained = stage.run("explain", "-c", "redactor.yaml", "--user", "clerk", stage.database, RESIDENTS)
    stage.claim(
        explained.returncode == 0 and "NULL::" in explained.stdout,
        "the columns are replaced where the table is named, so nothing in the statement can reach them",
    )


async def refused_with_a_reason(stage: Stage) -> None:
    """Step 2: a statement whose rows would say what its columns do not."""
    stage.act(
        2,
        "A refusal says why",
        "No protected column in the result; but which people come back is the answer. A report that quietly came "
        "back empty would be worse than an error, so it is an error.",
    )
    stage.sql(BY_STATUS)
    clerk = await stage.ask("clerk", BY_STATUS)
    direct = await stage.ask("clerk", BY_STATUS, direct=True)
    stage.side_by_side([("clerk", clerk)])
    told = f"{clerk.error.message} {clerk.error.detail} {clerk.error.hint}" if clerk.error else ""
    stage.claim(clerk.sqlstate == "42501", "refused with PostgreSQL's own code for it, 42501")
    stage.claim(
        "citizenship_status" in told and "status-need-to-know" in told, "the error names the column and the rule"
    )
    stage.claim(len(direct.rows) > 100, f"the database itself would have listed {len(direct.rows)} people")


async def what_would_have_leaked(stage: Stage) -> None:
    """Step 3: joins and views, directly and through redactor; and an ordinary report, which stays as it is."""
    stage.act(
        3,
        "What a column mask alone would let through",
        "The clerk may see addresses. Joined to who has an A-number they are a list of where to knock. To have a row "
        "in refugee_services is to be a refugee, whatever the row says. And a view can hide the condition.",
    )
    for sql in (ADDRESSES, REFUGEES, NEWCOMERS):
        stage.sql(sql)
        direct, clerk = await stage.ask("clerk", sql, direct=True), await stage.ask("clerk", sql)
        stage.side_by_side([("clerk, connected directly", direct), ("clerk, through redactor", clerk)])
        stage.claim(len(direct.rows) > 100, f"directly: {len(direct.rows):,} rows")
        stage.claim(not clerk.rows, "through redactor: none" + (f" ({clerk.sqlstate})" if clerk.error else ""))
        await stage.rest()
    stage.console.print("An ordinary report touches nothing of this and is not touched:")
    stage.sql(POTHOLES)
    direct, clerk = await stage.ask("clerk", POTHOLES, direct=True), await stage.ask("clerk", POTHOLES)
    stage.side_by_side([("clerk, through redactor", clerk)])
    stage.claim(clerk.error is None and clerk == direct, "the same as directly")


async def the_log(stage: Stage) -> None:
    """Step 4: what was refused or rewritten is in the log, without the values."""
    stage.act(
        4,
        "The log",
        "Each refusal and each rewritten statement was on disk before its answer left. Literals are removed from what "
        "can be read; they are kept encrypted to the auditor's key.",
    )
    listed = stage.run("audit", "list", "-c", "redactor.yaml")
    verdicts = [entry["verdict"] for entry in entries(stage)]
    redacted, refused = verdicts.count("redacted"), verdicts.count("refused")
    stage.claim(
        listed.returncode == 0 and redacted > 0 and refused > 0,
        f"{redacted} rewritten and {refused} refused statements of this tour are in it",
    )
    stage.claim("'none'" not in listed.stdout, "the value that the clerk asked for is not")


async def the_log_verifies(stage: Stage) -> None:
    """Step 5: the verifier needs a public key and nothing else."""
    stage.act(5, "The log proves itself", "Entries are leaves of a Merkle tree whose signed head says how many.")
    stage.claim(await all_signed(stage), "the newest signature covers every entry of this tour")
    verified = stage.run("audit", "verify", "-c", "redactor.yaml")
    stage.claim(verified.returncode == 0, "nothing is changed, missing, moved or cut off")


async def one_byte(stage: Stage) -> None:
    """Step 6: one changed byte in a copy is found, with the entry that it is in."""
    stage.act(
        6,
        "One byte",
        "The operator exports the log for the auditor. In this copy one letter of one login has been changed.",
    )
    exported = stage.run("audit", "export", "-c", "redactor.yaml", "--output", "log.jsonl")
    stage.claim(exported.returncode == 0 and (stage.directory / "log.jsonl").exists(), "exported to log.jsonl")
    good = stage.run("audit", "verify", "--file", "log.jsonl", "--public-key", PUBLIC_KEY)
    stage.claim(good.returncode == 0, "the export verifies, with nothing but the public key")
    number = change_one_byte(stage.directory / "log.jsonl", stage.directory / "changed.jsonl")
    bad = stage.run("audit", "verify", "--file", "changed.jsonl", "--public-key", PUBLIC_KEY)
    stage.claim(
        bad.returncode == 1 and f"entry {number}" in bad.stdout,
        f"the verifier found it: entry {number} is not what it was",
    )


def entries(stage: Stage) -> list[dict[str, Any]]:
    """The log's entries as `audit list --json` gives them."""
    printed = stage.output("audit", "list", "-c", "redactor.yaml", "--json")
    return [json.loads(line) for line in printed.splitlines()]


async def all_signed(stage: Stage, seconds: float = 20.0) -> bool:
    """Wait for a checkpoint that covers every entry: they are signed every few seconds, and after every thousand."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        report = json.loads(stage.output("audit", "verify", "-c", "redactor.yaml", "--json"))
        if report["size"] >= len(entries(stage)):
            return True
        await asyncio.sleep(0.5)
    return False


def change_one_byte(source: Path, target: Path) -> int:
    """Copy an exported log with one letter of one login changed; the sequence number of the entry that has it."""
    before, after = b'"login":"clerk"', b'"login":"clark"'
    lines = source.read_bytes().splitlines(keepends=True)
    there = [i for i, line in enumerate(lines) if before in line]
    at = there[len(there) // 2]
    number = int(json.loads(lines[at])["entry"]["sequence"])
    lines[at] = lines[at].replace(before, after, 1)
    target.write_bytes(b"".join(lines))
    return number


PUBLIC_KEY = "var/log.pub"

STEPS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    same_question_two_people,
    refused_with_a_reason,
    what_would_have_leaked,
    the_log,
    the_log_verifies,
    one_byte,
)


async def give(stage: Stage) -> None:
    """The whole tour. Raises ClaimFailed if anything in it is not as it says."""
    for step in STEPS:
        await step(stage)
        await stage.rest()
