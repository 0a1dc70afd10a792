"""Replay of stored live runs with every model off: are the traces byte-identical and the answers equal?

    python bench/replay.py [--model local/smollm2-135m] [--questions 2] [--samples 4] [--seed 0]

Sums are asked under several strategies of the model (a scripted one unless given), into a throw-away ledger. The
models are closed; then a process of its own, without a model, a key or a home, reads every trace back from the
database file and runs it again. Prints JSON; exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

from outlay.answering import replay
from outlay.config import Config
from outlay.engine import Outlay
from outlay.models.provider import Provider
from outlay.models.scripted import scripted
from outlay.tasks.chain_sum import chain_sum
from outlay.types import Completion, Question, Request, Sampling, TokenLogprob, Usage

OUTPUT_TOKENS = 64
PLANS = (
    ("single", None),
    ("self_consistency:n={n}", None),
    ("adaptive:n={n}", None),
    ("sharpen:n={n}", None),
    ("best_of_n:n={n}", "judge"),
    ("best_of_majority:n={n}", "judge"),
    ("weighted_vote:n={n}", "generative"),
    ("first_accepted:n={n}", "judge"),
)
"""Strategies with the verifier they are asked with."""


def says(request: Request, index: int) -> Completion:
    """Sample `index` of the scripted model: answers that differ, with their tokens' log-probabilities."""
    words = f"Answer: {(index * 7 + (request.seed or 0)) % 4}".split()
    logprobs = tuple(TokenLogprob(word, -0.1 * (index + 1)) for word in words)
    wanted = request.sampling.top_logprobs is not None
    return Completion(" ".join(words), "stop", Usage(0, len(words)), logprobs=logprobs if wanted else None)


async def buy(ledger: Path, model: str, questions: int, samples: int, seed: int) -> int:
    """Buy every question under every plan; returns how many calls that took."""
    opened: str | Provider = scripted(says) if model == "scripted" else model
    calls = 0
    async with Outlay(opened, store=ledger, seed=seed, what="bench", config=Config()) as outlay:
        for item in chain_sum(questions, seed):
            asked = msgspec.structs.replace(item.question, sampling=Sampling(max_output_tokens=OUTPUT_TOKENS))
            for strategy, verifier in PLANS:
                calls += await _calls(outlay, asked, strategy.format(n=samples), verifier)
    return calls


async def _calls(outlay: Outlay, question: Question, strategy: str, verifier: str | None) -> int:
    answer = await outlay.ask(question, strategy=strategy, verifier=verifier)
    print(f"{question.id}, {strategy}: {answer.answer}, {answer.calls} calls", file=sys.stderr, flush=True)
    return answer.calls


async def replayed(ledger: Path) -> dict[str, object]:
    """Run every stored answer again from its trace alone."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        stored = db.execute("SELECT answer, trace FROM answers ORDER BY at_us, id").fetchall()
    start, same_traces, same_answers, trace_bytes = time.perf_counter(), 0, 0, 0
    for answer, trace in stored:
        again, new_trace = await replay(trace.encode())
        same_traces += new_trace == trace.encode()
        same_answers += msgspec.json.encode(again).decode() == answer
        trace_bytes += len(new_trace)
    return {
        "answers": len(stored),
        "identical_traces": same_traces,
        "equal_answers": same_answers,
        "trace_bytes": trace_bytes,
        "seconds": round(time.perf_counter() - start, 3),
    }


def in_another_process(ledger: Path) -> dict[str, object]:
    """`replayed` in a process that has no model: an empty home and no key."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "OUTLAY_"))}
    done = subprocess.run(
        [sys.executable, __file__, "--read", str(ledger)],
        env=kept | {"OUTLAY_HOME": str(ledger.parent / "empty")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> int:
    """Buy, close, replay, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--questions", type=int, default=2)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(asyncio.run(replayed(given.read))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "outlay.db"
        calls = asyncio.run(buy(ledger, given.model, given.questions, given.samples, given.seed))
        found = in_another_process(ledger)
    print(json.dumps({
        "model": given.model,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "plans": len(PLANS),
        "calls": calls,
        **found,
    }, indent=1))  # fmt: skip
    wanted = len(PLANS) * given.questions
    return int(not found["answers"] == found["identical_traces"] == found["equal_answers"] == wanted)


if __name__ == "__main__":
    sys.exit(main())
