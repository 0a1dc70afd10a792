"""The step generator: how steps end, what is drawn again, and what the model is asked for."""

import msgspec
import pytest
from stepping import run_on
from upstream import Upstream, raw

from outlay.errors import BudgetExceeded, MissingAbility, ProviderError
from outlay.models.openai_chat import openai_chat
from outlay.skeletons.steps import Step, read, states_answer, step
from outlay.testing import FIXED, scripted
from outlay.types import Completion, Question, Sampling, Usage

ASK = Question.of("What is 6 times 7 ?", id="q1", kind="number", sampling=Sampling(stop=("END",)))


def said(text, finish="stop", by=None, tokens=40):
    return Completion(text, finish, Usage(9, tokens), stopped_by=by)


@pytest.mark.parametrize(
    "completion, prefix, text, ended, why",
    [
        (said("a", by="\n\n"), "", "a\n\n", False, ""),
        (said("a", by=""), "", "a", True, "the model ended it"),
        (said("a", by="END"), "", "a", True, "it wrote 'END'"),
        (said("a"), "", "a\n\n", False, ""),
        (said("Answer: 42"), "", "Answer: 42", True, "it states its answer"),
        (said("Answer: 42", by="\n\n"), "", "Answer: 42", True, "it states its answer"),
        (said("a", "length"), "", "a", False, ""),
        (said("a", "length", tokens=31), "", "a", True, "cut at the server's own limit"),
        (said("", "length"), "x", "", True, "cut at the server's own limit"),
        (said(" ", by="\n\n"), "x\n\n", "", True, "an empty step"),
        (said("", by="\n\n"), "x", "\n\n", False, ""),
        (said(""), "x\n\n", "", True, "an empty step"),
        (said("", by=""), "x\n\n", "", True, "the model ended it"),
        (said("a", "content_filter"), "", "a", True, "the model stopped with content_filter"),
        (said("a", by="\n\n"), "a\n\n", "a\n\n", False, ""),
        (said(" a", by="\n\n"), "a\n\na\n\n", "", True, "the same step 3 times in a row"),
        (said("a", by="\n\n"), "b\n\na\n\n", "a\n\n", False, ""),
    ],
)
def test_how_a_step_ends(completion, prefix, text, ended, why):
    found = read(completion, prefix, max_tokens=64)
    assert (found.text, found.ended, found.why) == (text, ended, why)


def test_a_chain_that_repeats_itself_and_a_cut_one_are_not_whole():
    assert read(said("a", by="\n\n"), "a\n\na\n\n", max_tokens=64).finish_reason == "length"
    assert read(said("a", "length", tokens=64), "", max_tokens=64).cut
    assert not read(said("a", by="\n\n"), "", max_tokens=64).cut


def test_a_hostile_text_is_searched_in_linear_time():
    assert not states_answer("answer " * 200_000)
    assert not states_answer("*" * 1_000_000)


async def test_siblings_are_one_batch_and_separators_are_put_back():
    model = scripted(lambda r, i: f"step {i} is\n\nnever read", price=FIXED)
    async with run_on(model) as run:
        drawn = await step(run, ASK, "", max_tokens=32, n=3)
    assert [s.text for s in drawn] == [f"step {i} is\n\n" for i in range(3)]
    (request,) = model.requests
    assert (request.n, request.prefix, request.max_output_tokens) == (3, None, 32)
    assert request.sampling.stop == ("END", "\n\n")
    assert len({s.batch for s in drawn}) == 1
    assert run.spent.input_tokens == 6


async def test_equal_prefixes_are_the_same_draws_and_a_later_start_goes_on():
    seeds = []
    for _ in range(2):
        model = scripted(lambda r, i: f"{r.seed} {i}\n\n", price=FIXED, max_n=1)
        async with run_on(model) as run:
            await step(run, ASK, "", max_tokens=32)
            (first,) = await step(run, ASK, "x\n\n", max_tokens=32)
            (other,) = await step(run, ASK, "x\n\n", max_tokens=32, start=1)
        seeds.append((first.seed, other.seed, first.sample, other.sample))
    assert seeds[0] == seeds[1]
    assert seeds[0][0] != seeds[0][1]
    assert seeds[0][2:] == (0, 1)


async def test_one_siblings_failure_is_data_and_a_dead_server_is_none():
    def script(request, index):
        return ProviderError("the server broke") if index == 1 else "fine\n\n"

    async with run_on(scripted(script, price=FIXED, max_n=1)) as run:
        first, broken, third = await step(run, ASK, "", max_tokens=32, n=3)
    assert isinstance(first, Step)
    assert isinstance(third, Step)
    assert str(broken) == "the server broke"
    async with run_on(scripted(lambda r, i: ProviderError("no such key", fatal=True))) as run:
        with pytest.raises(ProviderError, match="no such key"):
            await step(run, ASK, "", max_tokens=32, n=3)


async def test_what_the_budget_refuses_is_data():
    async with run_on(scripted(lambda r, i: "fine\n\n", price=FIXED, max_n=1), nusd=140_000) as run:
        drawn = await step(run, ASK, "", max_tokens=32, n=2)
    assert isinstance(drawn[0], Step)
    assert isinstance(drawn[1], BudgetExceeded)


async def test_a_model_without_the_ability_is_refused_before_the_first_step():
    model = scripted(lambda r, i: "fine", abilities=frozenset({"chat", "n"}))
    async with run_on(model) as run:
        with pytest.raises(MissingAbility, match="lacks the ability prefix"):
            await step(run, ASK, "", max_tokens=32)
    assert model.requests == []


async def test_a_server_that_templates_the_prefix_anew_is_found_by_the_probe_before_the_first_step():
    """The fake repeats nothing of the prefix and opens a new turn, as servers without the option do."""
    async with Upstream("vllm") as up:
        provider = openai_chat("fake", base_url=up.base_url, dialect="vllm", price=FIXED)
        async with run_on(provider) as run:
            for _ in range(2):
                with pytest.raises(MissingAbility, match="opens a new turn instead of continuing"):
                    await step(run, ASK, "", max_tokens=32)
        await provider.close()
    assert up.n_chats == 1


async def test_a_server_that_names_the_stop_string_is_believed():
    chunk = '{"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":"stop","stop_reason":%s}]}'
    texts = [("one", '"\\n\\n"'), ("two", "null")]
    async with Upstream("vllm") as up:
        up.script(
            *(
                raw("".join(f"data: {e}\n\n" for e in (chunk % (text, reason), "[DONE]")).encode())
                for text, reason in texts
            )
        )
        abilities = frozenset({"chat", "prefix"})
        provider = openai_chat("fake", base_url=up.base_url, dialect="vllm", price=FIXED, abilities=abilities)
        async with run_on(provider) as run:
            (one,) = await step(run, ASK, "", max_tokens=32)
            (two,) = await step(run, ASK, one.text, max_tokens=32)
        await provider.close()
    assert (one.text, one.ended) == ("one\n\n", False)
    assert (two.text, two.ended) == ("two", True)
    assert up.last["messages"][-1] == {"role": "assistant", "content": "one\n\n"}


def test_a_step_is_a_value():
    found = read(said("a", by="\n\n"), "", max_tokens=64)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Step) == found
