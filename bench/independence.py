"""Are a question's samples independent draws? 24 questions x 8 samples of a local model, permutation tests.

python bench/independence.py [--model NAME_OR_PATH] [--questions 24] [--samples 8] [--seed 1] [--one-seed]

Each question is one request for 8 choices with a seed of its own (a hash of run seed, question and role).
Tested: does the length of a sample, or its correctness, depend on its position among the 8? `--one-seed`
gives every question the same seed, which is what the tests are there to catch. Prints JSON: two p-values
(small: dependent).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

import numpy as np

from outlay import plugins
from outlay.door.bounds import seed_of
from outlay.models.local import local
from outlay.money import FREE
from outlay.prompts.answer_format import instruct
from outlay.stats.permutation import position_test
from outlay.tasks._item import CORRECT, Item
from outlay.tasks.chain_sum import chain_sum
from outlay.types import Request, Sampling

OUTPUT_TOKENS = 160
DRAWS = 10_000


async def sampled(provider: local, item: Item, seed: int, n: int) -> list[tuple[int, bool]]:
    """Output tokens and correctness of each of n choices, in their order."""
    question = instruct(item.question)
    request = Request(question.messages, OUTPUT_TOKENS, n=n, seed=seed, sampling=Sampling(temperature=0.7))
    texts, tokens = [""] * n, [0] * n
    async for delta in provider.stream(request):
        choice = delta.choice or 0
        texts[choice] += delta.text
        tokens[choice] = delta.usage.output_tokens if delta.usage else tokens[choice]
    kind = plugins.load("answer kind", item.question.kind or "text")
    return [
        (count, item.score(kind.extract(text), text) >= CORRECT)
        for count, text in zip(tokens, texts, strict=True)
    ]


async def measured(model: str, questions: int, samples: int, seed: int, one_seed: bool) -> dict[str, object]:
    provider = local(model, slots=samples, price=FREE)
    start = time.perf_counter()
    try:
        rows = []
        for item in chain_sum(questions, seed):
            drawn_seed = seed if one_seed else seed_of(seed, item.question.id, "default", "samples", 0)
            rows.append(await sampled(provider, item, drawn_seed, samples))
            print(f"{len(rows)} of {questions} questions", file=sys.stderr, flush=True)
    finally:
        await provider.close()
    length_QS, correct_QS = np.moveaxis(np.array(rows), 2, 0)
    return {
        "model": model,
        "questions": questions,
        "samples": samples,
        "seeds": "one for all questions" if one_seed else "one for each question",
        "p_length": round(position_test(length_QS, seed=seed, draws=DRAWS), 4),
        "p_correct": round(position_test(correct_QS, seed=seed, draws=DRAWS), 4),
        "accuracy": round(float(correct_QS.mean()), 3),
        "accuracy_by_position": [round(float(x), 3) for x in correct_QS.mean(axis=0)],
        "tokens_by_position": [round(float(x), 1) for x in length_QS.mean(axis=0)],
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one-seed", action="store_true")
    given = parser.parse_args()
    arguments = (given.model, given.questions, given.samples, given.seed, given.one_seed)
    print(json.dumps(asyncio.run(measured(*arguments)), indent=2))


if __name__ == "__main__":
    main()
