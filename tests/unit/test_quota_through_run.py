"""A key's quota in a purchase: refused at once, recorded, replayed, and nothing stays reserved."""

import asyncio

import pytest
from ledgers import rows
from quotas import key

from outlay.answering import replay
from outlay.budget import Limits
from outlay.door.session import Account
from outlay.errors import KeyRefused, OverQuota
from outlay.gateway.auth import Caller
from outlay.store.quota import Quota
from outlay.testing import FIXED, Gates, scripted, shop
from outlay.types import Question, Sampling

QUESTION = Question.of("6 * 7?", id="q", kind="number", sampling=Sampling(max_output_tokens=8))


def model(**more):
    return scripted(lambda request, index: "42", price=FIXED, **more)


async def bought(outlay, account, *, strategy="single", question=QUESTION):
    return await outlay.buy(question, await outlay.plan(strategy, kind="number"), account=account)


async def account(outlay, **quota):
    return Caller("acme", (await key(outlay.store, **quota))[0]).account()


async def test_what_is_bought_with_a_key_stands_in_the_ledger_under_it():
    async with shop(model()) as outlay:
        acme = await account(outlay)
        answer = await bought(outlay, acme)
        await bought(outlay, None)
        keyed, local = await rows(outlay.store)
        assert (keyed["tenant"], keyed["key_id"]) == ("acme", acme.key_id)
        assert (local["tenant"], local["key_id"]) == ("local", None)
        assert (await outlay.store.totals(tenant="acme")).cost_nusd == answer.cost_nusd
        assert len(await outlay.store.calls(tenant="acme")) == 1


async def test_over_quota_is_told_as_a_429_and_nothing_is_sent_or_stays_reserved():
    asked = model()
    async with shop(asked, limits=Limits.of(max_usd=1)) as outlay:
        acme = await account(outlay, requests_per_minute=1)
        await bought(outlay, acme)
        with pytest.raises(OverQuota) as told:
            await bought(outlay, acme)
        assert (told.value.status, told.value.limit) == (429, "requests_per_minute")
        assert told.value.retry_after_s in range(1, 62)
        assert len(asked.requests) == 1
        assert set(outlay.budget.reserved.values()) == {0}
        assert len(await rows(outlay.store)) == 1


async def test_the_samples_that_fit_are_bought_and_the_answer_says_what_is_missing():
    async with shop(model(shares_prompt=False)) as outlay:
        acme = await account(outlay, requests_per_minute=3)
        answer = await bought(outlay, acme, strategy="self_consistency:n=5")
        assert (answer.answer, answer.calls) == ("42", 3)
        assert "requests a minute" in f"{answer.missing}{answer.stopped}{answer.refused}"


async def test_an_answer_with_refusals_replays_byte_for_byte():
    async with shop(model(shares_prompt=False)) as outlay:
        acme = await account(outlay, requests_per_minute=3)
        answer = await bought(outlay, acme, strategy="self_consistency:n=5")
        trace = await outlay.store.trace(answer.trace_id, tenant="acme")
    again, retraced = await replay(trace.encode())
    assert again.answer == answer.answer
    assert retraced.decode() == trace


async def test_a_revoked_key_ends_a_purchase_under_way():
    gates = Gates()
    async with shop(model(shares_prompt=False, gate=gates)) as outlay:
        acme = await account(outlay)
        buying = asyncio.create_task(bought(outlay, acme, strategy="adaptive:n=8,first=1,step=1"))
        await gates.arrived(1)
        await outlay.store.revoke_key(acme.key_id, 2)
        while not buying.done():
            if gates.waiting:
                gates.open()
            await asyncio.sleep(0)
            await outlay.store.flush()
        with pytest.raises(KeyRefused):
            buying.result()
        assert {r["state"] for r in await rows(outlay.store)} <= {"settled", "failed"}


async def test_a_purchase_cancelled_while_it_is_admitted_frees_its_place():
    async with shop(model()) as outlay:
        acme = await account(outlay, concurrency=1)
        within, cancelled = outlay.store._writer.within, []

        async def late(work):
            result = await within(work)
            if not cancelled:
                cancelled.append(buying.cancel())
                await asyncio.sleep(0)
            return result

        outlay.store._writer.within = late
        buying = asyncio.create_task(bought(outlay, acme))
        with pytest.raises(asyncio.CancelledError):
            await buying
        outlay.store._writer.within = within
        await bought(outlay, acme)
        assert [r["state"] for r in await rows(outlay.store)] == ["failed", "settled"]
        assert set(outlay.budget.reserved.values()) == {0}


async def test_tenants_share_neither_traces_nor_cache_nor_spending():
    asked = model()
    async with shop(asked, cache=True) as outlay:
        ours = await bought(outlay, Account("acme"))
        await bought(outlay, Account("acme"))
        assert len(asked.requests) == 1
        theirs = await bought(outlay, Account("other"))
        assert len(asked.requests) == 2
        assert await outlay.store.trace(ours.trace_id, tenant="acme")
        for stranger in ("other", "local", ""):
            assert await outlay.store.trace(ours.trace_id, tenant=stranger) is None
        assert (await outlay.store.totals(tenant="other")).calls == 1
        assert {c["tenant"] for c in await outlay.store.calls(tenant="acme")} == {"acme"}
        assert (await outlay.store.totals(tenant="acme")).cached_calls == 1
        assert theirs.cost_nusd == ours.cost_nusd


async def test_a_cache_scope_serves_the_same_request_again_and_no_other():
    asked = model()
    async with shop(asked) as outlay:
        first = Account("acme", None, "once_1")
        for account_of in (first, first, Account("acme", None, "once_2"), Account("other", None, "once_1")):
            await bought(outlay, account_of)
        await bought(outlay, Account("acme"))
        assert len(asked.requests) == 4


async def test_a_second_try_after_a_kill_buys_only_what_was_not_settled(tmp_path):
    """The first try settled two of three samples; then its process was gone."""
    path, scope = tmp_path / "ledger.db", Account("acme", None, "once_1")
    gates = Gates()
    async with shop(model(shares_prompt=False, gate=gates), store=path, run_id="r") as outlay:
        buying = asyncio.create_task(bought(outlay, scope, strategy="self_consistency:n=3"))
        await gates.arrived(3)
        gates.open()
        gates.open()
        for _ in range(3):
            await outlay.store.flush()
        buying.cancel()
        await asyncio.gather(buying, return_exceptions=True)
    asked = model(shares_prompt=False)
    async with shop(asked, store=path, run_id="r2") as outlay:
        answer = await bought(outlay, scope, strategy="self_consistency:n=3")
    assert len(asked.requests) == 1
    assert (answer.calls, answer.paid_nusd) == (3, answer.cost_nusd // 3)


async def test_a_limit_of_the_tenant_binds_every_key_of_it_in_runs():
    async with shop(model()) as outlay:
        await outlay.store.limit_tenant("acme", Quota(requests_per_minute=2))
        one, two = await account(outlay), await account(outlay)
        await bought(outlay, one)
        await bought(outlay, two)
        for refused in (one, two):
            with pytest.raises(OverQuota, match="tenant acme"):
                await bought(outlay, refused)


async def test_what_a_judge_reads_is_bound_by_the_quota_too():
    async with shop(model()) as outlay:
        acme = await account(outlay, requests_per_minute=2)
        plan = await outlay.plan("best_of_n:n=2", verifier="judge", kind="number")
        answer = await outlay.buy(QUESTION, plan, account=acme)
        assert sum(r["n"] for r in await rows(outlay.store)) == 2
        assert "requests a minute" in f"{answer.refused} {answer.missing}"
