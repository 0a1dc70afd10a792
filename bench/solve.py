"""How many right answers one budget buys over many questions: spent by marginal value, or evenly.

python bench/solve.py     the shipped pools of 40 questions x 16 samples, at the bills of 2, 3, 4 and 6 samples each
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np

from outlay.economics import sub_pools
from outlay.models.recording_file import read
from outlay.money import NUSD
from outlay.solve import SolveSpec, solve
from outlay.tasks import open_task

POOLS = ("pool-q05-sums", "pool-q15-sums")
KS = (2, 3, 4, 6)
SEEDS = 5


async def bought(name: str, max_usd: float, seed: int) -> tuple[int, float]:
    """Right answers and dollars paid of one run."""
    task = open_task(f"recorded/{name}", questions=1000, seed=seed)
    reference = {item.question.id: item for item in task}
    with tempfile.TemporaryDirectory() as folder:
        spec = SolveSpec(f"recorded/{name}", max_usd=max_usd, most=16, seed=seed, max_output_tokens=160)
        found = await solve(task, spec, Path(folder) / "answers.jsonl", store=Path(folder) / "ledger.db")
    right = sum(reference[a.id].score(a.answer, a.text or "") >= 1.0 for a in found.answers)
    return right, found.paid_usd or 0.0


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(f"{'pool':16} {'bill of':>8} {'cap':>9} {'right, evenly':>14} {'right, solve':>13} {'paid':>9}")
    for name in POOLS:
        recording = read(name)
        arrays = recording.arrays()
        assert recording.price is not None
        evenly = sub_pools.vote(arrays.class_QS, arrays.correct_QS, KS).sum(axis=0)
        bill = (
            sub_pools.cost_nusd(recording.price, arrays.input_tokens_Q, arrays.output_tokens_QS, KS).sum(axis=0)
            / NUSD
        )
        for k, right, usd in zip(KS, evenly, bill, strict=True):
            runs = np.array([asyncio.run(bought(name, float(usd), seed)) for seed in range(SEEDS)])
            mine, paid = runs.mean(axis=0)
            print(f"{name:16} {k:>6} x {usd:>9.5f} {right:>14.1f} {mine:>13.1f} {paid:>9.5f}")


if __name__ == "__main__":
    main()
