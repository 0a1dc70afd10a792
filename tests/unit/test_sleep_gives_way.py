"""Offline work gives way: a job stops at its next rewrite where somebody waits, and goes on without paying twice."""

import msgspec
from ledgers import rows

from outlay.sleep._worker import job_id, work_one
from outlay.store.contexts import Context, context_id
from outlay.testing import FIXED, scripted, shop

TEXT = "A box holds 6 rows of 7 eggs. "
KIND = "digest_context"


async def waiting_job(outlay, **detail):
    id = context_id(TEXT)
    await outlay.store.add_context(Context(id, "local", "box", TEXT, "added", 10**6, None, 1))
    await outlay.store.set_offline_budget("local", 10**10)
    given = {"context": id, "model": "m", **detail}
    told = msgspec.json.encode(given).decode()
    await outlay.store.add_job(job_id("local", id, KIND, given), KIND, "local", told, 1)


async def test_a_job_stops_at_its_next_rewrite_and_goes_on_with_what_it_paid():
    said = []

    def write(request, index):
        said.append(request)
        return f"version {len(said)}" if len(said) < 4 else "FINISHED"

    async with shop(scripted(write, price=FIXED)) as outlay:
        await waiting_job(outlay)
        ended = await work_one(outlay, outlay.store, busy=lambda: len(said) == 2)
        assert (ended.state, ended.why) == ("waiting", "it gave way to requests")
        (job,) = await outlay.store.jobs()
        assert (job.state, job.held_nusd) == ("waiting", 0)
        assert await outlay.store.notes(context_id(TEXT), tenant="local") == []
        assert (await work_one(outlay, outlay.store)).state == "done"
        (kept,) = await outlay.store.notes(context_id(TEXT), tenant="local")
        ledger = await rows(outlay.store)
    assert kept.text == "version 3"
    assert len(said) == 4
    assert kept.paid_nusd == sum(r["paid_nusd"] for r in ledger)
    assert [r["state"] for r in ledger].count("cached") == 2


async def test_of_several_drafts_none_is_begun_while_somebody_waits():
    said = []
    async with shop(scripted(lambda r, i: said.append(r) or "notes", price=FIXED)) as outlay:
        await waiting_job(outlay, drafts=3)
        assert (await work_one(outlay, outlay.store, busy=lambda: True)).state == "waiting"
        assert said == []
