"""What holds for every provider, and for every kind of server that `openai_chat` speaks to.

The first part finds every provider in `outlay/models` by itself: a class named as its file with a `stream`.
A new file joins by existing. The second part makes the servers misbehave.
"""

import asyncio
import importlib
import inspect
from pathlib import Path

import pytest
from drawing import Drawn, ask, draw, opened
from upstream import Upstream, chat, hang, raw, status

import outlay.models
from outlay.errors import ProviderError
from outlay.models.openai_chat import openai_chat
from outlay.models.provider import ABILITIES, Provider
from outlay.types import Delta

ROOM = Path(outlay.models.__file__).parent


def providers():
    """Every provider class, by its file's name."""
    found = []
    for path in sorted(ROOM.glob("*.py")):
        if f"class {path.stem}" in path.read_text("utf-8"):
            made = getattr(importlib.import_module(f"outlay.models.{path.stem}"), path.stem, None)
            if made is not None and hasattr(made, "stream"):
                found.append(pytest.param(made, id=path.stem))
    return found


PROVIDERS = providers()
FLAVOURS = ["openai", "vllm", "sglang", "llama.cpp"]


def test_the_scan_finds_what_is_there():
    assert "openai_chat" in {p.id for p in PROVIDERS}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_has_every_method_of_the_protocol_with_its_parameters(provider):
    for name in ("card", "stream", "count_input", "count_text", "close"):
        wanted = inspect.signature(getattr(Provider, name)).parameters
        given = inspect.signature(getattr(provider, name)).parameters
        required = [p for p in given.values() if p.default is p.empty]
        assert list(given)[: len(wanted)] == list(wanted), name
        assert len(required) <= len(wanted), name
        assert name == "stream" or inspect.iscoroutinefunction(getattr(provider, name)), name
    assert not inspect.iscoroutinefunction(provider.stream), "stream returns an iterator and is not awaited"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_documented(provider):
    assert provider.__doc__
    for name in ("card", "stream", "count_input", "count_text", "close"):
        assert inspect.getdoc(getattr(provider, name)), name


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_the_card_claims_known_abilities_and_is_kept(flavour):
    async with Upstream(flavour) as up, opened(up) as provider:
        card = await provider.card()
        assert card.abilities <= ABILITIES.keys()
        assert "chat" in card.abilities
        assert await provider.card() is card
        assert ("n" in card.abilities) == (card.max_n > 1)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_every_choice_ends_once_and_usage_comes_in_one_form(flavour, n):
    ends, wholes, parts = [], [], []
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat("one two", "three", cached=1))
        async for delta in provider.stream(ask(n=n)):
            assert isinstance(delta, Delta)
            ends += [delta.choice] if delta.finish_reason else []
            if delta.usage:
                (wholes if delta.choice is None else parts).append(delta)
    assert sorted(ends) == list(range(n))
    counted = [d.usage.output_tokens for d in wholes]
    # A server may count along; then the last word counts.
    assert counted == sorted(counted)
    assert (len(wholes[-1:]), len(parts)) in ((1, 0), (0, n))
    assert n == 1 or len(wholes) < 2
    outputs = sum(counted[-1:]) + sum(d.usage.output_tokens for d in parts)
    assert outputs == sum([2, 1, 2, 1][:n])
    assert {d.usage.input_tokens for d in wholes + parts} == {6}


FAULTS = {
    "bad key": (status(401), False),
    "slow down": (status(429, headers={"Retry-After": "3"}), False),
    "broken": (status(500), False),
    "wrong request": (status(400), False),
    "cut": (chat("a b c", cut_after=3), True),
    "no finish reason": (chat("a b c", finish=None), True),
    "garbage": (raw("data: {\n\n"), True),
    "not a stream": (raw("<html>", content_type="text/html"), True),
    "error inside": (chat("a b c", error={"message": "down", "code": 500}), True),
    "empty": (raw(""), True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_fault_is_one_sentence_and_the_next_call_works(flavour, fault):
    reply, billed = FAULTS[fault]
    async with Upstream(flavour) as up, opened(up, api_key="sk-secret-key") as provider:
        up.script(reply)
        with pytest.raises(ProviderError) as caught:
            await draw(provider, ask())
        error = caught.value
        assert (error.billed, "sk-secret" in str(error), "\n" in str(error)) == (billed, False, False)
        assert str(error).endswith(".")
        assert not (error.fatal and error.retryable)
        assert (await draw(provider, ask())).texts == {0: "answer 0"}
        assert up.n_chats == 2


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_five_hundreds_then_success(flavour):
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(status(500), status(500), chat("42"))
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await draw(provider, ask())
            assert caught.value.retryable
        assert (await draw(provider, ask())).texts == {0: "42"}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_came_before_a_fault_is_delivered(flavour):
    drawn = Drawn()
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat("a b c", cut_after=3))
        with pytest.raises(ProviderError):
            await draw(provider, ask(), drawn)
    assert drawn.texts[0] == "a b"


@pytest.mark.parametrize("mid_stream", [False, True])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_cancelling_stops_the_server_and_leaves_the_provider_usable(flavour, mid_stream):
    never = asyncio.Event()
    async with Upstream(flavour) as up, opened(up, concurrency=1) as provider:
        up.script(chat("a b", hold=never) if mid_stream else hang(never))
        task = asyncio.create_task(draw(provider, ask()))
        await up.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await up.client_left()
        assert (await draw(provider, ask())).texts == {0: "answer 0"}


async def test_closing_twice_is_harmless():
    provider = openai_chat("m", base_url="http://127.0.0.1:1/v1", dialect="openai")
    await provider.close()
    await provider.close()
