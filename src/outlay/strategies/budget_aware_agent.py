"""An agent with tools that knows what it has left: it plans, checks its answer, and goes on or turns around."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.door.tooling import ROLE as TOOL
from outlay.errors import NoAnswer
from outlay.prompts import agent as prompts
from outlay.run import Run
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.rounds import KEPT_TURNS, MOST_CALLS, Played, opened, play, trajectory
from outlay.skeletons.toolbox import AT_ONCE, LARGEST_REFUSAL, Toolbox
from outlay.strategies import _verification as checks
from outlay.strategies._verification import Verification, check, select
from outlay.tools._tool import open_tools
from outlay.types import Answer, Bound, Completion, Draws, Question

NEEDS = frozenset({"chat"})
OPERATORS = ("tools",)
"""Tools are code: no caller of a gateway may name one."""
ONE_CHAIN = True
ESCAPED = 2
"""The most bytes that a byte without control characters takes in JSON, as the bounds count it."""

Calls = Annotated[int, Meta(ge=0, le=1000)]
Turns = Annotated[int, Meta(ge=1, le=200)]
Attempts = Annotated[int, Meta(ge=1, le=26)]


class _Tried(Struct, frozen=True):
    """One answered attempt and what the checker said of it, or why there is no check."""

    played: Played
    completion: Completion
    said: Verification | str

    @property
    def decision(self) -> str:
        return self.said.decision if isinstance(self.said, Verification) else ""


def bound(
    question: Question,
    *,
    tools: str = "",
    budget: Calls = 10,
    turns: Turns = 12,
    attempts: Attempts = 3,
    tracker: bool = True,
    planning: bool = True,
    verify: bool = True,
    early_stop: bool = True,
    native: bool = False,
) -> Bound:
    """At most turns + attempts replies, a check of each attempt and one choice, and every tool's budget."""
    named = [tool for tool, _ in open_tools(tools, calls=budget)]
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    replies = attempts + (turns if named else 0)
    asked = text_bound(question.messages, question.sampling)
    memory = prompts.LARGEST_MEMORY + prompts.LARGEST_PLAN + 500
    opening = 0
    if named:
        specs = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in named]
        told = opened((), prompts.opening(specs, native=False, tracked=True, planned=True))
        opening = text_bound(told, question.sampling) + 200 * len(named)
    turn = 2 * prompts.LARGEST_SAID + 300 * MOST_CALLS
    newest = AT_ONCE * max((t.bytes + 300 for t in named), default=0) + MOST_CALLS * LARGEST_REFUSAL
    acted = KEPT_TURNS * turn + newest + prompts.LARGEST_BLOCK if named else 0
    by_role = {
        "default": Draws(replies, replies * (asked + opening + ESCAPED * (memory + acted)), replies * most)
    }
    if verify:
        checked = prompts.LARGEST_TRAJECTORY + prompts.LARGEST_SAID + prompts.LARGEST_BLOCK + 3_000
        chosen = attempts * (prompts.LARGEST_SAID + prompts.LARGEST_PLAN + 300) + 1_000
        tokens = attempts * (asked + ESCAPED * checked) + asked + ESCAPED * chosen
        output = attempts * checks.OUTPUT_TOKENS + checks.SELECT_TOKENS
        by_role[checks.ROLE] = Draws(attempts + 1, tokens, output)
    return Bound(by_role | {TOOL + tool.name: Draws(tool.calls) for tool in named})


