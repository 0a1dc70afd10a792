"""One sweep of a particle filter over reasoning steps, alone or conditional on a reference chain.

A particle's log-weight is the logit of its score, so the shares are the odds r / (1 - r) over their sum. `incremental`
weighs by what the score has gained since the last resampling, so that evidence that all prefixes share counts once.
"""

from __future__ import annotations

from math import exp, fsum, inf, log
from typing import Literal

import msgspec
from msgspec import Struct

from outlay.skeletons.chain import Chain
from outlay.skeletons.population import Population
from outlay.stats.resampling import SCHEMES, effective_sample_size, logit, softmax

Weights = Literal["paper", "incremental"]
Resampling = Literal["multinomial", "systematic"]
ROUNDING = 1e-9
"""Equal shares have an effective sample size of n, up to this."""


class Rule(Struct, frozen=True):
    """How particles are weighed and resampled."""

    weights: Weights = "paper"
    resampling: Resampling = "multinomial"
    ess: float = 1.0
    """Resample where the effective sample size is at most this share of the particles; 1 is always."""
    weight_temperature: float = 1.0


class Sweep(Struct, frozen=True):
    """Where a sweep ends. `log_evidence` is ln of the product over steps of the weights' mean before each resampling.

    With `paper` weights that are always resampled at temperature 1 its exponential is an unbiased estimate of
    E[prod_t r_t / (1 - r_t)] over the model's own chains.
    """

    particles: list[Chain]
    theta: list[float]
    """The particles' shares, by their last weights; empty where all are lost."""
    log_evidence: float


class _Particle(Struct):
    chain: Chain
    base: float = 0.0
    """The logit from which an incremental weight counts: that of the last resampling, 0 (r = 1/2) at first."""


async def sweep(
    population: Population, n: int, rule: Rule, *, label: str, reference: Chain | None = None
) -> Sweep:
    """`n` particles from the first step until none can grow; with a reference, n - 1 and the reference.

    All particles are resampled, finished ones included: they keep their last score, may be copied and may be dropped.
    The reference is never replaced. At step t it competes with its own score at step t (its last one if it is
    shorter), and a copy of it is cut to its first t steps and grows on its own. A particle that is lost has weight 0.

    Args:
        population: what grows and scores the particles.
        n: particles, the reference included.
        rule: how to weigh and resample.
        label: names the random numbers of this sweep.
        reference: the chain to condition on; it stands in place 0 and is never drawn again.
    """
    fixed, log_evidence, depth = int(reference is not None), 0.0, 0
    places = [_Particle(Chain()) for _ in range(n)]
    while True:
        growing = [p for p in places[fixed:] if p.chain.open]
        if not growing:
            return _end(places, rule, reference, log_evidence)
        families = await population.grow([p.chain for p in growing])
        for particle, family in zip(growing, families, strict=True):
            lost = msgspec.structs.replace(particle.chain, error="lost")
            particle.chain = family[0] if family else lost
        depth += 1
        if reference is not None:
            places[0].chain = reference.upto(depth)
        weights = [_log_weight(p, rule) for p in places]
        if max(weights) == -inf:
            return _end(places, rule, reference, -inf)
        theta = softmax(weights, temperature=rule.weight_temperature)
        size = effective_sample_size(theta)
        population.run.emit("progress", depth=depth, effective_sample_size=size)
        if not any(p.chain.open for p in places[fixed:]):
            return _end(places, rule, reference, log_evidence + _log_mean(weights))
        if size <= rule.ess * n + ROUNDING:
            log_evidence += _log_mean(weights)
            drawn = SCHEMES[rule.resampling](theta, n - fixed, population.run.rng(f"{label}/{depth}"))
            survivors = [places[i].chain for i in [0][:fixed] + drawn]
            places = [_Particle(chain, logit(chain.score)) for chain in survivors]


def _end(places: list[_Particle], rule: Rule, reference: Chain | None, log_evidence: float) -> Sweep:
    if reference is not None:
        places[0].chain = reference
    weights = [_log_weight(p, rule) for p in places]
    alive = max(weights) > -inf
    theta = softmax(weights, temperature=rule.weight_temperature) if alive else []
    return Sweep([p.chain for p in places], theta, log_evidence)


def _log_weight(particle: _Particle, rule: Rule) -> float:
    chain = particle.chain
    if chain.error or not chain.scores:
        return -inf
    return logit(chain.score) - (particle.base if rule.weights == "incremental" else 0.0)


def _log_mean(weights: list[float]) -> float:
    most = max(weights)
    return most + log(fsum(exp(w - most) for w in weights) / len(weights))
