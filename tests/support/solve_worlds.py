"""Recorded models made for a test: what each sample of each question says, at a stated price."""

from __future__ import annotations

from pathlib import Path

from outlay.models.recording import FORMAT, VERSION, RecordedQuestion, RecordedSample, Recording
from outlay.models.recording_file import write
from outlay.money import NUSD, Price
from outlay.tasks import Task, open_task
from outlay.types import Sampling

RIGHT = "7"
TOKENS = 10


def record(
    path: Path, said_QS: list[list[str]], *, usd_per_token: float = 1e-6, prompt_usd: float = 0.0
) -> str:
    """Write a recording whose samples state these numbers, and return its name; prompts are one token."""
    price = Price(round(prompt_usd * 1e6 * NUSD), round(usd_per_token * 1e6 * NUSD))
    write(
        path,
        Recording(
            FORMAT,
            VERSION,
            "scripted",
            "sevens",
            price,
            Sampling(),
            tuple(map(_question, range(len(said_QS)), said_QS)),
        ),
    )
    return f"recorded/{path}"


def _question(number: int, said_S: list[str]) -> RecordedQuestion:
    samples = tuple(RecordedSample(f"The answer is {s}.", TOKENS, "stop", s == RIGHT, s) for s in said_S)
    messages = ({"role": "user", "content": f"Question {number}: which number is meant?"},)
    return RecordedQuestion(f"q{number:02}", messages, "number", RIGHT, 1, samples)


def scattered(samples: int) -> list[str]:
    """As many wrong answers as samples."""
    return [str(100 + s) for s in range(samples)]


def cheap_and_dear(
    folder: Path, *, questions: int = 24, samples: int = 8, dear: float = 20.0
) -> tuple[str, str]:
    """A cheap model that knows every second question and says something else each time on the others; a dear one
    that knows all."""
    small = [[RIGHT] * samples if q % 2 == 0 else scattered(samples) for q in range(questions)]
    large = [[RIGHT] * samples] * questions
    return (
        record(folder / "cheap.json", small),
        record(folder / "dear.json", large, usd_per_token=dear * 1e-6),
    )


def labelled(name: str, labels: int | None = None) -> Task:
    """The recording's questions, of which the first so many keep their reference."""
    from msgspec.structs import replace

    task = open_task(name, questions=1000, seed=0)
    items = tuple(
        item if labels is None or i < labels else replace(item, reference=None) for i, item in enumerate(task)
    )
    return Task(task.name, items)
