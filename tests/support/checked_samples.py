"""Planted worlds for verifiers' economics: samples that a checker accepts or not, and audits of a checker."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Floats]


def seed_of(name: str) -> int:
    """The seed that belongs to a regime's name."""
    return crc32(name.encode())


def illustration(rng: np.random.Generator, n: int) -> Floats:
    """The paper's two types: 58 % of the questions right with 0.87, the others with 0.13."""
    return np.where(rng.random(n) < 0.58, 0.87, 0.13)


def mostly_hard(rng: np.random.Generator, n: int) -> Floats:
    """Three in ten right with 0.6, the others with 0.05."""
    return np.where(rng.random(n) < 0.3, 0.6, 0.05)


def spread(rng: np.random.Generator, n: int) -> Floats:
    """All difficulties: Beta(1, 1.2)."""
    return rng.beta(1.0, 1.2, n)


class TriesWorld(Struct, frozen=True):
    """A regime in which the best number of tries, 0 … samples, is known."""

    name: str
    law: Law
    completeness: float
    soundness: float
    wrong: float
    try_cost: float = 0.0
    samples: int = 16

    def best(self) -> int:
        """The best number of tries over a population of 400,000 questions."""
        p = self.law(np.random.default_rng(7), 400_000)
        beta = (1 - self.completeness) * p + self.soundness * (1 - p)
        value = self.completeness * p - self.wrong * (1 - p) * (1 - self.soundness) - self.try_cost
        reward = np.cumsum([0.0] + [float((value * beta**k).mean()) for k in range(self.samples)])
        return int(np.argmax(reward >= reward.max() - 1e-12))

    def draw(self, rng: np.random.Generator, questions: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Accepted and right flags of new samples."""
        p = self.law(rng, questions)
        correct = rng.random((questions, self.samples)) < p[:, None]
        chance = rng.random(correct.shape)
        return np.where(correct, chance < self.completeness, chance < 1 - self.soundness), correct


TRIES_WORLDS = (
    TriesWorld("illustration, wrong 0.7", illustration, 1.0, 0.75, 0.7),
    TriesWorld("illustration, wrong 1", illustration, 1.0, 0.75, 1.0),
    TriesWorld("illustration, wrong 2", illustration, 1.0, 0.75, 2.0),
    TriesWorld("mostly hard", mostly_hard, 0.9, 0.8, 1.0),
    TriesWorld("all difficulties", spread, 0.9, 0.8, 1.0),
    TriesWorld("answering never pays", mostly_hard, 0.9, 0.6, 4.0),
    TriesWorld("more always pays", spread, 0.9, 0.95, 0.3),
    TriesWorld("tries have a price", spread, 1.0, 0.98, 0.5, try_cost=0.05),
)


class AuditWorld(Struct, frozen=True):
    """A regime of labelled solutions whose checker's rates and repeat correlation are known."""

    name: str
    questions: int
    solutions: int
    checks: int
    accepts_right: float
    accepts_wrong: float
    correlation: float

    def draw(self, rng: np.random.Generator) -> dict[str, NDArray]:
        """The arguments of one audit."""
        question = np.repeat(np.arange(self.questions), self.solutions)
        correct = rng.random(len(question)) < rng.beta(1.0, 1.0, self.questions)[question]
        rate = np.where(correct, self.accepts_right, self.accepts_wrong)
        if self.correlation > 0:
            size = 1 / self.correlation - 1
            rate = rng.beta(rate * size, (1 - rate) * size)
        checks = np.full(len(question), self.checks)
        return {
            "accepts_P": rng.binomial(checks, rate),
            "checks_P": checks,
            "correct_P": correct,
            "question_P": question,
        }


AUDIT_WORLDS = (
    AuditWorld("300 pairs, one check", 300, 1, 1, 0.9, 0.3, 0.5),
    AuditWorld("150 pairs, 4 checks", 150, 1, 4, 0.9, 0.3, 0.5),
    AuditWorld("40 questions of 8, measured verifier", 40, 8, 3, 0.82, 0.63, 0.7),
    AuditWorld("100 questions of 2, independent checks", 100, 2, 4, 0.8, 0.3, 0.0),
    AuditWorld("100 questions of 2, nearly equal checks", 100, 2, 4, 0.8, 0.6, 0.9),
    AuditWorld("200 pairs, rare errors", 200, 1, 2, 0.95, 0.05, 0.3),
)
