"""One step of a cascade: the small model where its samples agree, else the large one; and what agreement is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.economics.cascade import weigh
from outlay.errors import BudgetExceeded, ProviderError
from outlay.framings._solved import note
from outlay.run import Run
from outlay.skeletons.pool import missing
from outlay.stats.drop_alarm import drop_alarm
from outlay.stats.wilson import wilson
from outlay.store.memory import Memory
from outlay.store.protocol import Store
from outlay.types import Pool, Question, Usage

WARM = 0.7
"""The small model's temperature where none is stated: above 0, so that its samples can disagree (our choice)."""
LOOKED_AT = 200
"""The newest steps whose costs and agreement are weighed."""
AUDITS = 1400
"""The newest audits that are looked at (our choice)."""
REFERENCE = 400
"""The least audits that later ones are held against, and that must follow an alarm before it ends (our choice)."""
LEVEL = 0.1
"""The level of the drift test of one reference, which bounds its false alarms at any rate (our choice). As references
move on there are more: `bench/drift.py` counts less than 5 in 100 runs of 1,000 audits."""
LEAST_AUDITS, NEWEST = 10, 60
"""Audits before agreement is judged, and how many of the newest judge it (our choice)."""
EXPLORE = 0.05
"""The share of steps at which the small model is asked although it does not pay now (our choice)."""
BYTES_A_TOKEN = 4
"""What a token of a prompt is taken for in the first estimate of a price (our choice)."""


class Terms(Struct, frozen=True):
    """How a cascade is run: samples of the small and the large model, the share of audits and what they must show."""

    n: int
    m: int
    audit: float
    accuracy: float


class Stand(Struct, frozen=True):
    """What the cascade's past says: whether to ask the small model, what share to audit, and how often it was right."""

    tries: bool
    audit: float
    matched: float | None
    audits: int
    why: str = ""


class Taken(Struct, frozen=True):
    """One step: the pool that decides, whose it is, and how it went. `outcome` as in `store.kept.CascadeStep`."""

    pool: Pool
    role: str
    outcome: str
    small_nusd: int | None
    large_nusd: int | None
    why: str

    @property
    def taught(self) -> bool:
        """Whether the large model solved it."""
        return self.role == "large"


def stream_of(run: Run, question: Question, terms: Terms) -> str:
    """The name of the steps that can be compared: task class, answer kind, both models and the samples."""
    models = (run.card("small").identity, run.card("large").identity)
    return "\n".join((question.task_class, question.kind or "", *models, f"{terms.n}:{terms.m}"))


async def standing(run: Run, question: Question, terms: Terms, stream: str) -> Stand:
    """What the past of a stream says now, read from the store and traced."""

    async def look(store: Store, tenant: str) -> list[Any]:
        memory = cast(Memory, store)
        recent = await memory.cascade_steps(tenant, stream, limit=LOOKED_AT)
        audits = await memory.cascade_steps(tenant, stream, limit=AUDITS, audited=True)
        return [[list(step) for step in recent], "".join("01"[a[0] == "matched"] for a in audits)]

    recent, told = await run.recall("cascade", look)
    audits = [int(bit) for bit in told]
    weighed = weigh(
        [tuple(step) for step in recent], audit=terms.audit, estimates=estimates(run, question, terms)
    )
    newest = audits[-NEWEST:]
    matched = sum(newest) / len(newest) if len(newest) >= LEAST_AUDITS else None
    share, why = terms.audit, weighed.why
    if fallen(audits):
        share, why = 1.0, why or "drift alarm: agreement matches the large model less often than it did"
    elif matched is not None and wilson(sum(newest), len(newest), level=0.9).high < terms.accuracy:
        share, why = 1.0, why or f"agreement matched the large model in {sum(newest)} of {len(newest)} audits"
    tries = weighed.pays or (bool(recent) and run.rng("explore").random() < EXPLORE)
    return Stand(tries, share, matched, len(newest), why)


