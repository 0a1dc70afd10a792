"""No limit of a key or a tenant is ever exceeded, whoever asks how often at once; and nothing that fits is refused."""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import ended, opened, rows
from quotas import DAY_US, MINUTE_US, exceeded, key, nusd, sums_agree, tokens

from outlay.budget import Budget
from outlay.door.draws import Door
from outlay.door.session import Account, Session
from outlay.errors import BudgetExceeded, OverQuota
from outlay.run import Run
from outlay.store.quota import Quota
from outlay.store.sqlite import Sqlite
from outlay.testing import FIXED, scripted
from outlay.types import Question, Sampling

LIMITS = ("concurrency", "requests_per_minute", "tokens_per_minute", "nusd_per_day")
MIDNIGHT = 40_001 * DAY_US
quotas = st.builds(
    Quota,
    nusd_per_day=st.none() | st.integers(0, 5000),
    tokens_per_minute=st.none() | st.integers(0, 400),
    requests_per_minute=st.none() | st.integers(0, 12),
    concurrency=st.none() | st.integers(0, 6),
)
steps = st.one_of(
    st.tuples(
        st.just("reserve"), st.integers(0, 2), st.integers(1, 3), st.integers(0, 1500), st.integers(0, 60)
    ),
    st.tuples(
        st.just("settle"), st.integers(0, 30), st.floats(0, 1), st.sampled_from(["settled", "failed", "lost"])
    ),
    st.tuples(st.just("pass"), st.sampled_from([0, 1, 400_000, 1_000_000, 30_000_000, 60_000_000, 61_000_000])),
)


async def refusal_of(store, row):
    """Why the row was not written, or None."""
    try:
        await store.write_ahead(row)
    except OverQuota as refusal:
        return refusal


