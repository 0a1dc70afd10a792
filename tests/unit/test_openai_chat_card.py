"""Dialects: who the server is, what is sent to it, what it can do, and how it counts."""

import asyncio

import pytest
from drawing import ask, draw, opened
from upstream import Upstream, chat, status

from outlay.errors import AuthError, BadReply, BadRequest, MissingAbility, Unreachable, UsageError
from outlay.models.openai_chat import openai_chat
from outlay.money import Price


@pytest.mark.parametrize("flavour", ["openai", "vllm", "sglang", "llama.cpp"])
async def test_the_dialect_is_what_the_server_calls_itself(flavour):
    async with Upstream(flavour) as up, opened(up, dialect=None) as provider:
        card = await provider.card()
        assert flavour in card.note
        assert card.identity.endswith(f"fake {flavour}")
        assert card.context_tokens == (None if flavour == "openai" else 4096)
        assert card.max_n == (4 if flavour == "llama.cpp" else 128)
        assert ("prefix" in card.abilities) == (flavour != "openai")
        assert card.hides_reasoning == (flavour == "openai")
        await provider.card()
        assert [c.path for c in up.other_calls].count("/v1/models") == 1
        assert up.n_chats == 0


async def test_stated_facts_win_and_openai_is_not_asked():
    async with (
        Upstream() as up,
        opened(up, price=Price(1, 2), max_n=1, context_tokens=9, image_tokens=7, concurrency=3) as provider,
    ):
        card = await provider.card()
        assert up.other_calls == []
    assert (card.price, card.max_n, card.context_tokens, card.concurrency) == (Price(1, 2), 1, 9, 3)
    assert card.image_tokens == 7
    assert "n" not in card.abilities


async def test_many_at_once_ask_the_server_once():
    async with Upstream("llama.cpp") as up, opened(up, dialect=None) as provider:
        await asyncio.gather(*(provider.card() for _ in range(8)))
        assert sorted(c.path for c in up.other_calls) == ["/props", "/v1/models"]


async def test_a_wrong_key_is_noticed_before_anything_is_bought():
    async with (
        Upstream("vllm", key="right-key") as up,
        opened(up, dialect=None, api_key="wrong-key") as provider,
    ):
        with pytest.raises(AuthError):
            await provider.card()
        assert up.n_chats == 0


async def test_no_server_at_all():
    async with Upstream() as up:
        url = up.base_url
    provider = openai_chat("m", base_url=url)
    with pytest.raises(Unreachable, match=r"^127\.0\.0\.1:\d+ refuses connections") as caught:
        await provider.card()
    await provider.close()
    assert caught.value.fatal


async def test_what_openai_is_sent():
    async with Upstream() as up, opened(up, headers={"X-Team": "a"}, api_key="sk-123456") as provider:
        await draw(provider, ask(seed=5, stop=("\n",), temperature=0.5, top_logprobs=0, question_id="q", n=2))
        assert up.last == {
            "model": "fake",
            "messages": [{"role": "user", "content": "What is 6 times 7 ?"}],
            "max_completion_tokens": 64,
            "n": 2,
            "seed": 5,
            "stop": ["\n"],
            "temperature": 0.5,
            "logprobs": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert up.calls[0].headers["X-Team"] == "a"
        assert up.calls[0].headers["Authorization"] == "Bearer sk-123456"


@pytest.mark.parametrize("flavour, top_k", [("vllm", -1), ("sglang", -1), ("llama.cpp", 0)])
async def test_open_models_draw_from_their_own_distribution(flavour, top_k):
    async with Upstream(flavour) as up, opened(up) as provider:
        await draw(provider, ask(seed=2**63))
        sent = up.last
        assert (sent["temperature"], sent["top_p"], sent["min_p"], sent["top_k"]) == (1.0, 1.0, 0.0, top_k)
        assert sent["max_tokens"] == 64
        assert 0 <= sent["seed"] < 2**31
        await draw(provider, ask(temperature=0.3, top_p=0.9))
        assert (up.last["temperature"], up.last["top_p"]) == (0.3, 0.9)
        assert "top_k" not in up.last
        await draw(provider, ask(extra={"top_k": 7}))
        assert up.last["top_k"] == 7


async def test_llama_cpp_reports_no_logprobs_below_one_rival():
    async with Upstream("llama.cpp") as up, opened(up) as provider:
        await draw(provider, ask(top_logprobs=0))
        assert up.last["top_logprobs"] == 1


@pytest.mark.parametrize("flavour", ["vllm", "sglang", "llama.cpp"])
async def test_a_prefix_is_probed_once_then_continued(flavour):
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat(" green blue"))
        up.always(chat(" 42"))
        drawn = await asyncio.gather(*(draw(provider, ask(prefix="It is")) for _ in range(4)))
        assert [d.texts[0] for d in drawn] == [" 42"] * 4
        assert up.n_chats == 5
        assert up.last["messages"][-1] == {"role": "assistant", "content": "It is"}
        told = (up.last.get("continue_final_message"), up.last.get("add_generation_prompt"))
        assert told == ((None, None) if flavour == "llama.cpp" else (True, False))
        probe = await provider.probe()
        assert (probe.prefix, probe.usage.output_tokens) == (True, 2)
        assert up.n_chats == 5


