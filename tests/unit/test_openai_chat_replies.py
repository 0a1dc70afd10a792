"""Replies of honest servers, in every shape in use."""

import asyncio

import pytest
from aiohttp import web
from drawing import Drawn, ask, draw, opened
from upstream import Upstream, chat, document, no_stream, raw, status

from outlay.errors import BadReply, BadRequest, UsageError
from outlay.types import Usage

FLAVOURS = ["openai", "vllm", "sglang", "llama.cpp"]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_one_choice(flavour):
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat("it is 42", cached=2))
        drawn = await draw(provider, ask())
    assert drawn.texts == {0: "it is 42"}
    assert drawn.finishes == {0: "stop"}
    assert drawn.whole == Usage(6, 3, cache_read_tokens=2)
    assert drawn.usages == {}


@pytest.mark.parametrize("flavour", ["openai", "vllm", "sglang"])
async def test_n_choices_with_one_usage_for_all(flavour):
    async with Upstream(flavour) as up, opened(up) as provider:
        up.script(chat("a", "b c", "d e f"))
        drawn = await draw(provider, ask(n=3))
        assert up.last["n"] == 3
    assert drawn.texts == {0: "a", 1: "b c", 2: "d e f"}
    assert drawn.whole == Usage(6, 6)
    assert drawn.usages == {}


async def test_n_choices_with_a_usage_each():
    async with Upstream("llama.cpp") as up, opened(up) as provider:
        up.script(chat("a", "b c", "d e f"))
        drawn = await draw(provider, ask(n=3))
    assert drawn.texts == {0: "a", 1: "b c", 2: "d e f"}
    assert drawn.whole is None
    assert drawn.usages == {0: Usage(6, 1), 1: Usage(6, 2), 2: Usage(6, 3)}


async def test_a_usage_each_is_recognised_from_a_server_of_another_name():
    async with Upstream("openai") as up, opened(up) as provider:
        up.script(chat("a", "b c", usage="llama.cpp"))
        drawn = await draw(provider, ask(n=2))
    assert drawn.usages == {0: Usage(6, 1), 1: Usage(6, 2)}
    assert drawn.whole is None


async def test_of_cumulative_usages_the_last_counts():
    events = [
        '{"choices": [{"index": 0, "delta": {"content": "a"}}],'
        ' "usage": {"prompt_tokens": 6, "completion_tokens": 1}}',
        '{"choices": [{"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}],'
        ' "usage": {"prompt_tokens": 6, "completion_tokens": 2}}',
        "[DONE]",
    ]
    async with Upstream() as up, opened(up) as provider:
        up.script(raw("".join(f"data: {e}\n\n" for e in events)))
        assert (await draw(provider, ask())).whole == Usage(6, 2)


async def test_absent_parts_of_the_usage_are_unknown_not_zero():
    async with Upstream() as up, opened(up) as provider:
        usage = (await draw(provider, ask())).whole
        assert (usage.cache_read_tokens, usage.reasoning_tokens) == (None, None)
        up.script(chat("a", cached=0))
        assert (await draw(provider, ask())).whole.cache_read_tokens == 0
        up.script(chat("a", usage=False))
        assert (await draw(provider, ask())).whole is None


async def test_a_bill_above_the_bound_is_passed_on_in_full():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a b", prompt_tokens=1000, output_tokens=5000, cached=2000))
        usage = (await draw(provider, ask(max_output_tokens=2))).whole
    assert usage == Usage(1000, 5000, cache_read_tokens=1000)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning(name):
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("42", reasoning="six times seven", reasoning_field=name))
        drawn = await draw(provider, ask())
    assert (drawn.reasoning[0], drawn.texts[0]) == ("six times seven", "42")
    assert drawn.whole == Usage(6, 4, reasoning_tokens=3)


async def test_tool_call_fragments_and_finish_reasons_pass_untouched():
    fragments = [
        {"index": 0, "id": "t", "function": {"name": "add", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a": 1}'}},
    ]
    tools = [{"type": "function", "function": {"name": "add"}}]
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("", tool_calls=fragments, finish="tool_calls"))
        drawn = await draw(provider, ask(extra={"tools": tools, "reasoning_effort": "low"}))
        assert (up.last["tools"], up.last["reasoning_effort"]) == (tools, "low")
    assert drawn.tool_calls == fragments
    assert drawn.finishes == {0: "tool_calls"}


async def test_logprobs_with_rivals():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("4 2", logprobs=True))
        drawn = await draw(provider, ask(top_logprobs=2))
        assert (up.last["logprobs"], up.last["top_logprobs"]) == (True, 2)
    assert [(t.token, t.logp, t.top[1]) for t in drawn.logprobs] == [
        ("4", -0.5, ("?", -1.5)),
        (" 2", -0.5, ("?", -1.5)),
    ]


async def test_an_empty_answer_is_a_completion():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat(""))
        drawn = await draw(provider, ask())
    assert (drawn.texts, drawn.finishes) == ({0: ""}, {0: "stop"})