def fallen(audits: Sequence[int]) -> bool:
    """Whether the newer half has dropped below the older one, and no new reference has been gathered since."""
    start = 0
    while len(audits) - start > REFERENCE:
        of = max(REFERENCE, (len(audits) - start) // 2)
        right = sum(audits[start : start + of])
        at = drop_alarm([bool(a) for a in audits[start + of :]], right=right, of=of, level=LEVEL).at
        if at is None:
            return False
        start += of + at
        if len(audits) - start < REFERENCE:
            return True
    return False


def estimates(run: Run, question: Question, terms: Terms) -> list[tuple[float, float]]:
    """(small, large) costs of a step before any is measured: answers of equal length, of one token and of the longest.

    The small model's prompt counts once and without examples, so what cannot pay here cannot pay at all under that
    assumption. Empty where a price is unknown.
    """
    text = text_bound(question.messages, question.sampling) // BYTES_A_TOKEN
    longest = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    found = []
    for out in (1, longest):
        small = run.price_of(Usage(text, terms.n * out), role="small")
        large = run.price_of(Usage(terms.m * text, terms.m * out), role="large")
        if small is None or large is None:
            return []
        found.append((float(small), float(large)))
    return found


async def take(
    run: Run, question: Question, shown: Question, terms: Terms, stand: Stand, *, step: int = 0
) -> Taken:
    """Buy one step: of the small model as `shown`, of the large one, where it is asked, as `question`.

    A failed, cut or answerless sample of the small model is a disagreement. What the budget refuses of the large model
    leaves the small one's samples, and the answer says so; a failure of the large model is a failure.

    Raises:
        BudgetExceeded: the budget admits neither model.
        ProviderError: no sample of the large model can succeed.
    """
    if not stand.tries:
        pool, large = await _large(run, question, terms, step)
        return Taken(pool, "large", "outright", None, large, stand.why)
    before = run.spent.cost_nusd
    small_pool = await _small(run, shown, terms, step)
    small = _since(run, before)
    agreed = small_pool is not None and unanimous(small_pool, terms.n)
    audited = agreed and run.rng(f"audit/{step}").random() < stand.audit
    if small_pool is not None and agreed and not audited:
        return Taken(
            small_pool, "small", "agreed", small, None, f"all {terms.n} samples of the small model agree"
        )
    try:
        pool, large = await _large(run, question, terms, step)
    except BudgetExceeded as refusal:
        if small_pool is None or not small_pool.voters:
            raise
        run.refused = run.refused or str(refusal)
        outcome, told = (
            ("agreed", "agree")
            if agreed
            else ("deferred", "disagree, and the budget has no room for the large one")
        )
        return Taken(small_pool, "small", outcome, small, None, f"the samples of the small model {told}")
    if small_pool is not None and (lacking := missing(small_pool)):
        note(run, f"of the small model {lacking[0]}")
    if small_pool is not None and audited:
        outcome = "matched" if _winner(pool) == small_pool.voters[0].key else "differed"
        return Taken(
            pool, "large", outcome, small, large, f"the small model's agreement was audited: it {outcome}"
        )
    return Taken(
        pool,
        "large",
        "deferred",
        small,
        large,
        "the samples of the small model disagree; the large one answered",
    )


def unanimous(pool: Pool, n: int) -> bool:
    """Whether all n samples are there, complete, and of one class.

    Example:
        >>> from outlay.types import Sample
        >>> unanimous(Pool("q", "number", (Sample(0, key="42"), Sample(1, key="42"))), 2)
        True
    """
    keys = {s.key for s in pool.samples}
    return len(pool.samples) == n and len(keys) == 1 and None not in keys


async def _small(run: Run, shown: Question, terms: Terms, step: int) -> Pool | None:
    """The small model's samples; None where not one can be had, which defers."""
    if shown.sampling.temperature is None and terms.n > 1:
        warm = msgspec.structs.replace(shown.sampling, temperature=WARM)
        shown = msgspec.structs.replace(shown, sampling=warm)
    try:
        return await run.sample(shown, n=terms.n, start=step * terms.n, role="small")
    except ProviderError as error:
        note(run, f"the small model failed: {error}")
        return None


async def _large(run: Run, question: Question, terms: Terms, step: int) -> tuple[Pool, int | None]:
    before = run.spent.cost_nusd
    pool = await run.sample(question, n=terms.m, start=step * terms.m, role="large")
    return pool, _since(run, before)


def _since(run: Run, before: int | None) -> int | None:
    now = run.spent.cost_nusd
    return None if now is None or before is None else now - before


def _winner(pool: Pool) -> str | None:
    keys = [s.key for s in pool.voters if s.key is not None]
    return max(sorted(set(keys)), key=keys.count) if keys else None
