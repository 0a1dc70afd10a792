"""Particle filter over reasoning steps: chains are copied and dropped at random, by the odds of their scores."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from outlay.run import Run
from outlay.skeletons.chain import Chain, Shape, Temperature
from outlay.skeletons.counted import counted
from outlay.skeletons.particles import Resampling, Rule, Weights, sweep
from outlay.skeletons.pool import need_kind
from outlay.skeletons.population import Population
from outlay.skeletons.search import answered, bound_of
from outlay.skeletons.steps import SEPARATOR
from outlay.types import Answer, Bound, Count, Positive, Question, Share, Tokens

NEEDS = frozenset({"chat", "prefix"})
Rounds = Annotated[int, Meta(ge=1, le=64)]


def bound(
    question: Question,
    *,
    n: Count = 8,
    rounds: Rounds = 1,
    weights: Weights = "paper",
    resampling: Resampling = "multinomial",
    ess: Share = 1.0,
    weight_temperature: Positive = 1.0,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = 0.8,
) -> Bound:
    """At each of `steps` depths n draws and scorings, and n - 1 in each further round."""
    most = n + (n - 1) * (rounds - 1)
    shape = Shape.of(steps, step_tokens, separator, temperature)
    return bound_of(question, shape, [most] * steps, scorings=most * steps)


async def particle_filter(
    run: Run,
    question: Question,
    *,
    n: Count = 8,
    rounds: Rounds = 1,
    weights: Weights = "paper",
    resampling: Resampling = "multinomial",
    ess: Share = 1.0,
    weight_temperature: Positive = 1.0,
    steps: Count = 40,
    step_tokens: Tokens = 512,
    separator: str = SEPARATOR,
    temperature: Temperature | None = 0.8,
) -> Answer:
    """The best-scored answer of n chains that are resampled after each step with shares r / (1 - r) over their sum.

    A noisy score does not prune for good: a chain with a low score may live on. All particles are resampled, finished
    ones included: those keep their last score, may be copied and may be dropped. Particles with the same prefix draw
    in one batch and are scored once. n = 1 is plain sampling; equal scores resample uniformly.

    `rounds` above 1 is particle Gibbs: each further round keeps one reference chain, drawn from the last round by its
    shares, beside n - 1 fresh ones; at step t it competes with its own score at step t, and its copies go on there.

    With `paper`, the score of a whole prefix weighs in again at every step, which is the published algorithm and no
    posterior of its model; `incremental` weighs by what it has gained since the last resampling.

    Args:
        run: what to buy through; its verifier scores prefixes.
        question: what is asked; it needs an answer kind. Its output bound is that of a whole chain.
        n: particles. Below 4 there is little to resample.
        rounds: sweeps; the answer is the best of all of them.
        weights: `paper` or `incremental`.
        resampling: `multinomial`, or `systematic` with less variance.
        ess: resample where the effective sample size is at most this share of n; 1 always, 0.5 is usual elsewhere.
        weight_temperature: of the shares; lower is greedier.
        steps: the most steps of a chain; one that reaches it is cut and has no answer.
        step_tokens: the most tokens of a step; a step that is cut there goes on as the next one.
        separator: what ends a step; backslash n is a line break.
        temperature: of the draws; the paper's 0.8.

    Raises:
        UsageError: the question has no kind.
        MissingAbility: the model does not continue a given text.

    Cost: at most n x steps draws and as many scorings in the first round, (n - 1) x steps in each further one.
    Source: Puri et al. 2025 (arXiv 2502.01618), Algorithm 1 and section 3.3, with the weights of its code (softmax of
        logits, not of scores) and the reference's weight at the same step as its_hub corrected it. The reference is
        kept as it is; `incremental` and `ess` are ours, after twisted sequential Monte Carlo.
    Example: `outlay ask "17 + 4 - 9?" --strategy particle_filter:n=8 --kind number --verifier step_rules`
    """
    need_kind(question, "particle_filter")
    rule = Rule(weights, resampling, ess, weight_temperature)
    population = Population(run, question, Shape.of(steps, step_tokens, separator, temperature))
    chains: list[Chain] = []
    reference: Chain | None = None
    for number in range(rounds):
        swept = await sweep(population, n, rule, label=f"resample/{number}", reference=reference)
        chains += [c for i, c in enumerate(swept.particles) if c.over and not (reference and i == 0)]
        if not swept.theta:
            break
        rng = run.rng(f"reference/{number}")
        reference = rng.choices(swept.particles, swept.theta)[0]
    stopped = f"{counted(len(chains), 'particle')} ended after {counted(population.n_steps, 'step')}"
    return await answered(population, chains, stopped=stopped)
