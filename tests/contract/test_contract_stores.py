"""What every store promises, whichever database is under it. A second adapter joins by an entry in `STORES`."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import ended, opened, rows
from quotas import exceeded, key

from outlay.errors import KeyRefused, KeyReused, OverQuota, UsageError
from outlay.store.keys import Scope
from outlay.store.protocol import Bill, Totals
from outlay.store.quota import Quota, Used
from outlay.store.replies import Claim, Reply
from outlay.store.sqlite import Sqlite

STORES = {"sqlite": lambda folder: Sqlite.open(folder / "ledger.db")}
LATER = 40_000 * 86_400_000_000
"""A time to come, in microseconds: what is past by the real clock is forgotten where it no longer counts."""
CHILD = """
import asyncio, sys
sys.path[:0] = [{support!r}]
from ledgers import opened, ended
from outlay.errors import OverQuota
from outlay.store.replies import Claim, Reply
from outlay.store.sqlite import Sqlite
OPEN = {opener}

async def main():
    store = await OPEN()
{body}
    print("ready", flush=True)
    sys.stdin.readline()
    await store.close()

asyncio.run(main())
"""


@pytest.fixture(params=sorted(STORES))
def place(request, tmp_path):
    """Opens the same database again and again."""
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def store(place):
    opened_store = await place()
    yield opened_store
    await opened_store.close()


def child(tmp_path, body):
    """A process that has the same database open and has run `body`."""
    opener = f"lambda: Sqlite.open({str(tmp_path / 'ledger.db')!r})"
    support = str(Path(__file__).parent.parent / "support")
    body = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = CHILD.format(support=support, opener=opener, body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


@contextlib.contextmanager
def ending(process):
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def killed(process):
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


async def bought(store, id, *, completions=(), **more):
    await store.write_ahead(opened(id))
    store.settle(ended(id, **more), completions)


async def test_a_row_is_written_ahead_and_then_ended(store):
    await store.write_ahead(opened("a"))
    (row,) = await rows_of(store)
    assert (row["state"], row["cost_nusd"], row["bound_nusd"]) == ("reserved", None, 1000)
    store.settle(ended("a"))
    (row,) = await rows_of(store)
    assert (row["state"], row["cost_nusd"], row["paid_nusd"]) == ("settled", 400, 400)


async def rows_of(store):
    await store.flush()
    return sorted(await store.calls(), key=lambda row: row["id"])


async def test_totals_of_a_run_and_of_all(store):
    await bought(store, "a")
    await bought(store, "b", cost_nusd=100, overrun_nusd=7)
    await store.write_ahead(opened("other", run_id="s", n=3))
    store.settle(ended("other", cost_nusd=1))
    store.record_cached(opened("hit", n=2), ended("hit", state="cached", cost_nusd=50, paid_nusd=0))
    await store.write_ahead(opened("flying"))
    await store.flush()
    totals = await store.totals("r")
    assert totals == Totals(
        calls=4, cached_calls=2, cost_nusd=550, paid_nusd=500, overrun_nusd=7, input_tokens=10, output_tokens=12
    )
    assert (await store.totals()).cost_nusd == 551
    assert await store.totals("nobody") == Totals()


async def test_an_unknown_cost_makes_the_sum_unknown(store):
    await bought(store, "a")
    await bought(store, "b", cost_nusd=None)
    await store.flush()
    totals = await store.totals()
    assert (totals.cost_nusd, totals.paid_nusd, totals.calls) == (None, None, 2)


async def test_bills_are_by_phase_role_and_model(store):
    await bought(store, "a")
    store.record_cached(opened("hit", n=2), ended("hit", state="cached", cost_nusd=50, paid_nusd=0))
    await store.write_ahead(opened("judged", role="judge", model="j"))
    store.settle(ended("judged", cost_nusd=None, cache_read_tokens=3))
    await store.write_ahead(opened("slept", phase="offline", run_id="s"))
    store.settle(ended("slept", state="failed", cost_nusd=0, input_tokens=0, output_tokens=0))
    await store.write_ahead(opened("flying", role="small"))
    await store.flush()
    offline, default, judge = await store.bills()
    assert default == Bill("online", "default", "m", 3, 2, 0, 0, 450, 400, 10, None, 12, None)
    assert judge == Bill("online", "judge", "j", 1, 0, 0, 0, None, None, 5, 3, 6, None)
    assert offline == Bill("offline", "default", "m", 0, 0, 1, 0, 0, 0, 0, None, 0, None)
    assert await store.bills("r") == [default, judge]
    assert await store.bills(phase="offline") == [offline]
    assert await store.bills(tenant="nobody") == []


async def test_the_call_cache_gives_back_what_was_settled(store):
    await bought(store, "a", completions=[("k1", "one"), ("k2", "two")])
    await store.flush()
    assert await store.cached(["k1", "k2", "k3"]) == {"k1": "one", "k2": "two"}
    await bought(store, "b", completions=[("k1", "another")])
    await store.flush()
    assert await store.cached(["k1"]) == {"k1": "one"}
    assert await store.cached([]) == {}


async def test_an_answer_keeps_its_trace_and_may_be_saved_again(store):
    await store.save_answer("t1", "r", "q", "{}", "trace\n", 1)
    await store.save_answer("t1", "r", "q", "{}", "newer\n", 2)
    assert await store.trace("t1") == "newer\n"
    assert await store.trace("t2") is None


async def test_a_run_is_recorded_once(store):
    await store.open_run("r", "local", "bench", "{}", 1)
    await store.open_run("r", "local", "bench", "{}", 2)


async def test_ids_are_unique(store, place):
    other = await place()
    ids = [s.new_id("call") for s in (store, other) for _ in range(100)]
    assert len(set(ids)) == 200
    await other.close()


async def test_many_writers_at_once_lose_nothing(store):
    await asyncio.gather(*(bought(store, f"c{i:04}", completions=[(f"k{i}", "x")]) for i in range(1500)))
    await store.flush()
    assert (await store.totals()).calls == 1500
    assert len(await store.cached([f"k{i}" for i in range(1500)])) == 1500


async def test_what_is_written_ahead_survives_a_kill_and_counts_as_lost(place, tmp_path):
    killed(child(tmp_path, "await store.write_ahead(opened('a', n=2))\nawait store.write_ahead(opened('b'))"))
    store = await place()
    assert [r["state"] for r in await rows_of(store)] == ["reserved", "reserved"]
    assert await store.sweep() == 2
    totals = await store.totals("r")
    assert (totals.lost_nusd, totals.lost_calls, totals.calls, totals.paid_nusd) == (2000, 3, 0, 0)
    assert (totals.input_tokens, totals.output_tokens) == (20, 40)
    assert await store.sweep() == 0
    assert len(await store.calls(lost=True)) == 2
    await store.close()


async def test_an_ended_row_that_was_flushed_survives_a_kill_with_its_completions(place, tmp_path):
    body = (
        "await store.write_ahead(opened('a'))\nstore.settle(ended('a'), [('k', 'text')])\nawait store.flush()"
    )
    killed(child(tmp_path, body))
    store = await place()
    assert await store.sweep() == 0
    assert (await store.totals()).paid_nusd == 400
    assert await store.cached(["k"]) == {"k": "text"}
    await store.close()


async def test_a_living_process_keeps_its_reservations(store, tmp_path):
    with ending(child(tmp_path, "await store.write_ahead(opened('theirs'))")):
        await store.write_ahead(opened("mine"))
        assert await store.sweep() == 0
        assert {r["state"] for r in await rows_of(store)} == {"reserved"}
    assert await store.sweep() == 1
    assert {r["id"]: r["state"] for r in await rows_of(store)} == {"mine": "reserved", "theirs": "lost"}


async def test_only_the_run_that_was_asked_about_is_swept(place, tmp_path):
    killed(
        child(
            tmp_path, "await store.write_ahead(opened('a'))\nawait store.write_ahead(opened('b', run_id='s'))"
        )
    )
    store = await place()
    assert await store.sweep("s") == 1
    assert {r["id"]: r["state"] for r in await rows_of(store)} == {"a": "reserved", "b": "lost"}
    await store.close()


async def test_a_lost_call_of_unknown_price_makes_the_loss_unknown(place, tmp_path):
    killed(child(tmp_path, "await store.write_ahead(opened('a', bound_nusd=None))"))
    store = await place()
    await store.sweep()
    assert (await store.totals()).lost_nusd is None
    await store.close()


async def test_two_processes_write_to_one_file(store, tmp_path):
    body = """
