"""Several ways to ask, on the same questions, bought question by question: what benches of whole answers share.

A question is asked in every way before the next one is begun, and questions of several tasks take turns. So a run can
be stopped at any moment: what is complete is balanced, and the same command goes on. Answers are lines of
`rows.jsonl`; all of them buy through one call cache, so that what two ways have in common is drawn once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay import plugins
from outlay.engine import Outlay
from outlay.errors import NoAnswer, UsageError
from outlay.models.local import local
from outlay.models.provider import Provider
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson
from outlay.tasks import CORRECT, Item, open_task
from outlay.types import Question

MODELS = Path.home() / ".cache/outlay-test-models"


class Arm(Struct, frozen=True):
    """One way to ask: a strategy, what is done to the question before, and what is put around it."""

    name: str
    strategy: str
    asked: Callable[[Question], Question]
    framings: tuple[str, ...] = ()


class Row(Struct, frozen=True):
    """One answer. What is said `in_text` holds for the text as it is, also where its end was cut off."""

    task: str
    arm: str
    question_id: str
    right: bool = False
    parsed: bool = False
    right_in_text: bool = False
    parsed_in_text: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0
    failed: str = ""
    calls: int = 0


def arguments(
    what: str | None, questions: int, model: str, *, scripted: bool = False
) -> argparse.ArgumentParser:
    """What every such bench can be told; one that has scripted models of its own asks a real one with `--live DIR`."""
    asked = argparse.ArgumentParser(description=what, formatter_class=argparse.RawTextHelpFormatter)
    if scripted:
        asked.add_argument("--live", dest="dir", type=Path, help="ask a real model; the folder of its answers")
    else:
        asked.add_argument("dir", type=Path)
    asked.add_argument("--questions", type=positive, default=questions, help="of each task")
    asked.add_argument("--model", default=str(MODELS / model), help="a name, or a path to a .gguf file")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--at-once", type=int, default=2, help="questions in flight")
    asked.add_argument("--table", action="store_true", help="the table of what is there; buys nothing")
    return asked


async def buy(
    given: argparse.Namespace,
    tasks: Sequence[str],
    arms: Sequence[Arm],
    verifier: str | None,
    model: Provider | None = None,
) -> None:
    """Buy what is missing, in silence of `model` where it is given and else of the one that is named.

    Raises:
        UsageError: the folder holds answers of another model or seed, or of an arm that asked otherwise.
    """
    _same(given, arms)
    done = {(r.task, r.arm, r.question_id) for r in rows(given.dir)}
    items = [
        [(task, item) for item in open_task(task, questions=given.questions, seed=given.seed)] for task in tasks
    ]
    turns = [found for found in chain.from_iterable(zip_longest(*items)) if found is not None]
    left = [(t, i) for t, i in turns if any((t, arm.name, i.question.id) not in done for arm in arms)]
    seller = model or (local(given.model) if given.model.endswith(".gguf") else given.model)
    room, began_s, bought = asyncio.Semaphore(given.at_once), time.perf_counter(), 0
    async with Outlay(seller, store=given.dir / "ledger.db", seed=given.seed, cache=True, what="bench") as shop:
        with (given.dir / "rows.jsonl").open("ab") as file:

            async def question(task: str, item: Item) -> None:
                nonlocal bought
                async with room:
                    for arm in arms:
                        if (task, arm.name, item.question.id) not in done:
                            row = await _answered(shop, task, arm, item, verifier)
                            file.write(msgspec.json.encode(row) + b"\n")
                            file.flush()
                bought += 1
                a_question_s = (time.perf_counter() - began_s) / bought
                if model is None:
                    left_min = a_question_s * (len(left) - bought) / 60
                    _say(
                        f"{len(turns) - len(left) + bought} of {len(turns)}: {item.question.id} of {task}, "
                        f"{a_question_s:.0f} s a question, about {left_min:.0f} min left"
                    )

            async with asyncio.TaskGroup() as group:
                for task, item in left:
                    group.create_task(question(task, item))


def rows(folder: Path) -> list[Row]:
    """The answers of a folder; a last line that a killed process left unfinished is dropped."""
    path = folder / "rows.jsonl"
    if not path.exists():
        return []
    whole, _, unfinished = path.read_bytes().rpartition(b"\n")
    if unfinished:
        path.write_bytes(whole + b"\n" if whole else b"")
    return [msgspec.json.decode(line, type=Row) for line in whole.splitlines()]


def balanced(found: Sequence[Row], arms: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of each arm, in one order of questions, of those questions that all arms have answered."""
    by_place = {(r.arm, r.question_id): r for r in found}
    questions = sorted({r.question_id for r in found})
    whole = [q for q in questions if all((arm, q) in by_place for arm in arms)]
    return {arm: [by_place[arm, q] for q in whole] for arm in arms}


def share(values: Sequence[bool]) -> str:
    """A share with its interval, as a cell of a table."""
    inside: Interval = wilson(sum(values), len(values))
    return f"{sum(values) / len(values):.3f} ({inside.low:.3f} … {inside.high:.3f})"


async def _answered(shop: Outlay, task: str, arm: Arm, item: Item, verifier: str | None) -> Row:
    try:
        plan = await shop.plan(arm.strategy, verifier=verifier, framings=arm.framings)
        answer = await shop.buy(arm.asked(item.question), plan)
    except NoAnswer as failure:
        return Row(task, arm.name, item.question.id, failed=str(failure))
    kind = plugins.load("answer kind", item.question.kind or "text")
    stated = kind.extract(answer.text)
    return Row(
        task,
        arm.name,
        item.question.id,
        await shop.judge(item, answer.answer, answer.text) >= CORRECT if answer.key is not None else False,
        answer.key is not None,
        stated is not None and await shop.judge(item, stated, answer.text) >= CORRECT,
        stated is not None,
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.cost_nusd or 0,
        calls=answer.calls,
    )


def _same(given: argparse.Namespace, arms: Sequence[Arm]) -> None:
    """Refuse a folder of another model or seed, or one where an arm of that name is another way to ask."""
    given.dir.mkdir(parents=True, exist_ok=True)
    path, asked = given.dir / "asked.json", {"model": given.model, "seed": given.seed}
    ways = {arm.name: " ".join((arm.strategy, *arm.framings)) for arm in arms}
    before = msgspec.json.decode(path.read_bytes()) if path.exists() else dict(asked)
    known = before.pop("arms", {})
    if before != asked:
        raise UsageError(f"{given.dir} holds answers to {before}, not {asked}; choose another folder.")
    for name in ways.keys() & known.keys():
        if ways[name] != known[name]:
            raise UsageError(
                f"{given.dir} holds {name!r} as {known[name]}, not as {ways[name]}; choose another folder."
            )
    path.write_bytes(msgspec.json.encode({**asked, "arms": known | ways}))


def positive(text: str) -> int:
    """A whole number from 1, as an argument of a command line."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"ask at least 1 question, not {number}")
    return number


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
