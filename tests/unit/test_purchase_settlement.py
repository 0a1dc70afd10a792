"""How one purchase ends: in which order its usage is known, what its ledger row says, and what stops upstream."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from ledgers import rows

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.errors import BudgetExceeded, ProviderError, RateLimited, UnknownPrice, mark_unsent
from outlay.models.provider import Card
from outlay.money import FREE, Price
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.testing import FIXED, Clock, Gates, scripted
from outlay.types import Delta, Question, Sampling, Usage

ASK = Question.of("What is 6 times 7 ?", kind="number", sampling=Sampling(max_output_tokens=10))
PROMPT = 6


class wire:
    """A provider that says exactly these deltas, then fails or hangs."""

    def __init__(self, *deltas, error=None, hang=False, tokenizer=True, price=FIXED, **card):
        self.deltas, self.error, self.hang, self.tokenizer = deltas, error, hang, tokenizer
        self._card = Card("wire", "wire", price=price, **{"max_n": 8, "shares_prompt": True} | card)
        self.requests, self.stopped, self.reached = [], 0, asyncio.Event()

    async def card(self):
        return self._card

    async def stream(self, request):
        self.requests.append(request)
        ended = False
        try:
            for delta in self.deltas:
                yield delta
            self.reached.set()
            if self.hang:
                await asyncio.get_running_loop().create_future()
            ended = True
            if self.error:
                raise self.error
        finally:
            self.stopped += not ended

    async def count_input(self, request):
        return PROMPT if self.tokenizer else None

    async def count_text(self, text):
        return len(text.split()) if self.tokenizer else None

    async def close(self):
        pass


@asynccontextmanager
async def run_of(model, *, limits=None, cache=False, clock=None, seed=0):
    clock = clock or Clock()
    store = await Sqlite.open(":memory:")
    session = Session(
        run_id="r",
        providers={"default": model},
        cards={"default": await model.card()},
        store=store,
        clock=clock,
        sleep=clock.sleep,
        cache=cache,
    )
    budget = Budget(limits, clock=clock)
    run = Run(Door(session), budget, seed=seed, question_id="q")
    run.store, run.session = store, session
    try:
        yield run
        assert set(budget.reserved.values()) == {0}
        await store.flush()
        totals = await store.totals()
        assert totals.paid_nusd == run.spent.paid_nusd
        assert totals.cost_nusd == run.spent.cost_nusd
        assert budget.settled["nusd"] == (totals.paid_nusd or 0)
        assert (budget.settled["input_tokens"], budget.settled["output_tokens"]) == (
            totals.input_tokens,
            totals.output_tokens,
        )
    finally:
        await store.close()


def says(text, *, choice=0, finish="stop", usage=None):
    return Delta(choice, text, finish_reason=finish, usage=usage)


def whole(inputs, outputs, **more):
    return Delta(choice=None, usage=Usage(inputs, outputs, **more))


async def test_usage_that_the_stream_carried_settles():
    model = wire(says("42"), whole(9, 3))
    async with run_of(model) as run:
        await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
    assert (row["state"], row["mark"], row["input_tokens"], row["output_tokens"]) == ("settled", "", 9, 3)
    assert row["cost_nusd"] == row["paid_nusd"] == 9 * 1000 + 3 * 4000


async def test_the_last_of_several_usages_counts():
    async with run_of(wire(whole(9, 1), says("42"), whole(9, 5))) as run:
        await run.sample(ASK, n=1)
        assert run.spent.usage.output_tokens == 5


async def test_without_usage_the_deltas_are_counted():
    async with run_of(wire(says("it is 42"))) as run:
        pool = await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
    assert (row["mark"], row["input_tokens"], row["output_tokens"]) == ("counted", PROMPT, 3)
    assert pool.samples[0].completion.mark == "counted"


async def test_tool_calls_are_counted_too():
    call = {"index": 0, "function": {"name": "add", "arguments": ' {"a": 1}'}}
    async with run_of(wire(Delta(0, "so", tool_calls=(call,), finish_reason="tool_calls"))) as run:
        await run.sample(ASK, n=1)
        assert run.spent.usage.output_tokens == 3


@pytest.mark.parametrize("model", [{"tokenizer": False}, {"hides_reasoning": True}])
async def test_what_cannot_be_counted_stands_at_its_bound_unreconciled(model):
    async with run_of(wire(says("it is 42"), **model)) as run:
        await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
    assert row["mark"] == "unreconciled"
    assert (row["input_tokens"], row["output_tokens"]) == (
        row["bound_input_tokens"],
        row["bound_output_tokens"],
    )
    assert row["output_tokens"] == 10


async def cancelled(run, model, n=1):
    task = asyncio.create_task(run.sample(ASK, n=n))
    await model.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("deltas", "usage", "mark"),
    [
        ((says("a b", finish=None), whole(7, 5)), (7, 5), ""),
        ((says("a b", finish=None),), (PROMPT, 2), "counted"),
        ((), (PROMPT, 0), "counted"),
    ],
)
async def test_a_cancelled_stream_stops_upstream_and_settles(deltas, usage, mark):
    model = wire(*deltas, hang=True)
    async with run_of(model, limits=Limits(nusd=10**9)) as run:
        await cancelled(run, model)
        (row,) = await rows(run.store)
    assert model.stopped == 1
    assert (row["state"], row["mark"]) == ("settled", mark)
    assert (row["input_tokens"], row["output_tokens"]) == usage


async def test_a_call_that_was_cancelled_while_it_waited_for_its_turn_is_free_and_says_so():
    class waiting(wire):
        async def stream(self, request):
            self.reached.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as left:
                mark_unsent(left)
                raise
            yield

    model = waiting()
    async with run_of(model) as run:
        await cancelled(run, model)
        (row,) = await rows(run.store)
    assert (row["state"], row["paid_nusd"], row["error"]) == ("failed", 0, "cancelled before it was sent")


async def test_what_was_cut_before_its_usage_came_is_drawn_again_rather_than_served_at_its_bound():
    model = wire(says("41", choice=0), hang=True, tokenizer=False)
    async with run_of(model, cache=True) as run:
        await cancelled(run, model)
        model.deltas, model.hang = (says("42", choice=0), says("43", choice=1), whole(6, 2)), False
        pool = await run.sample(ASK, n=2)
    assert [s.key for s in pool.samples] == ["42", "43"]


async def test_what_a_server_without_usage_brought_to_its_end_is_served_again():
    model = wire(says("42"), tokenizer=False)
    async with run_of(model, cache=True) as run:
        first = await run.sample(ASK, n=1)
        assert await run.sample(ASK, n=1) == first
    assert len(model.requests) == 1


async def test_a_second_cancellation_while_counting_settles_at_the_bound_and_still_cancels():
    class slow(wire):
        async def count_text(self, text):
            self.counting.set()
            await asyncio.get_running_loop().create_future()

    model = slow(says("42"))
    model.counting = asyncio.Event()
    async with run_of(model) as run:
        task = asyncio.create_task(run.sample(ASK, n=1))
        await model.counting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (row,) = await rows(run.store)
    assert (row["state"], row["mark"]) == ("settled", "unreconciled")


async def test_cancelled_before_it_was_sent_costs_nothing_and_is_never_lost(monkeypatch):
    model = wire(says("42"))
    async with run_of(model, limits=Limits(nusd=10**9)) as run:
        written, write_ahead = asyncio.Event(), run.store.write_ahead

        async def slowly(row):
            await write_ahead(row)
            written.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(run.store, "write_ahead", slowly)
        task = asyncio.create_task(run.sample(ASK, n=1))
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (row,) = await rows(run.store)
        assert set(run.budget.reserved.values()) == {0}
    assert not model.requests
    assert (row["state"], row["paid_nusd"]) == ("failed", 0)


async def test_n_choices_are_n_calls_with_the_prompt_once():
    model = scripted(lambda request, index: "so 42", price=FIXED)
    async with run_of(model) as run:
        pool = await run.sample(ASK, n=8)
        (row,) = await rows(run.store)
        assert run.budget.settled["calls"] == 8
    assert (len(model.requests), row["n"], row["input_tokens"], row["output_tokens"]) == (1, 8, 6, 16)
    assert len({s.completion.batch for s in pool.samples}) == 1


async def test_without_a_shared_prompt_each_sample_is_a_request_of_its_own():
    model = scripted(lambda request, index: "42", shares_prompt=False)
    async with run_of(model) as run:
        await run.sample(ASK, n=3)
        assert run.spent.usage == Usage(18, 3)
        assert len(await rows(run.store)) == 3


@pytest.mark.parametrize("wait_s", [None, 7.0])
async def test_every_try_has_a_row_of_its_own_and_waits_what_it_was_told(wait_s):
    busy = [RateLimited("slow down", retryable=True, retry_after_s=wait_s)] * 2
    model = scripted(lambda request, index: busy.pop() if busy else "42", price=FIXED)
    clock = Clock()
    async with run_of(model, clock=clock) as run:
        pool = await run.sample(ASK, n=1)
        found = await rows(run.store)
    assert pool.samples[0].key == "42"
    assert [r["state"] for r in found] == ["failed", "failed", "settled"]
    assert [r["paid_nusd"] for r in found] == [0, 0, 10_000]
    assert run.spent.calls == 1
    assert len(clock.slept_s) == 2
    assert wait_s is None or all(wait_s <= s <= 1.1 * wait_s for s in clock.slept_s)


async def test_a_failed_try_that_may_have_been_billed_counts():
    model = wire(error=ProviderError("broke off", billed=True), tokenizer=False)
    async with run_of(model) as run:
        pool = await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
    assert pool.samples[0].error == "broke off"
    assert (row["state"], row["mark"], row["error"]) == ("settled", "unreconciled", "broke off")
    assert row["paid_nusd"] == row["bound_nusd"] > 0


async def test_no_retry_after_the_first_delta():
    model = wire(says("4", finish=None), error=ProviderError("cut", retryable=True, billed=True))
    async with run_of(model) as run:
        pool = await run.sample(ASK, n=1)
    assert len(model.requests) == 1
    assert pool.failures


async def test_no_retry_into_a_passed_deadline():
    model = scripted(lambda r, i: RateLimited("slow down", retryable=True, retry_after_s=60.0))
    clock = Clock()
    async with run_of(model, clock=clock, limits=Limits(deadline_s=30.0)) as run:
        pool = await run.sample(ASK, n=1)
    assert pool.failures
    assert clock.slept_s == []


async def test_a_partial_failure_keeps_the_finished_choices():
    model = wire(says("42"), says("4", choice=1, finish=None), error=ProviderError("cut", billed=True))
    async with run_of(model) as run:
        pool = await run.sample(ASK, n=2)
    assert [s.key for s in pool.samples] == ["42", None]
    assert pool.samples[1].error == "cut"
    assert run.spent.calls == 2


async def test_a_provider_that_ignores_n_leaves_the_others_failed():
    async with run_of(wire(says("42"), whole(6, 1))) as run:
        pool = await run.sample(ASK, n=3)
    assert [s.key for s in pool.samples] == ["42", None, None]
    assert {s.error for s in pool.failures} == {"the model brought 1 of the 3 samples asked for"}
    assert run.spent.usage == Usage(6, 1)


async def test_choices_that_were_not_asked_for_are_not_kept():
    async with run_of(wire(says("42"), says("43", choice=1), whole(6, 2))) as run:
        pool = await run.sample(ASK, n=1)
    assert len(pool.samples) == 1
    assert run.spent.usage.output_tokens == 2


async def test_a_provider_that_bills_more_is_recorded_in_full_and_buys_nothing_more():
    model = scripted(lambda request, index: "42", price=FIXED, overbill=1000)
    async with run_of(model, limits=Limits(nusd=10**9)) as run:
        await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
        with pytest.raises(BudgetExceeded, match="billed more"):
            await run.sample(ASK, n=1, start=1)
    assert row["output_tokens"] == 1001
    assert row["overrun_nusd"] == run.spent.overrun_nusd == row["paid_nusd"] - row["bound_nusd"] > 0
    assert len(model.requests) == 1
    assert run.spent.closed


async def test_a_cache_hit_costs_but_is_not_paid():
    model = scripted(lambda request, index: "so 42", price=FIXED)
    async with run_of(model, cache=True) as run:
        first = await run.sample(ASK, n=4)
        cost, paid = run.spent.cost_nusd, run.spent.paid_nusd
        again = await run.sample(ASK, n=4)
        found = await rows(run.store)
    assert again == first
    assert len(model.requests) == 1
    assert (run.spent.cost_nusd, run.spent.paid_nusd) == (2 * cost, paid)
    assert [(r["state"], r["paid_nusd"]) for r in found] == [("settled", cost), ("cached", 0)]


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("before", [0, 1, 3, 4, 8])
async def test_a_draw_costs_the_same_whatever_part_of_it_was_cached(width, before):
    shares = width > 1
    whole_price = 8 * 4000 + (8 if not shares else -(-8 // width)) * 6000
    model = scripted(lambda request, index: "42", price=FIXED, max_n=width, shares_prompt=shares)
    async with run_of(model, cache=True) as run:
        if before:
            await run.sample(ASK, n=before)
        already = run.spent.cost_nusd
        await run.sample(ASK, n=8)
        assert run.spent.cost_nusd - already == whole_price


async def test_cached_samples_round_as_they_did_when_bought():
    """Three purchases of a fraction of a nano-dollar each cost three, whichever of them are hits the next time."""
    model = scripted(lambda request, index: "42", price=Price(1, 1), shares_prompt=False)
    async with run_of(model, cache=True) as run:
        await run.sample(ASK, n=3)
        assert run.spent.cost_nusd == 3
        await run.sample(ASK, n=3)
        assert run.spent.cost_nusd == 6


async def test_an_unknown_price_is_unknown_and_never_zero():
    async with run_of(scripted(lambda r, i: "42", price=None)) as run:
        await run.sample(ASK, n=1)
        (row,) = await rows(run.store)
        assert (run.spent.cost_nusd, run.spent.paid_nusd) == (None, None)
    assert (row["cost_nusd"], row["paid_nusd"]) == (None, None)


async def test_a_call_that_was_never_sent_costs_nothing_even_at_an_unknown_price():
    async with run_of(scripted(lambda r, i: ProviderError("refused"), price=None)) as run:
        assert (await run.sample(ASK, n=1)).failures
        assert run.spent.cost_nusd == 0


async def test_a_money_cap_refuses_an_unknown_price_with_what_to_add():
    model = scripted(lambda r, i: "42", price=None, name="acme/m-1")
    async with run_of(model, limits=Limits(nusd=10**12)) as run:
        with pytest.raises(BudgetExceeded, match=r'add \[models\."acme/m-1"\] to outlay.toml') as refusal:
            await run.sample(ASK, n=1)
    assert isinstance(refusal.value, UnknownPrice)
    assert not model.requests


async def test_a_free_model_passes_a_cap_of_nothing():
    async with run_of(scripted(lambda r, i: "42", price=FREE), limits=Limits(nusd=0)) as run:
        assert (await run.sample(ASK, n=2)).voters
        assert run.spent.cost_nusd == 0


IMAGE = Question(
    "q",
    ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x" * 9999}}]},),
    sampling=Sampling(max_output_tokens=10),
)


async def test_images_are_bounded_by_the_card_and_refused_under_a_money_cap_without():
    async with run_of(wire(says("42"), whole(6, 1)), limits=Limits(nusd=10**9)) as run:
        with pytest.raises(UnknownPrice, match="image"):
            await run.sample(IMAGE, n=1)
    async with run_of(wire(says("42"), whole(6, 1), image_tokens=500), limits=Limits(nusd=10**9)) as run:
        await run.sample(IMAGE, n=1)
        (row,) = await rows(run.store)
        assert 500 <= row["bound_input_tokens"] < 700


async def test_two_draws_that_do_not_fit_together_wait_for_each_other():
    gates = Gates()
    model = scripted(lambda r, i: "42", price=Price(0, 1_000_000_000), shares_prompt=False, gate=gates)
    async with run_of(model, limits=Limits(nusd=10_000 + 1000)) as run:
        task = asyncio.create_task(run.sample(ASK, n=2))
        await gates.arrived(1)
        assert len(model.requests) == 1
        gates.open()
        await gates.arrived(1)
        gates.open()
        assert [s.key for s in (await task).samples] == ["42", "42"]
    assert [r.sample_indices for r in model.requests] == [(0,), (1,)]


async def test_a_fatal_failure_ends_the_draw():
    async with run_of(scripted(lambda r, i: ProviderError("no such key", fatal=True))) as run:
        with pytest.raises(ProviderError, match="no such key"):
            await run.sample(ASK, n=3)


async def test_what_is_refused_beside_what_is_granted_stands_in_the_pool():
    model = scripted(lambda r, i: "42", price=Price(0, 1_000_000_000))
    async with run_of(model, limits=Limits(nusd=10_000 * 2)) as run:
        pool = await run.sample(ASK, n=3)
    assert [s.key for s in pool.samples] == ["42", "42", None]
    assert "budget" in pool.samples[2].error


async def test_work_of_this_machine_is_charged_by_the_second_and_bounded():
    clock = Clock()
    async with run_of(scripted(lambda r, i: "42"), limits=Limits(nusd=10**9), clock=clock) as run:

        async def work():
            clock.advance(2.0)
            return {"ok": True}

        assert await run.seconds("check", 5.0, work) == {"ok": True}
        (row,) = await rows(run.store)
    assert row["paid_nusd"] == 2 * 11_112 + 1 < row["bound_nusd"]
    assert row["role"] == "sandbox"
