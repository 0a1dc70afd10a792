"""Regressions: defects found in its_hub 1.2.0 and optillm 0.4.0 that have a counterpart in a client."""

import asyncio
import random

import pytest
from drawing import ask, draw, opened
from upstream import Upstream, chat, status

from outlay.errors import AuthError, BadReply, ProviderError, RateLimited
from outlay.models.retry import delay_s
from outlay.types import Usage


async def failed(provider, request):
    with pytest.raises(ProviderError) as caught:
        await draw(provider, request)
    return caught.value


async def test_a_401_is_an_error_and_never_an_answer():
    """optillm bon.py, moa.py: a 401 came back as HTTP 200 with "Error: Could not generate …" as the answer."""
    async with Upstream(key="right") as up, opened(up, api_key="wrong-key") as provider:
        error = await failed(provider, ask(n=4))
        assert isinstance(error, AuthError)
        assert delay_s(error, 0, random.Random(0)) is None
        assert up.n_chats == 1


async def test_a_failure_is_never_a_message_that_votes():
    """its_hub error replacement: the sentence in place of a failed call was returned as an ordinary message."""
    async with Upstream() as up, opened(up) as provider:
        up.script(status(500, "boom"))
        deltas = provider.stream(ask())
        with pytest.raises(ProviderError):
            await anext(deltas)


async def test_retry_after_is_waited_for():
    """its_hub over HTTP: a Retry-After of 7 s was ignored, all three tries were over in 1.2 s."""
    async with Upstream() as up, opened(up) as provider:
        up.script(status(429, headers={"Retry-After": "7"}))
        error = await failed(provider, ask())
        assert isinstance(error, RateLimited)
        assert delay_s(error, 0, random.Random(0)) >= 7.0


@pytest.mark.parametrize("code", [400, 401, 429, 500, 503])
async def test_no_other_error_counts_as_n_not_supported(code):
    """optillm bon.py, moa.py, majority voting: any error led to n single calls; one 429 cost 12 calls."""
    async with Upstream() as up, opened(up) as provider:
        up.script(status(code, "not n at all"))
        await failed(provider, ask(n=4))
        card = await provider.card()
        assert (up.n_chats, card.max_n, "n" in card.abilities) == (1, 128, True)


async def test_truncation_by_the_bound_is_visible():
    """its_hub app.py: finish_reason was always "stop", so a truncated sample looked finished."""
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a b c", finish="length"))
        assert (await draw(provider, ask())).finishes == {0: "length"}


async def test_truncation_by_the_network_is_an_error():
    """its_hub app.py: a reply that broke off was indistinguishable from a whole one."""
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a b c", cut_after=3))
        assert isinstance(await failed(provider, ask()), BadReply)


async def test_a_long_reply_is_not_killed_while_it_comes():
    """its_hub openai_lm.py: a total limit of 300 s killed long reasoning calls, then paid three times."""
    async with Upstream() as up, opened(up) as provider:
        # A limit on silence, and none on the whole.
        assert (provider._http._connect_s, provider._http._silence_s) == (5.0, 600.0)


async def test_one_client_serves_every_request():
    """optillm server.py get_config: a new HTTP client per request, never closed, leaked files and memory."""
    async with Upstream() as up, opened(up) as provider:
        for _ in range(5):
            await draw(provider, ask())
        pool = provider._http._pool
        assert {c.connection for c in up.calls} == {0}
        assert pool.n_open == 1
        await provider.close()
        assert pool.n_open == 0


async def test_strict_servers_get_no_unknown_field():
    """its_hub openai_lm.py: the dialect was guessed from the URL, and strict servers got unknown fields."""
    known = {"model", "messages", "max_completion_tokens", "stream", "stream_options"}
    async with Upstream() as up, opened(up, dialect=None) as provider:
        await draw(provider, ask())
        assert up.last.keys() == known


async def test_a_vllm_behind_an_openai_path_keeps_its_prefix():
    """its_hub openai_lm.py: a vLLM behind a URL with "openai" in it lost prefix continuation."""
    async with Upstream("vllm") as up:
        up.base_url = up.base_url.replace("/v1", "/openai/v1")
        async with opened(up, dialect=None) as provider:
            up.script(chat(" green"), chat(" 42"))
            assert (await draw(provider, ask(prefix="It is"))).texts == {0: " 42"}
            assert up.last["continue_final_message"] is True


async def test_sampling_parameters_are_sent_and_none_is_dropped():
    """its_hub gateway.py: temperature, max_tokens, stop, seed and response_format were accepted and dropped."""
    form = {"type": "json_object"}
    async with Upstream() as up, opened(up) as provider:
        await draw(
            provider,
            ask(temperature=0.0, stop=("x",), seed=0, max_output_tokens=7, extra={"response_format": form}),
        )
        sent = up.last
    assert (sent["temperature"], sent["stop"], sent["seed"], sent["max_completion_tokens"]) == (
        0.0,
        ["x"],
        0,
        7,
    )
    assert sent["response_format"] == form


@pytest.mark.parametrize("flavour", ["openai", "llama.cpp"])
async def test_usage_of_n_choices_counts_every_output(flavour):
    """optillm server.py: usage had completion tokens only; servers that count each choice were read as one."""
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat("a", "b c", "d e f"))
        drawn = await draw(provider, ask(n=3))
    outputs = drawn.whole.output_tokens if drawn.whole else sum(u.output_tokens for u in drawn.usages.values())
    inputs = {u.input_tokens for u in drawn.usages.values()} or {drawn.whole.input_tokens}
    assert (inputs, outputs) == ({6}, 6)


async def test_conversations_are_not_flattened():
    """optillm parse_conversation: turns became one text, tool results were dropped, "User:" cut answers."""
    messages = (
        {"role": "user", "content": "User: add"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "t", "type": "function"}]},
        {"role": "tool", "tool_call_id": "t", "content": "3"},
    )
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("User: 3", prompt_tokens=1))
        drawn = await draw(provider, ask().__class__(messages=messages, max_output_tokens=5))
        assert up.last["messages"] == list(messages)
    assert drawn.texts == {0: "User: 3"}


async def test_a_cancelled_sample_leaves_the_others_their_turn():
    """its_hub orchestrator.py: a cancelled waiter took a permit for good, and the gateway stopped."""
    hold = asyncio.Event()
    async with Upstream() as up, opened(up, concurrency=1) as provider:
        up.script(chat("a b", hold=hold))
        first = asyncio.create_task(draw(provider, ask()))
        await up.arrived.wait()
        waiting = [asyncio.create_task(draw(provider, ask())) for _ in range(4)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        hold.set()
        assert (await first).texts == {0: "a b"}
        assert (await draw(provider, ask())).whole == Usage(6, 2)
