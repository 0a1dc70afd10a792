"""Make notes on contexts before questions come, where that is expected to pay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.engine import Outlay
    from outlay.sleep._choose import Chosen
    from outlay.sleep._worker import Ended
    from outlay.store.sleeping import Sleeping

WATCH_S = 10
"""How often `--watch` looks again, in seconds."""


async def sleep(
    *,
    once: bool = False,
    watch: bool = False,
    context: tuple[str, ...] = (),
    model: tuple[str, ...] = (),
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
) -> None:
    """Make notes on contexts before questions come, where that is expected to pay.

    Looks at every context of every tenant that has an offline budget (outlay
    context budget), drops notes that do not pay, and makes those that will,
    within the budget. Several of these and a server may run at a time.

    Example: outlay sleep --once --max-usd 0.10

    Parameters
    ----------
    once:
        Do what there is to do, then end; this is what happens unless --watch is given.
    watch:
        Go on until stopped, looking again every ten seconds.
    context:
        Make notes on this context (its id or name), whatever is expected of it; repeatable.
    model:
        NAME answers, notes=NAME writes the notes; those of outlay.toml unless given.
    max_usd:
        A hard cap in dollars on everything that this command buys.
    """
    from outlay.budget import Limits
    from outlay.cli.ask import _models
    from outlay.engine import Outlay
    from outlay.errors import UsageError

    if once and watch:
        raise UsageError("--once ends and --watch goes on; choose one.")
    async with Outlay(_models(model), limits=Limits.of(max_usd=max_usd), what="sleep") as outlay:
        await _sleep(outlay, watch, context)


async def _sleep(outlay: Outlay, watch: bool, insist: tuple[str, ...]) -> None:
    from typing import cast

    from outlay.cli._terminal import note
    from outlay.sleep._choose import choose
    from outlay.sleep._worker import work_one
    from outlay.store.sleeping import Sleeping

    store = cast(Sleeping, outlay.store)
    if not await store.offline_budgets():
        note("No tenant may spend anything offline; outlay context budget USD sets what one may.")
        if not watch:
            return
    await _refuse_unknown(store, insist)
    told: dict[str, str] = {}
    while True:
        for chosen in await choose(outlay, store, insist=insist):
            _tell(chosen, told)
        while (ended := await work_one(outlay, store)) is not None:
            note(_ended(ended))
        if not watch:
            return
        await asyncio.sleep(WATCH_S)


async def _refuse_unknown(store: Sleeping, insist: tuple[str, ...]) -> None:
    """Refuse contexts that nobody who may spend offline has."""
    from outlay.errors import UsageError

    for name in insist:
        found = [await store.context(name, tenant=tenant) for tenant in await store.offline_budgets()]
        if not any(found):
            raise UsageError(
                f"No tenant that may spend offline has a context {name!r}; `outlay context list` shows those there are."
            )


def _tell(chosen: Chosen, told: dict[str, str]) -> None:
    """Say a decision, unless it was said already."""
    from outlay.cli._terminal import note

    name, decision = f"{chosen.context.tenant}/{chosen.context.name}", chosen.decision
    line = f"{name}: {decision.do}, {decision.why}"
    if told.get(name) != line:
        told[name] = line
        note(line)


def _ended(ended: Ended) -> str:
    return f"{ended.job.kind} {ended.job.id}: {ended.state}, {ended.why}"
