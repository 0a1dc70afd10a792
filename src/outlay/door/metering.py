"""Deltas become completions and counted tokens: what was really received, choice by choice.

The order of trust is fixed: the usage that the stream carried; else the deltas counted by the model's own tokenizer,
if the model hides no reasoning (`counted`); else the bound that was reserved (`unreconciled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outlay.errors import BadReply
from outlay.models.provider import Card, Provider
from outlay.types import Completion, Delta, Request, TokenLogprob, Usage


class _Choice:
    __slots__ = (
        "finish_reason", "logprobs", "reasoning", "refusal", "stopped_by", "text", "tools", "usage"
    )  # fmt: skip

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.logprobs: list[TokenLogprob] = []
        self.tools: dict[int, dict[str, Any]] = {}
        self.finish_reason = ""
        self.usage: Usage | None = None
        self.refusal = False
        self.stopped_by: str | None = None

    @property
    def written(self) -> str:
        """Everything the model wrote: reasoning, text, and the names and arguments of tool calls."""
        calls = (f["function"].get("name", "") + f["function"]["arguments"] for f in self.tools.values())
        return "".join((*self.reasoning, *self.text, *calls))


class Tally:
    """Gathers the deltas of one request.

    Attributes:
        started: something came.
        ended: the reply came to its end by itself. What finished in a reply that was cut before its usage came is
            settled at its bound, and such a cost must not be served again from the call cache.
    """

    __slots__ = ("choices", "ended", "started", "usage")

    def __init__(self, n: int):
        self.choices = [_Choice() for _ in range(n)]
        self.usage: Usage | None = None
        self.started = self.ended = False

    def add(self, delta: Delta) -> None:
        """Take one delta in. Choices beyond those asked for are ignored: they were not bought."""
        self.started = True
        if delta.choice is None:
            self.usage = delta.usage or self.usage
            return
        if delta.choice >= len(self.choices):
            return
        choice = self.choices[delta.choice]
        if delta.text:
            choice.text.append(delta.text)
        if delta.reasoning:
            choice.reasoning.append(delta.reasoning)
        if delta.logprobs:
            choice.logprobs.extend(delta.logprobs)
        for fragment in delta.tool_calls:
            _join(choice.tools, fragment)
        if delta.finish_reason:
            choice.finish_reason = delta.finish_reason
        if delta.usage:
            choice.usage = delta.usage
        choice.refusal = choice.refusal or delta.refusal
        if delta.stopped_by is not None:
            choice.stopped_by = delta.stopped_by

    def broken_promise(self) -> BadReply | None:
        """The failure of a reply that ended without error but not with every choice asked for; else None."""
        whole = sum(bool(c.finish_reason) for c in self.choices)
        if whole == len(self.choices):
            return None
        return BadReply(f"the model brought {whole} of the {len(self.choices)} samples asked for", billed=True)

    async def measure(
        self, provider: Provider, request: Request, card: Card, bound: Usage
    ) -> tuple[Usage, str]:
        """What the request used in all, and the mark that says how it is known."""
        if self.usage is not None:
            return self.usage, ""
        told = [c.usage for c in self.choices if c.usage is not None]
        if len(told) == len(self.choices):
            return _together(told), ""
        if card.hides_reasoning:
            return bound, "unreconciled"
        counted = await self._count(provider, request, told)
        return (counted, "counted") if counted is not None else (bound, "unreconciled")

    async def _count(self, provider: Provider, request: Request, told: list[Usage]) -> Usage | None:
        input_tokens = told[0].input_tokens if told else await provider.count_input(request)
        output_tokens = sum(u.output_tokens for u in told)
        for choice in (c for c in self.choices if c.usage is None):
            count = len(choice.logprobs) or await provider.count_text(choice.written)
            if count is None:
                return None
            output_tokens += count
        return None if input_tokens is None else Usage(input_tokens, output_tokens)

    def completions(
        self, request: Request, total: Usage, *, batch: str, latency_s: float, mark: str
    ) -> list[Completion]:
        """The choices as completions, each with its share of the total."""
        outputs = self._outputs(total.output_tokens)
        return [
            Completion(
                text="".join(choice.text),
                finish_reason=choice.finish_reason or "cancelled",
                usage=self._usage_of(choice, total, output),
                sample=index,
                seed=request.seed,
                reasoning="".join(choice.reasoning),
                tool_calls=tuple(choice.tools[i] for i in sorted(choice.tools)),
                logprobs=tuple(choice.logprobs) if request.sampling.top_logprobs is not None else None,
                batch=batch,
                latency_s=latency_s,
                mark=mark,
                refusal=choice.refusal,
                stopped_by=choice.stopped_by,
            )
            for index, choice, output in zip(request.sample_indices, self.choices, outputs, strict=True)
        ]

    def _usage_of(self, choice: _Choice, total: Usage, output: int) -> Usage:
        if len(self.choices) == 1:
            return total
        return choice.usage or Usage(
            total.input_tokens, output, total.cache_read_tokens, total.cache_write_tokens
        )

    def _outputs(self, total: int) -> list[int]:
        """Output tokens of each choice; what only a total is known of is shared by length, to the exact sum."""
        if len(self.choices) == 1:
            return [total]
        if all(c.usage is not None for c in self.choices):
            return [c.usage.output_tokens for c in self.choices if c.usage is not None]
        sizes = [len(c.logprobs) or len(c.written) for c in self.choices]
        whole = sum(sizes)
        if whole == 0:
            sizes, whole = [1] * len(sizes), len(sizes)
        shares, before, taken = [], 0, 0
        for size in sizes:
            before += size
            upto = total * before // whole
            shares.append(upto - taken)
            taken = upto
        return shares


def _join(tools: dict[int, dict[str, Any]], fragment: dict[str, Any]) -> None:
    """Add a tool-call fragment: names come once, arguments in pieces."""
    call = tools.setdefault(
        fragment.get("index", len(tools)), {"type": "function", "function": {"arguments": ""}}
    )
    if fragment.get("id"):
        call["id"] = fragment["id"]
    function = fragment.get("function") or {}
    if function.get("name"):
        call["function"]["name"] = function["name"]
    call["function"]["arguments"] += function.get("arguments") or ""


def as_bought(hits: Sequence[Completion], *, prompts: int | None) -> list[Usage]:
    """Usage of completions from the call cache, by the purchase that each came in.

    Grouped so, their price rounds as it did when they were bought: an answer costs the same whether its samples are
    bought now or were bought before.

    Args:
        hits: completions in index order.
        prompts: how many of the purchases read the prompt, the latest ones first; None: every completion did.
    """
    if prompts is None:
        return [c.usage for c in hits]
    batches: dict[str, list[Usage]] = {}
    for completion in hits:
        batches.setdefault(completion.batch, []).append(completion.usage)
    without = len(batches) - prompts
    return [
        _together(parts) if number >= without else Usage(0, sum(p.output_tokens for p in parts))
        for number, parts in enumerate(batches.values())
    ]


def total(parts: Sequence[Usage]) -> Usage:
    """The sum of several purchases. A cache bucket or reasoning that nobody reported stays unknown."""
    return Usage(
        input_tokens=sum(p.input_tokens for p in parts),
        output_tokens=sum(p.output_tokens for p in parts),
        cache_read_tokens=_known([p.cache_read_tokens for p in parts]),
        cache_write_tokens=_known([p.cache_write_tokens for p in parts]),
        reasoning_tokens=_known([p.reasoning_tokens for p in parts]),
    )


def _together(parts: Sequence[Usage]) -> Usage:
    """Usage of a request whose choices were reported one by one: the prompt once, the outputs summed."""
    first = parts[0]
    return Usage(
        input_tokens=max(p.input_tokens for p in parts),
        output_tokens=sum(p.output_tokens for p in parts),
        cache_read_tokens=first.cache_read_tokens,
        cache_write_tokens=first.cache_write_tokens,
        reasoning_tokens=_known([p.reasoning_tokens for p in parts]),
    )


def _known(values: Sequence[int | None]) -> int | None:
    present = [v for v in values if v is not None]
    return sum(present) if present else None
