"""What a request amounts to: its own words, then its route's, its plan's, the defaults; of caps the smallest."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from outlay.config import Config
from outlay.config.plans import PASS_THROUGH, PlanEntry
from outlay.config.routes import RouteEntry, route_of
from outlay.errors import NotAllowed, nearest
from outlay.gateway.auth import Caller
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.errors import BadField, NotFound
from outlay.gateway.options import Options, check_verifier, plain, refuse_operators_own
from outlay.gateway.planned import may, planned, task_class_of, weighs
from outlay.gateway.sellers import AUTO, SPACE

NO_KIND = (
    "outlay/auto bought a single sample: the request states no answer kind, and without one answers cannot be "
    "compared; state outlay.kind"
)
_NO_ROUTE, _NO_PLAN = RouteEntry(), PlanEntry()


class Wanted(Struct, frozen=True):
    """One request, its route and its plan put together."""

    strategy: str | None
    """None: passed through as it is."""
    cast: dict[str, str | tuple[str, ...]]
    """The models of each role, by the names they are offered under."""
    offered: str
    """What it is counted under."""
    options: Options
    """With the kind, the verifier, the parameters and the caps that hold in the end."""
    plan: str = ""
    entry: PlanEntry = _NO_PLAN
    note: str = ""
    """What could not be done."""
    chosen: str = ""
    """Why it is bought this way, where the client did not say how."""

    def may(self, caller: Caller, asked: str) -> None:
        """Nothing, if the key may buy this; a key that names the plan or the routed name may have all that it holds.

        Raises:
            NotAllowed: it may not.
        """
        set_here = self.options.model is None and (self.plan == asked or self.chosen)
        chain = self.cast["default"]
        may(caller, asked if set_here else None, (chain,) if isinstance(chain, str) else chain, self.strategy)

    def may_fan_out(self, n_calls: int) -> None:
        """Nothing, if the plan allows one request so many calls.

        Raises:
            NotAllowed: it does not.
        """
        most = self.entry.fan_out
        if most is not None and n_calls > most:
            raise NotAllowed(
                f"This request can take {n_calls:,} calls and the plan {self.plan} allows {most:,}."
            )


def want(config: Config, caller: Caller, asked: ChatRequest, options: Options) -> Wanted:
    """What a chat request wants, of what this server offers.

    Raises:
        BadField: a contradiction, or something that a request may not choose.
        NotFound: it names no model, plan or route of this server.
        UsageError: an unknown strategy.
    """
    route = route_of(config.routes, asked.model, caller.key_name, caller.tenant) or _NO_ROUTE
    _check(options)
    name, entry, why, weighed = _plan(config, caller, route, asked, options)
    strategy, note = _strategy(route, entry if name else None, asked, options)
    kind = options.kind or asked.implied_kind or route.kind or entry.kind
    if strategy == AUTO:
        task_class = task_class_of(route, options)
        on = f" on {options.model}" if task_class in config.auto else ""
        why = f"no plan is known for the task class {task_class}{on}"
        strategy, note = ("single", NO_KIND) if kind is None else ("adaptive", "")
        why += ", so adaptive" if kind else " and no answer kind is stated, so single"
    if strategy not in (None, PASS_THROUGH):
        refuse_operators_own(strategy, options)
    if route is not _NO_ROUTE and (route.plan or route.strategy):
        why = f"a route of this server sets {route.plan or route.strategy}"
    told = _told(route, entry, options, strategy, kind, weighed)
    cast = _cast(config, entry, asked.model, options, strategy)
    offered = name or (asked.model if strategy is None else str(cast["default"]))
    return Wanted(strategy, cast, offered, told, name, entry, note, why)


def _check(options: Options) -> None:
    """Refuse what only the operator may name; what routes and plans name was checked when they were read."""
    if options.kind is not None:
        plain("answer kind", options.kind)
    if options.strategy is not None:
        plain("strategy", options.strategy)
    if options.verifier is not None:
        check_verifier(options.verifier)


def _told(
    route: RouteEntry,
    entry: PlanEntry,
    options: Options,
    strategy: str | None,
    kind: str | None,
    weighed: bool,
) -> Options:
    """What holds in the end. A worth that chose the plan is told on only to a plan that weighs it by itself."""
    parameters = {**entry.parameters, **route.parameters, **options.parameters}
    value_usd = options.value_usd
    its_own = strategy is not None and weighs(strategy)
    if its_own and value_usd is None:
        value_usd = route.value_usd
    if weighed and (not its_own or "confidence" in parameters):
        value_usd = None
    return Options(
        strategy=strategy,
        parameters=parameters,
        model=options.model,
        kind=options.kind if strategy is None else kind,
        verifier=options.verifier or route.verifier or entry.verifier,
        framings=options.framings,
        task_class=options.task_class or route.task_class,
        tags={**route.tags, **options.tags},
        max_usd=_least(options.max_usd, route.max_usd, entry.max_usd),
        max_tokens=_least(options.max_tokens, route.max_tokens),
        deadline_s=_least(options.deadline_s, route.deadline_s, entry.deadline_s),
        value_usd=value_usd,
        wrong_usd=None if weighed else options.wrong_usd,
        usd_per_s=None if weighed else options.usd_per_s,
        seed=options.seed,
    )


def _plan(
    config: Config, caller: Caller, route: RouteEntry, asked: ChatRequest, options: Options
) -> tuple[str, PlanEntry, str, bool]:
    """The named plan that is bought, if any, why, and whether what its answer is worth was weighed for that."""
    model = asked.model
    if route.plan is not None:
        return route.plan, config.plan(route.plan), "", False
    if route.strategy is None and model in config.plans:
        return model, config.plan(model), "", False
    if model == SPACE + AUTO and not (options.strategy or route.strategy):
        name, why, weighed = planned(config, caller, route, asked, options)
        return (name, config.plan(name), why, weighed) if name else ("", _NO_PLAN, "", False)
    return "", _NO_PLAN, "", False


def _strategy(
    route: RouteEntry, plan: PlanEntry | None, asked: ChatRequest, options: Options
) -> tuple[str | None, str]:
    """The strategy, `auto` where a policy chooses it, None where the request is passed through."""
    stated = options.strategy
    set_here = plan.strategy if plan else route.strategy
    if set_here is None:
        if not asked.model.startswith(SPACE):
            return None, ""
        named = asked.model.removeprefix(SPACE)
        if stated is not None and named not in (AUTO, stated):
            raise BadField("outlay.strategy", f"The model says {named} and outlay.strategy {stated}.")
        if named != AUTO:
            plain("strategy", named)
        return stated or named, ""
    if stated is not None and stated != set_here:
        told = f"{asked.model} is bought with {set_here} here, and outlay.strategy says {stated}."
        raise BadField("outlay.strategy", told)
    return (None if set_here == PASS_THROUGH else set_here), ""


def _cast(
    config: Config, entry: PlanEntry, model: str, options: Options, strategy: str | None
) -> dict[str, str | tuple[str, ...]]:
    """Who plays each role: the model that the request chooses, the plan's, the one it names, or the default."""
    known = config.offered
    if options.model is not None and options.model not in known:
        told = f"There is no model {options.model!r} here; {nearest(options.model, known)}"
        raise NotFound(told, code="model_not_found", param="model")
    default = model if model in known else config.default
    if strategy is None and not entry.chain and model not in known and entry is _NO_PLAN:
        told = f"There is no model {model!r} here; {nearest(model, names(config))}"
        raise NotFound(told, code="model_not_found", param="model")
    cast = entry.cast(default, config.roles)
    return cast if options.model is None else {**cast, "default": options.model}


def names(config: Config) -> tuple[str, ...]:
    """Every name that a request may carry as its model, but for `outlay/…`."""
    aliases = (route.alias for route in config.routes)
    return tuple(dict.fromkeys((*config.offered, *config.plans, *(name for name in aliases if name))))


def _least(*caps: Any) -> Any:
    return min((cap for cap in caps if cap is not None), default=None)


def allowed(config: Config, caller: Caller, name: str) -> bool:
    """Whether a caller may name a plan or an alias as its model."""
    models = caller.scope.models
    if models is None or name in models:
        return True
    entry = config.plans.get(name)
    if entry is None:
        return False
    chain = entry.chain or (config.default,)
    strategies = caller.scope.strategies
    return set(chain) <= set(models) and (strategies is None or entry.strategy in strategies)
