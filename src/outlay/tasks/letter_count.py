"""How often a letter occurs in a few words (answer kind: number)."""

from __future__ import annotations

from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.tasks._generate import Made, generate
from outlay.tasks._item import Task
from outlay.tasks._words import WORDS


def letter_count(questions: int, seed: int, *, words: Annotated[int, Meta(ge=1, le=20)] = 1) -> Task:
    """Questions like `How many times does the letter "r" occur in "strawberry"?`.

    One in five asks for any letter of the alphabet, the others for one that occurs.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.
        words: how many words are searched.

    Example:
        >>> letter_count(1, 0)[0].question.messages[0]["content"]
        'How many times does the letter "e" occur in "pocket"?'
    """

    def make(random: Random) -> Made:
        text = " ".join(random.sample(WORDS, words))
        letters = "abcdefghijklmnopqrstuvwxyz" if random.random() < 0.2 else text.replace(" ", "")
        letter = random.choice(letters)
        return f'How many times does the letter "{letter}" occur in "{text}"?', str(text.count(letter))

    return generate("letter_count", "number", questions, seed, make)
