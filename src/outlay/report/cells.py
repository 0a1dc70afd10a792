"""The numbers of each cell: one plan on one task, over its questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.cost_per_right import at_the_edges
from outlay.money import NUSD
from outlay.report.outcome import Outcome
from outlay.report.resampling import DRAWS, Range, outward
from outlay.stats.resampled_means import resampled_means
from outlay.stats.studentized import studentized_interval
from outlay.stats.wilson import wilson

LEAST_QUESTIONS = 2
"""Questions below which the spread of costs over questions cannot be said."""


class Key(Struct, frozen=True):
    """What makes a cell: outcomes with the same key are one plan on one task."""

    source: str
    task: str
    model: str
    strategy: str
    verifier: str
    oracle: bool


class Latency(Struct, frozen=True):
    """Quantiles and mean of the seconds from question to answer. Telemetry: other load on the machine is in them."""

    p50: float
    p90: float
    p99: float
    mean: float


class Cell(Struct, frozen=True):
    """One plan on one task; its field names are the keys of `--json`.

    Costs, tokens and calls are means a question. None is unknown; intervals of costs are also None for one question,
    which says nothing about others. `cost_of_pass_usd` is also None where no answer was right: such a plan never
    buys one.
    """

    task: str
    model: str
    strategy: str
    verifier: str
    source: str
    oracle: bool
    questions: int
    accuracy: float
    accuracy_interval: Range
    wrong: float
    """The share answered wrong: failures and answerless replies are neither right nor wrong."""
    cost_usd: float | None
    cost_interval: Range | None
    paid_usd: float | None
    paid_interval: Range | None
    cost_of_pass_usd: float | None
    cost_of_pass_interval: Range | None
    input_tokens: float
    cached_tokens: float | None
    output_tokens: float
    calls: float
    latency_s: Latency | None
    """None for recorded samples: replaying them takes no model's time."""
    failures: int
    incomplete: int
    """Answers that went on without some failed samples."""
    overrun_usd: float
    """What providers billed beyond what was asked, in all."""
    brier: float | None
    """Mean of (p_correct - correct)^2 where the plan stated p_correct: 0 is perfect, always 1/2 gives 0.25."""
    p_correct: float | None
    """Mean stated p_correct, to set beside the accuracy."""

    @property
    def key(self) -> Key:
        """What makes this cell."""
        return Key(self.source, self.task, self.model, self.strategy, self.verifier, self.oracle)


def cells(outcomes: Iterable[Outcome], *, seed: int) -> list[Cell]:
    """One cell per (source, task, model, strategy, verifier, oracle), in the order of first appearance.

    The question is the unit: intervals are over questions, and several outcomes of one question are averaged
    first, so they never count as independent. Accuracy has Wilson's interval; cost, paid and cost-of-pass (the
    bill divided by the right answers) have bootstrap intervals over questions, the first two studentized. One
    unknown cost makes the cell's cost unknown. Failed outcomes count as wrong. No outcomes: no cells.

    Args:
        outcomes: in any order.
        seed: seed of the bootstrap.

    Returns:
        The cells.

    Example:
        >>> won = Outcome("sums", "m", "single", "q1", True, 1.0, cost_nusd=2_000)
        >>> lost = Outcome("sums", "m", "single", "q2", False, 0.0, cost_nusd=4_000)
        >>> cell, = cells([won, lost], seed=1)
        >>> print(cell.accuracy, cell.cost_usd, cell.cost_of_pass_usd)
        0.5 3e-06 6e-06
    """
    found = by_cell(outcomes)
    columns = [_columns(of) for of in found.values()]
    means = _resampled([c.table_QC for c in columns], seed)
    return [_cell(key, of, c, m) for (key, of), c, m in zip(found.items(), columns, means, strict=True)]


def by_cell(outcomes: Iterable[Outcome]) -> dict[Key, list[Outcome]]:
    """The outcomes of each cell, in order of first appearance."""
    found: dict[Key, list[Outcome]] = {}
    for o in outcomes:
        found.setdefault(Key(o.source, o.task, o.model, o.strategy, o.verifier, o.oracle), []).append(o)
    return found


