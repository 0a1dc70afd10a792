"""How many right answers one budget buys over many questions: spent by marginal value, or evenly.

python bench/solve.py            all of it
python bench/solve.py alone      the shipped pools of 40 questions x 16 samples, at the bills of 2, 3, 4 and 6 samples
python bench/solve.py pairs      two models with 10 labels, at the dear one's bills of 1 to 8 samples
python bench/solve.py worths     the same with a worth in place of a tight cap
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from outlay.economics import sub_pools
from outlay.models.recording_file import read
from outlay.money import NUSD
from outlay.policies._menu import Beliefs, Entry, menu_of
from outlay.policies._pilot import of_recording
from outlay.solve import SolveSpec, solve
from outlay.tasks import Task, open_task

POOLS = ("pool-q05-sums", "pool-q15-sums")
KS = (2, 3, 4, 6)
PAIRS = {"sums": POOLS, "short sums": ("res-q05-chain_sum", "res-q15-chain_sum")}
CAPS = (1, 2, 3, 4, 6, 8)
WORTHS = (0.0002, 0.001, 0.01)
AMPLE_USD = 0.2
LABELS = 10
SEEDS = 5


async def bought(task: Task, keyed: Task, spec: SolveSpec) -> tuple[int, float, float]:
    """Right answers, dollars paid and those of the pilot of one run; `keyed` has every reference."""
    reference = {item.question.id: item for item in keyed}
    with tempfile.TemporaryDirectory() as folder:
        found = await solve(task, spec, Path(folder) / "answers.jsonl", store=Path(folder) / "ledger.db")
    right = sum(
        reference[a.id].score(a.answer, a.text or "") >= 1.0 for a in found.answers if a.answer is not None
    )
    return right, found.paid_usd or 0.0, found.pilot.usd if found.pilot else 0.0


def bills(name: str, ks: tuple[int, ...], kept: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Expected right answers and dollars of a vote of each k on the first questions of a pool, over all of them."""
    recording = read(name)
    arrays = recording.arrays()
    assert recording.price is not None
    right = sub_pools.vote(arrays.class_QS, arrays.correct_QS, ks)[:kept]
    usd = sub_pools.cost_nusd(recording.price, arrays.input_tokens_Q, arrays.output_tokens_QS, ks)[:kept]
    return right.sum(axis=0), usd.sum(axis=0) / NUSD


def alone() -> None:
    """One model: solve against the same vote or `sharpen` everywhere, at the bills of so many samples each."""
    print(
        f"{'pool':16} {'bill of':>8} {'cap':>9} {'right, evenly':>14} {'sharpen':>8} {'right, solve':>13} {'paid':>9}"
    )
    for name in POOLS:
        arrays = read(name).arrays()
        likely = sub_pools.best_of(arrays.class_QS, arrays.correct_QS, arrays.mean_logp_QS, KS).sum(axis=0)
        for k, right, usd, likeliest in zip(KS, *bills(name, KS), likely, strict=True):
            rows = []
            for seed in range(SEEDS):
                task = open_task(f"recorded/{name}", questions=1000, seed=seed)
                spec = SolveSpec(
                    f"recorded/{name}", max_usd=float(usd), most=16, seed=seed, max_output_tokens=160
                )
                rows.append(asyncio.run(bought(task, task, spec)))
            mine, paid, _ = np.mean(rows, axis=0)
            print(
                f"{name:16} {k:>6} x {usd:>9.5f} {right:>14.1f} {likeliest:>8.1f} {mine:>13.1f} {paid:>9.5f}",
                flush=True,
            )


