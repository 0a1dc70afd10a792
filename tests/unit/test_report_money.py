"""The money of a report: by phase and role from the ledger, and when offline work has paid back."""

from __future__ import annotations

import json

import pytest

from outlay.cli import main
from outlay.errors import UsageError
from outlay.report.amortised import amortised
from outlay.report.html import page
from outlay.report.money_words import paying_back, spending_words
from outlay.report.outcome import Outcome
from outlay.report.spending import spendings
from outlay.report.summary import summarise
from outlay.store.protocol import Bill
from outlay.store.sqlite import Sqlite

NAME = "recorded/pool-q05-sums"


def bill(role: str, cost_nusd: int | None, phase: str = "online") -> Bill:
    return Bill(phase, role, "m", 4, 1, 0, 0, cost_nusd, cost_nusd, 10, None, 20, None)


def asked(usd: float, *, right: int = 8, spread: float = 0.0, strategy: str = "single") -> list[Outcome]:
    """Ten questions at about `usd` each."""
    return [
        Outcome("t", "m", strategy, f"q{i}", i < right, 0.0, cost_nusd=round((usd + spread * (i - 4.5)) * 1e9))
        for i in range(10)
    ]


def test_shares_are_of_the_whole_bill_and_unknown_prices_leave_none():
    found = spendings([bill("default", 30), bill("judge", 10), bill("default", 60, "offline")])
    assert [(s.phase, s.role, s.share) for s in found] == [
        ("offline", "default", 0.6),
        ("online", "default", 0.3),
        ("online", "judge", 0.1),
    ]
    assert "60 % went to default (m, offline)" in spending_words(found)[0]
    unknown = spendings([bill("default", 30), bill("judge", None)])
    assert [s.share for s in unknown] == [None, None]
    assert spending_words(unknown) == []
    assert spending_words(spendings([bill("default", 30)])) == []


def test_the_break_even_is_the_offline_cost_over_the_saving():
    (found,) = amortised(asked(0.001), asked(0.003), 0.0201, seed=1)
    assert (found.first, found.uses_interval) == (11, (pytest.approx(10.05), pytest.approx(10.05)))
    cost = {at.uses: at.usd for at in found.curve}
    assert (cost[1], cost[10]) == (pytest.approx(0.0211), pytest.approx(0.00301))
    assert found.curve[-1].usd == pytest.approx(0.001, rel=1e-4)
    assert found.righter == 0.0


def test_work_that_saves_nothing_never_pays_back():
    (found,) = amortised(asked(0.003, right=9), asked(0.001), 0.01, seed=1)
    assert (found.first, found.uses_interval) == (None, None)
    assert "never pays back in money" in paying_back(found)
    assert found.righter == pytest.approx(0.1)


def test_where_the_questions_leave_it_open_the_interval_has_no_end():
    (found,) = amortised(asked(0.0029, spread=0.0006), asked(0.003), 0.01, seed=1)
    assert found.uses_interval is not None
    assert found.uses_interval[1] is None
    assert "no end" in paying_back(found)


@pytest.mark.parametrize("usd", [-0.1, float("nan"), float("inf")])
def test_an_offline_cost_that_is_none_is_refused(usd):
    with pytest.raises(UsageError, match="Offline work costs"):
        amortised(asked(0.001), asked(0.003), usd, seed=1)


def test_plans_that_are_not_in_both_say_so():
    with pytest.raises(UsageError, match="with and without"):
        amortised(asked(0.001), asked(0.003, strategy="other"), 1.0, seed=1)


def test_the_page_shows_both_and_draws_the_break_even():
    report = summarise(
        asked(0.001),
        bills=[bill("default", 30), bill("ju<dge", 10)],
        without=asked(0.003),
        offline_usd=0.02,
        seed=1,
    )
    text = page(report)
    assert "Tokens and money by phase and role" in text
    assert "When offline work has paid back" in text
    assert "ju<dge" not in text
    assert "ju&lt;dge" in text


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OUTLAY_DATABASE_URL", raising=False)
    for name, most in (("before", "512"), ("after", "40")):
        words = ["bench", NAME, "--model", NAME, "--questions", "6", "--max-output-tokens", most]
        strategies = ["--strategy", "best_of_n:n=4", "--verifier", "command:grep -q 7"]
        assert main([*words, *strategies, "--out", str(tmp_path / name)]) in (0, None)
    capsys.readouterr()
    return tmp_path


def test_a_bench_is_reported_with_its_ledgers_sums(folder, capsys):
    data = folder / "r.json"
    assert main(["report", str(folder / "before"), "--data", str(data)]) in (0, None)
    found = json.loads(data.read_text("utf-8"))
    roles = {s["role"]: s for s in found["spending"]}
    assert set(roles) == {"default", "sandbox"}
    assert roles["default"]["calls"] == 24
    bill = sum(c["cost_usd"] * c["questions"] for c in found["cells"])
    assert sum(s["cost_usd"] for s in found["spending"]) == pytest.approx(bill)
    assert "to sandbox (cpu)" in capsys.readouterr().out


def test_without_its_ledger_a_bench_is_reported_all_the_same(folder, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(folder / "elsewhere"))
    data = folder / "r.json"
    assert main(["report", str(folder / "before"), "--data", str(data)]) in (0, None)
    assert json.loads(data.read_text("utf-8"))["spending"] == []


def test_the_same_bench_with_and_without_offline_work(folder, capsys):
    words = ["report", str(folder / "after"), "--without", str(folder / "before")]
    assert main([*words, "--offline-usd", "0.001"]) in (0, None)
    assert "has paid back after" in " ".join(capsys.readouterr().out.split())
    assert main(words) == 2
    assert "holds no offline work" in capsys.readouterr().err
    assert main([*words[:2], "--offline-usd", "1"]) == 2
    assert "--without" in capsys.readouterr().err


async def test_offline_work_in_the_ledger_is_the_investment(folder):
    from ledgers import ended, opened

    from outlay.cli._results import read

    store = await Sqlite.open(folder / "home" / "outlay.db")
    await store.write_ahead(opened("call_slept_1", phase="offline", run_id="s"))
    store.settle(ended("call_slept_1", cost_nusd=2_000_000))
    await store.close()
    import asyncio

    report = await asyncio.to_thread(read, folder / "after", without=folder / "before")
    assert report.amortised[0].offline_usd == pytest.approx(0.002)


def test_a_report_can_record_the_samples_itself(folder, capsys):
    data = folder / "r.json"
    assert main(["report", str(folder / "before"), "--record", "--data", str(data)]) in (0, None)
    found = json.loads(data.read_text("utf-8"))
    assert found["by_question"][0]["runs"] == 4
    assert found["verifying"][0]["verifier"] == "command:grep -q 7"
    assert "recorded 6 questions" in capsys.readouterr().err
