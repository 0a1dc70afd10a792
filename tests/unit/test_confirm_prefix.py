"""Finding out whether a model continues a text is a purchase: reserved, in the ledger, replayed, made once."""

from __future__ import annotations

import asyncio

import pytest

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.errors import BudgetExceeded
from outlay.models.openai_probe import Probe
from outlay.models.scripted import scripted
from outlay.money import Price
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.trace import Replay, Trace
from outlay.types import Usage


class Probed(scripted):
    """A scripted model whose ability to continue a text costs 40 + 4 tokens to find out."""

    probes = 0

    async def probe(self) -> Probe:
        self.probes += 1
        return Probe(True, Usage(40, 4))


MESSAGES = ({"role": "user", "content": "Go on."},)


async def opened(limits=None, replay=None):
    model = Probed(lambda request, index: "and on", price=Price(1_000_000, 1_000_000))
    store = await Sqlite.open(":memory:")
    session = Session(
        run_id="r", providers={"default": model}, cards={"default": await model.card()}, store=store
    )
    door = Door(session, replay=replay)
    return model, store, door, Run(door, Budget(limits), seed=1, question_id="q")


async def continued(run, label):
    return await run.complete(MESSAGES, role="default", label=label, prefix="I will go on")


async def test_one_probe_for_all_draws_and_it_is_in_ledger_budget_and_replay():
    model, store, door, run = await opened()
    await asyncio.gather(*(continued(run, f"step/{i}") for i in range(4)))
    assert model.probes == 1
    totals = await store.totals("r")
    assert totals.paid_nusd == run.spent.cost_nusd == run.budget.settled["nusd"]
    assert totals.calls == 5
    written = door.trace.encode()
    await store.close()
    _, store, again, repeated = await opened(replay=Replay(Trace.decode(written)))
    await asyncio.gather(*(continued(repeated, f"step/{i}") for i in range(4)))
    assert again.trace.encode() == written
    assert repeated.spent.cost_nusd == run.spent.cost_nusd
    await store.close()


async def test_a_probe_that_does_not_fit_is_not_bought():
    model, store, _, run = await opened(Limits(nusd=100))
    with pytest.raises(BudgetExceeded):
        await continued(run, "step")
    assert model.probes == 0
    assert (await store.totals("r")).calls == 0
    await store.close()
