"""A world of clues for agents: a hidden number behind one of eight leads, and two scripted agents that look for it.

About half of the leads fit the first clue; only the right one fits the second, which a search can check. An agent that
sees no budget digs into the leads one after the other and answers with the first number that fits the first clue; told
to be thorough, it goes on until a number is checked. One that sees its budget does what its level asks for. They are
ours: what they show is what a budget lets an agent do that heeds it, never that a model heeds it.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from outlay.prompts.agent import LAST, POLICY
from outlay.types import Question, Request, Sampling

LEADS = 8
BREADTH = {"HIGH": 4, "MEDIUM": 2, "LOW": 1, "CRITICAL": 0}
"""Calls of a turn by level, as the policy text asks for."""


def question(world: int, *, thorough: bool = False) -> Question:
    """What is asked in a world."""
    text = f"World {world}: which number fits both clues?{' Be thorough.' if thorough else ''}"
    return Question.of(text, id=f"world{world}", kind="number", sampling=Sampling(max_output_tokens=400))


def truth(world: int) -> str:
    """The right answer."""
    return str(_leads(world)[0])


async def search(query: str) -> str:
    """Looks something up: `world W leads`, `world W lead L`, `world W more L`, `world W check NUMBER`."""
    found = re.fullmatch(r"world (\d+) (leads|lead|more|check) ?(\d*)", query)
    if found is None:
        return "nothing is found"
    world, what, which = int(found[1]), found[2], found[3]
    right, numbers, fits = _leads(world)
    if what == "leads":
        return "leads: " + " ".join(map(str, range(LEADS)))
    if what == "check":
        return f"check {which}: {'right' if which == str(right) else 'wrong'}"
    if what == "more":
        return f"more on lead {which}: nothing new"
    return f"lead {which}: {numbers[int(which)]} {'fits' if fits[int(which)] else 'fails'}"


def script(request: Request, index: int) -> str:
    """What the agent says next; all that it knows stands in what it said before and in what came back."""
    texts = [str(m["content"]) for m in request.messages]
    world = re.search(r"World (\d+):", "\n".join(texts))
    assert world is not None
    said = [str(m["content"]) for m in request.messages if m["role"] == "assistant"]
    known: dict[str, Any] = (
        json.loads(said[-1].splitlines()[0]) if said else {"leads": {}, "checks": {}, "dug": 0}
    )
    newest = texts[-1] if said else ""
    for lead, number, fits in re.findall(r"\nlead (\d+): (\d+) (fits|fails)", newest):
        known["leads"][lead] = [number, fits == "fits"]
    for number, result in re.findall(r"\ncheck (\d+): (right|wrong)", newest):
        known["checks"][number] = result == "right"
    known["dug"] += newest.count("\nmore on lead")
    wanted = [] if LAST in newest else _wanted(known, texts, newest, begun=bool(said))
    if not wanted:
        return f"Answer: {_best(known)}"
    calls = [{"name": "search", "arguments": {"query": f"world {world[1]} {q}"}} for q in wanted]
    return "\n".join([json.dumps(known), *(f"<tool_call>{json.dumps(c)}</tool_call>" for c in calls)])


def _wanted(known: dict[str, Any], texts: list[str], newest: str, *, begun: bool) -> list[str]:
    if not begun:
        return ["leads"]
    closed = [str(lead) for lead in range(LEADS) if str(lead) not in known["leads"]]
    if POLICY not in texts[0]:
        if known["dug"] < len(known["leads"]):
            return [f"more {len(known['leads']) - 1}"]
        thorough = any("Be thorough." in text for text in texts)
        if closed and (thorough or not _plausible(known)):
            return [f"lead {closed[0]}"]
        return [] if not thorough or any(known["checks"].values()) else _unchecked(known)[:1]
    level = re.search(r"level: (\w+)\n</budget>", newest)
    assert level is not None
    if any(known["checks"].values()):
        return []
    opening, checking = [f"lead {lead}" for lead in closed], _unchecked(known)
    first = (opening, checking) if level[1] == "HIGH" else (checking, opening)
    return (first[0] or first[1])[: BREADTH[level[1]]]


def _plausible(known: dict[str, Any]) -> list[str]:
    return [number for number, fits in known["leads"].values() if fits]


def _unchecked(known: dict[str, Any]) -> list[str]:
    return [f"check {number}" for number in _plausible(known) if number not in known["checks"]]


def _best(known: dict[str, Any]) -> str:
    """The number that was checked, else one that may be right, else none."""
    right = [number for number, found in known["checks"].items() if found]
    maybe = [number for number in _plausible(known) if known["checks"].get(number) is not False]
    return next(iter([*right, *maybe]), "0")


def _leads(world: int) -> tuple[int, list[int], list[bool]]:
    rng = Random(f"clues {world}")
    numbers = rng.sample(range(100, 1000), LEADS)
    fits = [rng.random() < 0.5 for _ in numbers]
    place = rng.randrange(LEADS)
    fits[place] = True
    return numbers[place], numbers, fits
