"""Random schedules through `Run`, as `bench/budget.py` runs 10,000 of them: caps hold, and the books agree."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bench import budget


async def test_no_schedule_passes_a_cap_and_every_one_ends_at_the_sum_of_the_ledger():
    found = await budget.many(400, seed=0)
    assert found["schedules"] == 400
    assert min(found["calls"], found["refused"], found["cancelled"], found["overruns"]) > 20
