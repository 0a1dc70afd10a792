"""Separate budgets of thinking and answer: the invariants of the method, and every way in which a part is missing."""

from __future__ import annotations

import pytest
from terminal import Shell
from upstream import chat

from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import MissingAbility, ProviderError
from outlay.prompts.thinking import ask_to_think
from outlay.skeletons.phases import caps, cut_at_blank_line
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Delta, Question, Sampling, Usage

pytest_plugins = ("command_line",)
ASK = Question.of("What is 6 times 7 ?", id="q", kind="number")
THINKING = "six times seven is forty two"


def split(request):
    """Whether a request asks for thinking: its prefix has an open block."""
    return "</think>" not in (request.prefix or "")


def thinker(thinking=THINKING, answer="Answer: 42", closes=True):
    """A model that thinks so long, and then answers; where it does not close, its thinking is cut by the bound."""

    def says(request, index):
        if not split(request):
            return answer
        words = thinking.split()[: request.max_output_tokens]
        cut = len(words) < len(thinking.split())
        return Completion(" ".join(words), "length" if cut else "stop", Usage(0, len(words)))

    return scripted(says, price=FIXED)


async def bought(model, strategy, *, question=ASK, **more):
    async with shop(model) as outlay:
        answer = await outlay.buy(question, await outlay.plan(strategy), **more)
        trace = await outlay.store.trace(answer.trace_id)
    return answer, trace


@pytest.mark.parametrize("t", [0, 1, 3, 5, 6, 100])
async def test_thinking_stays_within_its_budget_and_the_answer_within_its_own(t):
    model = thinker()
    answer, _ = await bought(model, f"elastic:thinking={t},answer=7")
    thinking = [r for r in model.requests if split(r)]
    (last,) = [r for r in model.requests if not split(r)]
    assert [r.max_output_tokens for r in thinking] == ([t] if t else [])
    assert last.max_output_tokens == 7
    assert answer.usage.output_tokens <= t + 7
    assert answer.answer == "42"


@pytest.mark.parametrize("t", [0, 3, 100])
async def test_there_is_exactly_one_closing_tag_and_the_thinking_is_between(t):
    model = thinker()
    await bought(model, f"elastic:thinking={t}")
    last = model.requests[-1].prefix
    assert last.count("<think>") == last.count("</think>") == 1
    assert last == f"<think>\n{' '.join(THINKING.split()[:t])}\n</think>\n\n"


async def test_the_first_text_is_a_strict_prefix_of_the_second():
    model = thinker()
    await bought(model, "elastic:thinking=3")
    first, second = model.requests
    assert first.messages == second.messages
    assert second.prefix.startswith(first.prefix + "six times seven")


@pytest.mark.parametrize(("t", "forced"), [(3, True), (6, False), (100, False)])
async def test_it_is_forced_exactly_where_the_model_does_not_end_by_itself(t, forced):
    answer, _ = await bought(thinker(), f"elastic:thinking={t}")
    assert ("closed by force" in answer.stopped) == forced


async def test_without_a_cap_it_is_what_the_model_writes_by_itself():
    model = thinker()
    answer, _ = await bought(model, "elastic:thinking=4000,answer=4000")
    assert model.requests[-1].prefix + answer.text == f"<think>\n{THINKING}\n</think>\n\nAnswer: 42"


async def test_unused_thinking_does_not_lengthen_the_answer():
    model = thinker(answer="so " * 20 + "42")
    answer, _ = await bought(model, "elastic:thinking=100,answer=5")
    assert model.requests[-1].max_output_tokens == 5
    assert answer.answer is None
    assert any("cut at their output bound" in m for m in answer.missing)


async def test_forced_thinking_can_end_at_its_last_blank_line():
    text = "first step\n\nsecond step and half of a"
    model = scripted(
        lambda r, i: Completion(text, "length", Usage(0, 8)) if split(r) else "Answer: 1", price=FIXED
    )
    await bought(model, "elastic:thinking=8,cut=true")
    assert model.requests[-1].prefix == "<think>\nfirst step\n</think>\n\n"
    assert cut_at_blank_line("no blank line") == "no blank line"


