"""Several questions on one stock list each, so that work on the list can be shared (answer kind: number)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Annotated

from msgspec import Meta, Struct

from outlay.errors import UsageError
from outlay.tasks._item import Item, Task
from outlay.types import Question

GOODS = (
    *("apples", "candles", "drums", "envelopes", "forks", "gloves"),
    *("hats", "kites", "lamps", "mugs", "nails", "pens"),
)


class Good(Struct, frozen=True):
    """One kind of good: dollars a piece, pieces it had, pieces that were sold."""

    name: str
    price: int
    had: int
    sold: int

    @property
    def left(self) -> int:
        """Pieces that are left."""
        return self.had - self.sold


def shop_stock(
    questions: int,
    seed: int,
    *,
    per_context: Annotated[int, Meta(ge=1, le=20)] = 10,
    goods: Annotated[int, Meta(ge=3, le=12)] = 5,
) -> Task:
    """Questions on the stock of shops, `per_context` of them on each shop's list, one or two steps each.

    The list stands first in the question, so that questions on one shop begin alike. The key follows from the numbers.

    Args:
        questions: how many, from 1.
        seed: any integer; the same seed gives the same shops, however many questions are asked for.
        per_context: questions on one shop.
        goods: kinds of goods in a shop.

    Raises:
        UsageError: no question is asked for.

    Example:
        >>> asked = shop_stock(2, 0)[1]
        >>> print(asked.question.messages[0]["content"].splitlines()[-1], asked.reference)
        How many dollars were taken for gloves? 54
    """
    if questions < 1:
        raise UsageError(f"A task needs at least 1 question, not {questions}.")
    items = []
    for number in range(questions):
        shop, place = divmod(number, per_context)
        asked, key = _question(stock(seed, shop, goods), Random(f"shop_stock {seed} {shop} {place}"), place)
        text = f"{context(seed, shop, goods)}\n\n{asked}"
        items.append(Item(Question.of(text, id=f"shop_stock/{seed}/{shop}/{place}", kind="number"), str(key)))
    return Task("shop_stock", tuple(items))


def stock(seed: int, shop: int, goods: int) -> tuple[Good, ...]:
    """The goods of a shop."""
    random = Random(f"shop_stock {seed} {shop}")
    made = []
    for name in random.sample(GOODS, goods):
        had = random.randint(12, 48)
        made.append(Good(name, random.randint(2, 9), had, random.randint(5, had - 3)))
    return tuple(made)


def context(seed: int, shop: int, goods: int) -> str:
    """The list of a shop, as its questions begin."""
    lines = [
        f"The shop had {g.had} {g.name}. It sold {g.sold} of the {g.name}, at {g.price} dollars each."
        for g in stock(seed, shop, goods)
    ]
    return "\n".join((f"This is the week of shop number {shop + 1}.", *lines))


def facts(seed: int, shop: int, goods: int) -> str:
    """What follows from a shop's list: the notes of somebody who makes no mistake, an upper bound for a model's."""
    made = stock(seed, shop, goods)
    lines = [
        f"{g.left} {g.name} are left, worth {g.price * g.left} dollars. "
        f"{g.price * g.sold} dollars were taken for {g.name}."
        for g in made
    ]
    totals = (
        f"In all the shop had {sum(g.had for g in made)} pieces; {sum(g.sold for g in made)} were sold, for "
        f"{sum(g.price * g.sold for g in made)} dollars, and {sum(g.left for g in made)} are left."
    )
    return "\n".join((*lines, totals))


def _question(made: tuple[Good, ...], random: Random, place: int) -> tuple[str, int]:
    """The question of a place and its key."""
    one, other = random.sample(made, 2)
    asks: tuple[Callable[[], tuple[str, int]], ...] = (
        lambda: (f"How many {one.name} are left?", one.left),
        lambda: (f"How many dollars were taken for {one.name}?", one.price * one.sold),
        lambda: ("How many pieces of all goods together were sold?", sum(g.sold for g in made)),
        lambda: ("How many pieces of all goods together were there at first?", sum(g.had for g in made)),
        lambda: (f"How many dollars are the {one.name} that are left worth?", one.price * one.left),
        lambda: ("How many pieces of all goods together are left?", sum(g.left for g in made)),
        lambda: (
            f"How many dollars were taken for {one.name} and {other.name} together?",
            one.price * one.sold + other.price * other.sold,
        ),
        lambda: (f"How many {one.name} and {other.name} together are left?", one.left + other.left),
        lambda: (
            "How many dollars does the dearest of the goods cost more than the cheapest?",
            max(g.price for g in made) - min(g.price for g in made),
        ),
        lambda: ("How many dollars were taken in all?", sum(g.price * g.sold for g in made)),
    )
    return asks[place % len(asks)]()
