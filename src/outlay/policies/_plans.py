"""What a pilot shows of each plan of one model, and of cascades of two: one row a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray

from outlay.economics import sub_pools
from outlay.economics.sub_pools._tally import tally
from outlay.economics.sub_pools._ways import binomials, none_of
from outlay.policies._pilot import Floats, Pilot
from outlay.policies._stopping import play
from outlay.stats.majority_threshold import majority_threshold
from outlay.types import Plan

CONFIDENCES = (0.8, 0.95)
"""The confidences at which `adaptive` is put on the menu, beside the one that weighs the stated worth."""
_Shown = tuple[Floats, Floats, Floats, Floats, float]
"""Right, answered, dollars and seconds of each question, and the dearest question."""
Row = tuple[str, Plan, tuple[str, ...], int, _Shown]


def price_of_one(pilot: Pilot) -> float:
    return float((pilot.usd_QS.mean(axis=1) + pilot.prompt_usd_Q).mean())


def budgets(samples: int) -> list[int]:
    """1, 2, 4, … up to the samples of a pilot, and all of them."""
    return sorted({2**i for i in range(samples.bit_length()) if 2**i <= samples} | {samples})


def of_model(pilot: Pilot, value_usd: float | None, most: int | None, seed: int) -> Iterator[Row]:
    correct = pilot.correct_QS
    assert correct is not None
    ks, codes = budgets(min(pilot.samples, most or pilot.samples)), pilot.class_QS
    answered_QK = 1.0 - none_of((codes >= 0).sum(axis=1), pilot.samples, ks)
    usd_QK, slow_QK = _drawing_usd(pilot, ks), _slowest(pilot, ks)

    def parallel(strategy: str, right_QK: Floats, extra_QK: Floats | float = 0.0, verifier: str | None = None):
        bill_QK = usd_QK + extra_QK
        for j, k in enumerate(ks):
            if k > 1 or strategy == "single":
                shown = (
                    right_QK[:, j],
                    answered_QK[:, j],
                    bill_QK[:, j],
                    slow_QK[:, j],
                    float(bill_QK[:, j].max()),
                )
                yield _row(pilot, strategy, {} if strategy == "single" else {"n": k}, k, shown, verifier)

    vote_QK = sub_pools.vote(codes, correct, ks)
    yield from list(parallel("single", vote_QK))[:1]
    yield from parallel("self_consistency", vote_QK)
    yield from _adaptive(pilot, ks[-1], float(usd_QK[:, -1].max()), value_usd, seed)
    if pilot.mean_logp_QS is not None:
        yield from parallel("sharpen", sub_pools.best_of(codes, correct, pilot.mean_logp_QS, ks))
    if pilot.checks is not None:
        yield from _checked_plans(pilot, ks, parallel, seed)


def _row(
    pilot: Pilot, strategy: str, parameters: dict, n: int, shown: _Shown, verifier: str | None = None
) -> Row:
    told = ",".join(f"{k}={v}" for k, v in parameters.items())
    name = f"{strategy}:{told}" if told else strategy
    plan = Plan(strategy, parameters, verifier, None, {"default": pilot.model})
    return (name + (f" checked by {verifier}" if verifier else ""), plan, (pilot.model,), n, shown)


def _drawing_usd(pilot: Pilot, ks: Sequence[int]) -> Floats:
    k = np.asarray(ks, float)
    prompts = np.ceil(k / pilot.width)
    return np.outer(pilot.prompt_usd_Q, prompts) + np.outer(pilot.usd_QS.mean(axis=1), k)


def _slowest(pilot: Pilot, ks: Sequence[int]) -> Floats:
    """E[the slowest of k samples drawn at once]: the mean over sub-pools, by order statistics."""
    questions, samples = pilot.class_QS.shape
    if pilot.latency_s_QS is None:
        return np.full((questions, len(ks)), np.nan)
    ordered = np.sort(pilot.latency_s_QS, axis=1)
    at_most = np.arange(1, samples + 1)
    below = np.array([[_ways(i, k) - _ways(i - 1, k) for i in at_most] for k in ks])
    return ordered @ (below / below.sum(axis=1, keepdims=True)).T


def _ways(n: int, k: int) -> float:
    return float(comb(int(n), int(k)))


def _adaptive(pilot: Pilot, n: int, most: float, value_usd: float | None, seed: int) -> Iterator[Row]:
    if n < 4:
        return
    rules: list[dict] = [{"n": n, "confidence": c} for c in CONFIDENCES]
    if value_usd is not None and value_usd > 0 and pilot.price is not None:
        rules.append({"n": n, "value_usd": value_usd})
    for rule in rules:
        own = {k: v for k, v in rule.items() if k != "n"}
        p = play(pilot, n, **own, seed=seed)
        dearest = most + float(pilot.prompt_usd_Q.max()) * (n - 1)
        yield _row(pilot, "adaptive", rule, n, (p.right_Q, p.answered_Q, p.usd_Q, p.latency_s_Q, dearest))


def _checked_plans(pilot: Pilot, ks: list[int], parallel: Callable, seed: int) -> Iterator[Row]:
    checks, correct, codes = pilot.checks, pilot.correct_QS, pilot.class_QS
    assert checks is not None
    assert correct is not None
    score, voters = checks.score_QS, codes >= 0
    each_Q = (np.where(voters, checks.usd_QS, 0.0)).mean(axis=1)
    all_QK = np.outer(each_Q, ks)
    by = checks.verifier
    yield from parallel("best_of_n", sub_pools.best_of(codes, correct, score, ks), all_QK, by)
    weighted = sub_pools.weighted(codes, correct, score, ks, seed=seed).value_QK
    yield from parallel("weighted_vote", weighted, all_QK, by)
    majority = sub_pools.best_of_majority(codes, correct, score, ks, seed=seed).value_QK
    kept_QK = frequent_classes(codes, ks)
    yield from parallel("best_of_majority", majority, kept_QK * _mean_check(pilot)[:, None], by)
    accepted = checks.accepted_QS & voters
    right = sub_pools.first_accepted(codes, correct, checks.accepted_QS, ks)
    draws = sub_pools.first_accepted_draws(accepted, ks)
    tokens = sub_pools.first_accepted_tokens(accepted, pilot.output_tokens_QS, ks)
    found = 1.0 - none_of(accepted.sum(axis=1), pilot.samples, ks)
    rate = float("nan") if pilot.price is None else pilot.price.output_nusd_per_mtok / 1e15
    usd = tokens * rate + draws * (pilot.prompt_usd_Q + each_Q)[:, None]
    mean_s = np.full(len(codes), np.nan) if pilot.latency_s_QS is None else pilot.latency_s_QS.mean(axis=1)
    for j, k in enumerate(ks):
        dearest = float((k * (pilot.usd_QS.mean(axis=1) + pilot.prompt_usd_Q + each_Q)).max())
        shown = (right[:, j], found[:, j], usd[:, j], draws[:, j] * mean_s, dearest)
        yield _row(pilot, "first_accepted", {"n": k}, k, shown, by)


def frequent_classes(class_QS: NDArray, ks: Sequence[int]) -> Floats:
    """The expected number of classes that reach `majority_threshold(k)` in a sub-pool of k: what is verified."""
    count_QC = tally(class_QS, class_QS < 0).count_QC
    samples = class_QS.shape[1]
    ways = binomials(samples, samples)
    kept = np.empty((len(class_QS), len(ks)))
    for column, k in enumerate(ks):
        least = ceil(majority_threshold(k) * k - 1e-9)
        at = np.arange(least, k + 1)
        held = ways[count_QC[:, :, None], at] * ways[samples - count_QC[:, :, None], k - at]
        kept[:, column] = held.sum(axis=(1, 2)) / ways[samples, k]
    return kept


def _mean_check(pilot: Pilot) -> Floats:
    assert pilot.checks is not None
    voters = pilot.class_QS >= 0
    usd = np.where(voters, pilot.checks.usd_QS, 0.0)
    return usd.sum(axis=1) / np.maximum(voters.sum(axis=1), 1)


def cascades(small: Pilot, large: Pilot) -> Iterator[Row]:
    """The answer of n samples of the cheap model where all agree, else one or a vote of the dear model.

    As the strategy `cascade` runs it without examples (k 0) and without audits, at the pilot's temperature.
    Draws of two models are independent given the question, so the chances multiply question by question.
    """
    assert small.correct_QS is not None
    assert large.correct_QS is not None
    ns = [n for n in (2, 4) if n <= small.samples]
    ms = [m for m in (1, 4) if m <= large.samples]
    vote_QM = sub_pools.vote(large.class_QS, large.correct_QS, ms)
    there_QM = 1.0 - none_of((large.class_QS >= 0).sum(axis=1), large.samples, ms)
    for j, n in enumerate(ns):
        agree_Q, agreed_right_Q = unanimous(small.class_QS, small.correct_QS, n)
        for i, m in enumerate(ms):
            on_Q = 1.0 - agree_Q
            first, second = _drawing_usd(small, ns)[:, j], _drawing_usd(large, ms)[:, i]
            slow = _slowest(small, ns)[:, j] + on_Q * _slowest(large, ms)[:, i]
            right = agreed_right_Q + on_Q * vote_QM[:, i]
            answered = agree_Q + on_Q * there_QM[:, i]
            parameters = {"n": n, "m": m, "k": 0, "audit": 0.0}
            plan = Plan("cascade", parameters, None, None, {"small": small.model, "large": large.model})
            told = ",".join(f"{key}={value}" for key, value in parameters.items())
            shown = (right, answered, first + on_Q * second, slow, float((first + second).max()))
            yield (f"cascade:{told}", plan, (small.model, large.model), n, shown)


def unanimous(class_QS: NDArray, correct_QS: NDArray, n: int) -> tuple[Floats, Floats]:
    """The chance that n samples all give one answer, and that they do and it is right: sums of C(c, n) / C(S, n).

    Args:
        class_QS: answer classes, -1 for what cannot vote.
        correct_QS: whether each sample is right.
        n: samples, 1 … S.

    Example:
        >>> unanimous(np.array([[0, 0, 1]]), np.array([[1, 1, 0]]), 2)[0].round(4).tolist()
        [0.3333]
    """
    votes = tally(class_QS, correct_QS)
    samples = votes.class_QS.shape[1]
    ways_QC = binomials(samples, n)[votes.count_QC, n]
    total = binomials(samples, n)[samples, n]
    return ways_QC.sum(axis=1) / total, (ways_QC * votes.right_QC).sum(axis=1) / total
