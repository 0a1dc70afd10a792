"""The cascade in a text environment, end to end with scripted models: as good as the teacher, dearer only at first."""

from random import Random

import msgspec
import pytest
from ledgers import rows
from rooms import Rooms, goal_of, student, teacher

from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BadReply, OutlayError, ProviderError, UsageError
from outlay.money import FREE, Price
from outlay.run import Run
from outlay.strategies.cascade import bound
from outlay.testing import FIXED, embedder, scripted, shop
from outlay.types import Question, Sampling

DEAR = Price(40_000_000_000, 160_000_000_000)
EPISODE = "cascade:environment=rooms:Rooms,audit=0,k=4"


def models(small=student, large=teacher):
    return {
        "default": scripted(lambda r, i: "unused"),
        "small": scripted(small, name="small", price=FIXED, keep=False),
        "large": scripted(large, name="large", price=DEAR, keep=False),
        "embed": embedder(128, price=FREE),
    }


def task(i):
    return Question.of(goal_of(Random(f"goal {i}")), id=f"e{i}", sampling=Sampling(max_output_tokens=40))


async def episodes(n, strategy=EPISODE, asked=None):
    """The answers of n episodes in a row, and the calls of each model by episode."""
    answers, large = [], []
    async with shop(asked or models()) as outlay:
        for i in range(n):
            answers.append(await outlay.ask(task(i), strategy=strategy))
        for row in await rows(outlay.store):
            if row["role"] == "large":
                large.append(int(row["question_id"].split("/")[0][1:]))
    return answers, [large.count(i) for i in range(n)]


def successes(answers):
    return sum(a.answer == "success" for a in answers) / len(answers)


async def test_the_method_is_within_two_points_of_the_teacher_and_defers_less_as_it_learns():
    n = 60
    alone, _ = await episodes(n, "cascade:environment=rooms:Rooms,k=0,n=1,audit=0", models(small=teacher))
    method, large = await episodes(n)
    bare, _ = await episodes(12, "cascade:environment=rooms:Rooms,k=0,n=1,audit=0", models(large=student))
    assert successes(method) >= successes(alone) - 0.02
    assert successes(bare) < successes(method) - 0.3
    steps = [len(a.text.splitlines()) for a in method]
    first, last = sum(large[:15]) / sum(steps[:15]), sum(large[-15:]) / sum(steps[-15:])
    assert last < 0.6 * first
    costs = [a.cost_nusd for a in method]
    assert sum(costs[-15:]) / sum(steps[-15:]) < sum(costs[:15]) / sum(steps[:15])


async def test_an_episode_replays_without_environment_or_models_and_its_cost_is_the_ledgers():
    async with shop(models()) as outlay:
        for i in range(3):
            answer = await outlay.ask(task(i), strategy=EPISODE)
        found = [r for r in await rows(outlay.store) if r["question_id"] == "e2"]
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    assert answer.cost_nusd == sum(r["cost_nusd"] for r in found)
    again, trace = await replay(recorded)
    assert trace == recorded
    assert again == msgspec.structs.replace(answer, trace_id="")


async def test_the_store_is_searched_once_a_step_and_once_for_the_plan(monkeypatch):
    looked = []
    recall = Run.recall

    async def counting(self, key, look):
        looked.append(key)
        return await recall(self, key, look)

    monkeypatch.setattr(Run, "recall", counting)
    async with shop(models()) as outlay:
        answer = await outlay.ask(task(1), strategy=EPISODE)
    assert looked.count("demonstrations") == len(answer.text.splitlines()) + 1


async def test_forced_disagreement_asks_the_large_model_exactly_once_a_step():
    answers, large = await episodes(1, EPISODE, models(small=lambda r, i: f"Answer: wait {i}"))
    assert large[0] == len(answers[0].text.splitlines()) > 0


async def test_failed_episodes_leave_no_demonstrations():
    async with shop(models(small=lambda r, i: "Answer: wait", large=lambda r, i: "Answer: wait")) as outlay:
        answer = await outlay.ask(task(1), strategy=EPISODE)
        assert await outlay.store.demonstrations("local") == []
    assert answer.answer == "failure"
    assert "4 times" in answer.stopped