async def test_a_plain_model_is_asked_to_think_and_a_native_one_is_not():
    asked, native = thinker(), thinker()
    await bought(asked, "elastic")
    await bought(native, "elastic:thinks=native")
    assert "Think between <think> and </think>" in asked.requests[0].messages[-1]["content"]
    assert "<think>" not in native.requests[0].messages[-1]["content"]
    parts = Question("q", ({"role": "user", "content": [{"type": "text", "text": "6 * 7?"}]},))
    assert len(ask_to_think(parts).messages[0]["content"]) == 2
    alone = Question("q", ({"role": "system", "content": "be brief"},))
    assert ask_to_think(alone) == alone


async def test_a_server_that_sends_thinking_apart_gets_it_back_between_the_tags():
    def says(request, index):
        if split(request):
            return Completion("", "stop", Usage(0, 6), reasoning=f"<think>\n{THINKING}\n")
        return "Answer: 42"

    model = scripted(says, price=FIXED)
    answer, _ = await bought(model, "elastic:thinks=native")
    assert model.requests[-1].prefix == f"<think>\n{THINKING}\n</think>\n\n"
    assert "ended by the model" in answer.stopped


async def test_an_answer_that_came_with_the_thinking_is_not_bought_again():
    whole = Completion("Answer: 42", "stop", Usage(0, 8), reasoning=THINKING)
    model = scripted(lambda r, i: whole, price=FIXED)
    answer, _ = await bought(model, "elastic:thinks=native")
    assert (len(model.requests), answer.answer) == (1, "42")


async def test_an_answer_that_was_begun_with_the_thinking_is_gone_on_with():
    begun = Completion("Answer: 4", "length", Usage(0, 8), reasoning=THINKING)
    model = scripted(lambda r, i: begun if split(r) else "2", price=FIXED)
    answer, _ = await bought(model, "elastic:thinks=native")
    assert model.requests[-1].prefix.endswith("</think>\n\nAnswer: 4")
    assert answer.text == "Answer: 42"


async def test_an_answer_that_begins_to_think_again_is_stopped():
    model = thinker()
    await bought(model, "elastic")
    assert model.requests[-1].sampling.stop == ("<think>",)


class Forgetful(scripted):
    """A model whose template deletes what stands between the tags: the second prompt is hardly longer."""

    async def stream(self, request):
        async for delta in super().stream(request):
            if delta.usage:
                delta = Delta(None, usage=Usage(12 if split(request) else 14, delta.usage.output_tokens))
            yield delta


async def test_a_template_that_drops_the_thinking_is_told():
    model = Forgetful(lambda r, i: "a " * 59 + "z" if split(r) else "Answer: 42", price=FIXED)
    answer, _ = await bought(model, "elastic:thinking=100")
    assert any("took the thinking out of the prompt" in m for m in answer.missing)
    plain, _ = await bought(thinker(), "elastic")
    assert plain.missing == ()


async def test_thinking_that_fails_leaves_the_answer_and_says_so():
    model = scripted(lambda r, i: ProviderError("broke") if split(r) else "Answer: 42", price=FIXED)
    answer, _ = await bought(model, "elastic")
    assert answer.answer == "42"
    assert "thinking failed: broke" in answer.missing


async def test_an_answer_that_fails_after_thinking_is_no_answer():
    model = scripted(lambda r, i: THINKING if split(r) else ProviderError("broke"), price=FIXED)
    answer, trace = await bought(model, "elastic")
    assert (answer.text, answer.key) == ("", None)
    assert "the answer after the thinking could not be bought: broke" in answer.missing
    again, _ = await replay(trace.encode())
    assert again.missing == answer.missing


async def test_a_budget_that_ends_after_the_thinking_says_so():
    model = thinker()
    answer, _ = await bought(model, "elastic:thinking=20,answer=400", limits=Limits(output_tokens=30))
    assert (len(model.requests), answer.key) == (1, None)
    assert answer.refused


