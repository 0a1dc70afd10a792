"""How solved examples are best shown to a small model: not at all, as one block of data, or as turns.

python bench/examples.py [--questions 16] [--k 2] [--small PATH_OR_NAME] [--large PATH_OR_NAME]
    [--task 'chain_sum?min_terms=3&max_terms=3&min_digits=2&max_digits=3'] [--seed 77]

The large model solves 16 questions of another seed. The small one then answers each question four times in each way, at
temperature 0.7, with k of those solutions, right or wrong, as `cascade` would show them. Prints for each way the share
of right samples with an interval over questions, the share with an answer, how often the first three samples agree, and
the tokens that a sample writes and its prompt has.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from hints import hinted

from outlay import plugins
from outlay.framings._placing import before_question
from outlay.framings._solved import shown
from outlay.models.local import local
from outlay.prompts.answer_format import instruct
from outlay.prompts.demonstrations import examples
from outlay.tasks import CORRECT, Item, open_task
from outlay.types import Question, Request, Sampling, Usage

MODELS = Path.home() / ".cache/outlay-test-models"
TASK = "chain_sum?min_terms=3&max_terms=3&min_digits=2&max_digits=3"
SOLVED, SAMPLES, MAX_OUTPUT_TOKENS = 16, 4, 256
Found = list[list[dict[str, Any]]]
WAYS: dict[str, Callable[[Question, Found], Question]] = {
    "no examples": lambda question, found: question,
    "one block of data": lambda question, found: before_question(question, examples(found)),
    "turns": shown,
}


async def said(model: local, question: Question, n: int) -> tuple[list[str], list[Usage]]:
    """The texts of n samples, and what each used."""
    request = Request(instruct(question).messages, MAX_OUTPUT_TOKENS, n=n, sampling=Sampling(temperature=0.7))
    texts: defaultdict[int, str] = defaultdict(str)
    used: dict[int, Usage] = {}
    async with aclosing(model.stream(request)) as deltas:  # pyright: ignore[reportArgumentType]
        async for delta in deltas:
            if delta.usage is not None:
                used[delta.choice or 0] = delta.usage
            if delta.choice is not None:
                texts[delta.choice] += delta.text
    return [texts[i] for i in range(n)], list(used.values())


async def solved(model: local, item: Item) -> dict[str, Any]:
    """A solution as `cascade` keeps it."""
    question = hinted(item.question)
    ((text,), _) = await said(model, question, 1)
    answer = plugins.load("answer kind", question.kind or "text").extract(text)
    return {
        "goal": question.messages[-1]["content"],
        "plan": "",
        "observation": "",
        "reasoning": text,
        "action": str(answer),
    }


async def main(given: argparse.Namespace) -> None:
    small, large = local(given.small), local(given.large)
    before = open_task(given.task, questions=SOLVED, seed=given.seed + 1)
    kept = [one for item in before if (one := await solved(large, item))["action"] != "None"]
    await large.close()
    rng = random.Random(given.seed)
    results: dict[str, list[tuple[float, float, bool, float, int]]] = {way: [] for way in WAYS}
    for item in open_task(given.task, questions=given.questions, seed=given.seed):
        found: Found = [[one] for one in rng.sample(kept, given.k)]
        for way, showing in WAYS.items():
            texts, used = await said(small, showing(hinted(item.question), found), SAMPLES)
            extract = plugins.load("answer kind", item.question.kind or "text").extract
            answers = [extract(text) for text in texts]
            right = [item.score(a, t) >= CORRECT for a, t in zip(answers, texts, strict=True)]
            agree = answers[0] is not None and len({str(a) for a in answers[:3]}) == 1
            answered = sum(a is not None for a in answers)
            written = sum(one.output_tokens for one in used) / SAMPLES
            results[way].append(
                (sum(right) / SAMPLES, answered / SAMPLES, agree, written, used[0].input_tokens)
            )
        print(f"{item.question.id} done", file=sys.stderr, flush=True)
    await small.close()
    print("| examples | right (95 %) | with an answer | three agree | tokens a sample | tokens of the prompt |")
    print("|---|---|---|---|---|---|")
    for way, rows in results.items():
        right_Q = np.array([row[0] for row in rows])
        draws = np.random.default_rng(0).choice(right_Q, (4000, len(right_Q))).mean(axis=1)
        low, high = np.quantile(draws, (0.025, 0.975))
        rest = np.array([row[1:] for row in rows], dtype=float).mean(axis=0)
        print(
            f"| {way} | {right_Q.mean():.2f} ({low:.2f}–{high:.2f}) | {rest[0]:.2f} | {rest[1]:.2f} "
            f"| {rest[2]:.0f} | {rest[3]:.0f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--k", type=int, default=2)
    parser.add_argument("--task", default=TASK)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--small", default=MODELS / "qwen-0.5b.gguf")
    parser.add_argument("--large", default=MODELS / "qwen-1.5b.gguf")
    asyncio.run(main(parser.parse_args()))
