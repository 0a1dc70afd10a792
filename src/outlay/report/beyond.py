"""Where more compute stops paying beyond a pilot: coverage and saturation prolonged, and its verifier's ceiling."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from outlay.economics.sub_pools import vote_curve
from outlay.errors import CannotSay, UsageError
from outlay.laws import saturation
from outlay.models.recording import Checked
from outlay.money import NUSD
from outlay.policies._pilot import Pilot
from outlay.policies._plans import budgets, price_of_one
from outlay.policies._worth import Worth
from outlay.report.checked_tries import CheckedTries, checked_tries
from outlay.report.more_samples import MoreSamples, more_samples
from outlay.report.outcome import PoolCell
from outlay.report.resampling import Range
from outlay.report.samples import Samples
from outlay.report.verifiers import Verifying, verifying
from outlay.stats.interval import Interval


class Saturating(Struct, frozen=True):
    """Trying again under a perfect check, F(N) = ceiling (1 - (1 - rate)^N).

    `tries`: the number after which one more costs more than it brings, None without a worth or a price. `rejected`:
    whether the samples say that the curve is another one.
    """

    ceiling: float
    ceiling_interval: Range
    tries: int | None
    rejected: bool


class Beyond(Struct, frozen=True):
    """What the laws say of one model past its pilot; parts are None where they cannot be said."""

    model: str
    more: MoreSamples | None
    saturating: Saturating | None
    tries: CheckedTries | None
    verifying: Verifying | None
    unsaid: tuple[str, ...]


def beyond(pilot: Pilot, worth: Worth, *, task: str = "", seed: int) -> Beyond:
    """What more samples, and a check of them, can bring past what a pilot drew.

    Args:
        pilot: one model's labelled samples.
        worth: what answers are worth; with a value, tries have a price.
        task: the task's name.
        seed: seed of the intervals.

    Returns:
        Coverage four times further, the saturation of perfectly checked tries, and, where a verifier checked the
        pilot, its ceiling, its best number of tries and its audit.

    Raises:
        UsageError: the pilot has no labels.

    Source:
        As in `report.more_samples`, `laws.saturation`, `report.checked_tries` and `report.verifiers`.
    """
    if pilot.correct_QS is None:
        raise UsageError(f"The pilot of {pilot.model} has no labels, so nobody knows which answers are right.")
    samples = samples_of(pilot, task)
    more = next(iter(more_samples([samples], _votes(pilot, task, seed), seed=seed)), None)
    unsaid: list[str] = []
    value = worth.value_usd if worth.value_usd else None
    wrong = worth.wrong_usd / value if value else 1.0
    return Beyond(
        model=pilot.model,
        more=more,
        saturating=_saturating(pilot, value, seed, unsaid),
        tries=next(iter(checked_tries([samples], wrong=wrong, value_usd=value, seed=seed)), None),
        verifying=next(iter(verifying([samples], seed=seed)), None),
        unsaid=tuple(unsaid),
    )


def samples_of(pilot: Pilot, task: str = "") -> Samples:
    """A labelled pilot's samples as the report reads them, with its verifier's checks."""
    assert pilot.correct_QS is not None
    right_QS = pilot.correct_QS & (pilot.class_QS >= 0)
    usd_Q = None if pilot.price is None else pilot.prompt_usd_Q + pilot.usd_QS.mean(axis=1)
    checks = _checked(pilot)
    accepted = None if pilot.checks is None else pilot.checks.accepted_QS & (pilot.class_QS >= 0)
    verifier = "" if pilot.checks is None else pilot.checks.verifier
    return Samples(task, pilot.model, pilot.ids, right_QS, usd_Q, accepted, verifier, pilot.class_QS, checks)


def _checked(pilot: Pilot) -> Checked | None:
    c = pilot.checks
    if c is None:
        return None
    voters = pilot.class_QS >= 0
    second = np.full(voters.shape, -1) if c.again_QS is None else np.where(voters, c.again_QS, -1)
    had = np.stack([voters, second >= 0], axis=2)
    accepted = np.stack([c.accepted_QS & voters, second == 1], axis=2)
    score = np.stack([c.score_QS, (second == 1).astype(float)], axis=2)
    usd = np.stack([c.usd_QS, c.usd_QS], axis=2)
    last = 2 if (second >= 0).any() else 1
    score, usd = np.where(had, score, np.nan), np.where(had, usd, np.nan)
    return Checked(c.verifier, had[:, :, :last], score[:, :, :last], accepted[:, :, :last], usd[:, :, :last])


def _votes(pilot: Pilot, task: str, seed: int) -> list[PoolCell]:
    """The vote at each budget, as the report compares them."""
    assert pilot.correct_QS is not None
    ks = budgets(pilot.samples)
    value_QK = vote_curve(pilot.class_QS, pilot.correct_QS, ks, seed=seed).value_QK
    prompt = float(pilot.prompt_usd_Q.mean())
    cells = []
    for k, value_Q in zip(ks, value_QK.T, strict=True):
        usd = prompt * -(-k // pilot.width) + k * float(pilot.usd_QS.mean())
        cells.append(
            PoolCell(
                task=task,
                model=pilot.model,
                strategy="vote",
                k=k,
                questions=len(value_Q),
                accuracy=float(value_Q.mean()),
                interval=Interval(0.0, 1.0),
                cost_nusd=None if pilot.price is None else usd * NUSD,
                input_tokens=float(pilot.input_tokens_Q.mean()),
                output_tokens=float(k * pilot.output_tokens_QS.mean()),
                accuracy_Q=tuple(map(float, value_Q)),
            )
        )
    return cells


def _saturating(pilot: Pilot, value: float | None, seed: int, unsaid: list[str]) -> Saturating | None:
    assert pilot.correct_QS is not None
    right_Q = (pilot.correct_QS & (pilot.class_QS >= 0)).sum(axis=1)
    try:
        law = saturation.fit(right_Q, pilot.samples, seed=seed)
    except CannotSay as why:
        unsaid.append(str(why))
        return None
    tries = None
    if value is not None and pilot.price is not None and price_of_one(pilot) > 0:
        tries = saturation.best_tries(law.ceiling, law.rate, value_usd=value, usd_per_try=price_of_one(pilot))
    low, high = law.ceiling_interval.low, law.ceiling_interval.high
    return Saturating(law.ceiling, (low, high), tries, law.form.wrong)
