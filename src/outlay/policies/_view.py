"""A menu under one worth: figures with intervals, rivals, ranges and doubts, all over the same resampled pilots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.economics.worth import worth_ranges
from outlay.policies._menu import Beliefs, Entry
from outlay.policies._pilot import Floats, Pilot
from outlay.policies._shrink import regret_usd, resampled, share_interval
from outlay.policies._worth import Worth
from outlay.policies.planner import accuracy_P, burden_P, wrong_P
from outlay.types import Plan

DRAWS = 2000
"""Bootstrap draws over questions."""
ACCURACY_ALONE_USD = 1e6
"""Where only a budget is said, right answers are worth so much that accuracy decides."""
MOST_QUESTIONS = 100_000
"""Two plans that so many questions could not tell apart are called equal."""


class Figure(Struct, frozen=True):
    """An estimate with its 95 % interval over questions; `high` None: without end."""

    value: float
    low: float
    high: float | None


class Prospect(Struct, frozen=True):
    """What one plan is expected to do, a question. None: not known (or, for the net value, no worth was said)."""

    name: str
    plan: Plan
    accuracy: Figure
    cost_usd: Figure
    most_usd: float
    """The dearest that one question of the pilot came to with all of the plan's samples drawn."""
    cost_of_pass_usd: Figure | None
    latency_s: Figure | None
    net_usd: float | None


class Range(Struct, frozen=True):
    """The plan to buy while a right answer is worth from `low_usd` up to `high_usd` (None: without end)."""

    name: str | None
    low_usd: float
    high_usd: float | None
    accuracy: float
    cost_usd: float


class Buy(Struct, frozen=True):
    """A plan that is the best buy for some worth within some cap on an answer, with the figures that choose it.

    `accuracy` and `wrong` are shrunk shares of right and of wrong answers, `cost_usd` and `seconds` means a question
    (None: no time is known), `most_usd` the dearest question. `low_usd` to `high_usd` is the worth of a right answer
    for which it is the best buy without a cap (`high_usd` None: without end; `low_usd` None: only within a cap).
    """

    name: str
    plan: Plan
    accuracy: float
    wrong: float
    cost_usd: float
    most_usd: float
    seconds: float | None
    low_usd: float | None
    high_usd: float | None


class Doubt(Struct, frozen=True):
    """How sure the choice is, and what it would cost to be surer.

    `p_best`: the share of resampled pilots in which the choice is best (for a required accuracy: in which it reaches
    it). `regret_usd`: what the best plan of each resampled pilot has over the choice, a question, on average: no
    further pilot can be worth more a question asked later. `questions`: how many would set the choice apart from the
    runner-up (None: so many that the two are as good as equal), `usd` what the missing ones cost.
    """

    p_best: float
    regret_usd: float | None
    questions: int | None
    usd: float | None