class Model:
    """What the rows say, by the definition of a quota, without any sum that was kept."""

    def __init__(self):
        self.rows = {}

    def refused(self, owner, quota, row):
        """The limit that a row would exceed, or None; a minute is counted in whole seconds."""
        mine = [r for r in self.rows.values() if owner(r)]
        now_s = row["reserved_us"] // 1_000_000
        minute = [r for r in mine if abs(now_s - r["reserved_us"] // 1_000_000) <= 60]
        day = [r for r in mine if r["reserved_us"] // DAY_US == row["reserved_us"] // DAY_US]
        sums = {
            "concurrency": sum(r["n"] for r in mine if r["state"] == "reserved") + row["n"],
            "requests_per_minute": sum(r["n"] for r in minute) + row["n"],
            "tokens_per_minute": sum(map(tokens, minute)) + tokens(row),
            "nusd_per_day": sum(map(nusd, day)) + nusd(row) if nusd(row) else 0,
        }
        over = [name for name in LIMITS if (most := getattr(quota, name)) is not None and sums[name] > most]
        return over[0].replace("nusd", "usd") if over else None


@settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(quotas, min_size=3, max_size=3), quotas, st.lists(steps, min_size=10, max_size=50))
def test_a_call_is_admitted_exactly_where_it_fits(of_keys, of_tenant, schedule):
    asyncio.run(_admitted_exactly_where_it_fits(of_keys, of_tenant, schedule))


async def _admitted_exactly_where_it_fits(of_keys, of_tenant, schedule):
    store, model, now = await Sqlite.open(":memory:"), Model(), MIDNIGHT - 90_000_000
    tenants = ("acme", "acme", "other")
    ids = []
    for tenant, quota in zip(tenants, of_keys, strict=True):
        ids.append((await key(store, tenant=tenant))[0])
        await store._writer.run(
            lambda db, quota=quota, id=ids[-1]: db.execute(
                "UPDATE keys SET nusd_per_day = ?, tokens_per_minute = ?, requests_per_minute = ?, concurrency = ? "
                "WHERE id = ?",
                (quota.nusd_per_day, quota.tokens_per_minute, quota.requests_per_minute, quota.concurrency, id),
            )
        )
    await store.limit_tenant("acme", of_tenant)
    for number, step in enumerate(schedule):
        if step[0] == "pass":
            now += step[1]
        elif step[0] == "reserve":
            _, which, n, bound_nusd, bound_output = step
            asked = opened(
                f"c{number}",
                tenant=tenants[which],
                key_id=ids[which],
                n=n,
                bound_nusd=bound_nusd,
                bound_output_tokens=bound_output,
                at_us=now,
            )
            row = {f: getattr(asked, f) for f in asked.__struct_fields__} | {
                "state": "reserved",
                "reserved_us": now,
            }
            expected = model.refused(lambda r, which=which: r["key_id"] == ids[which], of_keys[which], row)
            if expected is None and tenants[which] == "acme":
                expected = model.refused(lambda r: r["tenant"] == "acme", of_tenant, row)
            refusal = await refusal_of(store, asked)
            assert (refusal and refusal.limit) == expected
            if refusal is None:
                model.rows[asked.id] = row
        elif held := [r for r in model.rows.values() if r["state"] == "reserved"]:
            _, which, share, state = step
            row = held[which % len(held)]
            row["state"], row["paid_nusd"] = state, int(row["bound_nusd"] * share)
            row["input_tokens"], row["output_tokens"] = (
                row["bound_input_tokens"],
                int(row["bound_output_tokens"] * share),
            )
            store.settle(
                ended(
                    row["id"],
                    state=state,
                    cost_nusd=row["paid_nusd"],
                    input_tokens=row["input_tokens"],
                    output_tokens=row["output_tokens"],
                )
            )
    await store.close()


@settings(derandomize=True, max_examples=40, deadline=None)
@given(quotas.filter(lambda q: q.requests_per_minute or q.tokens_per_minute), st.integers(0, 2**32))
def test_after_the_time_that_a_refusal_names_the_call_fits_and_not_before(quota, seed):
    asyncio.run(_fits_when_it_says(quota, seed))


async def _fits_when_it_says(quota, seed):
    rng, store, now = random.Random(seed), await Sqlite.open(":memory:"), MIDNIGHT
    minute = {"requests_per_minute": quota.requests_per_minute, "tokens_per_minute": quota.tokens_per_minute}
    id, _ = await key(store, **{name: most for name, most in minute.items() if most is not None})
    for number in range(40):
        asked = opened(f"c{number}", tenant="acme", key_id=id, n=rng.randint(1, 3), at_us=now)
        if (refusal := await refusal_of(store, asked)) is not None:
            wait_s = refusal.retry_after_s
            if wait_s is None:
                wanted = {"requests_per_minute": asked.n, "tokens_per_minute": 30}[refusal.limit]
                assert wanted > minute[refusal.limit]
                continue
            first = asked.at_us + wait_s * 1_000_000
            later = opened(f"l{number}", tenant="acme", key_id=id, n=asked.n, at_us=first)
            if wait_s > 1:
                early = opened(f"e{number}", tenant="acme", key_id=id, n=asked.n, at_us=first - 1_000_000)
                assert await refusal_of(store, early)
            still = await refusal_of(store, later)
            # The other limit of the minute may be the next to give way.
            assert still is None or still.limit != refusal.limit
            now = first
        now += rng.randint(0, 20_000_000)
    await store.close()


@pytest.mark.parametrize("seed", range(3))
async def test_many_keys_and_many_requests_at_once_never_exceed_a_limit(tmp_path, seed):
    """Twelve keys of three tenants, 600 draws through the door, with failures and cancellations among them."""
    rng, path = random.Random(seed), tmp_path / "ledger.db"
    store = await Sqlite.open(path)
    quotas_of = {}
    for number in range(12):
        tenant = f"t{number % 3}"
        quota = _random_quota(rng)
        id, _ = await key(store, f"k{number}", tenant=tenant, **quota)
        quotas_of[id] = tenant, Quota(**quota)
    of_tenants = {f"t{i}": Quota(**_random_quota(rng, 3)) for i in range(3)}
    for tenant, quota in of_tenants.items():
        await store.limit_tenant(tenant, quota)
    model = scripted(lambda request, index: "word " * (1 + index % 7), price=FIXED, shares_prompt=seed == 0)
    base = Session(run_id="r", providers={"default": model}, cards={"default": await model.card()}, store=store)
    refused = []

    async def buyer(number):
        id = rng.choice(sorted(quotas_of))
        session = base.on_behalf_of(Account(quotas_of[id][0], id))
        question = Question.of("say words", id=f"q{number}", sampling=Sampling(max_output_tokens=16))
        try:
            await Run(Door(session), Budget(), seed=seed, question_id=question.id).sample(
                question, n=rng.randint(1, 3)
            )
        except BudgetExceeded as refusal:
            refused.append(refusal.limit)

    tasks = [asyncio.create_task(buyer(i)) for i in range(300)]
    for task in rng.sample(tasks, 30):
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    found = await rows(store)
    assert len(found) > 20
    assert len(refused) > 20
    assert {r["state"] for r in found} <= {"settled", "failed"}
    for id, (_, quota) in quotas_of.items():
        assert exceeded([r for r in found if r["key_id"] == id], quota) == []
    for tenant, quota in of_tenants.items():
        assert exceeded([r for r in found if r["tenant"] == tenant], quota) == []
    assert sums_agree(path)
    assert all(task.cancelled() or task.exception() is None for task in tasks)
    await store.close()


def _random_quota(rng, times=1):
    most = {"concurrency": 4, "requests_per_minute": 12, "tokens_per_minute": 400, "nusd_per_day": 900_000}
    return {
        name: rng.randint(value // 2, 2 * value) * times for name, value in most.items() if rng.random() < 0.7
    }


def test_the_check_itself_sees_what_is_exceeded():
    def row(at_us, ended_us=None, **more):
        known = {
            "state": "settled",
            "n": 1,
            "input_tokens": 5,
            "output_tokens": 5,
            "paid_nusd": 10,
            "key_id": "k",
        }
        return known | {"reserved_us": at_us, "settled_us": ended_us if ended_us is not None else at_us} | more

    two = [row(MIDNIGHT - 1, MIDNIGHT + 5), row(MIDNIGHT + MINUTE_US - 2)]
    assert exceeded(two, Quota(requests_per_minute=1)) == ["requests_per_minute"]
    assert exceeded(two, Quota(tokens_per_minute=19)) == ["tokens_per_minute"]
    assert exceeded(two, Quota(20, 20, 2, 1)) == []
    assert exceeded([row(MIDNIGHT - 1), row(MIDNIGHT)], Quota(nusd_per_day=10)) == []
    assert exceeded([row(MIDNIGHT), row(MIDNIGHT + 1)], Quota(nusd_per_day=19)) == ["usd_per_day"]
    assert exceeded([row(1, 5), row(4, 9)], Quota(concurrency=1)) == ["concurrency"]
