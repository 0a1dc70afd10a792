"""kill -9 in the pilot and in the middle of a mixture of plans: the same command goes on, and comes out alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from solve_worlds import cheap_and_dear

CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from solve_worlds import labelled
from outlay.solve import SolveSpec, solve

folder, after, cheap, dear = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]

def killed(purchases, answered, of, usd):
    if purchases == after:
        os.kill(os.getpid(), signal.SIGKILL)

spec = SolveSpec(cheap, others=(dear,), most=8, max_usd=0.003)
found = asyncio.run(
    solve(labelled(cheap, 4), spec, folder / "a.jsonl", store=folder / "ledger.db", on_purchase=killed)
)
print(found.paid_usd, found.stopped)
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
    # A reservation that a kill left behind counts as paid at most once; nothing that was settled is bought again.
    assert float(rest.stdout.split()[0]) == pytest.approx(float(whole.stdout.split()[0]), rel=0.05)
