"""Step rejection: one chain of steps, each drawn again while the verifier scores the chain low with it."""

from __future__ import annotations

from outlay.errors import UsageError
from outlay.run import Run
from outlay.skeletons.chain import ACCEPTED, Chain, Shape, Temperature
from outlay.skeletons.counted import counted
from outlay.skeletons.pool import need_kind
from outlay.skeletons.population import Population
from outlay.skeletons.search import answered, bound_of
from outlay.skeletons.steps import SEPARATOR
from outlay.types import Answer, Bound, Count, Question, Share, Tokens

NEEDS = frozenset({"chat", "prefix"})
ONE_CHAIN = True


def bound(
    question: Question,
    *,
    redraws: Count = 8,
    accept: Share = ACCEPTED,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = None,
) -> Bound:
    """One draw and one scoring a step, and so many more of the last one."""
    draws_at = [1] * (steps - 1) + [1 + redraws]
    shape = Shape.of(steps, step_tokens, separator, temperature)
    return bound_of(question, shape, draws_at, scorings=sum(draws_at))


async def step_rejection(
    run: Run,
    question: Question,
    *,
    redraws: Count = 8,
    accept: Share = ACCEPTED,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = None,
) -> Answer:
    """The answer of one chain whose steps the verifier scores at `accept` or more, as far as `redraws` reach.

    A step with which the chain scores below `accept` is drawn again, at most `redraws` times in the whole chain; of
    several draws the first of the best score stays, and one that is lost counts like one that is rejected. With a check
    that is sound and free it writes little more than one sample. An error that the check cannot see stays, and a chain
    that is led astray early is never left for another: for that there are searches.

    Args:
        run: what to buy through; its verifier scores prefixes.
        question: what is asked; it needs an answer kind. Its output bound is that of the chain.
        redraws: further draws of the chain's steps in all.
        accept: the score in [0, 1] from which a step stays. `step_rules` scores 0, 0.5 or 1.
        steps: the most steps; a chain that reaches it is cut and has no answer.
        step_tokens: the most tokens of a step; a step that is cut there goes on as the next one.
        separator: what ends a step; backslash n is a line break.
        temperature: of the draws; None takes the question's.

    Raises:
        UsageError: a temperature of 0, at which a step is the same however often it is drawn; or the question has no
            kind.
        MissingAbility: the model does not continue a given text.

    Cost: at most steps + redraws draws of step_tokens each, and as many scorings.
    Source: our own: rejection sampling a step at a time, as speculative methods reject drafts, with one model.
    Example: `outlay ask "17 + 4 - 9?" --strategy step_rejection --kind number --verifier step_rules`
    """
    need_kind(question, "step_rejection")
    if (question.sampling.temperature if temperature is None else temperature) == 0:
        raise UsageError(
            "step_rejection draws steps again, which changes nothing at temperature 0; set another."
        )
    population = Population(run, question, Shape.of(steps, step_tokens, separator, temperature))
    chain, left, depth = Chain(), redraws, 0
    while chain.open:
        grown, drawn = await _step(population, chain, left, accept)
        if grown is None:
            return await answered(population, [], stopped=f"the chain was lost at step {depth + 1}")
        chain, left, depth = grown, left - drawn + 1, depth + 1
        run.emit("progress", depth=depth, drawn_again=redraws - left)
    stopped = f"{counted(depth, 'step')}, {redraws - left} drawn again; {chain.why}"
    return await answered(population, [chain], stopped=stopped)


async def _step(population: Population, chain: Chain, left: int, accept: float) -> tuple[Chain | None, int]:
    """The chain with its next step, the best of as many as it took, and how many that were; None: they were lost."""
    best: Chain | None = None
    for drawn in range(1, left + 2):
        (family,) = await population.grow([chain])
        if family and (best is None or family[0].score > best.score):
            best = family[0]
        if population.refusal is not None or (best is not None and best.score >= accept):
            return best, drawn
    return best, left + 1
