"""The residual test of a law that was fitted by least squares, in words."""

from __future__ import annotations

from outlay.laws._result import FormTest
from outlay.stats.least_squares import LackOfFit


def form_of(test: LackOfFit | None) -> FormTest:
    """What an added-term test says about the form; None, too few points, rejects nothing and says so.

    Example:
        >>> form_of(LackOfFit(12.0, 0.0004, "a square of the size")).words
        'The residuals show a square of the size (F = 12.0, p = 0.0004): the form is wrong here.'
    """
    if test is None:
        return FormTest(1.0, False, "There are too few points to test the form.")
    numbers = f"(F = {test.statistic:.1f}, p = {test.p_value:.2g})"
    if test.rejected:
        return FormTest(
            test.p_value, True, f"The residuals show {test.against} {numbers}: the form is wrong here."
        )
    return FormTest(test.p_value, False, f"The residuals do not show {test.against} {numbers}.")
