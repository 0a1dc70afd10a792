"""The task `recorded/FILE`: a recording's questions, found again by its own recorded models."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from outlay.config import Config
from outlay.engine import Outlay
from outlay.errors import UsageError
from outlay.models.recording_file import read, shipped, write
from outlay.tasks import CORRECT, open_task

POOLS = ("recorded/pool-q05-sums", "recorded/pool-q15-sums")


def test_two_recordings_of_the_same_questions_are_one_task():
    small, large = (open_task(name, questions=40, seed=0) for name in POOLS)
    assert len(small) == 40
    assert small.items == large.items


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_kind_scores_every_shipped_sample_that_was_flagged_right(name: str):
    recording = read(name)
    task = open_task(f"recorded/{name}", questions=1000, seed=0)
    assert len(task) == len(recording.questions)
    for item, question in zip(task, recording.questions, strict=True):
        assert item.score(question.reference, question.reference) == CORRECT
        assert item.question.messages == question.messages


async def test_each_model_answers_the_questions_of_its_recording():
    task = open_task(POOLS[0], questions=8, seed=0)
    for name in POOLS:
        async with Outlay(name, store=":memory:", config=Config()) as outlay:
            asked = [outlay.ask(i.question, strategy="self_consistency:n=8") for i in task]
            answers = await asyncio.gather(*asked)
        assert all(a.calls == 8 and a.cost_nusd for a in answers)
    assert sum(i.score(a.answer, a.text) for i, a in zip(task, answers, strict=True)) >= 7


def test_a_question_without_a_reference_is_kept_and_cannot_be_scored(tmp_path: Path):
    recording = read("pool-q05-sums")
    first = msgspec.structs.replace(recording.questions[0], reference="")
    write(tmp_path / "own.json", msgspec.structs.replace(recording, questions=(first,)))
    (item,) = open_task(f"recorded/{tmp_path}/own.json", questions=3, seed=0)
    with pytest.raises(UsageError, match="no reference"):
        item.score("1", "1")


def test_an_unknown_recording_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean pool-q05-sums"):
        open_task("recorded/pool-q05-sum", questions=1, seed=0)
