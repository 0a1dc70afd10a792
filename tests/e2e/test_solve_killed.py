"""kill -9 in the pilot and in the middle of a mixture of plans: the same command goes on, and comes out alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from solve_worlds import cheap_and_dear

CHILD = """
import asyncio, os, signal, sqlite3, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import msgspec
import outlay.models.recorded as module
from solve_worlds import labelled
from outlay.solve import SolveSpec, solve
from outlay.store.discreet import open_ledger

folder, after, cheap, dear = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]

class Narrow(module.recorded):
    async def card(self):
        return msgspec.structs.replace(await super().card(), concurrency=1)

module.recorded = Narrow

def killed(purchases, answered, of, usd):
    if purchases == after:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    store = await open_ledger(folder / "ledger.db")
    await store.sweep()
    with sqlite3.connect(folder / "ledger.db") as rows:
        lost = [id for (id,) in rows.execute("SELECT id FROM calls WHERE state = 'lost'")]
    for id in lost:
        await store.reconcile(id, None)
    spec = SolveSpec(cheap, others=(dear,), most=8, max_usd=0.003)
    found = await solve(labelled(cheap, 4), spec, folder / "a.jsonl", store=store, on_purchase=killed)
    await store.close()
    print(found.paid_usd, found.pilot.by, len(lost))

asyncio.run(main())
"""
SUPPORT = Path(__file__).parent.parent / "support"


def solved(folder: Path, models: tuple[str, str], after: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", CHILD, str(SUPPORT), str(folder), str(after), *models]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


@pytest.mark.timeout(300)
def test_killed_in_the_pilot_and_in_the_mixture(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    models = cheap_and_dear(tmp_path, questions=30)
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    killed.mkdir()
    alone.mkdir()
    for after in (3, 20):
        assert solved(killed, models, after).returncode == -9
    whole, rest = solved(alone, models, 0), solved(killed, models, 0)
    assert (whole.returncode, rest.returncode) == (0, 0), rest.stderr
    assert (killed / "a.jsonl").read_bytes() == (alone / "a.jsonl").read_bytes()
    # What a kill left reserved was never sent, as its account says; nothing that was settled is bought again.
    assert rest.stdout.split()[:2] == whole.stdout.split()[:2]
    assert whole.stdout.split()[1:] == ["plans", "0"]
