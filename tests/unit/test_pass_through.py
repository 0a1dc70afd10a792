"""A client's request through the door as it was written: no framing, no retry, no cache; metered and replayable."""

from __future__ import annotations

import asyncio

import pytest
from ledgers import rows

from outlay import testing
from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BudgetExceeded, RateLimited
from outlay.types import Question, Sampling


def asked(text: str = "say two words", **sampling: object) -> Question:
    return Question.of(text, sampling=Sampling(**sampling))  # type: ignore[arg-type]


async def test_the_request_reaches_the_model_as_it_was_written():
    model = testing.scripted(lambda request, index: f"two words {index}")
    async with testing.shop(model) as outlay:
        answer, pool = await outlay.pass_through(asked(temperature=0.3), n=2, seed=2**40)
    (request,) = model.requests
    assert request.messages == asked().messages
    assert (request.n, request.seed, request.verbatim, request.question_id) == (2, 2**40, True, "")
    assert [s.completion.text for s in pool.samples] == ["two words 0", "two words 1"]  # type: ignore[union-attr]
    assert (answer.calls, answer.usage.input_tokens, answer.usage.output_tokens) == (2, 3, 6)


async def test_without_a_seed_of_the_client_none_is_sent():
    model = testing.scripted(lambda request, index: "words")
    async with testing.shop(model) as outlay:
        await outlay.pass_through(asked())
    assert model.requests[0].seed is None


async def test_choices_beyond_one_request_count_the_seed_on():
    model = testing.scripted(lambda request, index: "words", max_n=2)
    async with testing.shop(model) as outlay:
        await outlay.pass_through(asked(), n=5, seed=7)
    assert sorted((r.seed, r.n) for r in model.requests) == [(7, 2), (9, 2), (11, 1)]


async def test_it_is_never_served_from_the_call_cache():
    model = testing.scripted(lambda request, index: "words")
    async with testing.shop(model, cache=True) as outlay:
        for _ in range(2):
            answer, _ = await outlay.pass_through(asked(), seed=1)
            assert answer.paid_nusd == answer.cost_nusd > 0  # type: ignore[operator]
    assert len(model.requests) == 2


async def test_a_failure_is_raised_at_once_and_not_tried_again():
    slow = RateLimited("slow down", retryable=True, retry_after_s=7.0)
    model = testing.scripted(lambda request, index: slow)
    async with testing.shop(model) as outlay:
        with pytest.raises(RateLimited) as failure:
            await outlay.pass_through(asked())
        ledger = await rows(outlay.store)
    assert failure.value.retry_after_s == 7.0
    assert [row["state"] for row in ledger] == ["failed"]


async def test_what_came_is_kept_when_another_choice_failed():
    def script(request, index):  # type: ignore[no-untyped-def]
        return "words" if index == 0 else RateLimited("slow down", retryable=True)

    async with testing.shop(testing.scripted(script, max_n=1)) as outlay:
        answer, pool = await outlay.pass_through(asked(), n=2)
    assert pool.samples[0].completion is not None
    assert answer.missing == ("choice 1: slow down",)


async def test_deltas_arrive_with_the_number_of_their_choice():
    told = []
    model = testing.scripted(lambda request, index: f"words {index}", max_n=2)
    async with testing.shop(model) as outlay:
        await outlay.pass_through(asked(), n=3, on_delta=lambda i, delta: told.append((i, delta.text)))
    assert sorted(told) == [(0, "words 0"), (1, "words 1"), (2, "words 2")]


async def test_a_cancelled_request_is_settled_and_frees_its_reservation():
    gates = testing.Gates()
    model = testing.scripted(lambda request, index: "words", gate=gates)
    async with testing.shop(model, limits=Limits.of(max_usd=1)) as outlay:
        passing = asyncio.create_task(outlay.pass_through(asked(max_output_tokens=9)))
        await gates.arrived(1)
        passing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await passing
        (row,) = await rows(outlay.store)
        assert row["state"] == "settled"
        assert not outlay.budget.in_flight
    assert model.stopped == 1


async def test_a_budget_that_does_not_admit_it_sends_nothing():
    model = testing.scripted(lambda request, index: "words", price=testing.FIXED)
    async with testing.shop(model) as outlay:
        with pytest.raises(BudgetExceeded):
            await outlay.pass_through(asked(max_output_tokens=100), limits=Limits.of(max_usd="0.000001"))
    assert model.requests == []


async def test_its_trace_replays_byte_for_byte():
    model = testing.scripted(lambda request, index: f"two words {index}", max_n=2)
    async with testing.shop(model) as outlay:
        answer, _ = await outlay.pass_through(asked(), n=3, seed=5)
        trace = await outlay.store.trace(answer.trace_id)
    assert trace is not None
    again, retraced = await replay(trace.encode())
    assert retraced == trace.encode()
    assert again.text == "two words 0"
