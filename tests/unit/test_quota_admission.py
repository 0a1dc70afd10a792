"""A call bought with a key is reserved only where it fits in every limit of its key and its tenant."""

import asyncio

import pytest
from ledgers import ended, opened
from quotas import DAY_US, key, sums_agree

from outlay.errors import KeyRefused, OverQuota, UnknownPrice
from outlay.store import writer
from outlay.store.quota import Quota, Used
from outlay.store.sqlite import Sqlite

S = 1_000_000
NOON = 40_000 * DAY_US + DAY_US // 2
"""Of a day to come: sums by the second are forgotten by the real clock."""


@pytest.fixture
async def store(tmp_path):
    opened_store = await Sqlite.open(tmp_path / "ledger.db")
    yield opened_store
    await opened_store.close()


class Buyer:
    """Reserves and settles calls of one key; every call is one request of 10 + 20 tokens and at most 1,000 nUSD."""

    def __init__(self, store, key_id, tenant="acme"):
        self.store, self.key_id, self.tenant, self.number = store, key_id, tenant, 0

    async def reserve(self, at_us=NOON, **more):
        self.number += 1
        row = opened(
            f"{self.key_id}/{self.number}", tenant=self.tenant, key_id=self.key_id, at_us=at_us, **more
        )
        await self.store.write_ahead(row)
        return row.id

    async def refused(self, at_us=NOON, **more):
        with pytest.raises(OverQuota) as told:
            await self.reserve(at_us, **more)
        return told.value.limit, told.value.retry_after_s


async def buyer(store, tenant="acme", **quota):
    return Buyer(store, (await key(store, tenant=tenant, **quota))[0], tenant)


async def test_without_limits_everything_is_admitted_and_counted(store, tmp_path):
    buys = await buyer(store)
    for _ in range(5):
        await buys.reserve(n=2)
    store.settle(ended(f"{buys.key_id}/1", cost_nusd=400))
    await store.flush()
    assert await store.used(buys.key_id, NOON) == Used(4400, 4000, 4 * 30 + 11, 10, 8)
    assert await store.used("tenant/acme", NOON) == await store.used(buys.key_id, NOON)
    assert sums_agree(tmp_path / "ledger.db")


async def test_requests_of_a_minute_are_counted_by_choices_and_free_again_as_it_passes(store):
    buys = await buyer(store, requests_per_minute=4)
    await buys.reserve(NOON, n=3)
    await buys.reserve(NOON + 20 * S)
    assert await buys.refused(NOON + 20 * S) == ("requests_per_minute", 41)
    assert await buys.refused(NOON + 59 * S) == ("requests_per_minute", 2)
    assert await buys.refused(NOON + 60 * S) == ("requests_per_minute", 1)
    assert await buys.refused(NOON + 61 * S, n=4) == ("requests_per_minute", 20)
    await buys.reserve(NOON + 61 * S, n=3)
    assert await buys.refused(NOON + 500 * S, n=5) == ("requests_per_minute", None)


async def test_tokens_of_a_minute_count_at_the_bound_until_they_are_settled(store):
    buys = await buyer(store, tokens_per_minute=70)
    first = await buys.reserve()
    await buys.reserve()
    assert await buys.refused() == ("tokens_per_minute", 61)
    store.settle(ended(first))  # 5 + 6 of the 10 + 20
    assert await buys.refused() == ("tokens_per_minute", 61)
    await buys.reserve(bound_output_tokens=19)
    assert await buys.refused(bound_input_tokens=60) == ("tokens_per_minute", None)


