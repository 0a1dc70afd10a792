"""Whether notes on a context are worth their price: expected reuse x saving a question - price of making them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from outlay.economics.amortisation import Investment
from outlay.economics.predictability import Gate, predictability_gate
from outlay.errors import CannotSay
from outlay.money import Price, cost_nusd
from outlay.prompts.notes import MEMORY_CHARS
from outlay.store.contexts import Context, Notes, Use
from outlay.types import Usage

WEEK_US = 7 * 86_400_000_000
CHARS_PER_TOKEN = 4
"""Of most tokenizers on English (our choice); costs that were measured take its place."""
ASSUMED_REWRITES = 3
ASSUMED_OUTPUT_TOKENS = 250
"""Of an answer without notes where none was seen yet: B of the sheet's economy."""
ASSUMED_KEPT = 0.5
"""Share of the output that notes leave, until it was measured (our choice; the paper reports about a fifth)."""
ENOUGH = 5
"""Questions from which on a mean is taken for measured."""
ENOUGH_TO_DROP = 20
GATE_BINS = 5


class Record(Struct, frozen=True):
    """What is known of one context: its notes, and what questions on it cost."""

    context: Context
    notes: tuple[Notes, ...]
    uses: tuple[Use, ...]

    @property
    def live(self) -> Notes | None:
        """The newest notes in use, or None."""
        return next((n for n in self.notes if not n.dropped), None)


class Decision(Struct, frozen=True):
    """What to do about a context: `make` notes, `drop` them, or `leave` it; and why, in words."""

    do: str
    why: str
    uses: int = 0
    investment: Investment | None = None


class Ledger(Struct, frozen=True):
    """Mean cost of a context's questions with and without notes, and what all notes cost, in nano-dollars.

    None is unknown.
    """

    n_noted: int
    n_plain: int
    noted_nusd: float | None
    plain_nusd: float | None
    offline_nusd: int | None

    @property
    def saving_nusd(self) -> float | None:
        """What the noted questions saved so far, offline cost not taken off; None where it was not measured."""
        if self.noted_nusd is None or self.plain_nusd is None:
            return None
        return self.n_noted * (self.plain_nusd - self.noted_nusd)

    @property
    def investment(self) -> Investment | None:
        """The measured investment; None where a part of it was not measured."""
        if self.noted_nusd is None or self.plain_nusd is None or self.offline_nusd is None:
            return None
        return Investment(self.offline_nusd, self.plain_nusd, self.noted_nusd)


def ledger(record: Record) -> Ledger:
    """What the questions on a context cost with and without notes, and what all its notes cost."""
    noted = [u.cost_nusd for u in record.uses if u.noted]
    plain = [u.cost_nusd for u in record.uses if not u.noted]
    paid = [n.paid_nusd for n in record.notes]
    offline = None if None in paid else sum(p or 0 for p in paid)
    return Ledger(len(noted), len(plain), _mean(noted), _mean(plain), offline)


def decide(
    record: Record, others: Sequence[Record], *, online: Price | None, offline: Price | None, now_us: int
) -> Decision:
    """Whether to make notes on a context, to drop those that there are, or to leave it.

    Notes are made where the expected questions save more than the notes cost, the notes' own tokens in each prompt
    counted, and the predictability gate opens; dropped once enough questions show that they do not pay.

    Args:
        record: the context's.
        others: those of the same tenant, for what was not measured on this one.
        online: price of the model that answers; None is unknown.
        offline: price of the model that writes notes.
        now_us: the time, in microseconds since 1970.

    Source:
        Section 5.3 of the paper with input tokens priced (ours); the forecast is ours: what somebody expects, else as
        many questions as in the last seven days.
    """
    if record.live is not None:
        return _kept(record)
    if record.notes:
        return Decision("leave", f"its notes were dropped: {record.notes[0].dropped}")
    if online is None or offline is None:
        return Decision("leave", "a price is unknown, so nobody can say whether notes pay")
    uses = expected(record, now_us)
    if uses == 0:
        return Decision("leave", "no question on it is expected")
    if (why := _gated(record, others)) is not None:
        return Decision("leave", why, uses)
    investment = forecast(record, others, online, offline)
    gain = investment.saving(uses)
    saved = gain + investment.offline
    change = f"save {_usd(saved)}" if saved >= 0 else f"would cost {_usd(-saved)} more"
    worth = f"{uses} expected questions {change} and notes cost {_usd(investment.offline)}"
    return Decision("make" if gain > 0 else "leave", worth, uses, investment)


