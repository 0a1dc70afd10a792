"""Which of the plans that are known for a task class `outlay/auto` buys for one request, and why."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.config.auto import Measured
from outlay.gateway.errors import BadField
from outlay.money import NUSD, show
from outlay.policies._rule import best_plan, burdens
from outlay.policies._worth import Worth


class Asked(Struct, frozen=True):
    """What a request says about what its answer is worth, what it may come to (dollars), and by when (seconds)."""

    worth: Worth = Worth()
    max_usd: float | None = None
    deadline_s: float | None = None


def pick(known: Sequence[Measured], asked: Asked, task_class: str) -> tuple[str, str]:
    """The name of the plan to buy, and the sentence that says why.

    With a worth it is the plan with the highest expected net value, V P(right) - cost - L seconds - W P(wrong), by
    the planner's own rule; where none is worth its price, the cheapest. With a cap in dollars alone it is the one
    that is right oftenest; with neither, the first. Plans of which one answer came to more than the cap, or whose mean
    time exceeds the deadline, are left out before; where that leaves none, the cheapest or the quickest is bought and
    the caps do what they do.

    Args:
        known: plans with their figures, the preferred one first; at least one.
        asked: what the request says.
        task_class: what the sentence calls them by.

    Raises:
        BadField: waiting has a price and no plan's time is known.

    Cost: nothing is bought; one pass over the plans.

    Example:
        >>> plans = (Measured("one", 0.7, 0.3, 0.0001, 0.0001), Measured("vote", 0.9, 0.1, 0.0004, 0.0005))
        >>> pick(plans, Asked(Worth(value_usd=0.01)), "default")[0]
        'vote'
        >>> pick(plans, Asked(Worth(value_usd=0.01), max_usd=0.0002), "default")[0]
        'one'
    """
    worth = asked.worth
    fitting = _fitting(known, asked)
    if not fitting:
        return _unfitting(known, asked)
    if worth.value_usd is None:
        return _without_worth(fitting, asked, task_class)
    timed = [k for k in fitting if worth.usd_per_s == 0 or k.seconds is not None]
    if not timed:
        told = f"How long the plans of the task class {task_class} take is not known, so waiting cannot be weighed."
        raise BadField("outlay.usd_per_s", told)
    best = _best(timed, worth, asked.max_usd)
    if best is None:
        cheapest = min(timed, key=lambda k: k.cost_usd)
        return cheapest.plan, (
            f"no plan is expected to be worth its price at {_worth(worth)}; {cheapest.plan} is the cheapest: "
            f"{_figures(cheapest)}"
        )
    among = f"of {_plans(timed)}{_within(known, fitting, asked)}" if len(known) > 1 else ""
    said = f"has the highest expected net value {among}" if among else "is worth its price"
    return best.plan, f"{best.plan} {said} at {_worth(worth)}: {_figures(best)}"


def _fitting(known: Sequence[Measured], asked: Asked) -> list[Measured]:
    return [
        k
        for k in known
        if (asked.max_usd is None or k.most_usd <= asked.max_usd)
        and (asked.deadline_s is None or k.seconds is None or k.seconds <= asked.deadline_s)
    ]


def _unfitting(known: Sequence[Measured], asked: Asked) -> tuple[str, str]:
    """What is bought where no plan is known to fit: the caps still bind, so it is bought as far as they go."""
    affordable = _fitting(known, Asked(max_usd=asked.max_usd))
    if affordable:
        chosen, what = min(affordable, key=lambda k: k.seconds or 0.0), "quickest"
    else:
        chosen, what = min(known, key=lambda k: k.most_usd), "one that comes to the least"
    return chosen.plan, (
        f"no plan is known to keep within {_caps(asked)}; {chosen.plan} is the {what}: {_figures(chosen)}"
    )


def _without_worth(fitting: Sequence[Measured], asked: Asked, task_class: str) -> tuple[str, str]:
    if asked.max_usd is None:
        first = fitting[0]
        said = f"is the first plan of the task class {task_class}"
        said += "" if asked.deadline_s is None else f" within {_caps(asked)}"
        return first.plan, f"{first.plan} {said}: {_figures(first)}"
    best = _best(fitting, Worth(), asked.max_usd)
    assert best is not None, "each of them fits the budget"
    return best.plan, (
        f"{best.plan} is right oftenest of the {_plans(fitting)} within {_caps(asked)}: {_figures(best)}"
    )


def _best(known: Sequence[Measured], worth: Worth, max_usd: float | None) -> Measured | None:
    seconds = [float("nan") if k.seconds is None else k.seconds for k in known]
    burden = burdens([k.wrong for k in known], [k.cost_usd for k in known], seconds, worth)
    at = best_plan([k.accuracy for k in known], burden, [k.most_usd for k in known], worth, budget_usd=max_usd)
    return None if at is None else known[at]


def _within(known: Sequence[Measured], left: Sequence[Measured], asked: Asked) -> str:
    return f" within {_caps(asked)}" if len(left) < len(known) and _caps(asked) else ""


def _caps(asked: Asked) -> str:
    caps = [] if asked.max_usd is None else [_usd(asked.max_usd)]
    caps += [] if asked.deadline_s is None else [f"{asked.deadline_s:g} s"]
    return " and ".join(caps)


def _worth(worth: Worth) -> str:
    parts = [f"{_usd(worth.value_usd or 0.0)} a right answer"]
    parts += [f"{_usd(worth.wrong_usd)} a wrong one"] if worth.wrong_usd else []
    parts += [f"{_usd(worth.usd_per_s)} a second"] if worth.usd_per_s else []
    return ", ".join(parts)


def _figures(known: Measured) -> str:
    return f"right on {100 * known.accuracy:.0f} % at {_usd(known.cost_usd)}"


def _plans(known: Sequence[Measured]) -> str:
    return f"{len(known)} plan{'s' if len(known) != 1 else ''}"


def _usd(usd: float) -> str:
    return show(usd * NUSD)
