"""Steps of the large model that the verifier shows wrong are drawn again: which stays, how often, and at what cost."""

from __future__ import annotations

import msgspec
import pytest
from ledgers import rows
from two_models import ASK, depth, step, timed

from outlay.budget import Limits
from outlay.errors import BadReply, ProviderError, UsageError
from outlay.strategies.arbitrage import bound
from outlay.testing import Clock, shop
from outlay.types import Verdict

COLD = msgspec.structs.replace(ASK, sampling=msgspec.structs.replace(ASK.sampling, temperature=0.0))
STEPS = 3
CHECKED = "arbitrage:estimator=verifier,tau=0.45"


def worth(text):
    """The score that a step names: `worth 0.3`."""
    return float(text.rsplit("worth ", 1)[1].split()[0])


async def judge(run, question, candidate):
    """A chain is worth what its last step says."""
    last = [s for s in candidate.completion.text.split("\n\n") if s][-1]
    return Verdict(worth(last) if "worth" in last else 1.0, True)


def large_says(*by_draw):
    """Every step of the large model is worth so much, by draw; the last one stands for all further ones."""

    def says(request, index):
        if depth(request) == STEPS:
            return step("Answer: 2", last=True)
        found = by_draw[min(index, len(by_draw) - 1)]
        return (
            found
            if isinstance(found, Exception)
            else step(f"draw {index} of step {depth(request)} worth {found}")
        )

    return says


def small_says(request, index):
    return step("Answer: 1", last=True) if depth(request) == STEPS else step("small step worth 0.1")


class Bought:
    """What a checked chain bought; the small model's steps are always dropped until it answers."""

    async def buy(self, strategy, *by_draw, verifier=judge, question=ASK, **more):
        clock = Clock()
        large, small = timed(large_says(*by_draw), clock, 1.0, name="large"), timed(small_says, clock, 1.0)
        async with shop({"default": large, "small": small}, clock=clock) as outlay:
            plan = await outlay.plan(strategy)
            answer = await outlay.buy(question, plan, verifier=verifier, listener=self._hear, **more)
            self.ledger = await rows(outlay.store)
        return answer

    def _hear(self, event):
        if event["event"] == "pair":
            self.counts, self.chain = event["counts"], event["chain"]

    @property
    def draws(self):
        """Which draw of the large model each of its steps is."""
        return [int(s.text.split()[1]) for s in self.chain.steps if s.role == "large"]

    @property
    def large_tokens(self):
        return sum(r["output_tokens"] for r in self.ledger if r["role"] == "large")


@pytest.mark.parametrize(
    ("redraws", "by_draw", "draws", "redrawn"),
    [
        (0, (0.2, 0.9), [0, 0, 0], 0),  # nobody looks at the large model
        (8, (0.5, 0.9), [0, 0, 0], 0),  # one half is not shown wrong
        (8, (0.2, 0.9), [1, 1, 1], 3),  # the first that is not shown wrong stays
        (8, (0.2, 0.3, 0.9), [2, 2, 2], 6),
        (2, (0.2, 0.9), [1, 1, 0], 2),  # so many in the chain
        (3, (0.2, 0.4, 0.3), [1, 0, 0], 3),  # the best of those that are all shown wrong
        (2, (0.2, 0.2), [0, 0, 0], 2),  # of equal ones the first
    ],
)
async def test_the_best_draw_of_a_step_stays(redraws, by_draw, draws, redrawn):
    bought = Bought()
    answer = await bought.buy(f"{CHECKED},redraws={redraws}", *by_draw)
    assert (bought.draws, bought.counts.redrawn) == (draws, redrawn)
    assert bought.counts.large_tokens == bought.large_tokens == 7 * (STEPS + redrawn)
    assert (f"{redrawn} steps drawn again" in answer.stopped) == (redrawn > 0)
    assert answer.answer == "1"


async def test_the_large_model_s_own_first_steps_are_looked_at_too():
    bought = Bought()
    await bought.buy(f"{CHECKED},redraws=9,first_large=2,max_steps=2", 0.2, 0.9)
    assert (bought.draws, bought.counts.dropped) == ([1, 1], 0)


async def test_a_draw_that_fails_leaves_what_stands():
    bought = Bought()
    answer = await bought.buy(f"{CHECKED},redraws=9", 0.2, 0.3, ProviderError("it broke"))
    assert bought.draws == [1, 1, 1]
    assert any("not looked at to the end: it broke" in m for m in answer.missing)


async def test_a_scorer_that_fails_costs_that_look_only():
    looks = 0

    async def tired(run, question, candidate):
        nonlocal looks
        looks += 1
        if looks == 2:
            raise BadReply("the scorer said nothing")
        return await judge(run, question, candidate)

    bought = Bought()
    answer = await bought.buy(f"{CHECKED},redraws=9", 0.2, 0.9, verifier=tired)
    assert bought.draws == [0, 1, 1]
    assert any("the scorer said nothing" in m for m in answer.missing)


@pytest.mark.parametrize("most", [12, 14, 20])
async def test_a_budget_that_ends_at_a_draw_leaves_what_stands(most):
    bought = Bought()
    answer = await bought.buy(f"{CHECKED},redraws=9,step_tokens=7", 0.2, limits=Limits(output_tokens=most))
    assert sum(r["output_tokens"] for r in bought.ledger) <= most
    assert answer.refused
    assert answer.text.startswith("draw 0 of step 0 worth 0.2")


async def test_redraws_need_a_verifier_that_says_what_is_wrong():
    with pytest.raises(UsageError, match="redraws=2 needs estimator=verifier"):
        await Bought().buy("arbitrage:redraws=2", 0.9)


async def test_at_temperature_0_a_step_cannot_come_out_otherwise():
    with pytest.raises(UsageError, match="temperature 0"):
        await Bought().buy(f"{CHECKED},redraws=2", 0.9, question=COLD)


async def test_the_worst_case_counts_every_draw_and_every_look():
    without, most = (bound(ASK, estimator="verifier", max_steps=3, redraws=n).by_role for n in (0, 5))
    assert most["large"].calls - without["large"].calls == 5
    assert most["large"].output_tokens - without["large"].output_tokens == 5 * 400
    assert most["verifier"].calls - without["verifier"].calls == 3 + 5
    bought = Bought()
    await bought.buy(f"{CHECKED},max_steps=3,redraws=5", 0.1)
    assert (bought.counts.grades, bought.counts.redrawn) == (most["verifier"].calls, 5)
