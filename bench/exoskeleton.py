"""A directed check of the evidence against its controls: a 2 x 2 design by question; scripted readers, or a real one.

    python bench/exoskeleton.py                                        scripted readers, in memory: seconds
    python bench/exoskeleton.py --live DIR [--model NAME] [--questions 200]      a real model; can be resumed
    python bench/exoskeleton.py --live DIR --beside DIR2               two models: tuned or not x check or not

Each document has eight to fifteen facts and three questions: one that it answers, one whose fact it lacks, and one
where it contradicts what everybody knows. Each is a choice of four, one of them "the source does not tell it". Arms
are the check and its four controls (the framing `exoskeleton:check=…`). First 2 x 2: check x evidence (is the fact
there or lacking), by document. Second, with two models: model x check, by question. The interaction is positive only
where the two do more together than apart.

The scripted readers obey what they are told with stated chances. They show that the design finds a planted interaction
and finds none where there is none; they say nothing about a model.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from arms import Arm, Row, arguments, balanced, buy, rows, share

from outlay.errors import CannotSay
from outlay.models.scripted import Script, scripted
from outlay.money import Price
from outlay.prompts.exoskeleton import CHECKS
from outlay.stats.difference_in_differences import difference_in_differences
from outlay.types import Question, Request, Sampling

KINDS = ("there", "lacking", "contradicted")
NAMES = ("mill", "harbour", "bakery", "library", "bridge", "school", "garden", "tower", "market", "station")
FACTS = (
    "opened in",
    "has so many rooms:",
    "costs so many coins a visit:",
    "is so many feet high:",
    "employs so many:",
)
KNOWN = (
    ("How many days does a week have?", 7, "A week has {} days."),
    ("How many legs does a spider have?", 8, "A spider has {} legs."),
    ("How many minutes does an hour have?", 60, "An hour has {} minutes."),
    ("How many sides does a triangle have?", 3, "A triangle has {} sides."),
)
LEAD = "Which number belongs in the place of the dots? "
UNTOLD = "D"
"""The choice that says: the source does not tell it."""


def document(seed: int) -> list[dict[str, Any]]:
    """A document's three questions, each as a line of a task file."""
    rng = Random(f"document {seed}")
    places = rng.sample([(n, f) for n in NAMES for f in FACTS], rng.randint(9, 16))
    values = rng.sample(range(20, 1000), len(places))
    *told, ((name, fact), lost) = list(zip(places, values, strict=True))
    (place, what), value = rng.choice(told)
    asked, true, sentence = rng.choice(KNOWN)
    changed = true + rng.choice([-1, 1, 2])
    lines = [f"The {n} {f} {v}." for (n, f), v in told] + [sentence.format(changed)]
    rng.shuffle(lines)
    text = " ".join(lines)
    others = [v for _, v in told if v != value]
    return [
        _line(seed, "there", text, f"{LEAD}The {place} {what} …", value, rng.sample(others, 2), rng),
        _line(seed, "lacking", text, f"{LEAD}The {name} {fact} …", None, [lost, rng.choice(others)], rng),
        _line(seed, "contradicted", text, asked, changed, [true, rng.choice(others)], rng),
    ]


def _line(
    seed: int, kind: str, text: str, asked: str, right: int | None, wrong: Sequence[int], rng: Random
) -> dict[str, Any]:
    numbers = [n for n in (right, *wrong, rng.randint(1000, 2000)) if n is not None][:3]
    rng.shuffle(numbers)
    shown = "\n".join(f"{letter}) {n}" for letter, n in zip("ABC", numbers, strict=True))
    question = f"{text}\n\n{asked}\n{shown}\n{UNTOLD}) The source does not tell it"
    answer = UNTOLD if right is None else "ABC"[numbers.index(right)]
    return {"id": f"{kind}-{seed}", "question": question, "answer": answer, "kind": "choice"}


