"""What a store promises to offline work: contexts with notes, and jobs that are done once in effect."""

from __future__ import annotations

from typing import Protocol

from outlay.store.accounts import Accounts
from outlay.store.contexts import Context, Notes, Use
from outlay.store.jobs import Job


class Sleeping(Accounts, Protocol):
    """A store that knows contexts and jobs. Verbs that write are durable once they are awaited."""

    async def add_context(self, context: Context) -> None:
        """Keep a context; another text of its name makes room with its notes."""
        ...

    async def context(self, name: str, *, tenant: str) -> Context | None:
        """The tenant's context with this id or name."""
        ...

    async def contexts(self, tenant: str | None) -> list[Context]:
        """The contexts of a tenant, or of all."""
        ...

    async def any_context(self, tenant: str) -> bool:
        """Whether the tenant has a context."""
        ...

    async def context_of(self, starts: tuple[str, ...], *, tenant: str) -> Context | None:
        """The longest of the tenant's contexts that one of the texts begins with."""
        ...

    async def delete_context(self, id: str, *, tenant: str) -> None:
        """Forget a context with its notes and uses."""
        ...

    async def put_notes(self, notes: Notes) -> None:
        """Keep notes."""
        ...

    async def notes(self, id: str, *, tenant: str) -> list[Notes]:
        """The notes of a context, the newest first."""
        ...

    async def drop_notes(self, id: str, why: str, *, tenant: str) -> None:
        """Stop using the notes of a context."""
        ...

    async def add_use(self, use: Use) -> None:
        """Keep what a question on a context cost."""
        ...

    async def uses(self, id: str, *, tenant: str) -> list[Use]:
        """The answered questions on a context."""
        ...

    async def set_offline_budget(self, tenant: str, nusd_per_day: int) -> None:
        """What a tenant may spend offline in a day."""
        ...

    async def offline_budget(self, tenant: str) -> int:
        """What a tenant may spend offline in a day, in nano-dollars; 0 unless set."""
        ...

    async def offline_budgets(self) -> dict[str, int]:
        """The tenants that may spend offline."""
        ...

    async def spent_offline(self, tenant: str, at_us: int) -> int:
        """What a tenant has spent offline today, with what leased jobs hold."""
        ...

    async def add_job(
        self, id: str, kind: str, tenant: str, detail: str, at_us: int, *, model: str = ""
    ) -> None:
        """Have a job wait, to be done with `model` or with any, unless one with this id is known."""
        ...

    async def renew_job(self, id: str, at_us: int) -> None:
        """Have a job that ended before `at_us` wait again."""
        ...

    async def jobs(self, tenant: str | None = None) -> list[Job]:
        """The jobs of a tenant, or of all, the oldest first."""
        ...

    async def lease_job(
        self, claim: str, *, model: str | None = None, most_nusd: int | None = None
    ) -> Job | None:
        """A waiting job that is ours now, of those for a model or for any; None looks at all."""
        ...

    async def beat_job(self, job: Job) -> bool:
        """A sign of life of a leased job; False: it was taken from us."""
        ...

    async def hand_back_job(self, job: Job) -> None:
        """Let another attempt have it."""
        ...

    async def finish_job(self, job: Job, state: str, result: str, notes: Notes | None = None) -> bool:
        """End a leased job with its notes in one transaction, after every ledger row settled before it."""
        ...
