"""The question put back into a chain of thought: where the detector says, elsewhere, or not; scripted, or a real model.

    python bench/echo_arms.py                                    a scripted model that forgets, in memory: seconds
    python bench/echo_arms.py --live DIR [--model NAME] [--questions 200]        a real one; can be resumed
    python bench/echo_arms.py --live DIR --table

Every arm has the same first chain. Where its head does not repeat the question it is cut and the model goes on from
there, with the same seed in every arm; a chain that repeats it stays as it is. Only what is written after the cut is
graded. The arms:

    nowhere     cut at the detected place, nothing is put there
    detected    the question, at the end of the step in which the first 32 words end without an echo
    half        the question, at the step nearest to the middle (the paper's test)
    random      the question, at another step, drawn by chance
    other       another question, at the detected place: it must not help
    again       a second chain in its place: what equal cost buys without any of this

Gains are over `nowhere`, paired by question: of the first chains that were wrong, and of all.

The scripted model answers right if the question stands within its last 50 words, and guesses (20 %) once it has written
more without it: then it is lost, whatever is put there later. So the design can tell a good place from a late one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))
from arms import Arm, Row, arguments, balanced, buy, rows, share

from outlay.models.scripted import scripted
from outlay.money import Price
from outlay.prompts._data import conversation
from outlay.run import Run
from outlay.skeletons.one_chain import answer_of
from outlay.stats.echo import echoes
from outlay.stats.paired import paired
from outlay.tasks import open_task
from outlay.types import Answer, Question, Request, Sampling

HEAD_WORDS = 32
"""Words of a chain in which the echo is looked for, as the paper's probe reads them."""
TASK = "chain_sum?min_terms=4&max_terms=6&min_digits=2&max_digits=3"
Place = Literal["nowhere", "detected", "half", "random", "other", "again", "first"]
PLACES: tuple[Place, ...] = ("nowhere", "detected", "half", "random", "other", "again")
REMINDER, BRIDGE = "Let me look back at the question:", "So now I know what is asked."


def steps_of(text: str) -> list[int]:
    """Where steps end: after each line that is followed by another one."""
    return [i + 1 for i, c in enumerate(text) if c == "\n" and text[i + 1 :].strip()]


def place_of(text: str, at: Place, rng: Random) -> int | None:
    """Where a chain is cut, or None where it has no step to cut at."""
    ends = steps_of(text)
    if not ends:
        return None
    detected = next((e for e in ends if len(text[:e].split()) >= HEAD_WORDS), ends[-1])
    if at == "half":
        return min(ends, key=lambda e: abs(e - len(text) / 2))
    others = [e for e in ends if e != detected]
    return rng.choice(others) if at == "random" and others else detected


async def reinserted(run: Run, question: Question, *, at: Place, other: str = "") -> Answer:
    """The answer of a chain with the question put back at a place; see the head of this file."""
    pool = await run.sample(question, n=2 if at == "again" else 1)
    first = pool.samples[0].completion
    if first is None:
        return Answer(question.id, "", stopped="the first chain failed")
    asked = conversation(question.messages)
    head = " ".join(first.text.split()[:HEAD_WORDS])
    cut = place_of(first.text, at, run.rng("place"))
    if at == "first" or cut is None or echoes(asked, head):
        return await answer_of(run, question, first, stopped="as it was")
    if at == "again":
        second = pool.samples[1].completion
        return await answer_of(run, question, second or first, stopped="a second chain")
    put = "" if at == "nowhere" else f"{REMINDER}\n{other if at == 'other' else asked}\n{BRIDGE}\n"
    (said,) = await run.complete(
        question.messages,
        role="default",
        label="reinserted",
        sampling=question.sampling,
        prefix=first.text[:cut] + put,
    )
    return await answer_of(run, question, said, stopped=f"cut at {cut} of {len(first.text)} characters")


def drawn(question: Question) -> Question:
    return msgspec.structs.replace(question, sampling=Sampling(temperature=0.6, max_output_tokens=320))


def arms(other: str) -> list[Arm]:
    """The first chain as it is, and every place. `other` is a question that is none of those asked."""
    spec = "bench.echo_arms:reinserted"
    quoted = msgspec.json.encode(other).decode()
    return [
        Arm(p, f"{spec}:at={p}" + (f",other={quoted}" if p == "other" else ""), drawn)
        for p in ("first", *PLACES)
    ]


