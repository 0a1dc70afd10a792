"""An answer and its trace without what was asked and written: numbers and names stay, texts are hashed or gone.

What is kept is listed, not what is left out: whatever a later version adds to a trace is not kept until it stands here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Keeping = Literal["kept", "hashed", "none"]
"""How prompts and replies are kept: as they are, as hashes that tell equal from different, or not at all."""
NOT_KEPT = "not kept"
"""Stands for an error's text, which may quote what was asked."""

_EVENT = frozenset({
    "v", "event", "key", "t_s", "seed", "prompts", "samples", "input_tokens", "max_output_tokens", "usage", "calls",
    "cost_nusd", "overrun_nusd", "fatal", "wait_s", "closed", "refused", "mark", "cards",
})  # fmt: skip
_COMPLETION = frozenset({"finish_reason", "usage", "sample", "seed", "batch", "latency_s", "mark", "refusal"})
_ANSWER = frozenset({
    "question_id", "p_correct", "p_source", "refused", "usage", "calls", "cost_nusd", "paid_nusd", "overrun_nusd",
    "next_sample_nusd", "latency_s", "trace_id",
})  # fmt: skip
_QUESTION = frozenset({"id", "kind", "task_class"})
_PLAN = frozenset({"strategy", "kind", "verifier", "roles"})


def trace_without(trace: str, how: Keeping) -> str:
    r"""A trace's JSON lines without texts; its first event says so, and it cannot be replayed.

    Example:
        >>> trace_without('{"event":"observe","key":"k","v":1,"value":"secret"}\n', "none")
        '{"event":"observe","key":"k","texts":"none","v":1}\n'
    """
    events = [_event(msgspec.json.decode(line), how) for line in trace.split("\n") if line]
    if events:
        events[0]["texts"] = how
    return "".join(msgspec.json.encode(event, order="sorted").decode() + "\n" for event in events)


def answer_without(answer: str, how: Keeping) -> str:
    """An answer's JSON without texts: its price, its tokens, how sure it was, and shares without their answers."""
    return msgspec.json.encode(_answer(msgspec.json.decode(answer), how)).decode()


def hashed(value: Any) -> str:
    """The first 128 bits of the SHA-256 of a value's JSON.

    Equal texts have equal hashes, so whoever guesses a short text can tell that it was right.

    Example:
        >>> hashed("yes") == hashed("yes"), len(hashed("yes"))
        (True, 39)
    """
    data = msgspec.json.encode(value, order="sorted")
    return f"sha256:{hashlib.sha256(data).hexdigest()[:32]}"


def _event(event: dict[str, Any], how: Keeping) -> dict[str, Any]:
    inside = {"question": _question, "plan": _plan, "answer": _answer}
    kept: dict[str, Any] = {}
    for name, value in event.items():
        if name in _EVENT:
            kept[name] = value
        elif name in inside and isinstance(value, dict):
            kept[name] = inside[name](value, how)
        elif name in ("completions", "hits"):
            kept[name] = [_some(completion, _COMPLETION, how) for completion in value]
        elif how == "hashed" and value not in (None, "", [], {}):
            kept[name] = hashed(value)
    return kept


def _answer(answer: dict[str, Any], how: Keeping) -> dict[str, Any]:
    kept = _some(answer, _ANSWER, how)
    kept["text"] = kept.get("text", "")
    kept.pop("candidates", None)
    if "plan" in answer:
        kept["plan"] = _plan(answer["plan"], how)
    if "candidates" in answer:
        kept["candidates"] = [[hashed(key) if how == "hashed" else "", p] for key, p in answer["candidates"]]
    return kept


def _question(question: dict[str, Any], how: Keeping) -> dict[str, Any]:
    return _some(question, _QUESTION, how)


def _plan(plan: dict[str, Any], how: Keeping) -> dict[str, Any]:
    """The plan with its numbers; a parameter's text may be a client's."""
    kept = {name: value for name, value in plan.items() if name in _PLAN}
    parameters = plan.get("parameters", {})
    kept["parameters"] = {k: v for k, v in parameters.items() if isinstance(v, (int, float)) or v is None}
    return kept


def _some(value: Mapping[str, Any], names: frozenset[str], how: Keeping) -> dict[str, Any]:
    """The fields of these names, and for hashes the hash of each other one."""
    kept = {name: field for name, field in value.items() if name in names}
    if how == "hashed":
        rest = {n: f for n, f in value.items() if n not in names and f not in (None, "", [], {})}
        kept |= {name: hashed(field) for name, field in rest.items()}
    return kept
