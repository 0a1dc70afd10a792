"""A text environment of six rooms and ten things, its scripted teacher, and a student that copies what it is shown.

The teacher knows the map and errs at 3 % of its steps. The student takes the action of the most alike step among its
examples (by letters of goal and observation), or any allowed action where none is alike enough or it is not allowed.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from random import Random
from typing import Any

ROOMS = ("hall", "kitchen", "cellar", "attic", "garden", "study")
THINGS = ("key", "cup", "book", "lamp", "coin", "rope", "map", "box", "ring", "pen")
RULES = "Actions: go ROOM (one of the exits), take THING (seen here), drop THING (carried)."
PLAN = "1. Find it. 2. Take it. 3. Bring it there."
ALIKE = 0.97
"""How alike a step must be for the student to copy it (0 to 1)."""


def goal_of(rng: Random) -> str:
    """A goal: bring one of three things to one of two rooms. Goals come again, from other starts."""
    return f"Bring the {rng.choice(THINGS[:3])} to the {rng.choice(ROOMS[:2])}."


class Rooms:
    """Six rooms in a ring."""

    rules = RULES

    def __init__(self, goal: str, seed: int):
        self.thing, self.room = re.findall(r"the (\w+)", goal)[:2]
        rng = Random(seed)
        self.here, self.carried = rng.choice(ROOMS), ""
        self.places = {thing: rng.choice(ROOMS) for thing in THINGS}
        while self.places[self.thing] == self.room:
            self.places[self.thing] = rng.choice(ROOMS)

    def reset(self) -> dict[str, Any]:
        return self._told()

    async def step(self, action: str) -> dict[str, Any]:
        verb, _, what = action.strip().lower().partition(" ")
        if verb == "go" and what in self._exits():
            self.here = what
        elif verb == "take" and not self.carried and self.places.get(what) == self.here:
            self.carried, self.places[what] = what, ""
        elif verb == "drop" and what and what == self.carried:
            self.carried, self.places[what] = "", self.here
        return self._told()

    def _exits(self) -> tuple[str, str]:
        i = ROOMS.index(self.here)
        return ROOMS[i - 1], ROOMS[(i + 1) % len(ROOMS)]

    def _told(self) -> dict[str, Any]:
        seen = (
            ", ".join(t for t in THINGS if self.places[t] == self.here and t == self.thing) or "nothing of use"
        )
        done = self.places[self.thing] == self.room
        text = f"You are in the {self.here}. You see: {seen}. Exits: {', '.join(self._exits())}. "
        return {"observation": text + f"You carry: {self.carried or 'nothing'}.", "done": done, "success": done}


def read(request) -> tuple[str, str, str]:
    """Goal, present observation and everything before it, from a prompt."""
    text = request.messages[-1]["content"]
    before, _, last = text.rpartition("<observation ")
    observation = last.split(">\n", 1)[1].split("\n</observation")[0]
    return re.findall(r"^Goal: (.*)$", text, re.MULTILINE)[0], observation, before


def best(goal: str, observation: str) -> str:
    """What the teacher does when it does not err."""
    thing, room = re.findall(r"the (\w+)", goal)[:2]
    here = re.search(r"in the (\w+)", observation)[1]
    if f"You carry: {thing}" in observation:
        return f"drop {thing}" if here == room else f"go {_towards(here, room)}"
    if f"You see: {thing}" in observation:
        return f"take {thing}"
    return f"go {ROOMS[(ROOMS.index(here) + 1) % len(ROOMS)]}"


def allowed(observation: str) -> list[str]:
    """Every action that does something."""
    exits = re.search(r"Exits: ([\w, ]+)\.", observation)[1].split(", ")
    seen = re.search(r"You see: (\w+)\.", observation)
    carried = re.search(r"You carry: (\w+)\.", observation)[1]
    takes = [f"take {seen[1]}"] if seen and carried == "nothing" else []
    return [f"go {e}" for e in exits] + takes + ([f"drop {carried}"] if carried != "nothing" else [])


def teacher(request, index: int) -> str:
    """The scripted large model."""
    if "numbered plan" in request.messages[-1]["content"]:
        return PLAN
    goal, observation, before = read(request)
    rng = Random(f"teacher {goal} {len(before)} {request.seed} {index}")
    action = rng.choice(allowed(observation)) if rng.random() < 0.03 else best(goal, observation)
    return f"I do what helps.\nAnswer: {action}"


def student(request, index: int) -> str:
    """The scripted small model, which also writes a plan."""
    text = request.messages[-1]["content"]
    if "numbered plan" in text:
        return PLAN
    goal, observation, before = read(request)
    rng = Random(f"student {request.seed} {index}")
    steps = [
        (g, seen, action)
        for block in re.findall(r"<example \w+>\n(.*?)\n</example", before, re.DOTALL)
        for g in re.findall(r"^Goal: (.*)$", block, re.MULTILINE)
        for seen, action in re.findall(
            r"^Observation: (.*)\n(?:Thought: .*\n)?Action: (.*)$", block, re.MULTILINE
        )
    ]
    alike = [(SequenceMatcher(None, goal + observation, g + seen).ratio(), action) for g, seen, action in steps]
    ratio, action = max(alike, default=(0.0, ""))
    can = allowed(observation)
    return f"Answer: {action if ratio >= ALIKE and action in can else rng.choice(can)}"


def _towards(here: str, room: str) -> str:
    i, j, n = ROOMS.index(here), ROOMS.index(room), len(ROOMS)
    return ROOMS[(i + 1) % n] if (j - i) % n <= n // 2 else ROOMS[i - 1]
