"""outlay buys correct answers from language models at the lowest cost, under a hard budget.

Example:
    >>> import outlay
    >>> answer = outlay.ask_sync("17 * 23?", strategy="self_consistency:n=8", kind="number")  # doctest: +SKIP
    >>> answer.answer, answer.cost_nusd  # doctest: +SKIP
    ('391', 31250)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.answering import replay as replay
    from outlay.asking import ask as ask
    from outlay.asking import ask_sync as ask_sync
    from outlay.budget import Limits as Limits
    from outlay.engine import Outlay as Outlay
    from outlay.errors import BudgetExceeded as BudgetExceeded
    from outlay.errors import MissingAbility as MissingAbility
    from outlay.errors import MissingExtra as MissingExtra
    from outlay.errors import NoAnswer as NoAnswer
    from outlay.errors import OutlayError as OutlayError
    from outlay.errors import ProviderError as ProviderError
    from outlay.errors import StoreError as StoreError
    from outlay.errors import UnknownPrice as UnknownPrice
    from outlay.errors import UsageError as UsageError
    from outlay.types import Answer as Answer
    from outlay.types import Plan as Plan
    from outlay.types import Question as Question
    from outlay.types import Sampling as Sampling

__version__ = "0.1.0"

_HOME = {
    "budget": ("Limits",),
    "answering": ("replay",),
    "asking": ("ask", "ask_sync"),
    "engine": ("Outlay",),
    "errors": (
        "BudgetExceeded",
        "MissingAbility",
        "MissingExtra",
        "NoAnswer",
        "OutlayError",
        "ProviderError",
        "StoreError",
        "UnknownPrice",
        "UsageError",
    ),
    "types": ("Answer", "Plan", "Question", "Sampling"),
}
"""Public names by the module they live in. They are imported at first use, so `import outlay` costs nothing."""

__all__ = [
    "Answer",
    "BudgetExceeded",
    "Limits",
    "MissingAbility",
    "MissingExtra",
    "NoAnswer",
    "Outlay",
    "OutlayError",
    "Plan",
    "ProviderError",
    "Question",
    "Sampling",
    "StoreError",
    "UnknownPrice",
    "UsageError",
    "ask",
    "ask_sync",
    "replay",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f"outlay.{module}"), name)
    raise AttributeError(f"module 'outlay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
