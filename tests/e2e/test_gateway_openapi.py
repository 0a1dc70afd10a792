"""Requests that Schemathesis makes from the gateway's own document: whatever comes, no defect and no wrong shape."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
import schemathesis
from aiohttp import web
from gateways import config, gateway
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from upstream import Upstream

from outlay.gateway.openapi import document
from outlay.gateway.routes import ROUTES

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


class Tolerant(Upstream):
    """A healthy server that reads nothing of a request but how many choices it asks for."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        n, usage = body.get("n") or 1, {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        if request.path.endswith("/chat/completions"):
            choices = [
                {"index": i, "delta": {"content": "Answer: 42"}, "finish_reason": "stop"} for i in range(n)
            ]
            events = [{"choices": choices}, {"choices": [], "usage": {**usage, "completion_tokens": 2 * n}}]
            lines = [*map(json.dumps, events), "[DONE]"]
            text = "".join(f"data: {line}\n\n" for line in lines)
            return web.Response(text=text, content_type="text/event-stream")
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": "fake", "owned_by": "vllm", "max_model_len": 4096}]})
        choices = [{"index": i, "text": "42", "finish_reason": "stop"} for i in range(n)]
        return web.json_response({"object": "list", "data": [], "choices": choices, "usage": usage})


@pytest.fixture(scope="module")
def served():
    """A gateway over a healthy upstream, in a thread with a loop of its own; its OpenAPI document as a schema."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop, root = asyncio.Event(), []

    async def serve():
        async with Tolerant(flavour="vllm") as up, gateway(config(up)) as gate:
            root.append(gate.root)
            ready.set()
            await stop.wait()

    def run():
        try:
            loop.run_until_complete(serve())
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield schemathesis.openapi.from_url(f"{root[0]}/openapi.json")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


OPERATIONS = [(path, method) for path, told in document(ROUTES)["paths"].items() for method in told]
IN_ORDER, NOT_IN_ORDER = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [
    *((path, method, IN_ORDER) for path, method in OPERATIONS),
    *((path, method, NOT_IN_ORDER) for path, method in OPERATIONS if method == "post"),
]
OFFERED = ("m", "outlay/auto", "outlay/single", "outlay/self_consistency", "outlay/adaptive")


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_whatever_comes_is_answered_in_the_documents_shape(served, path, method, mode):
    cases = served[path][method].as_strategy(generation_mode=mode)

    @settings(
        max_examples=10,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.sampled_from((None, *OFFERED)))
    def answered(case, model):
        # Names that the generator makes up are no models: most of these requests ask for one that is offered.
        if model is not None and isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = model
        case.call_and_validate(checks=CHECKS, timeout=30)

    answered()
