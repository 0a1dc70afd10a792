"""Contexts, notes and offline jobs over SQLite."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from outlay.errors import UsageError
from outlay.store import contexts, jobs
from outlay.store import sleep_statements as sql
from outlay.store.contexts import Context, Notes, Use
from outlay.store.jobs import Job
from outlay.store.sqlite_accounts import SqliteAccounts


class SqliteContexts(SqliteAccounts):
    """The verbs of `Sleeping` beside the ledger's; a part of `Sqlite`."""

    async def add_context(self, context: Context) -> None:
        """Keep a context; another text of its name makes room with its notes."""
        contexts.check_text(context.text)
        if isinstance(refused := await self._writer.within(lambda db: contexts.add(db, context)), UsageError):
            raise refused

    async def context(self, name: str, *, tenant: str) -> Context | None:
        """The tenant's context with this id or name."""
        return await self._read(lambda db: contexts.named(db, tenant, name))

    async def contexts(self, tenant: str | None) -> list[Context]:
        """The contexts of a tenant, or of all."""
        return await self._read(lambda db: contexts.listed(db, tenant))

    async def any_context(self, tenant: str) -> bool:
        """Whether the tenant has a context."""
        return await self._read(lambda db: bool(db.execute(sql.ANY_CONTEXT, (tenant,)).fetchone()[0]))

    async def context_of(self, starts: tuple[str, ...], *, tenant: str) -> Context | None:
        """The longest of the tenant's contexts that one of the texts begins with."""
        return await self._read(lambda db: contexts.held_by(db, tenant, starts))

    async def delete_context(self, id: str, *, tenant: str) -> None:
        """Forget a context with its notes and uses."""
        await self._writer.within(lambda db: contexts.delete(db, tenant, id))

    async def put_notes(self, notes: Notes) -> None:
        """Keep notes."""
        await self._writer.within(lambda db: contexts.put_notes(db, notes))

    async def notes(self, id: str, *, tenant: str) -> list[Notes]:
        """The notes of a context, the newest first."""
        return await self._read(lambda db: contexts.notes_of(db, tenant, id))

    async def drop_notes(self, id: str, why: str, *, tenant: str) -> None:
        """Stop using the notes of a context."""
        await self._put(sql.DROP_NOTES, (why, tenant, id))

    async def add_use(self, use: Use) -> None:
        """Keep what a question on a context cost."""
        await self._put(sql.ADD_USE, msgspec.structs.astuple(use))

    async def uses(self, id: str, *, tenant: str) -> list[Use]:
        """The answered questions on a context."""
        return await self._read(lambda db: contexts.uses_of(db, tenant, id))

    async def set_offline_budget(self, tenant: str, nusd_per_day: int) -> None:
        """What a tenant may spend offline in a day."""
        await self._put(sql.SET_BUDGET, (tenant, nusd_per_day))

    async def offline_budget(self, tenant: str) -> int:
        """What a tenant may spend offline in a day, in nano-dollars; 0 unless set."""
        row = await self._read(lambda db: db.execute(sql.BUDGET, (tenant,)).fetchone())
        return row[0] if row else 0

    async def offline_budgets(self) -> dict[str, int]:
        """The tenants that may spend offline."""
        return dict(await self._read(lambda db: db.execute(sql.BUDGETS).fetchall()))

    async def spent_offline(self, tenant: str, at_us: int) -> int:
        """What a tenant has spent offline today, with what leased jobs hold."""
        return await self._writer.within(lambda db: jobs.spent_today(db, tenant, at_us))

    async def add_job(
        self, id: str, kind: str, tenant: str, detail: str, at_us: int, *, model: str = ""
    ) -> None:
        """Have a job wait, to be done with `model` or with any, unless one with this id is known."""
        await self._put(sql.ADD_JOB, (id, kind, tenant, detail, at_us, model))

    async def renew_job(self, id: str, at_us: int) -> None:
        """Have a job that ended before `at_us` wait again."""
        await self._put(sql.RENEW_JOB, (at_us, id, at_us))

    async def jobs(self, tenant: str | None = None) -> list[Job]:
        """The jobs of a tenant, or of all, the oldest first."""
        return await self._read(lambda db: [Job(*r) for r in db.execute(sql.JOBS, (tenant, tenant)).fetchall()])

    async def lease_job(
        self, claim: str, *, model: str | None = None, most_nusd: int | None = None
    ) -> Job | None:
        """A waiting job that is ours now, of those for a model or for any; None looks at all."""
        now, mine = time.time_ns() // 1000, self.lease_id
        return await self._writer.within(
            lambda db: jobs.lease(db, mine, claim, now, model=model, most_nusd=most_nusd)
        )

    async def beat_job(self, job: Job) -> bool:
        """A sign of life of a leased job; False: it was taken from us."""
        values = (time.time_ns() // 1000, job.id, job.claim)
        return await self._writer.within(lambda db: db.execute(sql.BEAT_JOB, values).rowcount == 1)

    async def hand_back_job(self, job: Job) -> None:
        """Let another attempt have it."""
        await self._put(sql.HAND_BACK, (job.id, job.claim))

    async def finish_job(self, job: Job, state: str, result: str, notes: Notes | None = None) -> bool:
        """End a leased job with its notes in one transaction, after every ledger row settled before it."""
        now = time.time_ns() // 1000
        return await self._writer.within(lambda db: jobs.finish(db, job, state, result, notes, now))

    async def _put(self, statement: str, values: Sequence[Any]) -> None:
        await self._writer.within(lambda db: db.execute(statement, values).rowcount)
