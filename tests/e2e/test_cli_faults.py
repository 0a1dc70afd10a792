"""Every fault that a user can provoke ends in one plain sentence, a non-zero exit and nothing lost."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from terminal import FREE, Shell, adder
from upstream import chat, disconnect, hang, raw, status

pytest_plugins = ("command_line",)
NOW = {"Retry-After": "0"}


@pytest.mark.parametrize(
    "words, told",
    [
        (("ask", "q", "--strategy", "self_consistancy"), "did you mean self_consistency?"),
        (("ask", "q", "--strategy", "self_consistency:m=8"), "there are: n"),
        (("ask", "q", "--strategy", "self_consistency:n=0"), "1 … 4096"),
        (("ask", "q", "--verifier", "juge"), "did you mean judge?"),
        (("ask", "q", "--kind", "nomber", "--strategy", "self_consistency"), "did you mean number?"),
        (("ask", "q", "--model", "local/smollm2-135"), "did you mean smollm2-135m?"),
        (("ask", "q", "--model", "a", "--model", "b"), "ROLE=NAME"),
        (("ask", "q", "--max-usd", "lots"), "not an amount of dollars"),
        (("ask", "q", "--max-tokens", "-1"), "a number from 0 up"),
        (("ask", " "), "question is empty"),
        (("ask", "q", "--sed", "1"), "Unknown option"),
        (("ask", "--jsn"), "no option --jsn"),
        (("ask",), "requires an argument"),
        (("ask", "q", "--strategy", "best_of_n:n=2", "--kind", "number"), "needs a verifier"),
        (("bench", "--out", "d"), "No task was named"),
        (("bench", "chain_sun", "--out", "d"), "did you mean chain_sum?"),
        (("bench", "chain_sum?max_term=3", "--out", "d"), "did you mean max_terms?"),
        (("bench", "chain_sum?max_terms=99", "--out", "d"), "2 … 20"),
        (("bench", "none.jsonl", "--out", "d"), "none.jsonl"),
        (("bench", "chain_sum", "--out", "d", "--questions", "0"), "at least 1"),
        (("report", "nowhere"), "holds no experiment"),
        (("strategies", "singel"), "did you mean single?"),
        (("tasks", "chain"), "chain_sum"),
        (("models", "recorded/pool-q05-sum"), "did you mean pool-q05-sums?"),
        (("pull", "smollm"), "smollm2-135m"),
        (("pull", "absent.gguf"), "no model file"),
        (("ledger", "reconcile", "call_0", "--unsent"), "no call"),
        (("ledger", "reconcile", "call_0"), "--input N --output N"),
        (("bnech",), "did you mean bench?"),
    ],
)
async def test_a_wrong_word_is_refused_before_a_cent_is_spent(shell: Shell, words: tuple[str, ...], told: str):
    shell.config()
    assert await shell(*words) == 2
    assert told in shell.sentence
    assert shell.out == ""
    assert shell.up.n_chats == 0


async def test_a_vote_without_an_answer_kind_is_refused(shell: Shell):
    shell.config()
    assert await shell("ask", "q", "--strategy", "self_consistency") == 2
    assert "kind" in shell.sentence
    assert shell.up.n_chats == 0


async def test_a_malformed_task_line_is_named_with_file_and_number(shell: Shell):
    (shell.home / "t.jsonl").write_text('{"id": "a", "question": "1+1?", "answer": "2"}\n{"id": \n')
    assert await shell("bench", "t.jsonl", "--model", "fake", "--out", "d") == 2
    assert "t.jsonl:2" in shell.sentence


async def test_a_missing_key_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert await shell("ask", "q", "--model", "gpt-5-mini") == 2
    assert "OPENAI_API_KEY" in shell.sentence


async def test_an_unknown_price_under_a_cap_names_the_line_to_add(shell: Shell):
    assert await shell("ask", "q", "--model", "fake", "--max-usd", "1") == 1
    assert "outlay.toml" in shell.sentence
    assert shell.up.n_chats == 0


@pytest.mark.parametrize("cap", ["0", "0.0000001"])
async def test_a_budget_too_small_for_one_call_buys_nothing(shell: Shell, cap: str):
    shell.config()
    assert await shell("ask", "what is this?", "--max-usd", cap) == 1
    assert shell.up.n_chats == 0
    assert shell.sentence.endswith(".")


async def test_the_cap_of_the_environment_holds(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    shell.config()
    monkeypatch.setenv("OUTLAY_MAX_USD", "0")
    assert await shell("ask", "q") == 1
    assert shell.up.n_chats == 0


async def test_a_dead_server_is_named(shell: Shell, unused_tcp_port: int):
    shell.config(base_url=f"http://127.0.0.1:{unused_tcp_port}/v1")
    assert await shell("ask", "q") == 1
    assert "127.0.0.1" in shell.sentence


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_key_is_told_and_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch, code: int):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    shell.up.always(status(code, "Incorrect API key: sk-very-secret-key"))
    assert await shell("ask", "q", "--model", "fake") == 1
    assert f"refused the key ({code})" in shell.sentence
    assert "secret" not in shell.err


FAULTS = {
    "429 with Retry-After": (status(429, "slow down", headers=NOW), 3, "slow down"),
    "429 that asks for an hour": (status(429, "slow down", headers={"Retry-After": "3600"}), 1, "slow down"),
    "429 without credit": (status(429, "no credit", type="insufficient_quota"), 1, "no credit"),
    "500": (status(500, headers=NOW), 3, "failed (500)"),
    "400": (status(400, "too long"), 1, "too long"),
    "404": (status(404, "no such model"), 1, "no such model"),
    "malformed SSE": (raw("data: {not json\n\n"), 1, "127.0.0.1"),
    "malformed JSON": (raw("{", content_type="application/json"), 1, "127.0.0.1"),
    "truncated SSE": (chat("one two three", cut_after=2), 1, "127.0.0.1"),
    "closed before the reply": (disconnect(), None, "127.0.0.1"),
    "error in the stream": (chat("one two", error={"message": "it broke"}), 1, "it broke"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_fault_is_one_sentence_and_stands_in_the_ledger(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, fault: str
):
    reply, tries, told = FAULTS[fault]
    monkeypatch.setattr("outlay.models.retry.FIRST_DELAY_S", 0.0)
    shell.config()
    shell.up.always(reply)
    assert await shell("ask", "q") == 1
    assert told in shell.sentence
    assert shell.out == ""
    assert tries in (None, shell.up.n_chats)
    assert await shell("ledger", "--json") == 0
    calls = shell.json()["calls"]
    assert calls
    assert {c["state"] for c in calls} <= {"failed", "settled"}


async def test_a_429_that_passes_is_waited_out(shell: Shell):
    shell.config()
    shell.up.script(status(429, headers=NOW), status(503, headers=NOW), chat("391"))
    assert await shell("17 * 23?") == 0
    assert shell.out == "391\n"


async def test_a_silent_server_ends_at_the_deadline(shell: Shell):
    shell.config()
    woken = asyncio.Event()
    shell.up.always(hang(woken))
    assert await shell("ask", "q", "--deadline-s", "0.3") == 1
    woken.set()
    assert "deadline" in shell.sentence


async def test_a_truncated_sample_never_votes_and_the_answer_says_so(shell: Shell):
    shell.config(FREE)
    shell.up.always(chat("Answer: 4", finish="length"))
    assert await shell("ask", "2+2?", "--strategy", "self_consistency:n=2", "--kind", "number", "--json") == 0
    assert shell.json()["answer"] is None
    assert "2 of 2 samples were cut at their output bound" in shell.json()["missing"]


async def test_empty_content_is_an_answer_that_says_nothing(shell: Shell):
    shell.config(FREE)
    shell.up.always(chat(""))
    assert await shell("ask", "2+2?", "--strategy", "self_consistency:n=2", "--kind", "number") == 0
    assert shell.out == "\n"
    assert "2 of 2 samples state no answer of the kind number" in shell.err


async def test_a_provider_that_bills_more_than_asked_is_told(shell: Shell):
    shell.config()
    shell.up.always(chat("four", output_tokens=5000))
    assert await shell("ask", "2+2?", "--max-output-tokens", "64", "--json") == 0
    assert shell.json()["overrun_usd"] > 0
    assert "billed more" in shell.json()["stopped"]


async def test_a_corrupt_ledger_is_left_alone(shell: Shell):
    path = shell.home / "outlay.db"
    path.write_bytes(b"this is no database, it is a diary" * 100)
    before = path.read_bytes()
    assert await shell("ledger") == 1
    assert "corrupt" in shell.sentence
    assert path.read_bytes() == before


async def test_a_locked_ledger_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("outlay.store.commits.BUSY_MS", 100)
    assert await shell("ledger") == 0
    holder = sqlite3.connect(shell.home / "outlay.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert await shell("ledger") == 1
    holder.close()
    assert "locked by another process" in shell.sentence


async def test_a_model_file_with_a_wrong_hash_is_refused(shell: Shell):
    from outlay.models.catalogue import CATALOGUE, path_of

    path = path_of("smollm2-135m")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(CATALOGUE["smollm2-135m"].size_bytes)
    assert await shell("ask", "q", "--model", "local/smollm2-135m") == 2
    assert "expected b179c9523d" in shell.sentence


async def test_a_bench_whose_server_dies_keeps_what_it_has_and_goes_on(shell: Shell):
    shell.config()
    words = ("bench", "chain_sum", "--out", "d", "--questions", "6", "--json")
    shell.up.script(adder, adder, status(401))
    shell.up.always(status(401))
    assert await shell(*words) == 1
    assert "refused the key" in shell.sentence
    assert "run the same command again to go on" in shell.sentence
    bought = shell.up.n_chats
    shell.up.always(adder)
    assert await shell(*words) == 0
    assert shell.json()[0]["questions"] == 6
    assert shell.json()[0]["failures"] == 0
    assert shell.up.n_chats == bought + 4


async def test_a_bench_stops_at_its_cap_and_goes_on_under_a_higher_one(shell: Shell):
    shell.config()
    shell.up.always(adder)
    words = ("bench", "chain_sum", "--out", "d", "--questions", "8", "--max-output-tokens", "64", "--json")
    assert await shell(*words, "--max-usd", "0.0005") == 1
    assert "saved in d: run the same command again" in shell.sentence
    assert await shell(*words, "--max-usd", "1") == 0
    assert shell.json()[0]["questions"] == 8
    assert await shell("ledger", "--json") == 0
    assert shell.json()["totals"]["lost_calls"] == 0


async def test_a_bench_without_a_single_answer_fails(shell: Shell):
    shell.config()
    shell.up.always(status(400, "too long"))
    assert await shell("bench", "chain_sum", "--out", "d", "--questions", "2") == 1
    assert "too long" in shell.sentence


async def test_a_folder_of_another_experiment_is_not_touched(shell: Shell):
    shell.config(FREE)
    shell.up.always(adder)
    assert await shell("bench", "chain_sum", "--out", "d", "--questions", "2") == 0
    before = shell.saved()
    assert await shell("bench", "chain_sum", "--out", "d", "--questions", "3") == 2
    assert "another experiment (questions was 2, is now 3)" in shell.sentence
    assert shell.saved() == before


async def test_a_defect_is_one_sentence_and_the_traceback_only_on_request(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("outlay.plugins.names", broken)
    assert await shell("strategies") == 1
    assert "ZeroDivisionError: by nothing" in shell.sentence
    monkeypatch.setenv("OUTLAY_LOG_LEVEL", "debug")
    assert await shell("strategies") == 1
    assert "Traceback" in shell.err
