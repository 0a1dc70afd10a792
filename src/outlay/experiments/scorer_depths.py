"""Finding out at which depths a scorer of prefixes tells chains that end right from those that end wrong.

Each question gets a few chains that nothing selects, scored after every step, and judged by the task's key at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outlay import plugins
from outlay.engine import Outlay
from outlay.errors import CannotSay
from outlay.skeletons.chain import Chain
from outlay.skeletons.reliability import Reliability
from outlay.stats.depth_calibration import depth_calibration
from outlay.tasks import CORRECT, Item
from outlay.types import Question
from outlay.verifiers._own import as_verifier

FEWEST = 8
"""Questions below which nothing is said."""


async def scorer_depths(
    shop: Outlay,
    verifier: str,
    task: str,
    items: Sequence[Item],
    prepared: Callable[[Question], Question],
    *,
    n: int = 2,
    parameters: str = "",
    on_done: Callable[[int, int], None] | None = None,
) -> Reliability:
    """A scorer's calibration by depth on the default model's own chains; they are bought through the shop.

    Chains that are cut or state no answer count as wrong; those that were lost do not count.

    Args:
        shop: what buys; its default model writes.
        verifier: the scorer, as a user writes it.
        task: what the questions are called.
        items: questions with their keys.
        prepared: what is done to each question before it is asked (its sampling).
        n: chains a question. More of them tell less than more questions do.
        parameters: of the chains: `steps=…,step_tokens=…,temperature=…`.
        on_done: is told (questions done, questions).

    Raises:
        CannotSay: fewer than 8 questions, or no chain was scored.
        As `Outlay.buy`.
    """
    if len(items) < FEWEST:
        raise CannotSay(f"{len(items)} questions say nothing about a scorer; give at least {FEWEST}.")
    chosen = plugins.spec("verifier", verifier)
    scorer = as_verifier(chosen.target, chosen.parameters)
    # With an effective sample size that never falls below 0 nothing is resampled: plain chains, scored on their way.
    more = f",{parameters}" if parameters else ""
    plan = await shop.plan(f"particle_filter:n={n},ess=0{more}", verifier=verifier)
    rows: list[tuple[int, float, float]] = []
    for done, item in enumerate(items, 1):
        chains: list[Chain] = []
        question = prepared(item.question)
        await shop.buy(
            question,
            plan,
            listener=lambda e, into=chains: into.extend(e["chains"]) if e["event"] == "search" else None,
        )
        for chain in chains:
            if not chain.error:
                right = await _right(shop, item, question, chain)
                rows += [(depth, score, right) for depth, score in enumerate(chain.scores, 1)]
        if on_done is not None:
            on_done(done, len(items))
    if not rows:
        raise CannotSay("No chain was scored, so nothing can be said about the scorer.")
    depths = depth_calibration(*zip(*rows, strict=True))
    name = getattr(scorer, "name", verifier)
    return Reliability(name, (await shop.card()).identity, task, len(items), depths)


async def _right(shop: Outlay, item: Item, question: Question, chain: Chain) -> float:
    if not chain.whole:
        return 0.0
    kind = plugins.load("answer kind", question.kind or "text")
    return float(await shop.judge(item, kind.extract(chain.text), chain.text) >= CORRECT)
