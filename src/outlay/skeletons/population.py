"""A population of chains of thought: grow them by a step, score them, retire what is over.

Steps of one prefix are one batch; a batch is scored as soon as it is there, without waiting for slower ones. Which
chains live on is the strategy's affair: it compares chains of one call of `grow`, which are equally deep.

Every text is scored once. A chain whose scorer fails, says nan or leaves [0, 1] is lost, not the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import isfinite

import msgspec

from outlay.concurrency import together
from outlay.errors import BadReply, BudgetExceeded, OutlayError, ProviderError
from outlay.run import Run
from outlay.skeletons.chain import Chain, Shape, sample_of
from outlay.skeletons.steps import Drawn, Step, digest, step
from outlay.types import Pool, Question

AT_ITS_BOUND, REFUSED = "cut at its bound", "the budget ended"
COMPLETE = frozenset({"stop", "tool_calls"})
"""Finish reasons of a last step after which a chain may carry an answer."""


class Population:
    """Grows chains of one question through a run.

    Args:
        run: what to buy through. Its verifier scores prefixes (`Run.score_prefix`).
        question: what is asked. Its output bound is the bound of a whole chain.
        shape: the caps.
        lane: names the draws of a part of a search that runs beside others; lane 0 shares its draws with every
            strategy that draws after the same prefixes.
        beside: a population of the same search; texts that it scored are not scored again.

    Attributes:
        lost: chains that failed, in the order of their places.
        n_steps: steps drawn.
        refusal: the first refusal by the budget, or None.
    """

    def __init__(
        self, run: Run, question: Question, shape: Shape, *, lane: int = 0, beside: Population | None = None
    ):
        self.run, self.question, self.shape, self.lane = run, question, shape, lane
        self.lost: list[Chain] = []
        self.n_steps = 0
        self.refusal: BudgetExceeded | None = None
        self._drawn: dict[str, int] = {}
        self._scores: dict[str, float | OutlayError | asyncio.Event] = {} if beside is None else beside._scores
        self._most = question.sampling.max_output_tokens or shape.steps * shape.step_tokens

    async def grow(self, parents: Sequence[Chain], *, n: int = 1) -> list[list[Chain]]:
        """`n` children of each parent, scored, in the parents' order; equal parents draw in one batch.

        Chains that are lost stand in `lost` and leave places empty at the end. A sibling that failed unbilled while
        another came is drawn once more.

        Args:
            parents: open chains.
            n: children of each.

        Raises:
            BudgetExceeded: the budget admits not one step and nothing was drawn before.
            ProviderError: nothing can succeed any more.
        """
        places: dict[str, list[int]] = {}
        for place, parent in enumerate(parents):
            places.setdefault(parent.text, []).append(place)
        families = await together(
            self._family(parents[at[0]], self._label(text), n * len(at)) for text, at in places.items()
        )
        children: list[list[Chain]] = [[] for _ in parents]
        for at, family in zip(places.values(), families, strict=True):
            kept = [c for c in family if not c.error or c.whole]
            self._keep_lost(parents[at[0]], [c for c in family if c.error and not c.whole], len(family))
            for i, child in enumerate(kept):
                children[at[i // n]].append(child)
        return children

    async def solved(self, chain: Chain) -> bool:
        """Whether a chain is whole and states an answer of the question's kind."""
        if not chain.whole:
            return False
        pool = Pool(self.question.id, self.question.kind, (sample_of(0, chain),))
        return bool((await self.run.merge(pool, msgspec.structs.replace(pool, samples=()))).voters)

    def take(self, lane: Population) -> None:
        """Count what a population beside this one lost, drew and was refused as this one's own."""
        self.lost += lane.lost
        self.n_steps += lane.n_steps
        self.refusal = self.refusal or lane.refusal

    def _keep_lost(self, parent: Chain, lost: list[Chain], n: int) -> None:
        refused = [c for c in lost if c.why == REFUSED]
        if parent.steps and len(refused) == n:
            # What was written until the money ended is still the best there is of this chain.
            lost = [msgspec.structs.replace(parent, why=REFUSED)]
        self.lost += lost

    def _label(self, text: str) -> str:
        name = digest(text)
        return f"step/{self.lane}/{name}" if self.lane else f"step/{name}"

    async def _family(self, parent: Chain, label: str, n: int) -> list[Chain]:
        drawn = await self._draw(parent, label, n)
        failed = sum(isinstance(d, ProviderError) and not d.billed for d in drawn)
        if 0 < failed < n:
            # The server lives, so that those it did not deliver are asked for once more, as other samples.
            drawn += await self._draw(parent, label, failed)
        return await self._scored([self._child(parent, d) for d in drawn], parent.depth)

    async def _draw(self, parent: Chain, label: str, n: int) -> tuple[Drawn, ...]:
        start = self._drawn.get(label, 0)
        self._drawn[label] = start + n
        drawn = await step(
            self.run,
            self.question,
            parent.text,
            label=label,
            separator=self.shape.separator,
            max_tokens=min(self.shape.step_tokens, self._most - parent.output_tokens),
            n=n,
            start=start,
            temperature=self.shape.temperature,
        )
        self._refuse(drawn)
        return drawn

    def _refuse(self, drawn: Sequence[Drawn]) -> None:
        self.n_steps += sum(isinstance(d, Step) for d in drawn)
        refusals = [d for d in drawn if isinstance(d, BudgetExceeded)]
        if len(refusals) == len(drawn) and not self.run.spent.calls:
            raise refusals[0]
        self.refusal = self.refusal or next(iter(refusals), None)
        self.run.failure = self.run.failure or next((d for d in drawn if isinstance(d, ProviderError)), None)

    def _child(self, parent: Chain, drawn: Drawn) -> Chain:
        if not isinstance(drawn, Step):
            why = REFUSED if isinstance(drawn, BudgetExceeded) else ""
            return msgspec.structs.replace(parent, why=why, error=str(drawn))
        usages = (*parent.usages, drawn.usage)
        steps = (*parent.steps, drawn.text) if drawn.text else parent.steps
        why, whole = drawn.why if drawn.ended else "", drawn.ended and drawn.finish_reason in COMPLETE
        chain = Chain(steps, parent.scores, usages, why, whole)
        if not why and (len(steps) >= self.shape.steps or chain.output_tokens >= self._most):
            return msgspec.structs.replace(chain, why=AT_ITS_BOUND)
        return chain

    async def _scored(self, children: list[Chain], depth: int) -> list[Chain]:
        wanted = {c.text: c for c in children if not c.error and c.depth > depth}
        scores = dict(zip(wanted, await together(self._score(c) for c in wanted.values()), strict=True))
        return [_with(c, scores[c.text]) if c.text in scores and not c.error else c for c in children]

    async def _score(self, chain: Chain) -> float | OutlayError:
        """The score of a chain's text, or why there is none; asked for once, whoever asks first."""
        key = digest(chain.text)
        while isinstance(known := self._scores.get(key), asyncio.Event):
            await known.wait()
        if known is not None:
            return known
        done = self._scores[key] = asyncio.Event()
        try:
            found = self._scores[key] = await self._asked(chain)
        except BaseException:
            del self._scores[key]
            raise
        finally:
            done.set()
        return found

    async def _asked(self, chain: Chain) -> float | OutlayError:
        try:
            score = await self.run.score_prefix(self.question, chain.steps, whole=chain.whole)
        except BudgetExceeded as refusal:
            self.refusal = self.refusal or refusal
            return refusal
        except ProviderError as error:
            if error.fatal:
                raise
            return error
        if not isfinite(score) or not 0.0 <= score <= 1.0:
            return BadReply(f"the scorer said {score}")
        return score


def _with(chain: Chain, found: float | OutlayError) -> Chain:
    if isinstance(found, BudgetExceeded) and not chain.whole:
        return msgspec.structs.replace(chain, why=REFUSED)
    if isinstance(found, OutlayError):
        return msgspec.structs.replace(chain, error=f"not scored: {found}")
    return msgspec.structs.replace(chain, scores=(*chain.scores, found))
