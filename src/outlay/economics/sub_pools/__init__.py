"""What a budget of k samples buys, averaged over the sub-pools of k of the samples that were recorded.

Every function takes one row a question and one column a recorded sample, and gives one row a question and one
column a budget of `ks`. A sub-pool is k of the n samples, every choice of k equally likely, in random order.
`exact` and `sequential` take the expectation itself; `monte_carlo` averages over random sub-pools and states
its standard error. Nothing is bought.

The axes: `class_QS` holds the answer class of each sample as an integer, -1 for what cannot vote (answerless,
truncated, failed); `correct_QS` its flag; `score_QS` the verifier's score; `accepted_QS` whether the verifier
accepts it. A class counts as right to the share of right flags among its voters, which is 0 or 1 unless a
scorer looks at more than the class. Sub-pools are finite samples of one recording: intervals over questions
come on top (`outlay.stats.bootstrap`).
"""

from outlay.economics.sub_pools.exact import best_of, pass_at_k, vote
from outlay.economics.sub_pools.monte_carlo import Estimate, best_of_majority, weighted
from outlay.economics.sub_pools.price import cost_nusd
from outlay.economics.sub_pools.sequential import first_accepted, first_accepted_draws, first_accepted_tokens
from outlay.economics.sub_pools.vote_curve import vote_curve

__all__ = [
    "Estimate",
    "best_of",
    "best_of_majority",
    "cost_nusd",
    "first_accepted",
    "first_accepted_draws",
    "first_accepted_tokens",
    "pass_at_k",
    "vote",
    "vote_curve",
    "weighted",
]
