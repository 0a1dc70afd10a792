"""Each command does what its help says: in a terminal, on a pipe and as JSON."""

from __future__ import annotations

import os
import re
import sqlite3

import pytest
from terminal import FREE, Shell, adder
from upstream import chat

from outlay.cli import commands
from outlay.models.recording_file import read

pytest_plugins = ("command_line",)
NAMES = {
    *("task", "model", "strategy", "questions", "accuracy", "accuracy_interval", "cost_usd", "paid_usd"),
    *("cost_of_pass_usd", "input_tokens", "cached_tokens", "output_tokens", "calls", "latency_s", "failures"),
}
BENCH = ("bench", "chain_sum", "--strategy", "single", "self_consistency:n=3", "--out", "d", "--questions", "5")


async def test_a_bare_question_is_asked_and_only_the_answer_is_on_standard_output(shell: Shell):
    shell.config()
    shell.up.always(chat("It is 391.", prompt_tokens=10))
    assert await shell("17 * 23?") == 0
    assert shell.out == "It is 391.\n"
    assert "cost $0.000016 · 1 call · 10 tokens in, 3 out · one sample drawn" in shell.err


async def test_ask_reads_standard_input_and_prints_json(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    shell.config()
    reading, writing = os.pipe()
    os.write(writing, b"17 * 23?")
    os.close(writing)
    shell.up.always(chat("Answer: 391", prompt_tokens=100))
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        vote = ("--strategy", "self_consistency:n=4", "--kind", "number", "--max-usd", "0.01", "--seed", "1")
        assert await shell("ask", "-", *vote, "--json") == 0
    told = shell.json()
    assert (told["answer"], told["p_correct"], told["calls"]) == ("391", 1.0, 4)
    assert told["strategy"] == "self_consistency"
    assert told["parameters"] == {"n": 4}
    # The prompt is read once for all choices: 100 tokens in, 4 times 2 out, at $1 and $2 per million.
    assert told["cost_usd"] == told["paid_usd"] == pytest.approx(116e-6)
    assert told["models"] == {"default": "fake"}
    assert "17 * 23?" in shell.up.last["messages"][-1]["content"]


async def test_an_unknown_price_is_null_and_never_zero(shell: Shell):
    assert await shell("ask", "q", "--model", "fake", "--json") == 0
    assert shell.json()["cost_usd"] is None
    assert await shell("ask", "q", "--model", "fake") == 0
    assert "cost unknown" in shell.err


async def test_a_judge_is_another_role(shell: Shell):
    shell.config(FREE)
    shell.up.always(chat("Answer: 4\nScore: 9"))
    words = ("--strategy", "best_of_n:n=2", "--kind", "number", "--verifier", "judge", "--model", "judge=fake")
    assert await shell("ask", "2+2?", *words, "--json") == 0
    assert shell.json()["models"] == {"default": "fake", "judge": "fake"}
    assert shell.up.n_chats > 2


async def test_text_of_a_model_cannot_recolour_the_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    shell.config(FREE)
    shell.up.always(chat("red \x1b[31m text"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert await shell("ask", "q") == 0
    assert shell.out == "red [31m text\n"


async def test_bench_gives_one_object_a_cell_and_the_same_on_every_repetition(shell: Shell):
    shell.config()
    shell.up.always(adder)
    assert await shell(*BENCH, "--json") == 0
    cells = shell.json()
    assert [c["strategy"] for c in cells] == ["single", "self_consistency:n=3"]
    assert set(cells[0]) >= NAMES
    assert cells[0]["questions"] == 5
    assert cells[1]["calls"] == 3.0
    bought = shell.up.n_chats
    assert await shell(*BENCH, "--json") == 0
    assert shell.json() == cells
    assert shell.up.n_chats == bought
    assert await shell("report", "d", "--json") == 0
    assert shell.json() == cells


async def test_bench_tells_progress_beside_a_table_with_advice(shell: Shell):
    shell.config()
    shell.up.always(adder)
    assert await shell(*BENCH) == 0
    assert "10 of 10 answers" in shell.err
    assert re.search(r"\d+ % right, paid \$0\.\d+", shell.err)
    assert "self_consistency:n=3" in shell.out
    assert "right answer" in shell.out
    assert "\x1b" not in shell.out + shell.err


async def test_report_writes_one_page(shell: Shell):
    shell.config()
    shell.up.always(adder)
    assert await shell(*BENCH) == 0
    assert await shell("report", "d", "--html", "page.html") == 0
    page = (shell.home / "page.html").read_text()
    assert "<html" in page
    assert "outlay bench chain_sum --model fake" in page


async def test_a_recording_of_a_bench_gives_the_same_results_without_the_model(shell: Shell):
    shell.config()
    shell.up.always(adder)
    assert await shell(*BENCH, "--record", "--json") == 0
    live = {c["strategy"]: c for c in shell.json()}
    path = shell.home / "d" / "recordings" / "fake-chain_sum.json"
    made = read(path)
    assert (made.model, made.task, len(made.questions)) == ("fake", "chain_sum", 5)
    assert all(len(q.samples) == 3 for q in made.questions)
    assert made.price is not None
    # A sample is right where its answer is, as the live outcomes of the first sample say.
    assert sum(q.samples[0].correct for q in made.questions) == round(5 * live["single"]["accuracy"])
    asked = shell.up.n_chats
    again = ("--model", f"recorded/{path}", "--out", "e", "--questions", "5", "--json")
    assert await shell("bench", "chain_sum", "--strategy", "self_consistency:n=3", *again) == 0
    vote = shell.json()[0]
    assert shell.up.n_chats == asked
    assert (vote["source"], vote["failures"]) == ("recorded", 0)
    # All three samples of each question vote, so that their order does not matter.
    assert vote["accuracy"] == live["self_consistency:n=3"]["accuracy"]


async def test_a_lost_call_counts_in_full_until_it_is_reconciled(shell: Shell):
    shell.config()
    assert await shell("ask", "q", "--max-output-tokens", "100") == 0
    with sqlite3.connect(shell.home / "outlay.db") as db:
        # As a killed process leaves it: written ahead by a lease that is gone, never settled.
        db.execute("UPDATE calls SET state = 'reserved', cost_nusd = NULL, paid_nusd = NULL, settled_us = NULL")
        db.execute("INSERT INTO leases SELECT lease_id, 'elsewhere', '', 1, '', 0 FROM calls")
    db.close()
    assert await shell("ledger", "--lost", "--json") == 0
    (call,) = shell.json()["calls"]
    assert call["state"] == "lost"
    assert shell.json()["totals"]["lost_usd"] == call["bound_usd"] > 0
    assert await shell("ledger", "--lost") == 0
    assert "outlay ledger reconcile CALL" in shell.err
    assert await shell("ledger", "reconcile", call["id"], "--input", "420", "--output", "96") == 0
    assert await shell("ledger", "--json") == 0
    totals = shell.json()["totals"]
    assert (totals["lost_calls"], totals["paid_usd"]) == (0, pytest.approx(420e-6 + 192e-6))
    assert await shell("ledger", "reconcile", call["id"], "--unsent") == 2
    assert "only lost and unreconciled calls" in shell.sentence


async def test_models_lists_without_asking_anybody(shell: Shell):
    shell.config("input_usd_per_mtok = 1.5\noutput_usd_per_mtok = 2.5")
    assert await shell("models", "--json") == 0
    listed = {m["name"]: m for m in shell.json()}
    assert listed["fake"]["input_usd_per_mtok"] == 1.5
    assert listed["fake"]["price_source"] == "outlay.toml"
    assert listed["local/smollm2-135m"]["input_usd_per_mtok"] is None
    assert listed["local/smollm2-135m"]["licence"] == "Apache-2.0"
    assert listed["recorded/pool-q05-sums"]["price_date"] == "2026-11-25"
    assert not shell.up.calls + shell.up.other_calls
    assert await shell("models") == 0
    assert "unknown" in shell.out
    assert "outlay pull smollm2-135m" in shell.out


async def test_models_with_a_name_shows_its_abilities(shell: Shell):
    shell.up.flavour = "llama.cpp"
    shell.config(FREE)
    assert await shell("models", "fake", "--json") == 0
    assert "logprobs" in shell.json()["abilities"]
    assert await shell("models", "fake") == 0
    assert "continues a given assistant text" in shell.out


@pytest.mark.parametrize(
    "words, told",
    [
        (("strategies",), "self_consistency"),
        (("strategies", "best_of_n"), "1 … 4096"),
        (("tasks",), "chain_sum"),
        (("tasks", "chain_sum"), "2 … 20"),
        (("ledger",), "0 calls: cost $0"),
        (("--version",), "0.1.0"),
        (("--help",), "Compare strategies and models"),
        ((), "Compare strategies and models"),
    ],
)
async def test_what_there_is_is_listed(shell: Shell, words: tuple[str, ...], told: str):
    assert await shell(*words) == 0
    assert told in shell.out


@pytest.mark.parametrize("command", [*commands(), "ledger reconcile"])
async def test_every_help_shows_an_example(shell: Shell, command: str):
    assert await shell(*command.split(), "--help") == 0
    assert f"Example: outlay {command}" in shell.out


async def test_a_model_file_is_pulled_from_a_path_and_its_place_is_printed(shell: Shell):
    (shell.home / "Tiny.gguf").write_bytes(b"GGUF and so on")
    assert await shell("pull", "Tiny.gguf") == 0
    assert shell.out == f"{shell.home}/models/Tiny.gguf\n"
    assert "Licence: unknown to outlay" in shell.err
