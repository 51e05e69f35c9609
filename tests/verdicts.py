"""What redactor decides of the corpora's texts, for two installations of it to be compared: a line of JSON each.

    python -P tests/verdicts.py CONFIGURATION DATABASE LOGIN FILE...

Knows the files (tests/noninterference/corpus.py) as far as to find texts in them. Asks the `redactor` that is on the
path, and nothing of the tests. Each text is asked three times, with other numbers, so that answers from memory are
among them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from redactor.cli.judging import maker, usable
from redactor.cli.publishing import Published
from redactor.context import Context
from redactor.engine import reading
from redactor.judge import Judge
from redactor.model import Requester

_NUMBER = re.compile(r"(?<![\w.$])[0-9](?![\w.])")


def judge_of(configuration: Path, database: str) -> Judge:
    """The judge that `redactor serve` would publish."""

    async def read() -> Judge:
        found = usable(configuration)
        one = found.config.databases[database]
        published = Published(one, found.policy, found.reviews[database], maker(found.config))
        await published.refresh()
        await published.close()
        return published.current()

    return asyncio.run(read())


def texts(file: Path) -> Iterator[str]:
    """Every text of a corpus, or of a file of statements."""
    if file.suffix == ".sql":
        yield from file.read_text().split(";")
        return
    for line in file.read_text().splitlines():
        for step in json.loads(line)["steps"]:
            found = [step] if isinstance(step, str) else [step.get(k) for k in ("sql", "ask", "parse")]
            yield from (t for t in found if isinstance(t, str))


def main(configuration: str, database: str, login: str, *files: str) -> None:
    print(json.dumps("plain" if reading.__file__.endswith(".py") else "compiled"))
    judge = judge_of(Path(configuration), database)
    who = Requester(login, database)
    context = judge.begin(who, {"user": login, "database": database}, '"$user", public')
    assert isinstance(context, Context)
    for text in dict.fromkeys(t for file in files for t in texts(Path(file))):
        for n in range(3):
            asked = _NUMBER.sub(str(n + 3), text) if n else text
            print(json.dumps([asked, repr(judge.decide(who, context, asked))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