def right_by_question(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """The share of right answers of each question; a failed outcome is a wrong one."""
    return _by_question((o.question_id, float(o.correct and not o.failed)) for o in outcomes)


def _by_question(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for question_id, value in pairs:
        found.setdefault(question_id, []).append(value)
    return {question_id: sum(values) / len(values) for question_id, values in found.items()}


class _Columns(Struct):
    """Numbers of each question; None where one of them is unknown."""

    cost_Q: list[float] | None
    paid_Q: list[float] | None
    right_Q: list[float]

    @property
    def table_QC(self) -> NDArray[np.float64]:
        """The three and the squares of cost and paid about their means side by side, 0 for what is unknown."""
        known = [np.array(usd_Q or [0.0] * len(self.right_Q)) for usd_Q in (self.cost_Q, self.paid_Q)]
        return np.column_stack([*known, self.right_Q, *((usd_Q - usd_Q.mean()) ** 2 for usd_Q in known)])


def _columns(found: Sequence[Outcome]) -> _Columns:
    return _Columns(
        _dollars([(o.question_id, o.cost_nusd) for o in found]),
        _dollars([(o.question_id, o.paid_nusd) for o in found]),
        list(right_by_question(found).values()),
    )


def _resampled(tables: Sequence[NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """The resampled means of each table; those with equally many questions share their draws, which are the price."""
    means: list[NDArray[np.float64]] = [np.empty(0)] * len(tables)
    for n in dict.fromkeys(len(t) for t in tables):
        here = [i for i, t in enumerate(tables) if len(t) == n]
        drawn = resampled_means(np.column_stack([tables[i] for i in here]), draws=DRAWS, seed=seed)
        for i, part in zip(here, np.split(drawn, len(here), axis=1), strict=True):
            means[i] = part
    return means


def _cell(key: Key, found: Sequence[Outcome], columns: _Columns, means_DC: NDArray[np.float64]) -> Cell:
    right_Q = columns.right_Q
    bill = _bill(columns, means_DC)
    accuracy = wilson(sum(right_Q), len(right_Q))
    stated = [(o.p_correct, float(o.correct and not o.failed)) for o in found if o.p_correct is not None]
    cached = [o.cache_read_tokens for o in found if o.cache_read_tokens is not None]
    return Cell(
        task=key.task,
        model=key.model,
        strategy=key.strategy,
        verifier=key.verifier,
        source=key.source,
        oracle=key.oracle,
        questions=len(right_Q),
        accuracy=sum(right_Q) / len(right_Q),
        accuracy_interval=(accuracy.low, accuracy.high),
        wrong=_average([_answered_wrong(o) for o in found]),
        cost_usd=bill.cost,
        cost_interval=bill.cost_interval,
        paid_usd=bill.paid,
        paid_interval=bill.paid_interval,
        cost_of_pass_usd=bill.of_pass,
        cost_of_pass_interval=bill.of_pass_interval,
        input_tokens=_average([o.input_tokens for o in found]),
        cached_tokens=_average(cached) if cached else None,
        output_tokens=_average([o.output_tokens for o in found]),
        calls=_average([o.calls for o in found]),
        latency_s=_latency(found) if key.source == "live" else None,
        failures=sum(1 for o in found if o.failed),
        incomplete=sum(1 for o in found if o.missing and not o.failed),
        overrun_usd=sum(o.overrun_nusd for o in found) / NUSD,
        brier=_average([(p - right) ** 2 for p, right in stated]) if stated else None,
        p_correct=_average([p for p, _ in stated]) if stated else None,
    )


def _answered_wrong(o: Outcome) -> float:
    return float(not o.failed and not o.correct and o.answer is not None)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _dollars(nusd: Sequence[tuple[str, int | None]]) -> list[float] | None:
    """Dollars of each question, or None if one of them is unknown."""
    known = [(question_id, n / NUSD) for question_id, n in nusd if n is not None]
    return list(_by_question(known).values()) if len(known) == len(nusd) else None


class _Bill(Struct):
    cost: float | None = None
    cost_interval: Range | None = None
    paid: float | None = None
    paid_interval: Range | None = None
    of_pass: float | None = None
    of_pass_interval: Range | None = None


def _bill(columns: _Columns, means_DC: NDArray[np.float64]) -> _Bill:
    """Means and dollars per right answer, with intervals."""
    cost_Q, paid_Q, right_Q = columns.cost_Q, columns.paid_Q, columns.right_Q
    bill = _Bill()
    if cost_Q is not None:
        bill.cost, bill.cost_interval = _mean(cost_Q, means_DC[:, 0], means_DC[:, 3])
    if paid_Q is not None:
        bill.paid, bill.paid_interval = _mean(paid_Q, means_DC[:, 1], means_DC[:, 4])
    if cost_Q is not None and sum(right_Q) > 0:
        bill.of_pass = sum(cost_Q) / sum(right_Q)
        low, high = outward(_ratio(means_DC[:, 0], means_DC[:, 2]))
        low, upper = at_the_edges(low, np.inf if high is None else high, np.array(cost_Q), np.array(right_Q))
        bill.of_pass_interval = (low, upper if np.isfinite(upper) else None)
    if len(right_Q) < LEAST_QUESTIONS:
        bill.cost_interval = bill.paid_interval = bill.of_pass_interval = None
    return bill


def _mean(
    usd_Q: list[float], means_D: NDArray[np.float64], squares_D: NDArray[np.float64]
) -> tuple[float, Range]:
    """Costs are skewed. Equal ones have no interval, and the rounding of their means is not one."""
    mean = sum(usd_Q) / len(usd_Q)
    if min(usd_Q) == max(usd_Q):
        return mean, (mean, mean)
    found = studentized_interval(mean, float(np.var(usd_Q)), means_D, squares_D)
    return mean, (max(found.low, 0.0), found.high)


def _ratio(cost_D: NDArray[np.float64], right_D: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(cost_D, right_D, out=np.full(cost_D.shape, np.inf), where=right_D > 0)


def _latency(found: Sequence[Outcome]) -> Latency:
    seconds = [o.latency_s for o in found]
    p50, p90, p99 = np.quantile(seconds, [0.5, 0.9, 0.99])
    return Latency(float(p50), float(p90), float(p99), _average(seconds))
