"""Choosing the threshold of a pair of models: from what the small model's drafts look like on a few dozen questions.

Every question is answered once with all drafts kept, while the strategy's signal is noted at each; a share of drafts to
keep is then a quantile of these signals. The chains are the small model's own: where the large one steps in, later
drafts differ, so the share that is kept in use is near the one aimed at and not equal to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from outlay import plugins
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, CannotSay, UsageError
from outlay.models.provider import Card
from outlay.skeletons.pair import Chain
from outlay.skeletons.pair_rules import LARGE, SMALL
from outlay.skeletons.thresholds import Calibrated, Dial, keep
from outlay.stats.depth_calibration import Depth, depth_calibration
from outlay.tasks import CORRECT, Item
from outlay.types import Question

FEWEST = 8
"""Questions below which no threshold is chosen."""
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
"""Shares of drafts to keep that an accuracy is sought at, the cheapest first."""


class Chained(Struct, frozen=True):
    """One question as it was answered: whether right, and the signal of each of its decided steps (depth, signal)."""

    question_id: str
    correct: bool
    signals: tuple[tuple[int, float], ...]
    large_tokens: int
    kept: int
    steps: int


class Tried(Struct, frozen=True):
    """What a threshold brought: the share of right answers and of kept drafts, and large-model tokens a question."""

    threshold: float
    aimed: float
    accuracy: float
    kept: float
    large_tokens: float


class Report(Struct, frozen=True):
    """What was chosen and kept where; what was tried; and the signal against the chains' outcomes by depth."""

    chosen: Calibrated
    file: str
    tries: tuple[Tried, ...]
    depths: tuple[Depth, ...]


def dial_of(strategy: str) -> tuple[str, dict[str, Any], Dial]:
    """The name, the other parameters and the dial of a strategy that has a threshold.

    Raises:
        UsageError: it has none, or its threshold was stated.
    """
    chosen = plugins.spec("strategy", strategy)
    dial = getattr(plugins.module_of(chosen.target), "DIAL", None)
    if not isinstance(dial, Dial):
        raise UsageError(
            f"{chosen.name} has no threshold to calibrate; there are: speculative_reasoning, glimpse, arbitrage."
        )
    if "tau" in chosen.parameters:
        raise UsageError("Leave tau out: it is what calibrating chooses.")
    return chosen.name, chosen.parameters, dial


def place_of(name: str, parameters: dict[str, Any]) -> str:
    """Under which name a strategy's threshold is kept: an estimator has thresholds of its own.

    Example:
        >>> place_of("arbitrage", {})
        'arbitrage:uncertainty'
    """
    return f"{name}:{parameters.get('estimator', 'uncertainty')}" if name == "arbitrage" else name


async def chained(
    shop: Outlay,
    strategy: str,
    tau: float,
    items: Sequence[Item],
    prepared: Callable[[Question], Question],
    on_done: Callable[[Chained], None] | None = None,
) -> list[Chained]:
    """Each item answered under the strategy at a threshold, one after the other.

    Args:
        shop: what buys; its call cache keeps what several thresholds share.
        strategy: without its threshold.
        tau: the threshold.
        items: the questions with their keys.
        prepared: what is done to each question before it is asked (its sampling).
        on_done: is told of each.
    """
    chosen = plugins.spec("strategy", strategy)
    plan = await shop.plan(str(msgspec.structs.replace(chosen, parameters={**chosen.parameters, "tau": tau})))
    done = []
    for item in items:
        told: list[Chain] = []
        answer = await shop.buy(
            prepared(item.question),
            plan,
            listener=lambda e, told=told: told.append(e["chain"]) if e["event"] == "pair" else None,
        )
        if answer.refused:
            raise BudgetExceeded(answer.refused)
        right = await shop.judge(item, answer.answer, answer.text) >= CORRECT
        done.append(_of(item.question.id, right, told[0]))
        if on_done is not None:
            on_done(done[-1])
    return done


def _of(question_id: str, right: bool, chain: Chain) -> Chained:
    steps = chain.steps
    signals = tuple((depth, s.signal) for depth, s in enumerate(steps) if s.signal is not None)
    large = sum(s.tokens for s in steps if s.role == LARGE)
    return Chained(question_id, right, signals, large, sum(s.role == SMALL for s in steps), len(steps))


