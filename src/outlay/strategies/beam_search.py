"""Beam search over reasoning steps: the best-scored chains of one depth live on, finished ones step aside."""

from __future__ import annotations

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


async def beam_search(
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
    """The best-scored answer of a beam of n / width chains, each of which grows by `width` children a step.

    At each depth n children are drawn and scored, and the n / width best open ones live on. Chains that end are set
    aside and never take a place of the beam. It is over when n / width chains have ended with an answer, or none is
    left to grow. Siblings of equal text count once. Only children of one depth are compared. Equal scores: the
    earlier sample.

    With a scorer that errs anew at each look it beats a particle filter slightly; with one that is misled for good
    by an early step it is worse, because what it drops is gone.

    Args:
        run: what to buy through; its verifier scores prefixes.
        question: what is asked; it needs an answer kind. Its output bound is that of a whole chain.
        n: children a depth, a multiple of `width`.
        width: children of each chain of the beam.
        steps: the most steps of a chain; one that reaches it is cut and has no answer.
        step_tokens: the most tokens of a step; a step that is cut there goes on as the next one.
        separator: what ends a step; backslash n is a line break.
        temperature: of the draws; None takes the question's.

    Raises:
        UsageError: n is no multiple of width, or the question has no kind.
        MissingAbility: the model does not continue a given text.

    Cost: at most n x steps draws of step_tokens each, and as many scorings.
    Source: Snell et al. 2024 (arXiv 2408.03314), section 5.1; the baseline of Puri et al. 2025 (arXiv 2502.01618).
        Ours: all n places are used at the first depth, finished chains stand aside, and the rule by which it ends.
    Example: `outlay ask "17 + 4 - 9?" --strategy beam_search:n=8,width=4 --kind number --verifier step_rules`
    """
    need_kind(question, "beam_search")
    if n % width:
        raise UsageError(f"beam_search needs n to be a multiple of width; {n} is none of {width}.")
    population = Population(run, question, Shape.of(steps, step_tokens, separator, temperature))
    beam, finished, solved = [Chain()], [], 0
    while beam and solved < n // width:
        families = await population.grow(beam, n=n // len(beam))
        children = merged([child for family in families for child in family])
        over = [c for c in children if c.over]
        finished += over
        solved += sum([await population.solved(c) for c in over])
        beam = sorted((c for c in children if c.open), key=lambda c: -c.score)[: n // width]
        run.emit("progress", depth=beam[0].depth if beam else 0, finished=len(finished))
    stopped = f"{counted(len(finished), 'chain')} ended after {counted(population.n_steps, 'step')}"
    return await answered(population, finished or beam, stopped=stopped)
