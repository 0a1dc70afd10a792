"""The server as a value: an ASGI application over one ledger, one budget and the models of a configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from outlay import config as configuration
from outlay.budget import Limits
from outlay.config import Config
from outlay.engine import Outlay
from outlay.gateway.asleep import Asleep, beside
from outlay.gateway.idempotency import Idempotency
from outlay.gateway.insides import Insides
from outlay.gateway.logs import Logged, Write, said, to_stderr
from outlay.gateway.metrics import Metrics
from outlay.gateway.paced import Paced
from outlay.gateway.refusals import Refusals
from outlay.gateway.routes import ROUTES
from outlay.gateway.seen import Seen
from outlay.gateway.sellers import Sellers
from outlay.gateway.state import State
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
    async def lifespan(served: Starlette) -> AsyncIterator[None]:
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
            served.state.gateway = State(
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

    server = Starlette(routes=ROUTES, lifespan=lifespan)
    layers: ASGIApp = Paced(Refusals(server.router))
    if traced is not None:
        layers = Spanned(layers, tracing=traced)
    server.middleware_stack = Logged(layers, metrics=metrics, write=write_log)
    return server
