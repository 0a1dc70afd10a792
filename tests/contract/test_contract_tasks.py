"""Every task file, unasked: deterministic, unique ids, a prefix property, an honest scorer."""

from __future__ import annotations

import importlib.util
import json

import pytest

from outlay import plugins
from outlay.tasks import CORRECT, open_task

NAMES = sorted(plugins.names("task"))
FILES = {"jsonl": "jsonl:{}", "csv": "{}", "gsm8k": "gsm8k:{}", "recorded": "recorded/pool-q05-sums"}


def written(name, folder):
    """What a user writes for a task, with a file where it needs one."""
    if name == "reasoning_gym":
        if importlib.util.find_spec("reasoning_gym") is None:
            pytest.skip("needs the extra `tasks`")
        return "reasoning_gym/chain_sum?min_terms=2"
    if name == "jsonl":
        lines = [json.dumps({"question": f"{i} + 1?", "answer": i + 1}) for i in range(20)]
    elif name == "csv":
        lines = ["id,question,answer,kind", *(f'q{i},"{i} + 1, then?",{i + 1},number' for i in range(20))]
    elif name == "gsm8k":
        lines = [json.dumps({"question": f"{i} + 1?", "answer": f"Add.\n#### {i + 1}"}) for i in range(20)]
    else:
        return FILES.get(name, name)
    path = folder / f"questions.{'csv' if name == 'csv' else 'jsonl'}"
    path.write_text("\n".join(lines), "utf-8")
    return FILES[name].format(path)


@pytest.fixture(params=NAMES)
def task_text(request, tmp_path):
    return written(request.param, tmp_path)


def test_the_same_words_and_seed_give_the_same_questions(task_text):
    first, again = (open_task(task_text, questions=12, seed=5) for _ in range(2))
    assert first.name == task_text
    assert [i.question for i in first] == [i.question for i in again]
    assert [i.reference for i in first] == [i.reference for i in again]


def test_ids_are_unique_and_questions_do_not_carry_the_key(task_text):
    task = open_task(task_text, questions=20, seed=5)
    assert len(task) == 20
    assert len({i.question.id for i in task}) == 20
    assert all(i.question.kind for i in task)
    assert task.kind == task[0].question.kind


def test_fewer_questions_are_a_prefix(task_text):
    long, short = (open_task(task_text, questions=n, seed=5) for n in (20, 10))
    assert [(i.question, i.reference, i.tests) for i in long[:10]] == [
        (i.question, i.reference, i.tests) for i in short
    ]


def test_the_scorer_accepts_the_reference_and_rejects_a_corruption(task_text):
    for item in open_task(task_text, questions=20, seed=5):
        assert item.score(item.reference, f"Answer: {item.reference}") == CORRECT
        wrong = {"choice": "J" if item.reference != "J" else "A"}.get(item.question.kind, f"{item.reference}1")
        for value in (wrong, None, "", "x" * 1_000_000, "9" * 100_000):
            assert 0.0 <= item.score(value, str(value)) < CORRECT


def test_the_kind_reads_its_own_reference(task_text):
    for item in open_task(task_text, questions=20, seed=5):
        kind = plugins.load("answer kind", item.question.kind)
        assert kind.equal(item.reference, item.reference)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name):
    assert len(plugins.names("task")[name]) > 20


@pytest.mark.parametrize("name", [n for n in NAMES if n not in FILES and n != "reasoning_gym"])
def test_generators_differ_by_seed_and_take_any_integer(name):
    texts = [[i.question.messages for i in open_task(name, questions=10, seed=s)] for s in (0, 1, -1, 2**70)]
    assert all(a != b for n, a in enumerate(texts) for b in texts[:n])
