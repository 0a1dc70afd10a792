"""What every framing keeps to, whichever file it stands in. A new file joins by existing."""

import inspect

import msgspec
import pytest
from ledgers import rows

from outlay import plugins
from outlay.answering import replay
from outlay.budget import Limits
from outlay.door.bounds import text_bound
from outlay.errors import BudgetExceeded, UsageError
from outlay.framings._bound import framed
from outlay.run import Run
from outlay.testing import FIXED, scripted, shop
from outlay.types import Bound, Completion, Question, Sample, Sampling, TokenLogprob, Usage, Verdict

NAMES = sorted(plugins.names("framing"))
EXAMPLES = {"sample_framings:reminder": {}, "sample_framings:bought_hint": {}}
"""Parameters of framings that cannot be used without any, and the framings of the tests themselves."""
FRAMINGS = [*NAMES, *(name for name in EXAMPLES if ":" in name)]
STRATEGIES = sorted(plugins.names("strategy"))
ASK = Question.of("What is 6 times 7 ?", id="q1", kind="number", sampling=Sampling(max_output_tokens=16))
CONVERSATION = Question(
    "q2",
    (
        {"role": "system", "content": "You know sums."},
        {"role": "user", "content": "A box holds 6 rows of 7 eggs."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": [{"type": "text", "text": "How many eggs?"}]},
    ),
    "number",
    sampling=Sampling(max_output_tokens=16),
)
SECRET = "The key is 4117"


def script(request, index):
    if request.messages[0]["content"].startswith("Judge"):
        return "0.9" if "42" in request.messages[0]["content"] else "0.2"
    words = ("so it is 42", "42", "I say 41")[index % 3].split()
    logprobs = tuple(TokenLogprob(w, -0.1) for w in words)
    wanted = request.sampling.top_logprobs is not None
    return Completion(" ".join(words), "stop", Usage(0, len(words)), logprobs=logprobs if wanted else None)


async def judge(run: Run, question: Question, candidate: Sample) -> Verdict:
    """A verifier that knows the key, which nothing that is sent may hold."""
    assert SECRET
    asked = ({"role": "user", "content": f"Judge {candidate.answer} please"},)
    sampling = Sampling(max_output_tokens=4)
    (said,) = await run.complete(asked, role="judge", label=f"judge/{candidate.index}", sampling=sampling)
    return Verdict(float(said.text), True)


def model():
    return scripted(script, price=FIXED, shares_prompt=False, max_n=1)


async def plan_of(outlay, strategy, framing):
    plan = await outlay.plan(strategy)
    return msgspec.structs.replace(plan, framings=((framing, EXAMPLES.get(framing, {})),))


async def buy(outlay, strategy, framing, question=ASK, **more):
    return await outlay.buy(question, await plan_of(outlay, strategy, framing), verifier=judge, **more)


@pytest.mark.parametrize("name", FRAMINGS)
def test_it_takes_a_run_and_a_question_and_states_its_worst_case(name):
    target = plugins.load("framing", name)
    assert list(inspect.signature(target).parameters)[:2] == ["run", "question"]
    assert inspect.iscoroutinefunction(target)
    module = plugins.module_of(target)
    assert module.adds(ASK, **EXAMPLES.get(name, {})) > 0
    assert module.bound(ASK, **EXAMPLES.get(name, {})).calls >= 0
    known = {p.name for p in plugins.parameters(target)}
    assert set(getattr(module, "OPERATORS", ())) <= known


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", FRAMINGS)
async def test_it_composes_with_every_strategy_metered_and_replayed_exactly(name, strategy):
    asked = model()
    async with shop(asked) as outlay:
        answer = await buy(outlay, strategy, name)
        found = await rows(outlay.store)
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    assert answer.text
    assert answer.cost_nusd == sum(r["cost_nusd"] for r in found) > 0
    assert answer.calls == sum(r["n"] for r in found)
    assert answer.plan.framings[0][0] == name
    again, trace = await replay(recorded, verifier=judge)
    assert trace == recorded
    assert again == msgspec.structs.replace(answer, trace_id="")


@pytest.mark.parametrize("name", FRAMINGS)
async def test_nothing_it_sends_holds_the_key(name):
    asked = model()
    async with shop(asked) as outlay:
        await buy(outlay, "first_accepted", name)
    assert all(SECRET not in str(request.messages) for request in asked.requests)


@pytest.mark.parametrize("question", [ASK, CONVERSATION], ids=lambda q: q.id)
@pytest.mark.parametrize("name", FRAMINGS)
async def test_its_growth_is_bounded_and_nothing_that_was_asked_is_lost(name, question):
    asked = model()
    async with shop(asked) as outlay:
        await buy(outlay, "single", name, question)
    sent = asked.requests[-1]
    module = plugins.module_of(plugins.load("framing", name))
    plain = model()
    async with shop(plain) as outlay:
        await outlay.ask(question)
    before = text_bound(plain.requests[0].messages, question.sampling)
    grown = text_bound(sent.messages, sent.sampling)
    assert grown - before <= module.adds(question, **EXAMPLES.get(name, {}))
    for message in question.messages:
        text = message["content"] if isinstance(message["content"], str) else message["content"][0]["text"]
        assert text in str(sent.messages)
    assert question.messages[0]["role"] != "system" or "You know sums." in sent.messages[0]["content"]


@pytest.mark.parametrize("name", FRAMINGS)
async def test_settled_use_stays_within_the_stated_worst_case(name):
    asked = model()
    async with shop(asked) as outlay:
        await outlay.card()
        worst = outlay.bound(ASK, "self_consistency:n=3", ((name, EXAMPLES.get(name, {})),)).by_role
        await buy(outlay, "self_consistency", name, limits=Limits(calls=worst["default"].calls))
        found = await rows(outlay.store)
    for role, most in worst.items():
        drawn = [r for r in found if r["role"] == role]
        assert sum(r["n"] for r in drawn) <= most.calls
        assert sum(r["bound_input_tokens"] for r in drawn if r["n"]) <= most.input_tokens
        assert sum(r["output_tokens"] for r in drawn) <= most.output_tokens


@pytest.mark.parametrize("name", FRAMINGS)
async def test_a_budget_of_nothing_buys_nothing(name):
    asked = model()
    async with shop(asked, limits=Limits(nusd=0)) as outlay:
        with pytest.raises(BudgetExceeded):
            await buy(outlay, "single", name)
        assert await rows(outlay.store) == []
    assert asked.requests == []


def test_no_framing_leaves_a_bound_as_it_is():
    assert framed(ASK, Bound({}), ()) == Bound({})


async def test_framings_apply_in_order_and_the_instruction_comes_last():
    asked = model()
    async with shop(asked) as outlay:
        plan = await outlay.plan("single")
        around = (
            ("sample_framings:reminder", {"text": "One."}),
            ("sample_framings:reminder", {"text": "Two."}),
            ("sample_framings:bought_hint", {}),
        )
        await outlay.buy(ASK, msgspec.structs.replace(plan, framings=around))
    sent = asked.requests[-1].messages
    assert sent[0]["content"] == "One.\n\nTwo."
    assert sent[1]["content"].startswith("so it is 42\n\nWhat is 6 times 7 ?\n\nThink step by step")


async def test_a_recorded_model_refuses_what_it_cannot_read():
    asked = model()
    card = await asked.card()

    async def recorded():
        return msgspec.structs.replace(card, identity="recorded/abc/0")

    asked.card = recorded
    async with shop(asked) as outlay:
        with pytest.raises(UsageError, match="was recorded"):
            await buy(outlay, "single", "sample_framings:reminder")
