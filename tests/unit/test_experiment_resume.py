"""What a resumed experiment buys again, and what it does not."""

from __future__ import annotations

import pytest

from outlay.errors import BudgetExceeded, ProviderError
from outlay.experiments import experiment
from outlay.experiments.experiment import Spec
from outlay.models.scripted import scripted
from outlay.money import Price

FAILING = [True]


def _says(request, index):
    if FAILING[0] and request.messages[0]["content"].startswith("b "):
        return ProviderError("the server had a bad day")
    return "Answer: 4"


steady = scripted(_says, name="steady", price=Price(1_000_000_000, 1_000_000_000))


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "task.jsonl"
    path.write_text(
        '{"id": "a", "question": "a 2+2?", "answer": "4", "kind": "number"}\n'
        '{"id": "b", "question": "b 2+2?", "answer": "4", "kind": "number"}\n'
    )
    return str(path)


def spec(task, **more):
    model = f"{__name__}:steady"
    return Spec(tasks=(task,), models=(model,), strategies=("self_consistency:n=4",), **more)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    FAILING[0] = True


def _this():
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module


async def test_a_question_that_failed_is_asked_again(task, tmp_path):
    out, ledger = tmp_path / "out", tmp_path / "ledger.db"
    first = await experiment.run(spec(task), out, store=ledger)
    assert {o.question_id: bool(o.failed) for o in first} == {"a": False, "b": True}
    FAILING[0] = False
    second = await experiment.run(spec(task), out, store=ledger)
    assert {o.question_id: o.correct for o in second} == {"a": True, "b": True}
    assert len(experiment.read_outcomes(out)) == 2


async def test_an_answer_that_the_cap_cut_short_is_not_saved_and_is_completed_later(task, tmp_path):
    FAILING[0] = False
    out, ledger = tmp_path / "out", tmp_path / "ledger.db"
    bound = {"max_output_tokens": 10}
    with pytest.raises(BudgetExceeded):
        await experiment.run(spec(task, max_usd=0.000045, **bound), out, store=ledger)
    assert all(len(o.missing) == 0 for o in experiment.read_outcomes(out))
    done = await experiment.run(spec(task, max_usd=0.01, **bound), out, store=ledger)
    assert [(o.question_id, o.calls, o.missing) for o in sorted(done, key=lambda o: o.question_id)] == [
        ("a", 4, ()),
        ("b", 4, ()),
    ]
