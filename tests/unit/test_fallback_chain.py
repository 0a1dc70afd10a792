"""A chain of models: each is asked for what those before it failed to answer, in purchases of its own."""

from __future__ import annotations

import asyncio

import pytest

from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BadRequest, ProviderError, RateLimited, TimedOut, Unreachable
from outlay.models.breaker import IN_A_ROW
from outlay.models.scripted import scripted
from outlay.money import Price
from outlay.testing import Clock, Gates, shop
from outlay.types import Delta, Question, Sampling

DEAD = Unreachable("nobody there", fatal=True)
SLOW = RateLimited("slow down", retryable=True)
WRONG = BadRequest("no such field")
CHEAP, DEAR = Price(1_000_000, 2_000_000), Price(10_000_000, 20_000_000)


def model(name, said, **options):
    return scripted(lambda request, index: said(index) if callable(said) else said, name=name, **options)


async def exact(outlay, answer):
    """The answer's trace repeats byte for byte with every model off."""
    trace = (await outlay.store.trace(answer.trace_id)).encode()
    again, repeated = await replay(trace)
    assert repeated == trace
    assert again.elsewhere == answer.elsewhere
    return trace


@pytest.mark.parametrize("failure", [DEAD, SLOW, TimedOut("silent", retryable=True), ProviderError("odd")])
async def test_what_the_first_fails_to_answer_the_next_is_asked_for(failure):
    first, second = model("a", failure), model("b", "Answer: 42", price=DEAR)
    async with shop({"default": (first, second)}) as outlay:
        answer = await outlay.ask("6 * 7?", kind="number")
        assert answer.answer == "42"
        assert answer.plan.roles == {"default": "a", "default.1": "b"}
        assert answer.elsewhere == {"b": 1}
        assert answer.calls == 1
        assert len(second.requests) == 1
        # The price is that of the model which answered.
        assert answer.cost_nusd == answer.usage.input_tokens * 10 + answer.usage.output_tokens * 20 > 0
        totals = await outlay.store.totals(outlay.run_id)
        assert (totals.calls, totals.paid_nusd) == (1, answer.paid_nusd)
        trace = await exact(outlay, answer)
    assert len(first.requests) == (3 if failure.retryable else 1)
    assert b'"key":"default.1/draw/0"' in trace


async def test_only_the_samples_that_failed_go_on():
    first = model("a", lambda i: DEAD if i in (1, 3) else "Answer: 1", max_n=1, shares_prompt=False)
    second = model("b", "Answer: 2")
    async with shop({"default": [first, second]}) as outlay:
        answer = await outlay.ask("?", kind="number", strategy="self_consistency:n=5")
        assert dict(answer.candidates) == {"1": 1.0}
        assert answer.elsewhere == {"b": 2}
        assert [r.sample_indices for r in second.requests] == [(1, 3)]
        assert first.requests[1].seed == second.requests[0].seed
        await exact(outlay, answer)


async def test_a_request_that_is_wrong_is_wrong_everywhere():
    first, second = model("a", WRONG), model("b", "Answer: 42")
    async with shop({"default": (first, second)}) as outlay:
        with pytest.raises(BadRequest if WRONG.fatal else Exception, match="no such field"):
            await outlay.ask("?", kind="number")
        assert second.requests == []


async def test_the_whole_chain_may_fail_and_the_last_reason_is_told():
    models = [model(n, Unreachable(f"{n} is gone", fatal=True)) for n in "abc"]
    async with shop({"default": models}) as outlay:
        with pytest.raises(Unreachable, match="c is gone"):
            await outlay.ask("?", kind="number")
        assert [len(m.requests) for m in models] == [1, 1, 1]
        assert outlay.budget.in_flight == 0


async def test_a_model_that_failed_often_is_skipped_then_tried_with_one_request_and_used_again(monkeypatch):
    clock, dead, held, gates = Clock(), [True], [False], Gates()
    first = model(
        "a",
        lambda i: DEAD if dead[0] else "Answer: 1",
        max_n=1,
        shares_prompt=False,
        gate=lambda request: gates(request) if held[0] else None,
    )
    second = model("b", "Answer: 2", max_n=1, shares_prompt=False)
    async with shop({"default": (first, second)}, clock=clock) as outlay:
        for number in range(IN_A_ROW + 3):
            answer = await outlay.ask(Question.of(f"{number}?", kind="number"))
            assert answer.answer == "2"
        assert len(first.requests) == IN_A_ROW
        trace = await exact(outlay, answer)
        assert b'"event":"skip"' in trace
        assert {name: b.state for name, b in outlay.breakers} == {"a": "open", "b": "closed"}

        clock.advance(1.0)
        answer = await outlay.ask("still?", kind="number", strategy="self_consistency:n=4")
        assert answer.elsewhere == {"b": 4}
        assert len(first.requests) == IN_A_ROW + 1
        await exact(outlay, answer)

        # While the one request is out, nobody else is sent to that model.
        dead[0], held[0] = False, True
        clock.advance(2.0)
        admits, refused = outlay.breakers.of("a").admits, asyncio.Semaphore(0)

        def noted():
            admitted = admits()
            if not admitted:
                refused.release()
            return admitted

        monkeypatch.setattr(outlay.breakers.of("a"), "admits", noted)
        asked = asyncio.create_task(outlay.ask("back?", kind="number", strategy="self_consistency:n=4"))
        await gates.arrived(1)
        for _ in range(3):
            await refused.acquire()
        gates.open()
        answer = await asked
        assert answer.elsewhere == {"b": 3}
        held[0] = False
        await exact(outlay, answer)
        answer = await outlay.ask("and now?", kind="number", strategy="self_consistency:n=4")
        assert answer.elsewhere == {}


