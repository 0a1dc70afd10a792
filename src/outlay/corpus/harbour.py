"""A small corpus with questions: the lighthouses of an invented coast, their keepers, and the villages they are from.

Nobody knows it by heart, so what is answered right was found. Facts stand in one, two or three documents.
"""

from __future__ import annotations

from random import Random

from msgspec import Struct

from outlay.corpus.document import Document, Example, Step

_STARTS = ("Skar", "Brim", "Orm", "Tull", "Vest", "Hask", "Lund", "Mor")
_ENDS = ("holm", "ness", "wick", "stad", "fell", "vik")
_FIRST = ("Anna", "Bela", "Cort", "Dina", "Egon", "Frida", "Gero", "Hilde", "Ivo", "Jana", "Kuno", "Lena")
_LAST = ("Brandt", "Ekholm", "Tarnow", "Vries")
_VILLAGES = (
    *("Aldersund", "Birkhaven", "Cromsee", "Dolmar", "Elmsford", "Farnby"),
    *("Grauhof", "Hollin", "Isenby", "Juststrand", "Kelmoor", "Lothen"),
)
_STONES, _COLOURS = ("granite", "brick", "sandstone", "iron"), ("white", "red", "green", "yellow")
_SHIPS = ("Heron", "Meridian", "Old Marta", "Saltwind", "Tern", "Windrose")
SHOWN = 8
"""The last lights, of which the examples are and no question is."""


class Light(Struct, frozen=True):
    """One lighthouse with its keeper and what is known of both."""

    name: str
    built: int
    height_m: int
    keeper: str
    born: int
    years_at_sea: int
    village: str


class Asked(Struct, frozen=True):
    """A question with its answer and the steps to it, one a document."""

    question: str
    answer: str
    steps: tuple[Step, ...]


def lights() -> tuple[Light, ...]:
    """All lights, in a fixed order."""
    random = Random("harbour")
    names = [start + end for start in _STARTS for end in _ENDS]
    keepers = [f"{first} {last}" for first in _FIRST for last in _LAST]
    random.shuffle(names)
    random.shuffle(keepers)
    return tuple(
        Light(
            f"{name} Light",
            random.randint(1780, 1935),
            random.randint(11, 58),
            keeper,
            random.randint(1938, 1994),
            random.randint(2, 31),
            random.choice(_VILLAGES),
        )
        for name, keeper in zip(names, keepers, strict=True)
    )


def documents() -> tuple[Document, ...]:
    """One document a light, a keeper and a village."""
    random, found = Random("harbour documents"), []
    for light in lights():
        found.append(
            Document(
                light.name,
                f"{light.name} was built of {random.choice(_STONES)} in {light.built}. It is {light.height_m} metres "
                f"high and shows a {random.choice(_COLOURS)} light every {random.randint(3, 20)} seconds. "
                f"Its keeper is {light.keeper}.",
            )
        )
        found.append(
            Document(
                light.keeper,
                f"{light.keeper} comes from {light.village} and was born in {light.born}. Before keeping a light, "
                f"{light.keeper.split()[0]} served {light.years_at_sea} years on the {random.choice(_SHIPS)} and "
                f"learned {random.randint(2, 6)} languages.",
            )
        )
    for village, kilograms in bells().items():
        found.append(
            Document(
                village,
                f"{village} is a village of {random.randint(90, 900)} people. The bell of its church weighs "
                f"{kilograms} kilograms and was cast in {random.randint(1650, 1890)}.",
            )
        )
    return tuple(found)


def bells() -> dict[str, int]:
    """What the church bell of each village weighs, in kilograms."""
    random = Random("harbour bells")
    return {village: random.randint(120, 990) for village in _VILLAGES}


def asked(light: Light, hops: int, variant: int) -> Asked:
    """A question on a light whose answer needs 1, 2 or 3 documents; two variants of the first two."""
    name, keeper = light.name, light.keeper
    who = Step(f"Who is the keeper of {name}?", keeper)
    if hops == 1:
        one = Step(f"How many metres high is {name}?", str(light.height_m))
        other = Step(f"In which year was {name} built?", str(light.built))
        step = other if variant else one
        return Asked(step.question, step.answer, (step,))
    if hops == 2 and variant:
        last = Step(f"How many years did {keeper} serve on a ship?", str(light.years_at_sea))
        text = f"How many years did the keeper of {name} serve on a ship?"
    elif hops == 2:
        last = Step(f"In which year was {keeper} born?", str(light.born))
        text = f"In which year was the keeper of {name} born?"
    else:
        last = Step(
            f"How many kilograms does the church bell of {light.village} weigh?", str(bells()[light.village])
        )
        text = f"How many kilograms does the church bell weigh in the village that the keeper of {name} comes from?"
        return Asked(text, last.answer, (who, Step(f"From which village is {keeper}?", light.village), last))
    return Asked(text, last.answer, (who, last))


def examples() -> tuple[Example, ...]:
    """Solved questions on the lights that no question is about."""
    found = [asked(light, 2 if i % 2 else 1, i // 2 % 2) for i, light in enumerate(lights()[-SHOWN:])]
    return tuple(Example(a.question, a.answer, a.steps) for a in found)
