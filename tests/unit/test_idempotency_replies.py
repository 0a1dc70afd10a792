"""The same idempotency key and body get the same reply, pay once, and survive whoever was at it."""

import asyncio
import sqlite3

import pytest
from quotas import DAY_US

from outlay.errors import KeyReused, StoreError, UsageError
from outlay.gateway.idempotency import Attempt, Idempotency, digest_of
from outlay.store import writer
from outlay.store.replies import Reply
from outlay.store.sqlite import Sqlite

REPLY = Reply(200, "application/json", b'{"a":\xe2\x82\xac}\x00')
BODY, OTHER = digest_of("/v1/chat/completions", b"{}"), digest_of("/v1/chat/completions", b"{ }")


class Now:
    def __init__(self):
        self.us = 40_000 * DAY_US

    def __call__(self):
        return self.us


@pytest.fixture
async def store(tmp_path):
    opened_store = await Sqlite.open(tmp_path / "ledger.db")
    yield opened_store
    await opened_store.close()


async def parked(store):
    """Return when those who were started wait for another's reply."""
    for _ in range(2):
        await asyncio.sleep(0)
        await store.flush()


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def once(store, now):
    return Idempotency(store, now_us=now, poll_s=60)


async def test_the_first_is_ours_to_make_and_the_second_gets_its_bytes(once):
    attempt = await once.begin("acme", "k", BODY)
    assert isinstance(attempt, Attempt)
    await once.finish(attempt, REPLY)
    assert await once.begin("acme", "k", BODY) == REPLY


async def test_another_body_under_the_same_key_is_a_409_at_any_time(once):
    attempt = await once.begin("acme", "k", BODY)
    for _ in range(2):
        with pytest.raises(KeyReused) as told:
            await once.begin("acme", "k", OTHER)
        assert told.value.status == 409
        await once.finish(attempt, REPLY)
    with pytest.raises(KeyReused):
        await once.begin("acme", "k", digest_of("/v1/completions", b"{}"))


async def test_tenants_do_not_share_keys(once):
    ours = await once.begin("acme", "k", BODY)
    theirs = await once.begin("other", "k", BODY)
    assert ours.scope != theirs.scope
    await once.finish(ours, REPLY)
    await once.finish(theirs, Reply(200, "text/plain", b"theirs"))
    assert (await once.begin("acme", "k", BODY)).body == REPLY.body
    assert (await once.begin("other", "k", BODY)).body == b"theirs"


async def test_duplicates_wait_for_the_first_and_get_its_reply(once, store):
    attempt = await once.begin("acme", "k", BODY)
    waiting = [asyncio.create_task(once.begin("acme", "k", BODY)) for _ in range(20)]
    other = await once.begin("acme", "another", BODY)
    await parked(store)
    assert not any(task.done() for task in waiting)
    await once.finish(attempt, REPLY)
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [REPLY] * 20
    assert once._waiting == {}
    once.release(other)


async def test_of_those_who_wait_one_takes_over_what_failed_under_the_same_scope(once, store):
    attempt = await once.begin("acme", "k", BODY)
    waiting = [asyncio.create_task(once.begin("acme", "k", BODY)) for _ in range(5)]
    await parked(store)
    once.release(attempt)
    done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    (taken,) = (task.result() for task in done)
    assert isinstance(taken, Attempt)
    assert taken.scope == attempt.scope
    assert len(rest) == 4
    await once.finish(taken, REPLY)
    assert await asyncio.wait_for(asyncio.gather(*rest), 5) == [REPLY] * 4


async def test_a_waiter_that_leaves_and_an_attempt_that_is_cancelled_leave_nothing_behind(
    once, store, monkeypatch
):
    monkeypatch.setattr(writer, "FEW", -1)  # every claim waits for the ledger's thread
    attempt = await once.begin("acme", "k", BODY)
    waiter = asyncio.create_task(once.begin("acme", "k", BODY))
    await parked(store)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert once._waiting == {}
    once.release(attempt)
    granted = asyncio.create_task(once.begin("acme", "k", BODY))
    await asyncio.sleep(0)  # the claim is handed over
    granted.cancel()
    await asyncio.gather(granted, return_exceptions=True)
    assert isinstance(await asyncio.wait_for(once.begin("acme", "k", BODY), 5), Attempt)


async def test_an_attempt_that_was_overtaken_records_nothing(once, store):
    first = await once.begin("acme", "k", BODY)
    once.release(first)
    second = await once.begin("acme", "k", BODY)
    await once.finish(first, Reply(500, "text/plain", b"late"))
    once.release(first)
    await once.finish(second, REPLY)
    once.release(second)
    assert await once.begin("acme", "k", BODY) == REPLY


async def test_a_reply_is_kept_for_a_day_and_then_the_key_is_new_with_draws_of_its_own(once, now, store):
    first = await once.begin("acme", "k", BODY)
    now.us += DAY_US // 2
    await once.finish(first, REPLY)
    now.us += DAY_US // 2 - 1
    assert await once.begin("acme", "k", BODY) == REPLY
    now.us += 1
    again = await once.begin("acme", "k", OTHER)
    assert isinstance(again, Attempt)
    once.release(again)
    now.us += DAY_US
    same = await once.begin("acme", "k", BODY)
    assert same.scope != first.scope


async def test_what_was_kept_long_enough_is_deleted(once, now, store):
    for i in range(10):
        await once.finish(await once.begin("acme", f"k{i}", BODY), REPLY)
    now.us += DAY_US + 1
    await once.begin("acme", "new", BODY)
    kept = await store._writer.run(lambda db: db.execute("SELECT key FROM replies").fetchall())
    assert kept == [("new",)]


async def test_a_living_process_keeps_its_claim_and_a_closed_one_gives_it_up(tmp_path, now):
    one, two = await Sqlite.open(tmp_path / "l.db"), await Sqlite.open(tmp_path / "l.db")
    theirs = await Idempotency(one, now_us=now).begin("acme", "k", BODY)
    ours = asyncio.create_task(Idempotency(two, now_us=now, poll_s=0.01).begin("acme", "k", BODY))
    await parked(two)
    assert not ours.done()
    await one.close()
    taken = await asyncio.wait_for(ours, 5)
    assert taken.scope == theirs.scope
    await two.close()


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "a\nb", "\x00"])
async def test_a_key_that_is_none_is_refused(once, key):
    with pytest.raises(UsageError, match="1 to 255 printable"):
        await once.begin("acme", key, BODY)


async def test_a_ledger_that_fails_is_told_and_wakes_who_waits(once, store):
    attempt = await once.begin("acme", "k", BODY)
    waiter = asyncio.create_task(once.begin("acme", "k", BODY))
    await parked(store)
    healthy = store._writer._commits._transact

    def full(group, *, begun):
        raise sqlite3.OperationalError("database or disk is full")

    store._writer._commits._transact = full
    with pytest.raises(StoreError):
        await once.finish(attempt, REPLY)
    with pytest.raises(StoreError):
        await asyncio.wait_for(waiter, 5)
    store._writer._commits._transact = healthy


def test_a_request_is_its_path_and_its_bytes():
    assert len({digest_of(p, b) for p in ("/a", "/b") for b in (b"", b"x", b"x ")}) == 6
