"""What `outlay/auto` has to choose among for one request: the plans of its task class that it and its key may have."""

from __future__ import annotations

from outlay import plugins
from outlay.config import Config
from outlay.config.plans import PASS_THROUGH, PlanEntry
from outlay.config.routes import RouteEntry
from outlay.errors import NotAllowed, UsageError
from outlay.gateway.auth import Caller
from outlay.gateway.auto import Asked, pick
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.errors import BadField
from outlay.gateway.options import Options, framings_of
from outlay.gateway.worst import calls_of
from outlay.policies._worth import Worth
from outlay.types import Question


def planned(
    config: Config, caller: Caller, route: RouteEntry, asked: ChatRequest, options: Options
) -> tuple[str, str, bool]:
    """The plan that `outlay/auto` buys, why, and whether it was chosen by figures; an empty name where none is known.

    Left out are plans on another model than the one that the request chooses, those that do not take the parameters
    that it states, and those that the key may not have: a model, the strategy, or so many calls. Where that leaves
    none, the request is refused for what would be bought without these.

    Args:
        config: the plans, and what is known of them.
        caller: whose key it is.
        route: what the server sets for the request.
        asked: the chat request.
        options: what it says itself.

    Raises:
        BadField: a cost of wrong answers or of waiting without a worth of right ones, or one that cannot be weighed.
        UsageError: an amount that is not finite.
    """
    task_class = task_class_of(route, options)
    chosen = config.auto.get(task_class, ())
    if isinstance(chosen, str):
        return chosen, f"{chosen} is the plan of the task class {task_class}", False
    measured_on = [k for k in chosen if options.model is None or _chain(config, k.plan) == (options.model,)]
    if not measured_on:
        return "", "", False
    known = [k for k in measured_on if _able(config, caller, k.plan, route, asked, options)]
    return *pick(known or measured_on, _asked(route, options), task_class), True


def task_class_of(route: RouteEntry, options: Options) -> str:
    """The task class of a request: its own, its route's, or `default`."""
    return options.task_class or route.task_class or "default"


def weighs(strategy: str) -> bool:
    """Whether a strategy weighs by itself what a right answer is worth; nothing that is passed through does.

    Raises:
        UsageError: there is no such strategy.
    """
    if strategy == PASS_THROUGH:
        return False
    return "value_usd" in {p.name for p in plugins.parameters(plugins.load("strategy", strategy))}


def may(caller: Caller, named: str | None, chain: tuple[str, ...], strategy: str | None) -> None:
    """Nothing, if a key may use the name under which all was set here, or else each model and the strategy.

    Raises:
        NotAllowed: it may not.
    """
    if named is not None and named in (caller.scope.models or ()):
        return
    for model in chain:
        caller.may_ask(model=model, strategy=strategy)


def _able(
    config: Config, caller: Caller, plan: str, route: RouteEntry, asked: ChatRequest, options: Options
) -> bool:
    """Whether a key may have a plan, with the calls that it can take, and the plan takes the stated parameters."""
    entry = config.plan(plan)
    named = asked.model if options.model is None else None
    strategy = None if entry.strategy == PASS_THROUGH else entry.strategy
    try:
        may(caller, named, _chain(config, plan), strategy)
        if options.parameters or caller.scope.fan_out is not None or entry.fan_out is not None:
            n_calls = _calls(entry, route, asked, options)
            caller.may_fan_out(n_calls)
            return entry.fan_out is None or n_calls <= entry.fan_out
    except (NotAllowed, UsageError):
        return False
    return True


def _calls(entry: PlanEntry, route: RouteEntry, asked: ChatRequest, options: Options) -> int:
    parameters = {**entry.parameters, **route.parameters, **options.parameters}
    verifier = options.verifier or route.verifier or entry.verifier
    question = Question("auto", asked.messages, options.kind or entry.kind, sampling=asked.sampling)
    return calls_of(question, entry.strategy, parameters, verifier, framings_of(options) or entry.around)


def _chain(config: Config, plan: str) -> tuple[str, ...]:
    return config.plan(plan).chain or (config.default,)


def _asked(route: RouteEntry, options: Options) -> Asked:
    """What is said of the answer's worth, and the caps; the request's own worth wins, of caps the smallest."""
    said = {}
    for name in ("value_usd", "wrong_usd", "usd_per_s"):
        own = getattr(options, name)
        said[name] = getattr(route, name) if own is None else own
        if said["value_usd"] is None and own is not None:
            told = "It is weighed against what a right answer is worth; state outlay.value_usd too."
            raise BadField(f"outlay.{name}", told)
    if said["value_usd"] is None:
        worth = Worth()
    else:
        worth = Worth(said["value_usd"], said["wrong_usd"] or 0.0, said["usd_per_s"] or 0.0).checked()
    return Asked(worth, _least(options.max_usd, route.max_usd), _least(options.deadline_s, route.deadline_s))


def _least(one: float | None, other: float | None) -> float | None:
    return min((cap for cap in (one, other) if cap is not None), default=None)
