"""kill -9 at random moments of a bench, resumed each time: nothing is bought twice, nothing comes out differently."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bench import kill


@pytest.mark.timeout(300)
def test_twenty_kills_change_neither_answers_nor_settled_cost(tmp_path):
    found = kill.compare(tmp_path, questions=30, kills=20, seed=1)
    assert found["kills"] >= 15
    assert found["lost_usd"] > 0
