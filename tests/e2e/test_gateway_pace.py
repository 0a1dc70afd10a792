"""Headers that say how a key's quotas stand, and counters by tag that stay few."""

from __future__ import annotations

from gateways import config, gateway
from quotas import key
from upstream import Upstream

from outlay.errors import StoreError
from outlay.gateway.metrics import MOST_TAGS, Metrics
from outlay.types import Answer

BODY = {"model": "m", "messages": [{"role": "user", "content": "6 * 7?"}], "max_completion_tokens": 10}


async def ask(gate, secret, body=BODY):
    return await gate.post("/v1/chat/completions", body, Authorization=f"Bearer {secret}")


def stand(headers):
    return {
        name.removeprefix("x-ratelimit-"): v for name, v in headers.items() if name.startswith("x-ratelimit-")
    }


async def test_every_reply_says_what_is_left_of_the_minute_refusals_too():
    async with Upstream() as up, gateway(config(up)) as gate:
        _, secret = await key(gate.state.accounts, requests_per_minute=2, tokens_per_minute=1000)
        first = await ask(gate, secret)
        stream = await ask(gate, secret, BODY | {"stream": True})
        refused = await ask(gate, secret)
    read, written = first[1]["usage"]["prompt_tokens"], first[1]["usage"]["completion_tokens"]
    assert stand(first[2]) == {
        "limit-requests": "2",
        "remaining-requests": "1",
        "reset-requests": "60s",
        "limit-tokens": "1000",
        "remaining-tokens": str(1000 - read - written),
        "reset-tokens": "60s",
    }
    assert stand(stream[2])["remaining-requests"] == "0"
    assert (refused[0], stand(refused[2])["remaining-requests"]) == (429, "0")
    assert int(refused[2]["retry-after"]) > 0


async def test_a_key_without_limits_by_the_minute_and_local_use_get_no_such_headers():
    async with Upstream() as up, gateway(config(up)) as gate:
        local = await gate.post("/v1/chat/completions", BODY)
        _, secret = await key(gate.state.accounts, concurrency=4)
        keyed = await ask(gate, secret)
    assert (local[0], keyed[0]) == (200, 200)
    assert stand(local[2]) == stand(keyed[2]) == {}


async def test_a_ledger_that_cannot_be_read_costs_the_headers_and_not_the_reply():
    async with Upstream() as up, gateway(config(up)) as gate:
        _, secret = await key(gate.state.accounts, requests_per_minute=5)

        async def broken(owner, at_us):
            raise StoreError("the disk is gone")

        gate.state.accounts.used = broken
        reply = await ask(gate, secret)
    assert (reply[0], stand(reply[2])) == (200, {})


async def test_tags_are_counted_where_they_are_sent():
    async with Upstream() as up, gateway(config(up)) as gate:
        await gate.post("/v1/chat/completions", BODY | {"outlay": {"tags": {"team": "search"}}})
        await gate.post("/v1/embeddings", {"model": "m", "input": "a", "outlay": {"tags": {"team": "search"}}})
        _, told, _ = await gate.get("/metrics")
    assert 'outlay_tag_calls_total{tag="team",value="search"} 2.0' in told.decode().splitlines()


def test_tags_are_counted_apart_as_long_as_they_are_few():
    metrics = Metrics()
    for number in range(MOST_TAGS + 5):
        metrics.tagged({"user": f"u{number}"}, Answer("q", "42", calls=1))
    counted = [line for line in metrics.exposition().decode().splitlines() if "tag_calls_total{" in line]
    assert len(counted) == MOST_TAGS + 1
    assert 'outlay_tag_calls_total{tag="other",value="other"} 5.0' in counted
