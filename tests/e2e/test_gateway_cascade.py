"""A cascade over HTTP: two models and hashed words, learning from what the large one answered; no code by request."""

from __future__ import annotations

import openai
import pytest
from gateways import entry, gateway
from upstream import Upstream, chat

from outlay.config import Config

STRATEGY = {"kind": "number", "parameters": {"audit": 0.0}}


def selling(small: Upstream, large: Upstream) -> Config:
    roles = {"small": "s", "large": "l", "embed": "words/384"}
    return Config(
        default="l",
        roles=roles,
        models={"s": entry(small), "l": entry(large, input_usd_per_mtok=40, output_usd_per_mtok=160)},
    )


async def buy(gate, text, **options):
    asked = [{"role": "user", "content": text}]
    extra = {"outlay": {**STRATEGY, **options}}
    return await gate.client("none").chat.completions.create(
        model="outlay/cascade", messages=asked, extra_body=extra
    )


async def test_what_the_large_model_solved_is_shown_to_the_small_one_with_the_next_question():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        small.script(chat("Answer: 0", "Answer: 1", "Answer: 2"))
        large.always(chat("Answer: 42"))
        first = await buy(gate, "How much is 6 * 7?")
        small.always(chat("Answer: 48"))
        second = await buy(gate, "How much is 6 * 8?")
        shown = str(small.calls[-1].body["messages"])
    assert (first.model_extra["outlay"]["answer"], second.model_extra["outlay"]["answer"]) == ("42", "48")
    assert large.n_chats == 1
    assert "How much is 6 * 7?" in shown
    assert "Answer: 42" in shown


async def test_a_request_cannot_name_an_environment_to_import():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        with pytest.raises(openai.BadRequestError, match="the operator's to set"):
            await buy(gate, "Bring the key.", parameters={"environment": "os:system"})
        assert small.n_chats == large.n_chats == 0


async def test_a_model_that_only_embeds_answers_clients_of_the_gateway_too_and_no_chat():
    async with Upstream() as up:
        models = {"m": entry(up), "e": entry(up, embeds=True)}
        async with gateway(Config(default="m", models=models)) as gate:
            reply = await gate.client("none").embeddings.create(model="e", input=["a text", "another"])
            with pytest.raises(openai.APIStatusError, match="answers no chat"):
                await gate.client("none").chat.completions.create(
                    model="e", messages=[{"role": "user", "content": "?"}]
                )
        assert len(reply.data) == 2
        assert up.n_chats == 0
