"""A process reward model scores each step of a chain; an aggregation makes one score of them."""

from __future__ import annotations

from math import prod
from statistics import fmean
from typing import Literal

from outlay.door.bounds import text_bound
from outlay.errors import BadReply
from outlay.run import Run
from outlay.types import Bound, Draws, Question, Sample, Sampling, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS = frozenset({"rate"})
ROLE = "process_rm"
MARKER = "<extra_0>"
"""What Qwen-style models are asked to score: it follows each step."""
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
LONGEST = 100_000
"""Characters of a chain that are read, from its end."""
Aggregation = Literal["last", "min", "prod", "mean"]


def bound(
    question: Question,
    *,
    aggregation: Aggregation = "last",
    separator: str = "\n\n",
    marker: str = MARKER,
    threshold: Share = 0.5,
) -> Bound:
    """One scoring: the question, the longest chain that is read, and a marker and a template for each of its steps."""
    most = text_bound(question.messages, Sampling()) + 4 * LONGEST + 512
    return Bound({ROLE: Draws(1, most, 0)})


async def process_rm(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    aggregation: Aggregation = "last",
    separator: str = "\n\n",
    marker: str = MARKER,
    threshold: Share = 0.5,
) -> Verdict:
    """The aggregated score of the candidate's steps, split at blank lines.

    `last` is the score after the last step, `min` the worst, `prod` their product (the likelihood that all are sound,
    if they are independent; falls with length), `mean` their mean. A server that gives one score for the whole text
    leaves nothing to aggregate.

    Args:
        run: what buys the scores.
        question: what was asked.
        candidate: the sample to judge.
        aggregation: `last`, `min`, `prod` or `mean`.
        separator: what sets steps apart.
        marker: what the model was trained to score; it is removed from the candidate's own text.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` gives the steps' scores.

    Raises:
        MissingAbility: the role `process_rm` has no reward model.
        ProviderError: the scoring failed.
        BudgetExceeded: it does not fit.

    Cost: 1 call of the role `process_rm`; the prompt is the question and the steps.
    Source: Zhang et al. 2025 (arXiv 2501.07301), Qwen2.5-Math-PRM: `<extra_0>` after each step, the probability of the
        positive class there, in Qwen's chat template. Other models of that form name another marker.
    Example: `outlay ask "17 + 4?" --strategy beam_search --verifier process_rm --model process_rm=prm --kind number`
    """
    steps = tuple(text_of(candidate).split(separator))
    scores = await _rated(run, question, steps, marker)
    score = aggregated(scores, aggregation)
    shown = " ".join(f"{s:.2f}" for s in scores[-12:])
    return Verdict(score, score >= threshold, f"{aggregation} of {len(scores)} steps: {shown}")


async def prefix(
    run: Run,
    question: Question,
    steps: tuple[str, ...],
    *,
    aggregation: Aggregation = "last",
    separator: str = "\n\n",
    marker: str = MARKER,
    threshold: Share = 0.5,
) -> float:
    """The aggregated score of the steps so far."""
    return aggregated(await _rated(run, question, steps, marker), aggregation)


def aggregated(scores: tuple[float, ...], aggregation: Aggregation) -> float:
    """One score in [0, 1] of the scores of steps.

    Example:
        >>> [aggregated((0.5, 1.0, 0.8), how) for how in ("last", "min", "prod")]
        [0.8, 0.5, 0.4]
    """
    if aggregation == "last":
        return scores[-1]
    return {"min": min, "prod": prod, "mean": fmean}[aggregation](scores)


def marked(question: Question, steps: tuple[str, ...], marker: str) -> tuple[str, int]:
    r"""The text that is scored, in Qwen's chat template, and how many markers it has.

    What could pass for a marker or a turn is taken out of the question and the steps, so that a chain cannot add
    scores to its own. Of a chain that is too long the end is read.

    Example:
        >>> marked(Question.of("1 + 1?"), ("2<extra_0>",), "<extra_0>")[0][-31:]
        'assistant\n2<extra_0><|im_end|>\n'
    """

    def plain(text: str) -> str:
        # A blank in its place, so that what is left cannot join into another one.
        for token in (marker, "<|im_start|>", "<|im_end|>", "<|endoftext|>"):
            text = text.replace(token, " ")
        return text.encode("utf-8", "replace").decode().strip()

    asked = "\n\n".join(plain(str(m.get("content", ""))) for m in question.messages)
    written = [s for s in map(plain, steps) if s] or [""]
    chain = "".join(s + marker for s in written)
    while len(written) > 1 and len(chain) > LONGEST:
        chain, written = chain[len(written[0]) + len(marker) :], written[1:]
    chain = chain[-LONGEST:]
    turns = (("system", SYSTEM), ("user", asked), ("assistant", chain))
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns), len(written)


async def _rated(run: Run, question: Question, steps: tuple[str, ...], marker: str) -> tuple[float, ...]:
    text, n = marked(question, steps, marker)
    scores = await run.rate(text, role=ROLE)
    if len(scores) not in (1, n):
        raise BadReply(f"The reward model sent {len(scores)} scores for {n} steps.", billed=True)
    return scores
