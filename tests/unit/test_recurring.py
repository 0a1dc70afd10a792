"""A beginning that comes back is recognised once, for its tenant alone, in bounded memory; nobody is disturbed."""

import asyncio

import pytest

from outlay.errors import StoreError
from outlay.gateway import asleep
from outlay.gateway.asleep import Asleep, beside
from outlay.gateway.recurring import BLOCK_CHARS, MOST_BLOCKS, TIMES, Recurring, beginning
from outlay.store.contexts import Context, context_id
from outlay.testing import FIXED, scripted, shop

HANDBOOK = "".join(f"Rule {n}: eggs are kept in rows. " for n in range(400))


def asked(text, question="How many?"):
    return [{"role": "user", "content": text + question}]


def seen(recurring, tenant, text, times):
    return [recurring.saw(tenant, asked(text, f"Question {n}?")) for n in range(times)]


def test_it_is_told_once_when_it_came_often_enough_and_ends_at_a_sentence():
    told = seen(Recurring(), "a", HANDBOOK, TIMES + 3)
    assert [t is not None for t in told] == [False] * (TIMES - 1) + [True] + [False] * 3
    found = told[TIMES - 1]
    assert HANDBOOK.startswith(found)
    assert found.endswith(".")
    assert len(HANDBOOK) - len(found) < 2 * BLOCK_CHARS


def test_tenants_are_counted_apart():
    recurring = Recurring()
    for tenant in "abcdefgh":
        assert seen(recurring, tenant, HANDBOOK, TIMES - 1) == [None] * (TIMES - 1)
    assert recurring.saw("a", asked(HANDBOOK)) is not None


def test_short_beginnings_and_different_ones_are_not_told():
    recurring = Recurring()
    assert set(seen(recurring, "a", HANDBOOK[: 2 * BLOCK_CHARS - 40], 9)) == {None}
    for n in range(9):
        assert recurring.saw("a", asked(f"{n} {HANDBOOK}")) is None


def test_the_longest_beginning_is_told_as_it_comes_to_be_shared():
    recurring, longer = Recurring(), HANDBOOK + "".join(f"Price {n} is {n} dollars. " for n in range(400))
    first = seen(recurring, "a", HANDBOOK, TIMES)[-1]
    second = seen(recurring, "a", longer, TIMES)[-1]
    assert len(second) > len(first)
    assert longer.startswith(second)


def test_memory_is_bounded_and_what_came_longest_ago_is_forgotten():
    recurring = Recurring(most_nodes=40)
    seen(recurring, "a", HANDBOOK, TIMES - 1)
    for n in range(50):
        recurring.saw("b", asked(f"{n} {HANDBOOK}"))
    assert len(recurring) == 40
    assert recurring.saw("a", asked(HANDBOOK)) is None


def test_a_beginning_is_read_over_messages_and_parts_and_no_further_than_needed():
    parts = [
        {"type": "text", "text": "two"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text"},
    ]
    messages = [{"role": "system", "content": "one"}, {"role": "user", "content": parts}, {"role": "assistant"}]
    assert beginning(messages, 100) == "one\n\ntwo\n\n"
    assert beginning(messages, 4) == "one"
    huge = [{"role": "user", "content": "x" * 10_000_000}]
    assert len(beginning(huge, MOST_BLOCKS * BLOCK_CHARS)) == MOST_BLOCKS * BLOCK_CHARS
    assert Recurring().saw("a", []) is None


@pytest.mark.parametrize("content", [None, 5, {}, [], ["text"], [{"type": "text", "text": None}]])
def test_odd_contents_are_no_beginning(content):
    recurring = Recurring()
    messages = [{"role": "user", "content": content}]
    assert [recurring.saw("a", messages) for _ in range(9)] == [None] * 9
    assert len(recurring) == 0


async def prepared(outlay, monkeypatch, text="A box holds 6 rows of 7 eggs."):
    monkeypatch.setattr(asleep, "IDLE_S", 0.0)
    await outlay.store.add_context(Context(context_id(text), "local", "box", text, "added", 10**6, None, 1))
    await outlay.store.set_offline_budget("local", 10**10)


async def test_no_job_is_begun_while_somebody_is_served(monkeypatch):
    busy = [1]
    async with shop(scripted(lambda r, i: "FINISHED" if "<notes " in str(r) else "42", price=FIXED)) as outlay:
        await prepared(outlay, monkeypatch)
        dozing = Asleep(outlay, outlay.store, lambda: busy[0], lambda told: None)
        assert not await dozing.doze()
        assert await outlay.store.jobs() == []
        busy[0] = 0
        assert await dozing.doze()
        assert [j.state for j in await outlay.store.jobs()] == ["done"]


async def test_what_fails_offline_is_said_and_the_next_look_comes(monkeypatch):
    told, looked = [], asyncio.Event()

    async def fails():
        if told:
            looked.set()
        raise StoreError("the disk is full")

    async with shop(scripted(lambda r, i: "42", price=FIXED)) as outlay:
        await prepared(outlay, monkeypatch)
        dozing = Asleep(outlay, outlay.store, lambda: 0, told.append)
        dozing.doze = fails
        async with beside(dozing.keep_dozing()):
            await looked.wait()
    assert told[0] == "offline work: the disk is full"
