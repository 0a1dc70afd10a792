"""What a store promises of solved work: demonstrations are found by their vectors, cascades know how they fared."""

from __future__ import annotations

from typing import Any, Protocol

from outlay.store.protocol import Store


class Memory(Store, Protocol):
    """A store that remembers. Every verb takes the tenant first; nothing crosses tenants."""

    async def nearest(
        self, tenant: str, space: str, query: bytes, k: int, *, but: str = "", window: int = 0
    ) -> list[list[dict[str, Any]]]:
        """The k demonstrations with the highest inner product with `query`, at most one a source, the nearest first.

        Each with the `window` steps before and after it in its episode. `but` names a source that is left out.
        """
        ...

    async def demonstrations(self, tenant: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """The newest demonstrations of a tenant."""
        ...

    async def solutions(self, tenant: str, source: str) -> list[tuple[str, str, str]]:
        """(space, id, action) of what single answers to one question left behind; episodes are left out."""
        ...

    async def forget_demonstrations(self, tenant: str, *, source: str | None = None) -> int:
        """Delete the demonstrations of a tenant, or those of one source; returns how many."""
        ...

    async def cascade_steps(
        self, tenant: str, stream: str, *, limit: int, audited: bool = False
    ) -> list[tuple[str, int | None, int | None]]:
        """(outcome, small_nusd, large_nusd) of the newest steps, or audits, of a stream, the oldest of them first."""
        ...
