"""Finding out, for money, whether a model continues a given text: a purchase like any other, made once a session.

Servers without the ability open a new turn in silence, so it is probed before the first request that needs it.
"""

from __future__ import annotations

import msgspec

from outlay.budget import Amount, Budget
from outlay.door import bounds
from outlay.door.book import Book
from outlay.door.purchase import write_ahead
from outlay.door.session import Ask, Spent
from outlay.errors import MissingAbility, ProviderError
from outlay.money import cost_nusd
from outlay.trace import Replay
from outlay.types import Usage

PROBE_INPUT_TOKENS = 256
PROBE_OUTPUT_TOKENS = 4
"""What a probe can use at most."""


async def confirm_prefix(book: Book, budget: Budget, ask: Ask, spent: Spent) -> None:
    """Buy the probe of a role's model, unless this session already has or the model needs none.

    Raises:
        BudgetExceeded: the probe does not fit.
        ProviderError: the server could not be asked.
        MissingAbility: the model does not continue a given text.
    """
    # One probe, however many draws need it at the same moment.
    async with book.session.confirming:
        if book.replay is not None:
            await _repeat(book, book.replay, ask, spent)
        elif hasattr(book.session.providers[ask.role], "probe"):
            if ask.role not in book.session.confirmed:
                await _buy(book, budget, ask, spent)
            # A probe that came out badly takes the ability off the provider's own card.
            card = await book.session.providers[ask.role].card()
            if "prefix" not in card.abilities:
                raise MissingAbility(
                    f"{card.name} opens a new turn instead of continuing a given text (ability prefix), as its probe "
                    f"showed; choose a strategy or a model without that need."
                )


async def _repeat(book: Book, replay: Replay, ask: Ask, spent: Spent) -> None:
    if replay.left("probe", f"{ask.role}/prefix"):
        event = await replay.turn(("probe",), f"{ask.role}/prefix")
        book.trace.events.append(event)
        _count(spent, msgspec.convert(event["usage"], Usage), event["cost_nusd"])


async def _buy(book: Book, budget: Budget, ask: Ask, spent: Spent) -> None:
    card = book.card(ask.role)
    claim = bounds.amount(
        card, prompts=1, input_tokens=PROBE_INPUT_TOKENS, n=1, output_tokens=PROBE_OUTPUT_TOKENS
    )
    reservation = await budget.reserve(claim, role=ask.role)
    row = book.opened(ask.question_id, ask.role, card.name, 0, 1, claim)
    await write_ahead(book, budget, reservation, row)
    usage, mark, error = Usage(claim.input_tokens, claim.output_tokens), "unreconciled", "a probe of prefix"
    try:
        found = await book.session.providers[ask.role].probe()  # type: ignore[attr-defined]  # asked for above
        usage, mark = found.usage or Usage(0, 0), ""
        book.session.confirmed.add(ask.role)
    except ProviderError as failure:
        error = f"a probe of prefix: {failure}"
        if not failure.billed:
            usage, mark = Usage(0, 0), ""
        raise
    finally:
        cost = None if card.price is None else cost_nusd(card.price, usage)
        overrun = budget.settle(
            reservation, Amount(cost, usage.input_tokens, usage.output_tokens, int(usage.output_tokens > 0))
        )
        _count(spent, usage, cost)
        book.session.store.settle(book.ended(row, "settled", cost, overrun, usage, mark, error))
    book.trace.add("probe", f"{ask.role}/prefix", book.now_s(), usage=usage, cost_nusd=cost)


def _count(spent: Spent, usage: Usage, cost: int | None) -> None:
    spent.add(usage, calls=int(usage.output_tokens > 0), cost=cost, paid=cost)
