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
    from outlay.errors import OutlayError
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
    ended: dict[str, Ended] = {}
    again = True
    while True:
        chosen = await choose(outlay, store, insist=insist, again=again)
        for one in chosen:
            _tell(one, f"{one.decision.do}, {one.decision.why}", told)
        while (job := await work_one(outlay, store)) is not None:
            ended[job.job.id] = job
            note(_ended(job))
        await _tell_of_failures(store, [c for c in chosen if c.job and c.job not in ended], told)
        if not watch:
            if not chosen and not ended:
                note("No tenant that may spend offline has a context; outlay context add FILE adds one.")
            break
        again = False
        await asyncio.sleep(WATCH_S)
    if failed := [job for job in ended.values() if job.state == "failed"]:
        raise OutlayError(f"{len(failed)} of {len(ended)} jobs failed, as told above.")


async def _tell_of_failures(store: Sleeping, waiting: list[Chosen], told: dict[str, str]) -> None:
    """Say of what was to be made and was not that an earlier attempt failed."""
    failed = {job.id: job.result for job in await store.jobs() if job.state == "failed"} if waiting else {}
    for one in waiting:
        if one.job in failed:
            why = failed[one.job].rstrip(".")
            what = f"it failed today ({why}); --context {one.context.name} tries it again now"
            _tell(one, what, told, of="failed")


async def _refuse_unknown(store: Sleeping, insist: tuple[str, ...]) -> None:
    """Refuse contexts that nobody who may spend offline has."""
    from outlay.errors import UsageError

    for name in insist:
        found = [await store.context(name, tenant=tenant) for tenant in await store.offline_budgets()]
        if not any(found):
            raise UsageError(
                f"No tenant that may spend offline has a context {name!r}; `outlay context list` shows those there are."
            )


def _tell(chosen: Chosen, what: str, told: dict[str, str], *, of: str = "decided") -> None:
    """Say something of a context, unless it was the last thing said `of` it."""
    from outlay.cli._terminal import note

    line = f"{chosen.context.tenant}/{chosen.context.name}: {what}"
    place = f"{of} {chosen.context.id}"
    if told.get(place) != line:
        told[place] = line
        note(line)


def _ended(ended: Ended) -> str:
    return f"{ended.job.kind} {ended.job.id}: {ended.state}, {ended.why}"
