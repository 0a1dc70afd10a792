"""Outcomes and recorded pools with planted success rates, the same in every run."""

from __future__ import annotations

import random

from outlay.report.outcome import Outcome, PoolCell
from outlay.stats.wilson import wilson

PLANS = (
    ("single", "", 1, 0.0),
    ("self_consistency:n=4", "", 4, 0.14),
    ("self_consistency:n=16", "", 16, 0.27),
    ("adaptive:max_n=16", "", 6, 0.25),
    ("best_of_n:n=8", "judge", 8, 0.12),
    ("best_of_majority:n=16", "judge", 16, 0.28),
    ("sharpen:n=8", "", 8, 0.1),
)
"""Strategy, verifier, samples a question, and what it adds to the success rate of one sample."""
MODELS = {"local/qwen2.5-coder-0.5b": (0.42, 1), "local/qwen2.5-coder-1.5b": (0.66, 3)}
"""Success rate of one sample and price multiple of each model."""


SELECTIONS = (("vote", 0.24, False), ("likelihood", 0.12, False), ("pass_at_k", 0.32, True))
"""What more samples add in the end, and whether it saw the key."""


def outcomes(questions: int = 60, seed: int = 7) -> list[Outcome]:
    """Every plan on both models, and one oracle plan."""
    rng = random.Random(seed)
    hard = [rng.uniform(-0.2, 0.2) for _ in range(questions)]
    found = []
    for model, (rate, price) in MODELS.items():
        for strategy, verifier, n, gain in PLANS:
            rate_here = rate + gain
            found += [
                _one(rng, q, hard[q], model, rate_here, price, strategy, verifier, n) for q in range(questions)
            ]
        found += [
            _one(rng, q, hard[q], model, rate + 0.33, price, "best_of_n:n=8", "reference", 8, oracle=True)
            for q in range(questions)
        ]
    return found


def _one(rng, q, hard, model, rate, price, strategy, verifier, n, oracle=False) -> Outcome:
    p = min(max(rate + hard, 0.02), 0.98)
    failed = "The server did not answer in 60 s." if verifier == "judge" and q == 5 else ""
    right = rng.random() < p and not failed
    output = sum(rng.randint(20, 60) for _ in range(n))
    cost = price * (45 * 60 + output * 900) + (n * 30_000 if verifier == "judge" else 0)
    return Outcome(
        task="chain_sum",
        model=model,
        strategy=strategy,
        verifier=verifier,
        question_id=f"q{q}",
        correct=right,
        score=float(right),
        answer="42",
        reference="42",
        p_correct=None if n == 1 else round(min(max(p + rng.uniform(-0.1, 0.1), 0), 1), 3),
        cost_nusd=cost,
        paid_nusd=cost,
        input_tokens=45,
        cache_read_tokens=0 if n == 1 else 30,
        output_tokens=output,
        calls=n,
        latency_s=round(0.4 * price * (1 + n / 4) * rng.uniform(0.8, 1.6), 3),
        failed=failed,
        oracle=oracle,
    )


def pools() -> list[PoolCell]:
    """Votes, likelihood and coverage of both models at six budgets."""
    cells = []
    for model, (rate, price) in MODELS.items():
        for k in (1, 2, 4, 8, 16):
            for strategy, top, oracle in SELECTIONS:
                accuracy = rate + top * (1 - k**-0.8)
                cells.append(
                    PoolCell(
                        task="sums",
                        model=model,
                        strategy=strategy,
                        k=k,
                        questions=40,
                        accuracy=accuracy,
                        interval=wilson(accuracy * 40, 40),
                        cost_nusd=price * (2_700 + 36_000.0 * k),
                        input_tokens=45.0,
                        output_tokens=40.0 * k,
                        oracle=oracle,
                    )
                )
    return cells
