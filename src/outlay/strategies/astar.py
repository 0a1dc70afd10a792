"""A*-decoding: the most promising unfinished chain grows next, until a finished one is the most promising."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import Literal

from msgspec import Struct

from outlay.run import Run
from outlay.skeletons.chain import Chain, Shape, Temperature, merged
from outlay.skeletons.counted import counted
from outlay.skeletons.pool import need_kind
from outlay.skeletons.population import Population
from outlay.skeletons.search import answered, bound_of
from outlay.skeletons.steps import SEPARATOR
from outlay.types import Answer, Bound, Count, Question, Tokens

NEEDS = frozenset({"chat", "prefix"})
EdgeCost = Literal["degradation", "pathmax", "zero"]


def bound(
    question: Question,
    *,
    k: Count = 4,
    expansions: Count = 64,
    goals: Count = 1,
    edge_cost: EdgeCost = "degradation",
    again: bool = False,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = 0.8,
) -> Bound:
    """A draw and a scoring of k children an expansion, and one of each at every depth to complete a chain."""
    shape = Shape.of(steps, step_tokens, separator, temperature)
    draws_at = [1 + k * (t < expansions) for t in range(steps)]
    draws_at[-1] += k * max(expansions - steps, 0)
    return bound_of(question, shape, draws_at, scorings=sum(draws_at))


async def astar(
    run: Run,
    question: Question,
    *,
    k: Count = 4,
    expansions: Count = 64,
    goals: Count = 1,
    edge_cost: EdgeCost = "degradation",
    again: bool = False,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = 0.8,
) -> Answer:
    """The first finished chain of least f = g + h, where h = 1 - r and g adds up an edge cost along the chain.

    `degradation` adds max(0, h(child) - h(parent)), every loss of score, `pathmax` max(0, h(parent) - h(child)),
    with which f never falls along a chain; `zero` nothing (greedy best first). Equal f: the smaller h, then the deeper
    chain, then the earlier one. Identical siblings are merged. It buys one expansion at a time: cheap and slow.

    It compares chains of different depth, so it needs a scorer that means the same at each; the answer's `stopped`
    says how many expansions each depth had.

    Args:
        run: what to buy through; its verifier scores prefixes.
        question: what is asked; it needs an answer kind. Its output bound is that of a whole chain.
        k: children of an expansion.
        expansions: the most expansions. Where they end before a finished chain is the best, the best open one is
            completed greedily.
        goals: finished chains to wait for; the best-scored of them is the answer.
        edge_cost: `degradation`, `pathmax` or `zero`.
        again: a chain none of whose children scores as well as it goes back into the queue, to be grown anew.
        steps: the most steps of a chain; one that reaches it is cut and has no answer.
        step_tokens: the most tokens of a step; a step that is cut there goes on as the next one.
        separator: what ends a step; backslash n is a line break.
        temperature: of the draws; 0.8 as in the paper's baseline.

    Raises:
        UsageError: the question has no kind.
        MissingAbility: the model does not continue a given text.

    Cost: at most k x expansions + steps draws of step_tokens each, and as many scorings.
    Source: A*-Decoding (arXiv 2505.13672): f, h and the order of expansion. Its edge cost and parameters were not
        found: the three costs are readings of it, and the default, k, the tie rule, r = 1 at the root, `again` and the
        greedy completion are our choice.
    Example: `outlay ask "17 + 4 - 9?" --strategy astar:k=4,expansions=32 --kind number --verifier step_rules`
    """
    need_kind(question, "astar")
    population = Population(run, question, Shape.of(steps, step_tokens, separator, temperature))
    queue, by_depth, born = [_Node(0.0, 0.0, 0, 0, 0.0, Chain())], Counter[int](), 0
    found: list[Chain] = []
    aside: list[Chain] = []
    while queue and len(found) < goals:
        node = heappop(queue)
        if node.chain.over:
            (found if await population.solved(node.chain) else aside).append(node.chain)
            continue
        if by_depth.total() == expansions or population.refusal is not None:
            heappush(queue, node)
            break
        by_depth[node.chain.depth] += 1
        (family,) = await population.grow([node.chain], n=k)
        children = merged(family)
        for child in children:
            born += 1
            heappush(queue, node.child(child, edge_cost, born))
        if again and all(c.score < node.chain.score for c in children):
            heappush(queue, node)
        run.emit("progress", expansions=by_depth.total(), open=len(queue))
    chains = found or await _completed(population, queue)
    shown = " ".join(f"{depth}:{count}" for depth, count in sorted(by_depth.items()))
    tried = counted(by_depth.total(), "expansion")
    stopped = f"{len(found)} of {goals} goals after {tried} (depth:count {shown})"
    return await answered(population, [*chains, *aside], stopped=stopped)


class _Node(Struct, frozen=True, order=True):
    """A chain in the queue; nodes sort by f, h, depth (deeper first) and birth."""

    f: float
    h: float
    shallow: int
    born: int
    g: float
    chain: Chain

    def child(self, chain: Chain, edge_cost: EdgeCost, born: int) -> _Node:
        """The node of a chain that grew from this one's."""
        h = 1.0 - chain.score
        rise = {"degradation": max(0.0, h - self.h), "pathmax": max(0.0, self.h - h), "zero": 0.0}[edge_cost]
        return _Node(self.g + rise + h, h, -chain.depth, born, self.g + rise, chain)


async def _completed(population: Population, queue: list[_Node]) -> list[Chain]:
    """The chains to choose from where no goal was reached: finished ones in the queue, else the best, completed."""
    waiting = [node.chain for node in sorted(queue)]
    whole = [c for c in waiting if c.whole]
    chain = next((c for c in waiting if c.open), None)
    if whole or chain is None:
        return whole or waiting
    while chain.open:
        (family,) = await population.grow([chain])
        if not family:
            return []
        (chain,) = family
    return [chain]
