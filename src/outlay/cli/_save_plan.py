"""The advised plan and its rivals as outlay.toml keeps them, with what `outlay/auto` needs to choose among them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.cli._plan_lines import Saved
    from outlay.config import Config
    from outlay.config.auto import Measured
    from outlay.config.plans import PlanEntry
    from outlay.experiments.experiment import Spec
    from outlay.experiments.pilot import PilotSpec
    from outlay.policies._advice import Advice
    from outlay.policies._view import Buy
    from outlay.types import Plan

WORDS = {"self_consistency": "vote"}
"""Shorter words for strategies in the names of plans."""


def plans_of(
    name: str, task: str, advice: Advice, spec: PilotSpec | Spec, budget_usd: float | None, known: Config
) -> list[Saved]:
    """The advised plan under `name`, then every other that is the best buy for some worth and cap, as `name-…`.

    Each has the kind, the temperature and the output bound that it was measured with.

    Args:
        name: what the advised plan is called.
        task: the task that was planned for.
        advice: the plans.
        spec: how they were measured.
        budget_usd: the cap that each is given.
        known: the configuration that they are put into, whose other names stay free.

    Raises:
        UsageError: nothing was advised.
    """
    from outlay.cli._plan_lines import Saved
    from outlay.errors import UsageError

    if advice.best is None:
        raise UsageError("There is no plan to save: none was advised.")
    kind = spec.kind or _kind_of(task, spec)
    taken = {*known.offered, *known.plans} - {name, *_saved_beside(name)}
    names = [name, *_names(name, [buy.plan for buy in advice.buys[1:]], taken)]
    return [
        Saved(
            _entry(buy.plan, spec, kind, budget_usd),
            _advised(task, advice) if i == 0 else _beside(name, buy),
            _measured(called, buy),
        )
        for i, (called, buy) in enumerate(zip(names, advice.buys, strict=True))
    ]


def save(saved: Sequence[Saved], task_class: str) -> Path:
    """Write the plans and what `outlay/auto` knows of them into the configuration in use; returns its path.

    Plans of those names are replaced, and what was saved beside the first of them before goes, unless a route or
    another task class names it. Without a configuration `outlay.toml` is made here.

    Args:
        saved: the plans, the advised one first.
        task_class: what `outlay/auto` chooses among them for.

    Raises:
        UsageError: a name is taken or a plan does not check, another task class holds figures of a plan that would
            be replaced, the file cannot be written, or it is laid out in a way that cannot be edited safely; the
            sentence holds the lines to add by hand.
    """
    from outlay import config
    from outlay.cli._plan_lines import with_plans
    from outlay.errors import UsageError

    before, path = config.read(), _path()
    gone = _saved_beside(saved[0].name) - _needed(before, task_class)
    _refuse_others(before, task_class, gone | {each.name for each in saved})
    try:
        text = _text(path)
        after = with_plans(text, saved, task_class, gone)
        _check(path, text, after, saved, task_class, gone)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(after.encode())
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def _entry(plan: Plan, spec: PilotSpec | Spec, kind: str | None, budget_usd: float | None) -> PlanEntry:
    from outlay.cli._plan_words import default_of
    from outlay.config.plans import PlanEntry

    helpers = spec.roles if plan.verifier else {}
    roles = {role: model for role, model in plan.roles.items() if role != "default"}
    return PlanEntry(
        strategy=plan.strategy,
        parameters=plan.parameters,
        verifier=plan.verifier,
        kind=kind,
        framings=tuple(getattr(spec, "framings", ())),
        model=default_of(plan),
        roles={**helpers, **roles},
        temperature=spec.temperature,
        max_usd=budget_usd,
        max_output_tokens=spec.max_output_tokens,
    )


def _kind_of(task: str, spec: PilotSpec | Spec) -> str | None:
    """The answer kind of the task's questions, None where they differ."""
    from outlay.tasks import open_task

    kinds = {item.question.kind for item in open_task(task, questions=spec.questions, seed=spec.seed)}
    return kinds.pop() if len(kinds) == 1 else None


def _measured(name: str, buy: Buy) -> Measured:
    from outlay.config.auto import Measured

    return Measured(
        plan=name,
        accuracy=round(buy.accuracy, 4),
        # Shrunk apart from each other, the two may exceed their whole by a little.
        wrong=round(min(buy.wrong, 1.0 - buy.accuracy), 4),
        cost_usd=_short(buy.cost_usd),
        most_usd=_short(buy.most_usd, ROUND_CEILING),
        seconds=_short(buy.seconds) if buy.seconds else None,
    )


def _short(value: float, rounding: str = ROUND_HALF_EVEN) -> float:
    """Four significant digits of it."""
    return float(Context(prec=4, rounding=rounding).create_decimal_from_float(value))


