"""A ledger that is corrupt, locked, full, read-only or of another version: one sentence, and nothing is lost."""

import asyncio
import os
import shutil
import sqlite3
import subprocess

import pytest
from ledgers import ended, opened, rows

from outlay.errors import StoreError
from outlay.store import commits, faults, migrate, writer
from outlay.store.sqlite import Sqlite


async def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"my thesis, the only copy" * 100)
    with pytest.raises(StoreError, match=r"corrupt .* move it away"):
        await Sqlite.open(path)
    assert path.read_bytes() == b"my thesis, the only copy" * 100


async def test_a_damaged_database_is_one_sentence(tmp_path):
    path = tmp_path / "ledger.db"
    store = await Sqlite.open(path)
    for i in range(200):
        await store.write_ahead(opened(f"c{i}"))
    await store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreError, match="corrupt"):
        await Sqlite.open(path)


async def test_a_locked_file_is_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    await (await Sqlite.open(path)).close()
    monkeypatch.setattr(commits, "BUSY_MS", 10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        await Sqlite.open(path)
    other.execute("ROLLBACK")
    other.close()


async def test_what_a_lock_keeps_from_being_written_is_written_once_it_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(commits, "BUSY_MS", 10)
    store = await Sqlite.open(tmp_path / "ledger.db")
    await store.write_ahead(opened("a"))
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.settle(ended("a"))
    with pytest.raises(StoreError, match="locked"):
        await store.write_ahead(opened("b"))
    with pytest.raises(StoreError, match="locked"):
        await store.totals()
    other.execute("ROLLBACK")
    other.close()
    await store.write_ahead(opened("c"))
    assert {row["id"]: row["state"] for row in await store.calls()} == {"a": "settled", "c": "reserved"}
    await store.close()


async def test_what_cannot_be_written_before_the_end_is_said_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(commits, "BUSY_MS", 10)
    store = await Sqlite.open(tmp_path / "ledger.db")
    await store.write_ahead(opened("a"))
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.settle(ended("a"))
    with pytest.raises(StoreError, match="locked"):
        await store.close()
    other.execute("ROLLBACK")
    other.close()


async def test_a_full_disk_is_one_sentence_and_what_was_written_stays(tmp_path):
    path = tmp_path / "ledger.db"
    store = await Sqlite.open(path)
    await store.write_ahead(opened("first"))
    await store._writer.run(lambda db: None)
    store._writer._commits.db.execute(
        f"PRAGMA max_page_count={store._writer._commits.db.execute('PRAGMA page_count').fetchone()[0]}"
    )
    with pytest.raises(StoreError, match=r"disk .* is full; free some space"):
        await store.write_ahead(opened("large", question_id="x" * 10_000_000))
    await store.close()
    again = await Sqlite.open(path)
    assert "first" in {r["id"] for r in await again.calls(limit=5000)}
    await again.close()


def test_a_disk_that_takes_no_more_is_called_full_or_failing():
    failed = faults.sentence("l.db", sqlite3.OperationalError("disk I/O error"))
    assert "The disk of the ledger l.db is full or failing; free some space and run" in str(failed)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="permissions"):
        await Sqlite.open(tmp_path / "ledger.db")


async def test_a_path_that_cannot_be_a_file_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    for path in (tmp_path / "taken" / "ledger.db", tmp_path):
        with pytest.raises(StoreError, match="check the path and its permissions"):
            await Sqlite.open(path)


async def poisoned(store):
    """The first verb may still be in time; the second is not."""
    await store.write_ahead(opened("b"))
    await store.write_ahead(opened("c"))


@pytest.mark.parametrize("value", [2**70, -(2**70)])
async def test_a_number_that_no_database_holds_ends_in_a_sentence_and_not_in_a_hang(tmp_path, value):
    store = await Sqlite.open(tmp_path / "ledger.db")
    await store.write_ahead(opened("a"))
    store.settle(ended("a", input_tokens=value))
    with pytest.raises(StoreError, match="cannot be used"):
        await asyncio.wait_for(poisoned(store), 10)
    with pytest.raises(StoreError):
        await store.close()


