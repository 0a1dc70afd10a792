"""The budget admits, waits, refuses and gives back: one clause a test."""

import asyncio

import pytest

from outlay.budget import Amount, Budget, Limits
from outlay.errors import BudgetExceeded, UnknownPrice, UsageError
from outlay.testing import Clock

TEN = Amount(nusd=10, input_tokens=2, output_tokens=3, calls=1)


def capped(n: int, **more: object) -> Budget:
    return Budget(Limits(nusd=n, **more))


async def asked(budget: Budget, amount: Amount, order: tuple[int, ...] = (), role: str = "default"):
    task = asyncio.create_task(budget.reserve(amount, role=role, order=order))
    await asyncio.sleep(0)
    return task


async def test_what_fits_is_granted_and_what_is_left_is_what_nobody_holds():
    budget = capped(25)
    claim = await budget.reserve(TEN)
    assert budget.left("nusd") == 15
    budget.settle(claim, Amount(nusd=4, input_tokens=2, output_tokens=1, calls=1))
    assert budget.left("nusd") == 21
    assert budget.settled == {"nusd": 4, "input_tokens": 2, "output_tokens": 1, "calls": 1}
    assert set(budget.reserved.values()) == {0}


@pytest.mark.parametrize("dimension", ["nusd", "input_tokens", "output_tokens", "calls"])
async def test_each_dimension_refuses_what_can_never_fit(dimension):
    budget = Budget(Limits(**{dimension: 1}))
    with pytest.raises(BudgetExceeded):
        await budget.reserve(Amount(**{dimension: 2}))
    assert budget.left(dimension) == 1


async def test_waits_only_for_what_is_in_flight_and_then_gets_it():
    budget = capped(10)
    first = await budget.reserve(TEN)
    second = await asked(budget, TEN)
    assert not second.done()
    budget.release(first)
    assert (await second).amount == TEN


async def test_a_waiter_that_can_no_longer_fit_is_refused_when_the_other_settles():
    budget = capped(10)
    first = await budget.reserve(TEN)
    second = await asked(budget, TEN)
    budget.settle(first, Amount(nusd=1, calls=1))
    with pytest.raises(BudgetExceeded, match="too small"):
        await second


async def test_waiters_are_admitted_by_sample_index_then_by_arrival():
    budget, granted = capped(10), []

    async def take(name, order):
        claim = await budget.reserve(TEN, order=order)
        granted.append(name)
        await asyncio.sleep(0)
        budget.release(claim)

    first = await budget.reserve(TEN)
    wanted = [("c", (2,)), ("a", (0,)), ("d", (2,)), ("b", (1,)), ("first", ())]
    tasks = [asyncio.create_task(take(*w)) for w in wanted]
    await asyncio.sleep(0)
    budget.release(first)
    await asyncio.gather(*tasks)
    assert granted == ["first", "a", "b", "c", "d"]


async def test_a_small_latecomer_does_not_overtake_a_large_waiter_of_its_scope():
    budget = capped(20)
    first = await budget.reserve(Amount(nusd=15))
    large = await asked(budget, Amount(nusd=18), (0,))
    small = await asked(budget, Amount(nusd=5), (1,))
    assert not small.done()
    budget.release(first)
    await large
    assert not small.done()
    small.cancel()


async def test_a_waiter_blocked_in_its_own_fork_holds_up_nobody_else():
    root = capped(100)
    narrow, wide = root.fork(Limits(nusd=10)), root.fork()
    await narrow.reserve(TEN)
    stuck = await asked(narrow, TEN, (0,))
    free = await asked(wide, TEN, (1,))
    assert free.done()
    assert not stuck.done()
    stuck.cancel()


async def test_a_fork_counts_in_every_scope_above_and_none_beside():
    root = capped(100)
    left, right = root.fork(Limits(nusd=30)), root.fork(Limits(nusd=30))
    claim = await left.reserve(TEN)
    assert (root.left("nusd"), left.left("nusd"), right.left("nusd")) == (90, 20, 30)
    left.settle(claim, Amount(nusd=10, calls=1))
    assert (root.settled["nusd"], left.settled["nusd"], right.settled["nusd"]) == (10, 10, 0)


async def test_a_fork_with_a_larger_cap_than_its_parent_is_held_by_the_parent():
    with pytest.raises(BudgetExceeded):
        await capped(5).fork(Limits(nusd=50)).reserve(TEN)


async def test_cancelling_a_waiter_takes_it_out_and_lets_the_next_in():
    budget = capped(10)
    first = await budget.reserve(Amount(nusd=6))
    large = await asked(budget, TEN, (0,))
    small = await asked(budget, Amount(nusd=4), (1,))
    large.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert small.done()
    budget.release(first)
    budget.release(await small)
    assert set(budget.reserved.values()) == {0}


async def test_cancelling_at_the_moment_of_the_grant_gives_the_grant_back():
    budget = capped(10)
    first = await budget.reserve(TEN)
    second = await asked(budget, TEN)
    budget.release(first)  # grants to second, which has not run yet
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert set(budget.reserved.values()) == {0}
    assert budget.reserved_by_role == {"default": 0}