for i in range(200):
    await store.write_ahead(opened(f"theirs{i}"))
    store.settle(ended(f"theirs{i}"))
"""
    script = asyncio.create_task(asyncio.to_thread(child, tmp_path, body))
    for i in range(200):
        await bought(store, f"mine{i}")
    with ending(await script) as process:
        process.communicate("\n")
    await store.flush()
    assert (await store.totals()).calls == 400


async def test_a_lost_call_is_reconciled_by_what_the_account_says(place, tmp_path):
    killed(child(tmp_path, "await store.write_ahead(opened('a'))\nawait store.write_ahead(opened('b'))"))
    store = await place()
    await store.sweep()
    assert await store.reconcile("a", ended("a", cost_nusd=3)) == "settled"
    assert await store.reconcile("b", None) == "unsent"
    totals = await store.totals()
    assert (totals.paid_nusd, totals.lost_nusd, totals.calls) == (3, 0, 1)
    with pytest.raises(UsageError, match="only lost and unreconciled"):
        await store.reconcile("a", None)
    with pytest.raises(UsageError, match="no call 'z'"):
        await store.reconcile("z", None)
    await store.close()


async def test_an_unreconciled_call_can_be_reconciled_and_a_good_one_cannot(store):
    await bought(store, "a", mark="unreconciled")
    await bought(store, "b")
    assert await store.reconcile("a", ended("a", cost_nusd=9)) == "settled"
    with pytest.raises(UsageError):
        await store.reconcile("b", ended("b"))
    assert (await store.totals()).paid_nusd == 409


async def test_closing_twice_is_harmless_and_gives_up_the_lease(place):
    store = await place()
    await bought(store, "a")
    await store.close()
    await store.close()
    again = await place()
    assert [r["state"] for r in await rows_of(again)] == ["settled"]
    await again.close()


async def test_rows_come_in_the_order_of_writing(store):
    for number in range(3):
        await bought(store, store.new_id("call"), cost_nusd=number)
    assert [r["cost_nusd"] for r in await rows(store)] == [0, 1, 2]


async def test_keys_are_kept_listed_and_revoked(store):
    scope, quota = Scope(("m",), ("single",), 8, 100), {"nusd_per_day": 5, "concurrency": 2}
    id, _ = await key(store, "ci", tenant="acme", scope=scope, **quota)
    await key(store, "laptop", tenant="other")
    assert [k.name for k in await store.keys()] == ["ci", "laptop"]
    (kept,) = await store.keys("acme")
    assert (kept.id, kept.scope, kept.quota) == (id, scope, Quota(5, None, None, 2))
    assert await store.key_by_hash(kept.hash) == kept
    assert await store.key_by_hash("") is None
    assert (await store.revoke_key("ci", 7)).revoked_us == 7
    assert (await store.key_by_hash(kept.hash)).revoked_us == 7
    with pytest.raises(UsageError, match="no one key"):
        await store.revoke_key("ci", 8)


async def test_a_tenants_limits_are_set_replaced_and_taken_away(store):
    assert await store.tenant_quota("acme") == Quota()
    for quota in (Quota(1, 2, 3, 4), Quota(concurrency=9), Quota()):
        await store.limit_tenant("acme", quota)
        assert await store.tenant_quota("acme") == quota


async def test_a_call_bought_with_a_key_must_fit(store):
    id, _ = await key(store, tenant="acme", requests_per_minute=2)
    for number in range(2):
        await store.write_ahead(opened(f"c{number}", tenant="acme", key_id=id, at_us=LATER))
    with pytest.raises(OverQuota) as told:
        await store.write_ahead(opened("c2", tenant="acme", key_id=id, at_us=LATER))
    assert (told.value.limit, told.value.retry_after_s) == ("requests_per_minute", 61)
    with pytest.raises(KeyRefused):
        await store.write_ahead(opened("c3", tenant="other", key_id=id))
    assert [r["id"] for r in await rows_of(store)] == ["c0", "c1"]
    assert await store.used(id, LATER) == Used(2000, 2000, 60, 2, 2)


async def test_nothing_crosses_tenants(store):
    for tenant in ("acme", "other"):
        await store.write_ahead(opened(tenant, tenant=tenant))
        store.settle(ended(tenant))
        await store.save_answer(f"trace_{tenant}", "r", "q", "{}", tenant, 1, tenant=tenant)
    assert await store.trace("trace_acme", tenant="acme") == "acme"
    assert await store.trace("trace_acme", tenant="other") is None
    assert await store.trace("trace_acme") is None
    assert [c["id"] for c in await store.calls(tenant="acme")] == ["acme"]
    assert (await store.totals(tenant="acme")).calls == (await store.totals("r", tenant="other")).calls == 1
    assert (await store.totals()).calls == 2
    assert await store.totals(tenant="nobody") == Totals()


async def test_lost_and_reconciled_calls_of_a_key_count_at_what_they_are(place, tmp_path):
    store = await place()
    id, _ = await key(store, tenant="acme", nusd_per_day=2500)
    body = f"""
