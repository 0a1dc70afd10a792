"""What a caller may try and must not get: another tenant's things, the stored key at another address, code, files."""

from __future__ import annotations

import pytest
from gateways import config, gateway
from ledgers import rows
from quotas import key
from upstream import Upstream, chat

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "6 * 7?"}]}
VOTE = {**BODY, "model": "outlay/self_consistency", "outlay": {"kind": "number"}}


async def key_of(gate, tenant: str) -> str:
    """A new key of this gateway, as it is sent."""
    _, secret = await key(gate.state.accounts, tenant, tenant=tenant)
    gate.state.keys_asked_s = float("-inf")
    return f"Bearer {secret}"


async def test_nothing_of_one_tenant_is_found_by_another_whatever_they_send():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        ours, theirs = await key_of(gate, "acme"), await key_of(gate, "bolt")
        _, reply, _ = await gate.post(CHAT, VOTE, authorization=ours, idempotency_key="once")
        trace_id = reply["outlay"]["trace_id"]
        _, kept, _ = await gate.post("/v1/contexts", {"text": "a" * 100, "name": "book"}, authorization=ours)
        before = up.n_chats
        for extra in (
            {},
            {"x_tenant": "acme"},
            {"openai_organization": "acme"},
            {"x_forwarded_for": "127.0.0.1"},
        ):
            headers = {"authorization": theirs, **extra}
            assert (await gate.get(f"/v1/outlay/traces/{trace_id}", **headers))[0] == 404
            verdict = {"trace_id": trace_id, "score": 0}
            assert (await gate.post("/v1/outlay/feedback", verdict, **headers))[0] == 404
            assert (await gate.get("/v1/contexts", **headers))[1]["data"] == []
            for name in (kept["id"], "book"):
                assert (await gate.get(f"/v1/contexts/{name}", **headers))[0] == 404
        assert up.n_chats == before
        _, other, told = await gate.post(CHAT, VOTE, authorization=theirs, idempotency_key="once")
        assert (other["outlay"]["trace_id"] != trace_id, "idempotent-replayed" in told) == (True, False)
        assert up.n_chats > before
        bought = await rows(gate.state.outlay.store)
    assert {row["tenant"] for row in bought} == {"acme", "bolt"}
    assert {line["tenant"] for line in gate.log} == {"acme", "bolt"}
    assert all(secret.removeprefix("Bearer ") not in str(gate.log) for secret in (ours, theirs))


@pytest.mark.parametrize("header", ["x_forwarded_for", "x_real_ip", "forwarded", "x_api_key"])
async def test_no_header_stands_for_a_key_or_for_this_machine(header):
    async with Upstream() as up, gateway(config(up)) as gate:
        secret = (await key_of(gate, "acme")).removeprefix("Bearer ")
        for value in ("127.0.0.1", "for=127.0.0.1", "::1", secret):
            assert (await gate.post(CHAT, BODY, **{header: value}))[0] == 401
        assert up.n_chats == 0


@pytest.mark.parametrize(
    "model",
    [
        "{elsewhere}",
        "m@{elsewhere}",
        "openai/{elsewhere}",
        "outlay/{elsewhere}",
        "outlay/os:system",
        "outlay/../single",
        "../../etc/passwd",
        "recorded/pool-q05-sums",
        "local/smollm2-135m",
        "m\n",
        "",
    ],
)
async def test_no_model_name_leads_out_of_the_configuration(model):
    async with Upstream() as up, Upstream() as stranger, gateway(config(up)) as gate:
        named = model.format(elsewhere=stranger.base_url)
        for body in ({**BODY, "model": named}, {**VOTE, "outlay": {"kind": "number", "model": named}}):
            assert (await gate.post(CHAT, body))[0] in (400, 404)
        for path, what in (("/v1/completions", "prompt"), ("/v1/embeddings", "input")):
            assert (await gate.post(path, {"model": named, what: "hi"}))[0] in (400, 404)
        assert (up.n_chats, up.other_calls, stranger.n_chats, stranger.other_calls) == (0, [], 0, [])