async def test_an_overrun_is_recorded_in_full_and_closes_the_budget():
    budget = capped(100)
    claim, other = await budget.reserve(TEN), await budget.reserve(TEN)
    assert budget.settle(claim, Amount(nusd=250, input_tokens=2, output_tokens=3, calls=1)) == 240
    assert budget.settled["nusd"] == 250
    assert budget.overrun_nusd == 240
    assert budget.why_closed == "the provider billed more than was asked for"
    with pytest.raises(BudgetExceeded, match="closed"):
        await budget.reserve(Amount(nusd=0))
    budget.settle(other, TEN)  # what was in flight still settles
    assert budget.settled["nusd"] == 260


@pytest.mark.parametrize("dimension", ["input_tokens", "output_tokens"])
async def test_an_overrun_of_tokens_alone_closes_too(dimension):
    budget = Budget(Limits(output_tokens=1000))
    claim = await budget.reserve(TEN)
    assert budget.settle(claim, Amount(nusd=0, **{dimension: 99})) == 0
    assert budget.why_closed


async def test_an_overrun_refuses_those_who_wait():
    budget = capped(10)
    first = await budget.reserve(TEN)
    second = await asked(budget, Amount(nusd=1))
    budget.settle(first, Amount(nusd=11))
    with pytest.raises(BudgetExceeded, match="closed"):
        await second


async def test_an_overrun_in_a_fork_closes_the_capped_scopes_above_it_only():
    root = capped(1000)
    fork, beside = root.fork(), root.fork(Limits(calls=5))
    fork.settle(await fork.reserve(TEN), Amount(nusd=11))
    assert root.closed
    assert not fork.closed
    assert not beside.closed
    assert beside.why_closed  # through the root


async def test_calls_of_a_role_are_refused_once_they_are_made_and_do_not_hang():
    budget = Budget(Limits(calls_by_role={"judge": 1}))
    budget.settle(await budget.reserve(TEN, role="judge"), TEN)
    with pytest.raises(BudgetExceeded, match="1 calls of the role judge"):
        await budget.reserve(TEN, role="judge")
    await budget.reserve(TEN, role="default")


async def test_calls_of_a_role_wait_for_those_in_flight():
    budget = Budget(Limits(calls_by_role={"judge": 1}))
    first = await budget.reserve(TEN, role="judge")
    second = await asked(budget, TEN, role="judge")
    assert not second.done()
    budget.settle(first, Amount(calls=0))  # it was never sent
    await second


async def test_past_the_deadline_nothing_is_admitted():
    clock = Clock()
    budget = Budget(Limits(deadline_s=5.0), clock=clock)
    await budget.reserve(TEN)
    clock.advance(5.0)
    with pytest.raises(BudgetExceeded, match="deadline"):
        await budget.fork().reserve(TEN)


async def test_a_waiter_does_not_wait_past_its_deadline():
    loop = asyncio.get_running_loop()
    root = Budget(Limits(nusd=10), clock=loop.time)
    await root.reserve(TEN)
    late = root.fork(Limits(deadline_s=loop.time() + 0.01))
    with pytest.raises(BudgetExceeded, match="deadline"):
        await late.reserve(TEN)
    assert root.reserved["nusd"] == 10


async def test_the_nearest_deadline_counts():
    root = Budget(Limits(deadline_s=9.0), clock=Clock())
    assert root.fork(Limits(deadline_s=5.0)).deadline_s == 5.0
    assert root.fork().deadline_s == 9.0


async def test_a_money_cap_anywhere_above_refuses_an_unknown_price():
    with pytest.raises(UnknownPrice):
        await capped(10**12).fork().reserve(Amount(nusd=None))
    assert (await Budget(Limits(calls=3)).reserve(Amount(nusd=None, calls=1))).open


async def test_what_an_earlier_process_spent_counts():
    root = capped(15)
    root.preload(nusd=6, calls=2, input_tokens=3, output_tokens=4)
    with pytest.raises(BudgetExceeded):
        await root.reserve(TEN)
    assert root.settled == {"nusd": 6, "calls": 2, "input_tokens": 3, "output_tokens": 4}


async def test_a_claim_ends_once():
    budget = capped(10)
    claim = await budget.reserve(TEN)
    budget.release(claim)
    with pytest.raises(RuntimeError):
        budget.settle(claim, TEN)
    assert budget.left("nusd") == 10


async def test_a_budget_of_nothing_admits_only_what_is_free():
    budget = Budget(Limits(nusd=0))
    assert (await budget.reserve(Amount(nusd=0, calls=1))).open
    with pytest.raises(BudgetExceeded):
        await budget.reserve(Amount(nusd=1))


@pytest.mark.parametrize("limit", [{"max_usd": -1}, {"max_usd": "nan"}, {"max_usd": "ten"}, {"max_calls": -1}])
def test_unreadable_limits_are_refused_in_a_sentence(limit):
    with pytest.raises(UsageError):
        Limits.of(**limit)
