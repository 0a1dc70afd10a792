"""What repeated runs, recorded samples, verdicts and stated probabilities say, one plain sentence each."""

from __future__ import annotations

from outlay.report.checked_tries import CheckedTries
from outlay.report.cost_by_question import ModelCost, TaskCost
from outlay.report.market import Market
from outlay.report.more_samples import Law, MoreSamples, Settled, Step
from outlay.report.offer import named, short
from outlay.report.stated_beliefs import Stated
from outlay.report.summary import Report
from outlay.report.verifiers import Rate, Verifying, Versus
from outlay.report.words import dollars, percent

FORMS = {"power": "power law", "beta": "Beta law"}
"""The laws of coverage by the names that people know."""


def decisive(report: Report, market: Market) -> list[str]:
    """The sentences that change what to buy on a market: where samples and tries stop paying.

    Args:
        report: the report that the market is of.
        market: recorded pools; of other markets there is nothing to say.

    Returns:
        Sentences, model by model; none where there are no samples.
    """
    if market.source != "pools":
        return []
    said = [s for m in report.more_samples if m.task == market.task for s in stopping(m)]
    said += [checking(c) for c in report.checked if c.task == market.task]
    return said + [auditing(v) for v in report.verifying if v.task == market.task]


def stopping(m: MoreSamples) -> list[str]:
    """Where the vote of a pool stops paying, and what a perfect check would reach: one sentence, or none."""
    said = [settling(s) for s in m.settled if s.strategy == "vote"] + [s for s in [prolonged(m)] if s]
    return [f"{short(m.model)}: {' '.join(said)}"] if said else []


def settling(s: Settled) -> str:
    """Whether a selection still gains at the end of its pool.

    Example:
        >>> print(settling(Settled("vote", 4, 16, ())))
        Past 4 of 16 samples, vote is not shown to get better.
    """
    if s.k < s.most or not s.steps:
        return f"Past {s.k} of {s.most} samples, {s.strategy} is not shown to get better."
    return f"With {s.most} samples, {s.strategy} still gains: {stepping(s.steps[-1])}."


def stepping(s: Step) -> str:
    """What going from one number of samples to the next brings.

    Example:
        >>> print(stepping(Step(8, 16, 0.05, 0.01, 0.09, 0.003)))
        +5.0 points (1.0 to 9.0) from 8 to 16, $0.003 for each right answer more
    """
    price = "" if s.usd_per_right is None else f", {dollars(s.usd_per_right)} for each right answer more"
    points = f"{100 * s.gain:+.1f} points ({100 * s.low:.1f} to {100 * s.high:.1f})"
    return f"{points} from {s.k} to {s.to_k}{price}"


def prolonged(m: MoreSamples) -> str:
    """The coverage at the far end of each law, with its interval and warning; empty where no law goes further."""
    if m.measured[-1].coverage == 1:
        return f"Every question has a right one among {m.samples} samples already."
    far = [(law, law.curve[-1]) for law in m.laws if law.curve[-1].k > m.samples]
    if not far:
        return ""
    parts = [
        f"{percent(at.coverage)} ({percent(at.low)} to {percent(at.high)}) by the {FORMS[law.form]}{_doubt(law)}"
        for law, at in far
    ]
    warned = dict.fromkeys(at.warning for _, at in far if at.warning)
    guess = f" Beware: {'; '.join(warned)}." if warned else ""
    samples = far[0][1].k
    share = " or ".join(parts)
    return (
        f"A perfect check would find a right one among {samples} samples of so many questions: {share}.{guess}"
    )


def _doubt(law: Law) -> str:
    return ", which these samples reject" if law.rejected else ""


def checking(c: CheckedTries) -> str:
    """The ceiling under a checker and the number of tries after which to stop."""
    who = f"{short(c.model)} checked by {c.verifier}"
    if c.ceiling is None or c.ceiling_interval is None:
        top = "too little is accepted to say how often accepted answers are right"
    else:
        low, high = c.ceiling_interval
        top = (
            f"accepted answers are right on {percent(c.ceiling)} ({percent(low)} to {percent(high or 1.0)}) "
            f"at any number of tries, against {percent(c.single)} unchecked"
        )
    low, high = c.tries_interval
    most = f"{high} or more" if c.at_limit else str(high)
    rival = "" if low == high and not c.at_limit else f" ({low} to {most} cannot be ruled out)"
    stop = (
        "do not answer at all" if c.tries == 0 else f"stop after {c.tries} {'try' if c.tries == 1 else 'tries'}"
    )
    price = f" and a try {c.try_cost:.2g} of a right one's worth" if c.try_cost else ""
    return f"{who}: {top}; where a wrong answer costs {_wrong(c.wrong)}{price}, {stop}{rival}."


