"""What verifiers said of the samples of an answer, and what each check cost: read from its trace, nothing is bought.

A trace holds the checks' own purchases, not the opinions that a verifier formed of them. So the answer is run again
with every model off, and each verdict is noted as it is given.
"""

from __future__ import annotations

from outlay.answering import replay, verifier_of
from outlay.budget import Limits
from outlay.door.session import Spent
from outlay.errors import ProviderError
from outlay.models.recording import RecordedVerdict
from outlay.run import Run, Verifier
from outlay.types import Plan, Question, Sample, Verdict

Heard = dict[int, list[RecordedVerdict]]
"""The verdicts on each sample index, in the order in which they came."""


async def verdicts_of(trace: bytes, plan: Plan) -> Heard:
    """The verdicts that a plan's verifier gave in a recorded answer, by sample index.

    A check that failed has no score and accepts nothing; what it cost stands beside it.

    Args:
        trace: the answer's trace.
        plan: its plan, with a verifier that does not see the answer key.

    Raises:
        OutlayError: the trace cannot be run again: another outlay or another verifier wrote it.
    """
    verifier, heard = verifier_of(plan), dict[int, list[RecordedVerdict]]()
    if verifier is not None:
        await replay(trace, verifier=_listened(verifier, plan.verifier or "", heard))
    return heard


def _listened(verifier: Verifier, name: str, heard: Heard) -> Verifier:
    """The verifier, each of its checks with a purse of its own, so that the price of one is known."""

    async def listened(run: Run, question: Question, candidate: Sample) -> Verdict:
        own = run.fork(Limits())
        own.spent = Spent()
        try:
            verdict = await verifier(own, question, candidate)
        except ProviderError:
            heard.setdefault(candidate.index, []).append(
                RecordedVerdict(name, None, False, own.spent.cost_nusd)
            )
            raise
        finally:
            _count(run, own.spent)
        score = min(max(verdict.score, 0.0), 1.0) if verdict.score == verdict.score else 0.0
        said = RecordedVerdict(name, score, verdict.accepted, own.spent.cost_nusd)
        heard.setdefault(candidate.index, []).append(said)
        return verdict

    return listened


def _count(run: Run, spent: Spent) -> None:
    """The check's bill, on the answer's."""
    run.spent.add(
        spent.usage,
        calls=spent.calls,
        cost=spent.cost_nusd,
        paid=spent.paid_nusd,
        overrun=spent.overrun_nusd,
        closed=spent.closed,
    )
