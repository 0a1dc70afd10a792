"""What the answers of one process and run share, and what each of them adds up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from outlay.door import bounds
from outlay.models.breaker import Breaker
from outlay.models.provider import Card, Provider
from outlay.sandbox.killable import Workers
from outlay.store.protocol import Store
from outlay.types import Completion, Message, Sampling, Usage


class Ask(Struct, frozen=True):
    """What one draw asks for, before its samples are numbered."""

    question_id: str
    role: str
    label: str
    messages: tuple[Message, ...]
    sampling: Sampling
    prefix: str | None
    planned: int
    verbatim: bool = False
    """As the client wrote it: its seed, no retry, never from the call cache."""
    seed: int | None = None
    """The client's own seed, of a verbatim draw."""
    link: str = ""
    """The seat of the model that is asked, where it is not the role's first (`outlay.chain`)."""
    more: bool = False
    """Another model stands behind this one and is asked for what this one fails to answer."""

    @property
    def seat(self) -> str:
        """Who is asked."""
        return self.link or self.role


class Account(Struct, frozen=True):
    """On whose behalf is bought. Nothing crosses tenants; a key's quotas, and its tenant's, bind every purchase."""

    tenant: str = "local"
    key_id: str | None = None
    """None is local use, which has no quota."""
    cache_scope: str | None = None
    """Turns the call cache on, for what was bought in this scope of the tenant alone."""
    phase: str = "online"
    """`offline` is work before the question, which the ledger keeps apart."""


class Session:
    """What the answers of one process and run share."""

    def __init__(
        self,
        *,
        run_id: str,
        providers: Mapping[str, Provider],
        cards: Mapping[str, Card],
        store: Store,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tenant: str = "local",
        phase: str = "online",
        cache: bool = False,
        workers: Workers | None = None,
    ):
        self.run_id, self.providers, self.cards, self.store = run_id, providers, cards, store
        self.clock, self.sleep, self.tenant, self.phase, self.cache = clock, sleep, tenant, phase, cache
        self.key_id: str | None = None
        self.cache_owner = tenant
        """Whose completions the call cache may serve."""
        self.workers = workers or Workers()
        self.confirmed: set[str] = set()
        """Roles whose model was found to continue a given text."""
        self.confirming = asyncio.Lock()
        self.unseen: set[str] = set()
        """Roles whose model was found to think without showing it."""
        self.breakers: Mapping[str, Breaker] = {}
        """Of each seat's model, where it is known how it fared."""
        self.jitter = random.Random(bounds.seed_of(run_id, "retry"))

    def played_by(
        self, providers: Mapping[str, Provider], cards: Mapping[str, Card], breakers: Mapping[str, Breaker]
    ) -> Session:
        """This session with these models in these seats."""
        other = self._copied()
        other.providers, other.cards, other.breakers = providers, cards, breakers
        return other

    def on_behalf_of(self, account: Account) -> Session:
        """This session, its models and its ledger, buying for another account."""
        other = self._copied()
        other.tenant, other.key_id, other.cache_owner = account.tenant, account.key_id, account.tenant
        other.phase = account.phase
        if account.cache_scope is not None:
            other.cache, other.cache_owner = True, f"{account.tenant}\n{account.cache_scope}"
        return other

    def _copied(self) -> Session:
        # By hand, since every request of the gateway makes one: copy.copy takes several times as long.
        other = object.__new__(Session)
        other.__dict__.update(self.__dict__)
        return other


class Spent:
    """Sums over the purchases of one answer. A cost is None once any part of it had no known price."""

    def __init__(self) -> None:
        self.calls = self.overrun_nusd = 0
        self.closed = ""
        self.cost_nusd: int | None = 0
        self.paid_nusd: int | None = 0
        self.input_tokens = self.output_tokens = 0
        self.cache_read_tokens: int | None = None
        self.reasoning_tokens: int | None = None
        self.elsewhere: dict[str, int] = {}
        """Calls that a model further down its chain served, by the model's name."""
        self.served_s = 0.0
        """Seconds that the call cache saved: latencies are told as if everything had been bought now."""

    def add(
        self,
        usage: Usage,
        *,
        calls: int,
        cost: int | None,
        paid: int | None,
        overrun: int = 0,
        closed: str = "",
    ) -> None:
        """Count one purchase; `closed` says why the budget admits nothing after it."""
        self.calls += calls
        self.closed = self.closed or closed
        self.overrun_nusd += overrun
        self.cost_nusd = None if cost is None or self.cost_nusd is None else self.cost_nusd + cost
        self.paid_nusd = None if paid is None or self.paid_nusd is None else self.paid_nusd + paid
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        for name in ("cache_read_tokens", "reasoning_tokens"):
            if (value := getattr(usage, name)) is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)

    @property
    def usage(self) -> Usage:
        """Tokens of everything bought."""
        return Usage(self.input_tokens, self.output_tokens, self.cache_read_tokens, None, self.reasoning_tokens)


class Asked(Struct, frozen=True):
    """A draw's bounds, and what the call cache already holds of it."""

    input_tokens: int
    max_output_tokens: int
    hits: dict[int, Completion]
    cache_keys: dict[int, str]
    open_ended: bool = False
    """Nobody knows what it costs at most (`bounds.open_ended`): it is reserved at an unknown price."""