async def test_dollars_of_a_day_say_whether_calls_under_way_or_the_day_must_end(store):
    buys = await buyer(store, nusd_per_day=2500)
    first = await buys.reserve()
    await buys.reserve()
    assert await buys.refused() == ("usd_per_day", 1)
    store.settle(ended(first, cost_nusd=400))
    second = await buys.reserve()
    assert await buys.refused() == ("usd_per_day", 1)
    store.settle(ended(second, cost_nusd=900))
    store.settle(ended(f"{buys.key_id}/2", cost_nusd=1000))
    assert await buys.refused() == ("usd_per_day", 12 * 3600)
    assert await buys.refused(bound_nusd=2501) == ("usd_per_day", None)
    await buys.reserve(NOON + DAY_US // 2)


async def test_a_call_that_ends_after_midnight_belongs_to_the_day_it_was_reserved_in(store, tmp_path):
    buys = await buyer(store, nusd_per_day=1500)
    late = await buys.reserve(NOON + DAY_US // 2 - 1)
    store.settle(ended(late, cost_nusd=1000, at_us=NOON + DAY_US))
    await buys.reserve(NOON + DAY_US // 2)
    assert await buys.refused(NOON + DAY_US // 2 - 1) == ("usd_per_day", 1)
    await store.flush()
    assert sums_agree(tmp_path / "ledger.db")


async def test_what_is_free_is_admitted_however_much_was_spent(store):
    buys = await buyer(store, nusd_per_day=1000)
    store.settle(ended(await buys.reserve(), cost_nusd=5000, overrun_nusd=4000))
    await buys.reserve(bound_nusd=0)
    assert await buys.refused() == ("usd_per_day", 12 * 3600)


async def test_an_unknown_price_is_refused_under_a_limit_in_dollars_alone(store):
    buys = await buyer(store, nusd_per_day=1000)
    with pytest.raises(UnknownPrice, match=r"limit in dollars and the price of m is unknown, or what an image"):
        await buys.reserve(bound_nusd=None)
    await (await buyer(store, concurrency=1)).reserve(bound_nusd=None)


async def test_calls_under_way_are_counted_until_they_end_in_whichever_way(store):
    buys = await buyer(store, concurrency=3)
    first = await buys.reserve(n=2)
    second = await buys.reserve()
    assert await buys.refused() == ("concurrency", 1)
    assert await buys.refused(n=4) == ("concurrency", None)
    store.settle(ended(second, state="failed", cost_nusd=0))
    await buys.reserve()
    store.settle(ended(first))
    await buys.reserve(n=2)


async def test_one_call_after_another_is_never_refused_for_concurrency(store):
    buys = await buyer(store, concurrency=1)
    for _ in range(50):
        store.settle(ended(await buys.reserve()))


async def test_what_is_under_way_in_one_commit_counts_for_the_next_of_it(store, monkeypatch):
    monkeypatch.setattr(writer, "GROUP", 512)
    buys = await buyer(store, concurrency=3)

    results = await asyncio.gather(*(buys.reserve() for _ in range(20)), return_exceptions=True)
    assert [isinstance(r, OverQuota) for r in results] == [False] * 3 + [True] * 17


async def test_a_tenants_limits_bind_all_its_keys_together_and_no_other_tenant(store):
    await store.limit_tenant("acme", Quota(requests_per_minute=3))
    one, two, other = await buyer(store), await buyer(store), await buyer(store, "other")
    await one.reserve()
    await two.reserve(n=2)
    assert await one.refused() == ("requests_per_minute", 61)
    assert await two.refused() == ("requests_per_minute", 61)
    await other.reserve(n=10)
    await store.limit_tenant("acme", Quota())
    await one.reserve(n=10)


async def test_the_refusal_says_whose_limit_which_and_when(store):
    buys = await buyer(store, requests_per_minute=1)
    await buys.reserve()
    with pytest.raises(
        OverQuota,
        match=r"^The key ci \(sk-outlay-.{6}…\) may use 1 requests a minute, 1 are used .* in 61 s\.$",
    ):
        await buys.reserve()
    await store.limit_tenant("acme", Quota(nusd_per_day=1500))
    with pytest.raises(OverQuota, match=r"^The tenant acme may spend \$0.0000015 a day"):
        await (await buyer(store)).reserve()
    with pytest.raises(
        OverQuota, match=r"that can never fit, ask with (fewer samples|a smaller output bound)\.$"
    ):
        await (await buyer(store)).reserve(bound_nusd=2000)


async def test_a_revoked_key_buys_nothing_more_and_settles_what_it_had(store):
    buys = await buyer(store)
    row = await buys.reserve()
    await store.revoke_key(buys.key_id, NOON)
    with pytest.raises(KeyRefused, match="revoked"):
        await buys.reserve()
    store.settle(ended(row))
    assert (await store.totals()).calls == 1


async def test_a_key_of_another_tenant_or_of_nobody_is_refused(store):
    buys = await buyer(store)
    for wrong in (Buyer(store, buys.key_id, "other"), Buyer(store, "key_of_nobody")):
        with pytest.raises(KeyRefused):
            await wrong.reserve()
    assert await store.calls() == []


async def test_a_clock_that_was_set_back_does_not_lock_a_key_out(store):
    buys = await buyer(store, requests_per_minute=1, tokens_per_minute=30)
    await buys.reserve(NOON + 3600 * S)
    await buys.reserve(NOON)
    assert (await buys.refused(NOON + 5 * S))[0] == "requests_per_minute"


async def test_times_that_come_out_of_order_still_count(store):
    buys = await buyer(store, requests_per_minute=1)
    await buys.reserve(NOON + 2 * S)
    assert (await buys.refused(NOON))[0] == "requests_per_minute"


async def test_what_the_call_cache_serves_is_not_counted(store, tmp_path):
    buys = await buyer(store, requests_per_minute=1, nusd_per_day=1000)
    row = opened("hit", tenant="acme", key_id=buys.key_id, at_us=NOON, n=5)
    store.record_cached(row, ended("hit", state="cached", cost_nusd=900, paid_nusd=0))
    await buys.reserve()
    assert (await store.used(buys.key_id, NOON)).requests == 1
    assert sums_agree(tmp_path / "ledger.db")


async def test_seconds_that_are_past_are_forgotten_and_days_are_not(store, monkeypatch):
    buys, then = await buyer(store), NOON - 20_000 * DAY_US
    old = await buys.reserve(then)
    monkeypatch.setattr(store._writer._commits, "_beat_us", 0)
    await buys.reserve(then)
    spans = await store._writer.run(lambda db: db.execute("SELECT span_s FROM ledger_sums").fetchall())
    assert {span for (span,) in spans} == {86_400}
    store.settle(ended(old, cost_nusd=400))
    await store.flush()
    assert (await store.used(buys.key_id, then)).nusd == 1400


async def test_local_use_has_no_quota_and_no_sums(store):
    await store.limit_tenant("local", Quota(concurrency=0, nusd_per_day=0, requests_per_minute=0))
    await store.write_ahead(opened("a"))
    store.settle(ended("a"))
    assert await store.used("tenant/local", 1) == Used(0, 0, 0, 0, 0)


async def test_a_limit_of_nothing_admits_nothing(store):
    for name in ("concurrency", "requests_per_minute", "tokens_per_minute", "nusd_per_day"):
        assert (await (await buyer(store, **{name: 0})).refused())[1] is None
