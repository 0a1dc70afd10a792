"""Working off offline jobs: lease one, do it with signs of life, end it with what it made, once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from outlay import plugins
from outlay.budget import Limits
from outlay.engine import Outlay
from outlay.errors import OutlayError, UsageError
from outlay.models.provider import Card
from outlay.sleep._report import Report, nobody_waits
from outlay.sleep.digest_context import ROLE
from outlay.store.jobs import STALE_US, Job
from outlay.store.sleeping import Sleeping

SEED = 0
"""Every attempt of a job draws the same, so that what an earlier one paid comes from the call cache."""
BEAT_S = STALE_US / 4e6


class Ended(Struct, frozen=True):
    """One job that this worker had, how it ended and why.

    `state`: done, failed, waiting (it gave way and goes on later), or lost to another worker.
    """

    job: Job
    state: str
    why: str


def job_id(tenant: str, context_id: str, kind: str, detail: Mapping[str, Any]) -> str:
    """The id of a job on a context: what it is for, so that the same work is never a second job.

    Example:
        >>> job_id("a", "ctx_1", "digest_context", {"model": "m"})
        'ctx_1.671772f70d78b09a5cb0'
    """
    told = msgspec.json.encode([tenant, context_id, kind, detail], order="deterministic")
    return f"{context_id}.{hashlib.blake2b(told, digest_size=10).hexdigest()}"


async def work_one(
    outlay: Outlay,
    store: Sleeping,
    *,
    busy: Callable[[], bool] = nobody_waits,
) -> Ended | None:
    """Lease a job that this seller's model can do, do it and end it; None where none waits that can be paid for.

    A job that is interrupted, or gives way, is handed back. One that fails stays failed for a day: what it paid is in
    the ledger, and a later attempt has it from the call cache.

    Args:
        outlay: buys; its budget binds every job, and where money is capped a job holds no more than is left of it.
        store: the ledger's, where the jobs are.
        busy: whether somebody waits for what offline work uses; a job then stops at its next step.

    Raises:
        StoreError: the ledger cannot be written.
    """
    model = (await writer(outlay)).name
    # With nothing left the job is begun all the same, and the budget says why it ends.
    most_nusd = outlay.budget.left("nusd") or None
    job = await store.lease_job(store.new_id("claim"), model=model, most_nusd=most_nusd)
    if job is None:
        return None
    lost = Ended(job, "lost", "another worker has taken it over")
    taken: list[Job] = []
    try:
        async with _alive(store, job, taken):
            report, state = await _done(outlay, store, job, busy)
    except asyncio.CancelledError:
        if taken:
            return lost
        await asyncio.shield(store.hand_back_job(job))
        raise
    if report.unfinished:
        await store.hand_back_job(job)
        return Ended(job, "waiting", report.why)
    await store.sweep()
    kept = await store.finish_job(job, state, report.why, report.notes)
    return Ended(job, state, report.why) if kept else lost


async def writer(outlay: Outlay) -> Card:
    """The card of the model that writes notes: the role `notes`, else the default model."""
    try:
        return await outlay.card(ROLE)
    except UsageError:
        return await outlay.card()


async def _done(outlay: Outlay, store: Sleeping, job: Job, busy: Callable[[], bool]) -> tuple[Report, str]:
    target = plugins.load("sleep job", job.kind)
    given = plugins.check("sleep job", job.kind, target, msgspec.json.decode(job.detail, type=dict[str, Any]))
    try:
        report = await outlay.work(
            lambda run: target(run, store, busy, **given),
            id=job.id,
            seed=SEED,
            tenant=job.tenant,
            limits=Limits(nusd=job.held_nusd),
        )
    except OutlayError as error:
        return Report(str(error)), "failed"
    return report, "done"


@contextlib.asynccontextmanager
async def _alive(store: Sleeping, job: Job, taken: list[Job]) -> AsyncIterator[None]:
    """Signs of life while a job is done; one that is `taken` from us is stopped, for another worker pays for it now."""
    working = asyncio.current_task()
    assert working is not None

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if not await store.beat_job(job):
                taken.append(job)
                working.cancel()
                return

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        if taken:
            working.uncancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
