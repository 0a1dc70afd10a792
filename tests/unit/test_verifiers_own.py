"""A Python function as a verifier: what it may return, what its faults become, and what the trace keeps."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest
from judged import QUESTION, candidate, run_with

from outlay import plugins
from outlay.errors import ProviderError, UsageError
from outlay.types import Verdict
from outlay.verifiers._own import as_verifier


async def verdict(target, text="391", parameters=None, **options):
    async with run_with() as run:
        return await as_verifier(target, parameters, **options)(run, QUESTION, candidate(text))


async def asynchronous(question, answer):
    await asyncio.sleep(0)
    return answer == "391" and "17" in question.messages[0]["content"]


class Checker:
    async def __call__(self, answer):
        return 0.75


@pytest.mark.parametrize(
    "target, score, accepted",
    [
        (lambda answer: answer == "391", 1.0, True),
        (lambda answer: False, 0.0, False),
        (lambda question, answer: 0.25 if question.id == "q" else 1.0, 0.25, False),
        (lambda answer: Verdict(0.9, False, "own rule"), 0.9, False),
        (lambda answer: 1, 1.0, True),
        (asynchronous, 1.0, True),
        (Checker(), 0.75, True),
    ],
)
async def test_what_a_function_may_return(target, score, accepted):
    said = await verdict(target)
    assert (said.score, said.accepted) == (score, accepted)


@pytest.mark.parametrize("value", [None, 3.2, -0.1, float("nan"), "0.5", [1], Verdict(7.0, True)])
async def test_another_value_is_a_failure_that_names_the_function(value):
    def my_check(answer):
        return value

    with pytest.raises(
        ProviderError, match=r"my_check returned .* it must return True, False or a score from 0 to 1"
    ):
        await verdict(my_check)


@pytest.mark.parametrize(
    "error", [ValueError("bad digit"), KeyError("x"), SystemExit(3), StopIteration(), TimeoutError()]
)
async def test_an_error_inside_is_one_sentence_that_names_the_function(error):
    def my_check(answer):
        raise error

    with pytest.raises(ProviderError, match=r"my_check failed with \w+") as raised:
        await verdict(my_check)
    assert not raised.value.fatal


async def test_keyword_parameters_are_bound():
    def longer(answer, *, than: int = 0):
        return len(answer) > than

    assert (await verdict(longer, parameters={"than": 2})).accepted
    assert not (await verdict(longer, parameters={"than": 3})).accepted


async def test_a_plugin_is_bound_to_its_parameters():
    spec = plugins.spec("verifier", "judge:threshold=0.9")
    async with run_with(lambda request, index: "Score: 7") as run:
        said = await as_verifier(spec.target, spec.parameters)(run, QUESTION, candidate("391"))
        assert not said.accepted


async def test_a_function_that_hangs_is_left_behind():
    release = threading.Event()
    try:
        with pytest.raises(ProviderError, match=r"took longer than 0.05 s"):
            await verdict(lambda answer: release.wait(30), timeout_s=0.05)
    finally:
        release.set()


async def test_its_result_is_replayed_without_calling_it():
    calls = []

    def count(answer):
        calls.append(answer)
        return 0.7

    async with run_with() as run:
        first = await as_verifier(count)(run, QUESTION, candidate("391"))
        recorded = run.door.trace.encode()
    async with run_with(trace=recorded) as run:
        again = await as_verifier(count)(run, QUESTION, candidate("391"))
        assert run.door.trace.encode() == recorded
    assert again == first
    assert calls == ["391"]


@pytest.mark.parametrize("target", [lambda: True, lambda a, b, c, d: True, 7])
def test_what_is_no_check_is_refused(target):
    with pytest.raises(UsageError):
        as_verifier(target)


async def test_a_coroutine_that_comes_too_late_is_closed():
    """An async function whose call itself takes too long: nobody awaits what it made, so it is not left open."""
    late, made = threading.Event(), []

    async def opinion():
        raise AssertionError

    def slow(answer):
        late.wait()
        made.append(opinion())
        return made[0]

    with pytest.raises(ProviderError, match="took longer"):
        await verdict(slow, timeout_s=0.01)
    late.set()
    while not made or inspect.getcoroutinestate(made[0]) != inspect.CORO_CLOSED:  # noqa: ASYNC110
        await asyncio.sleep(0)
