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
    """What was decided about a context."""

    context: Context
    decision: Decision


async def choose(outlay: Outlay, store: Sleeping, *, insist: Collection[str] = ()) -> list[Chosen]:
    """Decide about every context of every tenant with an offline budget, and have it done.

    Args:
        outlay: knows the models and their prices.
        store: where contexts and jobs are.
        insist: ids or names of contexts to make notes on whatever is expected of them.

    Returns:
        The decisions, tenant by tenant.

    Raises:
        StoreError: the ledger cannot be written.
    """
    chosen = []
    answers, writes = await outlay.card(), await writer(outlay)
    for tenant in await store.offline_budgets():
        records = [await record_of(store, context) for context in await store.contexts(tenant)]
        for record in records:
            others = [r for r in records if r is not record]
            now = time.time_ns() // 1000
            decision = decide(record, others, online=answers.price, offline=writes.price, now_us=now)
            if record.live is None and {record.context.id, record.context.name} & set(insist):
                decision = Decision("make", "it was asked for")
            await _carry_out(store, record.context, decision, writes, now)
            chosen.append(Chosen(record.context, decision))
    return chosen


async def record_of(store: Sleeping, context: Context) -> Record:
    """What is known of a context."""
    notes = await store.notes(context.id, tenant=context.tenant)
    uses = await store.uses(context.id, tenant=context.tenant)
    return Record(context, tuple(notes), tuple(uses))


async def _carry_out(store: Sleeping, context: Context, decision: Decision, writes: Card, now_us: int) -> None:
    if decision.do == "drop":
        await store.drop_notes(context.id, decision.why, tenant=context.tenant)
    if decision.do == "make":
        detail: dict[str, Any] = {"context": context.id, "model": writes.name}
        told = msgspec.json.encode(detail, order="deterministic").decode()
        id = job_id(context.tenant, context.id, DIGEST, detail)
        await store.add_job(id, DIGEST, context.tenant, told, now_us, model=writes.name)
