"""`outlay solve`: where the money of a file of questions goes, and what an interruption costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outlay.cli import main
from outlay.errors import BudgetExceeded, ProviderError, UsageError
from outlay.models.recorded import recorded
from outlay.models.recording_file import read
from outlay.policies._next_samples import next_samples
from outlay.solve import SolveSpec, solve
from outlay.solve._file import held
from outlay.tasks import open_task

POOL = "recorded/pool-q15-sums"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def task(questions: int = 40):
    return open_task(POOL, questions=questions, seed=0)


def right(answers) -> int:
    reference = {q.id: q.reference for q in read("pool-q15-sums").questions}
    return sum(a.answer == reference[a.id] for a in answers)


async def solved(out: Path, store: str = "ledger.db", questions: int = 40, **more):
    spec = SolveSpec(**{"model": POOL, "most": 16, "max_usd": 0.02} | more)
    return await solve(task(questions), spec, out, store=out.parent / store)


async def test_the_money_goes_where_votes_are_split(home):
    found = await solved(home / "a.jsonl")
    by = {a.id: a for a in found.answers}
    assert len(by) == 40
    assert found.paid_usd <= 0.02
    alike = [a.samples for a in by.values() if a.share == 1.0]
    split = [a.samples for a in by.values() if a.share < 0.7]
    assert sum(alike) / len(alike) <= 6
    assert sum(split) / len(split) > 8
    lines = [json.loads(line) for line in (home / "a.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == list(by)
    assert all(line["p_leads"] >= 0.5 for line in lines)


async def test_more_right_answers_than_a_vote_of_equal_price(home):
    """At the bill of four samples each, which are right on 88 %, at least as many come out right."""
    found = await solved(home / "a.jsonl", max_usd=0.0095, max_output_tokens=160)
    assert found.paid_usd <= 0.0095
    assert right(found.answers) >= 36


async def test_every_question_has_an_answer_before_one_has_many(home):
    found = await solved(home / "a.jsonl", max_usd=0.0045, max_output_tokens=160)
    assert found.stopped
    assert sum(a.samples > 0 for a in found.answers) == 40


async def test_a_worth_below_the_price_buys_one_sample_each(home):
    found = await solved(home / "a.jsonl", value_usd=0.00002)
    assert {a.samples for a in found.answers} == {1}
    assert {a.stopped for a in found.answers} == {"one more sample is not worth its price"}


async def test_a_higher_cap_goes_on_and_pays_for_nothing_twice(home):
    first = await solved(home / "a.jsonl", max_usd=0.004)
    second = await solved(home / "a.jsonl", max_usd=0.03)
    assert first.stopped
    assert not second.stopped
    alone = await solved(home / "b.jsonl", store="other.db", max_usd=0.03)
    assert [a.answer for a in second.answers] == [a.answer for a in alone.answers]
    assert second.paid_usd <= 1.05 * alone.paid_usd
    again = await solved(home / "a.jsonl", max_usd=0.03)
    assert again.paid_usd == second.paid_usd
    assert again.answers == second.answers


class _Breaks(recorded):
    """A recorded model that is gone after so many requests."""

    left = 30

    async def stream(self, request):
        type(self).left -= 1
        if type(self).left < 0:
            raise ProviderError("the server is gone", fatal=True)
        async for delta in super().stream(request):
            yield delta


async def test_what_was_bought_before_a_failure_is_written_and_not_bought_again(home, monkeypatch):
    import outlay.models.recorded as module

    monkeypatch.setattr(module, "recorded", _Breaks)
    _Breaks.left = 30
    with pytest.raises(ProviderError, match="gone"):
        await solved(home / "a.jsonl")
    lines = [json.loads(line) for line in (home / "a.jsonl").read_text().splitlines()]
    assert len(lines) == 40
    assert 0 < sum(line["answer"] is not None for line in lines) < 40
    monkeypatch.undo()
    monkeypatch.setenv("OUTLAY_HOME", str(home))
    rest = await solved(home / "a.jsonl")
    alone = await solved(home / "b.jsonl", store="other.db")
    assert [a.answer for a in rest.answers] == [a.answer for a in alone.answers]
    assert rest.paid_usd <= 1.02 * alone.paid_usd


class Stopped(Exception):
    """What ends a run in a test."""


async def test_an_interruption_leaves_the_answers_so_far(home):
    purchases = []

    def stop(done, answered, of, usd):
        purchases.append(done)
        if len(purchases) == 20:
            raise Stopped

    spec = SolveSpec(model=POOL, most=16, max_usd=0.02)
    with pytest.raises(Stopped):
        await solve(task(), spec, home / "a.jsonl", store=home / "ledger.db", on_purchase=stop)
    lines = [json.loads(line) for line in (home / "a.jsonl").read_text().splitlines()]
    assert sum(line["answer"] is not None or line["samples"] > 0 for line in lines) >= 10
    assert {line["stopped"] for line in lines} == {"interrupted"}


async def test_nothing_fits_the_budget(home):
    with pytest.raises(BudgetExceeded):
        await solved(home / "a.jsonl", max_usd=0.000001)


async def test_two_processes_never_share_a_file(home):
    with held(home / "a.jsonl"), pytest.raises(UsageError, match="Another process"):
        await solved(home / "a.jsonl")


async def test_a_question_that_fails_costs_the_others_nothing(home):
    rows = [
        {"id": q.id, "messages": list(q.messages), "kind": "number"} for q in read("pool-q15-sums").questions
    ]
    rows.insert(1, {"id": "stranger", "question": "What is 1 + 1?", "kind": "number"})
    path = home / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, rows[:6])))
    spec = SolveSpec(model=POOL, most=16, max_usd=0.02)
    found = await solve(open_task(str(path), questions=9, seed=0), spec, home / "a.jsonl", store=home / "l.db")
    by = {a.id: a for a in found.answers}
    assert by["stranger"].answer is None
    assert "No sample came back" in by["stranger"].stopped
    assert sum(a.answer is not None for a in found.answers) >= 4


def test_the_command_writes_answers_and_says_what_it_paid(capsys):
    words = ["solve", POOL, "--model", POOL, "--max-usd", "0.03", "--most", "16", "--out", "a.jsonl"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "of 40 questions have an answer" in said
    assert "paid $" in said
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["questions"], found["stopped"]) == (40, "")
    assert found["settled"] > 30


@pytest.mark.parametrize(
    "words, said",
    [
        (["nowhere.jsonl", "--max-usd", "1"], "no file"),
        ([POOL, "--max-usd", "x"], "amount of dollars"),
        ([POOL, "--max-usd", "1", "--most", "0"], "1 to 256"),
        ([POOL, "--max-usd", "1", "--pilot", "-1"], "0 questions or more"),
        ([POOL], "max-usd"),
    ],
)
def test_what_cannot_be_solved_is_refused(words, said, capsys):
    assert main(["solve", *words, "--model", POOL, "--out", "a.jsonl"]) == 2
    assert said in capsys.readouterr().err


def test_questions_without_a_kind_are_refused(capsys):
    Path("bare.jsonl").write_text('{"question": "How are you?"}\n')
    assert main(["solve", "bare.jsonl", "--max-usd", "1", "--model", POOL, "--out", "a.jsonl"]) == 2
    assert "--kind" in capsys.readouterr().err


@pytest.mark.parametrize(
    "votes, value_usd, wanted",
    [
        ((4, 0, 4), None, None),
        ((2, 2, 4), None, 2),
        ((2, 2, 4), 1e-9, None),
        ((2, 2, 4), 1.0, 2),
        ((0, 0, 3), None, 2),
    ],
)
def test_what_one_question_asks_for_next(votes, value_usd, wanted):
    a, b, drawn = votes
    found = next_samples(a, b, drawn, prompt_usd=1e-6, sample_usd=1e-6, most=12, value_usd=value_usd)
    assert (found and found.samples) == wanted or (found is not None and 1 <= found.samples <= wanted)


def test_a_question_of_many_answers_gains_less_than_one_of_two():
    common = {"prompt_usd": 0.0, "sample_usd": 1e-6, "most": 12, "value_usd": None}
    scattered, split = next_samples(1, 1, 8, **common), next_samples(1, 1, 2, **common)
    assert scattered.rate < 0.5 * split.rate


def test_a_dear_prompt_is_read_again_for_more_samples_at_once():
    common = {"sample_usd": 1e-6, "most": 12, "value_usd": None}
    assert next_samples(3, 2, 5, prompt_usd=0.0, **common).samples <= 2
    assert next_samples(3, 2, 5, prompt_usd=8e-6, **common).samples > 2


def test_free_samples_are_bought_while_they_can_change_the_answer():
    assert next_samples(2, 1, 3, prompt_usd=0.0, sample_usd=0.0, most=5, value_usd=0.01).samples >= 1
    assert next_samples(2, 1, 3, prompt_usd=0.0, sample_usd=0.0, most=0, value_usd=0.01) is None
