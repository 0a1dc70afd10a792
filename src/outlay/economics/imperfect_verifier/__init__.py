"""How far drawing again until a checker accepts can go, and when to stop, if the checker errs.

A try draws a sample and checks it; the first accepted one is handed out, and after the last try nothing is: the
question is left unanswered, which is worth 0. A right answer handed out is worth 1, a wrong one costs `wrong`, a
try costs `try_cost`, both in units of what a right answer is worth. With `types` these follow from a model with
easy and hard questions, with `tries` and `best_tries_from` from recorded samples and no model, and `ceiling` says
what no number of tries gets past. All of it presumes that tries on one question are independent: a checker that
repeats its errors is in `solve_vs_verify`.
"""

from outlay.economics.imperfect_verifier.best_tries import BestTries, best_tries_from
from outlay.economics.imperfect_verifier.ceiling import Ceiling, ceiling, ceiling_from
from outlay.economics.imperfect_verifier.printed import best_tries_as_printed, reward_as_printed
from outlay.economics.imperfect_verifier.tries import Tries, tries
from outlay.economics.imperfect_verifier.types import (
    TwoTypes,
    best_tries,
    break_even_wrong,
    reward,
    reward_limit,
)
from outlay.economics.imperfect_verifier.types_from import two_types, two_types_intervals

__all__ = [
    "BestTries",
    "Ceiling",
    "Tries",
    "TwoTypes",
    "best_tries",
    "best_tries_as_printed",
    "best_tries_from",
    "break_even_wrong",
    "ceiling",
    "ceiling_from",
    "reward",
    "reward_as_printed",
    "reward_limit",
    "tries",
    "two_types",
    "two_types_intervals",
]
