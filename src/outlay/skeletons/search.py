"""What searches over steps share at their two ends: the worst case, and the answer that their chains come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outlay.door.bounds import text_bound
from outlay.selection.best_of import best_of
from outlay.skeletons.chain import Chain, Shape, sample_of
from outlay.skeletons.counted import counted
from outlay.skeletons.pool import answer, representative
from outlay.skeletons.population import Population
from outlay.skeletons.reliability import look_up
from outlay.skeletons.steps import unparted
from outlay.types import Answer, Bound, Choice, Draws, Pool, Question


def bound_of(question: Question, shape: Shape, draws_at: Sequence[int], *, scorings: int) -> Bound:
    """The worst case of so many draws at each depth and of so many scorings.

    The prompt is counted for each draw, as for a model that does not share it, with the longest prefix that stands
    before it: at depth t at most t (m + separator) tokens, where m is the cap of a step.
    """
    cap = question.sampling.max_output_tokens or shape.steps * shape.step_tokens
    m, between = min(shape.step_tokens, cap), len(shape.separator.encode())
    text, draws = text_bound(question.messages, question.sampling), sum(draws_at)
    prefixes = sum(n * (min(t * m, cap) + t * between) for t, n in enumerate(draws_at))
    by_role = {"default": Draws(draws, draws * text + prefixes, draws * m), "verifier": Draws(scorings)}
    return Bound(by_role)


async def answered(
    population: Population,
    chains: Sequence[Chain],
    *,
    stopped: str,
    select: Callable[[Pool], Choice] = best_of,
) -> Answer:
    """The answer that a search comes to: the selection over its chains, those that were lost named with them.

    Args:
        population: what grew them.
        chains: what the search ends with, in an order that does not depend on arrivals.
        stopped: why it ended.
        select: which answer class; the best-scored chain's unless stated otherwise.

    Raises:
        NoAnswer: not one chain has a step.
    """
    run, question = population.run, population.question
    run.refused = run.refused or str(population.refusal or "")
    listed = (*chains, *population.lost)
    pool = Pool(question.id, question.kind, tuple(sample_of(i, c) for i, c in enumerate(listed)))
    pool = await run.merge(pool, Pool(question.id, question.kind, ()))
    choice = select(pool)
    best = representative(pool, choice.p[0][0]) if choice else None
    source, warning = await look_up(run)
    cut = (c.steps for c in listed if not c.whole)
    run.notes += filter(None, [warning, unparted(cut, population.shape.separator)])
    run.emit("search", chains=listed)
    if population.refusal is not None:
        stopped = f"the budget ended after {counted(population.n_steps, 'step')}: {population.refusal}"
    return answer(
        run,
        question,
        pool,
        choice,
        stopped=stopped,
        p_correct=best.verdict.score if best and best.verdict else None,
        p_source=source,
    )
