"""One question under several orders of its parts: bought, and read back in the terms of the order it was asked in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, inf

import msgspec
from msgspec import Struct

from outlay.answers.choice import extract
from outlay.concurrency import together
from outlay.errors import BudgetExceeded, OutlayError, ProviderError
from outlay.framings._placing import after_question
from outlay.prompts.answer_format import bare
from outlay.run import Run
from outlay.skeletons.parts import LETTERS, Parts, reordered
from outlay.stats.order_average import Dispersion, dispersion, order_variance
from outlay.types import Completion, Pool, Question, Sample, TokenLogprob

LETTER_ALONE = "Reply with the letter of the right choice alone, and nothing else."
RIVALS = 20
Order = tuple[int, ...]


class Told(Struct, frozen=True):
    """What each order said: the samples, and the probability of each answer class under each order that said any."""

    pool: Pool
    shares: tuple[dict[str, float], ...]
    spread: float | None = None
    """Variance between orders with chance taken out, of the class that leads; None where it cannot be told."""

    @property
    def mean(self) -> dict[str, float]:
        """The average over orders of the probability of each class: probabilities are averaged, not their logits."""
        found: dict[str, float] = {}
        for share in self.shares:
            for key, p in share.items():
                found[key] = found.get(key, 0.0) + p / len(self.shares)
        return found

    def speaking_for(self, key: str | None) -> Told:
        """The same with a sample that says `key`: of letters, the highest mean need not be the highest of any order."""
        if key is None or any(s.key == key for s in self.pool.voters):
            return self
        first = next(s for s in self.pool.samples if s.key is not None and s.completion is not None)
        said = msgspec.structs.replace(first.completion, text=f"Answer: {key}")  # type: ignore[arg-type]
        changed = msgspec.structs.replace(first, completion=said, answer=key, key=key)
        samples = tuple(changed if s is first else s for s in self.pool.samples)
        return msgspec.structs.replace(self, pool=msgspec.structs.replace(self.pool, samples=samples))

    def of(self, key: str) -> Dispersion:
        """How far the probability of a class depends on the order."""
        return dispersion([share.get(key, 0.0) for share in self.shares])


async def sampled(
    run: Run, question: Question, parts: Parts | None, asked: Sequence[Order], per_order: int
) -> Told:
    """`per_order` samples of each order; the share of each class among an order's voters is its probability."""

    async def one(number: int, order: Order) -> list[Completion | OutlayError]:
        said = await run.attempts(
            _under(question, parts, order).messages,
            role="default",
            label="order",
            n=per_order,
            start=number * per_order,
            sampling=question.sampling,
        )
        return [_as_asked(s, parts, order) if isinstance(s, Completion) else s for s in said]

    groups = await together(one(i, order) for i, order in enumerate(asked))
    results = [said for group in groups for said in group]
    _remember(run, results)
    samples = tuple(_sample(i, said) for i, said in enumerate(results))
    empty = Pool(question.id, question.kind, ())
    pool = await run.merge(empty, msgspec.structs.replace(empty, samples=samples))
    votes = [
        Counter(s.key for s in pool.samples[i * per_order : (i + 1) * per_order] if s.key is not None)
        for i in range(len(asked))
    ]
    shares = tuple({k: v / c.total() for k, v in c.items()} for c in votes if c)
    told = Told(pool, shares)
    lead = max(told.mean, key=lambda k: (told.mean[k], k), default="")
    between = order_variance([c[lead] for c in votes], [c.total() for c in votes])
    return msgspec.structs.replace(told, spread=between)


async def probed(run: Run, question: Question, parts: Parts | None, asked: Sequence[Order]) -> Told:
    """One token of each order: its probabilities over the letters, renormalised; an order without a letter is out."""
    sampling = msgspec.structs.replace(
        question.sampling, temperature=0.0, max_output_tokens=1, top_logprobs=RIVALS, stop=()
    )
    plain = bare(question)

    async def one(number: int, order: Order) -> Completion | OutlayError:
        messages = after_question(_under(plain, parts, order), LETTER_ALONE).messages
        (said,) = await run.attempts(messages, role="default", label="order", start=number, sampling=sampling)
        return said

    results = await together(one(i, order) for i, order in enumerate(asked))
    _remember(run, results)
    shares, samples = [], []
    for i, (said, order) in enumerate(zip(results, asked, strict=True)):
        if isinstance(said, OutlayError):
            samples.append(Sample(i, error=str(said)))
            continue
        share = letter_shares(said, order if parts is not None and parts.which == "options" else None)
        if share:
            shares.append(share)
        lead = max(share, key=lambda k: (share[k], k), default=None)
        text = f"Answer: {lead}" if lead else said.text
        whole = msgspec.structs.replace(said, text=text, finish_reason="stop", sample=i)
        samples.append(Sample(i, whole, answer=lead, key=lead))
    return Told(Pool(question.id, question.kind, tuple(samples)), tuple(shares))


def letter_shares(said: Completion, order: Order | None) -> dict[str, float]:
    """The probability of each letter as first token, over the letters listed, in the letters of the question as asked.

    Args:
        said: a completion with log-probabilities.
        order: the order of the options that was shown, None for the given one; only its letters count.

    Returns:
        Probabilities that sum to 1; empty where no letter is among the likeliest tokens.

    Example:
        >>> from outlay.types import Usage
        >>> top = ((" A", -0.5), ("B", -2.0), ("The", -3.0))
        >>> said = Completion("A", "length", Usage(9, 1), logprobs=(TokenLogprob(" A", -0.5, top),))
        >>> {k: round(p, 3) for k, p in letter_shares(said, (1, 0)).items()}
        {'B': 0.818, 'A': 0.182}
    """
    token = said.logprobs[0] if said.logprobs else TokenLogprob(said.text, 0.0)
    shown = LETTERS[: len(order)] if order is not None else LETTERS
    kept: dict[str, float] = {}
    for text, logp in {token.token: token.logp, **dict(token.top)}.items():
        letter = text.strip(" \n\t*().:").upper()
        if len(letter) == 1 and letter in shown and logp > -inf:
            kept[letter] = kept.get(letter, 0.0) + exp(min(logp, 0.0))
    total = sum(kept.values())
    return {(LETTERS[order[LETTERS.index(k)]] if order else k): p / total for k, p in kept.items()}


def _under(question: Question, parts: Parts | None, order: Order) -> Question:
    return question if parts is None else reordered(question, parts, order)


def _as_asked(said: Completion, parts: Parts | None, order: Order) -> Completion:
    """A completion whose last words name the letter that its choice has in the question as it was asked."""
    if parts is None or parts.which != "options" or order == tuple(range(len(order))):
        return said
    letter = extract(said.text)
    if letter is None or LETTERS.index(letter) >= len(order):
        return said
    named = LETTERS[order[LETTERS.index(letter)]]
    text = f"{said.text}\n\n(The options were shown in another order. As they were asked:)\nAnswer: {named}"
    return msgspec.structs.replace(said, text=text)


def _sample(index: int, said: Completion | OutlayError) -> Sample:
    if isinstance(said, OutlayError):
        return Sample(index, error=str(said))
    return Sample(index, msgspec.structs.replace(said, sample=index))


def _remember(run: Run, results: Sequence[Completion | OutlayError]) -> None:
    """What was refused and what failed; raised where nothing at all was admitted."""
    refused = [r for r in results if isinstance(r, BudgetExceeded)]
    if refused and len(refused) == len(results):
        raise refused[0]
    run.refused = run.refused or next((str(r) for r in refused), "")
    run.failure = run.failure or next((r for r in results if isinstance(r, ProviderError)), None)
