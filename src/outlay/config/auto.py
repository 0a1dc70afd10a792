"""`[auto]` of outlay.toml: the plans that `outlay/auto` buys for a task class, and what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from outlay.config.plans import Dollars, Seconds
from outlay.errors import UsageError, nearest

Share = Annotated[float, Meta(ge=0, le=1)]
ROUNDED = 0.001
"""Two rounded shares of one whole may exceed it by this much."""


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[auto.TASK_CLASS]]` table: a named plan and what a pilot showed of it, a question.

    `accuracy` and `wrong` are the shares of right and of wrong answers (the rest has none), `cost_usd` the mean cost,
    `most_usd` what the dearest question came to, `seconds` the mean time, None where it is not known.
    """

    plan: str
    accuracy: Share
    wrong: Share
    cost_usd: Dollars
    most_usd: Dollars
    seconds: Seconds | None = None


Auto: TypeAlias = dict[str, str | tuple[Measured, ...]]
"""By task class: the name of the one plan, or several with what is known of them, the preferred one first."""


def check_auto(auto: Auto, plans: Mapping[str, object]) -> None:
    """Refuse an `[auto]` that names what is not there, or whose figures contradict each other.

    Raises:
        UsageError: names the key.
    """
    for task_class, chosen in auto.items():
        here = f"[auto] {task_class}"
        if isinstance(chosen, str):
            _check_name(here, chosen, plans)
            continue
        if not chosen:
            raise UsageError(f"{here}: there is no plan in it; name one or leave the task class out.")
        for known in chosen:
            _check_name(here, known.plan, plans)
            _check_figures(f"[[auto.{task_class}]] {known.plan}", known)
        if len({known.plan for known in chosen}) < len(chosen):
            raise UsageError(f"{here}: each plan stands there once.")


def _check_name(here: str, name: str, plans: Collection[str]) -> None:
    if name not in plans:
        told = nearest(name, plans) if plans else "there are none"
        raise UsageError(f"{here}: there is no plan {name!r}; {told}")


def _check_figures(here: str, known: Measured) -> None:
    if known.accuracy + known.wrong > 1 + ROUNDED:
        raise UsageError(f"{here}: accuracy and wrong are shares of one whole, and together they are above 1.")
    if known.most_usd < known.cost_usd:
        raise UsageError(f"{here}: most_usd is the dearest question, so it is not below the mean, cost_usd.")
