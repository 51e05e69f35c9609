"""Made-up statements: a rewritten one gives in the town what its original gives where hidden values are their masks."""

from __future__ import annotations

from random import Random

import pytest

from redactor.decision import Allow, Redact, Refuse
from tests.engine.oracle import Oracle, difference
from tests.engine.statements import Maker
from tests.fixtures.town import Town

EACH = 120
PATH = '"$user", public'


@pytest.mark.parametrize("seed", range(5))
def test_hiding_is_all_that_rewriting_does(town: Town, oracle: Oracle, seed: int) -> None:
    maker = Maker(Random(seed))
    wrong, met = [], {Allow: 0, Redact: 0, Refuse: 0}
    for _ in range(EACH):
        text = maker.statement()
        decision = town.decide(text)
        met[type(decision)] += 1
        hidden = oracle.hidden(text, PATH)
        if isinstance(decision, Refuse):
            if decision.problem.sqlstate != "42501":
                wrong.append(f"{text}\n  {decision.problem.sqlstate} {decision.problem.message}")
            continue
        sent = decision.text if isinstance(decision, Redact) else text
        told = difference(oracle.real(sent, PATH), hidden, ordered=False)
        if told:
            wrong.append(f"{text}\n  {sent}\n  {told}")
    assert not wrong, "\n\n".join(wrong)
    assert met[Redact] > EACH / 3
    assert met[Refuse] < EACH / 3
