"""OpenTelemetry spans of requests and their purchases, taken by the SDK's exporter in memory."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from gateways import config, gateway
from ledgers import rows
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from upstream import Upstream, chat, status, texts

from outlay.errors import MissingExtra
from outlay.gateway import tracing
from outlay.gateway.tracing import Tracing, configured

ASKED = [{"role": "user", "content": "zanzibarine"}]
BODY = {"model": "m", "messages": ASKED, "max_completion_tokens": 10}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def shop():
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    async with Upstream() as up, gateway(config(up), tracing=Tracing(provider)) as gate:
        yield up, gate, kept


def found(kept):
    """The request's span, and those of its purchases."""
    spans = kept.get_finished_spans()
    (request,) = [span for span in spans if span.kind is SpanKind.SERVER]
    return request, [span for span in spans if span.kind is SpanKind.CLIENT]


async def test_a_request_is_a_span_with_its_purchase_under_it(shop):
    up, gate, kept = shop
    up.script(chat("quokkaesque 42", reasoning="so"))
    _, told, _ = await gate.post("/v1/chat/completions", BODY, traceparent=PARENT)
    request, (bought,) = found(kept)
    assert request.name == "POST /v1/chat/completions"
    assert format(request.context.trace_id, "032x") == PARENT.split("-")[1]
    assert format(request.parent.span_id, "016x") == PARENT.split("-")[2]
    assert bought.parent.span_id == request.context.span_id
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "gen_ai.request.model": "m",
        "outlay.strategy": "pass_through",
        "outlay.trace_id": told["outlay"]["trace_id"],
        "outlay.cost_usd": told["outlay"]["cost_usd"],
    }
    assert dict(bought.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "fake",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "gen_ai.response.finish_reasons": ("stop",),
        "outlay.role": "default",
        "outlay.cost_usd": told["outlay"]["cost_usd"],
        "outlay.calls": 1,
    }
    assert request.start_time <= bought.start_time <= bought.end_time <= request.end_time


async def test_every_purchase_of_a_strategy_has_its_span_and_they_add_up(shop):
    up, gate, kept = shop
    up.script(status(500), chat("Answer: 42"))
    up.always(chat("Answer: 42"))
    asked = {"kind": "number", "verifier": "judge", "parameters": {"n": 2}}
    _, told, _ = await gate.post("/v1/chat/completions", BODY | {"model": "outlay/best_of_n", "outlay": asked})
    _, bought = found(kept)
    spent = await rows(gate.state.outlay.store)
    assert len(bought) == len(spent) > 2
    assert sum(span.attributes["outlay.cost_usd"] for span in bought) == pytest.approx(
        told["outlay"]["cost_usd"]
    )
    assert {span.attributes["outlay.role"] for span in bought} == {"default", "judge"}
    failed = [span for span in bought if span.status.status_code is StatusCode.ERROR]
    assert [dict(span.attributes)["error.type"] for span in failed] == ["provider"]


async def test_a_request_that_fails_keeps_the_spans_of_what_was_bought_for_it(shop):
    up, gate, kept = shop
    up.script(status(503, "zanzibarine"))
    assert (await gate.post("/v1/chat/completions", BODY))[0] == 503
    request, (bought,) = found(kept)
    assert request.status.status_code is bought.status.status_code is StatusCode.ERROR
    assert request.attributes["error.type"] == "ProviderError"


async def test_streams_and_relayed_requests_have_theirs(shop):
    up, gate, kept = shop
    up.always_texts(texts("a b c"))
    await gate.post("/v1/chat/completions", BODY | {"stream": True})
    await gate.post("/v1/completions", {"model": "m", "prompt": "zanzibarine", "stream": True})
    await gate.post("/v1/embeddings", {"model": "m", "input": "zanzibarine"})
    names = [span.name for span in kept.get_finished_spans()]
    assert names == [
        "chat fake",
        "POST /v1/chat/completions",
        "text_completion fake",
        "POST /v1/completions",
        "embeddings fake",
        "POST /v1/embeddings",
    ]


async def test_no_text_of_a_prompt_reply_or_error_is_in_a_span(shop):
    up, gate, kept = shop
    up.script(chat("quokkaesque"), status(400, "zanzibarine is wrong"))
    for _ in range(2):
        await gate.post("/v1/chat/completions", BODY)
    told = json.dumps([json.loads(span.to_json()) for span in kept.get_finished_spans()])
    assert "gen_ai.usage.output_tokens" in told
    assert not any(word in told for word in ("zanzibarine", "quokkaesque"))


async def test_requests_at_the_same_time_do_not_mix():
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    async with Upstream() as up, gateway(config(up), tracing=Tracing(provider)) as gate:
        await asyncio.gather(*(gate.post("/v1/chat/completions", BODY) for _ in range(10)))
    spans = kept.get_finished_spans()
    requests = {span.context.span_id for span in spans if span.kind is SpanKind.SERVER}
    parents = [span.parent.span_id for span in spans if span.kind is SpanKind.CLIENT]
    assert len(requests) == len(set(parents)) == 10
    assert set(parents) == requests


def test_without_an_address_there_is_no_tracing_and_with_one_there_is():
    assert configured(None, env={}) is None
    made = configured("http://127.0.0.1:9/v1/traces", env={})
    assert made is not None
    made._provider.shutdown()


def test_a_configuration_without_the_sdk_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingExtra, match=r"install outlay\[otel\]"):
        configured(None, env={tracing.VARIABLES[1]: "http://127.0.0.1:9"})
