"""What a checker says of an agent's answer, and what it asks for next: SUCCESS, CONTINUE or PIVOT."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from outlay.answers import json as json_kind
from outlay.errors import BudgetExceeded, ProviderError
from outlay.prompts import agent as prompts
from outlay.run import Run
from outlay.types import Completion, Question, Sampling

ROLE = "judge"
OUTPUT_TOKENS = 1024
SELECT_TOKENS = 8

Decision = Literal["SUCCESS", "CONTINUE", "PIVOT"]


class Constraint(Struct, frozen=True):
    """One constraint of a question, and whether what was found bears it out."""

    constraint: str = ""
    status: Literal["satisfied", "contradicted", "unverifiable"] = "unverifiable"


class Details(Struct, frozen=True):
    """What the next attempt should know."""

    failure_analysis: str = ""
    useful_information: str = ""
    strategic_recommendations: str = ""


class Verification(Struct, frozen=True):
    """A checker's JSON. SUCCESS stands only where no constraint is contradicted or unverifiable."""

    decision: Decision
    verification: tuple[Constraint, ...] = ()
    justification: str = ""
    trajectory_summary: str = ""
    details: Details = Details()

    @property
    def summary(self) -> str:
        """What replaces the trajectory in later attempts."""
        details = (getattr(self.details, field) for field in Details.__struct_fields__)
        said = (self.trajectory_summary, self.justification, *details)
        return "\n".join(text.strip() for text in said if text.strip())


def read(text: str) -> Verification | None:
    """The verification in a reply, or None where there is none that fits its schema.

    A SUCCESS beside a constraint that is not satisfied is a CONTINUE: the sheet's rule, which a model may break.

    Example:
        >>> read('{"decision": "SUCCESS", "verification": [{"constraint": "a", "status": "contradicted"}]}').decision
        'CONTINUE'
    """
    written = json_kind.extract(text)
    if written is None:
        return None
    try:
        found = msgspec.json.decode(written, type=Verification)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if found.decision == "SUCCESS" and any(c.status != "satisfied" for c in found.verification):
        return msgspec.structs.replace(found, decision="CONTINUE")
    return found


async def check(
    run: Run, question: Question, trajectory: str, answer: str, budget: str, number: int
) -> Verification | str:
    """The judge's verification of an answer, or why there is none."""
    messages = prompts.verify_messages(question.messages, trajectory, answer, budget)
    sampling = Sampling(temperature=0.0, max_output_tokens=OUTPUT_TOKENS)
    (said,) = await run.attempts(messages, role=ROLE, label=f"verify/{number}", sampling=sampling)
    if isinstance(said, Completion):
        return read(said.text) or "the checker's reply is no verification"
    if isinstance(said, BudgetExceeded):
        run.refused = run.refused or str(said)
    return f"the check failed: {said}"


async def select(run: Run, question: Question, answers: list[tuple[str, str]]) -> int:
    """The place of the answer that the judge finds best; the last one where it names none, with a note."""
    messages = prompts.select_messages(question.messages, answers)
    sampling = Sampling(temperature=0.0, max_output_tokens=SELECT_TOKENS)
    (said,) = await run.attempts(messages, role=ROLE, label="select", sampling=sampling)
    if isinstance(said, Completion):
        letter = next((c for c in said.text.upper() if c.isalpha()), "")
        place = ord(letter) - ord("A") if letter else -1
        if 0 <= place < len(answers):
            return place
    why = "named none" if isinstance(said, Completion) else str(said)
    run.notes.append(f"the last answer was taken, since the choice among {len(answers)} failed: {why}")
    if isinstance(said, ProviderError) and run.failure is None:
        run.failure = said
    return len(answers) - 1
