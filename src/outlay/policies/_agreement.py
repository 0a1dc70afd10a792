"""What can be said without a single label: how far samples agree, and what more of them can at most change."""

from __future__ import annotations

from math import ceil

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics import sub_pools
from outlay.economics.sub_pools._tally import tally
from outlay.policies._pilot import Pilot, checked
from outlay.policies._plans import budgets

HALF_WIDTH = 0.05
"""The precision for which labels are counted, where no worth says a better one: five points."""
Z = 1.959964


class Change(Struct, frozen=True):
    """From the vote of `n` samples to that of all: the most it can add.

    `differs`: how often the two answers differ, so no more points can be won (or lost). `usd`: what the further
    samples cost a question. `usd_per_right`: the least that one more right answer costs by them (None: no answer ever
    changes). `labels`: questions to be labelled until the difference is known closely enough, of which only those
    where the answers differ need a look (`looks`).
    """

    n: int
    differs: float
    usd: float | None
    usd_per_right: float | None
    labels: int
    looks: int


class Agreement(Struct, frozen=True):
    """One model's samples without labels.

    `top_share`: the mean share of the most frequent answer, which is the most that a single sample's accuracy can be
    (in the pilot: estimated from above). `unanimous`: the share of questions on which all samples that answer agree.
    `silent`: the share of samples without an answer. `labels`: random labelled questions that give any plan's accuracy
    to five points, whatever it is.
    """

    model: str
    questions: int
    samples: int
    top_share: float
    unanimous: float
    silent: float
    changes: tuple[Change, ...]
    labels: int


def agreement(pilot: Pilot, *, value_usd: float | None = None) -> Agreement:
    """What the samples of one model say without labels.

    Two facts carry it. A sample is right with the probability of the right answer, which is at most that of the most
    frequent one: accuracy <= E[max_c p_c]. And two plans' accuracies differ by at most the chance that their answers
    differ. The difference of two plans has a variance of at most that chance d, so n = z^2 d / h^2 labels tell it to
    within h at 95 %; h is five points, or, where a right answer's worth V is said, the price of the further samples
    in right answers (cost / V), which is what has to be told apart.

    Args:
        pilot: samples, labels not read.
        value_usd: what a right answer is worth.

    Raises:
        UsageError: the pilot is not whole, or too small.

    Source:
        Ours; elementary bounds. The label count is Wald's for a paired difference.

    Example:
        >>> from outlay.models.recording_file import read
        >>> from outlay.policies._pilot import of_recording
        >>> print(f"{agreement(of_recording('small', read('pool-q05-sums'))).top_share:.3f}")
        0.347
    """
    (pilot,) = checked((pilot,))
    codes = pilot.class_QS
    counts = tally(codes, codes < 0).count_QC
    voters = counts.sum(axis=1)
    top = counts.max(axis=1)
    return Agreement(
        model=pilot.model,
        questions=len(codes),
        samples=pilot.samples,
        top_share=float((top / pilot.samples).mean()),
        unanimous=float(((voters > 0) & (top == voters)).mean()),
        silent=float((codes < 0).mean()),
        changes=_changes(pilot, tally(codes, codes < 0).class_QS, counts, value_usd),
        labels=ceil((Z / HALF_WIDTH) ** 2 / 4),
    )


def _changes(
    pilot: Pilot, class_QS: NDArray[np.int64], count_QC: NDArray[np.int64], value_usd: float | None
) -> tuple[Change, ...]:
    winner_Q = count_QC.argmax(axis=1)
    same_QS = class_QS == winner_Q[:, None]
    ks = budgets(pilot.samples)[:-1]
    if not ks:
        return ()
    kept_K = sub_pools.vote(class_QS, same_QS, ks)[count_QC.sum(axis=1) > 0].mean(axis=0)
    found = []
    for k, kept in zip(ks, kept_K, strict=True):
        differs = max(0.0, 1.0 - float(kept))
        priced = pilot.price is not None
        prompts = -(-pilot.samples // pilot.width) + -k // pilot.width
        further = float(pilot.usd_QS.mean()) * (pilot.samples - k) + float(pilot.prompt_usd_Q.mean()) * prompts
        usd = further if priced else None
        apart = HALF_WIDTH if value_usd is None or not usd else min(1.0, usd / value_usd)
        labels = ceil(Z**2 * differs / apart**2)
        per_right = None if usd is None or differs == 0 else usd / differs
        found.append(Change(k, differs, usd, per_right, labels, ceil(labels * differs)))
    return tuple(found)