class View:
    """The beliefs under one worth, with the bootstrap's worlds; draws are shared by every figure."""

    def __init__(
        self,
        menu: Sequence[Entry],
        beliefs: Beliefs,
        worth: Worth,
        budget_usd: float | None,
        samples: int,
        seed: int,
    ):
        self.menu, self.beliefs, self.worth, self.samples = menu, beliefs, worth, samples
        self.accuracy, self.burden = accuracy_P(menu, beliefs), burden_P(beliefs, worth, menu)
        self.able = beliefs.most_usd_P <= (np.inf if budget_usd is None else budget_usd)
        self.weight_BQ = resampled(beliefs.questions, DRAWS, seed)
        self.right_BP = self.weight_BQ @ beliefs.right_QP
        wrong_QP = (beliefs.answered_QP - beliefs.right_QP).clip(min=0.0)
        burden_QP = beliefs.usd_QP + worth.wrong_usd * wrong_QP
        if worth.usd_per_s > 0:
            burden_QP = burden_QP + worth.usd_per_s * beliefs.latency_s_QP
        self.burden_BP = self.weight_BQ @ burden_QP
        self.burden_QP = burden_QP
        self.value = ACCURACY_ALONE_USD if worth.value_usd is None else worth.value_usd

    @property
    def net_BP(self) -> Floats:
        """Net value in each world; entries beyond the budget are never bought."""
        return np.where(self.able, self.value * self.right_BP - self.burden_BP, -np.inf)

    def prospect(self, i: int) -> Prospect:
        """One entry's figures, its accuracy shrunk between plans."""
        b, entry = self.beliefs, self.menu[i]
        p = float(self.accuracy[i])
        share = share_interval(b.right_QP[:, i], self.samples, around=p)
        usd_B = self.weight_BQ @ b.usd_QP[:, i]
        cost = Figure(float(b.usd_QP[:, i].mean()), *_ends(usd_B))
        per_right = np.divide(
            usd_B, self.right_BP[:, i], out=np.full(DRAWS, np.inf), where=self.right_BP[:, i] > 0
        )
        seconds = b.latency_s_QP[:, i]
        value = self.worth.value_usd
        return Prospect(
            name=entry.name,
            plan=entry.plan,
            accuracy=Figure(p, share.low, share.high),
            cost_usd=cost,
            most_usd=float(b.most_usd_P[i]),
            cost_of_pass_usd=Figure(cost.value / p, *_ends(per_right)) if p > 0 else None,
            latency_s=None
            if np.isnan(seconds).any()
            else Figure(float(seconds.mean()), *_ends(self.weight_BQ @ seconds)),
            net_usd=None if value is None else value * p - float(self.burden[i]),
        )

    def runner_up(self, best: int) -> int | None:
        """The next best plan that is not the same one with another number of samples."""
        others = [
            i for i in np.flatnonzero(self.able).tolist() if self.menu[i].family != self.menu[best].family
        ]
        if self.worth.accuracy is not None:
            others = [i for i in others if self.accuracy[i] >= self.worth.accuracy]
            return min(others, key=lambda i: (self.burden[i], i), default=None)
        net = self.value * self.accuracy - self.burden
        return max(others, key=lambda i: (net[i], -i), default=None)

    def holds(self, best: int) -> tuple[float, float | None]:
        """The worths at which no other able plan, nor buying nothing, has a higher net value than `best`."""
        low, high = float(self.burden[best] / self.accuracy[best]), float("inf")
        for i in np.flatnonzero(self.able).tolist():
            gain, extra = (
                float(self.accuracy[i] - self.accuracy[best]),
                float(self.burden[i] - self.burden[best]),
            )
            if gain > 0 and extra > 0:
                high = min(high, extra / gain)
            elif gain < 0 and extra < 0:
                low = max(low, extra / gain)
        return low, None if high == float("inf") else high

    def doubt(self, best: int | None, rival: int | None, pilots: Sequence[Pilot]) -> Doubt:
        """How sure the choice is; questions by n = (1.96 s / lead)^2 of the paired difference from the runner-up."""
        if self.worth.accuracy is not None:
            reached = 0.0 if best is None else float((self.right_BP[:, best] >= self.worth.accuracy).mean())
            return Doubt(reached, None, None, None)
        regret, top_B = regret_usd(self.net_BP, best)
        p_best = float((top_B == (-1 if best is None else best)).mean())
        if best is None or rival is None:
            return Doubt(p_best, regret, None, None)
        net_QP = self.value * self.beliefs.right_QP - self.burden_QP
        apart = net_QP[:, best] - net_QP[:, rival]
        lead = self.value * float(self.accuracy[best] - self.accuracy[rival]) - float(
            self.burden[best] - self.burden[rival]
        )
        needed = (1.96 * float(apart.std(ddof=1)) / lead) ** 2 if lead > 0 else float("inf")
        if not needed <= MOST_QUESTIONS:
            return Doubt(p_best, regret, None, None)
        more = max(0, int(np.ceil(needed)) - self.beliefs.questions)
        bill = sum(p.bill_usd for p in pilots) / self.beliefs.questions if pilots else None
        return Doubt(p_best, regret, int(np.ceil(needed)), None if bill is None else more * bill)

    def ranges(self) -> tuple[Range, ...]:
        """Plans of the envelope; those that were made for one stated worth have no range of their own."""
        return tuple(
            Range(
                None if i is None else self.menu[i].name,
                low,
                high,
                0.0 if i is None else float(self.accuracy[i]),
                0.0 if i is None else float(self.beliefs.usd_QP[:, i].mean()),
            )
            for i, low, high in self._envelope()
        )

    def buys(self, best: int | None) -> tuple[Buy, ...]:
        """The choice, then every plan that is the best buy within some cap, the one that is right oftenest first.

        So that whoever chooses among them by a worth and a cap chooses as from the whole menu.
        """
        ends = {i: (low, high) for i, low, high in self._envelope() if i is not None}
        caps = sorted(set(self.beliefs.most_usd_P[self.able].tolist()))
        found = {i for cap in caps for i, _, _ in self._envelope(cap) if i is not None}
        others = sorted(found - {best}, key=lambda i: (-self.accuracy[i], i))
        return tuple(
            self._buy(i, *ends.get(i, (None, None))) for i in (*(() if best is None else (best,)), *others)
        )

    def _buy(self, i: int, low: float | None, high: float | None) -> Buy:
        seconds = float(self.beliefs.latency_s_QP[:, i].mean())
        return Buy(
            name=self.menu[i].name,
            plan=self.menu[i].plan,
            accuracy=float(self.accuracy[i]),
            wrong=float(wrong_P(self.menu, self.beliefs)[i]),
            cost_usd=float(self.beliefs.usd_QP[:, i].mean()),
            most_usd=float(self.beliefs.most_usd_P[i]),
            seconds=None if np.isnan(seconds) else seconds,
            low_usd=low,
            high_usd=high,
        )

    def _envelope(self, most_usd: float = np.inf) -> list[tuple[int | None, float, float | None]]:
        """Entries of the envelope within a cap with the worths for which each is best; None: nothing, no end."""
        within = self.able & (self.beliefs.most_usd_P <= most_usd)
        able = [i for i in np.flatnonzero(within).tolist() if "value_usd" not in self.menu[i].plan.parameters]
        found = worth_ranges([float(self.burden[i]) for i in able], [float(self.accuracy[i]) for i in able])
        return [
            (None if r.plan is None else able[r.plan], r.low, None if r.high == float("inf") else r.high)
            for r in found
        ]


def _ends(value_B: Floats) -> tuple[float, float | None]:
    low, high = np.quantile(value_B, 0.025, method="lower"), np.quantile(value_B, 0.975, method="higher")
    return float(low), float(high) if np.isfinite(high) else None
