"""What every strategy keeps to, whichever file it stands in. A new file joins by existing."""

import asyncio
from random import Random

import msgspec
import pytest
from ledgers import rows

from outlay import plugins
from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BudgetExceeded, NoAnswer, OutlayError, ProviderError, RateLimited
from outlay.run import Run
from outlay.testing import FIXED, Gates, scripted, shop
from outlay.types import Completion, Question, Sample, Sampling, TokenLogprob, Usage, Verdict

NAMES = sorted(plugins.names("strategy"))
ASK = Question.of("What is 6 times 7 ?", id="q1", kind="number", sampling=Sampling(max_output_tokens=16))
TEXTS = ("I say 41", "so it is 42", "42", "perhaps 43 then", "it must be 42")
"""What sample i says, by i modulo 5: 42 three times, and one text longer than another."""


def says(text, request, finish="stop"):
    """A text within the request's bound, with its tokens' log-probabilities where they were asked for."""
    words = text.split()[: request.max_output_tokens]
    if len(words) < len(text.split()):
        text, finish = " ".join(words), "length"
    logprobs = tuple(TokenLogprob(w, -0.1 if w == "42" else -0.5) for w in words)
    wanted = request.sampling.top_logprobs is not None
    return Completion(text, finish, Usage(0, len(words)), logprobs=logprobs if wanted else None)


def judging(request):
    return request.messages[0]["content"].startswith("Judge")


def script(request, index):
    if judging(request):
        return "0.9" if "42" in request.messages[0]["content"] else "0.2"
    return says(TEXTS[index % 5], request)


async def judge(run: Run, question: Question, candidate: Sample) -> Verdict:
    asked = ({"role": "user", "content": f"Judge {candidate.answer} please"},)
    sampling = Sampling(max_output_tokens=4)
    (said,) = await run.complete(asked, role="judge", label=f"judge/{candidate.index}", sampling=sampling)
    return Verdict(float(said.text), float(said.text) > 0.5)


def model(script=script, **more):
    return scripted(script, **{"price": FIXED, "shares_prompt": False, "max_n": 1} | more)


def one_chain(name):
    """Whether its answer is one sample, however many calls write it: what cuts that leaves no answer."""
    module = plugins.module_of(plugins.load("strategy", name))
    return getattr(module, "ONE_CHAIN", False) or module.bound(ASK).calls == 1


def draws_again(name):
    """Whether what fails of its one chain is drawn again."""
    return (plugins.load("strategy", name).__kwdefaults__ or {}).get("redraws", 0) > 0


async def buy(outlay, name, **more):
    return await outlay.buy(ASK, await outlay.plan(name), verifier=judge, **more)


def spent_of(found):
    paid = sum(r["paid_nusd"] for r in found)
    return paid, sum(r["cost_nusd"] for r in found), sum(r["n"] for r in found if r["state"] != "failed")


def test_the_scan_finds_what_is_there():
    assert {"single", "self_consistency", "adaptive", "first_accepted"} <= set(NAMES)


@pytest.mark.parametrize("cap", [{"nusd": 0}, {"calls": 0}, {"output_tokens": 0}, {"input_tokens": 0}])
@pytest.mark.parametrize("name", NAMES)
async def test_a_budget_of_nothing_buys_nothing(name, cap):
    asked = model()
    async with shop(asked, limits=Limits(**cap)) as outlay:
        with pytest.raises(BudgetExceeded):
            await buy(outlay, name)
        assert await rows(outlay.store) == []
    assert asked.requests == []


@pytest.mark.parametrize("usd", [90_001, 150_000, 400_000, 10**7])
@pytest.mark.parametrize("on", ["run", "question"])
@pytest.mark.parametrize("name", NAMES)
async def test_it_stays_inside_any_budget_and_its_cost_is_the_sum_of_the_ledger(name, on, usd):
    limits = Limits(nusd=usd)
    async with shop(model(), limits=limits if on == "run" else None) as outlay:
        answer = await buy(outlay, name, limits=limits if on == "question" else None)
        found = await rows(outlay.store)
    paid, cost, calls = spent_of(found)
    assert paid <= usd
    assert (answer.paid_nusd, answer.cost_nusd, answer.calls) == (paid, cost, calls)
    assert answer.usage.input_tokens == sum(r["input_tokens"] for r in found)
    assert answer.usage.output_tokens == sum(r["output_tokens"] for r in found)
    assert set(outlay.budget.reserved.values()) == {0}
    assert outlay.budget.settled["nusd"] == paid


@pytest.mark.parametrize("name", NAMES)
async def test_settled_use_never_exceeds_its_bound(name):
    async with shop(model(lambda r, i: script(r, i) if judging(r) else says("9 " * 15 + "9", r))) as outlay:
        await outlay.card()
        worst = outlay.bound(ASK, name).by_role
        await buy(outlay, name)
        found = await rows(outlay.store)
    for role in {r["role"] for r in found} & set(worst):
        drawn = [r for r in found if r["role"] == role]
        assert sum(r["n"] for r in drawn) <= worst[role].calls
        assert sum(r["input_tokens"] for r in drawn) <= worst[role].input_tokens
        assert sum(r["output_tokens"] for r in drawn) <= worst[role].output_tokens
    judged = sum(r["role"] not in worst for r in found)
    assert judged <= (worst["verifier"].calls if "verifier" in worst else 0)


