"""A plan's advice in plain words, and as JSON."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import msgspec

from outlay.cli._planning import Told
from outlay.policies._advice import Advice
from outlay.policies._agreement import Agreement
from outlay.policies._limits import Limit
from outlay.policies._view import Doubt, Figure, Prospect
from outlay.report.beyond import Beyond
from outlay.report.beyond_words import beyond_words
from outlay.report.words import dollars, percent
from outlay.types import Plan


def tell(task: str, advice: Advice, past: Sequence[Beyond] = ()) -> None:
    """Print the advice on standard output: what to buy first, then why and where it ends, then what is not known."""
    from outlay.cli._terminal import rows, safe

    _write(safe("\n".join(sentences(task, advice, past))))
    lines = [
        (worth_words(r.low_usd, r.high_usd), r.name or "nothing", percent(r.accuracy), dollars(r.cost_usd))
        for r in advice.ranges
    ]
    rows("", ("worth of a right answer", "buy", "right", "cost a question"), lines)


def sentences(task: str, advice: Advice, past: Sequence[Beyond] = ()) -> list[str]:
    """The advice, one sentence or two a line; `past`: what the laws say of the models beyond their pilots."""
    said = [_headline(advice)]
    if advice.best is not None:
        said += [_prospect(advice.best), *_holds(advice), *_rival(advice), *_limit(advice.best, advice.limit)]
    for each in past:
        said += beyond_words(each)
    if advice.doubt is not None:
        said += _doubt(advice, advice.doubt)
    said += [_source(task, advice), *_unknown(advice), *advice.left_out]
    return said


def print_json(told: Sequence[Told]) -> None:
    """Print one JSON object: `plans`, one object a task."""
    from outlay.cli import _terminal

    plans = [
        {
            "task": task,
            "says": sentences(task, a, past),
            **msgspec.to_builtins(a),
            "beyond": msgspec.to_builtins(past),
        }
        for task, a, past in told
    ]
    _terminal.json({"labels": True, "plans": plans})


def print_agreement(task: str, found: Sequence[Agreement]) -> None:
    """Print one JSON object about samples without labels."""
    from outlay.cli import _terminal

    models = [{"says": agreement_sentences(a), **msgspec.to_builtins(a)} for a in found]
    _terminal.json({"labels": False, "task": task, "models": models})


def tell_agreement(task: str, found: Sequence[Agreement]) -> None:
    """Print what agreement alone says."""
    from outlay.cli._terminal import safe

    said = [
        f"{task} has no answers to compare with, so which plan is right oftener cannot be said; this can:",
    ]
    for each in found:
        said += [f"{each.model}:", *(f"  {line}" for line in agreement_sentences(each))]
    _write(safe("\n".join(said)))


def agreement_sentences(a: Agreement) -> list[str]:
    """What one model's samples say without labels."""
    said = [
        f"On {a.questions} questions x {a.samples} samples the most frequent answer has a share of "
        f"{percent(a.top_share)} on average, so a single sample is right at most so often; all samples agree on "
        f"{percent(a.unanimous)} of the questions."
    ]
    if a.silent > 0:
        said.append(f"{percent(a.silent)} of the samples state no answer.")
    for c in a.changes:
        if c.differs == 0:
            said.append(f"From {_samples(c.n)} on, the vote never changes: more samples buy nothing here.")
            break
        price = (
            ""
            if c.usd_per_right is None
            else f", at no less than {dollars(c.usd_per_right)} a further right answer"
        )
        said.append(
            f"Going from the vote of {c.n} to that of {a.samples} changes {percent(c.differs)} of the answers, so "
            f"it adds at most so many points{price}; {c.labels:,} labelled questions would tell (a look at the "
            f"{c.looks:,} where the two differ is enough)."
        )
    said.append(f"{a.labels} labelled questions tell any plan's accuracy to 5 points.")
    return said


def _headline(advice: Advice) -> str:
    worth = advice.worth
    if advice.best is None:
        if worth.accuracy is not None:
            return f"No plan of the menu reaches {percent(worth.accuracy)} right answers on this data."
        if worth.value_usd is not None:
            return f"Buy nothing: at {dollars(worth.value_usd)} a right answer no plan of the menu pays."
        if advice.budget_usd is not None:
            return f"No plan of the menu is sure to stay within {dollars(advice.budget_usd)} an answer."
        return "Which plan is best depends on what a right answer is worth (--value-usd):"
    return f"Buy {advice.best.name}."


def _prospect(p: Prospect) -> str:
    right = f"It is right on {percent(p.accuracy.value)} of such questions ({_percents(p.accuracy)})"
    most = f"never above {dollars(p.most_usd)} here"
    bill = f"costs {dollars(p.cost_usd.value)} a question ({_dollars(p.cost_usd)}; {most})"
    said = f"{right} and {bill}"
    if p.cost_of_pass_usd is not None:
        said += f": {dollars(p.cost_of_pass_usd.value)} a right answer ({_dollars(p.cost_of_pass_usd)})"
    said += "."
    if p.latency_s is not None:
        said += f" It takes {p.latency_s.value:.3g} s ({p.latency_s.low:.3g} to {_end(p.latency_s)} s)."
    if p.net_usd is not None:
        said += f" What is left of the answers' worth is {dollars(p.net_usd)} a question."
    return f"{said} Ask with it: {_command(p)}"


