"""The server as a value: an ASGI application over one ledger, one budget and the models of a configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from outlay import config as configuration
from outlay.budget import Limits
from outlay.config import Config
from outlay.engine import Outlay
from outlay.errors import OutlayError, UsageError
from outlay.gateway.asleep import Asleep, beside
from outlay.gateway.errors import NotFound, body_of, headers_of, status_of
from outlay.gateway.idempotency import Idempotency
from outlay.gateway.insides import Insides, worded
from outlay.gateway.logs import CLIENT_LEFT, Logged, Write, said, to_stderr
from outlay.gateway.metrics import Metrics
from outlay.gateway.paced import Paced
from outlay.gateway.routes import ROUTES
from outlay.gateway.seen import Seen
from outlay.gateway.sellers import Sellers
from outlay.gateway.state import State, state_of
from outlay.gateway.tracing import Spanned, Tracing, configured, watch
from outlay.store.discreet import open_ledger


def app(
    config: Config | None = None,
    *,
    limits: Limits | None = None,
    store: Path | str | None = None,
    seed: int = 0,
    write_log: Write = to_stderr,
    tracing: Tracing | None = None,
) -> Starlette:
    """An ASGI application that sells what the configuration names, in OpenAI's shape.

    It opens the ledger when it starts and closes it, with every model, when it ends. Nothing is started or asked
    before the first request that needs it.

    Args:
        config: what is sold; None reads `outlay.toml`, and without one sells the local model.
        limits: caps on everything bought through this server, over all callers.
        store: the path of the ledger's file; None is the file in outlay's home.
        seed: what every choice derives from where a request states no seed of its own.
        write_log: takes each request's line.
        tracing: takes each request's spans; None leaves it to the configuration and the standard variables.

    Example:
        >>> sorted(route.path for route in app(Config()).routes)[:2]
        ['/health', '/metrics']
    """
    known = config or configuration.read()
    configuration.check(known)
    metrics = Metrics()
    traced = tracing or configured(known.telemetry.otlp_endpoint)

    @asynccontextmanager
    async def lifespan(server: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            place = store or configuration.database()
            ledger = await open_ledger(place, durability=known.durability, prompts=known.prompts)
            closing.push_async_callback(ledger.close)
            outlay = Outlay(limits=limits, store=ledger, seed=seed, what="serve", config=known)
            await closing.enter_async_context(outlay)
            if traced is not None:
                closing.push_async_callback(traced.close)
                outlay.watch = watch
            sellers = Sellers(outlay, known)
            asleep = Asleep(
                outlay,
                ledger,
                metrics.busy,
                partial(said, write_log),
                keeps=known.prompts == "kept",
            )
            server.state.gateway = State(
                known,
                outlay,
                ledger,
                Idempotency(ledger),
                sellers,
                metrics,
                Seen(),
                asleep,
                Insides.of(known),
            )
            await closing.enter_async_context(beside(asleep.keep_dozing()))
            yield

    return Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[
            Middleware(Logged, metrics=metrics, write=write_log),
            *([] if traced is None else [Middleware(Spanned, tracing=traced)]),
            Middleware(Paced),
        ],
        exception_handlers={OutlayError: _refused, HTTPException: _http, ClientDisconnect: _left, 500: _defect},
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, OutlayError)
    return _response(status_of(error), worded(request, error), headers_of(error))


async def _http(request: Request, error: Exception) -> Response:
    """An address that is not there, or not for this method."""
    assert isinstance(error, HTTPException)
    told: Mapping[str, str] = error.headers or {}
    if error.status_code == 404:
        return _response(
            404, body_of(NotFound(f"There is nothing at {request.url.path}.", code="not_found")), told
        )
    refusal = UsageError(f"{request.method} does not work on {request.url.path}.")
    refusal.status = error.status_code
    return _response(error.status_code, body_of(refusal), told)


async def _left(request: Request, error: Exception) -> Response:
    state_of(request).metrics.left.inc()
    return Response(status_code=CLIENT_LEFT)


async def _defect(request: Request, error: Exception) -> Response:
    """The boundary: whatever is left is a defect of outlay's, told without its insides."""
    # The server closes the connection after a defect; a client that is not told would send its next request on it.
    closing = {"connection": "close"}
    return _response(500, body_of(OutlayError("This server has a defect; its log says more.")), closing)


def _response(status: int, body: bytes, headers: Mapping[str, Any]) -> Response:
    return Response(body, status_code=status, media_type="application/json", headers=dict(headers))
