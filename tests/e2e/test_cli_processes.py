"""What only a process of its own can show: Ctrl-C, a full disk, a closed pipe, a terminal, a light start."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from terminal import PRICED, adder
from upstream import ReplyMaker, Upstream, chat

OUTLAY = str(Path(sys.executable).parent / "outlay")
BENCH = ("bench", "chain_sum", "--strategy", "single", "self_consistency:n=4", "--questions", "6", "--json")


@pytest_asyncio.fixture
async def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """A server, and an environment in which it is the only model."""
    for name in ("OPENAI_API_KEY", "OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    async with Upstream() as up:
        text = f'default = "fake"\n[models.fake]\nmodel = "fake"\nbase_url = "{up.base_url}"\n{PRICED}\n'
        (tmp_path / "outlay.toml").write_text(text)
        monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        yield up


async def start(*words: str, **options: Any) -> asyncio.subprocess.Process:
    """An `outlay` of its own, with pipes."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(OUTLAY, *words, stdout=pipe, stderr=pipe, **options)


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error."""
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def after(n: int, first: ReplyMaker, then: ReplyMaker) -> ReplyMaker:
    """`first` for n requests, then `then`."""
    left = n

    async def reply(call: Any) -> Any:
        nonlocal left
        left -= 1
        return await (first if left >= 0 else then)(call)

    return reply


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_bench_settles_saves_and_goes_on_to_the_same_result(up: Upstream, stop: signal.Signals):
    up.always(adder)
    _, whole, _ = await finish(await start(*BENCH, "--out", "whole"))
    os.rename("outlay.db", "whole.db")
    n_whole = up.n_chats
    never, stuck = asyncio.Event(), asyncio.Event()

    async def hangs(call: Any) -> Any:
        stuck.set()
        return await chat("one two three", hold=never)(call)

    up.always(after(8, adder, hangs))
    process = await start(*BENCH, "--out", "parts")
    async with asyncio.timeout(20):
        await stuck.wait()
    process.send_signal(stop)
    code, out, err = await finish(process)
    assert code == 130
    assert out == ""
    assert "outlay: stopped; " in err
    assert "saved in parts: run the same command again to go on." in err
    assert "Traceback" not in err

    up.always(adder)
    code, out, _ = await finish(await start(*BENCH, "--out", "parts"))
    assert code == 0
    keep = (
        "strategy",
        "questions",
        "accuracy",
        "accuracy_interval",
        "cost_usd",
        "cost_of_pass_usd",
        "failures",
    )
    of_parts, of_whole = ([{k: cell[k] for k in keep} for cell in json.loads(text)] for text in (out, whole))
    assert of_parts == of_whole
    _, told, _ = await finish(await start("ledger", "--json"))
    calls = json.loads(told)["calls"]
    assert json.loads(told)["totals"]["lost_calls"] == 0
    unsent = [call for call in calls if call["state"] == "failed"]
    assert {(call["paid_usd"], call["error"]) for call in unsent} <= {(0, "cancelled before it was sent")}
    assert {call["state"] for call in calls if call not in unsent} <= {"settled", "cached"}
    # What was in flight stands at its bound; nothing that was settled was bought a second time.
    bought = [
        (call["question_id"], call["sample"])
        for call in calls
        if call["state"] == "settled" and not call["mark"]
    ]
    assert len(set(bought)) == len(bought) == n_whole


async def test_a_stopped_question_is_settled(up: Upstream):
    never = asyncio.Event()
    up.always(chat("one two three", hold=never))
    process = await start("ask", "what?")
    async with asyncio.timeout(20):
        await up.arrived.wait()
    process.send_signal(signal.SIGINT)
    code, _, err = await finish(process)
    assert code == 130
    assert err.startswith("outlay: stopped; what was bought is in the ledger")
    await up.client_left()
    _, told, _ = await finish(await start("ledger", "--json"))
    (call,) = json.loads(told)["calls"]
    assert call["state"] == "settled"


async def test_a_background_job_that_ignores_ctrl_c_can_still_be_killed(up: Upstream):
    never = asyncio.Event()
    up.always(chat("one two three", hold=never))
    process = await start("ask", "what?", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    async with asyncio.timeout(20):
        await up.arrived.wait()
    process.terminate()
    assert await process.wait() == -signal.SIGTERM
    _, told, _ = await finish(await start("ledger", "--json"))
    assert json.loads(told)["totals"]["lost_calls"] == 1


def _small_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


async def test_a_full_disk_is_one_sentence_and_the_bench_goes_on_when_there_is_room(up: Upstream):
    up.always(adder)
    bench = (*BENCH[:-2], "40", "--json", "--out", "d")
    code, out, err = await finish(await start(*bench, preexec_fn=_small_files))
    assert (code, out) == (1, "")
    assert [line for line in err.splitlines() if line.startswith("outlay: ")], err
    assert "Traceback" not in err
    code, out, _ = await finish(await start(*bench))
    assert code == 0
    assert [c["questions"] for c in json.loads(out)] == [40, 40]


async def test_a_closed_pipe_is_quiet(up: Upstream):
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        OUTLAY, "models", "--json", stdout=writing, stderr=asyncio.subprocess.PIPE
    )
    os.close(writing)
    _, err = await process.communicate()
    assert process.returncode == 141
    assert b"Error" not in err


async def test_a_terminal_shows_the_text_while_it_is_written(up: Upstream):
    held = asyncio.Event()
    up.always(chat("one two three", hold=held))
    outer, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(OUTLAY, "what?", stdout=inner, stderr=inner, stdin=inner)
    os.close(inner)
    shown = b""
    async with asyncio.timeout(20):
        while b"one" not in shown:
            shown += await asyncio.to_thread(os.read, outer, 1000)
        assert b"three" not in shown
        held.set()
        while b"sample drawn" not in shown:
            shown += await asyncio.to_thread(os.read, outer, 1000)
        assert await process.wait() == 0
    os.close(outer)
    assert b"one two three\r\n" in shown
    assert b"\x1b[2mcost " in shown


def test_help_and_import_load_nothing_heavy():
    heavy = ["numpy", "aiohttp", "sqlite3", "msgspec", "scipy", "sympy", "genai_prices"]
    code = (
        "import sys, outlay; from outlay.cli import main; main(['--help'])\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