def expected(record: Record, now_us: int) -> int:
    """Questions that are still to come on a context: those expected less those that came, else the last week's."""
    if record.context.expected is not None:
        return max(record.context.expected - len(record.uses), 0)
    return sum(u.at_us > now_us - WEEK_US for u in record.uses)


def forecast(record: Record, others: Sequence[Record], online: Price, offline: Price) -> Investment:
    """What notes on a context are expected to cost and to save, measured where it was, assumed where not."""
    context_tokens = len(record.context.text) // CHARS_PER_TOKEN
    notes_tokens = min(MEMORY_CHARS // CHARS_PER_TOKEN, max(context_tokens, 32))
    paid = [n.paid_nusd for r in others for n in r.notes if n.paid_nusd is not None and n.author == "model"]
    making = Usage(ASSUMED_REWRITES * (context_tokens + notes_tokens), ASSUMED_REWRITES * notes_tokens)
    once = fmean(paid) if len(paid) >= ENOUGH else cost_nusd(offline, making)
    plain = [u for u in record.uses if not u.noted and u.cost_nusd is not None]
    written = fmean(u.output_tokens for u in plain) if plain else ASSUMED_OUTPUT_TOKENS
    baseline = (
        fmean(u.cost_nusd or 0 for u in plain)
        if plain
        else float(cost_nusd(online, Usage(context_tokens, ASSUMED_OUTPUT_TOKENS)))
    )
    saved = (1 - kept_share(others)) * cost_nusd(online, Usage(0, round(written)))
    per_use = baseline - saved + cost_nusd(online, Usage(notes_tokens, 0))
    return Investment(float(once), baseline, max(per_use, 0.0))


def kept_share(records: Sequence[Record]) -> float:
    """The share of output tokens that notes leave, over the contexts where both were seen; assumed before that."""
    pairs = []
    for record in records:
        noted = [u.output_tokens for u in record.uses if u.noted]
        plain = [u.output_tokens for u in record.uses if not u.noted]
        if len(noted) >= ENOUGH and len(plain) >= ENOUGH and sum(plain):
            pairs.append(fmean(noted) / fmean(plain))
    return min(fmean(pairs), 1.0) if pairs else ASSUMED_KEPT


def gate(records: Sequence[Record], *, seed: int = 0) -> Gate | None:
    """The predictability gate from the contexts whose notes were measured; None while they are too few.

    Raises:
        UsageError: never for what `ledger` yields.
    """
    scores, nets = [], []
    for record in records:
        known = ledger(record)
        if known.n_noted >= ENOUGH and known.saving_nusd is not None and known.offline_nusd is not None:
            scores.append(fmean(u.foreseen for u in record.uses))
            nets.append(known.saving_nusd - known.offline_nusd)
    try:
        return predictability_gate(scores, nets, seed=seed, bins=GATE_BINS)
    except CannotSay:
        return None


def _kept(record: Record) -> Decision:
    known = ledger(record)
    if known.n_noted < ENOUGH_TO_DROP or known.n_plain < ENOUGH:
        return Decision("leave", "it has notes")
    if known.noted_nusd is None or known.plain_nusd is None or known.noted_nusd < known.plain_nusd:
        return Decision("leave", "its notes pay")
    told = f"a question cost {_usd(known.noted_nusd)} with them and {_usd(known.plain_nusd)} without"
    return Decision("drop", told)


def _gated(record: Record, others: Sequence[Record]) -> str | None:
    opened = gate(others) if record.uses else None
    if opened is None or opened.opens(fmean(u.foreseen for u in record.uses)):
        return None
    return "its questions cannot be foreseen well enough for notes to have paid on contexts like it"


def _mean(costs: Sequence[int | None]) -> float | None:
    return None if not costs or None in costs else fmean(c or 0 for c in costs)


def _usd(nusd: float) -> str:
    return f"${nusd / 1e9:.6f}"