async def test_no_field_option_or_header_sends_the_stored_key_elsewhere(monkeypatch):
    monkeypatch.setenv("NO_SUCH_KEY", "sk-stored")
    async with Upstream(key="sk-stored") as up, Upstream() as stranger, gateway(config(up)) as gate:
        there = stranger.base_url
        for field in ("base_url", "api_base", "api_key", "extra_headers"):
            assert (await gate.post(CHAT, {**BODY, field: there}))[0] == 400
        for name in ("base_url", "endpoint", "api_key", "tenant"):
            assert (await gate.post(CHAT, {**VOTE, "outlay": {name: there}}))[0] == 400
            assert (await gate.post(CHAT, BODY, **{f"x_outlay_{name}": there}))[0] == 400
        for verifier in (f"webhook:{there}", "command:true", "os:system", "reference"):
            assert (await gate.post(CHAT, {**VOTE, "outlay": {"verifier": verifier}}))[0] == 400
        assert up.n_chats == 0
        for header in ("x_its_endpoint", "x_forwarded_host", "api_key", "openai_base_url"):
            code, _, _ = await gate.post(CHAT, BODY, **{header: there})
            assert code == 200
        assert up.n_chats == 4
        assert {call.headers["Authorization"] for call in up.calls} == {"Bearer sk-stored"}
        assert all(there not in str(call.headers) for call in up.calls)
        assert (stranger.n_chats, stranger.other_calls) == (0, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "null"},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1.evil.example"},
    ],
)
async def test_a_web_page_of_another_machine_cannot_spend_without_a_key(headers):
    """A browser sends a text/plain POST of any site without asking first, and a site's name can lead to loopback."""
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post(CHAT, BODY, content_type="text/plain", **headers)
        assert (code, told["error"]["type"], up.n_chats) == (403, "permission_error", 0)
        assert (await gate.get("/v1/models", **headers))[0] == 403
        key = await key_of(gate, "acme")
        assert (await gate.post(CHAT, BODY, authorization=key, **headers))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:3000"},
        {"origin": "http://[::1]"},
        {"host": "localhost:8000"},
        {"host": "[::1]:8000"},
    ],
)
async def test_programs_and_pages_of_this_machine_need_no_key(headers):
    async with Upstream() as up, gateway(config(up)) as gate:
        assert (await gate.post(CHAT, BODY, **headers))[0] == 200


@pytest.mark.parametrize("field", ["prediction", "chat_template", "max_output_tokens", "num_predict"])
async def test_no_field_buys_more_than_was_reserved(field):
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post(CHAT, {**BODY, field: 9})
        assert (code, told["error"]["param"], told["error"]["code"]) == (400, field, "unsupported_parameter")
        assert up.n_chats == 0


async def test_documents_that_a_server_puts_into_the_prompt_are_reserved():
    many = [{"text": "word " * 2000}]
    async with Upstream() as up, gateway(config(up)) as gate:
        code, _, _ = await gate.post(CHAT, {**BODY, "documents": many})
        (row,) = await rows(gate.state.outlay.store)
        assert (code, row["bound_input_tokens"] > 10_000) == (200, True)
        code, _, _ = await gate.post(CHAT, {**BODY, "documents": many, "outlay": {"max_usd": 0.001}})
        assert (code, up.n_chats) == (402, 1)


@pytest.mark.parametrize(("header", "body"), [("0.000001", 1.0), ("1.0", 0.000001)])
async def test_of_a_cap_in_a_header_and_one_in_the_body_the_smaller_binds(header, body):
    async with Upstream() as up, gateway(config(up)) as gate:
        asked = {**BODY, "outlay": {"max_usd": body}}
        assert (await gate.post(CHAT, asked, x_outlay_max_usd=header))[0] == 402
        assert up.n_chats == 0