@pytest.mark.parametrize(
    "answer", [chat("green blue red"), chat("red green blue red green"), chat("Sure!"), status(400)]
)
async def test_a_server_that_opens_a_new_turn_or_repeats_the_text_has_no_prefix(answer):
    async with Upstream("vllm") as up, opened(up) as provider:
        up.script(answer)
        with pytest.raises(MissingAbility, match="prefix"):
            await draw(provider, ask(prefix="It is"))
        assert "prefix" not in (await provider.card()).abilities
        with pytest.raises(MissingAbility):
            await draw(provider, ask(prefix="It is"))
        assert up.n_chats == 1


@pytest.mark.parametrize("stated", [True, False])
async def test_stated_abilities_are_believed_and_not_probed(stated):
    abilities = frozenset({"chat", "prefix"} if stated else {"chat"})
    async with Upstream("vllm") as up, opened(up, abilities=abilities) as provider:
        assert (await provider.probe()).prefix is stated
        assert up.n_chats == 0


async def test_openai_is_not_asked_to_continue_a_prefix():
    async with Upstream() as up, opened(up) as provider:
        with pytest.raises(MissingAbility):
            await draw(provider, ask(prefix="It is"))
        assert up.n_chats == 0


async def test_a_server_that_ignores_n_is_told_of_and_remembered():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a", ignore_n=True))
        with pytest.raises(BadReply, match=r"asked for 4 choices and sent 1; set max_n = 1") as caught:
            await draw(provider, ask(n=4))
        assert caught.value.billed
        card = await provider.card()
    assert (card.max_n, "n" in card.abilities) == (1, False)


async def test_leaving_early_is_not_read_as_ignoring_n():
    async with Upstream() as up, opened(up) as provider:
        events = 'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'
        up.script(chat("a", hold=asyncio.Event(), trailing=events))
        deltas = provider.stream(ask(n=4))
        await anext(deltas)
        await deltas.aclose()
        assert (await provider.card()).max_n == 128


async def test_a_refused_n_is_remembered():
    async with Upstream() as up, opened(up) as provider:
        up.script(status(400, "only one choice", param="n"))
        with pytest.raises(BadRequest):
            await draw(provider, ask(n=4))
        assert (await provider.card()).max_n == 1


async def test_llama_cpp_counts_by_its_own_tokenizer():
    async with Upstream("llama.cpp") as up, opened(up) as provider:
        assert await provider.count_input(ask("one two three")) == 3
        assert await provider.count_text("one two") == 2
        assert up.n_chats == 0


async def test_nobody_else_counts():
    async with Upstream("vllm") as up, opened(up) as provider:
        assert await provider.count_input(ask()) is None
        assert await provider.count_text("one two") is None
        assert {c.path for c in up.other_calls} == {"/v1/models"}


async def test_a_llama_cpp_without_these_routes_is_asked_once():
    async with Upstream("vllm") as up, opened(up, dialect="llama.cpp") as provider:
        assert await provider.count_text("one two") is None
        n_asked = len(up.other_calls)
        assert await provider.count_input(ask()) is None
        assert len(up.other_calls) == n_asked


@pytest.mark.parametrize(
    "url", ["api.openai.com/v1", "ftp://h/v1", "http:///v1", "http://me:secret@h/v1", "http://h/v1?key=secret"]
)
def test_a_base_url_is_checked_and_not_repeated_with_its_password(url):
    with pytest.raises(UsageError) as caught:
        openai_chat("m", base_url=url)
    assert "secret" not in str(caught.value)


def test_an_unknown_dialect_is_told_the_nearest():
    with pytest.raises(UsageError, match=r"llama\.cpp"):
        openai_chat("m", dialect="llama-cpp")


def test_the_key_is_not_shown():
    assert "secret" not in repr(openai_chat("m", api_key="sk-secret"))
