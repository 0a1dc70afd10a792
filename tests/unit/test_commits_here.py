"""Where the ledger commits: on the event loop while hardly anything is under way, else in the writer's thread."""

import asyncio
import sqlite3
import threading

import pytest
from ledgers import ended, opened, rows

from outlay.errors import StoreError
from outlay.store import writer
from outlay.store.sqlite import Sqlite


@pytest.fixture
async def store(tmp_path):
    store = await Sqlite.open(tmp_path / "ledger.db")
    yield store
    await store.close()


@pytest.fixture
def threads(store, monkeypatch):
    """The thread of each commit, in order."""
    seen, commits = [], store._writer._commits
    transact = commits._transact

    def told(group, *, begun):
        seen.append(threading.current_thread().name)
        return transact(group, begun=begun)

    monkeypatch.setattr(commits, "_transact", told)
    return seen


def committed(store) -> list[tuple[str, str]]:
    """What another process sees."""
    with sqlite3.connect(store.path) as db:
        return db.execute("SELECT id, state FROM calls ORDER BY id").fetchall()


async def test_a_single_call_is_committed_on_the_event_loop(store, threads):
    await store.write_ahead(opened("c_1"))
    assert committed(store) == [("c_1", "reserved")]
    store.settle(ended("c_1"))
    await store.save_answer("t", "r", "q", "{}", "", 3)
    assert committed(store) == [("c_1", "settled")]
    assert set(threads) == {threading.current_thread().name}


async def test_many_calls_are_committed_by_the_thread_together(store, threads):
    for i in range(writer.FEW + 1):
        await store.write_ahead(opened(f"c_{i}"))
    assert threads == [threading.current_thread().name] * writer.FEW + ["outlay-ledger"]
    for i in range(writer.FEW + 1):
        store.settle(ended(f"c_{i}"))
    await store.save_answer("t", "r", "q", "{}", "", 3)
    assert {state for _, state in committed(store)} == {"settled"}


@pytest.mark.parametrize(("n", "where"), [(8, "MainThread"), (writer.FEW_OPERATIONS + 2, "outlay-ledger")])
async def test_the_calls_of_one_step_are_committed_with_it_where_they_are_few(store, threads, n, where):
    await asyncio.gather(*(store.write_ahead(opened(f"c_{i}")) for i in range(n)))
    assert threads == ["MainThread", where]
    assert [state for _, state in committed(store)] == ["reserved"] * n


async def test_a_call_that_was_not_reserved_is_not_under_way(store):
    await store.write_ahead(opened("c_1"))
    with pytest.raises(StoreError):
        await store.write_ahead(opened("c_1"))
    assert store._writer.under_way == 1
    store.settle(ended("c_1"))
    assert store._writer.under_way == 0


async def test_while_another_process_writes_the_thread_waits_and_the_event_loop_does_not(store, threads):
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = store.write_ahead(opened("c_1"))
    store._writer._loop.call_later(0.05, other.execute, "COMMIT")
    await writing
    other.close()
    assert threads == ["outlay-ledger"]
    assert [row["state"] for row in await rows(store)] == ["reserved"]


async def test_what_is_handed_over_behind_the_threads_work_does_not_overtake_it(store, threads):
    reading = asyncio.ensure_future(store.totals())
    await asyncio.sleep(0)
    saving = asyncio.ensure_future(store.save_answer("t", "r", "q", "{}", "", 3))
    await asyncio.sleep(0)
    await store.write_ahead(opened("c_1"))
    store.settle(ended("c_1"))
    assert (await reading).calls == 0
    await saving
    assert [row["state"] for row in await rows(store)] == ["settled"]


async def test_after_a_run_of_its_own_the_event_loop_leaves_one_to_the_thread(store, threads, monkeypatch):
    monkeypatch.setattr(writer, "RUN", 3)
    for i in range(5):
        await store.write_ahead(opened(f"c_{i}"))
        store.settle(ended(f"c_{i}"))
        await store.save_answer(f"t_{i}", "r", "q", "{}", "", 3)
    here = threading.current_thread().name
    assert threads == ([here] * 3 + ["outlay-ledger"]) * 2 + [here] * 2


async def test_with_durability_against_power_loss_only_the_thread_waits_for_the_disk(tmp_path, monkeypatch):
    store = await Sqlite.open(tmp_path / "ledger.db", durability="power")
    monkeypatch.setattr(store._writer._commits, "begun_at_once", None)
    await store.write_ahead(opened("c_1"))
    assert [row["state"] for row in await rows(store)] == ["reserved"]
    await store.close()
