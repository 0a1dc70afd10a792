"""What cannot work is refused before a cent is spent, with a sentence that says what to do."""

from __future__ import annotations

import pytest

from outlay.engine import Outlay
from outlay.errors import MissingAbility, UsageError
from outlay.models.scripted import scripted
from outlay.verifiers import code_tests


def answering(request, index):
    return "```python\ndef solve(xs): return 1\n```"


@pytest.fixture
async def shop():
    model = scripted(answering)
    async with Outlay(model, store=":memory:") as outlay:
        yield outlay, model


async def refused(shop, verifier, **options):
    outlay, model = shop
    with pytest.raises((UsageError, MissingAbility)) as caught:
        await outlay.ask("Write solve(xs).", strategy="best_of_n:n=2", verifier=verifier, **options)
    assert model.requests == [], "something was bought"
    return str(caught.value)


async def test_tests_without_a_check_are_refused_first(shop):
    assert "hold no check" in await refused(shop, "code_tests:tests='x = 1'", kind="code")


async def test_a_missing_sandbox_is_refused_first(shop, monkeypatch):
    monkeypatch.setattr(code_tests, "probe", lambda: "There is no sandbox here; install bubblewrap.")
    assert "install bubblewrap" in await refused(shop, "code_tests:tests='assert solve([]) == 1'", kind="code")


async def test_a_model_without_logprobs_cannot_be_sharpened():
    model = scripted(answering, abilities=frozenset({"chat"}))
    async with Outlay(model, store=":memory:") as outlay:
        with pytest.raises(MissingAbility, match="logprobs"):
            await outlay.ask("2?", strategy="sharpen", kind="number")
    assert model.requests == []
