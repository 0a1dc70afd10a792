"""What a request for plain completions or embeddings amounts to: a model, or a plan or route that passes through."""

from __future__ import annotations

from typing import Any

import msgspec

from outlay.config import Config
from outlay.config.plans import PASS_THROUGH, PlanEntry
from outlay.config.routes import RouteEntry, route_of
from outlay.errors import nearest
from outlay.gateway.auth import Caller
from outlay.gateway.errors import BadField, NotFound
from outlay.gateway.options import Options
from outlay.gateway.sellers import SPACE
from outlay.gateway.wanted import Wanted, names


def want_relay(config: Config, caller: Caller, model: str, options: Options) -> Wanted:
    """What a request that is no chat wants, of what this server offers; of caps the smallest binds.

    Raises:
        BadField: what it names is bought with a strategy, which works for chats only.
        NotFound: it names no model, plan or route of this server.
    """
    route = route_of(config.routes, model, caller.key_name, caller.tenant) or RouteEntry()
    name = route.plan or (model if model in config.plans and route.strategy is None else "")
    entry = config.plan(name) if name else PlanEntry()
    bought = entry.strategy if name else route.strategy
    if bought is None and model.startswith(SPACE):
        bought = model.removeprefix(SPACE)
    if bought not in (None, PASS_THROUGH):
        here = ", ".join(sorted(config.offered))
        told = f"{model} is bought with {bought} here, which answers chats only; name a model itself: {here}."
        raise BadField("model", told)
    if bought is None and model not in config.offered:
        told = f"There is no model {model!r} here; {nearest(model, names(config))}"
        raise NotFound(told, code="model_not_found", param="model")
    told = msgspec.structs.replace(
        options,
        task_class=options.task_class or route.task_class,
        tags={**route.tags, **options.tags},
        max_usd=_least(options.max_usd, route.max_usd, entry.max_usd),
        max_tokens=_least(options.max_tokens, route.max_tokens),
        deadline_s=_least(options.deadline_s, route.deadline_s, entry.deadline_s),
    )
    why = f"a route of this server sets {route.plan or route.strategy}" if route.plan or route.strategy else ""
    cast = entry.cast(model if model in config.offered else config.default, config.roles)
    return Wanted(None, cast, name or model, told, name, entry, chosen=why)


def _least(*caps: float | None) -> Any:
    return min((cap for cap in caps if cap is not None), default=None)
