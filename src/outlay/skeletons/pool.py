"""What strategies over a pool of samples share: their worst case, and turning a choice into an answer."""

from __future__ import annotations

from statistics import fmean

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.door.cut_thinking import with_answers
from outlay.errors import NoAnswer, UsageError
from outlay.run import Run
from outlay.selection import draw
from outlay.types import Answer, Bound, Choice, Draws, Pool, Question, Sample, Usage


def draws(question: Question, n: int, *, role: str = "default", verifications: int = 0) -> Bound:
    """The worst case of n samples of the question and of so many verifications (role `verifier`, in calls)."""
    text = text_bound(question.messages, question.sampling)
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    by_role = {role: Draws(n, n * text, n * most)}
    if question.sampling.reasoning_tokens is not None:
        by_role = {role: with_answers(by_role[role], question.sampling.answer_tokens)}
    if verifications:
        by_role["verifier"] = Draws(verifications)
    return Bound(by_role)


def need_kind(question: Question, strategy: str) -> None:
    """Refuse a vote over raw text.

    Raises:
        UsageError: the question has no answer kind.
    """
    if question.kind is None:
        raise UsageError(
            f"{strategy} compares answers and needs to know their kind; state it (--kind, or outlay.kind in a "
            f"request): number, math, choice, json, tool_call, code or text."
        )


def answer(
    run: Run,
    question: Question,
    pool: Pool,
    choice: Choice,
    *,
    stopped: str,
    p_correct: float | None = None,
    p_source: str = "",
) -> Answer:
    """The answer that a choice over a pool amounts to: one class drawn with the seed, its best-scored sample's text.

    Where there is nothing to choose from, the text of the first completion stands without an answer.

    Raises:
        NoAnswer: not one sample came back.
    """
    completed = [s for s in pool.samples if s.completion is not None]
    if not completed:
        why = str(pool.samples[0].error) if pool.samples else "none was asked for"
        raise NoAnswer(f"No sample came back: {why.rstrip('.')}.") from run.failure
    key = draw(choice, run.rng("tie"))
    chosen = representative(pool, key) if key is not None else completed[0]
    assert chosen.completion is not None
    run.emit("chosen", sample=chosen.index, text=chosen.completion.text, completion=chosen.completion)
    return Answer(
        question_id=question.id,
        text=chosen.completion.text,
        answer=chosen.answer,
        key=key,
        p_correct=p_correct,
        p_source=p_source,
        stopped=stopped,
        missing=(*missing(pool), *run.notes),
        candidates=choice.p[:8],
        next_sample_nusd=price_of_one_more(run, pool),
    )


def representative(pool: Pool, key: str) -> Sample:
    """The sample that speaks for a class: the best-scored, then the earliest."""
    return max(
        (s for s in pool.voters if s.key == key),
        key=lambda s: (s.verdict.score if s.verdict else -1.0, -s.index),
    )


def missing(pool: Pool) -> tuple[str, ...]:
    """What is not there and why, in words: failed, truncated, answerless and unverified samples."""
    n, said = len(pool.samples), []
    failed = pool.failures
    if failed:
        said.append(f"{len(failed)} of {n} samples failed: {failed[0].error}")
    truncated = sum(s.completion is not None and s.completion.truncated for s in pool.samples)
    if truncated:
        said.append(f"{truncated} of {n} samples were cut at their output bound")
    silent = [
        s for s in pool.samples if s.completion is not None and not s.completion.truncated and s.key is None
    ]
    if silent and pool.kind is not None:
        said.append(f"{len(silent)} of {n} samples state no answer of the kind {pool.kind}")
    unverified = [s for s in pool.voters if s.error]
    if unverified:
        said.append(f"{len(unverified)} of {n} samples were {unverified[0].error}")
    return tuple(said)


def price_of_one_more(run: Run, pool: Pool, *, role: str = "default") -> int | None:
    """The expected price of one more sample drawn alone, from the mean of those seen, in nano-dollars."""
    seen = [s.completion.usage for s in pool.samples if s.completion is not None]
    if not seen:
        return None
    usage = Usage(round(fmean(u.input_tokens for u in seen)), round(fmean(u.output_tokens for u in seen)))
    return run.price_of(usage, role=role)


def share(choice: Choice, key: str | None) -> float | None:
    """The probability of a class under a choice, or None."""
    return dict(choice.p).get(key) if key is not None else None


def vote_share(pool: Pool, choice: Choice) -> float | None:
    """The chosen class's share of the voters; the mean over tied classes. Not a calibrated probability."""
    if not choice:
        return None
    votes = [s.key for s in pool.voters]
    return sum(p * votes.count(key) for key, p in choice.p) / len(votes)
