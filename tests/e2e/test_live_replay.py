"""What a real small model answered runs again, byte for byte, in a process that has no model."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from outlay.config import Config
from outlay.engine import Outlay
from outlay.models.local import local
from outlay.money import FREE
from outlay.types import Question, Sampling

pytest_plugins = ("local_models",)

ASKED = Question.of("What is 2 + 3?", kind="number", sampling=Sampling(max_output_tokens=12))
PLANS = ("self_consistency:n=3", "sharpen:n=2")
REPLAY = """
import asyncio, json, sqlite3, sys
import msgspec
from outlay.answering import replay
for answer, trace in sqlite3.connect(sys.argv[1]).execute("SELECT answer, trace FROM answers ORDER BY at_us"):
    again, new_trace = asyncio.run(replay(trace.encode()))
    print(json.dumps([new_trace.decode(), msgspec.json.encode(again).decode()]))
"""


def replayed(ledger: Path, home: Path) -> list[list[str]]:
    """The trace and the answer of each stored answer, run again in a process without a model."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "OUTLAY_"))}
    command = [sys.executable, "-c", REPLAY, str(ledger)]
    done = subprocess.run(command, env=kept | {"OUTLAY_HOME": str(home)}, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.local_model
async def test_a_stored_live_answer_is_replayed_byte_for_byte_with_the_model_off(
    smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    # Several threads wait for each other in loops, which on a busy machine takes most of the time.
    monkeypatch.setattr("outlay.models.local.cores", lambda: 1)
    ledger = tmp_path / "ledger.db"
    model = local(smollm2, slots=3, context_tokens=256, price=FREE)
    async with Outlay(model, store=ledger, seed=3, config=Config()) as outlay:
        for strategy in PLANS:
            answer = await outlay.ask(ASKED, strategy=strategy)
            assert answer.usage.output_tokens > 0
    with closing(sqlite3.connect(ledger)) as db:
        stored = db.execute("SELECT trace, answer FROM answers ORDER BY at_us").fetchall()
    assert len(stored) == len(PLANS)
    assert replayed(ledger, tmp_path / "empty") == [list(row) for row in stored]