async def test_steps_that_succeeded_are_verified_and_kept_in_order():
    async with shop(models()) as outlay:
        answer = await outlay.ask(task(1), strategy=EPISODE)
        kept = await outlay.store.demonstrations("local", limit=100)
    steps = sorted((d for d in kept if d["observation"]), key=lambda d: d["position"])
    assert answer.answer == "success"
    assert [d["action"] for d in steps] == answer.text.splitlines()
    assert all(d["verified"] for d in kept)


async def test_a_failing_large_model_is_an_error_and_a_failing_plan_is_not():
    broken = models(
        small=lambda r, i: f"Answer: wait {i}", large=lambda r, i: ProviderError("broke", fatal=True)
    )
    async with shop(broken) as outlay:
        with pytest.raises(OutlayError, match="broke"):
            await outlay.ask(task(1), strategy=EPISODE)

    def no_plan(request, index):
        return (
            BadReply("no plan today") if "numbered plan" in str(request.messages) else student(request, index)
        )

    async with shop(models(small=no_plan)) as outlay:
        answer = await outlay.ask(task(1), strategy=EPISODE)
    assert answer.answer == "success"
    assert any("no plan" in m for m in answer.missing)


async def test_a_budget_that_ends_in_the_middle_says_after_how_many_steps():
    async with shop(models(), limits=Limits(calls=20)) as outlay:
        answer = await outlay.ask(task(1), strategy=EPISODE)
    assert answer.answer in ("failure", "success")
    if answer.answer == "failure":
        assert "the budget ended after" in answer.stopped or answer.refused


class Liar:
    rules = "Anything."

    def __init__(self, goal, seed):
        pass

    def reset(self):
        return "not what it should be"

    step = reset


OBSERVATION = Rooms("Bring the key to the hall.", 0).reset()["observation"]


class Broken:
    """Fails at its first step."""

    rules = "Anything."

    def __init__(self, goal, seed):
        pass

    def reset(self):
        return {"observation": OBSERVATION}

    async def step(self, action):
        raise ValueError("the floor gave way")


def unmade(goal, seed):
    raise OSError("no rooms left")


def empty(goal, seed):
    return goal


async def later(goal, seed):
    return Broken(goal, seed)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rooms:Nothing", "cannot be imported"),
        (f"{__name__}:Liar", "observation"),
        ("rooms", "is to be written as package.module:make."),
        ("os:getcwd", "could not be made: TypeError"),
        (f"{__name__}:empty", "no environment: what it makes has no rules and no reset and no step."),
        (f"{__name__}:unmade", "could not be made: OSError: no rooms left."),
        (f"{__name__}:later", "it is a coroutine"),
    ],
)
async def test_an_environment_that_is_none_is_refused(name, told):
    async with shop(models()) as outlay:
        with pytest.raises(UsageError, match=told):
            await outlay.ask(task(1), strategy=f"cascade:environment={name}")
        assert await rows(outlay.store) == []


async def test_an_environment_that_fails_ends_its_episode_as_a_failure_that_replays():
    async with shop(models()) as outlay:
        answer = await outlay.ask(task(1), strategy=f"cascade:environment={__name__}:Broken")
        trace = (await outlay.store.trace(answer.trace_id)).encode()
    assert answer.answer == "failure"
    assert "The environment failed: ValueError: the floor gave way." in answer.stopped
    assert (await replay(trace))[1] == trace


async def test_settled_use_stays_inside_the_bound():
    async with shop(models()) as outlay:
        await outlay.ask(task(1), strategy=EPISODE)
        found = await rows(outlay.store)
    worst = bound(task(1), environment="rooms:Rooms", k=4).by_role
    for role in ("small", "large", "embed"):
        assert sum(r["n"] for r in found if r["role"] == role) <= worst[role].calls
        assert sum(r["input_tokens"] for r in found if r["role"] == role) <= worst[role].input_tokens
        assert sum(r["output_tokens"] for r in found if r["role"] == role) <= worst[role].output_tokens
