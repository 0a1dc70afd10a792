"""Who is oldest, youngest or in between, from comparisons in mixed order (answer kind: choice)."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.tasks._generate import Made, generate
from outlay.tasks._item import Task
from outlay.tasks._words import NAMES


def logic_choice(questions: int, seed: int, *, people: Annotated[int, Meta(ge=3, le=10)] = 4) -> Task:
    """Questions about a line of people, with as many choices as people.

    Each neighbouring pair of the line is compared once, in shuffled order and either direction, so that
    exactly one order fits.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.
        people: how many people, and choices.

    Example:
        >>> logic_choice(2, 0)[0].reference
        'A'
    """

    def make(random: Random) -> Made:
        line = random.sample(NAMES, people)
        facts = [
            f"{old} is older than {young}." if random.random() < 0.5 else f"{young} is younger than {old}."
            for old, young in pairwise(line)
        ]
        random.shuffle(facts)
        place = random.randrange(people)
        asked = {0: "the oldest", people - 1: "the youngest"}.get(place, f"number {place + 1} from the oldest")
        choices = sorted(line)
        listed = "\n".join(f"{chr(65 + i)}) {name}" for i, name in enumerate(choices))
        return f"{' '.join(facts)} Who is {asked}?\n{listed}", chr(65 + choices.index(line[place]))

    return generate("logic_choice", "choice", questions, seed, make)
