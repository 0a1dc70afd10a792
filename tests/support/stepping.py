"""A run over models of one's own, by hand, for tests of steps, searches and scorers of prefixes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.models.provider import Provider
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.testing import Clock
from outlay.trace import Replay, Trace


@asynccontextmanager
async def run_on(
    models: Provider | Mapping[str, Provider],
    *,
    nusd: int | None = None,
    limits: Limits | None = None,
    verifier: Any = None,
    seed: int = 1,
    trace: bytes | None = None,
) -> AsyncIterator[Any]:
    """A run on these models, the default alone or by role; with a trace its replay, every model off."""
    by_role: dict[str, Any] = dict(models) if isinstance(models, Mapping) else {"default": models}
    cards = {role: await model.card() for role, model in by_role.items()}
    store = await Sqlite.open(":memory:")
    await store.open_run("run", "local", "test", "{}", 0)
    clock = Clock()
    providers = {} if trace is not None else by_role
    session = Session(
        run_id="run", providers=providers, cards=cards, store=store, clock=clock, sleep=clock.sleep
    )
    door = Door(session, replay=None if trace is None else Replay(Trace.decode(trace)))
    budget = Budget(limits or Limits(nusd=nusd), clock=clock)
    run = Run(door, budget, seed=seed, question_id="q1", verifier=verifier)
    run.door, run.store = door, store  # type: ignore[attr-defined]
    try:
        yield run
    finally:
        await session.workers.close()
        await store.close()
