"""From what a strategy answered to a sealed answer with its costs, live or in a replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from outlay import chain, plugins
from outlay.budget import Budget
from outlay.door.draws import Door
from outlay.door.relay import OnEvent, Reply
from outlay.door.relay_ending import Relayed
from outlay.door.session import Session
from outlay.errors import UsageError
from outlay.models.provider import Card
from outlay.prompts.answer_format import instruct
from outlay.run import Run, Verifier
from outlay.sandbox.killable import Workers
from outlay.trace import Replay, Trace, in_micros
from outlay.types import Answer, Delta, Plan, Pool, Question
from outlay.verifiers._own import as_verifier

T = TypeVar("T")
FALLBACK_ROLE = {"judge": "default", "notes": "default", "small": "default", "large": "default"}
"""A role that no model was named for is played by this one's model."""
PASS_THROUGH = "pass_through"
"""What stands for a strategy in the plan of a request that was passed through."""
RELAYED = ("completions", "embeddings")
"""The same, of requests that are no chat."""


def players(by_role: Mapping[str, T]) -> dict[str, T]:
    """Who plays each role, roles that no model was named for included."""
    stand_ins = {
        role + seat.removeprefix(other): by_role[seat]
        for role, other in FALLBACK_ROLE.items()
        if not chain.seats(role, by_role)
        for seat in chain.seats(other, by_role)
    }
    return {**stand_ins, **by_role}


async def pass_through(
    run: Run,
    question: Question,
    *,
    n: int = 1,
    seed: int | None = None,
    on_delta: Callable[[int, Delta], None] | None = None,
) -> tuple[Answer, Pool]:
    """A client's request as it was written (`Run.pass_through`): its choices, and the answer that accounts for them.

    Nothing is chosen: the answer's text is the first choice's, and `candidates` stays empty.
    """
    pool = await run.pass_through(question, n=n, seed=seed, on_delta=on_delta)
    first = next(s.completion for s in pool.samples if s.completion is not None)
    stopped = "the request was passed through"
    return Answer(question.id, first.text, stopped=stopped, missing=tuple(run.notes)), pool


async def relayed(run: Run, asked: Relayed, on_event: OnEvent | None = None) -> tuple[Answer, Reply]:
    """A request that is no chat, passed through (`Run.relay`): its reply, and the answer that accounts for it."""
    reply = await run.relay(asked, on_event)
    text = reply.texts[0] if reply.texts else ""
    return Answer(run.question_id, text, stopped="the request was passed through"), reply


async def replay(trace: bytes, *, verifier: Verifier | None = None) -> tuple[Answer, bytes]:
    """Run a recorded answer again with every model off; returns the answer and the new trace.

    The new trace equals the recorded one byte for byte, or the code no longer does what it did.

    Raises:
        OutlayError: the replay diverged from its trace.
    """
    recorded = Trace.decode(trace)
    opening = recorded.events[0]
    if how := opening.get("texts"):
        raise UsageError(
            f"This trace was kept without its prompts and replies (prompts = {how!r}) and cannot be replayed."
        )
    plan = msgspec.convert(opening["plan"], Plan)
    question = msgspec.convert(opening["question"], Question)
    cards = {role: msgspec.convert(card, Card) for role, card in opening["cards"].items()}
    workers = Workers()
    session = Session(run_id="replay", providers={}, cards=players(cards), store=None, workers=workers)  # type: ignore[arg-type]
    source = Replay(recorded)
    door = Door(session, replay=source)
    door.trace.events.append(await source.turn(("open",), ""))
    run = Run(
        door, Budget(), seed=opening["seed"], question_id=question.id, verifier=verifier or verifier_of(plan)
    )
    answer = await _again(run, question, plan)
    end = await source.turn(("answer",), "")
    answer = sealed(door, run, answer, plan, end["t_s"])
    return answer, door.trace.encode()


async def _again(run: Run, question: Question, plan: Plan) -> Answer:
    if plan.strategy == PASS_THROUGH:
        answer, _ = await pass_through(run, question, **plan.parameters)
        return answer
    if plan.strategy in RELAYED:
        answer, _ = await relayed(run, Relayed(plan.strategy, {}, 0, 0, 1))
        return answer
    return await answered(run, question, plan)


async def answered(run: Run, question: Question, plan: Plan) -> Answer:
    """What the plan's strategy answers to the question within its framings and its kind's instruction.

    Framings see the question as it was asked; the instruction comes last, after whatever they put around it.
    """
    for name, given in plan.framings:
        framing = plugins.load("framing", name)
        question = await framing(run, question, **plugins.check("framing", name, framing, given))
    strategy = plugins.load("strategy", plan.strategy)
    parameters = plugins.check("strategy", plan.strategy, strategy, plan.parameters)
    return await strategy(run, instruct(question), **parameters)


def verifier_of(plan: Plan) -> Verifier | None:
    """The verifier that a plan names, with its parameters bound, or None."""
    if plan.verifier is None:
        return None
    chosen = plugins.spec("verifier", plan.verifier)
    return as_verifier(chosen.target, chosen.parameters)


def sealed(door: Door, run: Run, answer: Answer, plan: Plan, t_s: float) -> Answer:
    """The answer with what it cost, as the last event of its trace."""
    t_s = in_micros(t_s)
    stopped = answer.stopped
    if run.spent.closed:
        stopped += f"; {run.spent.closed}, so nothing more is bought"
    elif run.spent.overrun_nusd:
        stopped += "; the provider billed more than was asked for"
    answer = msgspec.structs.replace(
        answer,
        plan=plan,
        usage=run.spent.usage,
        calls=run.spent.calls,
        cost_nusd=run.spent.cost_nusd,
        paid_nusd=run.spent.paid_nusd,
        overrun_nusd=run.spent.overrun_nusd,
        latency_s=in_micros(t_s + run.spent.served_s),
        stopped=stopped,
        refused=run.refused,
        elsewhere=dict(run.spent.elsewhere),
    )
    door.trace.add("answer", "", t_s, answer=answer)
    return answer
