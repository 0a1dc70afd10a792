"""Images, files and sounds under limits: never reserved at nothing, and refused where a limit is in dollars."""

from __future__ import annotations

import pytest
from gateways import config, gateway
from ledgers import rows
from quotas import key
from upstream import Upstream

from outlay.door.bounds import IMAGE_TOKENS

CHAT = "/v1/chat/completions"
QUOTE = "/v1/outlay/quote"
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}


def body(*parts, **more):
    content = [{"type": "text", "text": "What is this?"}, *parts]
    return {
        "model": "m",
        "messages": [{"role": "user", "content": content}],
        "max_completion_tokens": 10,
        **more,
    }


async def asked(gate, sent, **quota):
    """The reply to a request with a key of this quota."""
    _, secret = await key(gate.state.accounts, **quota)
    gate.state.keys_asked_s = float("-inf")
    return await gate.post(CHAT, sent, authorization=f"Bearer {secret}")


@pytest.mark.parametrize("part", [IMAGE, FILE])
@pytest.mark.parametrize("model", ["m", "outlay/single"])
async def test_a_key_with_a_limit_in_dollars_may_not_send_what_nobody_can_price(part, model):
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await asked(gate, body(part, model=model), nusd_per_day=10**9)
        assert (code, told["error"]["code"]) == (402, "unknown_price")
        assert "send text alone" in told["error"]["message"]
        assert (up.n_chats, await rows(gate.state.outlay.store)) == (0, [])


async def test_an_image_whose_tokens_are_stated_is_reserved_at_them_and_settled_at_what_it_took():
    async with Upstream() as up, gateway(config(up, image_tokens=2_000)) as gate:
        code, _, _ = await asked(gate, body(IMAGE, IMAGE), nusd_per_day=10**9)
        (row,) = await rows(gate.state.outlay.store)
        assert (code, row["state"]) == (200, "settled")
        assert row["bound_input_tokens"] > 4_000
        assert row["bound_nusd"] > 4_000_000
        code, told, _ = await asked(gate, body(IMAGE), nusd_per_day=1_000_000)
        assert (code, told["error"]["code"]) == (429, "usd_per_day")


async def test_without_a_limit_in_dollars_an_image_counts_as_a_large_one_and_its_price_is_open():
    async with Upstream() as up, gateway(config(up)) as gate:
        code, _, _ = await asked(gate, body(IMAGE))
        (row,) = await rows(gate.state.outlay.store)
        assert (code, row["bound_nusd"], row["cost_nusd"] > 0) == (200, None, True)
        assert row["bound_input_tokens"] > IMAGE_TOKENS
        code, told, _ = await asked(gate, body(IMAGE), tokens_per_minute=1_000)
        assert (code, told["error"]["code"]) == (429, "tokens_per_minute")


async def test_a_free_model_may_be_shown_anything():
    free = {"input_usd_per_mtok": None, "output_usd_per_mtok": None, "free": True}
    async with Upstream() as up, gateway(config(up, **free)) as gate:
        code, told, _ = await asked(gate, body(IMAGE, FILE), nusd_per_day=1)
        assert (code, told["outlay"]["cost_usd"]) == (200, 0)


@pytest.mark.parametrize("model", ["m", "outlay/single"])
async def test_a_quote_counts_the_images_of_every_call(model):
    async with Upstream() as up, gateway(config(up, image_tokens=2_000)) as gate:
        (_, text, _), (_, shown, _) = [
            await gate.post(QUOTE, body(*parts, model=model)) for parts in ((), (IMAGE, IMAGE))
        ]
        images = 4_000 * shown["worst_calls"]
        assert shown["worst_input_tokens"] == text["worst_input_tokens"] + images
        assert shown["worst_usd"] == pytest.approx(text["worst_usd"] + images * 1e-6)
        assert up.n_chats == 0


@pytest.mark.parametrize("part", [IMAGE, FILE])
async def test_a_quote_has_no_price_for_what_nobody_can_price(part):
    async with Upstream() as up, gateway(config(up)) as gate:
        _, told, _ = await gate.post(QUOTE, body(part, model="outlay/single"))
        assert (told["worst_usd"], told["expected_usd"]) == (None, None)
        assert told["worst_input_tokens"] > 0
