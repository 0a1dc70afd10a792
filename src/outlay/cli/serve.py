"""Serve answers to programs, in the shape of OpenAI's API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def serve(
    *,
    config: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    seed: int = 0,
) -> None:
    """Serve the configured models, and answers bought with every strategy, until stopped.

    Point any OpenAI client at http://HOST:PORT/v1. A model's own name passes
    requests through to it; outlay/STRATEGY and outlay/auto buy an answer.
    Ctrl-C or SIGTERM lets what runs finish, settles it, and ends.

    Example: outlay serve --port 8000

    Parameters
    ----------
    config:
        The configuration; outlay.toml here or in outlay's home unless given, and without one the local model.
    host:
        The address to listen on; beyond this machine only once there is a key (outlay keys create).
    port:
        The port to listen on; 8000 unless given, 0 for any free one.
    max_usd:
        A hard cap in dollars on everything bought while this server runs.
    seed:
        What every choice derives from where a request states no seed of its own; 0 unless given.
    """
    from outlay import config as configuration
    from outlay.budget import Limits
    from outlay.gateway.app import app
    from outlay.gateway.serving import alone, refuse_open_door, run

    known = configuration.read(config)
    asyncio.run(refuse_open_door(host, known))
    ledger = configuration.database()
    with alone(ledger):
        run(app(known, limits=Limits.of(max_usd=max_usd), store=ledger, seed=seed), host, port)