def faulty(seed):
    """Every third sample fails at first, one of them for good; the arrivals are in a random order."""
    rng, failed = Random(seed), set()

    def fails(request, index):
        if index % 3 == 2 and not judging(request) and (index == 5 or index not in failed):
            failed.add(index)
            return RateLimited("slow down", retryable=index != 5)
        return script(request, index)

    return fails, rng


async def with_arrivals(outlay, name, gates, rng):
    task = asyncio.create_task(buy(outlay, name))
    while not task.done():
        await asyncio.sleep(0)
        if gates.waiting and not rng.randrange(3):
            gates.open(lambda waiting: rng.randrange(len(waiting)))
    return await task


@pytest.mark.parametrize("name", NAMES)
async def test_a_replay_is_byte_identical_with_the_model_off(name):
    for seed in range(4):
        fails, rng = faulty(seed)
        gates = Gates()
        async with shop(model(fails, gate=gates), seed=seed) as outlay:
            answer = await with_arrivals(outlay, name, gates, rng)
            recorded = (await outlay.store.trace(answer.trace_id)).encode()
        again, trace = await replay(recorded, verifier=judge)
        assert trace == recorded
        assert again == msgspec.structs.replace(answer, trace_id="")


@pytest.mark.parametrize("name", NAMES)
async def test_the_answer_does_not_depend_on_the_order_of_arrival(name):
    answers = set()
    for order in range(6):
        fails, rng = faulty(order)
        gates = Gates()
        async with shop(model(fails, gate=gates), seed=7) as outlay:
            answer = await with_arrivals(outlay, name, gates, rng)
        answers.add(msgspec.json.encode(msgspec.structs.replace(answer, trace_id="", latency_s=0.0)))
    assert len(answers) == 1


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("name", NAMES)
async def test_cancelling_frees_reservations_and_stops_upstream(name, after):
    gates = Gates()
    asked = model(gate=gates)
    async with shop(asked, limits=Limits(nusd=10**8)) as outlay:
        task = asyncio.create_task(buy(outlay, name))
        for _ in range(after):
            while not gates.waiting and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0)
            if gates.waiting:
                gates.open()
        while not gates.waiting and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        held, done = len(gates.waiting), task.done()
        task.cancel()
        if not done:
            with pytest.raises(asyncio.CancelledError):
                await task
        assert set(outlay.budget.reserved.values()) == {0}
        found = await rows(outlay.store)
        assert {r["state"] for r in found} <= {"settled", "failed"}
        assert outlay.budget.settled["nusd"] == sum(r["paid_nusd"] for r in found)
    assert asked.stopped == held
    assert done or held


@pytest.mark.parametrize("n_failing", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
async def test_it_survives_failing_samples_and_says_so(name, n_failing):
    def fails(request, index):
        if index < n_failing and not judging(request):
            return ProviderError("the server broke")
        return script(request, index)

    async with shop(model(fails)) as outlay:
        if one_chain(name) and not draws_again(name):
            with pytest.raises(NoAnswer, match="the server broke"):
                await buy(outlay, name)
            return
        answer = await buy(outlay, name)
    assert answer.key == "42"
    assert any("failed: the server broke" in m for m in answer.missing)


@pytest.mark.parametrize("name", NAMES)
async def test_all_failing_is_a_refusal_and_never_an_answer(name):
    async with shop(model(lambda r, i: ProviderError("the server broke"))) as outlay:
        with pytest.raises(OutlayError, match="the server broke"):
            await buy(outlay, name)
        assert outlay.budget.settled["nusd"] == 0


@pytest.mark.parametrize("name", NAMES)
async def test_truncated_and_answerless_samples_never_vote(name):
    """The wrong answer is in most samples, but all of those are cut; others state none; 42 is in one of four."""
    said = {0: ("41 is the", "length"), 1: ("41", "length"), 2: ("I cannot say", "stop"), 3: ("so 42", "stop")}

    def cut(request, index):
        if judging(request):
            return "0.9"
        text, finish = said[index % 4]
        return says(text, request, finish)

    async with shop(model(cut)) as outlay:
        answer = await buy(outlay, name)
    if one_chain(name):
        assert answer.key is None
    else:
        assert answer.key == "42"
        assert [key for key, _ in answer.candidates] == ["42"]
    assert any("cut at their output bound" in m for m in answer.missing)


async def told_by(buying):
    """Why it stopped, as the answer or the refusal says it."""
    try:
        return (await buying).stopped
    except BudgetExceeded as refusal:
        return str(refusal)


@pytest.mark.parametrize("name", NAMES)
async def test_an_overrun_is_told_and_ends_the_buying(name):
    asked = model(overbill=1000)
    async with shop(asked, limits=Limits(nusd=10**9)) as outlay:
        told = await told_by(buy(outlay, name))
        assert "billed more than was asked for" in told
        found = await rows(outlay.store)
        assert outlay.budget.overrun_nusd == sum(r["overrun_nusd"] for r in found) > 0
        before = len(asked.requests)
        with pytest.raises(BudgetExceeded, match="billed more"):
            await buy(outlay, name)
    assert len(asked.requests) == before
