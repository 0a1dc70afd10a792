"""Questions on the shipped corpus of lighthouses, whose answers stand in one, two or three documents (number)."""

from __future__ import annotations

from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.corpus.harbour import SHOWN, asked, lights
from outlay.tasks._generate import Made, generate
from outlay.tasks._item import Task


def corpus_qa(questions: int, seed: int, *, hops: Annotated[int, Meta(ge=0, le=3)] = 0) -> Task:
    """Questions that nobody can answer without the corpus `harbour`.

    Args:
        questions: how many, from 1; there are 200 different ones.
        seed: any integer; see `generate` for what depends on it.
        hops: documents that an answer needs, 1 to 3; 0 draws it for each question.

    Example:
        >>> corpus_qa(1, 0, hops=2)[0].question.messages[0]["content"]
        'In which year was the keeper of Lundfell Light born?'
    """
    known = lights()[:-SHOWN]

    def make(random: Random) -> Made:
        needed = hops or random.randint(1, 3)
        made = asked(random.choice(known), needed, random.randrange(2))
        return made.question, made.answer

    return generate("corpus_qa", "number", questions, seed, make)
