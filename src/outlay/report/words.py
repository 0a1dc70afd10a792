"""What to buy, in plain sentences, and how far the figures can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.economics.frontier import cheapest
from outlay.money import NUSD, show
from outlay.report.cells import Cell, Key
from outlay.report.comparisons import Comparison
from outlay.report.market import Market
from outlay.report.offer import Offer, named, short
from outlay.report.summary import Report

FEW_QUESTIONS = 100
"""Below this many, a 95 % interval of an accuracy near one half is wider than ±10 points."""
REQUIRED = (0.8, 0.9, 0.95)
"""The accuracies for which the cheapest plan is named."""
SOURCES = {
    "live": "asked live",
    "recorded": "strategies on recorded samples",
    "pools": "recorded samples, every sub-pool of k averaged",
}
"""What each source of figures is, for people."""


def dollars(usd: float | None, digits: int = 2) -> str:
    """Dollars as people read them.

    Example:
        >>> dollars(0.000273), dollars(None)
        ('$0.00027', 'unknown')
    """
    return show(None if usd is None else usd * NUSD, digits)


def percent(share: float) -> str:
    """A share in per cent without decimals.

    Example:
        >>> percent(0.474)
        '47 %'
    """
    return f"{100 * share:.0f} %"


def per_right(cost_of_pass_usd: float | None, accuracy: float) -> str:
    """What one right answer costs, `never` where none was right."""
    return "never" if accuracy == 0 else dollars(cost_of_pass_usd)


def headline(market: Market) -> str:
    """What was compared, on how many questions, and how."""
    if not market.offers:
        return f"{market.task}: no plan to compare, {SOURCES[market.source]}."
    plans = _counted(len(market.offers), "plan")
    models = [short(m) for m in dict.fromkeys(o.model for o in market.offers)]
    asked = _counted(market.questions, "question")
    return f"{market.task}: {plans} of {_listed(models)} on {asked}, {SOURCES[market.source]}."


def buying_advice(market: Market) -> str:
    """Which plan to buy for which worth of a right answer, in one sentence."""
    buys = market.buys
    if not market.offers:
        timed = " and known times" if market.worth.usd_per_s else ""
        return f"There is nothing to compare: no plan has a known price{timed} on common questions."
    if len(buys) == 1 and buys[0].offer is None:
        return "Buy nothing: no plan was ever right."
    parts: list[str] = []
    for buy in buys:
        what = "nothing" if buy.offer is None else market.offers[buy.offer].name
        if buy.offer is None:
            parts.append(f"If a right answer is worth less than {dollars(buy.high_usd)} to you, buy nothing")
        elif buy.high_usd is None:
            parts.append(
                f"above that, {what}" if parts else f"Whatever a right answer is worth to you, buy {what}"
            )
        else:
            parts.append(f"{'up to' if parts else 'Up to'} {dollars(buy.high_usd)}, {what}")
    return "; ".join(parts) + "."


def buying_steps(market: Market) -> list[tuple[str, str]]:
    """The same as (worth of a right answer, what to buy), one pair a range, for tables."""
    steps = []
    for i, buy in enumerate(market.buys):
        what = "nothing" if buy.offer is None else market.offers[buy.offer].name
        if buy.high_usd is None:
            worth = f"above {dollars(buy.low_usd)}" if i else "whatever it is worth"
        else:
            worth = f"{'up to' if i else 'less than'} {dollars(buy.high_usd)}"
        steps.append((worth, what))
    return steps


def required_accuracy(market: Market) -> str:
    """The cheapest plan for each of three required accuracies, in one sentence; empty where there are no plans."""
    if not market.offers:
        return ""
    costs, accuracies = [o.cost_usd or 0.0 for o in market.offers], [o.accuracy for o in market.offers]
    parts = []
    for level in REQUIRED:
        found = cheapest(costs, accuracies, level)
        plan = "none" if found is None else f"{market.offers[found].name}, {dollars(costs[found])} a question"
        parts.append(f"{percent(level)}: {plan}")
    return f"The cheapest plan that was right on at least {'; '.join(parts)}."


def cautions(market: Market, comparisons: Sequence[Comparison], cells: Sequence[Cell] = ()) -> list[str]:
    """What the figures do not show, one plain sentence each; the weightiest first.

    Args:
        market: the market that the advice is about.
        comparisons: of the same report; others' are passed over.
        cells: of the same report, for failures and overruns.

    Returns:
        Sentences; none only where there is nothing to say.
    """
    own = [c for c in comparisons if (c.task, c.source) == (market.task, market.source)]
    here = [c for c in cells if (c.task, c.source) == (market.task, market.source)]
    said = [*_few(market), *_unestablished(market), *_verifiers(own, market), *_right_answer(market)]
    return [*said, *_local(market), *_trouble(here), *market.left_out]


def sentences(report: Report) -> list[str]:
    """The whole report in words, for a terminal: headline, advice and cautions of each market."""
    said: list[str] = []
    for market in report.markets:
        said += [headline(market), buying_advice(market), required_accuracy(market)]
        said += cautions(market, report.comparisons, report.cells)
    return [s for s in said if s]


def compared(c: Comparison, *, several_models: bool = False) -> str:
    """One comparison in words.

    Example:
        >>> a, b = Key("live", "t", "m", "vote", "", False), Key("live", "t", "m", "single", "", False)
        >>> print(compared(Comparison("t", "live", a, b, "baseline", 24, 0.25, (0.08, 0.42), 0.03, True)))
        vote is right 25 points oftener than single (8 to 42 points, p = 0.03, 24 questions).
    """
    points = 100 * c.difference
    low, high = 100 * c.interval[0], 100 * (c.interval[1] or 0.0)
    common = "" if c.same_questions else " in common"
    how = f"({low:.0f} to {high:.0f} points, p = {c.p_value:.2g}, {_counted(c.questions, 'question')}{common})"
    plan, against = _key_name(c.plan, several_models), _key_name(c.against, several_models)
    if c.difference == 0:
        return f"{plan} is right as often as {against} {how}."
    word = "oftener" if points > 0 else "more rarely"
    end = "." if c.established else ": not established by these questions."
    return f"{plan} is right {abs(points):.0f} points {word} than {against} {how}{end}"


def _key_name(key: Key, several_models: bool) -> str:
    return named(key.strategy, key.verifier, key.model if several_models else "")


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _few(market: Market) -> list[str]:
    if not market.offers or market.questions >= FEW_QUESTIONS:
        return []
    half = max((o.accuracy_interval[1] or 1.0) - o.accuracy_interval[0] for o in market.offers) / 2
    return [
        f"{_counted(market.questions, 'question')} are few: an accuracy is known only to about "
        f"±{100 * half:.0f} points, so take the limits of worth as rough."
    ]


def _unestablished(market: Market) -> list[str]:
    plans = market.bought
    flags = [b.established for b in market.buys if b.offer is not None]
    steps = [
        f"{after.name} over {before.name}"
        for before, after, shown in zip(plans, plans[1:], flags[1:], strict=False)
        if shown is False
    ]
    if not steps:
        return []
    return [f"These questions do not establish that the dearer plan is righter: {'; '.join(steps)}."]


def _verifiers(own: Sequence[Comparison], market: Market) -> list[str]:
    return [
        f"{_key_name(c.plan, market.several_models)} is not shown to beat the plain vote "
        f"({_key_name(c.against, False)}): {100 * c.difference:+.0f} points, p = {c.p_value:.2g}."
        for c in own
        if c.why == "vote" and not (c.established and c.difference > 0)
    ]


def _right_answer(market: Market) -> list[str]:
    """Where money per right answer stands: the plain plan is the yardstick of what more samples cost."""
    said = []
    for model in dict.fromkeys(o.model for o in market.offers):
        mine = [o for o in market.offers if o.model == model and o.cost_of_pass_usd is not None]
        plain = next((o for o in mine if _is_single(o)), None)
        best = max(mine, key=lambda o: (o.accuracy, -(o.cost_usd or 0.0)), default=None)
        if plain is None or best is None or best is plain or best.accuracy <= plain.accuracy:
            continue
        before, after = plain.cost_of_pass_usd or 0.0, best.cost_of_pass_usd or 0.0
        on = f" on {short(model)}" if market.several_models else ""
        bill = f"{dollars(before)} a right answer by {plain.plan}, {dollars(after)} by {best.plan}{on}"
        if after >= before:
            said.append(f"More samples buy accuracy, not cheaper right answers: {bill}.")
        else:
            said.append(f"Here more samples even lower the bill: {bill}; they share one reading of the prompt.")
    return said


def _is_single(offer: Offer) -> bool:
    return offer.k == 1 or (offer.strategy.split(":")[0] == "single" and not offer.verifier)


def _local(market: Market) -> list[str]:
    local = sorted({short(o.model) for o in market.offers if o.model.startswith("local/")})
    if not local:
        return []
    return [f"The price of {_listed(local)} is one machine's calibration of core-hours; elsewhere it differs."]


def _trouble(here: Sequence[Cell]) -> list[str]:
    failed = [
        f"{c.failures} of {c.questions} under {named(c.strategy, c.verifier, c.model)}"
        for c in here
        if c.failures
    ]
    dearer = [
        f"{dollars(c.overrun_usd)} under {named(c.strategy, c.verifier, c.model)}"
        for c in here
        if c.overrun_usd
    ]
    said = [f"Questions that brought no answer count as wrong: {'; '.join(failed)}."] if failed else []
    return said + (
        [f"Providers billed more than was asked; it is in the cost: {'; '.join(dearer)}."] if dearer else []
    )
