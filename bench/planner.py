"""How much of the best plan's net value the planner gets from a small pilot.

python bench/planner.py                        24 simulated worlds, pilots of 30 questions x 16 samples
python bench/planner.py --pilots 5             the same with fewer pilots a world
python bench/planner.py --recorded             recorded pools: plan on half of the questions, judge on the other half
"""

from __future__ import annotations

import argparse
import os
import zlib
from itertools import product

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
from msgspec import Struct

from outlay.economics.verifier_audit import audit
from outlay.models.recording_file import read
from outlay.money import NUSD, Price
from outlay.policies._advice import advise
from outlay.policies._menu import Beliefs, Entry, menu_of
from outlay.policies._pilot import Checks, Pilot, of_recording
from outlay.policies._worth import Worth
from outlay.policies.planner import burden_P, choose

QUESTIONS, SAMPLES, PILOTS = 30, 16, 10
TRUTH_QUESTIONS, TRUTH_SAMPLES = 300, 32
DIFFICULTIES = ("easy", "hard", "split", "misled")
VERIFIERS = ("good", "bad", "correlated")
DEAR = (4, 20)
WORTHS = ((20, 0), (200, 0), (200, 200))
"""Worth of a right answer and cost of a wrong one, in samples of the cheap model."""
CHEAP = Price(NUSD // 10, NUSD // 2)
INPUT_TOKENS, OUTPUT_TOKENS, CLASSES = 200, 150, 6


class World(Struct, frozen=True):
    """A distribution of questions under two models and a verifier."""

    difficulty: str
    verifier: str
    dear: int

    @property
    def name(self) -> str:
        """Its name, from which its seed derives."""
        return f"{self.difficulty}, {self.verifier} verifier, dear x{self.dear}"

    @property
    def seed(self) -> int:
        """The seed of everything drawn in it."""
        return zlib.crc32(self.name.encode())


def worlds() -> list[World]:
    return [World(*each) for each in product(DIFFICULTIES, VERIFIERS, DEAR)]


def logits(world: World, rng: np.random.Generator, n: int) -> np.ndarray:
    """How easy each question is for the cheap model, in log-odds of a sample's being right."""
    if world.difficulty == "easy":
        return rng.normal(1.2, 1.0, n)
    if world.difficulty == "hard":
        return rng.normal(-1.5, 1.2, n)
    if world.difficulty == "split":
        return np.where(rng.random(n) < 0.5, 2.5, -2.5) + rng.normal(0, 0.5, n)
    return rng.normal(0.0, 1.0, n)


def pilots(world: World, questions: int, samples: int, seed: int) -> tuple[Pilot, Pilot]:
    """Fresh questions of a world under its cheap and its dear model; both see the same questions."""
    rng = np.random.default_rng([world.seed, seed])
    logit = logits(world, rng, questions)
    concentration = 0.15 if world.difficulty == "misled" else 1.0
    wrong_QC = rng.dirichlet(np.full(CLASSES - 1, concentration), size=questions)
    fooled_QC = rng.random((questions, CLASSES)) < 0.35
    ids = tuple(f"q{i}" for i in range(questions))
    made = []
    for k, (name, price) in enumerate((("cheap", CHEAP), ("dear", _times(CHEAP, world.dear)))):
        p_Q = 1 / (1 + np.exp(-(logit + 1.5 * k + rng.normal(0, 0.5, questions))))
        share = np.column_stack([p_Q, (1 - p_Q)[:, None] * wrong_QC]).cumsum(axis=1)
        codes = (rng.random((questions, samples, 1)) > share[:, None, :-1]).sum(axis=2)
        codes[rng.random(codes.shape) < 0.03] = -1
        right = codes == 0
        score = verdicts(world, rng, codes, fooled_QC)
        tokens = np.maximum(rng.lognormal(np.log(OUTPUT_TOKENS), 0.4, codes.shape).astype(int), 1)
        checked = Checks("check", score, score > 0.5, np.full(codes.shape, 0.3 * _sample_usd(CHEAP)))
        made.append(
            Pilot(name, ids, codes, right, np.full(questions, INPUT_TOKENS), tokens, price, checks=checked)
        )
    return made[0], made[1]


def verdicts(world: World, rng: np.random.Generator, codes: np.ndarray, fooled_QC: np.ndarray) -> np.ndarray:
    """Scores in (0, 1): noisy by sample, or (correlated) wrong about the same answers every time."""
    right = codes == 0
    if world.verifier == "correlated":
        fooled = np.take_along_axis(fooled_QC, np.maximum(codes, 0), axis=1)
        mean = np.where(right, 1.5, np.where(fooled, 1.8, -1.5)) + rng.normal(0, 0.3, codes.shape)
    else:
        apart = 2.2 if world.verifier == "good" else 0.25
        mean = np.where(right, apart, -apart) + rng.normal(0, 1.2, codes.shape)
    return 1 / (1 + np.exp(-mean))


def _times(price: Price, k: int) -> Price:
    return Price(price.input_nusd_per_mtok * k, price.output_nusd_per_mtok * k)


def _sample_usd(price: Price) -> float:
    return (INPUT_TOKENS * price.input_nusd_per_mtok + OUTPUT_TOKENS * price.output_nusd_per_mtok) / 1e6 / NUSD


def net(beliefs: Beliefs, worth: Worth) -> np.ndarray:
    """The net value a question of each entry, from plain means."""
    return (worth.value_usd or 0.0) * beliefs.right_QP.mean(axis=0) - burden_P(beliefs, worth)


def naive(menu: tuple[Entry, ...], beliefs: Beliefs, worth: Worth) -> int | None:
    value = net(beliefs, worth)
    return int(value.argmax()) if value.max() > 0 else None


def gated(small: tuple[Pilot, Pilot], menu: tuple[Entry, ...], beliefs: Beliefs, worth: Worth) -> int | None:
    """The planner's pick among the plans without a verifier that the pilot does not show to inform."""
    informs = {p.model: _informs(p) for p in small}
    kept = [i for i, e in enumerate(menu) if e.plan.verifier is None or all(informs[m] for m in e.models)]
    pick = choose(tuple(menu[i] for i in kept), beliefs.columns(kept), worth)
    return None if pick is None else kept[pick]


def _informs(p: Pilot) -> bool:
    assert p.checks is not None
    assert p.correct_QS is not None
    rows, columns = np.nonzero(p.class_QS >= 0)
    accepted, right = p.checks.accepted_QS[rows, columns], p.correct_QS[rows, columns]
    return audit(accepted, np.ones(len(rows)), right, question_P=rows).informs


def simulated(n_pilots: int) -> None:
    lost, lost_naive, lost_gated, best, fixed, told, names = [], [], [], [], [], [], ()
    print(
        f"{'world':40} {'worth':>5} {'wrong':>5}  {'oracle buys':46} {'its net':>9} {'planner':>8} {'naive':>7}"
    )
    for world in worlds():
        big = pilots(world, TRUTH_QUESTIONS, TRUTH_SAMPLES, seed=10**6)
        for times, wrong in WORTHS:
            one = _sample_usd(CHEAP)
            worth = Worth(value_usd=times * one, wrong_usd=wrong * one)
            menu, truth = truth_of(big, worth)
            value = net(truth, worth)
            top = max(float(value.max()), 0.0)
            mine = planned(world, worth, n_pilots, value, truth)
            names = tuple(e.name.replace(f"value_usd={worth.value_usd}", "value_usd=V") for e in menu)
            bought = names[int(value.argmax())] if value.max() > 0 else "nothing"
            shown = [
                f"{100 * each / top:.1f}%" if top else f"{each:.6f}" for each in (mine.lost, mine.lost_naive)
            ]
            print(
                f"{world.name:40} {times:>4}x {wrong:>4}x  {bought:46} {top:>9.6f} {shown[0]:>8} {shown[1]:>7}",
                flush=True,
            )
            lost.append(mine.lost)
            lost_naive.append(mine.lost_naive)
            lost_gated.append(mine.lost_gated)
            best.append(top)
            fixed.append(top - value)
            told.extend(mine.told)
    blocks = [times_wrong[1] > 0 for _ in worlds() for times_wrong in WORTHS]
    for title, kept in (
        ("wrong answers cost nothing", False),
        ("wrong answers cost as much as right ones bring", True),
    ):
        at = [i for i, b in enumerate(blocks) if b is kept]
        kinds = [np.array([each[i] for i in at]) for each in (lost, lost_naive, lost_gated, best, fixed)]
        _totals(title, kinds, names)
    _told(np.array(told))


def _totals(title: str, kinds: list[np.ndarray], names: tuple[str, ...]) -> None:
    """Losses relative to the oracle's net value, where it has any, and summed over worlds."""
    lost, lost_naive, lost_gated, best, fixed = kinds
    some = best > 0
    share = lost[some] / best[some]
    by_plan = (fixed[some] / best[some][:, None]).mean(axis=0)
    print(f"\n{title}: {int(some.sum())} cells, {int((~some).sum())} more in which nothing pays")
    print(
        f"mean loss of the oracle's net value: planner {100 * share.mean():.1f} % (worst {100 * share.max():.1f} %), "
        f"plain means {100 * (lost_naive[some] / best[some]).mean():.1f} %; summed over all cells: planner "
        f"{100 * lost.sum() / best.sum():.1f} %, plain means {100 * lost_naive.sum() / best.sum():.1f} %\n"
        "without plans of verifiers that the pilot does not show to inform: "
        f"{100 * (lost_gated[some] / best[some]).mean():.1f} %"
    )
    print("the best fixed plans, mean loss (summed over all cells):")
    for i in np.argsort(by_plan)[:4]:
        print(f"  {names[i]:50} {100 * by_plan[i]:.1f} % ({100 * fixed[:, i].sum() / best.sum():.1f} %)")


def _told(told: np.ndarray) -> None:
    said, plain, true, inside = told.T
    print(
        f"\naccuracy told of the pick minus true: planner {100 * (said - true).mean():+.2f} points, plain means "
        f"{100 * (plain - true).mean():+.2f}; its 95 % interval holds the truth in {100 * inside.mean():.1f} % "
        f"of {len(told):,} pilots"
    )


def truth_of(big: tuple[Pilot, Pilot], worth: Worth) -> tuple[tuple[Entry, ...], Beliefs]:
    """The menu of a 16-sample pilot, evaluated on many questions with more samples."""
    return menu_of(big, value_usd=worth.value_usd, most=SAMPLES)


class Planned(Struct):
    """Mean losses of net value a question, and what was told of each pick beside the truth."""

    lost: float
    lost_naive: float
    lost_gated: float
    told: list[tuple[float, float, float, bool]]


def planned(world: World, worth: Worth, n_pilots: int, value: np.ndarray, truth: Beliefs) -> Planned:
    top = max(float(value.max()), 0.0)
    lost, told = [], []
    for seed in range(n_pilots):
        small = pilots(world, QUESTIONS, SAMPLES, seed)
        menu, beliefs = menu_of(small, value_usd=worth.value_usd, seed=seed)
        picks = (choose(menu, beliefs, worth), naive(menu, beliefs, worth), gated(small, menu, beliefs, worth))
        lost.append([top - (0.0 if pick is None else value[pick]) for pick in picks])
        if picks[0] is not None and picks[1] is not None:
            best = advise(menu, beliefs, worth, pilots=small, seed=seed).best
            assert best is not None
            true = float(truth.right_QP[:, picks[0]].mean())
            plain = float(beliefs.right_QP[:, picks[1]].mean() - truth.right_QP[:, picks[1]].mean()) + true
            inside = best.accuracy.low <= true <= (best.accuracy.high or 1.0)
            told.append((best.accuracy.value, plain, true, inside))
    a, b, c = np.mean(lost, axis=0)
    return Planned(float(a), float(b), float(c), told)


def recorded(n_splits: int) -> None:
    """Plan on half of the questions, judge on the other half, over random halves."""
    sets = {
        "sums, 0.5B and 1.5B": ("pool-q05-sums", "pool-q15-sums"),
        "sums, 0.5B": ("pool-q05-sums",),
        "sums, 1.5B": ("pool-q15-sums",),
        "short sums, 0.5B": ("res-q05-chain_sum",),
        "short sums, 1.5B": ("res-q15-chain_sum",),
        "gsm_symbolic, 0.5B": ("res-q05-gsm_symbolic",),
        "gsm_symbolic, 1.5B": ("res-q15-gsm_symbolic",),
    }
    print(
        f"{'pools':20} {'worth':>7} {'best of the half':>17} {'planner':>9} {'naive':>9}  best fixed plan in hindsight"
    )
    for title, files in sets.items():
        whole = [of_recording(f"recorded/{f}", read(f)) for f in files]
        for value_usd in (0.0002, 0.001, 0.01):
            worth = Worth(value_usd=value_usd)
            rows = np.array([halves(whole, worth, seed) for seed in range(n_splits)])
            names = [e.name for e in menu_of(whole, value_usd=value_usd)[0]]
            plans = rows[:, 3:].mean(axis=0)
            top = int(plans.argmax())
            mean = rows.mean(axis=0)
            print(
                f"{title:20} {value_usd:>7} {mean[0]:>17.6f} {mean[1]:>9.6f} {mean[2]:>9.6f}  "
                f"{plans[top]:.6f} {names[top].replace('recorded/', '')}",
                flush=True,
            )


def halves(whole: list[Pilot], worth: Worth, seed: int) -> list[float]:
    """Net value a question on the second half: its best plan, the planner's, the naive pick, and every fixed one."""
    order = np.random.default_rng(seed).permutation(len(whole[0].ids))
    half = len(order) // 2
    menu, seen = menu_of([p.rows(order[:half]) for p in whole], value_usd=worth.value_usd, seed=seed)
    _, fresh = menu_of([p.rows(order[half:]) for p in whole], value_usd=worth.value_usd, seed=seed)
    value = net(fresh, worth)
    mine, plain = (
        0.0 if i is None else float(value[i]) for i in (choose(menu, seen, worth), naive(menu, seen, worth))
    )
    return [max(float(value.max()), 0.0), mine, plain, *value]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilots", type=int, default=PILOTS)
    parser.add_argument("--recorded", action="store_true")
    given = parser.parse_args()
    recorded(given.pilots) if given.recorded else simulated(given.pilots)