async def test_once_the_breaker_opens_nothing_is_retried_on_that_model(monkeypatch):
    first = model("a", SLOW, max_n=1, shares_prompt=False)
    second = model("b", "Answer: 2")
    clock, admitted = Clock(), list[str]()
    async with shop({"default": (first, second)}, clock=clock) as outlay:
        breaker = outlay.breakers.of("a")
        admits = breaker.admits

        def noted():
            state = breaker.state
            if admitting := admits():
                admitted.append(state)
            return admitting

        monkeypatch.setattr(breaker, "admits", noted)
        answer = await outlay.ask("?", kind="number", strategy="self_consistency:n=8")
        assert answer.elsewhere == {"b": 8}
        assert breaker.state == "open"
        # What was admitted before it opened still goes out; nothing is afterwards.
        assert admitted == ["closed"] * len(first.requests)
        assert len(first.requests) < 16
        await exact(outlay, answer)


async def test_the_last_of_a_chain_and_a_model_alone_are_always_asked():
    alone = model("a", DEAD)
    async with shop({"default": (alone,)}) as outlay:
        for _ in range(2 * IN_A_ROW):
            with pytest.raises(Unreachable):
                await outlay.ask("?", kind="number")
        assert len(alone.requests) == 2 * IN_A_ROW


async def test_a_budget_that_does_not_admit_the_dearer_model_says_why_the_first_failed():
    first, second = model("a", DEAD, price=CHEAP), model("b", "Answer: 1", price=DEAR)
    third = model("c", "Answer: 3", price=CHEAP)
    question = Question.of("?", kind="number", sampling=Sampling(max_output_tokens=1000))
    async with shop({"default": (first, second)}, limits=Limits(nusd=10_000)) as outlay:
        with pytest.raises(Unreachable, match="nobody there"):
            await outlay.ask(question)
    async with shop({"default": (first, second, third)}, limits=Limits(nusd=10_000)) as outlay:
        answer = await outlay.ask(question)
        assert answer.elsewhere == {"c": 1}
        await exact(outlay, answer)
    assert second.requests == []


async def test_a_model_without_the_needed_ability_is_passed_over():
    plain = frozenset({"chat"})
    first, second, third = (
        model("a", DEAD),
        model("b", "no", abilities=plain),
        model("c", "Answer: 3"),
    )
    async with shop({"default": (first, second, third)}) as outlay:
        asked = Question.of("?", kind="number", sampling=Sampling(top_logprobs=1))
        answer = await outlay.ask(asked)
        assert answer.elsewhere == {"c": 1}
        assert second.requests == []


async def test_a_request_passed_through_goes_on_at_once_but_never_after_its_first_words():
    class Cut(scripted):
        async def stream(self, request):
            yield Delta(0, "half a reply")
            raise Unreachable("cut", retryable=True, billed=True)

    second = model("b", "whole")
    async with shop({"default": (model("a", SLOW), second)}) as outlay:
        answer, pool = await outlay.pass_through(Question.of("?"))
        assert pool.samples[0].completion.text == "whole"
        assert answer.elsewhere == {"b": 1}
        await exact(outlay, answer)
    first = Cut(lambda request, index: "", name="a")
    async with shop({"default": (first, second)}) as outlay:
        seen = []
        with pytest.raises(Unreachable, match="cut"):
            await outlay.pass_through(Question.of("?"), on_delta=lambda i, delta: seen.append(delta.text))
        assert seen == ["half a reply"]
        # Nobody has seen a word: the reply that broke off is paid for, and the next model is asked.
        answer, pool = await outlay.pass_through(Question.of("?"))
        assert pool.samples[0].completion.text == "whole"
        assert answer.calls == 2
        await exact(outlay, answer)


async def test_a_cancelled_trial_lets_the_next_request_try():
    gates, clock, dead = Gates(), Clock(), [True]
    first = model(
        "a",
        lambda i: DEAD if dead[0] else "Answer: 1",
        gate=lambda request: None if dead[0] else gates(request),
    )
    second = model("b", "Answer: 2")
    async with shop({"default": (first, second)}, clock=clock) as outlay:
        for _ in range(IN_A_ROW):
            await outlay.ask("?", kind="number")
        dead[0] = False
        clock.advance(1.0)
        trying = asyncio.create_task(outlay.ask("try", kind="number"))
        await gates.arrived(1)
        assert (await outlay.ask("meanwhile", kind="number")).answer == "2"
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying
        again = asyncio.create_task(outlay.ask("again", kind="number"))
        await gates.arrived(1)
        gates.open()
        assert (await again).answer == "1"
        assert outlay.budget.in_flight == 0


async def test_a_model_that_cannot_even_say_what_it_is_is_passed_over():
    class Mute(scripted):
        async def card(self):
            raise DEAD

    first, second = Mute(lambda request, index: "x", name="a"), model("b", "Answer: 2")
    async with shop({"default": (first, second)}) as outlay:
        answer = await outlay.ask("?", kind="number", strategy="self_consistency:n=3")
        assert answer.answer == "2"
        assert answer.plan.roles == {"default.1": "b"}
        assert answer.elsewhere == {"b": 3}
        await exact(outlay, answer)
        with pytest.raises(Unreachable):
            await outlay.beside(first).card()


async def test_the_judge_that_nobody_named_is_played_by_the_whole_chain():
    def said(request, index):
        text = str(request.messages[-1]["content"])
        return "Score: 9" if "Score" in text else "Answer: 2"

    first, second = model("a", DEAD), scripted(said, name="b")
    async with shop({"default": (first, second)}) as outlay:
        answer = await outlay.ask("?", kind="number", strategy="best_of_n:n=2", verifier="judge")
        assert answer.answer == "2"
        assert answer.elsewhere == {"b": 4}
        await exact(outlay, answer)