def pairs() -> None:
    """Two models and 10 labels: solve against the same bill spent evenly on each alone, and the best fixed plan."""
    print(
        f"{'pair':10} {'bill of':>8} {'cap':>9} {'even small':>11} {'even large':>11} {'solve':>6} {'paid':>9}  "
        "best fixed plan in hindsight"
    )
    for title, names in PAIRS.items():
        fewest, samples = _size(names)
        ks = tuple(range(1, samples + 1))
        curves = [bills(n, ks, fewest) for n in names]
        menu, truth, able = _in_hindsight(names)
        right_P, usd_P = truth.right_QP.sum(axis=0), truth.usd_QP.sum(axis=0)
        for k in (c for c in CAPS if c <= samples):
            cap = float(curves[1][1][k - 1])
            even = [float(np.interp(cap, [0.0, *usd], [0.0, *right])) for right, usd in curves]
            fits = [i for i in able if usd_P[i] <= cap * (1 + 1e-9)]
            best = max(fits, key=lambda i: right_P[i])
            rows = [_pair(names, fewest, samples, cap, seed) for seed in range(SEEDS)]
            mine, paid, _ = np.mean(rows, axis=0)
            print(
                f"{title:10} {k:>6} x {cap:>9.5f} {even[0]:>11.1f} {even[1]:>11.1f} {mine:>6.1f} {paid:>9.5f}  "
                f"{right_P[best]:.1f} {menu[best].name}",
                flush=True,
            )


def worths() -> None:
    """Two models and 10 labels under a worth: what is left of it after all that was paid, the pilot too."""
    print(
        f"{'pair':10} {'worth':>7} {'right':>6} {'paid':>9} {'left':>9} {'pilot':>9}  best fixed plan in hindsight"
    )
    for title, names in PAIRS.items():
        for value in WORTHS:
            menu, truth, able = _in_hindsight(names, value)
            net_P = (value * truth.right_QP - truth.usd_QP).sum(axis=0)
            best = max(able, key=lambda i: net_P[i])
            rows = [_pair(names, *_size(names), AMPLE_USD, seed, value) for seed in range(SEEDS)]
            right, paid, pilot = np.mean(rows, axis=0)
            print(
                f"{title:10} {value:>7} {right:>6.1f} {paid:>9.5f} {value * right - paid:>9.5f} {pilot:>9.5f}  "
                f"{net_P[best]:.5f} {menu[best].name}",
                flush=True,
            )


def _size(names: tuple[str, ...]) -> tuple[int, int]:
    """Questions and samples that all of these recordings hold."""
    recordings = [read(n) for n in names]
    return min(len(r.questions) for r in recordings), min(
        len(q.samples) for r in recordings for q in r.questions
    )


def _in_hindsight(
    names: tuple[str, ...], value_usd: float | None = None
) -> tuple[tuple[Entry, ...], Beliefs, list[int]]:
    """The menu over all samples and labels, and the plans that a live run could have bought."""
    rows_Q = np.arange(_size(names)[0])
    menu, truth = menu_of([of_recording(n, read(n)).rows(rows_Q) for n in names], value_usd=value_usd)
    # A recorded model serves no log-probabilities, so it cannot be asked under `sharpen`.
    return menu, truth, [i for i, e in enumerate(menu) if e.plan.strategy != "sharpen"]


def _pair(
    names: tuple[str, ...],
    questions: int,
    samples: int,
    cap: float,
    seed: int,
    value_usd: float | None = None,
) -> tuple[int, float, float]:
    keyed = open_task(f"recorded/{names[1]}", questions=questions, seed=seed)
    shown = set(np.random.default_rng(seed).permutation(len(keyed))[:LABELS].tolist())
    items = tuple(item if i in shown else replace(item, reference=None) for i, item in enumerate(keyed))
    spec = SolveSpec(
        f"recorded/{names[0]}",
        others=tuple(f"recorded/{n}" for n in names[1:]),
        max_usd=cap,
        value_usd=value_usd,
        most=samples,
        seed=seed,
        max_output_tokens=160,
    )
    return asyncio.run(bought(Task(keyed.name, items), keyed, spec))


def main() -> None:
    parts = {"alone": alone, "pairs": pairs, "worths": worths}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=parts)
    named = parser.parse_args().part
    for part in [named] if named else parts:
        parts[part]()


if __name__ == "__main__":
    main()
