"""Whether a fitted curve misses its data by more than chance: one test for every law over questions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from outlay.laws._result import FormTest

DIRECTIONS = 2
"""Directions of the residuals that are looked at. Their later directions are so narrow that curvature of the fit, not
noise, decides there: with three, true forms were rejected too often."""
LEVEL = 0.01
"""Below this p-value a form is called wrong. True forms fell below 0.05 in 5 to 12 % of simulations, not in 5 %."""


def form_test(rest_G: NDArray[np.float64], rest_KG: NDArray[np.float64]) -> FormTest:
    """The sum over directions of (v' rest)^2 / variance, against chi-square: residuals beyond what questions explain.

    The residuals of the points of one curve are strongly correlated; their covariance comes from the residuals
    `rest_KG` of refits on bootstrap draws of the questions, and its two widest directions v are tested. Our
    choice; the papers compare curves by eye.
    """
    widths, directions = np.linalg.eigh(np.cov(rest_KG.T))
    kept = [i for i in np.argsort(-widths)[:DIRECTIONS] if widths[i] > 1e-9 * max(widths.max(), 1e-12)]
    along = directions[:, kept].T @ rest_G
    p_value = float(chi2.sf((along**2 / widths[kept]).sum(), max(len(kept), 1)))
    off = f"{100 * np.abs(rest_G).max():.2g} points"
    if p_value < LEVEL:
        return FormTest(
            p_value, True, f"the form does not fit: it is off by up to {off}, more than the questions' chance"
        )
    return FormTest(
        p_value, False, f"the form is not rejected: off by up to {off}, within the questions' chance"
    )
