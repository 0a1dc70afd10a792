"""Words to put in alphabetical order (answer kind: text)."""

from __future__ import annotations

from random import Random
from typing import Annotated

from msgspec import Meta

from outlay.tasks._generate import Made, generate
from outlay.tasks._item import Item, Task
from outlay.tasks._words import WORDS


def sort_words(questions: int, seed: int, *, words: Annotated[int, Meta(ge=2, le=40)] = 4) -> Task:
    """Questions that ask for words in alphabetical order; separators other than spaces are accepted.

    Args:
        questions: how many, from 1.
        seed: any integer; see `generate` for what depends on it.
        words: how many words are sorted.

    Example:
        >>> sort_words(1, 0)[0].reference
        'feather garden harbor market'
    """

    def make(random: Random) -> Made:
        drawn = random.sample(WORDS, words)
        asked = "Sort these words alphabetically and list them separated by spaces:"
        return f"{asked} {' '.join(drawn)}", " ".join(sorted(drawn))

    made = generate("sort_words", "text", questions, seed, make)
    return Task(made.name, tuple(Item(i.question, i.reference, scorer=_in_order) for i in made))


def _in_order(item: Item, value: str | None, text: str) -> float:
    words = (value or "")[:10_000].casefold().replace(",", " ").replace("\n", " ").split()
    given = [w.lstrip("0123456789.)-*").strip(".;:*`'\"") for w in words]
    return float([w for w in given if w] == (item.reference or "").split())
