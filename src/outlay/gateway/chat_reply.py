"""Outlay's values as OpenAI's replies: a whole completion, or the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from outlay.gateway.beyond import Gathered
from outlay.money import usd
from outlay.types import Answer, Beyond, Completion, Delta, TokenLogprob, Usage

_encode = msgspec.json.Encoder().encode


def completion(
    id: str,
    model: str,
    created_s: int,
    choices: Iterable[tuple[int, Completion]],
    answer: Answer,
    beyond: Gathered | None = None,
) -> bytes:
    """The JSON of a whole reply: its choices, what was spent for it, and what outlay has to say of it.

    `beyond` is what the server's own reply held besides.
    """
    more = beyond or Gathered()
    return _encode(
        {
            **more.reply,
            "id": id,
            "object": "chat.completion",
            "created": created_s,
            "model": model,
            "choices": [_choice(index, drawn, more.of(index)) for index, drawn in choices],
            "usage": usage_of(answer.usage),
            "outlay": account_of(answer),
        }
    )


def usage_of(usage: Usage) -> dict[str, Any]:
    """Tokens under OpenAI's names; what nobody reported is left out, which is not zero.

    Example:
        >>> usage_of(Usage(5, 2, cache_read_tokens=4))["prompt_tokens_details"]
        {'cached_tokens': 4}
    """
    told: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cache_read_tokens is not None:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
    if usage.reasoning_tokens is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return told


def account_of(answer: Answer) -> dict[str, Any]:
    """What outlay says of a reply: its price, how sure it is, why buying stopped, what is missing, its trace."""
    return {
        "cost_usd": usd(answer.cost_nusd),
        "paid_usd": usd(answer.paid_nusd),
        "overrun_usd": usd(answer.overrun_nusd),
        "next_sample_usd": usd(answer.next_sample_nusd),
        "calls": answer.calls,
        "answer": answer.answer,
        "p_correct": answer.p_correct,
        "p_source": answer.p_source,
        "stopped": answer.stopped,
        "missing": answer.missing,
        "refused": answer.refused,
        "candidates": answer.candidates,
        "strategy": answer.plan.strategy,
        "kind": answer.plan.kind,
        "models": answer.plan.roles,
        "plan": answer.plan.name,
        "chosen": answer.chosen,
        "elsewhere": answer.elsewhere,
        "latency_s": answer.latency_s,
        "trace_id": answer.trace_id,
    }


def headers_of(answer: Answer) -> dict[str, str]:
    """The price and the trace of an answer, for clients that look at headers alone."""
    told = {"x-outlay-trace-id": answer.trace_id}
    if answer.cost_nusd is not None:
        told["x-outlay-cost-usd"] = f"{answer.cost_nusd / 1e9:.9f}"
    return told


class Chunks:
    """The chunks of one streamed reply, in OpenAI's shape: the role first, the finish reasons and the account last.

    Finish reasons are held back until everything is settled, so that whoever has seen one has seen a whole reply.
    """

    def __init__(self, id: str, model: str, created_s: int):
        told = {"id": id, "object": "chat.completion.chunk", "created": created_s, "model": model}
        self._told, self._reply = told, {}
        self._head = self._headed({})
        self._last: dict[int, dict[str, Any]] = {}
        self._begun: set[int] = set()

    def delta(self, index: int, delta: Delta) -> bytes:
        """The chunk of one delta of a choice; empty where there is nothing to show yet."""
        piece: dict[str, Any] = {}
        beside: dict[str, Any] = {}
        if (beyond := delta.beyond) is not None:
            if beyond.reply and beyond.reply != self._reply:
                self._reply, self._head = beyond.reply, self._headed(beyond.reply)
            beside, piece = beyond.choice, dict(beyond.message)
            if delta.finish_reason:
                self._last[index] = beside
        if delta.text:
            piece["refusal" if delta.refusal else "content"] = delta.text
        if delta.reasoning:
            piece["reasoning_content"] = delta.reasoning
        if delta.tool_calls:
            piece["tool_calls"] = delta.tool_calls
        if not piece and not delta.logprobs:
            return b""
        logprobs = _logprobs(delta.logprobs) if delta.logprobs else None
        return self._chunk(index, piece, logprobs=logprobs, beside=beside)

    def text(self, index: int, text: str) -> bytes:
        """A chunk of text."""
        return self._chunk(index, {"content": text})

    def rest(self, index: int, drawn: Completion, *, shown: bool) -> bytes:
        """What of a whole completion was not shown yet: its tool calls, and its text unless that was `shown`."""
        message = _message(drawn)
        if shown:
            message = {"tool_calls": message["tool_calls"]} if "tool_calls" in message else {}
        for number, call in enumerate(message.get("tool_calls", ())):
            call["index"] = number
        return self._chunk(index, message) if message else b""

    def end(self, finished: Iterable[tuple[int, str]], answer: Answer, *, include_usage: bool) -> bytes:
        """The last chunks: a finish reason for each choice, then the usage if asked for; the last has the account."""
        told = {"usage": usage_of(answer.usage)} if include_usage else {}
        tail = b"]," + _encode({**told, "outlay": account_of(answer)})[1:] + b"\n\n"
        chunks = [
            self._chunk(index, {}, finish_reason=reason, beside=self._last.get(index))
            for index, reason in finished
        ]
        if include_usage:
            return b"".join(chunks) + self._head + tail
        return b"".join(chunks)[: -len(b"]}\n\n")] + tail

    def _chunk(
        self,
        index: int,
        piece: dict[str, Any],
        *,
        logprobs: Any = None,
        finish_reason: str | None = None,
        beside: dict[str, Any] | None = None,
    ) -> bytes:
        if index not in self._begun:
            self._begun.add(index)
            piece = {"role": "assistant", "content": "", **piece}
        told = {"index": index, "delta": piece, "logprobs": logprobs, "finish_reason": finish_reason}
        choice = {**beside, **told} if beside else told
        return self._head + _encode(choice) + b"]}\n\n"

    def _headed(self, more: dict[str, Any]) -> bytes:
        return b"data: " + _encode({**more, **self._told})[:-1] + b',"choices":['


def _choice(index: int, drawn: Completion, more: Beyond) -> dict[str, Any]:
    return {
        **more.choice,
        "index": index,
        "message": {**more.message, "role": "assistant", **_message(drawn)},
        "logprobs": None if drawn.logprobs is None else _logprobs(drawn.logprobs),
        "finish_reason": drawn.finish_reason,
    }


def _message(drawn: Completion) -> dict[str, Any]:
    """What the model wrote. A message of tool calls alone has no content; an empty text is one all the same."""
    silent = drawn.refusal or (drawn.tool_calls and not drawn.text)
    message: dict[str, Any] = {
        "content": None if silent else drawn.text,
        "refusal": drawn.text if drawn.refusal else None,
    }
    if drawn.reasoning:
        message["reasoning_content"] = drawn.reasoning
    if drawn.tool_calls:
        message["tool_calls"] = [dict(call) for call in drawn.tool_calls]
    return message


def _logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    return {
        "content": [
            {**_token(t.token, t.logp), "top_logprobs": [_token(token, logp) for token, logp in t.top]}
            for t in tokens
        ],
        "refusal": None,
    }


def _token(token: str, logp: float) -> dict[str, Any]:
    # A token that is a part of a character arrives as a replacement mark: its bytes are not known.
    return {"token": token, "logprob": logp, "bytes": None if "\ufffd" in token else list(token.encode())}
