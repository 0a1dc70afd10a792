"""Whether to spend on more solutions or on more checks of each, when the checks cost and repeat their errors.

Voting over S solutions costs S; checking each of S solutions V times costs S (1 + lambda V). `best_of_k` and
`recorded_success` read the curve of checked solutions off recorded scores and verdicts; `voted_success` and
`checked_success` give both curves for a planted or measured world, `best_split` the better purchase of a budget, and
`fit_split_law` the power law between budgets.
"""

from outlay.economics.solve_vs_verify.best_of_k import best_of_k
from outlay.economics.solve_vs_verify.checker import Checker
from outlay.economics.solve_vs_verify.law import SplitLaw, fit_split_law, split_by_law
from outlay.economics.solve_vs_verify.price import effective_checks, split_cost
from outlay.economics.solve_vs_verify.recorded import recorded_success
from outlay.economics.solve_vs_verify.split import Split, best_split
from outlay.economics.solve_vs_verify.success import checked_success, voted_success

__all__ = [
    "Checker",
    "Split",
    "SplitLaw",
    "best_of_k",
    "best_split",
    "checked_success",
    "effective_checks",
    "fit_split_law",
    "recorded_success",
    "split_by_law",
    "split_cost",
    "voted_success",
]
