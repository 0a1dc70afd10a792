"""How many documents and examples a budget of tokens is best spent on, by what was fitted for this model and corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from outlay.errors import UsageError
from outlay.laws.rag_allocation import Fit, Setting, longest_input_tokens

Budget = Annotated[int, Meta(ge=1, le=10_000_000)]
"""Input tokens."""
DOCUMENTS, SHOTS = (0, 1, 2, 3, 5, 8, 12, 20, 32, 64), (0, 1, 2, 4, 8, 16, 32)
"""The settings that are weighed."""


class Allocated(Struct, frozen=True):
    """A fitted allocation, with what a document and a shot are worth on this corpus, and how long they are."""

    fit: Fit
    i_document: float
    i_shot: float
    document_tokens: int
    question_tokens: int

    def best(self, budget_tokens: int) -> tuple[int, int]:
        """(documents, shots) of highest expected accuracy whose longest input fits, one call, within what was fitted.

        Raises:
            CannotSay: none fits.
        """
        settings = [
            Setting(
                k,
                m,
                1,
                longest_input_tokens(
                    k, m, 1, document_tokens=self.document_tokens, question_tokens=self.question_tokens
                ),
            )
            for k in DOCUMENTS
            for m in SHOTS
            if _inside(k, self.fit.ranges[0]) and _inside(m, self.fit.ranges[1])
        ]
        found = self.fit.allocate(budget_tokens, settings, self.i_document, self.i_shot).setting
        return found.documents, found.shots


def _inside(value: int, fitted: tuple[float, float]) -> bool:
    return fitted[0] <= value <= fitted[1]


def chosen(k: int, m: int, allocation: str | None, budget: int | None) -> tuple[int, int]:
    """(k, m) as given, or as the allocation in a file says for the budget.

    Raises:
        UsageError: one of the two without the other, or a file that holds no allocation.
        CannotSay: no setting fits the budget.
    """
    if allocation is None and budget is None:
        return k, m
    if allocation is None or budget is None:
        raise UsageError("documents needs both allocation=FILE and budget=TOKENS, or neither.")
    try:
        read = msgspec.json.decode(Path(allocation).read_bytes(), type=Allocated)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{allocation} holds no fitted allocation: {error}.") from None
    return read.best(budget)
