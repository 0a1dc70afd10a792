"""Planner: which plan to buy, from what a pilot showed, for a stated worth, accuracy or budget."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from outlay.errors import BudgetExceeded
from outlay.policies._menu import Beliefs, Entry
from outlay.policies._pilot import Floats
from outlay.policies._rule import best_plan, burdens
from outlay.policies._shrink import shrunk
from outlay.policies._worth import Worth
from outlay.types import Plan, Question


def planner(
    question: Question,
    menu: Sequence[Entry],
    beliefs: Beliefs,
    budget: float | None,
    worth: Worth,
    seed: int,
) -> Plan:
    """The plan with the highest net value: max over plans of V P(right) - W P(wrong) - cost - L seconds.

    P(right) and P(wrong) are shrunk estimates over the pilot's questions (`shrunk`), so that a plan does not win by
    luck alone. With `worth.accuracy` it is the cheapest plan whose shrunk accuracy reaches it; with a budget and
    neither, the plan with the highest shrunk accuracy. Ties go to the cheaper plan, then to the first. The question
    itself changes nothing but the answer kind: beliefs are about questions like those of the pilot. The seed has no
    effect, since nothing is drawn.

    Args:
        question: what will be asked.
        menu: the plans on offer.
        beliefs: what is known of them, in the order of the menu.
        budget: the most dollars that this answer may come to, or None: plans whose dearest question came to more
            are left out.
        worth: what an answer is worth; a value, an accuracy or a budget must be said.
        seed: not used.

    Returns:
        The plan, with the question's answer kind.

    Raises:
        UsageError: neither value, accuracy nor budget was said, a time is needed and unknown, or no plan has a price.
        BudgetExceeded: no plan fits the budget, none reaches the accuracy, or none is worth its price.

    Cost: nothing is bought; one pass over questions x plans numbers.

    Source:
        Expected-utility choice over a menu; empirical-Bayes shrinkage against the winner's curse is ours.

    Example:
        >>> one, vote = (Entry(n, Plan(n), ("m",), k) for n, k in (("single", 1), ("self_consistency", 4)))
        >>> right = np.array([[0.5, 0.9]] * 8)
        >>> known = Beliefs(right, np.ones((8, 2)), np.array([[0.01, 0.04]] * 8), right * 0, np.array([0.01, 0.04]))
        >>> planner(Question.of("?"), (one, vote), known, None, Worth(value_usd=0.05), 0).strategy
        'single'
        >>> planner(Question.of("?"), (one, vote), known, None, Worth(value_usd=0.20), 0).strategy
        'self_consistency'
    """
    chosen = choose(menu, beliefs, worth, budget_usd=budget)
    if chosen is None:
        raise BudgetExceeded(
            "No plan of the menu does what was asked: none fits the budget, reaches the accuracy, or is worth "
            "its price."
        )
    return msgspec.structs.replace(menu[chosen].plan, kind=question.kind)


def choose(
    menu: Sequence[Entry], beliefs: Beliefs, worth: Worth, *, budget_usd: float | None = None
) -> int | None:
    """The index of the entry to buy, None for buying nothing; as `planner`, without its refusals.

    Raises:
        UsageError: neither value, accuracy nor budget was said, a time is needed and unknown, or no plan has a price.
    """
    worth.checked()
    accuracy, burden = accuracy_P(menu, beliefs), burden_P(beliefs, worth, menu)
    return best_plan(
        accuracy.tolist(), burden.tolist(), beliefs.most_usd_P.tolist(), worth, budget_usd=budget_usd
    )


def accuracy_P(menu: Sequence[Entry], beliefs: Beliefs) -> Floats:
    """The shrunk accuracy of each entry, in [0, 1]; entries of the same models are one group."""
    return np.clip(shrunk(beliefs.right_QP, [e.models for e in menu]), 0.0, 1.0)


def wrong_P(menu: Sequence[Entry], beliefs: Beliefs) -> Floats:
    """The share of wrong answers of each entry, in [0, 1], shrunk between plans as the accuracy is."""
    wrong_QP = (beliefs.answered_QP - beliefs.right_QP).clip(min=0.0)
    return np.clip(shrunk(wrong_QP, [e.models for e in menu]), 0.0, 1.0)


def burden_P(beliefs: Beliefs, worth: Worth, menu: Sequence[Entry] | None = None) -> Floats:
    """What each entry takes beside the worth of right answers: W P(wrong) + cost + L seconds, in dollars a question.

    With the menu P(wrong) is shrunk between plans as the accuracy is; without it the means stand as they are. On
    simulated pilots (`bench/planner.py`) it is what the choice needs where wrong answers cost: a lucky share of wrong
    answers is as little to be believed as a lucky share of right ones.

    Raises:
        UsageError: no entry has a price, or waiting has a price and no time is known.
    """
    wrong_QP = (beliefs.answered_QP - beliefs.right_QP).clip(min=0.0)
    wrong = wrong_QP.mean(axis=0) if menu is None else wrong_P(menu, beliefs)
    usd, seconds = beliefs.usd_QP.mean(axis=0), beliefs.latency_s_QP.mean(axis=0)
    return np.array(burdens(wrong.tolist(), usd.tolist(), seconds.tolist(), worth))
