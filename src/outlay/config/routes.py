"""`[[routes]]` of outlay.toml: which requests of the gateway are bought how, without a word from the client."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from outlay.config.plans import (
    PASS_THROUGH,
    RESERVED,
    Count,
    Dollars,
    PlanEntry,
    Seconds,
    check_strategy,
    check_words,
)
from outlay.errors import UsageError, nearest

_BOUGHT = ("parameters", "kind", "verifier", "value_usd", "wrong_usd", "usd_per_s")
"""Keys without effect on a request that is passed through."""


class RouteEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[routes]]` table: whom it concerns (`model`, `key`, `tenant`), and what it sets for them.

    A request takes the first route in the file that fits it. `plan` or `strategy` decide how it is bought; the rest
    are options as a request may state them, which win, but for caps, where the smaller binds.
    """

    model: str = "*"
    key: str | None = None
    tenant: str | None = None
    plan: str | None = None
    strategy: str | None = None
    parameters: dict[str, Any] = {}
    kind: str | None = None
    verifier: str | None = None
    task_class: str | None = None
    tags: dict[str, str] = {}
    max_usd: Dollars | None = None
    max_tokens: Count | None = None
    deadline_s: Seconds | None = None
    value_usd: Dollars | None = None
    wrong_usd: Dollars | None = None
    usd_per_s: Dollars | None = None

    @property
    def alias(self) -> str | None:
        """The name under which the route can be asked for, where it states a whole name and what to buy for it."""
        whole = not set(self.model) & set("*?[")
        return self.model if whole and (self.plan or self.strategy) else None

    def fits(self, model: str, key: str | None, tenant: str) -> bool:
        """Whether a request for `model` with the key of that name, of that tenant, takes this route.

        Example:
            >>> RouteEntry(model="gpt-*", tenant="acme").fits("gpt-5", None, "acme")
            True
        """
        return fnmatchcase(model, self.model) and self.key in (None, key) and self.tenant in (None, tenant)


def route_of(routes: Sequence[RouteEntry], model: str, key: str | None, tenant: str) -> RouteEntry | None:
    """The first route that a request fits, or None."""
    return next((r for r in routes if r.fits(model, key, tenant)), None)


def check_route(
    number: int, route: RouteEntry, *, plans: dict[str, PlanEntry], models: Collection[str]
) -> None:
    """Refuse a route that could not be taken; the sentence names the key.

    Args:
        number: which table of the file, from 1.
        route: it.
        plans: the named plans.
        models: the names that the configuration offers as models.

    Raises:
        UsageError: a plan, strategy, parameter, kind or verifier that does not exist, or a key without effect.
    """
    here = f"[[routes]] number {number}"
    if route.plan is not None and route.strategy is not None:
        raise UsageError(f"{here}: write plan or strategy, not both.")
    if route.plan is not None and route.plan not in plans:
        raise UsageError(f"{here} plan: there is no plan {route.plan!r}; {nearest(route.plan, plans)}")
    if route.strategy is not None:
        check_strategy(here, route.strategy, route.parameters)
    check_words(here, route.kind, route.verifier)
    bought = route.strategy or (route.plan and plans[route.plan].strategy)
    if bought is None and (route.model.startswith(RESERVED) or route.model in plans):
        bought = plans[route.model].strategy if route.model in plans else "any"
    useless = [name for name in _BOUGHT if getattr(route, name)]
    if useless and bought in (None, PASS_THROUGH):
        told = "what is passed through is neither read nor checked; name a strategy or a plan that buys"
        raise UsageError(f"{here} {useless[0]}: {told}.")