def written(folder: Path, documents: int) -> list[str]:
    """The task files, one a kind of question."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line for seed in range(documents) for line in document(seed)]
    for kind in KINDS:
        own = [msgspec.json.encode(line) for line in lines if line["id"].startswith(kind)]
        (folder / f"{kind}.jsonl").write_bytes(b"\n".join(own) + b"\n")
    return [str(folder / f"{kind}.jsonl") for kind in KINDS]


def capped(question: Question) -> Question:
    return msgspec.structs.replace(question, sampling=Sampling(temperature=0.6, max_output_tokens=320))


ARMS = [Arm(check, "single", capped, (f"exoskeleton:check={check}",)) for check in CHECKS]


def reader(finds: dict[str, float]) -> Script:
    """Looks into the source with the chance stated for a demand; else it takes what it believes or guesses."""

    def says(request: Request, index: int) -> str:
        asked = str(request.messages[0]["content"])
        check = next(name for name, text in sorted(CHECKS.items(), key=lambda c: -len(c[1])) if text in asked)
        rng = Random(f"{request.seed} {index} {asked[:400]}")
        choices = dict(line.split(") ", 1) for line in asked.split("\n") if line[:3] in ("A) ", "B) ", "C) "))
        if rng.random() >= finds.get(check, finds["plain"]):
            believed = {str(n) for question, n, _ in KNOWN if question in asked} & set(choices.values())
            wanted = believed or {rng.choice(sorted(choices.values()))}
            return f"Answer: {next(letter for letter, v in choices.items() if v in wanted)}"
        text, _, question = asked.partition("\n\n")
        known = next((s for q, _, s in KNOWN if q in question), "")
        begun = known.partition("{}")[0] or question.removeprefix(LEAD).partition("…")[0]
        value = text.partition(begun)[2].split(".")[0].split(" ")[0] if begun in text else ""
        return f"Answer: {next((letter for letter, v in choices.items() if v == value), UNTOLD)}"

    return says


READERS = {
    "untuned": {"plain": 0.45, "undirected": 0.5, "partial": 0.5, "directed": 0.55, "filler": 0.45},
    "tuned, obeys the check": {
        "plain": 0.5,
        "undirected": 0.55,
        "partial": 0.7,
        "directed": 0.95,
        "filler": 0.5,
    },
    "tuned, better in any case": {
        "plain": 0.75,
        "undirected": 0.8,
        "partial": 0.8,
        "directed": 0.85,
        "filler": 0.75,
    },
}
"""The chance to look into the source, by demand. The last one adds 0.3 to the first throughout: no interaction."""


def by_kind(found: Sequence[Row]) -> dict[str, dict[str, list[Row]]]:
    """The rows of each kind of question and arm, in one order of documents."""
    return {k: balanced([r for r in found if Path(r.task).stem == k], list(CHECKS)) for k in KINDS}


def interaction(cells: Sequence[Sequence[Row]]) -> str:
    try:
        told = difference_in_differences(*([float(r.right) for r in of] for of in cells))
    except CannotSay as why:
        return str(why)
    return (
        f"{told.interaction:+.3f} ({told.interval.low:+.3f} … {told.interval.high:+.3f}), p = {told.p_value:.2g}, "
        f"{told.questions} pairs"
    )


def table(name: str, found: Sequence[Row]) -> None:
    """One reader: right answers by arm and kind, and the check x evidence interaction."""
    cells = by_kind(found)
    n = min(len(cells[k]["plain"]) for k in KINDS)
    print(f"\n### {name}, {n} documents\n")
    print(f"| demand | {' | '.join(f'{k}: right (95 %)' for k in KINDS)} | tokens in | out |")
    print("|---|---|---|---|---|---|")
    for check in CHECKS:
        of = [r for k in KINDS for r in cells[k][check]]
        shown = " | ".join(share([r.right for r in cells[k][check]]) for k in KINDS)
        tokens = [
            sum(getattr(r, side) for r in of) / max(len(of), 1) for side in ("input_tokens", "output_tokens")
        ]
        print(f"| {check} | {shown} | {tokens[0]:.0f} | {tokens[1]:.0f} |")
    evidence = [cells[k][check] for check in ("plain", "directed") for k in ("there", "lacking")]
    print(f"\ncheck x lacking evidence: {interaction(evidence)}")


def table_of_two(one: Sequence[Row], other: Sequence[Row]) -> str:
    """Model x check over all questions that both have."""
    cells = [[r for k in KINDS for r in by_kind(f)[k][c]] for f in (one, other) for c in ("plain", "directed")]
    return interaction(cells)


async def scripted_rows(readers: dict[str, dict[str, float]], documents: int) -> dict[str, list[Row]]:
    """What each scripted reader answers."""
    found = {}
    for name, finds in readers.items():
        with tempfile.TemporaryDirectory() as folder:
            given = argparse.Namespace(
                dir=Path(folder), questions=documents, model=name, seed=0, at_once=4, table=False
            )
            model = scripted(reader(finds), name=name, price=Price(1_000_000, 4_000_000), keep=False)
            tasks = written(Path(folder) / "tasks", documents)
            await buy(given, tasks, ARMS, None, model)
            found[name] = [msgspec.structs.replace(r, task=Path(r.task).name) for r in rows(given.dir)]
    return found


def main() -> None:
    asked = arguments(__doc__, questions=200, model="qwen-0.5b.gguf", scripted=True)
    asked.add_argument("--beside", type=Path, help="the folder of another model's run, to compare with")
    given = asked.parse_args()
    if given.dir is None:
        found = asyncio.run(scripted_rows(READERS, given.questions))
        for name, of in found.items():
            table(name, of)
        base, *others = found
        for name in others:
            print(f"model x check, {base!r} and {name!r}: {table_of_two(found[base], found[name])}")
        return
    if not given.table:
        tasks = written(given.dir / "tasks", given.questions)
        asyncio.run(buy(given, tasks, ARMS, None))
    table(given.model, rows(given.dir))
    if given.beside is not None:
        print(f"model x check: {table_of_two(rows(given.beside), rows(given.dir))}")


if __name__ == "__main__":
    main()
