"""Whatever stands in a trace or an answer, none of its texts is left, and every number of its account is."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from outlay.store.without_texts import answer_without, hashed, trace_without

WORD = "marmalade"
text = st.text(max_size=8).map(lambda around: f"{around}{WORD}{around}")
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
completion = st.fixed_dictionaries(
    {"text": text, "finish_reason": st.just("stop"), "usage": st.just({"input_tokens": 3})},
    optional={"reasoning": text, "tool_calls": plain, "logprobs": plain, "stopped_by": text, "new": plain},
)
answer = st.fixed_dictionaries(
    {"question_id": st.just("q"), "text": text, "cost_nusd": st.integers(0, 10**9)},
    optional={
        "answer": text,
        "key": text,
        "missing": st.lists(text),
        "stopped": text,
        "candidates": st.lists(st.tuples(text, st.floats(0, 1))),
        "plan": st.fixed_dictionaries(
            {"strategy": st.just("s"), "parameters": st.dictionaries(st.sampled_from(["n", "first"]), plain)}
        ),
        "new": plain,
    },
)
event = st.fixed_dictionaries(
    {"v": st.just(1), "event": st.just("settle"), "key": st.just("default/draw/0"), "t_s": st.floats(0, 9)},
    optional={
        "completions": st.lists(completion, max_size=2),
        "question": st.fixed_dictionaries(
            {"id": st.just("q"), "messages": plain}, optional={"sampling": plain}
        ),
        "answer": answer,
        "value": plain,
        "error": text,
        "new": plain,
    },
)


def encoded(value) -> str:
    return msgspec.json.encode(value).decode()


@given(st.lists(event, min_size=1, max_size=3), st.sampled_from(["none", "hashed"]))
def test_no_text_of_a_trace_is_left(events, how):
    kept = trace_without("".join(encoded(e) + "\n" for e in events), how)
    assert WORD not in kept
    again = [msgspec.json.decode(line) for line in kept.split("\n") if line]
    assert [(e["event"], e["key"], e["t_s"]) for e in again] == [
        (e["event"], e["key"], e["t_s"]) for e in events
    ]
    assert again[0]["texts"] == how


@given(answer, st.sampled_from(["none", "hashed"]))
def test_no_text_of_an_answer_is_left_and_its_price_is(given_answer, how):
    kept = answer_without(encoded(given_answer), how)
    assert WORD not in kept
    assert msgspec.json.decode(kept)["cost_nusd"] == given_answer["cost_nusd"]


@given(text, text)
def test_hashes_tell_texts_apart(one, other):
    assert (hashed(one) == hashed(other)) == (one == other)
