"""What a tenant is told when an upstream fails: the model, and never an address, a key, a program or a document."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from gateways import config, entry, gateway
from quotas import key
from upstream import Upstream, chat, disconnect, raw, status

from outlay.config import Config
from outlay.config.plans import PlanEntry
from outlay.models import retry

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "6 * 7?"}]}
STORED = "sk-stored-1234567890"


def failures(up):
    """One reply for each way in which an upstream fails."""
    there = f"no route to {up.base_url}/chat/completions with Bearer {STORED}"
    return {
        "401": status(401, f"Incorrect API key provided: {STORED}"),
        "402": status(402, there),
        "403": status(403, there),
        "404": status(404, there),
        "400": status(400, there),
        "413": status(413, there),
        "429": status(429, there, type="insufficient_quota"),
        "slow": status(429, there, headers={"Retry-After": "600"}),
        "500": status(500, there, type=STORED, param=STORED),
        "302": status(302, there, headers={"Location": up.base_url}),
        "cut": chat("one two three", cut_after=1),
        "gone": disconnect(),
        "html": raw(f"<html>{there}</html>", content_type="text/html"),
        "event": raw("data: nonsense\n\n"),
        "inside": chat("one two", error={"message": there, "code": 500}),
        "empty": raw(""),
    }


async def secret_of(gate, role):
    _, secret = await key(gate.state.accounts, role, role=role)
    gate.state.keys_asked_s = float("-inf")
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["m", "outlay/single"])
async def test_no_failure_shows_a_tenant_the_address_or_the_key_and_the_log_says_where_it_was(
    model, stream, monkeypatch
):
    monkeypatch.setenv("NO_SUCH_KEY", STORED)
    monkeypatch.setattr(retry, "FIRST_DELAY_S", 0.0)
    async with Upstream() as up, gateway(config(up)) as gate:
        host = urlsplit(up.base_url).netloc
        tenant = await secret_of(gate, "buyer")
        for name, failure in failures(up).items():
            up.always(failure)
            seen = await gate.post(CHAT, {**BODY, "model": model, "stream": stream}, **tenant)
            said = str(seen)
            assert "error" in said, name
            assert (host in said, STORED in said, "127.0.0.1" in said) == (False, False, False), (name, said)
            assert gate.log[-1].get("upstream") in (host, up.base_url), name
        assert STORED not in str(gate.log)


async def test_an_upstream_that_is_not_there_at_all_is_told_without_its_address():
    async with Upstream() as up:
        gone = config(up)
        host = urlsplit(up.base_url).netloc
    async with gateway(gone) as gate:
        tenant, operator = await secret_of(gate, "buyer"), await secret_of(gate, "operator")
        code, told, _ = await gate.post(CHAT, BODY, **tenant)
        assert code == 502
        assert told["error"]["message"].startswith("The model's server refuses connections")
        code, told, _ = await gate.post(CHAT, BODY, **operator)
        assert host in told["error"]["message"]


async def test_this_machines_own_user_sees_the_address():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(500, "no"))
        _, told, _ = await gate.post(CHAT, BODY)
        assert urlsplit(up.base_url).netloc in told["error"]["message"]


async def test_what_is_missing_and_the_trace_have_no_address_for_a_tenant():
    spare = PlanEntry(strategy="self_consistency", kind="number", parameters={"n": 2}, models=("n", "m"))
    async with Upstream() as up, Upstream(model="spare") as other:
        models = {"m": entry(up), "n": entry(other)}
        async with gateway(Config(default="m", models=models, plans={"p": spare})) as gate:
            tenant, operator = await secret_of(gate, "buyer"), await secret_of(gate, "operator")
            hosts = [urlsplit(server.base_url).netloc for server in (up, other)]
            up.always(chat("Answer: 42"))
            other.always(status(503, f"down at {other.base_url}"))
            asked = {**BODY, "model": "p", "messages": [{"role": "user", "content": f"What is {hosts[0]}?"}]}
            _, told, _ = await gate.post(CHAT, asked, **tenant)
            assert not any(host in str(told) for host in hosts)
            at = f"/v1/outlay/traces/{told['outlay']['trace_id']}"
            _, seen, _ = await gate.get(at, **tenant)
            _, whole, _ = await gate.get(at, **operator)
        question = seen["events"][0].pop("question")
        assert hosts[0] in str(question["messages"])
        assert not any(host in str(seen) for host in hosts)
        assert "The model's server failed (503)" in str(seen)
        assert all(host in str(whole) for host in hosts)
        assert [e["event"] for e in seen["events"]] == [e["event"] for e in whole["events"]]


async def test_a_trace_names_no_program_address_or_document_of_the_operators():
    checked = PlanEntry(
        strategy="best_of_n",
        parameters={"n": 2},
        kind="number",
        verifier="command:true --secret",
        framings=("documents:corpus=harbour,k=1",),
    )
    async with (
        Upstream() as up,
        gateway(Config(default="m", models={"m": entry(up)}, plans={"p": checked})) as gate,
    ):
        up.always(chat("Answer: 42"))
        tenant, operator = await secret_of(gate, "buyer"), await secret_of(gate, "operator")
        code, told, _ = await gate.post(CHAT, {**BODY, "model": "p"}, **tenant)
        assert code == 200
        at = f"/v1/outlay/traces/{told['outlay']['trace_id']}"
        _, seen, _ = await gate.get(at, **tenant)
        _, whole, _ = await gate.get(at, **operator)
    for trace, verifier, given in (
        (seen, "command", {"k": 1}),
        (whole, "command:true --secret", {"k": 1, "corpus": "harbour"}),
    ):
        plans = [trace["events"][0]["plan"], trace["events"][-1]["answer"]["plan"]]
        assert [p["verifier"] for p in plans] == [verifier] * 2
        assert [p["framings"] for p in plans] == [[["documents", given]]] * 2
    assert "--secret" not in str(seen)
