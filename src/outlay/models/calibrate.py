"""Turn the price of a core-hour into a price per token, by measuring a local model once."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from contextlib import aclosing

from outlay.errors import BadReply
from outlay.models.provider import Provider
from outlay.money import Price
from outlay.types import Request, Sampling

NUSD_PER_CORE_HOUR = 40_000_000
"""$0.04: about what a rented virtual core costs."""
OUTPUT_TOKENS = 16
"""Output tokens of each slot."""
PROMPT_WORDS = 12
"""Words that each slot reads, each with a number, none of them shared with another slot."""
WORDS = (
    "river",
    "stone",
    "cloud",
    "apple",
    "window",
    "engine",
    "paper",
    "garden",
    "silver",
    "copper",
    "letter",
)


def price(input_core_s: float, output_core_s: float, *, source: str = "", date: str = "") -> Price:
    """The price of a token that keeps cores busy for so long: core-seconds · $0.04 / 3600.

    A prompt token found in the cache costs nothing: no core works for it. What holding it costs is memory,
    which the price of a core-hour includes.

    Source: the price of busy hardware is `economics.idealized_runtime.cost_nusd`, of a million tokens.

    Args:
        input_core_s: core-seconds to read one prompt token, all slots busy.
        output_core_s: core-seconds to write one token, all slots busy.
        source: where these come from, in words.
        date: when, as YYYY-MM-DD.

    Example:
        >>> price(2 / 140, 2 / 47).output_nusd_per_mtok
        472813239
    """
    from outlay.economics.idealized_runtime import cost_nusd

    read_nusd, write_nusd = (
        cost_nusd(core_s * 1e6, accelerators=1, nusd_per_accelerator_hour=NUSD_PER_CORE_HOUR)
        for core_s in (input_core_s, output_core_s)
    )
    return Price(read_nusd, write_nusd, 0, source=source, date=date)


async def calibrate(provider: Provider, *, slots: int, cores: int, core_s: Callable[[], float]) -> Price:
    """The price of a local model, measured with all its slots busy.

    Two rounds, a few seconds together: every slot reads a prompt of its own and writes one token; then every
    slot writes on from one shared prompt, end of text ignored. What is counted is the processor time of the
    server, not the wall clock, so that a machine busy with other things does not freeze a price that is too
    high.

    Args:
        provider: the model, opened; its card is not asked for.
        slots: how many texts it writes at once.
        cores: how many cores it runs on, for the price's source.
        core_s: the processor time in seconds that its server has used so far.

    Raises:
        ProviderError: the model failed, or its server does not count.

    Cost: about 80 input and 20 output tokens a slot, in no ledger: outlay's own, once per machine and model.
    """
    # Whatever is done only once (pages of the file, the template) is no part of a token's price.
    await _drawn(provider, _prompt(0), 1, 1, core_s)
    before = core_s()
    read = await asyncio.gather(*(_drawn(provider, _prompt(i + 1), 1, 1, core_s) for i in range(slots)))
    input_core_s = (core_s() - before) / sum(tokens for tokens, _, _ in read)
    _, written, writing_core_s = await _drawn(provider, _prompt(0), slots, OUTPUT_TOKENS, core_s)
    # The first token of each slot was written before the first delta came.
    output_core_s = writing_core_s / (written - slots)
    used = f"{input_core_s * 1e3:.1f} core-ms an input token, {output_core_s * 1e3:.1f} an output token"
    source = f"measured: {used}, {slots} slots busy on {cores} cores, at $0.04 a core-hour"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return price(input_core_s, output_core_s, source=source, date=today)


async def _drawn(
    provider: Provider, prompt: str, n: int, output_tokens: int, core_s: Callable[[], float]
) -> tuple[int, int, float]:
    """Uncached prompt tokens, output tokens, and core-seconds from the first delta on, of one request."""
    request = Request(
        messages=({"role": "user", "content": prompt},),
        max_output_tokens=output_tokens,
        n=n,
        seed=1,
        sampling=Sampling(temperature=1.0, extra={"ignore_eos": True}),
    )
    before: float | None = None
    read = wrote = 0
    async with aclosing(provider.stream(request)) as deltas:  # pyright: ignore[reportArgumentType]
        async for delta in deltas:
            before = core_s() if before is None else before
            if delta.usage:
                read = delta.usage.input_tokens - (delta.usage.cache_read_tokens or 0)
                wrote = delta.usage.output_tokens + (0 if delta.choice is None else wrote)
    if before is None or wrote < n * output_tokens:
        raise BadReply("The local model wrote fewer tokens than asked for, so its price cannot be measured.")
    return read, wrote, core_s() - before


def _prompt(slot: int) -> str:
    """Words that begin differently for each slot, so that no two share more than the template."""
    return " ".join(f"{WORDS[(slot + i) % len(WORDS)]} {slot * 31 + i}" for i in range(PROMPT_WORDS))