WINDOW, LENGTH, WORDS = 50, 80, 8
"""Of the scripted model: how far back it sees the question, how long its chains are, and a line of them, in words."""


def forgetful(keys: dict[str, str]):
    """The scripted model of the head of this file, over questions and their answers."""

    def says(request: Request, index: int) -> str:
        asked = str(request.messages[0]["content"])
        said = request.prefix or ""
        rng = Random(f"{request.seed} {index} {asked}")
        written, since, lost = _read(said, asked.split("\n")[0])
        lines = []
        while written < LENGTH:
            written, since = written + WORDS, since + WORDS
            lost = lost or since > WINDOW
            lines.append(" ".join([f"{'lost' if lost else 'work'}{written}", *["on"] * (WORDS - 1)]))
        right = keys[asked.split("\n")[0]]
        value = right if not lost or rng.random() < 0.2 else f"{right}9"
        return "\n".join([*lines, f"Answer: {value}"])

    return says


def _read(said: str, asked: str) -> tuple[int, int, bool]:
    """Words of its own that it has written, words since the question was last seen, and whether it is lost."""
    own = [line for line in said.split("\n") if line.startswith(("work", "lost"))]
    after = said.rpartition(asked)[2] if asked in said else said
    since = WORDS * sum(line.startswith(("work", "lost")) for line in after.split("\n"))
    return WORDS * len(own), since, any(line.startswith("lost") for line in own)


def table(found: Sequence[Row]) -> None:
    """Every arm over the questions that all of them answered."""
    by_arm = balanced(found, ["first", *PLACES])
    first = by_arm["first"]
    wrong = [i for i, r in enumerate(first) if not r.right]
    print(
        f"{len(first)} questions; the first chain is right in {share([r.right for r in first])}\n"
        if first
        else "nothing yet"
    )
    if not first:
        return
    print(
        "| put back | right, of all (95 %) | gain on nowhere | right, of the wrong | gain on nowhere | tokens out |"
    )
    print("|---|---|---|---|---|---|")
    for name in PLACES:
        of, on = by_arm[name], by_arm["nowhere"]
        tokens = sum(r.output_tokens for r in of) / len(of)
        mended = share([of[i].right for i in wrong]) if wrong else "–"
        gains = [_gain(of, on, range(len(of))), _gain(of, on, wrong)]
        print(
            f"| {name} | {share([r.right for r in of])} | {gains[0]} | {mended} | {gains[1]} | {tokens:.0f} |"
        )


def _gain(of: Sequence[Row], on: Sequence[Row], places: Sequence[int]) -> str:
    if of is on or not places:
        return "–"
    told = paired([float(on[i].right) for i in places], [float(of[i].right) for i in places], seed=0)
    return f"{told.difference:+.3f} ({told.interval.low:+.3f} … {told.interval.high:+.3f})"


async def scripted_rows(questions: int) -> list[Row]:
    """What the scripted model answers."""
    task = "multiplication?min_digits=2&max_digits=3"
    items, spare = (open_task(task, questions=n, seed=s) for n, s in ((questions, 0), (1, 77)))
    keys = {conversation(i.question.messages).split("\n")[0]: i.reference or "" for i in (*items, *spare)}
    with tempfile.TemporaryDirectory() as folder:
        given = argparse.Namespace(dir=Path(folder), questions=questions, model="forgetful", seed=0, at_once=4)
        model = scripted(forgetful(keys), price=Price(1_000_000, 4_000_000), keep=False)
        await buy(given, [task], arms(conversation(spare[0].question.messages)), None, model)
        return rows(given.dir)


def main() -> None:
    asked = arguments(__doc__, questions=200, model="qwen-0.5b.gguf", scripted=True)
    asked.add_argument("--task", default=TASK)
    given = asked.parse_args()
    if given.dir is None:
        table(asyncio.run(scripted_rows(given.questions)))
        return
    if not given.table:
        (spare,) = open_task(given.task, questions=1, seed=given.seed + 1_000_003)
        asyncio.run(buy(given, [given.task], arms(conversation(spare.question.messages)), None))
    table(rows(given.dir))


if __name__ == "__main__":
    main()
