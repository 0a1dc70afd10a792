"""Embeddings through the run: what is billed, cached, refused and replayed, and what a server may send."""

import asyncio

import msgspec
import numpy as np
import pytest
from aiohttp import web
from ledgers import rows

from outlay.answering import replay
from outlay.budget import Limits
from outlay.config import Config, ModelEntry
from outlay.errors import BadReply, BudgetExceeded, MissingAbility, ProviderError, RateLimited, UsageError
from outlay.models.open import open_model
from outlay.models.openai_embeddings import openai_embeddings
from outlay.models.words import words
from outlay.testing import FIXED, embedder, scripted, shop
from outlay.types import Answer, Bound, Draws, Question

NEEDS = frozenset({"chat"})
TEXTS = ("17 plus 23", "17 plus 24", "who wrote this ?")


def bound(question):
    return Bound({"default": Draws(1, 100, 100), "embed": Draws(1, 100, 0)})


async def nearest(run, question):
    """A strategy that says which text is nearest to the first, by embeddings."""
    rows_ND = await run.embed(TEXTS)
    assert np.allclose(np.linalg.norm(rows_ND, axis=1), 1, atol=1e-6)
    assert rows_ND.dtype == np.float32
    return Answer(question.id, str(int(np.argmax(rows_ND[1:] @ rows_ND[0])) + 1))


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "embedding_case", __import__("sys").modules[__name__])


async def ask(outlay, **more):
    plan = msgspec.structs.replace(await outlay.plan("single"), strategy="embedding_case:nearest")
    return await outlay.buy(Question.of("?"), plan, **more)


def models(embed=None):
    return {"default": scripted(lambda r, i: "x", price=FIXED), "embed": embed or embedder()}


async def test_a_batch_is_one_call_billed_by_its_tokens_and_replayed_exactly():
    async with shop(models()) as outlay:
        answer = await ask(outlay)
        (row,) = await rows(outlay.store)
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    assert answer.text == "1"
    assert (row["role"], row["n"], row["input_tokens"], row["output_tokens"]) == ("embed", 1, 10, 0)
    assert answer.cost_nusd == answer.paid_nusd == row["cost_nusd"] == 10 * 1000
    again, trace = await replay(recorded)
    assert trace == recorded
    assert again == msgspec.structs.replace(answer, trace_id="")


async def test_the_call_cache_keeps_each_text_and_it_still_costs():
    asked = embedder()
    async with shop(models(asked), cache=True) as outlay:
        first = await ask(outlay)
        second = await ask(outlay)
        found = await rows(outlay.store)
        recorded = (await outlay.store.trace(second.trace_id)).encode()
    assert len(asked.batches) == 1
    assert (first.paid_nusd, second.paid_nusd, second.cost_nusd) == (10_000, 0, 10_000)
    assert [r["state"] for r in found] == ["settled", "cached"]
    assert (await replay(recorded))[1] == recorded


async def test_a_budget_refuses_before_anything_is_sent():
    asked = embedder()
    async with shop(models(asked), limits=Limits(nusd=9_999)) as outlay:
        with pytest.raises(BudgetExceeded):
            await ask(outlay)
        assert await rows(outlay.store) == []
    assert asked.batches == []


async def test_a_failure_is_retried_each_try_in_the_ledger():
    tries = []

    def fails(texts):
        tries.append(texts)
        return RateLimited("slow down", retryable=True) if len(tries) < 3 else None

    async with shop(models(embedder(fails=fails))) as outlay:
        answer = await ask(outlay)
        found = await rows(outlay.store)
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    assert [r["state"] for r in found] == ["failed", "failed", "settled"]
    assert answer.calls == 1
    assert (await replay(recorded))[1] == recorded


async def test_what_cannot_be_retried_is_an_error_billed_at_its_bound_where_it_may_have_been():
    broken = embedder(fails=lambda texts: ProviderError("it broke off", billed=True))
    async with shop(models(broken)) as outlay:
        with pytest.raises(ProviderError, match="it broke off"):
            await ask(outlay)
        (row,) = await rows(outlay.store)
    assert (row["state"], row["mark"]) == ("settled", "unreconciled")
    assert row["input_tokens"] == row["bound_input_tokens"]


async def test_cancelling_settles_at_the_bound_and_frees_the_budget():
    class Hanging(embedder):
        async def embed(self, texts):
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    async with shop(models(Hanging()), limits=Limits(nusd=10**9)) as outlay:
        task = asyncio.create_task(ask(outlay))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(outlay.budget.reserved.values()) == {0}
        (row,) = await rows(outlay.store)
    assert row["mark"] == "unreconciled"


async def test_a_model_that_cannot_embed_and_a_role_without_one_are_refused():
    async with shop(models(scripted(lambda r, i: "x"))) as outlay:
        with pytest.raises(MissingAbility, match="embeds no texts"):
            await ask(outlay)
    async with shop(scripted(lambda r, i: "x")) as outlay:
        with pytest.raises(UsageError, match="role embed"):
            await ask(outlay)


@pytest.mark.parametrize("name", ["15", "4097", "-3", "x", "384/2"])
def test_words_need_a_size(name):
    with pytest.raises(UsageError, match="words/384"):
        words(name)


async def test_words_see_related_questions_and_survive_any_text():
    texts = ["Sum 12 and 30.", "Sum 45 and 17.", "Name the capital of France.", "", "\ud800 \x00", "z" * 10**6]
    found = (await words("384").embed(texts)).vectors
    a, b, c, empty, odd, huge = (np.frombuffer(v, "<f4") for v in found)
    assert a @ b > a @ c
    assert not empty.any()
    assert np.isfinite(odd).all()
    assert np.isfinite(huge).all()


async def serving(reply):
    async def answer(request):
        body = await request.json()
        return web.json_response(reply(body))

    app = web.Application()
    app.router.add_post("/v1/embeddings", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"


def row(i, *values):
    return {"index": i, "embedding": list(values)}


async def test_a_server_is_asked_for_all_texts_at_once_and_its_order_is_its_indices():
    seen = []

    def reply(body):
        seen.append(body)
        return {"data": [row(1, 0.0, 2.0), row(0, 3.0, 4.0)], "usage": {"prompt_tokens": 7, "total_tokens": 7}}

    runner, url = await serving(reply)
    entry = ModelEntry(model="tiny", base_url=url, embeds=True, input_usd_per_mtok=1, output_usd_per_mtok=0)
    provider = open_model("e", Config(models={"e": entry}), env={})
    assert isinstance(provider, openai_embeddings)
    found = await provider.embed(["a", "b"])
    await provider.close()
    await runner.cleanup()
    assert [np.frombuffer(v, "<f4").tolist() for v in found.vectors] == [[3.0, 4.0], [0.0, 2.0]]
    assert found.usage.input_tokens == 7
    assert seen[0]["input"] == ["a", "b"]
    assert (await provider.card()).abilities == {"embed"}


@pytest.mark.parametrize(
    "data",
    [
        [],
        [row(0, 1.0)],
        [row(0, 1.0), row(2, 1.0)],
        [row(0, 1.0), row(1, 1.0, 2.0)],
        [row(0), row(1)],
        [row(0, 1e300), row(1, 1.0)],
        "nonsense",
        None,
    ],
)
async def test_a_server_that_sends_anything_else_is_refused(data):
    runner, url = await serving(lambda body: {"data": data})
    provider = openai_embeddings("tiny", base_url=url)
    with pytest.raises(BadReply), np.errstate(over="ignore"):
        await provider.embed(["a", "b"])
    await provider.close()
    await runner.cleanup()