def _names(name: str, plans: Sequence[Plan], taken: Collection[str]) -> list[str]:
    """Names that say what the plans are: strategy, samples and confidence, and the model where there are several."""
    from outlay.cli._plan_words import default_of

    several = len({tuple(plan.roles.values()) for plan in plans}) > 1
    found: list[str] = []
    for plan in plans:
        word = WORDS.get(plan.strategy, plan.strategy)
        parts = [f"{word}{plan.parameters.get('n', '')}"]
        parts += [f"{100 * plan.parameters['confidence']:.0f}"] if "confidence" in plan.parameters else []
        parts += [default_of(plan).rpartition("/")[2]] if several else []
        called = "-".join([name, *(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in parts)])
        tries = (called, *(f"{called}-{i}" for i in range(2, len(plans) + len(taken) + 3)))
        found.append(next(c for c in tries if c not in found and c not in taken))
    return found


def _advised(task: str, advice: Advice) -> tuple[str, ...]:
    """What the advised plan was saved for."""
    from outlay.report.words import dollars, percent

    best, worth = advice.best, advice.worth
    assert best is not None
    low, high = best.accuracy.low, best.accuracy.high or 1.0
    wanted = (
        f" where a right answer is worth {dollars(worth.value_usd)}"
        if worth.value_usd is not None
        else f" for an accuracy of {percent(worth.accuracy)}"
        if worth.accuracy is not None
        else ""
    )
    right = f"{percent(best.accuracy.value)} ({percent(low)} to {percent(high)})"
    return (
        f"Advised by outlay plan from {advice.questions} questions of {' '.join(task.split())}{wanted}: right on",
        f"{right} at {dollars(best.cost_usd.value)} a question.",
    )


def _beside(name: str, buy: Buy) -> tuple[str, ...]:
    """By which the next save of the same name knows what it may replace."""
    from outlay.cli._plan_words import worth_words
    from outlay.report.words import dollars

    if buy.low_usd is None:
        held = f"for some worth, if no answer may come to more than {dollars(buy.most_usd)}"
    else:
        held = f"where a right answer is worth {worth_words(buy.low_usd, buy.high_usd)}"
    return (f"{_mark(name)} of its menu the best buy {held}.",)


def _mark(name: str) -> str:
    from outlay.cli._plan_lines import key

    return f"Saved beside {key(name)} by outlay plan:"


def _saved_beside(name: str) -> set[str]:
    from outlay.cli._plan_lines import remarked

    return remarked(_text(_path()), _mark(name))


def _path() -> Path:
    from outlay import config

    return config.location() or Path(config.FILE)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8") if path.exists() else ""


def _needed(before: Config, task_class: str) -> set[str]:
    """The plans that a route names, or the one that `outlay/auto` buys for another task class."""
    routed = {route.plan for route in before.routes if route.plan}
    return routed | {chosen for c, chosen in before.auto.items() if c != task_class and isinstance(chosen, str)}


def _refuse_others(before: Config, task_class: str, replaced: Collection[str]) -> None:
    """Refuse to replace a plan of which another task class holds figures.

    Raises:
        UsageError: it names both.
    """
    from outlay.errors import UsageError

    for other, chosen in before.auto.items():
        known = () if isinstance(chosen, str) or other == task_class else chosen
        held = next((k.plan for k in known if k.plan in replaced), None)
        if held is not None:
            raise UsageError(
                f"[[auto.{other}]] holds what was measured of the plan {held}: save under another name, or with "
                f"--task-class {other}."
            )


def _check(
    path: Path, text: str, after: str, saved: Sequence[Saved], task_class: str, gone: Collection[str]
) -> None:
    """What the file said before it says still, but for these plans, and it is a configuration.

    Raises:
        UsageError: with the lines to add by hand, or as `config.check`.
    """
    import tomllib

    import msgspec

    from outlay import config
    from outlay.cli._plan_lines import offered, stanza
    from outlay.errors import UsageError

    ours = {*gone, *(each.name for each in saved)}

    def rest(found: dict[str, Any]) -> dict[str, Any]:
        plans = {k: v for k, v in found.get("plans", {}).items() if k not in ours}
        auto = {k: v for k, v in found.get("auto", {}).items() if k != task_class}
        return {**found, "plans": plans, "auto": auto}

    try:
        same = rest(tomllib.loads(text)) == rest(tomllib.loads(after))
        found = msgspec.toml.decode(after, type=config.Config)
    except (tomllib.TOMLDecodeError, msgspec.DecodeError):
        same, found = False, config.Config()
    there = {name: found.plans.get(name) for name in ours}
    wanted: dict[str, PlanEntry | None] = {**dict.fromkeys(gone), **{s.name: s.entry for s in saved}}
    if not same or there != wanted or found.auto.get(task_class) != tuple(s.known for s in saved):
        by_hand = "\n\n".join([*map(stanza, saved), offered(saved, task_class)])
        raise UsageError(
            f"{path} is laid out so that the plan cannot be put into it safely; add by hand:\n{by_hand}"
        )
    config.check(found)
