"""What an experiment writes and the report reads: an outcome per question asked, a cell per recorded pool."""

from __future__ import annotations

from msgspec import Struct

from outlay.stats.interval import Interval


class Outcome(Struct, frozen=True, omit_defaults=True):
    """One question under one plan: what came, whether it was right, and what it took. One JSON line each.

    `cost_nusd` is what buying the answer costs (for comparisons), `paid_nusd` what was paid now (0 for what
    came from the call cache); None where a price is unknown. An outcome with `failed` set brought no answer: it
    counts as wrong and as a failure. Tokens are whole buckets: `input_tokens` contains the cached ones (None:
    nobody reported them).
    """

    task: str
    model: str
    strategy: str
    """The canonical spec text with its parameters, such as `best_of_n:n=8`."""
    question_id: str
    correct: bool
    score: float
    verifier: str = ""
    answer: str | None = None
    reference: str | None = None
    p_correct: float | None = None
    """The plan's own probability that the answer is right, before the key was read."""
    cost_nusd: int | None = 0
    paid_nusd: int | None = 0
    overrun_nusd: int = 0
    input_tokens: int = 0
    cache_read_tokens: int | None = None
    output_tokens: int = 0
    calls: int = 0
    latency_s: float = 0.0
    stopped: str = ""
    """Why the plan stopped buying."""
    missing: tuple[str, ...] = ()
    failed: str = ""
    """The error sentence where no answer came; empty otherwise."""
    oracle: bool = False
    """Whether the plan saw the key: such runs stand in a block of their own."""
    trace_id: str = ""
    source: str = "live"
    """`live`, or `recorded` where the samples came from a recording."""


class PoolCell(Struct, frozen=True, omit_defaults=True):
    """Recorded pools under one selection at one budget of k samples: an expectation over sub-pools of k.

    `cost_nusd`, `input_tokens` and `output_tokens` are means over questions. `interval` is over questions;
    `standard_error` is the Monte-Carlo error of the expectation, None where it is exact. `accuracy_Q` may hold
    the chance of each question, every cell of a task in the same order: neighbours are then compared pair by
    pair, otherwise only by whether their intervals overlap.
    """

    task: str
    model: str
    strategy: str
    """The selection, such as `vote`."""
    k: int
    questions: int
    accuracy: float
    interval: Interval
    cost_nusd: float | None
    input_tokens: float
    output_tokens: float
    oracle: bool = False
    standard_error: float | None = None
    accuracy_Q: tuple[float, ...] = ()
    wrong: float | None = None
    """The share of questions answered wrong, which leaves out those without an answer; None: not known."""
