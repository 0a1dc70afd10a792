"""An episode of a cascade: at every step examples are looked up, the small model acts if it agrees, else the large one.

An environment is the user's (`outlay.strategies._environment`). What it returns is traced, so a replay needs none.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from outlay.door.bounds import seed_of
from outlay.errors import BudgetExceeded, ProviderError, UsageError
from outlay.framings._solved import Windows, asked, digest, look_up, note, space, vector_of
from outlay.prompts import demonstrations as shown_as
from outlay.prompts import episode as prompts
from outlay.prompts._data import cut
from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import representative
from outlay.store.kept import CascadeStep, Demonstration
from outlay.strategies._agreeing import Stand, Terms, standing, stream_of, take
from outlay.strategies._environment import Seen, made, saw
from outlay.types import Answer, Question

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

AGAIN, REPEATS = 2, 4
"""An observation met so often before is the large model's; the same action on it so often ends the episode."""
LOST = "the episode was here before"
PLAN_TOKENS = 200


class _Step(Struct, frozen=True):
    observation: str
    reasoning: str
    action: str
    vector: bytes


class Episode:
    """One episode as it is played.

    Args:
        run: what to buy through.
        question: the goal.
        environment: `package.module:make`.
        terms: of the cascade.
        k: examples a step; 0 looks for none.
    """

    def __init__(self, run: Run, question: Question, environment: str, terms: Terms, k: int):
        self._run, self._terms, self._k, self._environment = run, terms, k, environment
        self._question = msgspec.structs.replace(question, kind="text")
        self._goal = asked(question)
        self._made: Any = None
        self._steps: list[_Step] = []
        self._outcomes: Counter[str] = Counter()
        self._source = ""
        self._goal_D: NDArray[float32] | None = None
        self._plan_D: NDArray[float32] | None = None

    async def play(self, most: int) -> Answer:
        """Act until the environment ends it, `most` steps, a repetition, or the end of the budget.

        Raises:
            BudgetExceeded: not one step could be bought.
            ProviderError: the large model failed.
            UsageError: the environment cannot begin. One that fails later ends the episode, as a failure.
        """
        stream = stream_of(self._run, self._question, self._terms)
        stand = await standing(self._run, self._question, self._terms, stream)
        rules, seen = await self._reset()
        self._source = digest(self._goal, seen.observation)
        plan = await self._plan(rules, seen.observation)
        stopped = f"all {most} steps were taken"
        met: Counter[str] = Counter()
        done: Counter[tuple[str, str]] = Counter()
        for number in range(most):
            if seen.done:
                break
            try:
                lost = met[seen.observation] >= AGAIN
                here = msgspec.structs.replace(stand, tries=False, why=LOST) if lost else stand
                action = await self._act(rules, plan, seen.observation, here, stream, number)
            except BudgetExceeded as refusal:
                if not number:
                    raise
                stopped = f"the budget ended after {number} steps: {refusal}"
                self._run.refused = self._run.refused or str(refusal)
                break
            if action is None:
                stopped = "neither model named an action"
                break
            met[seen.observation] += 1
            done[seen.observation, action] += 1
            if done[seen.observation, action] >= REPEATS:
                stopped = f"the same action was taken {REPEATS} times on the same observation"
                break
            told = await self._step(number, action)
            if "failed" in told:
                stopped = f"the environment ended it after {number + 1} steps: {told['failed']}"
                break
            seen = msgspec.convert(told, Seen)
        if seen.done:
            stopped = f"the environment ended it after {len(self._steps)} steps"
        return self._ended(seen, plan, stopped, stand)

    async def _plan(self, rules: str, observation: str) -> str:
        """The small model's plan, shown those of the nearest goals; empty where it fails, which is no failure."""
        vector_D = self._goal_D = await vector_of(self._run, self._goal) if self._k else None
        found: Windows = []
        if vector_D is not None:
            where = space(self._run, self._question, "plans")
            found = await look_up(self._run, where, vector_D, self._k, but=self._source)
        pairs = shown_as.examples([[w[0] | {"reasoning": w[0]["plan"]}] for w in found])
        messages = prompts.plan_messages(rules, self._goal, observation, pairs)
        sampling = msgspec.structs.replace(self._question.sampling, max_output_tokens=PLAN_TOKENS)
        try:
            (said,) = await self._run.complete(messages, role="small", label="plan", sampling=sampling)
        except ProviderError as error:
            note(self._run, f"no plan: {error}")
            return ""
        plan = cut(said.text.strip(), prompts.LARGEST)
        self._plan_D = await vector_of(self._run, plan) if self._k and plan else None
        return plan

    async def _act(
        self, rules: str, plan: str, observation: str, stand: Stand, stream: str, number: int
    ) -> str | None:
        """Buy the next action; None where nobody named one."""
        found: Windows = []
        key_D = await self._key(observation) if self._k else None
        if key_D is not None:
            where = space(self._run, self._question, "steps")
            found = await look_up(self._run, where, key_D, self._k, but=self._source, window=1)
        past = [(s.observation, s.action) for s in self._steps]
        plain, shown = (
            self._asking(prompts.step_messages(rules, self._goal, plan, past, observation, examples))
            for examples in ("", shown_as.examples(found))
        )
        taken = await take(self._run, plain, shown, self._terms, stand, step=number)
        self._run.left.append(CascadeStep(stream, taken.outcome, taken.small_nusd, taken.large_nusd))
        self._outcomes[taken.outcome] += 1
        choice = vote(taken.pool)
        if not choice:
            return None
        chosen = representative(taken.pool, choice.p[0][0])
        action = cut(chosen.answer or choice.p[0][0], prompts.LARGEST_ACTION)
        said = chosen.completion.text if chosen.completion is not None else ""
        vector = b"" if key_D is None else key_D.astype("<f4").tobytes()
        thought = said.rpartition("Answer:")[0].strip()
        self._steps.append(_Step(observation, cut(thought, prompts.LARGEST), action, vector))
        self._run.emit("progress", step=number, action=action, by=taken.role)
        return action

    async def _key(self, observation: str) -> NDArray[float32] | None:
        """Goal, plan and observation as one vector: inner products are means of their three similarities."""
        import numpy as np

        seen_D = await vector_of(self._run, observation)
        if seen_D is None or self._goal_D is None:
            return None
        plan_D = np.zeros_like(seen_D) if self._plan_D is None else self._plan_D
        return np.concatenate([self._goal_D, plan_D, seen_D]) / np.float32(3**0.5)

    def _asking(self, messages: tuple[dict[str, Any], ...]) -> Question:
        return msgspec.structs.replace(self._question, messages=messages)

    async def _reset(self) -> tuple[str, Seen]:
        async def start() -> dict[str, Any]:
            seed = seed_of(self._run.seed, self._question.id, "environment")
            self._made = made(self._environment, self._goal, seed)
            return {"rules": str(self._made.rules), "seen": await saw(self._made.reset)}

        told = await self._run.observe("environment/reset", start)
        return cut(told["rules"], prompts.LARGEST_RULES), msgspec.convert(told["seen"], Seen)

    async def _step(self, number: int, action: str) -> dict[str, Any]:
        async def look() -> dict[str, Any]:
            try:
                return await saw(lambda: self._made.step(action))
            except UsageError as failure:
                return {"failed": str(failure)}

        return await self._run.observe(f"environment/{number}", look)

    def _ended(self, seen: Seen, plan: str, stopped: str, stand: Stand) -> Answer:
        result = "success" if seen.success else "failure"
        if seen.success and self._k:
            self._run.left += self._demonstrations(plan)
        counted = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self._outcomes.items()))
        why = f"; {stand.why}" if stand.why else ""
        return Answer(
            question_id=self._question.id,
            text="\n".join(s.action for s in self._steps),
            answer=result,
            key=result,
            stopped=f"{stopped}; steps: {counted or 'none'}{why}",
            missing=tuple(self._run.notes),
        )

    def _demonstrations(self, plan: str) -> list[Demonstration]:
        """The steps of an episode that the environment accepted, and its plan."""
        run, source, model = self._run, self._source, self._run.card("large").identity

        def one(purpose: str, position: int, observation: str, reasoning: str, action: str, vector: bytes):
            return Demonstration(
                space=space(run, self._question, purpose),
                id=digest(source, purpose, str(position), prompts.VERSION, shown_as.VERSION, model),
                source=source,
                position=position,
                goal=cut(self._goal, prompts.LARGEST),
                plan=plan,
                observation=observation,
                reasoning=reasoning,
                action=action,
                model=model,
                prompts=prompts.VERSION,
                verified=True,
                vector=vector,
            )

        kept = [
            one("steps", i, cut(s.observation, prompts.LARGEST), s.reasoning, s.action, s.vector)
            for i, s in enumerate(self._steps)
            if s.vector
        ]
        if self._goal_D is not None and plan:
            kept.append(one("plans", 0, "", "", plan, self._goal_D.astype("<f4").tobytes()))
        return kept