def signals_of(found: Sequence[Chained]) -> list[float]:
    """All signals seen."""
    return [signal for one in found for _, signal in one.signals]


def tried(found: Sequence[Chained], threshold: float, aimed: float) -> Tried:
    """What a threshold brought on these questions."""
    steps = sum(f.steps for f in found)
    return Tried(
        threshold,
        aimed,
        sum(f.correct for f in found) / len(found),
        sum(f.kept for f in found) / steps if steps else 0.0,
        sum(f.large_tokens for f in found) / len(found),
    )


async def sought(
    shop: Outlay,
    strategy: str,
    dial: Dial,
    items: Sequence[Item],
    prepared: Callable[[Question], Question],
    seen: Sequence[Chained],
    accuracy: float,
) -> list[Tried]:
    """Thresholds from the one that keeps all drafts on, until one brings the accuracy; the last one tried is it.

    Raises:
        CannotSay: none does, not even the large model alone.
    """
    signals = signals_of(seen)
    tries = [tried(seen, dial.keeps_all, 1.0)]
    for share in SHARES[1:]:
        if tries[-1].accuracy >= accuracy:
            return tries
        value = dial.at(signals, share)
        if value != tries[-1].threshold:
            tries.append(tried(await chained(shop, strategy, value, items, prepared), value, share))
    if tries[-1].accuracy >= accuracy:
        return tries
    best = max(t.accuracy for t in tries)
    raise CannotSay(
        f"No threshold reached an accuracy of {accuracy:g} on these {len(items)} questions (the best had {best:.2f}); "
        "ask for less, or use a stronger large model."
    )


async def calibrate(
    shop: Outlay,
    strategy: str,
    task: str,
    items: Sequence[Item],
    prepared: Callable[[Question], Question],
    *,
    share: float | None = None,
    accuracy: float | None = None,
) -> Report:
    """Choose a threshold for the pair that a shop buys from, and keep it.

    Args:
        shop: what buys, with its call cache on: thresholds share most of what they buy.
        strategy: a strategy with a threshold, which is left out.
        task: the task's name, for the record.
        items: at least eight questions with their keys.
        prepared: what is done to each question before it is asked.
        share: the share of drafts to keep, in [0, 1].
        accuracy: the least share of right answers, in place of `share`.

    Returns:
        What was chosen, what was tried, and how well the signal told right chains from wrong ones by depth.

    Raises:
        UsageError: too few questions, or not exactly one of the two aims.
        CannotSay: no draft had a signal, or no threshold reaches the accuracy.
        BudgetExceeded: the cap was reached.

    Cost: one chain of small steps a question with its signals; with `accuracy`, one more chain a question and threshold
        tried, less what they share.
    """
    if (share is None) == (accuracy is None):
        raise UsageError("Say either the share of drafts to keep or the accuracy to reach.")
    if len(items) < FEWEST:
        raise UsageError(
            f"A threshold needs at least {FEWEST} questions with answers; the task gave {len(items)}."
        )
    name, parameters, dial = dial_of(strategy)
    seen = await chained(shop, strategy, dial.keeps_all, items, prepared)
    signals = signals_of(seen)
    if share is not None:
        tau = dial.at(signals, share)
        tries = [
            tried(seen, dial.keeps_all, 1.0),
            tried(await chained(shop, strategy, tau, items, prepared), tau, share),
        ]
        aim = f"keep {share:g}"
    else:
        assert accuracy is not None
        tries, aim = (
            await sought(shop, strategy, dial, items, prepared, seen, accuracy),
            f"accuracy {accuracy:g}",
        )
    small, large = [(await _card(shop, role)).identity for role in (SMALL, LARGE)]
    best = tries[-1]
    new = Calibrated(
        place_of(name, parameters),
        small,
        large,
        best.threshold,
        task,
        len(items),
        aim,
        dial.share(signals, best.threshold),
    )
    scores = [(depth + 1, dial.score(signal), f.correct) for f in seen for depth, signal in f.signals]
    return Report(new, str(keep(new)), tuple(tries), depth_calibration(*zip(*scores, strict=True)))


async def _card(shop: Outlay, role: str) -> Card:
    try:
        return await shop.card(role)
    except UsageError:
        return await shop.card()
