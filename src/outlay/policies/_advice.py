"""The planner's choice with everything a buyer should know beside it: ranges, intervals, rivals, limits, doubts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlay.errors import UsageError
from outlay.policies._limits import Limit, limit_of
from outlay.policies._menu import Beliefs, Entry
from outlay.policies._pilot import FEWEST_QUESTIONS, Pilot
from outlay.policies._unpaying import unpaying
from outlay.policies._view import Buy, Doubt, Prospect, Range, View
from outlay.policies._worth import Worth
from outlay.policies.planner import choose


class Advice(Struct, frozen=True):
    """What `outlay plan` says. `best` None: buy nothing, or no plan does what was asked."""

    worth: Worth
    questions: int
    samples: int
    best: Prospect | None
    low_usd: float | None
    """The range of worth in which `best` stays the best of the menu; None without a stated worth."""
    high_usd: float | None
    runner_up: Prospect | None
    doubt: Doubt | None
    ranges: tuple[Range, ...]
    limit: Limit | None
    left_out: tuple[str, ...] = ()
    budget_usd: float | None = None
    """The most that one answer may come to."""
    pilot_usd: float | None = None
    """What the pilot's samples and checks cost."""
    buys: tuple[Buy, ...] = ()
    """`best`, then every plan that is the best buy for some worth and cap: what `outlay/auto` may choose among."""


def advise(
    menu: Sequence[Entry],
    beliefs: Beliefs,
    worth: Worth,
    *,
    pilots: Sequence[Pilot] = (),
    budget_usd: float | None = None,
    left_out: Sequence[str] = (),
    seed: int = 0,
) -> Advice:
    """The advice that these beliefs support, with 95 % intervals over questions.

    Accuracies are shrunk between plans, which is what keeps the pick's from being believed too much: on simulated
    pilots (`bench/planner.py`) the bootstrap's correction for optimism on top of it told 1.2 points too little. Their
    intervals are Wilson's at the effective number of trials. Costs, cost-of-pass (cost / accuracy, a ratio of means)
    and seconds have bootstrap percentiles. Ranges of worth run along the concave envelope of shrunk accuracy and
    burden (cost + W P(wrong) + L seconds).

    Args:
        menu: the plans on offer.
        beliefs: what is known of them.
        worth: what an answer is worth; without a value, an accuracy or a budget only the ranges are said.
        pilots: what the beliefs came from, for the reasons why more compute stops paying.
        budget_usd: the most dollars that one answer may come to.
        left_out: sentences on plans that could not compete, to be carried along.
        seed: of the bootstrap.

    Returns:
        The advice; the same inputs give the same advice.

    Raises:
        UsageError: as `planner.choose`, or fewer than four questions.

    Source:
        Net value over a menu with its concave envelope (`economics.worth`); the shrinkage as in `shrunk`, ours.
    """
    if beliefs.questions < FEWEST_QUESTIONS:
        raise UsageError(
            f"{beliefs.questions} questions are too few to plan from; ask at least {FEWEST_QUESTIONS}."
        )
    view = View(menu, beliefs, worth.checked(), budget_usd, max((p.samples for p in pilots), default=1), seed)
    stated = worth.value_usd is not None or worth.accuracy is not None
    asked = stated or budget_usd is not None
    best = choose(menu, beliefs, worth, budget_usd=budget_usd) if asked else None
    rival = view.runner_up(best) if best is not None else None
    low, high = view.holds(best) if best is not None and worth.value_usd is not None else (None, None)
    return Advice(
        worth=worth,
        questions=beliefs.questions,
        samples=view.samples,
        best=None if best is None else view.prospect(best),
        low_usd=low,
        high_usd=high,
        runner_up=None if rival is None else view.prospect(rival),
        doubt=view.doubt(best, rival, pilots) if stated else None,
        ranges=view.ranges(),
        limit=limit_of(menu, view.accuracy, view.burden, best, worth, pilots, budget_usd),
        left_out=(*left_out, *unpaying(menu, beliefs)),
        budget_usd=budget_usd,
        pilot_usd=sum(p.bill_usd for p in pilots) if pilots else None,
        buys=view.buys(best),
    )