def _wrong(times: float) -> str:
    if times == 0:
        return "nothing"
    return "what a right one is worth" if times == 1 else f"{times:g} times what a right one is worth"


def auditing(v: Verifying) -> str:
    """What a checker accepts, what a check costs, and whether to vote instead.

    Example:
        >>> right, wrong = Rate(0.9, (0.8, 0.95), 40), Rate(0.7, (0.6, 0.8), 40)
        >>> found = Verifying("t", "m", "judge", 80, 80, 0, right, wrong, None, None, None, None, True, (), ())
        >>> print(auditing(found)[:85])
        m checked by judge: it accepts 90 % of the right samples (80 % to 95 %) and 30 % of t
    """
    who = f"{short(v.model)} checked by {v.verifier}"
    if v.completeness is None or v.soundness is None:
        return f"{who}: {'; '.join(v.cannot_say) or 'nothing is known of its errors'}."
    low, high = v.soundness.interval
    accepts_wrong = Rate(1 - v.soundness.value, (1 - (high or 1.0), 1 - low), v.soundness.samples)
    said = f"it accepts {_share(v.completeness)} of the right samples{_between(v.completeness)} and "
    said += f"{_share(accepts_wrong)} of the wrong ones{_between(accepts_wrong)}"
    if v.price_usd is not None:
        ratio = "" if v.check_cost is None else f", {v.check_cost:.2g} times a sample"
        said += f"; a check costs {dollars(v.price_usd.value)}{ratio}"
    if not v.informs:
        said += "; it is not shown to accept right ones oftener, so do not pay for it on this evidence"
    return f"{who}: {said}.{_against_votes(v.versus)}"


def _share(r: Rate) -> str:
    return percent(r.value)


def _between(r: Rate) -> str:
    return f" ({percent(r.interval[0])} to {percent(r.interval[1] or 1.0)})"


def _against_votes(versus: tuple[Versus, ...]) -> str:
    """The largest purchase that the samples can show both ways."""
    if not versus:
        return ""
    v = versus[-1]
    points = (
        f"{100 * v.difference:+.1f} points, {100 * v.interval[0]:+.1f} to {100 * (v.interval[1] or 1.0):+.1f}"
    )
    return (
        f" For the price of {v.solutions} checked samples one can vote over {v.votes}: the best checked one is right "
        f"on {percent(v.checked)}, the vote on {percent(v.voted)} ({points})."
    )


def frontier(t: TaskCost) -> str:
    """What one right answer costs on the mean question, taking the cheapest model of each."""
    v = t.frontier
    low, high = v.smoothed_interval
    upper = dollars(high) if high is not None else "no end"
    raw = (
        f"{v.unsolved} of {t.questions} questions were never solved, so by raw rates it has no end"
        if v.usd is None
        else f"{dollars(v.usd)} by raw rates"
    )
    return (
        f"One right answer costs {dollars(v.smoothed_usd)} ({dollars(low)} to {upper}) on the mean question, "
        f"the cheapest model taken for each; {raw}."
    )


def missing(m: ModelCost) -> str:
    """What would be lost without a model.

    Example:
        >>> print(missing(ModelCost("m", 0.5, 1, 0.01, (0.005, 0.02), 0.5, (0.3, 0.6), 1.0)))
        Without m a right answer would cost $0.01 more ($0.005 to $0.02); 1 question was solved by it alone.
    """
    low, high = m.gain_interval
    upper = dollars(high) if high is not None else "no end"
    alone = f"{m.only} question{' was' if m.only == 1 else 's were'} solved by it alone"
    return (
        f"Without {short(m.model)} a right answer would cost {dollars(m.gain_usd)} more "
        f"({dollars(low)} to {upper}); {alone}."
    )


def believing(s: Stated) -> str:
    """What a plan states on average, beside how often it is right, and whether the error is more than chance."""
    name = named(s.plan.strategy, s.plan.verifier, s.plan.model)
    error = 100 * s.calibration.expected_error
    chance = " (perfect statements would show about as much)" if error <= 100 * s.floor else ""
    return (
        f"{name} states {percent(s.stated)} on average and is right on {percent(s.right)}: off by {error:.0f} "
        f"points{chance}, Brier {s.calibration.brier:.2f}, {s.statements:,} statements."
    )