async def test_a_model_without_the_ability_is_refused_before_spending():
    model = scripted(lambda r, i: "x", price=FIXED, abilities=frozenset({"chat"}))
    async with shop(model) as outlay:
        with pytest.raises(MissingAbility, match="prefix"):
            await outlay.ask(ASK, strategy="elastic")
    assert model.requests == []


@pytest.mark.parametrize("most", [1, 2, 3, 100, 511, 512, 5000])
def test_both_budgets_fit_into_the_question_s_own(most):
    asked = Question.of("?", sampling=Sampling(max_output_tokens=most))
    t, s = caps(asked, 1024, 1024)
    assert t + s <= most
    assert s >= 1


@pytest.mark.parametrize(("waits", "calls"), [(0, 2), (1, 3), (3, 5)])
async def test_waits_make_the_model_go_on_from_what_it_thought(waits, calls):
    model = thinker("more")
    answer, _ = await bought(model, f"budget_forcing:waits={waits}")
    assert len(model.requests) == calls
    thought = "more" + "\nWaitmore" * waits
    assert model.requests[-1].prefix == f"<think>\n{thought}\n</think>\n\n"
    assert f"made to go on {waits} time" in answer.stopped


async def test_waits_end_at_the_thinking_budget():
    model = thinker("one two three")
    answer, _ = await bought(model, "budget_forcing:waits=9,thinking=7")
    assert [r.max_output_tokens for r in model.requests[:-1]] == [7, 4, 1]
    assert "closed by force" in answer.stopped
    assert answer.answer == "42"


async def test_over_http_thinking_that_the_server_sends_apart_is_put_back(shell: Shell):
    async def reply(call):
        last = call.body["messages"][-1]["content"]
        if last.startswith("red green"):
            return await chat(" green red")(call)
        if last.endswith("</think>\n\n"):
            return await chat("Answer: 391")(call)
        return await chat("", reasoning="17 times 23 is 391")(call)

    shell.up.flavour = "vllm"
    shell.up.always(reply)
    shell.config("free = true")
    words = ("ask", "17 * 23?", "--kind", "number", "--strategy", "elastic:thinks=native,thinking=64,answer=16")
    assert await shell(*words) == 0
    assert shell.out == "Answer: 391\n"
    assert "thinking: 5 tokens, ended by the model" in shell.err
    assert shell.up.last["messages"][-1]["content"] == "<think>\n17 times 23 is 391\n</think>\n\n"
    assert shell.up.last["continue_final_message"] is True


@pytest.mark.parametrize("strategy", ["elastic", "elastic:thinks=plain"])
async def test_a_server_that_opens_a_new_turn_is_found_out_before_the_thinking_is_bought(
    shell: Shell, strategy: str
):
    shell.up.flavour = "vllm"
    shell.up.always(chat("Certainly! red green blue"))
    shell.config("free = true")
    assert await shell("ask", "17 * 23?", "--kind", "number", "--strategy", strategy) == 2
    assert "opens a new turn instead of continuing" in shell.sentence
    assert shell.up.n_chats == 1


async def test_at_a_tight_cap_nearly_every_answer_is_parsable_where_plain_truncation_leaves_few():
    """Thinking of 4 to 63 words, then the answer: within 24 tokens in all, plain against separate budgets."""

    def says(request, index):
        thinking = "hm " * (4 + int(request.messages[0]["content"].split()[1]))
        if request.prefix is None:
            return f"{thinking}so Answer: 42"
        return thinking.strip() if split(request) else "Answer: 42"

    parsed = {}
    async with shop(scripted(says, price=FIXED)) as outlay:
        for strategy in ("single", "elastic:answer=4"):
            plan, found = await outlay.plan(strategy), []
            for n in range(60):
                sampling = Sampling(max_output_tokens=24)
                asked = Question.of(f"Think {n} times.", id=f"q{n}", kind="number", sampling=sampling)
                answer = await outlay.buy(asked, plan)
                assert answer.usage.output_tokens <= 24
                found.append(answer.answer == "42")
            parsed[strategy] = sum(found) / 60
    assert parsed == {"single": 18 / 60, "elastic:answer=4": 1.0}
