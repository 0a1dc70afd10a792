"""Diverse tree search: independent trees, each of which follows its best-scored child."""

from __future__ import annotations

from outlay.concurrency import together
from outlay.errors import UsageError
from outlay.run import Run
from outlay.skeletons.chain import Chain, Shape, Temperature, merged
from outlay.skeletons.counted import counted
from outlay.skeletons.pool import need_kind
from outlay.skeletons.population import Population
from outlay.skeletons.search import answered, bound_of
from outlay.skeletons.steps import SEPARATOR
from outlay.types import Answer, Bound, Count, Question, Tokens

NEEDS = frozenset({"chat", "prefix"})


def bound(
    question: Question,
    *,
    n: Count = 8,
    width: Count = 4,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = None,
) -> Bound:
    """At each of `steps` depths n draws and n scorings."""
    return bound_of(
        question, Shape.of(steps, step_tokens, separator, temperature), [n] * steps, scorings=n * steps
    )


async def diverse_tree_search(
    run: Run,
    question: Question,
    *,
    n: Count = 8,
    width: Count = 4,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = None,
) -> Answer:
    """The best-scored answer of n / width trees, each of which goes on from the best of `width` children a step.

    The trees never compete, so one misleading score cannot take them all; and none waits for another: only the first
    step, whose prompt they share, is drawn for all at once. A tree is over when its best child ends with an
    answer; a child that ends without being the best is kept as a candidate.

    Args:
        run: what to buy through; its verifier scores prefixes.
        question: what is asked; it needs an answer kind. Its output bound is that of a whole chain.
        n: children a depth over all trees, a multiple of `width`.
        width: children of each tree at a depth.
        steps: the most steps of a chain; one that reaches it is cut and has no answer.
        step_tokens: the most tokens of a step; a step that is cut there goes on as the next one.
        separator: what ends a step; backslash n is a line break.
        temperature: of the draws; None takes the question's.

    Raises:
        UsageError: n is no multiple of width, or the question has no kind.
        MissingAbility: the model does not continue a given text.

    Cost: at most n x steps draws of step_tokens each, and as many scorings.
    Source: Beeching et al. 2024 (Hugging Face, Scaling test-time compute), DVTS; the baseline of Puri et al. 2025
        (arXiv 2502.01618). Ours: children that end without being the best are kept.
    Example: `outlay ask "17 + 4 - 9?" --strategy diverse_tree_search:n=8 --kind number --verifier step_rules`
    """
    need_kind(question, "diverse_tree_search")
    if n % width:
        raise UsageError(f"diverse_tree_search needs n to be a multiple of width; {n} is none of {width}.")
    shape = Shape.of(steps, step_tokens, separator, temperature)
    roots = Population(run, question, shape)
    (family,) = await roots.grow([Chain()], n=n)
    lanes = [Population(run, question, shape, lane=1 + lane, beside=roots) for lane in range(n // width)]
    families = [family[lane :: len(lanes)] for lane in range(len(lanes))]
    trees = await together(_tree(lane, children, width) for lane, children in zip(lanes, families, strict=True))
    for lane in lanes:
        roots.take(lane)
    chains = [chain for tree in trees for chain in tree]
    ended = sum(c.over for c in chains)
    told = f"{counted(ended, 'chain')} of {counted(len(lanes), 'tree')}"
    return await answered(roots, chains, stopped=f"{told} ended after {counted(roots.n_steps, 'step')}")


async def _tree(population: Population, children: list[Chain], width: int) -> list[Chain]:
    """The chains that one tree ends with, from the children of its root."""
    found: list[Chain] = []
    while children := merged(children):
        found += [c for c in children if c.over]
        children = [c for c in children if c.open or await population.solved(c)]
        best = max(children, key=lambda c: c.score, default=Chain())
        if not children or best.over:
            return found
        population.run.emit("progress", tree=population.lane, depth=best.depth)
        (children,) = await population.grow([best], n=width)
    return found
