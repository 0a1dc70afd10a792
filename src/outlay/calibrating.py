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
from outlay.errors import CannotSay, UsageError
from outlay.skeletons.pair import LARGE, SMALL, Chain
from outlay.skeletons.thresholds import Calibrated, Dial, keep
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


async def stored(
    shop: Outlay, strategy: str, task: str, questions: int, aim: str, found: Tried
) -> tuple[Calibrated, str]:
    """Keep a threshold for the pair that the shop buys from; returns it and the file."""
    name, parameters, _ = dial_of(strategy)
    identities = {role: (await _card(shop, role)).identity for role in (SMALL, LARGE)}
    new = Calibrated(
        place_of(name, parameters), identities[SMALL], identities[LARGE], found.threshold, task, questions, aim,
        found.kept,
    )  # fmt: skip
    return new, str(keep(new))


async def _card(shop: Outlay, role: str) -> Any:
    try:
        return await shop.card(role)
    except UsageError:
        return await shop.card()
