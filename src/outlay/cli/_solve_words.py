"""What `outlay solve` says at the end, in words and as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outlay.policies._view import Figure
from outlay.report.words import dollars, percent
from outlay.solve import Chosen, Piloted, Summary

SETTLED = 0.95
"""The chance that an answer is the model's most frequent one, from which it is called settled."""
HOW = {
    "votes": "In its place each further sample went to the question whose vote it was expected to settle most.",
    "tries": "In its place each next try went to the question where it was likeliest to be accepted.",
    "plans": "Every question was bought with its plan.",
}


def tell(found: Summary, out: Path) -> list[str]:
    """The sentences, in their order."""
    said = [_headline(found, out)]
    if found.stopped:
        said.append(f"The budget ended it: {found.stopped}")
    if found.pilot is not None:
        said += _pilot(found.pilot)
    if found.unpiloted:
        said.append(f"There was no pilot: {found.unpiloted}.")
    return said


def as_json(found: Summary, out: Path) -> dict:
    """The same as one JSON object."""
    accepted = _accepted(found)
    return {
        "questions": len(found.answers),
        "answered": _answered(found),
        "settled": None if accepted is not None else _settled(found),
        "accepted": accepted,
        "samples": sum(a.samples for a in found.answers),
        "paid_usd": found.paid_usd,
        "stopped": found.stopped,
        "out": str(out),
        "pilot": msgspec.to_builtins(found.pilot),
        "says": tell(found, out),
    }


def _headline(found: Summary, out: Path) -> str:
    accepted, of = _accepted(found), len(found.answers)
    samples = f"{sum(a.samples for a in found.answers):,} samples, paid {dollars(found.paid_usd)}"
    if accepted is not None:
        said = f"{accepted} of {of} questions have an accepted answer"
    elif found.pilot is not None and found.pilot.by == "plans":
        said = f"{_answered(found)} of {of} questions have an answer"
    else:
        said = (
            f"{_answered(found)} of {of} questions have an answer, {_settled(found)} of them settled (the chance that "
            "the answer is the model's most frequent one is at least 95 %)"
        )
    return f"{said}; {samples}. The answers are in {out}."


def _pilot(pilot: Piloted) -> list[str]:
    models = "one model" if len(pilot.models) == 1 else f"each of {len(pilot.models)} models"
    said = [
        f"A pilot of {pilot.questions} labelled questions x {pilot.samples} samples of {models}, at "
        f"{dollars(pilot.usd)}, decided: {_chosen(pilot)}."
    ]
    said += [f"{c.name}: {_expected(c)}." for c in pilot.chosen]
    if pilot.chosen:
        said.append(HOW[pilot.by])
    if pilot.usd_per_right is not None:
        said.append(
            f"The budget binds: one more right answer would cost about {dollars(pilot.usd_per_right)} more."
        )
    outside = f"; of the {pilot.other_labelled} outside the pilot {pilot.other_right}"
    said.append(
        f"Of {pilot.labelled} labelled questions {pilot.right} came out right"
        f"{outside if pilot.other_labelled else ''}."
    )
    return [*said, *pilot.notes]


def _chosen(pilot: Piloted) -> str:
    if not pilot.chosen:
        why = "no plan is worth its price" if pilot.usd_per_right is None else "nothing is left of the budget"
        return f"{why}, so nothing more was bought"
    if len(pilot.chosen) == 1 and pilot.chosen[0].share > 0.995:
        return pilot.chosen[0].name
    parts = [f"{c.name} for {percent(c.share)} of the other questions" for c in pilot.chosen]
    left = 1.0 - sum(c.share for c in pilot.chosen)
    if left > 0.005:
        parts.append(f"nothing for {percent(left)}")
    return " and ".join(parts)


def _expected(chosen: Chosen) -> str:
    right, cost = chosen.accuracy, chosen.cost_usd
    high = 1.0 if right.high is None else right.high
    return (
        f"right on {percent(right.value)} of such questions ({percent(right.low)} to {percent(high)}), at "
        f"{dollars(cost.value)} a question ({dollars(cost.low)} to {_end(cost)})"
    )


def _end(figure: Figure) -> str:
    return "no known end" if figure.high is None else dollars(figure.high)


def _answered(found: Summary) -> int:
    return sum(a.answer is not None for a in found.answers)


def _settled(found: Summary) -> int:
    return sum(a.answer is not None and a.p_leads is not None and a.p_leads >= SETTLED for a in found.answers)


def _accepted(found: Summary) -> int | None:
    return None if any(a.accepted is None for a in found.answers) else _answered(found)
