"""What the buyer says an answer is worth."""

from __future__ import annotations

from math import isfinite

from msgspec import Struct

from outlay.errors import UsageError


class Worth(Struct, frozen=True):
    """Dollars for a right answer, against a wrong one, and for a second of waiting.

    `value_usd` None: not said; then nothing is chosen by worth. `accuracy`: the least share of right answers that is
    asked for, instead of a worth.
    """

    value_usd: float | None = None
    wrong_usd: float = 0.0
    usd_per_s: float = 0.0
    accuracy: float | None = None

    def checked(self) -> Worth:
        """The same.

        Raises:
            UsageError: an amount is negative or not finite, or the accuracy is not in (0, 1].
        """
        for name in ("value_usd", "wrong_usd", "usd_per_s"):
            amount = getattr(self, name)
            if amount is not None and not (isfinite(amount) and amount >= 0):
                raise UsageError(f"{name} is {amount}; write dollars from 0 up.")
        if self.accuracy is not None and not 0 < self.accuracy <= 1:
            raise UsageError(f"The accuracy {self.accuracy} is no share; write one like 0.9.")
        return self


MONEY_ALONE = Worth()
"""Wrong answers and waiting cost nothing, and no worth of a right answer is said."""
