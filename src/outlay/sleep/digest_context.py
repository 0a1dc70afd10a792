"""Notes on a context, rewritten until nothing useful is left to add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from outlay.concurrency import together
from outlay.errors import BudgetExceeded, OutlayError
from outlay.prompts import notes as prompts
from outlay.run import Run
from outlay.sleep._report import Report, nobody_waits
from outlay.store.contexts import Notes
from outlay.store.sleeping import Sleeping
from outlay.types import Sampling, Tokens

NEEDS = frozenset({"chat"})
ROLE = "notes"
OUTPUT_TOKENS = 2_048
"""Of one rewrite: room for 5,000 characters in most languages."""
SEPARATOR = "\n\n"
GAVE_WAY = "it gave way to requests"

Rewrites = Annotated[int, Meta(ge=1, le=prompts.MOST_REWRITES)]
Drafts = Annotated[int, Meta(ge=1, le=10)]


async def digest_context(
    run: Run,
    store: Sleeping,
    busy: Callable[[], bool] = nobody_waits,
    *,
    context: str,
    model: str,
    rewrites: Rewrites = prompts.MOST_REWRITES,
    drafts: Drafts = 1,
    tokens: Tokens = OUTPUT_TOKENS,
    temperature: float | None = None,
) -> Report:
    """Notes on a context: the model rewrites them whole, again and again, until it says that they are finished.

    It stops after `rewrites`, at the one word that ends, and where a rewrite changes nothing or was cut at its bound.
    Each version holds at most 5,000 characters; with several drafts, written apart, the notes are all of them one
    after the other. What the budget ends in the middle of is kept as far as it came. No question is ever read here.
    Where somebody waits, no further rewrite is begun; the next attempt has the earlier ones from the call cache.

    Args:
        run: what to buy through; its tenant's contexts alone can be read.
        store: where the contexts are.
        busy: whether somebody waits for what this uses.
        context: the context's id.
        model: the model that writes, for which the notes are kept; it must be the one that the run calls.
        rewrites: the most of a draft, 1 to 10.
        drafts: how many are written apart, 1 to 10; 5 mostly best, 10 worse (the paper, section 5.2).
        tokens: the most output tokens of one rewrite.
        temperature: of the rewriting; None is the model's own.

    Returns:
        The notes, or none and why: the context is gone, the model wrote nothing, or it gave way.

    Raises:
        BudgetExceeded: not one rewrite fits in the budget.
        ProviderError: the model failed.

    Cost: at most `drafts` x `rewrites` calls, each reading the context and the notes and writing at most `tokens`.
    Source: Sleep-time compute, Lin et al. 2025 (arXiv 2504.13171), section 3 and appendix K: `rethink`, `finish`, ten
        rewrites, 5,000 characters. Our choices: a plain reply in place of the two tools, the end where nothing
        changes, and a rewrite that was cut is left out unless it is the first.
    """
    found = await store.context(context, tenant=run.tenant)
    if found is None:
        return Report("the context is not there any more")
    sampling = Sampling(temperature=temperature, max_output_tokens=tokens)
    written = await together(
        _try_draft(run, found.text, number, rewrites, sampling, busy) for number in range(drafts)
    )
    if any(not isinstance(w, OutlayError) and w[2] == GAVE_WAY for w in written):
        return Report(GAVE_WAY, unfinished=True)
    kept = [w for w in written if not isinstance(w, OutlayError) and w[0]]
    refused = [w for w in written if isinstance(w, OutlayError)]
    if not kept:
        if refused:
            raise refused[0]
        return Report("the model wrote no notes")
    text = SEPARATOR.join(notes for notes, _, _ in kept)
    n_rewrites = sum(n for _, n, _ in kept)
    notes = Notes(
        run.tenant,
        context,
        prompts.VERSION,
        model,
        text,
        mark=prompts.orders(text),
        rewrites=n_rewrites,
    )
    return Report(kept[0][2], notes)


async def _try_draft(
    run: Run, context: str, number: int, rewrites: int, sampling: Sampling, busy: Callable[[], bool]
) -> tuple[str, int, str] | OutlayError:
    try:
        return await _draft(run, context, number, rewrites, sampling, busy)
    except OutlayError as error:
        return error


async def _draft(
    run: Run, context: str, number: int, rewrites: int, sampling: Sampling, busy: Callable[[], bool]
) -> tuple[str, int, str]:
    """One draft: its notes, how many rewrites it took, and why it ended."""
    notes = ""
    for done in range(rewrites):
        if busy():
            return notes, done, GAVE_WAY
        label = f"draft{number}/rewrite{done}"
        try:
            (said,) = await run.complete(
                prompts.rewrite(context, notes, tokens=sampling.max_output_tokens),
                role=ROLE,
                label=label,
                sampling=sampling,
            )
        except BudgetExceeded as refusal:
            if not notes:
                raise
            return notes, done, f"the budget ended it: {refusal}"
        new = prompts.read(said.text)
        if not new or (said.truncated and notes):
            return notes, done, "a rewrite was cut at its bound" if said.truncated else "the model finished"
        if new == notes:
            return notes, done, "a rewrite changed nothing"
        notes = new
    return notes, rewrites, f"{rewrites} rewrites were made"
