"""What one answer writes down: its trace and its ledger rows. In a replay it reads the recorded trace instead."""

from __future__ import annotations

import time

from outlay import chain
from outlay.budget import Amount
from outlay.door.session import Session
from outlay.errors import UsageError
from outlay.models.provider import Card
from outlay.store.protocol import Opened, Settled
from outlay.trace import Replay, Trace
from outlay.types import Usage


class Book:
    """The trace of one answer, the clock it is written by, and the rows it puts into the ledger."""

    def __init__(self, session: Session, *, replay: Replay | None = None):
        self.session, self.trace, self.replay = session, Trace(), replay
        self._t0 = session.clock()

    def now_s(self) -> float:
        """Seconds since this answer began."""
        return self.session.clock() - self._t0

    def card(self, role: str) -> Card:
        """The card of a role's model, the first of its chain; or of a seat's.

        Raises:
            UsageError: the plan names no model for the role.
        """
        cards = self.session.cards
        card = cards.get(role)
        if card is None:
            # The first model of a chain could not even be asked what it is.
            if others := chain.seats(role, cards):
                return cards[others[0]]
            raise UsageError(f"This plan needs a model for the role {role}; add it like --model {role}=MODEL.")
        return card

    def opened(self, question_id: str, role: str, model: str, sample: int, n: int, claim: Amount) -> Opened:
        """A ledger row to write ahead, with an id of its own."""
        s = self.session
        return Opened(
            s.store.new_id("call"),
            s.run_id,
            s.tenant,
            s.phase,
            question_id,
            role,
            model,
            sample,
            n,
            claim.nusd,
            claim.input_tokens,
            claim.output_tokens,
            time.time_ns() // 1000,
            s.key_id,
        )

    def ended(
        self, row: Opened, state: str, cost: int | None, overrun: int, usage: Usage, mark: str, error: str
    ) -> Settled:
        """The end of a ledger row. What came from the call cache costs, but nothing is paid for it."""
        return Settled(
            row.id,
            state,
            cost,
            0 if state == "cached" else cost,
            overrun,
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
            mark,
            error,
            time.time_ns() // 1000,
        )