async def budget_aware_agent(
    run: Run,
    question: Question,
    *,
    tools: str = "",
    budget: Calls = 10,
    turns: Turns = 12,
    attempts: Attempts = 3,
    tracker: bool = True,
    planning: bool = True,
    verify: bool = True,
    early_stop: bool = True,
    native: bool = False,
) -> Answer:
    """The answer of an agent that calls tools within a budget for each, shown to it after every turn.

    Each attempt is a loop of calls until the model answers, a tool's budget is used up, or the turns are. A checker
    then goes through the question's constraints: SUCCESS ends it, CONTINUE tries again with the same plan, PIVOT with
    a new one, both with the checker's summary in place of what happened. Several answers without a SUCCESS are put
    before the judge, who chooses. Budgets are hard whether or not the model sees them.

    With `tracker`, `planning` and `verify` off this is plain ReAct; with `tracker` alone the paper's Budget Tracker.

    Args:
        run: what to buy through; the role `judge` checks.
        question: what is asked.
        tools: `NAME[:key=value,…]` or `package.module:function[:…]`, several with a semicolon between them; any tool
            takes `calls`, `usd` (the price of a call), `seconds` and `bytes` (see `outlay.tools._tool`).
        budget: the most calls of a tool that does not say so itself.
        turns: the most turns with calls, over all attempts.
        attempts: the most attempts.
        tracker: show the model its budget and what each level of it asks for.
        planning: ask for a plan.
        verify: check each answer, and try again.
        early_stop: end at the first SUCCESS; off, every attempt is made and the judge chooses (several times dearer).
        native: declare the tools to the server (ability `tools`); else calls stand in the text, which any model can do.

    Raises:
        UsageError: a tool that does not exist or is none.
        MissingAbility: a tool that cannot work here, or `native` and a model that takes none.
        BudgetExceeded: not one reply could be bought.
        NoAnswer: not one reply came.

    Cost: at most turns + attempts replies, attempts + 1 calls of the judge, and the calls of each tool at their price
        and the seconds they take. A full run has cost about 11 times plain ReAct in the paper; see docs/agents.md.
    Source: Budget-Aware Tool-Use Enables Effective Agent Scaling (arXiv 2511.17006), Budget Tracker and BATS. Ours: a
        call is one unit where theirs counts each query of a call; money counts as one more budget; the level is the
        lowest over the budgets; a batch beyond a budget is trimmed; the trace is replaced by the summary after every
        check; a reply that is no verification ends the attempts.
    Example: `outlay ask "How many primes are below 5000?" --strategy budget_aware_agent --tool python --kind number`
    """
    if native:
        run.need(frozenset({"tools"}))
    box = await Toolbox.open(run, tools, calls=budget)
    tried: list[_Tried] = []
    memory: list[str] = []
    plan, played = "", Played((), None, "")
    left = turns
    for number in range(attempts):
        told = prompts.opening(box.specs, native=native, tracked=tracker, planned=planning)
        opening = "\n\n".join(p for p in (told, prompts.remembered(memory, plan)) if p)
        played = await play(
            run, question, box, opening, turns=left, label=f"agent/{number}", native=native, tracked=tracker
        )
        left -= len(played.turns)
        if played.completion is None:
            break
        said = await _checked(run, question, box, played, number) if verify else "not checked"
        tried.append(_Tried(played, played.completion, said))
        if not isinstance(said, Verification) or (said.decision == "SUCCESS" and early_stop):
            break
        if (box.tools and box.exhausted) or left < 1:
            break
        memory.append(said.summary)
        plan = _plan_of(played) if said.decision == "CONTINUE" else ""
    return await _answer(run, question, box, tried, played)


async def _checked(
    run: Run, question: Question, box: Toolbox, played: Played, number: int
) -> Verification | str:
    assert played.completion is not None
    budget = box.block if box.tools else ""
    return await check(run, question, trajectory(played.turns), played.completion.text, budget, number)


def _plan_of(played: Played) -> str:
    """The newest plan that the model wrote."""
    texts = [turn.said for turn in played.turns]
    if played.completion is not None:
        texts.append(played.completion.text)
    written = [t.rpartition("<plan>")[2].partition("</plan>")[0] for t in texts if "<plan>" in t]
    return prompts.plain(written[-1]).strip() if written else ""


async def _answer(run: Run, question: Question, box: Toolbox, tried: list[_Tried], played: Played) -> Answer:
    """The answer that succeeded, the only one, the one the judge chose; or none, and why."""
    if not tried:
        return _unanswered(run, question, box, played)
    wins = [one for one in tried if one.decision == "SUCCESS"]
    among = wins or tried
    best = among[-1]
    if len({one.completion.text for one in among}) > 1:
        told = [
            (one.completion.text, one.said.summary if isinstance(one.said, Verification) else one.said)
            for one in among
        ]
        best = among[await select(run, question, told)]
    if played.refused is not None:
        run.refused = run.refused or str(played.refused)
    said = best.decision or str(best.said)
    stopped = f"{_told(box)}; {len(tried)} answered, {best.played.why}; check: {said}"
    if played.completion is None:
        stopped += f"; the last attempt has no answer: {played.why}"
    return await answer_of(run, question, best.completion, stopped=stopped)


def _unanswered(run: Run, question: Question, box: Toolbox, played: Played) -> Answer:
    """No attempt has an answer. What was bought is told all the same, if anything was."""
    if not played.turns:
        if played.refused is not None:
            raise played.refused
        raise NoAnswer(f"No sample came back: {str(played.failure).rstrip('.')}.") from played.failure
    if played.refused is not None:
        run.refused = run.refused or str(played.refused)
    why = f"{_told(box)}; {played.why} before there was an answer"
    notes = (*run.notes, *((str(played.failure),) if played.failure else ()))
    return Answer(question.id, played.turns[-1].said, stopped=why, missing=notes)


def _told(box: Toolbox) -> str:
    used = ", ".join(
        f"{n} of {box.tracker.budgets[name]} calls of {name}" for name, n in box.tracker.used.items()
    )
    return used or "no tool"
