"""No tenant ever finds another's demonstrations or steps: 10,000 random operations against a model in memory."""

from random import Random

import numpy as np
import pytest
from memories import leave, solved, vector

from outlay.store.sqlite import Sqlite

TENANTS = ("a", "b", "a/b", "A", "")
SPACES = ("s", "t")
MOST = 12


class Model:
    """What each tenant should have, in the plainest way."""

    def __init__(self):
        self.kept, self.steps = {}, {}

    def keep(self, tenant, space, id, values):
        rows = self.kept.setdefault((tenant, space), [])
        if id not in [r[0] for r in rows]:
            rows.append((id, np.array(values, np.float32)))
        if len(rows) > MOST:
            del rows[: len(rows) - MOST + MOST // 10]

    def nearest(self, tenant, space, query, k):
        rows = self.kept.get((tenant, space), [])
        order = sorted(range(len(rows)), key=lambda i: (-float(rows[i][1] @ query), i))
        return [rows[i][0] for i in order[:k]]

    def forget(self, tenant, id):
        gone = 0
        for space in SPACES:
            rows = self.kept.get((tenant, space), [])
            left = [r for r in rows if id is not None and r[0] != id]
            gone += len(rows) - len(left)
            self.kept[tenant, space] = left
        return gone


async def one(rng, model, stores):
    tenant, space, store = rng.choice(TENANTS), rng.choice(SPACES), rng.choice(stores)
    act = rng.random()
    if act < 0.3:
        id, values = f"{tenant}:{rng.randrange(30)}", (rng.randrange(9), rng.randrange(9))
        model.keep(tenant, space, id, values)
        await leave(store, solved(id, *values, space=space), tenant=tenant, most=MOST)
    elif act < 0.35:
        id = f"{tenant}:{rng.randrange(30)}" if rng.random() < 0.9 else None
        assert await store.forget_demonstrations(tenant, source=id) == model.forget(tenant, id)
    elif act < 0.45:
        outcome = rng.choice(("agreed", "deferred"))
        model.steps.setdefault(tenant, []).append((outcome, len(tenant), None))
        await leave(store, tenant=tenant, steps=[("x", outcome, len(tenant), None)])
    elif act < 0.5:
        assert await store.cascade_steps(tenant, "x", limit=9) == model.steps.get(tenant, [])[-9:]
    else:
        query, k = (rng.randrange(9), rng.randrange(9)), rng.randint(1, 6)
        windows = await store.nearest(tenant, space, vector(*query), k)
        got = [w[0]["action"] for w in windows]
        assert got == model.nearest(tenant, space, np.array(query, np.float32), k)
        assert all(a.startswith(f"{tenant}:") for a in got)


@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_thousand_interleavings_never_cross_tenants(tmp_path, seed):
    rng, model = Random(seed), Model()
    one_file = tmp_path / "l.db"
    stores = [await Sqlite.open(one_file), await Sqlite.open(one_file)]
    for _ in range(5000):
        await one(rng, model, stores)
    for store in stores:
        await store.close()