await store.write_ahead(opened('a', tenant='acme', key_id={id!r}, at_us={LATER}))
await store.write_ahead(opened('b', tenant='acme', key_id={id!r}, at_us={LATER}))
"""
    killed(child(tmp_path, body))
    await store.sweep()
    with pytest.raises(OverQuota) as told:
        await store.write_ahead(opened("c", tenant="acme", key_id=id, at_us=LATER))
    assert (told.value.limit, told.value.retry_after_s) == ("usd_per_day", 86_400)
    assert await store.used(id, LATER) == Used(2000, 0, 60, 2, 0)
    await store.reconcile("a", ended("a", cost_nusd=3))
    await store.reconcile("b", None)
    assert await store.used(id, LATER) == Used(3, 0, 11, 2, 0)
    await store.write_ahead(opened("c", tenant="acme", key_id=id, at_us=LATER))
    await store.close()


async def test_two_processes_on_one_file_never_exceed_a_limit_together(store, tmp_path):
    """Neither can use it up alone; at the end they have used it up to the last call."""
    id, _ = await key(store, tenant="acme", requests_per_minute=500, concurrency=8)
    body = f"""
async def buy(i):
    try:
        await store.write_ahead(opened(f"theirs{{i}}", tenant="acme", key_id={id!r}, at_us={LATER}))
    except OverQuota:
        return
    store.settle(ended(f"theirs{{i}}"))