@pytest.mark.parametrize("block_bytes", [1, 7, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_characters_lines_and_comments_split_anywhere(block_bytes, newline):
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("größer – 数学 🎉", newline=newline, comments=True, block_bytes=block_bytes))
        assert (await draw(provider, ask())).texts == {0: "größer – 数学 🎉"}


async def test_done_and_the_last_blank_line_may_be_missing():
    async with Upstream() as up, opened(up) as provider:
        up.script(
            chat("42", done=False),
            raw('data: {"choices": [{"delta": {"content": "7"}, "finish_reason": "stop"}]}'),
        )
        assert (await draw(provider, ask())).texts == {0: "42"}
        assert (await draw(provider, ask())).texts == {0: "7"}


async def test_nothing_after_a_whole_reply_can_make_it_an_error():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("42", done=False, trailing="data: {garbage\n\n"), chat("42", usage=False, cut_after=3))
        assert (await draw(provider, ask())).whole == Usage(6, 1)
        drawn = await draw(provider, ask())
    assert (drawn.texts, drawn.finishes, drawn.whole) == ({0: "42"}, {0: "stop"}, None)


async def test_a_server_without_streaming_is_remembered():
    async with Upstream() as up, opened(up) as provider:
        up.always(no_stream())
        assert (await draw(provider, ask())).texts == {0: "answer 0"}
        assert [("stream" in c.body) for c in up.calls] == [True, False]
        assert (await draw(provider, ask())).whole == Usage(6, 2)
        assert up.n_chats == 3


async def test_a_server_without_stream_options_still_streams():
    async with Upstream() as up, opened(up) as provider:
        up.always(no_stream("Unrecognized request argument: stream_options"))
        assert (await draw(provider, ask())).texts == {0: "answer 0"}
        assert up.last["stream"] is True
        assert "stream_options" not in up.last
        await draw(provider, ask())
        assert up.n_chats == 3


async def test_many_at_once_learn_about_stream_options_without_giving_up_streaming():
    async with Upstream() as up, opened(up) as provider:
        up.always(no_stream("Unrecognized request argument: stream_options"))
        await asyncio.gather(*(draw(provider, ask()) for _ in range(8)))
        await draw(provider, ask())
        assert up.last["stream"] is True


async def test_a_refusal_that_only_mentions_streams_teaches_nothing():
    async with Upstream() as up, opened(up) as provider:
        up.script(status(400, "the input stream is too long"), status(400, "the input stream is too long"))
        with pytest.raises(BadRequest):
            await draw(provider, ask())
        await draw(provider, ask())
        assert up.last["stream"] is True


async def test_a_server_that_ignores_stream():
    async with Upstream() as up, opened(up) as provider:
        up.script(document(chat("a", "b c")))
        drawn = await draw(provider, ask(n=2))
    assert (drawn.texts, drawn.whole) == ({0: "a", 1: "b c"}, Usage(6, 3))


async def test_llama_cpp_in_one_piece_repeats_no_prefix_and_claims_no_usage_of_one_choice_only():
    async with Upstream("llama.cpp") as up, opened(up) as provider:
        up.script(chat(" green"), document(chat(" 42")), document(chat("a", "b")))
        drawn = await draw(provider, ask(prefix="It is"))
        assert drawn.texts == {0: " 42"}
        assert (await draw(provider, ask(n=2))).whole is None


async def test_the_connection_is_used_again_after_a_whole_stream():
    async with Upstream() as up, opened(up) as provider:
        for _ in range(3):
            await draw(provider, ask())
        assert {c.connection for c in up.calls} == {0}


async def test_the_connection_is_used_again_although_the_end_comes_late():
    async def late(call):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(call.request)
        choice = '{"delta": {"content": "42"}, "finish_reason": "stop"}'
        await response.write(f'data: {{"choices": [{choice}]}}\n\ndata: [DONE]\n\n'.encode())
        for _ in range(50):
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    async with Upstream() as up, opened(up) as provider:
        up.always(late)
        for _ in range(3):
            assert (await draw(provider, ask())).texts == {0: "42"}
        assert {c.connection for c in up.calls} == {0}


async def test_a_usage_each_is_passed_on_before_the_stream_ends():
    drawn = Drawn()
    async with Upstream("llama.cpp") as up, opened(up) as provider:
        up.script(chat("a", "b c d e f", cut_after=8))
        with pytest.raises(BadReply):
            await draw(provider, ask(n=2), drawn)
    assert drawn.usages == {0: Usage(6, 1)}


async def test_closing_the_stream_stops_the_server():
    hold = asyncio.Event()
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a b c d", hold=hold))
        deltas = provider.stream(ask())
        assert (await anext(deltas)).choice == 0
        await deltas.aclose()
        await up.client_left()
        assert up.n_left == 1


async def test_cancelling_while_the_server_is_silent_stops_it():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("a b", hold=asyncio.Event()))
        task = asyncio.create_task(draw(provider, ask()))
        await up.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await up.client_left()


@pytest.mark.parametrize(
    "name", ["max_tokens", "max_completion_tokens", "n", "best_of", "model", "stream", "seed"]
)
async def test_extra_fields_cannot_change_how_much_is_bought(name):
    async with Upstream() as up, opened(up) as provider:
        with pytest.raises(UsageError, match=name):
            await draw(provider, ask(extra={name: 5}))
        assert up.n_chats == 0