async def test_text_that_is_not_unicode_ends_in_a_sentence_and_not_in_a_hang(tmp_path):
    store = await Sqlite.open(tmp_path / "ledger.db")
    with pytest.raises(StoreError, match="cannot be used"):
        await asyncio.wait_for(store.write_ahead(opened("a", question_id="\ud800")), 10)
    await store.write_ahead(opened("b"))
    await store.close()


async def test_a_migration_that_was_changed_is_refused(tmp_path, monkeypatch):
    await (await Sqlite.open(tmp_path / "ledger.db")).close()
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    first = sorted(folder.glob("*.sql"))[0]
    first.write_text(first.read_text() + "\n-- later thought\n")
    monkeypatch.setattr(migrate, "FOLDER", folder)
    with pytest.raises(StoreError, match="another version of outlay"):
        await Sqlite.open(tmp_path / "ledger.db")


async def test_a_ledger_of_a_newer_outlay_is_refused(tmp_path):
    store = await Sqlite.open(tmp_path / "ledger.db")
    await store._writer.run(lambda db: db.execute("INSERT INTO migrations VALUES ('9999_future.sql', 'x', 0)"))
    await store.close()
    with pytest.raises(StoreError, match="9999_future"):
        await Sqlite.open(tmp_path / "ledger.db")


async def test_a_new_migration_is_applied_once_and_keeps_the_rows(tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    store = await Sqlite.open(path)
    await store.write_ahead(opened("a"))
    await store.close()
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    (folder / "9000_note.sql").write_text("ALTER TABLE runs ADD COLUMN note TEXT;\n")
    monkeypatch.setattr(migrate, "FOLDER", folder)
    for _ in range(2):
        store = await Sqlite.open(path)
        assert [r["id"] for r in await rows_of_any(store)] == ["a"]
        await store.close()


async def rows_of_any(store):
    return await store.calls()


async def test_the_end_of_a_call_and_its_completions_are_one_commit(tmp_path, monkeypatch):
    """Between two commits a kill would leave a settled call whose completions are bought again."""
    monkeypatch.setattr(writer, "GROUP", 1)
    store = await Sqlite.open(tmp_path / "ledger.db")
    seen = []
    await store._writer.run(
        lambda db: db.set_trace_callback(lambda statement: seen.append(statement.split()[0]))
    )
    await store.write_ahead(opened("a"))
    store.settle(ended("a"), [("k1", "one"), ("k2", "two")])
    await store.flush()
    await store._writer.run(lambda db: db.set_trace_callback(None))
    await store.close()
    assert "UPDATE INSERT INSERT COMMIT" in " ".join(seen)


async def test_several_openers_at_once_make_one_database(tmp_path):
    stores = await asyncio.gather(*(Sqlite.open(tmp_path / "deep" / "ledger.db") for _ in range(4)))
    await asyncio.gather(*(s.write_ahead(opened(f"c{i}")) for i, s in enumerate(stores)))
    assert len(await stores[0].calls()) == 4
    await asyncio.gather(*(s.close() for s in stores))


async def test_any_tool_reads_the_ledger(tmp_path):
    path = tmp_path / "ledger.db"
    store = await Sqlite.open(path)
    await store.write_ahead(opened(store.new_id("call")))
    assert len(await rows(store)) == 1
    await store.close()
    db = sqlite3.connect(path)
    types = {row[2] for row in db.execute("PRAGMA table_info(calls)")}
    assert types == {"TEXT", "BIGINT"}
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("SELECT typeof(bound_nusd), typeof(cost_nusd) FROM calls").fetchone() == (
        "integer",
        "null",
    )
    db.close()
    if shutil.which("sqlite3"):
        seen = subprocess.run(  # noqa: ASYNC221
            ["sqlite3", path, "SELECT state FROM calls"], capture_output=True, text=True, check=True
        )
        assert seen.stdout == "reserved\n"


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
async def test_power_durability_syncs_every_commit(tmp_path, durability, level):
    store = await Sqlite.open(tmp_path / "ledger.db", durability=durability)
    assert await store._writer.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == level
    assert await store._writer.run(lambda db: db.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
    await store.close()
