"""A trace is its bytes: it replays with the model off or says where it diverged."""

import asyncio

import msgspec
import pytest

from outlay import trace as traces
from outlay.answering import replay
from outlay.errors import OutlayError, UsageError
from outlay.testing import FIXED, scripted, shop
from outlay.trace import Replay, Trace


def test_equal_traces_are_equal_bytes_and_read_back():
    trace = Trace()
    trace.add("ask", "k", 1.23456789, b=2, a=1)
    assert trace.encode() == b'{"a":1,"b":2,"event":"ask","key":"k","t_s":1.234568,"v":1}\n'
    assert Trace.decode(trace.encode()).encode() == trace.encode()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1]\n", b'{"v":2,"event":"open"}\n', b'{"event":"open"}\n', b"\xff\n"]
)
def test_what_is_no_trace_is_one_sentence(data):
    with pytest.raises(UsageError, match="This"):
        Trace.decode(data)


async def test_steps_pass_in_the_recorded_order_whoever_asks_first():
    trace = Trace()
    for key in "bcab":
        trace.add("grant", key, 0.0)
    source, passed = Replay(trace), []

    async def step(key):
        await source.turn(("grant",), key)
        passed.append(key)

    await asyncio.gather(*(step(key) for key in "abbc"))
    assert passed == list("bcab")


async def test_a_step_that_was_not_recorded_is_refused():
    with pytest.raises(OutlayError, match="no grant of 'x' is left"):
        await Replay(Trace()).turn(("grant",), "x")


async def test_a_recorded_step_that_nobody_repeats_ends_the_replay(monkeypatch):
    monkeypatch.setattr(traces, "STUCK_S", 0.01)
    trace = Trace()
    trace.add("grant", "forgotten", 0.0)
    trace.add("grant", "x", 0.0)
    with pytest.raises(OutlayError, match="grant of 'forgotten' is not repeated"):
        await Replay(trace).turn(("grant",), "x")


async def recorded(strategy, **more):
    model = scripted(lambda r, i: f"it is {40 + i % 3}", price=FIXED)
    async with shop(model, **more) as outlay:
        answer = await outlay.ask("6 * 7 ?", strategy=strategy, kind="number")
        if more.get("cache"):
            answer = await outlay.ask("6 * 7 ?", strategy=strategy, kind="number")
        return answer, (await outlay.store.trace(answer.trace_id)).encode()


async def test_a_replay_of_what_came_from_the_call_cache_costs_the_same():
    answer, trace = await recorded("self_consistency:n=4", cache=True)
    again, bytes_again = await replay(trace)
    assert bytes_again == trace
    assert (again.paid_nusd, again.cost_nusd) == (0, answer.cost_nusd)
    assert answer.cost_nusd > 0


async def test_a_replay_under_another_plan_says_that_it_diverged(monkeypatch):
    monkeypatch.setattr(traces, "STUCK_S", 0.01)
    _, trace = await recorded("self_consistency:n=4")
    changed = trace.replace(b'"parameters":{"n":4}', b'"parameters":{"n":5}')
    assert changed != trace
    with pytest.raises(OutlayError, match="diverged"):
        await replay(changed)


async def test_the_trace_holds_every_completion_and_no_arrival_number():
    answer, trace = await recorded("self_consistency:n=4")
    events = [msgspec.json.decode(line) for line in trace.splitlines()]
    assert [e["event"] for e in events] == ["open", "ask", "grant", "settle", "answer"]
    assert len(events[3]["completions"]) == 4
    assert events[-1]["answer"]["cost_nusd"] == answer.cost_nusd
