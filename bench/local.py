"""What n choices of one prompt cost on the local model, beside one choice: tokens read and time.

python bench/local.py [--model NAME_OR_PATH] [--runs 5] [--samples 8]

Alternating runs of one request with n = 1 and one with n = 8, each with a prompt of about 400 tokens that the
server has never read, 64 output tokens a sample with end of text ignored. Prompt tokens are the server's own
counter of tokens worked through (`llamacpp:prompt_tokens_total`); choices are counted by the model's own
tokenizer. Prints JSON. Aims: uncached prompt tokens at most 1.3 x one prompt, time at most 4 x one sample.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import time
from pathlib import Path

import aiohttp

from outlay.models.cores import cores
from outlay.models.local import local
from outlay.models.local_process import LocalProcess, lease, release
from outlay.money import FREE
from outlay.types import Request, Sampling

OUTPUT_TOKENS = 64
PROMPT_WORDS = 170
CONTEXT_TOKENS = 4096
SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve")


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {cores()} cores, load {os.getloadavg()[0]:.1f}"


def unread(run: int) -> str:
    """A prompt that shares nothing with another run's but the template."""
    rng = random.Random(f"prompt {run}")
    words = ("".join(rng.choices(SYLLABLES, k=2)) for _ in range(PROMPT_WORDS))
    return f"{rng.random()} What do these names have in common? " + " ".join(words)


async def prompt_tokens_read(process: LocalProcess) -> int:
    headers = {"Authorization": f"Bearer {process.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{process.url}/metrics") as reply,
    ):
        lines = (await reply.text()).splitlines()
    name = "llamacpp:prompt_tokens_total "
    return int(float(next(line for line in lines if line.startswith(name)).removeprefix(name)))


async def one(provider: local, process: LocalProcess, run: int, n: int) -> dict[str, float]:
    """Prompt tokens, tokens worked through, output tokens and seconds of one request."""
    sampling = Sampling(temperature=0.7, extra={"ignore_eos": True})
    request = Request(
        ({"role": "user", "content": unread(run)},), OUTPUT_TOKENS, n=n, seed=run, sampling=sampling
    )
    before = await prompt_tokens_read(process)
    texts = [""] * n
    reported = 0
    start = time.perf_counter()
    async for delta in provider.stream(request):
        texts[delta.choice or 0] += delta.text
        reported += delta.usage.output_tokens if delta.usage else 0
    seconds = time.perf_counter() - start
    return {
        "prompt_tokens": await provider.count_input(request) or 0,
        "read_tokens": await prompt_tokens_read(process) - before,
        "output_tokens": reported,
        "output_tokens_by_tokenizer": sum([await provider.count_text(text) or 0 for text in texts]),
        "seconds": seconds,
    }


async def measured(model: str, runs: int, samples: int) -> dict[str, object]:
    provider = local(model, slots=samples, context_tokens=CONTEXT_TOKENS, price=FREE)
    process = lease(provider.path, samples, CONTEXT_TOKENS, cores())
    try:
        await provider.count_text("starts the server")
        await one(provider, process, -1, 1)
        kept: dict[int, list[dict[str, float]]] = {1: [], samples: []}
        for run in range(runs):
            for n in kept:
                kept[n].append(await one(provider, process, 2 * run + (n > 1), n))
                print(f"run {run + 1} of {runs}, n = {n}: {kept[n][-1]}", file=sys.stderr, flush=True)
    finally:
        await provider.close()
        release(process)
    single, several = (
        {key: statistics.median(r[key] for r in rows) for key in rows[0]} for rows in kept.values()
    )
    return {
        "model": model,
        "machine": machine(),
        "runs": runs,
        "samples": samples,
        "one": single,
        "several": several,
        "uncached_prompt_ratio": round(several["read_tokens"] / several["prompt_tokens"], 3),
        "time_ratio": round(several["seconds"] / single["seconds"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=8)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measured(given.model, given.runs, given.samples)), indent=2))


if __name__ == "__main__":
    main()
