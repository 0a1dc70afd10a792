"""Regressions: defects found in its_hub 1.2.0 and optillm 0.4.0 in what was counted, retried and reported."""

import asyncio

import pytest
from ledgers import rows

from outlay.errors import AuthError, NoAnswer, ProviderError, RateLimited
from outlay.testing import FIXED, Clock, Gates, scripted, shop
from outlay.types import Completion, Question, Sampling, Usage, Verdict

ASK = Question.of("What is 6 times 7 ?", id="q", kind="number")


async def judged(run, question, candidate):
    asked = ({"role": "user", "content": "rate it"},)
    await run.complete(
        asked, role="judge", label=f"judge/{candidate.index}", sampling=Sampling(max_output_tokens=4)
    )
    return Verdict(0.5, False)


async def test_judge_calls_are_in_the_usage():
    """its_hub bon.py: two draws and two judge calls were reported as two calls."""
    async with shop(scripted(lambda r, i: "42", price=FIXED)) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan("best_of_n:n=2"), verifier=judged)
        found = await rows(outlay.store)
    assert answer.calls == 4
    assert [r["role"] for r in found] == ["default", "judge", "judge"]
    assert answer.cost_nusd == sum(r["cost_nusd"] for r in found)


async def test_usage_has_prompt_and_output_tokens_and_unknown_reasoning_stays_unknown():
    """optillm server.py: completion tokens only. mars: reasoning tokens stood for all, 0 where they are unknown."""
    texts = {0: Usage(0, 30, reasoning_tokens=25), 1: Usage(0, 4)}
    async with shop(scripted(lambda r, i: Completion("42", "stop", texts[i]))) as outlay:
        answer = await outlay.ask(ASK, strategy="self_consistency:n=2")
    assert answer.usage.input_tokens > 6
    assert answer.usage.output_tokens == 34
    assert answer.usage.reasoning_tokens is None


@pytest.mark.parametrize("strategy", ["single", "self_consistency:n=8", "adaptive:n=8", "best_of_n:n=8"])
async def test_a_permanent_429_costs_three_tries_a_request_and_nothing_else(strategy):
    """optillm bon.py, moa.py, majority voting: one request on a permanent 429 made 12 calls upstream."""
    model = scripted(lambda r, i: RateLimited("slow down", retryable=True), price=FIXED)
    async with shop(model) as outlay:
        with pytest.raises(NoAnswer, match="slow down"):
            await outlay.buy(ASK, await outlay.plan(strategy), verifier=judged)
        assert len(model.requests) <= 3 * (1 if "adaptive" not in strategy else 3)
        assert outlay.budget.settled["nusd"] == 0


async def test_a_refused_key_is_one_call_and_an_error():
    """optillm bon.py: a 401 returned HTTP 200 with "Error: Could not generate any completions" as the answer."""
    model = scripted(lambda r, i: AuthError("The key was refused."))
    async with shop(model) as outlay:
        with pytest.raises(AuthError, match="refused") as caught:
            await outlay.ask(ASK, strategy="self_consistency:n=8")
    assert len(model.requests) == 1
    assert caught.value.status == 401


async def test_retry_after_is_honoured():
    """its_hub: a Retry-After of 7 s was ignored; all three tries were over in 1.2 s."""
    clock, busy = Clock(), [RateLimited("slow down", retryable=True, retry_after_s=7.0)]
    async with shop(scripted(lambda r, i: busy.pop() if busy else "42"), clock=clock) as outlay:
        assert (await outlay.ask(ASK)).key == "42"
    assert 7.0 <= clock() <= 7.7


async def test_samples_are_drawn_at_once_and_not_in_series():
    """optillm self_consistency.py: five samples one after another; n = 3 made 15 calls in series."""
    gates = Gates()
    async with shop(scripted(lambda r, i: "42", shares_prompt=False, gate=gates)) as outlay:
        task = asyncio.create_task(outlay.ask(ASK, strategy="self_consistency:n=5"))
        await asyncio.wait_for(gates.arrived(5), 10)
        while gates.waiting:
            gates.open()
        assert (await task).calls == 5


async def test_n_samples_with_a_shared_prompt_are_one_request():
    """optillm: the request's n reran the whole pipeline n times."""
    model = scripted(lambda r, i: "42")
    async with shop(model) as outlay:
        await outlay.ask(ASK, strategy="self_consistency:n=8")
    assert [r.n for r in model.requests] == [8]


async def test_text_of_a_user_cannot_choose_the_strategy():
    """optillm prompt tag: one line of user text in a message led to 84 calls upstream."""
    model = scripted(lambda r, i: "42")
    async with shop(model) as outlay:
        answer = await outlay.ask("<optillm_approach>mcts</optillm_approach> strategy=best_of_n:n=64 6 * 7?")
    assert (answer.calls, len(model.requests)) == (1, 1)
    assert model.requests[0].messages[0]["content"].startswith("<optillm_approach>")


async def test_what_the_buyer_set_reaches_the_model():
    """its_hub gateway.py: temperature, max_tokens, stop and response_format were accepted and dropped."""
    extra = {"response_format": {"type": "json_object"}}
    sampling = Sampling(temperature=0.3, top_p=0.9, max_output_tokens=77, stop=("\n\n",), extra=extra)
    model = scripted(lambda r, i: "42")
    async with shop(model) as outlay:
        await outlay.ask(Question.of("6 * 7?", sampling=sampling))
    assert model.requests[0].sampling == sampling
    assert model.requests[0].max_output_tokens == 77


async def test_a_conversation_with_tool_results_arrives_as_it_was():
    """optillm parse_conversation: turns were flattened into one text and tool results dropped."""
    messages = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "User: what is the time?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "now"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "12:00"},
    )
    model = scripted(lambda r, i: "User: noon")
    async with shop(model) as outlay:
        answer = await outlay.ask(Question("q", messages))
    assert model.requests[0].messages == messages
    assert answer.text == "User: noon"


async def test_one_provider_serves_every_question():
    """optillm server.py get_config: a new HTTP client for every request, never closed."""
    opened, closed = [], []

    class counted(scripted):
        async def card(self):
            opened.append(self)
            return await super().card()

        async def close(self):
            closed.append(self)

    model = counted(lambda r, i: "42")
    async with shop({"default": model, "judge": model}) as outlay:
        for _ in range(5):
            await outlay.ask(ASK)
    assert set(map(id, opened)) == {id(model)}
    assert closed == [model]


async def test_one_failing_question_does_not_fail_the_others():
    """optillm batching.py: one failure failed the whole batch."""
    model = scripted(lambda r, i: ProviderError("bad luck") if r.question_id == "q3" else "42")
    async with shop(model) as outlay:
        asked = [Question.of("6 * 7?", id=f"q{i}", kind="number") for i in range(6)]
        done = await asyncio.gather(*(outlay.ask(q) for q in asked), return_exceptions=True)
    assert [isinstance(d, NoAnswer) for d in done] == [False, False, False, True, False, False]
