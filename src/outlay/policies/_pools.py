"""From the pools that a run drew to the arrays of a pilot."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from msgspec import Struct

from outlay.models.provider import Card
from outlay.policies._pilot import Checks, Pilot
from outlay.types import Pool, Sample


class Drawn(Struct, frozen=True):
    """One model's samples of one question, which of them are right (empty: not known), and what checking them cost.

    `again` holds what a second check said of some samples, by index.
    """

    pool: Pool
    right: tuple[bool, ...]
    checks_usd: float
    again: dict[int, bool] = {}


def of_pools(
    model: str,
    ids: tuple[str, ...],
    rows: Sequence[Drawn],
    card: Card,
    verifier: str | None,
    labelled: bool,
) -> Pilot:
    """The pilot that these pools amount to, rows in their order; what failed is an answerless sample of no tokens.

    Args:
        model: as users name it.
        ids: the questions.
        rows: the pools, equally long.
        card: the model's card, for its price and its way of reading prompts.
        verifier: who judged, None where nobody did.
        labelled: whether the rows say what is right.
    """
    samples = [row.pool.samples for row in rows]
    logp_QS = np.array([[_mean_logp(s) for s in row] for row in samples])
    return Pilot(
        model=model,
        ids=ids,
        class_QS=np.array([_numbered(row) for row in samples]),
        correct_QS=np.array([row.right for row in rows]) if labelled else None,
        input_tokens_Q=np.array(
            [max((s.completion.usage.input_tokens for s in row if s.completion), default=0) for row in samples]
        ),
        output_tokens_QS=np.array(
            [[s.completion.usage.output_tokens if s.completion else 0 for s in row] for row in samples]
        ),
        price=card.price,
        mean_logp_QS=None if np.isnan(logp_QS).any() else logp_QS,
        latency_s_QS=None
        if model.startswith("recorded/")
        else np.array([[s.completion.latency_s if s.completion else 0.0 for s in row] for row in samples]),
        checks=None if verifier is None else _checks(verifier, rows),
        width=card.max_n if card.shares_prompt else 1,
    )


def _numbered(samples: Sequence[Sample]) -> list[int]:
    seen: dict[str, int] = {}
    return [-1 if s.key is None else seen.setdefault(s.key, len(seen)) for s in samples]


def _mean_logp(sample: Sample) -> float:
    logps = [t.logp for t in (sample.completion.logprobs or ())] if sample.completion else []
    return fmean(logps) if logps else float("nan")


def _checks(verifier: str, rows: Sequence[Drawn]) -> Checks:
    """The verdicts; one that failed scores 0 and accepts nothing, as a strategy takes it."""
    verdicts = [[s.verdict for s in row.pool.samples] for row in rows]
    made_Q = [sum(v is not None for v in vs) + len(row.again) for row, vs in zip(rows, verdicts, strict=True)]
    each_Q = [row.checks_usd / max(made, 1) for row, made in zip(rows, made_Q, strict=True)]
    again = [[row.again.get(s.index, -1) for s in row.pool.samples] for row in rows]
    return Checks(
        verifier,
        np.array([[v.score if v else 0.0 for v in vs] for vs in verdicts]),
        np.array([[bool(v and v.accepted) for v in vs] for vs in verdicts]),
        np.array([[usd] * len(vs) for usd, vs in zip(each_Q, verdicts, strict=True)]),
        np.array(again, np.int8) if any(row.again for row in rows) else None,
    )
