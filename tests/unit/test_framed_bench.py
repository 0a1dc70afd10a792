"""A bench within framings says so in its plans, and neither records nor plans from what was framed."""

import pytest

from outlay.cli import main
from outlay.errors import UsageError
from outlay.experiments import benched, experiment
from outlay.experiments.experiment import Spec
from outlay.store.contexts import Context, context_id
from outlay.store.sqlite import Sqlite
from outlay.testing import FIXED, scripted

TEXT = "All sums here are of two numbers. "


async def framed(tmp_path, monkeypatch, asked):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.setattr("outlay.cast.open_model", lambda *_, **__: asked)
    store = await Sqlite.open(tmp_path / "ledger.db")
    await store.add_context(Context(context_id(TEXT), "local", "sums", TEXT, "added", None, None, 1))
    await store.close()
    spec = Spec(("chain_sum",), ("m",), ("single",), framings=("notes:context=sums",), questions=3)
    return await experiment.run(spec, tmp_path / "out", store=tmp_path / "ledger.db")


async def test_the_plan_of_an_outcome_names_its_framings_and_each_question_was_framed(tmp_path, monkeypatch):
    asked = scripted(lambda request, index: "Answer: 7", price=FIXED)
    outcomes = await framed(tmp_path, monkeypatch, asked)
    assert {o.strategy for o in outcomes} == {"single in notes:context=sums"}
    assert len(outcomes) == 3
    assert all(r.messages[0]["content"].startswith(TEXT) for r in asked.requests)
    with pytest.raises(UsageError, match="asked within framings"):
        await benched.benched(tmp_path / "out", store=tmp_path / "ledger.db")


def test_framed_samples_are_not_recorded(tmp_path, capsys):
    words = ["bench", "chain_sum", "--framing", "notes", "--record", "--out", str(tmp_path / "o")]
    assert main(words) == 2
    assert "bare questions" in capsys.readouterr().err
