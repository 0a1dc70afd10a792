"""The webhook verifier: what a service is asked, what it may reply, and what is a failure."""

from __future__ import annotations

import threading

import pytest
from hooks import Hook, verdict
from judged import QUESTION, candidate, run_with

from outlay.errors import ProviderError, UsageError
from outlay.verifiers.webhook import LARGEST, ready, webhook


async def judged(reply, text="17 * 23 = 391", **parameters):
    with Hook(lambda asked: reply) as hook:
        async with run_with() as run:
            return await webhook(run, QUESTION, candidate(text), url=hook.url, **parameters), hook


async def test_the_service_sees_question_answer_and_text_and_its_words_are_kept():
    found, hook = await judged(verdict(score=0.75, accepted=False, why="one of\nfour rules"))
    assert (found.score, found.accepted, found.why) == (0.75, False, "one of four rules")
    (asked,) = hook.asked
    assert set(asked) == {"question", "answer", "kind", "text"}
    assert asked["text"] == "17 * 23 = 391"
    assert asked["kind"] == "number"
    assert "17 * 23" in asked["question"]
    assert "Authorization" not in hook.headers[0]


@pytest.mark.parametrize(
    ("score", "threshold", "accepted"), [(0.5, 0.5, True), (0.4, 0.5, False), (0.4, 0.3, True)]
)
async def test_without_a_verdict_the_threshold_decides(score, threshold, accepted):
    found, _ = await judged(verdict(score=score), threshold=threshold)
    assert found.accepted is accepted


async def test_the_secret_comes_from_the_environment_and_is_not_told(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "very-secret-word")
    found, hook = await judged(verdict(score=1), secret_env="HOOK_SECRET")
    assert found.accepted
    assert hook.headers[0]["Authorization"] == "Bearer very-secret-word"
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(UsageError, match="set HOOK_SECRET"):
        ready(url=hook.url, secret_env="HOOK_SECRET")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (verdict(500, score=1), "status 500"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b"{}"), "status 302"),
        (verdict(score=1.5), "did not reply with a score"),
        (verdict(score="1"), "did not reply with a score"),
        (verdict(accepted=True), "did not reply with a score"),
        ((200, {}, b"\xff\xfe"), "did not reply with a score"),
        ((200, {}, b'{"score": NaN}'), "did not reply with a score"),
        ((200, {}, b" " * (LARGEST + 10) + b'{"score": 1}'), "more than"),
    ],
)
async def test_anything_else_is_a_failure_and_costs_its_seconds(reply, told):
    with Hook(lambda asked: reply) as hook:
        async with run_with() as run:
            with pytest.raises(ProviderError, match=told):
                await webhook(run, QUESTION, candidate("391"), url=hook.url)
            assert run.spent.calls == 1
            assert run.budget.in_flight == 0
    assert len(hook.asked) == 1


async def test_a_silent_service_is_left_after_its_time():
    asleep = threading.Event()

    def wait(asked):
        asleep.wait(5)
        return verdict(score=1)

    with Hook(wait) as hook:
        async with run_with() as run:
            with pytest.raises(ProviderError):
                await webhook(run, QUESTION, candidate("391"), url=hook.url, timeout_s=0.05)
        asleep.set()


async def test_a_service_that_is_not_there_is_a_failure():
    async with run_with() as run:
        with pytest.raises(ProviderError, match="refuses connections"):
            await webhook(run, QUESTION, candidate("391"), url="http://127.0.0.1:9/check")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:9", "http://", "http://user:pw@127.0.0.1/"])
def test_only_addresses_of_services_are_taken(url):
    with pytest.raises(UsageError, match="https://host/path"):
        ready(url=url)
