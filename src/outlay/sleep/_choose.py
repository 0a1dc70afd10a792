"""Which contexts to make notes on: looks at each, drops notes that do not pay, and lets jobs wait for the rest."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Struct

from outlay.engine import Outlay
from outlay.models.provider import Card
from outlay.sleep._worker import job_id, writer
from outlay.sleep._worth import Decision, Record, decide
from outlay.store.contexts import Context
from outlay.store.sleeping import Sleeping

DIGEST = "digest_context"


class Chosen(Struct, frozen=True):
    """What was decided about a context, and the job that does it, if one is to be done."""

    context: Context
    decision: Decision
    job: str = ""


async def choose(
    outlay: Outlay, store: Sleeping, *, insist: Collection[str] = (), again: bool = False
) -> list[Chosen]:
    """Decide about every context of every tenant with an offline budget, and have it done.

    Args:
        outlay: knows the models and their prices.
        store: where contexts and jobs are.
        insist: ids or names of contexts to make notes on whatever is expected of them.
        again: do a job on one of `insist` that ended without notes once more, and not only a day after it failed.

    Returns:
        The decisions, tenant by tenant.

    Raises:
        StoreError: the ledger cannot be written.
    """
    chosen, looked_us = [], time.time_ns() // 1000
    answers, writes = await outlay.card(), await writer(outlay)
    for tenant in await store.offline_budgets():
        records = [await record_of(store, context) for context in await store.contexts(tenant)]
        for record in records:
            others = [r for r in records if r is not record]
            now = time.time_ns() // 1000
            decision = decide(record, others, online=answers.price, offline=writes.price, now_us=now)
            insisted = record.live is None and bool({record.context.id, record.context.name} & set(insist))
            if insisted:
                decision = Decision("make", "it was asked for")
            job = await _carry_out(store, record.context, decision, writes, now)
            if job and insisted and again:
                await store.renew_job(job, looked_us)
            chosen.append(Chosen(record.context, decision, job))
    return chosen


async def record_of(store: Sleeping, context: Context) -> Record:
    """What is known of a context."""
    notes = await store.notes(context.id, tenant=context.tenant)
    uses = await store.uses(context.id, tenant=context.tenant)
    return Record(context, tuple(notes), tuple(uses))


async def _carry_out(store: Sleeping, context: Context, decision: Decision, writes: Card, now_us: int) -> str:
    """Do what was decided; returns the id of the job that waits for it, empty for none."""
    if decision.do == "drop":
        await store.drop_notes(context.id, decision.why, tenant=context.tenant)
    if decision.do != "make":
        return ""
    detail: dict[str, Any] = {"context": context.id, "model": writes.name}
    told = msgspec.json.encode(detail, order="deterministic").decode()
    id = job_id(context.tenant, context.id, DIGEST, detail)
    await store.add_job(id, DIGEST, context.tenant, told, now_us, model=writes.name)
    return id
