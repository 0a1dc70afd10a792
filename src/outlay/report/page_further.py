"""The folded parts of the page: cost by question, more samples, checks that err, stated beliefs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from outlay.charts import Chart
from outlay.report.checked_tries import CheckedTries
from outlay.report.cost_by_question import TaskCost, Value
from outlay.report.further_charts import beliefs_chart, coverage_chart
from outlay.report.further_words import auditing, believing, checking, frontier, missing, settling, stopping
from outlay.report.market import Market
from outlay.report.more_samples import MoreSamples
from outlay.report.offer import named, short
from outlay.report.page_tables import table
from outlay.report.resampling import Range
from outlay.report.stated_beliefs import Stated
from outlay.report.summary import Report
from outlay.report.verifiers import Rate, Verifying
from outlay.report.words import dollars, percent

BY_QUESTION = (
    "Trying one question until it is right costs C / R; here is the mean over questions, once with the rates as "
    "they were seen and once with (right + 1/2) / (runs + 1), which is never 0. Right answers are taken to be "
    "recognised for free."
)
COVERAGE = (
    "Grey: measured, with 95 % intervals over questions. Coloured: laws fitted to the samples, with their bands; "
    "right of the dotted line they are prolonged, and presume more questions and samples like these."
)
CHECKED = (
    "Draw until the check accepts, at most so many times; afterwards nothing is answered. Rewards are in worths of "
    "a right answer; the price of the tries is in them where a worth was said (--value-usd)."
)
VERIFYING = (
    "Both cost the same: so many samples with a check of each, the best-scored one taken, or a vote over as many "
    "unchecked samples as that buys."
)
STATED = (
    "Each dot is a tenth of the scale, its area the number of statements; on the dotted line they are true."
)


def further(market: Market, report: Report, picture: Callable[[Chart, str], str]) -> list[tuple[str, str]]:
    """The parts of a market that there is data for, each with its heading, as HTML.

    Args:
        market: what the section of the page is about.
        report: the whole report.
        picture: takes a chart and its caption, gives the place where it is drawn.

    Returns:
        Pairs of heading and HTML; every text from outside is escaped.
    """
    here = (market.task, market.source)
    costs = [t for t in report.by_question if (t.task, t.source) == here]
    pools = market.source == "pools"
    more = [m for m in report.more_samples if pools and m.task == market.task]
    checks = [c for c in report.checked if pools and c.task == market.task]
    audits = [v for v in report.verifying if pools and v.task == market.task]
    said = [s for s in report.stated if (s.plan.task, s.plan.source) == here]
    parts = []
    if more:
        parts.append(("Where more samples stop paying", "".join(_more(m, picture) for m in more)))
    if checks:
        parts.append(("Trying again under a check that errs", _checks(checks)))
    if audits:
        parts.append(("What checks are worth", "".join(_audited(v) for v in audits)))
    parts += [("One right answer, question by question", _costs(t)) for t in costs]
    if said:
        parts.append(("Do plans know how often they are right?", _stated(said, market, picture)))
    return parts


def _more(m: MoreSamples, picture: Callable[[Chart, str], str]) -> str:
    words = [*stopping(m), *(f"{short(m.model)}: {settling(s)}" for s in m.settled if s.strategy != "vote")]
    words += [f"{short(m.model)}: {law.form}: {law.words}." for law in m.laws if law.rejected]
    words += [f"{short(m.model)}: {why}." for why in m.unsaid]
    rows = [
        (
            "",
            [
                f"{escape(s.strategy)}, {step.k} to {step.to_k} samples",
                f"{100 * step.gain:+.1f}",
                f"{100 * step.low:+.1f} to {100 * step.high:+.1f}",
                "–" if step.usd_per_right is None else dollars(step.usd_per_right),
            ],
        )
        for s in m.settled
        for step in s.steps
    ]
    head = ("step", "points righter", "95 %", "$ for each right answer more")
    steps = table(head, rows) if rows else ""
    return f"{_list(words)}{picture(coverage_chart(m), f'{short(m.model)}. {COVERAGE}')}{steps}"


def _checks(of: Sequence[CheckedTries]) -> str:
    rows = [
        ("", [escape(f"{short(c.model)}, {c.verifier}"), f"{k}", f"{reward:.3f}"])
        for c in of
        for k, reward in zip(c.ks, c.rewards, strict=True)
    ]
    words = [checking(c) for c in of]
    words += [
        f"{percent(c.never)} of the questions have no accepted sample: they are in no ceiling."
        for c in of
        if c.never
    ]
    return f"{_list(words)}{table(('model and check', 'tries at most', 'reward'), rows)}{_note(CHECKED)}"


def _audited(v: Verifying) -> str:
    rates = [
        ("", [name, *_rate(rate, of)])
        for name, rate, of in (
            ("right samples accepted", v.completeness, percent),
            ("wrong samples rejected", v.soundness, percent),
            ("correlation of repeats, right samples", v.repeats_right, _plain),
            ("correlation of repeats, wrong samples", v.repeats_wrong, _plain),
            ("price of a check", v.price_usd, dollars),
        )
        if rate is not None
    ]
    rows = [
        (
            "",
            [
                str(each.solutions),
                percent(each.checked),
                str(each.votes),
                percent(each.voted),
                f"{100 * each.difference:+.1f}",
                f"{100 * each.interval[0]:+.1f} to {100 * (each.interval[1] or 1.0):+.1f}",
            ],
        )
        for each in v.versus
    ]
    head = ("checked samples", "right", "votes for as much", "right", "points apart", "95 %")
    words = [auditing(v), *(f"Cannot be said: {why}." for why in v.cannot_say)]
    if v.checked < v.samples:
        words.append(f"{v.checked:,} of {v.samples:,} samples were checked.")
    if v.failed:
        words.append(f"{v.failed:,} checks gave no verdict: they are paid, and in no rate.")
    tables = table((f"{short(v.model)}, {v.verifier}", "", "95 %", "samples"), rates) if rates else ""
    return f"{_list(words)}{tables}{table(head, rows) + _note(VERIFYING) if rows else ''}"


def _rate(rate: Rate, of: Callable[[float], str]) -> list[str]:
    low, high = rate.interval
    return [of(rate.value), f"{of(low)} to {'no end' if high is None else of(high)}", f"{rate.samples:,}"]


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _costs(t: TaskCost) -> str:
    words = [frontier(t), *(missing(m) for m in t.models)]
    rows = [("", [escape(f"{p.plan} on {short(p.model)}"), *_value(p.value)]) for p in t.plans]
    if t.models:
        rows.append(("", ["the cheapest model of each question", *_value(t.frontier)]))
    head = ("plan", "$, raw rates", "95 %", "$, smoothed", "95 %", "never solved")
    adds = [
        (
            "",
            [
                escape(short(m.model)),
                percent(m.cheapest_on),
                str(m.only),
                dollars(m.gain_usd),
                percent(m.essentialness),
                f"{percent(m.essentialness_interval[0])} to {percent(m.essentialness_interval[1] or 1.0)}",
            ],
        )
        for m in t.models
    ]
    without = ("without", "was cheapest on", "solved alone", "$ more", "essentialness", "95 %")
    return f"{_list(words)}{table(head, rows)}{table(without, adds) if adds else ''}{_note(BY_QUESTION)}"


def _value(v: Value) -> list[str]:
    raw = "no end" if v.usd is None else dollars(v.usd)
    return [raw, _dollars(v.interval), dollars(v.smoothed_usd), _dollars(v.smoothed_interval), str(v.unsolved)]


def _dollars(ends: Range | None) -> str:
    if ends is None:
        return "–"
    return f"{dollars(ends[0])} to {'no end' if ends[1] is None else dollars(ends[1])}"


def _stated(of: Sequence[Stated], market: Market, picture: Callable[[Chart, str], str]) -> str:
    rows = []
    for s in of:
        name = named(s.plan.strategy, s.plan.verifier, s.plan.model if market.several_models else "")
        rows.append(("model", [escape(name)]))
        rows += [
            ("", [f"{percent(b.low)} to {percent(b.high)}", str(b.count), percent(b.stated), percent(b.right)])
            for b in s.calibration.bins
        ]
    bins = table(("stated", "statements", "mean stated", "right"), rows)
    chart = picture(beliefs_chart(of, several_models=market.several_models), STATED)
    return (
        f"{_list([believing(s) for s in of])}{chart}<details><summary>Bins</summary><div>{bins}</div></details>"
    )


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(s)}</li>' for s in sentences)}</ul>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