for i in range(0, 250, 10):
    await asyncio.gather(*(buy(j) for j in range(i, i + 10)))
"""
    most = mine = 0

    async def buy():
        nonlocal most, mine
        row = opened(store.new_id("mine"), tenant="acme", key_id=id, at_us=LATER)
        await store.write_ahead(row)
        mine += 1
        most = max(most, (await store.used(id, LATER)).concurrency)
        store.settle(ended(row.id))

    running = asyncio.create_task(asyncio.to_thread(child, tmp_path, body))
    while not (await store.used(id, LATER)).requests:
        await store.flush()
    for _ in range(40):
        await asyncio.gather(*(buy() for _ in range(10)), return_exceptions=True)
    with ending(await running) as process:
        process.communicate("\n")
    with contextlib.suppress(OverQuota):
        while True:
            await buy()
    found = await rows_of(store)
    assert exceeded(found, Quota(requests_per_minute=500)) == []
    assert len(found) == 500
    assert 0 < mine < 500
    assert most <= 8


CLAIM = Claim("acme", "k", "digest", "reply_1")


def again(number, digest="digest", tenant="acme"):
    return Claim(tenant, "k", digest, f"reply_{number}")


async def test_a_reply_is_claimed_once_recorded_and_given_again(store):
    reply = Reply(200, "text/event-stream", b"data: [DONE]\n\n\x00\xff")
    assert await store.begin_reply(CLAIM, 5) == 5
    assert await store.begin_reply(again(2), 6) is None
    with pytest.raises(KeyReused):
        await store.begin_reply(again(3, "another"), 6)
    assert await store.begin_reply(again(4, tenant="other"), 6) == 6
    await store.end_reply(CLAIM, reply, 7)
    assert await store.begin_reply(again(5), 8) == reply


async def test_a_released_claim_passes_on_with_the_time_it_began(store):
    await store.begin_reply(CLAIM, 5)
    store.release_reply(again(9))
    assert await store.begin_reply(again(2), 6) is None
    store.release_reply(CLAIM)
    assert await store.begin_reply(again(3), 6) == 5


async def test_a_claim_of_a_killed_process_passes_on_and_a_living_ones_does_not(store, tmp_path):
    body = "assert await store.begin_reply(Claim('acme', 'k', 'digest', 'theirs'), 5) == 5"
    with ending(child(tmp_path, body)) as process:
        assert await store.begin_reply(again(2), 6) is None
        killed(process)
    assert await store.begin_reply(again(3), 7) == 5


async def test_replies_are_forgotten_after_a_day(store):
    day_us = 86_400_000_000
    await store.begin_reply(CLAIM, 5)
    await store.end_reply(CLAIM, Reply(200, "t", b""), 6)
    assert await store.forget_replies(5 + day_us) == 0
    assert await store.begin_reply(again(2, "another"), 5 + day_us) == 5 + day_us
    assert await store.forget_replies(6 + 2 * day_us) == 1