def default_of(plan: Plan) -> str:
    """The model of the default role: the large one of a plan of two, which plays what nobody else was named for."""
    return plan.roles.get("default") or plan.roles.get("large", "")


def _command(p: Prospect) -> str:
    parameters = ",".join(f"{k}={v}" for k, v in p.plan.parameters.items())
    helpers = [f"{role}={model}" for role, model in p.plan.roles.items() if role not in ("default", "large")]
    words = ["outlay", "ask", "QUESTION", "--model", default_of(p.plan), *helpers]
    words += ["--strategy", f"{p.plan.strategy}:{parameters}" if parameters else p.plan.strategy]
    if p.plan.verifier:
        words += ["--verifier", p.plan.verifier]
    return shlex.join(words)


def _holds(advice: Advice) -> list[str]:
    if advice.low_usd is None:
        return []
    return [f"It is the best buy while a right answer is worth {worth_words(advice.low_usd, advice.high_usd)}."]


def _rival(advice: Advice) -> list[str]:
    p, best = advice.runner_up, advice.best
    if p is None or best is None:
        return ["There is no runner-up of another kind."]
    said = (
        f"Runner-up: {p.name}, right on {percent(p.accuracy.value)} at {dollars(p.cost_usd.value)} a question"
    )
    if p.net_usd is not None and best.net_usd is not None:
        apart = best.net_usd - p.net_usd
        said += f"; {dollars(abs(apart))} a question {'less' if apart >= 0 else 'more'} is left"
    return [said + "."]


def _limit(best: Prospect, limit: Limit | None) -> list[str]:
    if limit is None:
        return []
    if limit.why == "pilot":
        said = f"Whether more than {limit.samples} samples would pay is not known: the pilot drew no more"
    elif limit.next_usd is None:
        said = f"More samples buy nothing here: {limit.next_name} is right no oftener (saturation)"
    elif limit.why == "budget":
        said = (
            f"The budget ends it: {limit.next_name} would bring right answers at {dollars(limit.next_usd)} each"
        )
    else:
        said = f"More samples stop paying: by {limit.next_name} one more right answer costs {dollars(limit.next_usd)}"
    facts = []
    if limit.vote is not None and limit.coverage is not None:
        facts.append(
            f"of all its samples the most frequent answer is right on {percent(limit.vote)}, and some right one is "
            f"among them on {percent(limit.coverage)}: the most that a perfect check could reach"
        )
    return [f"{said}; {'; '.join(facts)}." if facts else f"{said}."]


def _doubt(advice: Advice, doubt: Doubt) -> list[str]:
    if advice.worth.accuracy is not None:
        return [f"It reaches {percent(advice.worth.accuracy)} in {percent(doubt.p_best)} of resampled pilots."]
    said = f"Of all plans at once it comes out best in {percent(doubt.p_best)} of resampled pilots"
    if doubt.p_best < 0.5:
        said += " (chance lifts now one, now another of many that are nearly equal)"
    if doubt.regret_usd is not None:
        said += f"; a perfect choice would save {dollars(doubt.regret_usd)} a question on average"
    said += "."
    if advice.runner_up is None:
        return [said]
    if doubt.questions is None:
        return [f"{said} No affordable pilot tells it from the runner-up: take either."]
    if doubt.questions <= advice.questions:
        return [f"{said} From the runner-up alone the pilot tells it apart."]
    bill = "" if doubt.usd is None else f", {dollars(doubt.usd)} more"
    return [f"{said} About {doubt.questions:,} questions would tell it from the runner-up alone{bill}."]


def _source(task: str, advice: Advice) -> str:
    bill = "" if advice.pilot_usd is None else f"; drawing them costs {dollars(advice.pilot_usd)}"
    return (
        f"From {advice.questions} questions of {task}, up to {advice.samples} samples each{bill}. Intervals are "
        "95 % over questions; accuracies are shrunk between plans, so that a lucky one is not believed."
    )


def _unknown(advice: Advice) -> list[str]:
    said = ["It holds for questions like these."]
    if advice.best is not None and advice.best.latency_s is None:
        said.append("How long it takes is not known: recordings keep no times.")
    if advice.best is not None and advice.limit is not None and advice.limit.accepted_right is None:
        said.append("Whether a check would pay is not known: none was piloted (--verifier).")
    return said


def worth_words(low_usd: float, high_usd: float | None) -> str:
    """A range of worth in words, `high_usd` None without end."""
    if high_usd is None:
        return f"above {dollars(low_usd)}"
    return f"up to {dollars(high_usd)}" if low_usd == 0 else f"{dollars(low_usd)} to {dollars(high_usd)}"


def _percents(f: Figure) -> str:
    return f"{100 * f.low:.0f} to {100 * (1.0 if f.high is None else f.high):.0f} %"


def _dollars(f: Figure) -> str:
    return f"{dollars(f.low)} to {'any amount' if f.high is None else dollars(f.high)}"


def _end(f: Figure) -> str:
    return "any" if f.high is None else f"{f.high:.3g}"


def _samples(n: int) -> str:
    return f"{n} sample" if n == 1 else f"{n} samples"


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
