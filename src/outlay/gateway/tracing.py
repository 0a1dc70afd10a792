"""OpenTelemetry, where it is configured: where spans go, and the span of each request with those of its purchases.

The extra `outlay[otel]` brings the SDK; without a configuration nothing of it is imported.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outlay.errors import MissingExtra
from outlay.gateway.purchase_spans import purchases
from outlay.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TOLD = {
    "model": "gen_ai.request.model",
    "strategy": "outlay.strategy",
    "trace_id": "outlay.trace_id",
    "error": "error.type",
}
"""What of a request's line of the log stands in its span."""
_opened: ContextVar[list[tuple[int, Trace]] | None] = ContextVar("opened", default=None)


def watch(trace: Trace) -> None:
    """Remember a trace that was opened for the request that is being served."""
    opened = _opened.get()
    if opened is not None:
        opened.append((time.time_ns(), trace))


class Tracing:
    """Where the spans of one server go; `close` sends what waits."""

    def __init__(self, provider: TracerProvider):
        self._provider = provider
        self.tracer = provider.get_tracer("outlay")

    async def close(self) -> None:
        """Send the last spans, as long as the exporter's own time allows."""
        await asyncio.to_thread(self._provider.shutdown)


def configured(endpoint: str | None, env: Mapping[str, str] = os.environ) -> Tracing | None:
    """Tracing to an OTLP endpoint over HTTP; None where neither outlay.toml nor the standard variables name one.

    Args:
        endpoint: the whole address, like `http://127.0.0.1:4318/v1/traces`; None leaves it to the variables.
        env: where the standard `OTEL_…` variables are; those that the SDK itself reads stand in `os.environ`.

    Raises:
        MissingExtra: it is configured and the SDK is not installed.
    """
    if endpoint is None and not any(env.get(name) for name in VARIABLES):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise MissingExtra(
            "Spans are configured and OpenTelemetry is not installed; install outlay[otel], or take [telemetry] and "
            "OTEL_EXPORTER_OTLP_ENDPOINT away."
        ) from None
    named = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": "outlay"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)


class Spanned:
    """Around the application: a span for each request, under its caller's where it says `traceparent`."""

    def __init__(self, app: ASGIApp, *, tracing: Tracing):
        self._app, self._tracer = app, tracing.tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry import trace
        from opentelemetry.propagate import extract

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        span = self._tracer.start_span(scope["method"], context=extract(headers), kind=trace.SpanKind.SERVER)
        opened: list[tuple[int, Trace]] = []
        token = _opened.set(opened)
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            _opened.reset(token)
            self._end(span, scope, status, opened)

    def _end(self, span: Span, scope: Scope, status: int, opened: list[tuple[int, Trace]]) -> None:
        from opentelemetry.trace import Status, StatusCode

        route = getattr(scope.get("route"), "path", "unknown")
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes({"http.request.method": scope["method"], "http.route": route})
        if status:
            span.set_attribute("http.response.status_code", status)
        fields: dict[str, Any] = scope.get("outlay.log", {})
        span.set_attributes({name: fields[word] for word, name in _TOLD.items() if fields.get(word)})
        if (cost := fields.get("cost_nusd")) is not None:
            span.set_attribute("outlay.cost_usd", cost / 1e9)
        for at_ns, trace in opened:
            self._purchases(span, at_ns, trace)
        if status >= 500 or not status:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _purchases(self, parent: Span, at_ns: int, trace: Trace) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        under = set_span_in_context(parent)
        for bought in purchases(trace.events):
            span = self._tracer.start_span(
                bought.name,
                context=under,
                kind=SpanKind.CLIENT,
                attributes=bought.attributes,
                start_time=at_ns + round(bought.start_s * 1e9),
            )
            if bought.failed:
                span.set_status(Status(StatusCode.ERROR))
            span.end(at_ns + round(bought.end_s * 1e9))
