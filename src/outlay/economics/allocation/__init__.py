"""Dividing one budget: over many questions by marginal value, and over the parts of one question."""

from outlay.economics.allocation.decay import remaining, shares, shares_as_printed
from outlay.economics.allocation.marginal import Allocation, allocate
from outlay.economics.allocation.word_budgets import SCHEDULES, e3, level_budget, word_budgets

__all__ = [
    "SCHEDULES",
    "Allocation",
    "allocate",
    "e3",
    "level_budget",
    "remaining",
    "shares",
    "shares_as_printed",
    "word_budgets",
]
