"""What every law answers: a value with its interval and its warning, and whether the form fits at all."""

from __future__ import annotations

from msgspec import Struct

from outlay.stats.interval import Interval


class Prediction(Struct, frozen=True):
    """A value that a law predicts, with its interval and, past the data, a warning.

    `warning` is one sentence for people, empty where the data speak. It stands in the result, so that nothing
    that shows the value can lose it. `interval` is None where the fit has no interval to give.

    Example:
        >>> Prediction(0.8).warning
        ''
    """

    value: float
    interval: Interval | None = None
    warning: str = ""


class FormTest(Struct, frozen=True):
    """Whether a law's form fits the data it was fitted on.

    `p_value` is the chance of residuals this large if the form were true; `wrong` says that it is below the
    test's level; `words` say in one sentence what was tested and what came out. A form that is not rejected is
    not proved: few questions reject nothing.

    Example:
        >>> FormTest(0.4, False, "the residuals are noise").wrong
        False
    """

    p_value: float
    wrong: bool
    words: str
