"""What users write for a task, and each sentence they get when it is wrong."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import json

import pytest

from outlay.errors import MissingExtra, UsageError
from outlay.sandbox.killable import WorkerKilled, Workers
from outlay.tasks import Item, open_task, reasoning_gym
from outlay.types import Question


def opened(text, questions=3, seed=1):
    return open_task(text, questions=questions, seed=seed)


def test_parameters_are_used():
    task = opened("chain_sum?min_terms=4&max_terms=4&min_digits=3&max_digits=3", questions=20)
    for item in task:
        words = item.question.messages[0]["content"].split(": ")[1].removesuffix(" =").split()
        assert len(words[::2]) == 4
        assert all(len(w) == 3 for w in words[::2])
        total = int(words[0])
        for sign, term in zip(words[1::2], words[2::2], strict=True):
            total += int(term) if sign == "+" else -int(term)
        assert item.reference == str(total)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("chain_sun", "did you mean chain_sum"),
        ("chain_sum?min_term=2", "did you mean min_terms"),
        ("chain_sum?min_terms=1", r"min_terms='1' is not allowed \(2 … 20\)"),
        ("chain_sum?min_terms=two", "min_terms='two' is not allowed"),
        ("chain_sum?min_terms=5&max_terms=4", "min_terms=5 is above max_terms=4"),
        ("chain_sum?min_terms", "not written like key=value"),
        ("chain_sum?words=2&words=3", "given twice"),
        ("python_function:3", "takes no parameters"),
        ("gsm8k", "gsm8k needs file"),
        ("gsm8k:nowhere.jsonl", "There is no file nowhere.jsonl"),
        ("nowhere.jsonl", "There is no file nowhere.jsonl"),
        ("nowhere.csv", "There is no file nowhere.csv"),
        ("os.path:basename", r"no function of \(questions, seed"),
        ("operator:add", r"returned a int; make it return"),
        ("no.such.module:f", "cannot be imported"),
        ("", "There is no task ''"),
    ],
)
def test_wrong_words(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        opened(text)


def test_no_questions():
    with pytest.raises(UsageError, match="at least 1"):
        opened("chain_sum", questions=0)


GOOD = '{"id": "a", "question": "1+1?", "answer": "2", "kind": "number"}'


@pytest.mark.parametrize(
    "lines, sentence",
    [
        ([GOOD, '{"id": "b", "question": '], r"q\.jsonl:2: this line is not JSON"),
        ([GOOD, "[1]"], r":2: this line is no JSON object"),
        ([GOOD, "", GOOD], r":3: the id 'a' was used before, in line 1"),
        (['{"question": "x", "messages": []}'], ":1: write either"),
        (['{"answer": "x"}'], ":1: write either"),
        (['{"question": "  "}'], ":1: `question` must be a text"),
        (['{"messages": ["x"]}'], ":1: `messages` must be a list"),
        (['{"messages": []}'], ":1: `messages` must be a list"),
        (['{"question": "x", "anwser": "2"}'], "did you mean answer"),
        (['{"question": "x", "kind": "numbr"}'], "did you mean number"),
        (['{"question": "x", "kind": 3}'], "no answer kind 3"),
        (['{"question": "x", "answer": "two", "kind": "number"}'], "'two' is not of the kind number"),
        (['{"question": "x", "answer": true}'], "`answer` must be"),
        (['{"question": "x", "answer": [1]}'], "`answer` must be"),
        (['{"question": "x", "answer": ""}'], "`answer` must be"),
        (['{"question": "x", "id": 1.5}'], "`id` must be"),
        ([""], "holds no questions"),
        (["[" * 5000], ":1: this line is not JSON"),
    ],
)
def test_malformed_lines_are_named(tmp_path, lines, sentence):
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(UsageError, match=sentence):
        opened(str(path))


def test_lines_beyond_those_asked_for_are_checked_too(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(f"{GOOD}\nbroken\n")
    with pytest.raises(UsageError, match=":2:"):
        opened(str(path), questions=1)


def test_not_utf8_names_the_line(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_bytes(GOOD.encode() + b"\n\xff\n")
    with pytest.raises(UsageError, match=r":2: this line is not UTF-8"):
        opened(str(path))


def test_a_folder_is_no_file(tmp_path):
    folder = tmp_path / "q.jsonl"
    folder.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        opened(str(folder))


def lines_of(tmp_path, *rows):
    path = tmp_path / "q.jsonl"
    path.write_text("\ufeff" + "\r\n".join(json.dumps(r) for r in rows) + "\r\n", "utf-8")
    return opened(str(path))


def test_fields_of_a_line(tmp_path):
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    task = lines_of(
        tmp_path,
        {"question": "1+1?", "answer": 2, "kind": "number"},
        {"id": 7, "messages": messages, "answer": {"a": 1}, "kind": "json"},
        {"question": "capital?", "answer": "Paris"},
    )
    assert [i.question.id for i in task] == ["1", "7", "3"]
    assert task[1].question.messages == tuple(messages)
    assert [i.reference for i in task] == ["2", '{"a":1}', "Paris"]
    assert task.kind is None
    assert task[2].score(None, "  paris. ") == 1.0
    assert task[2].score(None, "Rome") == 0.0


def test_a_kind_is_guessed_only_when_every_answer_is_a_number(tmp_path):
    rows = [{"question": "x", "answer": "1,234"}, {"question": "y", "answer": 5.5}]
    assert lines_of(tmp_path, *rows).kind == "number"
    assert lines_of(tmp_path, *rows, {"question": "z", "answer": "5 km"}).kind is None
    assert lines_of(tmp_path, *rows, {"question": "z"}).kind is None
    assert [
        i.question.kind for i in lines_of(tmp_path, *rows, {"question": "z", "answer": "B", "kind": "choice"})
    ] == [
        None,
        None,
        "choice",
    ]


def test_without_a_reference_nothing_can_be_scored(tmp_path):
    with pytest.raises(UsageError, match="Question 1 has no reference answer"):
        lines_of(tmp_path, {"question": "x"})[0].score("1", "1")


def test_csv(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('\ufeffid,question,answer,kind\r\na,"1, or\n2?",B,choice\r\nb,x,,\r\n', "utf-8")
    task = opened(str(path))
    assert task[0].question.messages[0]["content"] == "1, or\n2?"
    assert [i.reference for i in task] == ["B", None]
    for body, sentence in {
        "question,answer\nx": r"q\.csv:2: this row has not as many fields",
        "question,answer\nx,1,2": ":2: this row has not as many fields",
        'question,answer\n"x,1': "this row is not CSV",
        "question,messages\n,{": ":2: `messages` is not JSON",
        "query,answer\nx,1": "no field 'query'",
        "": "holds no questions",
        "question,answer\n" + "x" * 200_000 + ",1": "field larger than field limit",
    }.items():
        path.write_text(body)
        with pytest.raises(UsageError, match=sentence):
            opened(str(path))


def test_gsm8k(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "How much?", "answer": "2*600=<<2*600=1200>>1200\n#### 1,200"}))
    (item,) = opened(f"gsm8k:{path}")
    assert (item.reference, item.question.kind) == ("1200", "number")
    assert item.score("1200.0", "") == 1.0
    path.write_text(json.dumps({"question": "How much?", "answer": "1200"}))
    with pytest.raises(UsageError, match=r":1: the answer does not end in `#### NUMBER`"):
        opened(f"gsm8k:{path}")


def test_sorted_words_may_be_listed():
    item = opened("sort_words")[0]
    words = item.reference.split()
    assert item.score("1. " + "\n2. ".join(words), "") == 1.0
    assert item.score(", ".join(words), "") == 1.0
    assert item.score(", ".join(reversed(words)), "") == 0.0


def test_reference_solutions_pass_their_tests():
    for item in opened("python_function", questions=60):
        namespace = {}
        exec(item.reference + "\n" + item.tests, namespace)
        assert item.tests.count("assert") == 6


def test_logic_choices_have_one_right_answer():
    for item in opened("logic_choice?people=5", questions=30):
        text, *choices = item.question.messages[0]["content"].split("\n")
        older = {}
        for fact in text.split(". "):
            words = fact.split()
            if words[0] != "Who":
                pair = (words[0], words[-1])
                above, below = pair if words[2] == "older" else reversed(pair)
                older[above] = below
        line = [next(iter(set(older) - set(older.values())))]
        while line[-1] in older:
            line.append(older[line[-1]])
        asked = text.rsplit("Who is ", 1)[1].removesuffix("?")
        place = {"the oldest": 0, "the youngest": 4}.get(asked)
        place = int(asked.split()[1]) - 1 if place is None else place
        assert choices[ord(item.reference) - 65] == f"{item.reference}) {line[place]}"


def test_reasoning_gym_missing_is_one_sentence(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("reasoning_gym"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r"pip install 'outlay\[tasks\]'"):
        opened("reasoning_gym/chain_sum?min_terms=2")


class Calls:
    def __init__(self, outcome):
        self.outcome, self.seen = outcome, []

    async def __call__(self, target, *args, timeout_s):
        self.seen.append((target, args))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def test_judge_asks_a_worker_only_where_it_must():
    item = Item(Question.of("x", kind="math"), "x+1", in_worker=("outlay.answers._symbolic:same", ("x+1",)))
    yes, no, late = Calls(True), Calls(False), Calls(WorkerKilled("over time"))
    assert await item.judge("x+1", "", yes) == 1.0
    assert await item.judge(None, "", yes) == 0.0
    assert yes.seen == []
    assert await item.judge("1+x", "", yes) == 1.0
    assert yes.seen == [("outlay.answers._symbolic:same", ("1+x", "x+1"))]
    assert await item.judge("1+x", "", no) == 0.0
    assert await item.judge("1+x", "", late) == 0.0


@pytest.mark.parametrize(
    ("value", "right"), [("78000", 1.0), ("78,000", 1.0), ("78000.0", 1.0), ("78001", 0.0), (None, 0.0)]
)
def test_a_number_equal_to_a_reference_of_reasoning_gym_is_right_however_it_is_written(value, right):
    item = Item(Question.of("?", kind="number"), "78000", scorer=reasoning_gym._equal)
    assert item.score(value, "") == right
    spelled = Item(Question.of("?", kind="text"), "78000", scorer=reasoning_gym._equal)
    assert spelled.score("78,000", "") == 0.0


@pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs the extra `tasks`")
def test_reasoning_gym_with_its_own_scorer():
    task = opened("reasoning_gym/countdown?min_numbers=3&max_numbers=3", seed=42)
    assert task.kind == "text"

    async def judged():
        async with Workers(size=1) as workers:
            item = task[0]
            swapped = f"({item.reference}) + 0*1" if "+" not in item.reference else f"0 + {item.reference}"
            right = await item.judge(f"({item.reference})", "", workers.call)
            return right, await item.judge("1", "", workers.call), await item.judge(swapped, "", workers.call)

    right, wrong, _ = asyncio.run(judged())
    assert right == 1.0
    assert wrong < 1.0
    assert opened("reasoning_gym/chain_sum").kind == "number"
    for text, sentence in {
        "reasoning_gym/chain_sun": "did you mean chain_sum",
        "reasoning_gym/chain_sum?min_term=2": "did you mean min_terms",
        "reasoning_gym/chain_sum?min_terms=x": "min_terms='x' is not allowed",
        "reasoning_gym/chain_sum?min_terms=9&max_terms=3": "refuses these parameters",
        "reasoning_gym/chain_sum?seed=3": "no parameter 'seed'",
        "reasoning_gym": "needs dataset",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            opened(text)
